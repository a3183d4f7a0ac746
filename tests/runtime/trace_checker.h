/* SPDX-License-Identifier: MIT */
/* trace_checker.h - reads a trace, packet by packet, and holds it to what no trace may break: written
 * independently of what writes them, by the numbers of Perfetto's own .proto files.
 *
 *   - On a P one goroutine runs at a time, and a goroutine on one P at a time.
 *   - Whoever waits runs only after it was woken, and is woken only while it waits; whoever has ended
 *     does nothing any more; nobody is made twice. Where events were lost less is known.
 *   - A P is held by one thread at a time, and a thread does one thing at a time.
 *   - Every slice that begins ends, and so does every arrow, once, at the goroutine it set out for.
 *   - Time does not go back; every text and track was introduced before it is used.
 *
 * What does not hold fails the test.
 */
#ifndef GOR_TESTS_RUNTIME_TRACE_CHECKER_H
#define GOR_TESTS_RUNTIME_TRACE_CHECKER_H

#include <stdlib.h>

#include "runtime/gor.h"
#include "tests/runtime/wire_reader.h"

#define TRACE_UNUSED __attribute__((unused))

/* ---- tables, by number */

struct trace_entry {
    uint64_t key; /* 0: free */
    uint64_t value;
    uint64_t other;
    char text[96];
};

struct trace_table {
    struct trace_entry *entries;
    size_t room; /* a power of two */
    size_t count;
};

static struct trace_entry *trace_place(const struct trace_table *t, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (t->room - 1);
    while (t->entries[i].key != 0 && t->entries[i].key != key) {
        i = (i + 1) & (t->room - 1);
    }
    return &t->entries[i];
}

static struct trace_entry *trace_find(const struct trace_table *t, uint64_t key)
{
    struct trace_entry *entry = t->room > 0 ? trace_place(t, key) : NULL;
    return entry != NULL && entry->key != 0 ? entry : NULL;
}

static struct trace_entry *trace_get(struct trace_table *t, uint64_t key)
{
    CHECK(key != 0);
    if (2 * t->count >= t->room) {
        struct trace_table larger = {.room = t->room != 0 ? 2 * t->room : 256, .count = t->count};
        larger.entries = calloc(larger.room, sizeof *larger.entries);
        CHECK(larger.entries != NULL);
        for (size_t i = 0; i < t->room; i++) {
            if (t->entries[i].key != 0) {
                *trace_place(&larger, t->entries[i].key) = t->entries[i];
            }
        }
        free(t->entries);
        *t = larger;
    }
    struct trace_entry *entry = trace_place(t, key);
    t->count += entry->key == 0;
    entry->key = key;
    return entry;
}

/* ---- the trace */

enum trace_act { TRACE_UNKNOWN, TRACE_WAITS, TRACE_READY, TRACE_RUNS, TRACE_AWAY, TRACE_ENDED };
enum trace_track { TRACE_OTHER, TRACE_PROC, TRACE_THREAD, TRACE_WORLD };
enum { TRACE_BEGIN = 1, TRACE_END = 2, TRACE_INSTANT = 3, TRACE_COUNTER = 4 };

struct trace_checker {
    const uint8_t *bytes;
    size_t count;
    bool complete;                 /* no event was lost */
    struct trace_table tracks;     /* uuid: enum trace_track; depth of open slices; its name */
    struct trace_table texts[4];   /* of each use, by number */
    struct trace_table goroutines; /* id: enum trace_act; gaps when that was so */
    struct trace_table runs;       /* uuid of a P: who runs there */
    struct trace_table holds;      /* uuid of a thread: index of the P it holds, and 1 */
    struct trace_table holders;    /* index of a P, and 1: uuid of the thread that holds it */
    struct trace_table flows;      /* id: 1 open, 2 ended */
    uint64_t gaps;                 /* that have ended */
    uint64_t open_gaps;            /* on any track */
    uint64_t last_ns;
    size_t open_flows;
    size_t open_slices;
    /* What it saw. */
    size_t events;
    size_t runs_seen;
    size_t wakes_seen;
    size_t made_seen;
    size_t ended_seen;
    size_t unknown_seen;
};

/* An event, its texts looked up. */
struct trace_event {
    uint64_t kind;
    uint64_t track;
    const char *name;
    uint64_t goroutine; /* 0: none is named */
    const char *until;
    uint64_t flow_from;
    uint64_t flow_to;
};

enum trace_use { TRACE_CATEGORY, TRACE_NAME, TRACE_ARG_NAME, TRACE_ARG_TEXT };

