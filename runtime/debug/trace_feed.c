/* SPDX-License-Identifier: MIT */
/* trace_feed.c - see trace_feed.h. */
#include "runtime/debug/trace_feed.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/sched/sched.h"

enum { CHUNK = 4096 }; /* records copied at a time */

static const struct gor__trace_ring *ring_of(uint32_t source)
{
    return source == GOR__FEED_COMMON ? &gor__trace_common : &gor__sched.procs[source]->trace;
}

/* Sources in use: those of the Ps there are, and the common one. */
static uint32_t next_source(uint32_t source)
{
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    return source + 1 < procs || source == GOR__FEED_COMMON ? source + 1 : GOR__FEED_COMMON;
}

void gor__feed_open(struct gor__feed *feed, bool oldest)
{
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i = next_source(i)) {
        const struct gor__trace_ring *ring = ring_of(i);
        uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
        uint64_t size = ring->mask + 1;
        feed->sources[i].from = !oldest ? head : head > size ? head - size : 0;
    }
}

void gor__feed_close(struct gor__feed *feed)
{
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i++) {
        free(feed->sources[i].held);
    }
    memset(feed, 0, sizeof *feed);
}

/* Room for CHUNK more and one behind those that are held. */
static bool make_room(struct gor__feed_source *s)
{
    if (s->first > 0) {
        memmove(s->held, s->held + s->first, s->count * sizeof *s->held);
        s->first = 0;
    }
    if (s->room - s->count > CHUNK) {
        return true;
    }
    size_t room = s->room != 0 ? 2 * s->room : (size_t)2 * CHUNK;
    struct gor__trace_record *held = realloc(s->held, room * sizeof *held);
    if (held == NULL) {
        return false;
    }
    s->held = held;
    s->room = room;
    return true;
}

/* A GAP before the `got` records that were copied last, where the gap is. */
static size_t mark_gap(struct gor__feed_source *s, struct gor__trace_record *got, size_t count)
{
    if (s->lost == 0 || count == 0) {
        return count;
    }
    memmove(got + 1, got, count * sizeof *got);
    got[0] =
        (struct gor__trace_record){got[1].ticks, gor__trace_what(GOR__TRACE_GAP, 0), s->lost, 0};
    s->lost = 0;
    return count + 1;
}

/* No further than to what is there now, or a busy one would never let the others have a turn. */
static size_t fill_one(struct gor__feed *feed, struct gor__feed_source *s,
                       const struct gor__trace_ring *ring)
{
    uint64_t first = s->from;
    uint64_t end = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    while (s->from < end) {
        uint64_t lost = 0;
        if (!make_room(s)) {
            feed->failed = true;
            break;
        }
        struct gor__trace_record *at = s->held + s->count;
        size_t got = gor__trace_ring_read(ring, &s->from, at, CHUNK, &lost);
        s->lost += lost;
        feed->lost += lost;
        s->count += mark_gap(s, at, got);
    }
    return (size_t)(s->from - first);
}

size_t gor__feed_fill(struct gor__feed *feed)
{
    size_t most = 0;
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i = next_source(i)) {
        const struct gor__trace_ring *ring = ring_of(i);
        if (ring->records != NULL && ring->records != gor__trace_nowhere) {
            size_t got = fill_one(feed, &feed->sources[i], ring);
            most = got > most ? got : most;
        }
    }
    return most;
}

static enum gor__trace_event event_of(const struct gor__trace_record *record)
{
    return (enum gor__trace_event)(record->what & ((1 << GOR__TRACE_EVENT_BITS) - 1));
}

/* What is left of a text whose beginning was overwritten. */
static void skip_orphans(struct gor__feed_source *s)
{
    while (s->count > 0 && event_of(&s->held[s->first]) == GOR__TRACE_TEXT) {
        s->first++;
        s->count--;
    }
}

/* The source whose next record is the oldest; GOR__FEED_COMMON + 1: none has one. */
static uint32_t oldest_source(struct gor__feed *feed)
{
    uint32_t best = GOR__FEED_COMMON + 1;
    uint64_t ticks = UINT64_MAX;
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i = next_source(i)) {
        struct gor__feed_source *s = &feed->sources[i];
        skip_orphans(s);
        if (s->count > 0 && s->held[s->first].ticks < ticks) {
            best = i;
            ticks = s->held[s->first].ticks;
        }
    }
    return best;
}

static bool has_text(enum gor__trace_event event)
{
    return event == GOR__TRACE_NAMED || event == GOR__TRACE_LOG || event == GOR__TRACE_REGION_BEGAN;
}

static void take_text(struct gor__feed_source *s, struct gor__feed_item *item)
{
    size_t bytes = item->a < GOR__TRACE_TEXT_MAX ? (size_t)item->a : GOR__TRACE_TEXT_MAX;
    size_t done = 0;
    while (done < bytes && s->count > 0 && event_of(&s->held[s->first]) == GOR__TRACE_TEXT) {
        gor__trace_unpack(&s->held[s->first], item->text + done);
        done += GOR__TRACE_TEXT_BYTES;
        s->first++;
        s->count--;
    }
    item->text[done < bytes ? done : bytes] = '\0';
}

bool gor__feed_next(struct gor__feed *feed, uint64_t before, struct gor__feed_item *out_item)
{
    uint32_t source = oldest_source(feed);
    if (source > GOR__FEED_COMMON) {
        return false;
    }
    struct gor__feed_source *s = &feed->sources[source];
    const struct gor__trace_record *record = &s->held[s->first];
    if (record->ticks >= before) {
        return false;
    }
    out_item->source = source;
    out_item->event = event_of(record);
    out_item->ticks = record->ticks;
    out_item->id = record->id;
    out_item->a = record->what >> GOR__TRACE_EVENT_BITS;
    out_item->b = record->b;
    s->first++;
    s->count--;
    feed->events += out_item->event != GOR__TRACE_GAP;
    if (has_text(out_item->event)) {
        take_text(s, out_item);
    }
    return true;
}
