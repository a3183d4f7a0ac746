/* SPDX-License-Identifier: MIT */
/* perfetto.c - see perfetto.h. The numbers of the fields are those of Perfetto's .proto files, which
 * are named at each.
 *
 * One sequence of packets, and one table of texts for names of events, names of arguments, their values
 * and categories: what a text is for is part of its key, so that it has a number of its own for each.
 */
#include "runtime/debug/perfetto.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum {
    HAND_ON_BYTES = 256 << 10,
    TEXTS_MAX = 200000, /* then the reader is told to forget them, and so do we */
    TEXT_BYTES = 1000,  /* of one; longer ones are cut */
    SEQUENCE = 1,
    CLOCK_MONOTONIC_ID = 3, /* builtin_clock.proto */
    CLOCK_BOOTTIME_ID = 6,
    CLOCK_REALTIME_ID = 1,
    STATE_CLEARED = 1, /* TracePacket.SequenceFlags */
    NEEDS_STATE = 2,
    TYPE_COUNTER = 4, /* TrackEvent.Type */
    ORDER_EXPLICIT = 3,
};

/* trace_packet.proto, and Trace.packet */
enum {
    TRACE_PACKET = 1,
    PACKET_CLOCK_SNAPSHOT = 6,
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE_ID = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_INTERNED_DATA = 12,
    PACKET_SEQUENCE_FLAGS = 13,
    PACKET_DEFAULTS = 59,
    PACKET_TRACK_DESCRIPTOR = 60,
    DEFAULTS_CLOCK_ID = 58,
};

/* track_descriptor.proto, process_descriptor.proto, thread_descriptor.proto */
enum {
    TRACK_UUID = 1,
    TRACK_NAME = 2,
    TRACK_PROCESS = 3,
    TRACK_THREAD = 4,
    TRACK_PARENT = 5,
    TRACK_COUNTER = 8,
    TRACK_CHILD_ORDER = 11,
    TRACK_RANK = 12,
    PROCESS_PID = 1,
    PROCESS_NAME = 6,
    THREAD_PID = 1,
    THREAD_TID = 2,
    THREAD_NAME = 5,
};

/* track_event.proto, debug_annotation.proto */
enum {
    EVENT_CATEGORY = 3,
    EVENT_ARG = 4,
    EVENT_TYPE = 9,
    EVENT_NAME = 10,
    EVENT_TRACK = 11,
    EVENT_COUNTER_VALUE = 30,
    EVENT_FLOW = 47,
    EVENT_FLOW_END = 48,
    ARG_NAME = 1,
    ARG_NUMBER = 3,
    ARG_TEXT = 17,
};

/* interned_data.proto */
enum {
    INTERNED_CATEGORY = 1,
    INTERNED_EVENT_NAME = 2,
    INTERNED_ARG_NAME = 3,
    INTERNED_ARG_TEXT = 29,
    INTERNED_ID = 1,
    INTERNED_TEXT = 2,
};

/* clock_snapshot.proto */
enum { SNAPSHOT_CLOCK = 1, SNAPSHOT_PRIMARY = 2, CLOCK_ID = 1, CLOCK_TIME = 2 };

void gor__perfetto_init(struct gor__perfetto *to, gor_trace_write *write, void *arg)
{
    memset(to, 0, sizeof *to);
    to->write = write;
    to->arg = arg;
}

void gor__perfetto_fini(struct gor__perfetto *to)
{
    gor__wire_fini(&to->wire);
    gor__wire_fini(&to->interned);
    gor__interned_fini(&to->texts);
}

int gor__perfetto_flush(struct gor__perfetto *to)
{
    if (to->error == 0 &&
        !(gor__wire_ok(&to->wire) && gor__wire_ok(&to->interned) && gor__interned_ok(&to->texts))) {
        to->error = -ENOMEM;
    }
    if (to->error == 0 && to->wire.count > 0) {
        int result = to->write(to->arg, to->wire.bytes, to->wire.count);
        to->error = result < 0 ? result : 0;
        to->bytes += to->wire.count;
    }
    gor__wire_clear(&to->wire);
    return to->error;
}

/* ---- packets */

static void put_clock(struct gor__wire *w, clockid_t clock, uint64_t id)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    size_t message = gor__wire_open(w, SNAPSHOT_CLOCK);
    gor__wire_varint(w, CLOCK_ID, id);
    gor__wire_varint(w, CLOCK_TIME, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
    gor__wire_close(w, message);
}