static const char *trace_text(const struct trace_checker *c, enum trace_use use, uint64_t number)
{
    const struct trace_entry *entry = trace_find(&c->texts[use], number);
    CHECK(entry != NULL);
    return entry->text;
}

static void trace_copy(char *to, const struct wire_reader *field)
{
    size_t count = field->count < 95 ? field->count : 95;
    memcpy(to, field->bytes, count);
    to[count] = '\0';
}

static void trace_take_text(struct trace_checker *c, struct wire_reader message, enum trace_use use)
{
    uint64_t number = 0;
    char text[96] = "";
    while (wire_next(&message)) {
        if (message.field == 1) {
            number = message.value;
        } else if (message.field == 2) {
            trace_copy(text, &message);
        }
    }
    CHECK(trace_find(&c->texts[use], number) == NULL);
    memcpy(trace_get(&c->texts[use], number)->text, text, sizeof text);
}

/* interned_data.proto */
static void trace_take_texts(struct trace_checker *c, struct wire_reader data)
{
    while (wire_next(&data)) {
        enum trace_use use = data.field == 1   ? TRACE_CATEGORY
                             : data.field == 2 ? TRACE_NAME
                             : data.field == 3 ? TRACE_ARG_NAME
                                               : TRACE_ARG_TEXT;
        CHECK(use != TRACE_ARG_TEXT || data.field == 29);
        trace_take_text(c, wire_inside(&data), use);
    }
}

/* track_descriptor.proto */
static void trace_take_track(struct trace_checker *c, struct wire_reader track)
{
    uint64_t uuid = 0;
    uint64_t kind = TRACE_OTHER;
    char name[96] = "";
    while (wire_next(&track)) {
        if (track.field == 1) {
            uuid = track.value;
        } else if (track.field == 2) {
            trace_copy(name, &track);
        } else if (track.field == 4) {
            kind = TRACE_THREAD;
        } else if (track.field == 5) {
            CHECK(trace_find(&c->tracks, track.value) != NULL);
        }
    }
    if (strncmp(name, "P ", 2) == 0) {
        kind = TRACE_PROC;
    } else if (strcmp(name, "world") == 0) {
        kind = TRACE_WORLD;
    }
    CHECK(trace_find(&c->tracks, uuid) == NULL);
    struct trace_entry *entry = trace_get(&c->tracks, uuid);
    entry->value = kind;
    memcpy(entry->text, name, sizeof name);
}

/* debug_annotation.proto */
static void trace_take_arg(const struct trace_checker *c, struct wire_reader arg,
                           struct trace_event *event)
{
    const char *name = "";
    while (wire_next(&arg)) {
        if (arg.field == 1) {
            name = trace_text(c, TRACE_ARG_NAME, arg.value);
        } else if (arg.field == 3 && strcmp(name, "goroutine") == 0) {
            event->goroutine = arg.value;
        } else if (arg.field == 17 && strcmp(name, "until") == 0) {
            event->until = trace_text(c, TRACE_ARG_TEXT, arg.value);
        }
    }
}

/* track_event.proto */
static struct trace_event trace_read_event(const struct trace_checker *c,
                                           struct wire_reader message)
{
    struct trace_event event = {.name = ""};
    while (wire_next(&message)) {
        switch (message.field) {
        case 3:
            (void)trace_text(c, TRACE_CATEGORY, message.value);
            break;
        case 4:
            trace_take_arg(c, wire_inside(&message), &event);
            break;
        case 9:
            event.kind = message.value;
            break;
        case 10:
            event.name = trace_text(c, TRACE_NAME, message.value);
            break;
        case 11:
            event.track = message.value;
            break;
        case 47:
            event.flow_from = message.value;
            break;
        case 48:
            event.flow_to = message.value;
            break;
        default:
            break;
        }
    }
    return event;
}

/* ---- goroutines */

static enum trace_act trace_act_of(const struct trace_checker *c, const struct trace_entry *g)
{
    enum trace_act act = (enum trace_act)g->value;
    bool reliable =
        act == TRACE_RUNS || act == TRACE_ENDED || (c->open_gaps == 0 && g->other == c->gaps);
    return reliable ? act : TRACE_UNKNOWN;
}

static void trace_set_act(const struct trace_checker *c, struct trace_entry *g, enum trace_act act)
{
    g->value = act;
    g->other = c->gaps;
}

