/* SPDX-License-Identifier: MIT */
/* timeline.c - see timeline.h. */
#include "daemon/job/timeline.h"

#define MARK_NS 1000000000 /* between two marks, at least */

/* Every second one goes, so that the past gets coarser as it gets longer. */
static void thin_out(struct gord_timeline *timeline)
{
    size_t kept = 0;
    for (size_t i = 0; i < timeline->count; i += 2) {
        timeline->marks[kept] = timeline->marks[i];
        timeline->marks[kept++].coarse = true;
    }
    timeline->count = kept;
}

void gord_timeline_add(struct gord_timeline *timeline, uint64_t seq, int64_t at_ns)
{
    if (seq <= timeline->latest.seq || at_ns < timeline->latest.at_ns) {
        return;
    }
    timeline->latest = (struct gord_mark){seq, at_ns, false};
    if (timeline->count > 0 && at_ns - timeline->marks[timeline->count - 1].at_ns < MARK_NS) {
        return;
    }
    if (timeline->count == GORD_TIMELINE_MARKS) {
        thin_out(timeline);
    }
    timeline->marks[timeline->count++] = timeline->latest;
}

/* The first mark beyond seq. */
static size_t find_beyond(const struct gord_timeline *timeline, uint64_t seq)
{
    size_t low = 0, high = timeline->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (timeline->marks[middle].seq <= seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* On the straight line from one to the other. */
static int64_t between(struct gord_mark from, struct gord_mark to, uint64_t seq)
{
    double share = (double)(seq - from.seq) / (double)(to.seq - from.seq);
    return from.at_ns + (int64_t)(share * (double)(to.at_ns - from.at_ns));
}

int64_t gord_timeline_place(const struct gord_timeline *timeline, uint64_t seq)
{
    size_t beyond = find_beyond(timeline, seq);
    if (beyond == 0) {
        return timeline->count > 0 ? timeline->marks[0].at_ns : timeline->latest.at_ns;
    }
    struct gord_mark from = timeline->marks[beyond - 1];
    if (from.coarse && beyond < timeline->count) {
        return between(from, timeline->marks[beyond], seq);
    }
    uint64_t room = MARK_NS - 1; /* to the next mark, which may have to come yet */
    return from.at_ns + (int64_t)(seq - from.seq < room ? seq - from.seq : room);
}

int64_t gord_timeline_at(const struct gord_timeline *timeline, uint64_t seq)
{
    if (seq >= timeline->latest.seq || timeline->count == 0) {
        return timeline->latest.at_ns;
    }
    size_t low = find_beyond(timeline, seq);
    if (low == 0) {
        return timeline->marks[0].at_ns;
    }
    return between(timeline->marks[low - 1],
                   low < timeline->count ? timeline->marks[low] : timeline->latest, seq);
}