/* The reader's state begins anew: it knows of no text, and that times are CLOCK_MONOTONIC's. */
static void clear_state(struct gor__perfetto *to)
{
    struct gor__wire *w = &to->wire;
    gor__interned_fini(&to->texts);
    memset(&to->texts, 0, sizeof to->texts);
    to->seen = 0;
    size_t packet = gor__wire_open(w, TRACE_PACKET);
    gor__wire_varint(w, PACKET_SEQUENCE_ID, SEQUENCE);
    gor__wire_varint(w, PACKET_SEQUENCE_FLAGS, STATE_CLEARED);
    size_t defaults = gor__wire_open(w, PACKET_DEFAULTS);
    gor__wire_varint(w, DEFAULTS_CLOCK_ID, CLOCK_MONOTONIC_ID);
    gor__wire_close(w, defaults);
    size_t clocks = gor__wire_open(w, PACKET_CLOCK_SNAPSHOT);
    put_clock(w, CLOCK_MONOTONIC, CLOCK_MONOTONIC_ID);
    put_clock(w, CLOCK_BOOTTIME, CLOCK_BOOTTIME_ID);
    put_clock(w, CLOCK_REALTIME, CLOCK_REALTIME_ID);
    gor__wire_varint(w, SNAPSHOT_PRIMARY, CLOCK_BOOTTIME_ID);
    gor__wire_close(w, clocks);
    gor__wire_close(w, packet);
}

static size_t open_packet(struct gor__perfetto *to)
{
    if (to->wire.count >= HAND_ON_BYTES) {
        (void)gor__perfetto_flush(to);
    }
    if (!to->begun || to->texts.count >= TEXTS_MAX) {
        to->begun = true;
        clear_state(to);
    }
    size_t packet = gor__wire_open(&to->wire, TRACE_PACKET);
    gor__wire_varint(&to->wire, PACKET_SEQUENCE_ID, SEQUENCE);
    return packet;
}

static size_t open_descriptor(struct gor__perfetto *to, uint64_t uuid, size_t *packet)
{
    *packet = open_packet(to);
    size_t descriptor = gor__wire_open(&to->wire, PACKET_TRACK_DESCRIPTOR);
    gor__wire_varint(&to->wire, TRACK_UUID, uuid);
    return descriptor;
}

static void close_descriptor(struct gor__perfetto *to, size_t descriptor, size_t packet)
{
    gor__wire_close(&to->wire, descriptor);
    gor__wire_close(&to->wire, packet);
}

/* ---- tracks */

void gor__perfetto_process(struct gor__perfetto *to, uint64_t uuid, int pid, const char *name)
{
    struct gor__wire *w = &to->wire;
    size_t packet = 0;
    size_t descriptor = open_descriptor(to, uuid, &packet);
    size_t process = gor__wire_open(w, TRACK_PROCESS);
    gor__wire_varint(w, PROCESS_PID, (uint64_t)pid);
    gor__wire_text(w, PROCESS_NAME, name);
    gor__wire_close(w, process);
    gor__wire_varint(w, TRACK_CHILD_ORDER, ORDER_EXPLICIT);
    close_descriptor(to, descriptor, packet);
}

void gor__perfetto_track(struct gor__perfetto *to, uint64_t uuid, uint64_t parent, int rank,
                         const char *name)
{
    struct gor__wire *w = &to->wire;
    size_t packet = 0;
    size_t descriptor = open_descriptor(to, uuid, &packet);
    gor__wire_text(w, TRACK_NAME, name);
    gor__wire_varint(w, TRACK_PARENT, parent);
    gor__wire_varint(w, TRACK_CHILD_ORDER, ORDER_EXPLICIT);
    gor__wire_varint(w, TRACK_RANK, (uint64_t)rank);
    close_descriptor(to, descriptor, packet);
}

void gor__perfetto_thread(struct gor__perfetto *to, uint64_t uuid, int pid, int tid,
                          const char *name)
{
    struct gor__wire *w = &to->wire;
    size_t packet = 0;
    size_t descriptor = open_descriptor(to, uuid, &packet);
    size_t thread = gor__wire_open(w, TRACK_THREAD);
    gor__wire_varint(w, THREAD_PID, (uint64_t)pid);
    gor__wire_varint(w, THREAD_TID, (uint64_t)tid);
    gor__wire_text(w, THREAD_NAME, name);
    gor__wire_close(w, thread);
    close_descriptor(to, descriptor, packet);
}