/* Whoever looks into it wants the trace: $GOR_TEST_TRACE is where it goes. */
static void trace_fail(const struct trace_checker *c, const struct trace_event *event,
                       const struct trace_entry *g)
{
    const char *path = getenv("GOR_TEST_TRACE");
    FILE *file = path != NULL ? fopen(path, "we") : NULL;
    if (file != NULL) {
        (void)fwrite(c->bytes, 1, c->count, file);
        (void)fclose(file);
    }
    test_fail(__FILE__, __LINE__, "\"%s\" of goroutine %llu, which is in state %d", event->name,
              (unsigned long long)event->goroutine, (int)g->value);
}

static enum trace_act trace_after(struct trace_checker *c, const char *until)
{
    if (strcmp(until, "ends") == 0) {
        c->ended_seen++;
        return TRACE_ENDED;
    }
    if (strcmp(until, "yields") == 0) {
        return TRACE_READY;
    }
    if (strncmp(until, "unknown", 7) == 0) {
        CHECK(!c->complete);
        c->unknown_seen++;
        return TRACE_UNKNOWN;
    }
    if (strcmp(until, "preempted") == 0 || strcmp(until, "blocks in foreign code") == 0 ||
        strcmp(until, "the world stops") == 0 || strcmp(until, "GOMAXPROCS is less") == 0) {
        return TRACE_AWAY;
    }
    return strncmp(until, "the ", 4) == 0 ? TRACE_UNKNOWN : TRACE_WAITS;
}

/* What is missing is a slice on the track where it is, a P's too. */
enum { TRACE_GAP = -1 };

static void trace_gap_begins(struct trace_checker *c, const struct trace_event *event)
{
    struct trace_entry *runs = trace_get(&c->runs, event->track);
    CHECK(!c->complete);
    CHECK_EQ(runs->value, 0);
    runs->value = (uint64_t)TRACE_GAP;
    c->open_gaps++;
}

static void trace_gap_ends(struct trace_checker *c, const struct trace_event *event)
{
    trace_get(&c->runs, event->track)->value = 0;
    c->open_gaps--;
    c->gaps++;
}

static void trace_run_begins(struct trace_checker *c, const struct trace_event *event)
{
    struct trace_entry *g = trace_get(&c->goroutines, event->goroutine);
    struct trace_entry *runs = trace_get(&c->runs, event->track);
    enum trace_act act = trace_act_of(c, g);
    CHECK_EQ(runs->value, 0);
    if (act == TRACE_RUNS || act == TRACE_ENDED || act == TRACE_WAITS) {
        trace_fail(c, event, g);
    }
    trace_set_act(c, g, TRACE_RUNS);
    runs->value = event->goroutine;
    c->runs_seen++;
}

static void trace_run_ends(struct trace_checker *c, const struct trace_event *event)
{
    struct trace_entry *runs = trace_get(&c->runs, event->track);
    CHECK(runs->value != 0);
    CHECK(event->until != NULL);
    trace_set_act(c, trace_get(&c->goroutines, runs->value), trace_after(c, event->until));
    runs->value = 0;
}

static void trace_made(struct trace_checker *c, const struct trace_event *event)
{
    struct trace_entry *g = trace_get(&c->goroutines, event->goroutine);
    if (g->value != TRACE_UNKNOWN) {
        trace_fail(c, event, g);
    }
    trace_set_act(c, g, TRACE_READY);
    c->made_seen++;
}

static void trace_woken(struct trace_checker *c, const struct trace_event *event)
{
    struct trace_entry *g = trace_get(&c->goroutines, event->goroutine);
    enum trace_act act = trace_act_of(c, g);
    if (act != TRACE_WAITS && act != TRACE_UNKNOWN) {
        trace_fail(c, event, g);
    }
    trace_set_act(c, g, TRACE_READY);
    c->wakes_seen++;
}

/* ---- threads */

static void trace_thread_begins(struct trace_checker *c, const struct trace_event *event)
{
    if (strncmp(event->name, "P ", 2) == 0) {
        uint64_t proc = strtoull(event->name + 2, NULL, 10) + 1;
        struct trace_entry *holder = trace_get(&c->holders, proc);
        CHECK_EQ(holder->value, 0);
        holder->value = event->track;
        trace_get(&c->holds, event->track)->value = proc;
    }
}

static void trace_thread_ends(struct trace_checker *c, const struct trace_event *event)
{
    struct trace_entry *holds = trace_get(&c->holds, event->track);
    if (holds->value != 0) {
        trace_get(&c->holders, holds->value)->value = 0;
        holds->value = 0;
    }
}

/* ---- events */

