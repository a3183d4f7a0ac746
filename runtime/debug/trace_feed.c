/* SPDX-License-Identifier: MIT */
/* trace_feed.c - see trace_feed.h. */
#include "runtime/debug/trace_feed.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/sched/sched.h"

enum {
    CHUNK = 4096, /* records copied at a time */
    GAP_RECORDS = 2,
};

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
        uint64_t head = gor__trace_ring_head(ring);
        uint64_t size = gor__trace_ring_size(ring);
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

static enum gor__trace_event event_of(const struct gor__trace_record *record)
{
    return (enum gor__trace_event)(record->what & ((1 << GOR__TRACE_EVENT_BITS) - 1));
}

/* Room for CHUNK more, each with a READY that was left out, and a gap behind those that are held. */
static bool make_room(struct gor__feed_source *s)
{
    if (s->first > 0) {
        memmove(s->held, s->held + s->first, s->count * sizeof *s->held);
        s->first = 0;
    }
    if (s->room - s->count >= 2 * CHUNK + GAP_RECORDS) {
        return true;
    }
    size_t room = s->room != 0 ? 2 * s->room : (size_t)4 * CHUNK;
    struct gor__trace_record *held = realloc(s->held, room * sizeof *held);
    if (held == NULL) {
        return false;
    }
    s->held = held;
    s->room = room;
    return true;
}

/* A gap before the `count` records that were copied last, if there is one; without what is left of a
 * text whose beginning is lost, for that has no time. How many there are then. */
static size_t mark_gap(struct gor__feed_source *s, struct gor__trace_record *got, size_t count)
{
    size_t orphans = 0;
    while (s->lost > 0 && orphans < count && event_of(&got[orphans]) == GOR__TRACE_TEXT) {
        orphans++;
    }
    count -= orphans;
    if (s->lost == 0 || count == 0) {
        return count;
    }
    uint64_t ends = got[orphans].ticks;
    memmove(got + GAP_RECORDS, got + orphans, count * sizeof *got);
    got[0] = (struct gor__trace_record){.ticks = s->last_ticks,
                                        .what = gor__trace_what(GOR__TRACE_GAP, s->lost)};
    got[1] =
        (struct gor__trace_record){.ticks = ends, .what = gor__trace_what(GOR__TRACE_GAP_ENDS, 0)};
    s->lost = 0;
    return count + GAP_RECORDS;
}

static bool leaves_ready_out(const struct gor__trace_record *record)
{
    const uint64_t woken = gor__trace_what(0, GOR__TRACE_WOKEN);
    return event_of(record) == GOR__TRACE_SWITCHED && (record->what & woken) != 0;
}

/* The wake-up that the record of a switch stands for, too; at `ticks`, when its waker began to run. */
static struct gor__trace_record ready_before(const struct gor__trace_record *switched,
                                             uint64_t ticks)
{
    uint64_t turn = switched->what >> GOR__TRACE_EVENT_BITS >> GOR__TRACE_TURN_AT;
    uint64_t a = GOR__TRACE_BY_GOROUTINE | GOR__TRACE_UNTIMED | turn << GOR__TRACE_TURN_AT;
    return (struct gor__trace_record){
        .ticks = ticks, .id = switched->id, .what = gor__trace_what(GOR__TRACE_READY, a)};
}

/* Put what was left out back where it belongs among the `count` records that were copied last; how many
 * there are then. From the end on, so that none is overwritten before it was moved. */
static size_t put_back(const struct gor__feed_source *s, struct gor__trace_record *got,
                       size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += leaves_ready_out(&got[i]);
    }
    size_t total = count + missing;
    for (size_t i = count; missing > 0; i--) {
        struct gor__trace_record record = got[i - 1];
        got[i - 1 + missing] = record;
        if (leaves_ready_out(&record)) {
            uint64_t before = i > 1 ? got[i - 2].ticks : s->lost == 0 ? s->last_ticks : 0;
            missing--;
            got[i - 1 + missing] = ready_before(&record, before != 0 ? before : record.ticks);
        }
    }
    return total;
}

static void note_last(struct gor__feed_source *s)
{
    for (size_t i = s->count; i > 0; i--) {
        const struct gor__trace_record *record = &s->held[s->first + i - 1];
        if (event_of(record) != GOR__TRACE_TEXT) {
            s->last_ticks = record->ticks;
            return;
        }
    }
}

/* No further than to what is there now, or a busy one would never let the others have a turn. */
static size_t fill_one(struct gor__feed *feed, struct gor__feed_source *s,
                       const struct gor__trace_ring *ring)
{
    uint64_t first = s->from;
    uint64_t end = gor__trace_ring_head(ring);
    s->old = s->known;
    s->known = s->count;
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
        got = put_back(s, at, got);
        s->count += mark_gap(s, at, got);
        note_last(s);
    }
    return (size_t)(s->from - first);
}