void gor__perfetto_counter(struct gor__perfetto *to, uint64_t uuid, uint64_t parent, int rank,
                           const char *name)
{
    struct gor__wire *w = &to->wire;
    size_t packet = 0;
    size_t descriptor = open_descriptor(to, uuid, &packet);
    gor__wire_text(w, TRACK_NAME, name);
    gor__wire_varint(w, TRACK_PARENT, parent);
    gor__wire_varint(w, TRACK_RANK, (uint64_t)rank);
    gor__wire_close(w, gor__wire_open(w, TRACK_COUNTER));
    close_descriptor(to, descriptor, packet);
}

/* ---- events */

/* The number of a text as `use`, a field of InternedData; introduced with the packet that is being
 * written if it is new. */
static uint64_t number_of(struct gor__perfetto *to, uint32_t use, const char *text)
{
    char key[1 + TEXT_BYTES];
    size_t bytes = strnlen(text, TEXT_BYTES);
    key[0] = (char)use;
    memcpy(key + 1, text, bytes);
    uint64_t id = (uint64_t)gor__intern(&to->texts, key, 1 + bytes) + 1;
    if (id > to->seen) {
        to->seen = id;
        size_t message = gor__wire_open(&to->interned, use);
        gor__wire_varint(&to->interned, INTERNED_ID, id);
        gor__wire_bytes(&to->interned, INTERNED_TEXT, text, bytes);
        gor__wire_close(&to->interned, message);
    }
    return id;
}

static void put_arg(struct gor__perfetto *to, const struct gor__perfetto_arg *arg)
{
    size_t message = gor__wire_open(&to->wire, EVENT_ARG);
    gor__wire_varint(&to->wire, ARG_NAME, number_of(to, INTERNED_ARG_NAME, arg->name));
    if (arg->text != NULL) {
        gor__wire_varint(&to->wire, ARG_TEXT, number_of(to, INTERNED_ARG_TEXT, arg->text));
    } else {
        gor__wire_varint(&to->wire, ARG_NUMBER, arg->number);
    }
    gor__wire_close(&to->wire, message);
}

static size_t open_timed(struct gor__perfetto *to, int64_t ns)
{
    size_t packet = open_packet(to);
    to->last_ns = ns > to->last_ns ? ns : to->last_ns;
    gor__wire_varint(&to->wire, PACKET_TIMESTAMP, (uint64_t)to->last_ns);
    gor__wire_varint(&to->wire, PACKET_SEQUENCE_FLAGS, NEEDS_STATE);
    return packet;
}

static void put_event(struct gor__perfetto *to, const struct gor__perfetto_event *event)
{
    struct gor__wire *w = &to->wire;
    gor__wire_varint(w, EVENT_TYPE, event->kind);
    gor__wire_varint(w, EVENT_TRACK, event->track);
    if (event->category != NULL) {
        gor__wire_varint(w, EVENT_CATEGORY, number_of(to, INTERNED_CATEGORY, event->category));
    }
    if (event->name != NULL) {
        gor__wire_varint(w, EVENT_NAME, number_of(to, INTERNED_EVENT_NAME, event->name));
    }
    if (event->flow_from != 0) {
        gor__wire_fixed64(w, EVENT_FLOW, event->flow_from);
    }
    if (event->flow_to != 0) {
        gor__wire_fixed64(w, EVENT_FLOW_END, event->flow_to);
    }
    for (size_t i = 0; i < event->arg_count; i++) {
        put_arg(to, &event->args[i]);
    }
}

void gor__perfetto_event(struct gor__perfetto *to, const struct gor__perfetto_event *event)
{
    struct gor__wire *w = &to->wire;
    size_t packet = open_timed(to, event->ns);
    size_t message = gor__wire_open(w, PACKET_TRACK_EVENT);
    gor__wire_clear(&to->interned);
    put_event(to, event);
    gor__wire_close(w, message);
    if (!gor__wire_ok(&to->interned)) {
        to->error = -ENOMEM;
    }
    if (to->interned.count > 0) {
        gor__wire_bytes(w, PACKET_INTERNED_DATA, to->interned.bytes, to->interned.count);
    }
    gor__wire_close(w, packet);
}

void gor__perfetto_count(struct gor__perfetto *to, int64_t ns, uint64_t track, int64_t value)
{
    struct gor__wire *w = &to->wire;
    size_t packet = open_timed(to, ns);
    size_t message = gor__wire_open(w, PACKET_TRACK_EVENT);
    gor__wire_varint(w, EVENT_TYPE, TYPE_COUNTER);
    gor__wire_varint(w, EVENT_TRACK, track);
    gor__wire_varint(w, EVENT_COUNTER_VALUE, (uint64_t)value);
    gor__wire_close(w, message);
    gor__wire_close(w, packet);
}