static void trace_take_flows(struct trace_checker *c, const struct trace_event *event)
{
    if (event->flow_to != 0) {
        struct trace_entry *flow = trace_find(&c->flows, event->flow_to);
        CHECK(flow != NULL);
        CHECK_EQ(flow->value, 1);
        CHECK_EQ(flow->other, event->goroutine);
        flow->value = 2;
        c->open_flows--;
    }
    if (event->flow_from != 0) {
        CHECK(trace_find(&c->flows, event->flow_from) == NULL);
        struct trace_entry *flow = trace_get(&c->flows, event->flow_from);
        flow->value = 1;
        flow->other = event->goroutine;
        c->open_flows++;
    }
}

static void trace_take_slice(struct trace_checker *c, struct trace_entry *track,
                             const struct trace_event *event)
{
    static const uint64_t deepest[] = {
        [TRACE_OTHER] = UINT64_MAX, [TRACE_PROC] = 1, [TRACE_THREAD] = 1, [TRACE_WORLD] = 2};
    bool begins = event->kind == TRACE_BEGIN;
    CHECK(begins || track->other > 0);
    track->other += begins ? 1 : UINT64_MAX;
    c->open_slices += begins ? 1 : SIZE_MAX;
    CHECK(track->other <= deepest[track->value]);
    if (begins && strcmp(event->name, "events were lost") == 0) {
        trace_gap_begins(c, event);
    } else if (trace_get(&c->runs, event->track)->value == (uint64_t)TRACE_GAP) {
        trace_gap_ends(c, event);
    } else if (track->value == TRACE_PROC && begins) {
        trace_run_begins(c, event);
    } else if (track->value == TRACE_PROC) {
        trace_run_ends(c, event);
    } else if (track->value == TRACE_THREAD && begins) {
        trace_thread_begins(c, event);
    } else if (track->value == TRACE_THREAD) {
        trace_thread_ends(c, event);
    }
}

static void trace_take_instant(struct trace_checker *c, const struct trace_event *event)
{
    if (strncmp(event->name, "makes goroutine ", 16) == 0) {
        trace_made(c, event);
    } else if (strncmp(event->name, "wakes goroutine ", 16) == 0) {
        trace_woken(c, event);
    }
}

static void trace_take_event(struct trace_checker *c, struct wire_reader message)
{
    struct trace_event event = trace_read_event(c, message);
    struct trace_entry *track = trace_find(&c->tracks, event.track);
    CHECK(track != NULL);
    c->events++;
    trace_take_flows(c, &event);
    if (event.kind == TRACE_BEGIN || event.kind == TRACE_END) {
        trace_take_slice(c, track, &event);
    } else if (event.kind == TRACE_INSTANT) {
        trace_take_instant(c, &event);
    } else {
        CHECK_EQ(event.kind, TRACE_COUNTER);
    }
}

/* trace_packet.proto; texts come behind the event that is the first to use them. */
static void trace_take_packet(struct trace_checker *c, struct wire_reader packet)
{
    struct wire_reader event = {.at = NULL};
    while (wire_next(&packet)) {
        switch (packet.field) {
        case 8:
            CHECK(packet.value >= c->last_ns);
            c->last_ns = packet.value;
            break;
        case 11:
            event = wire_inside(&packet);
            break;
        case 12:
            trace_take_texts(c, wire_inside(&packet));
            break;
        case 13:
            for (int i = 0; i < 4 && packet.value == 1; i++) {
                free(c->texts[i].entries);
                c->texts[i] = (struct trace_table){0};
            }
            break;
        case 60:
            trace_take_track(c, wire_inside(&packet));
            break;
        default:
            break;
        }
    }
    if (event.at != NULL) {
        trace_take_event(c, event);
    }
}

static void trace_checker_fini(struct trace_checker *c)
{
    struct trace_table *tables[] = {&c->tracks,   &c->texts[0],   &c->texts[1], &c->texts[2],
                                    &c->texts[3], &c->goroutines, &c->runs,     &c->holds,
                                    &c->holders,  &c->flows};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        free(tables[i]->entries);
        *tables[i] = (struct trace_table){0};
    }
}

/* Check the whole of it; what it saw is answered. `complete`: it says that nothing was lost. */
TRACE_UNUSED static struct trace_checker trace_check(const uint8_t *bytes, size_t count,
                                                     bool complete)
{
    struct trace_checker c = {.bytes = bytes, .count = count, .complete = complete};
    struct wire_reader trace = {.at = bytes, .end = bytes + count};
    while (wire_next(&trace)) {
        CHECK_EQ(trace.field, 1);
        trace_take_packet(&c, wire_inside(&trace));
    }
    CHECK_EQ(c.open_slices, 0);
    CHECK_EQ(c.open_flows, 0);
    trace_checker_fini(&c);
    return c;
}

#endif