/* UINT64_MAX: there is none that has a time. */
static uint64_t first_ticks(const struct gor__feed_source *s)
{
    for (size_t i = s->first; i < s->first + s->count; i++) {
        if (s->held[i].ticks != 0 && event_of(&s->held[i]) != GOR__TRACE_TEXT) {
            return s->held[i].ticks;
        }
    }
    return UINT64_MAX;
}

/* Gaps before the first record of all are as old as the oldest one that is there. */
static void date_first_gaps(struct gor__feed *feed)
{
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i = next_source(i)) {
        uint64_t first = first_ticks(&feed->sources[i]);
        oldest = first < oldest ? first : oldest;
    }
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i = next_source(i)) {
        struct gor__feed_source *s = &feed->sources[i];
        if (s->count > 0 && event_of(&s->held[s->first]) == GOR__TRACE_GAP &&
            s->held[s->first].ticks == 0) {
            s->held[s->first].ticks = oldest;
        }
    }
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
    date_first_gaps(feed);
    return most;
}

static void drop_first(struct gor__feed_source *s)
{
    s->first++;
    s->count--;
    s->known -= s->known > 0;
    s->old -= s->old > 0;
}

/* What is left of a text whose beginning was overwritten. */
static void skip_orphans(struct gor__feed_source *s)
{
    while (s->count > 0 && event_of(&s->held[s->first]) == GOR__TRACE_TEXT) {
        drop_first(s);
    }
}

/* A record that is the next one of its source. */
struct place {
    uint64_t ticks;
    uint32_t source;
};

static bool comes_before(struct place a, struct place b)
{
    return a.ticks < b.ticks || (a.ticks == b.ticks && a.source < b.source);
}

/* The oldest that comes after `than`, or the oldest of all if that is NULL; false: there is none before
 * `before` ticks. */
static bool find_oldest(struct gor__feed *feed, uint64_t before, const struct place *than,
                        struct place *out_place)
{
    struct place best = {before, 0};
    bool found = false;
    for (uint32_t i = 0; i <= GOR__FEED_COMMON; i = next_source(i)) {
        struct gor__feed_source *s = &feed->sources[i];
        skip_orphans(s);
        struct place next = {s->count > 0 ? s->held[s->first].ticks : UINT64_MAX, i};
        if (comes_before(next, best) && (than == NULL || comes_before(*than, next))) {
            best = next;
            found = true;
        }
    }
    if (found) {
        *out_place = best;
    }
    return found;
}

static void read_item(const struct gor__feed *feed, uint32_t source,
                      struct gor__feed_item *out_item)
{
    const struct gor__feed_source *s = &feed->sources[source];
    const struct gor__trace_record *record = &s->held[s->first];
    out_item->source = source;
    out_item->event = event_of(record);
    out_item->ticks = record->ticks;
    out_item->id = record->id;
    out_item->a = record->what >> GOR__TRACE_EVENT_BITS;
    out_item->b = record->b;
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
        drop_first(s);
    }
    item->text[done < bytes ? done : bytes] = '\0';
}

static void take(struct gor__feed *feed, struct gor__feed_item *item)
{
    struct gor__feed_source *s = &feed->sources[item->source];
    drop_first(s);
    feed->events += item->event != GOR__TRACE_GAP && item->event != GOR__TRACE_GAP_ENDS;
    if (has_text(item->event)) {
        take_text(s, item);
    }
}

/* The oldest that is due, or else the oldest that has waited in vain. */
static bool choose(struct gor__feed *feed, uint64_t before, gor__feed_due *due, void *arg,
                   struct gor__feed_item *out_item)
{
    struct place place;
    bool found = find_oldest(feed, before, NULL, &place);
    while (found) {
        read_item(feed, place.source, out_item);
        if (due(arg, out_item)) {
            return true;
        }
        struct place than = place;
        found = find_oldest(feed, before, &than, &place);
    }
    found = find_oldest(feed, before, NULL, &place);
    while (found && feed->sources[place.source].old == 0) {
        struct place than = place;
        found = find_oldest(feed, before, &than, &place);
    }
    if (found) {
        read_item(feed, place.source, out_item);
        feed->forced++;
    }
    return found;
}

bool gor__feed_next(struct gor__feed *feed, uint64_t before, gor__feed_due *due, void *arg,
                    struct gor__feed_item *out_item)
{
    if (!choose(feed, before, due, arg, out_item)) {
        return false;
    }
    take(feed, out_item);
    return true;
}
