/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h.
 *
 * Fires are walked through one by one, for only so is known how many there were. An entry for every
 * second has 31 million of them in a year: behind LOOK_MOST the walk goes on an hour before now.
 */
#include "daemon/cron/plan.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

enum { SECOND_NS = 1000000000, LOOK_MOST = 10000, LOOK_AGAIN_S = 3600 };

/* ------------------------------------------------------------------ jitter */

uint64_t gord_cron_hash(const char *text)
{
    return hash_fnv1a64(HASH_FNV1A64_BASIS, text, strlen(text));
}

/* Spreads bits that differ little over all of them (the finalizer of splitmix64). */
static uint64_t mix(uint64_t bits)
{
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebU;
    return bits ^ bits >> 31;
}

int64_t gord_cron_due_ns(const struct gord_cron_entry *entry, int64_t at_s)
{
    int64_t due = at_s * SECOND_NS;

    if (entry->jitter_ns != 0) {
        due += (int64_t)(mix(entry->seed ^ mix((uint64_t)at_s)) % (uint64_t)(entry->jitter_ns + 1));
    }
    return due;
}

/* ------------------------------------------------------------------ fires */

int gord_cron_entry_next(const struct gord_cron_entry *entry, int64_t after_s, int64_t *out_at_s)
{
    int64_t at;

    if (after_s < entry->start_s - 1) {
        after_s = entry->start_s - 1;
    }
    int result = gord_cron_next(&entry->rule, after_s, &at);
    if (result == 0 && at > (entry->end_s != 0 ? entry->end_s : GORD_CRON_END_S)) {
        result = -ENOENT;
    }
    if (result == 0) {
        *out_at_s = at;
    }
    return result;
}

/* The latest fires that are due, as a ring. */
struct due {
    int64_t fires_s[GORD_CRON_FIRES_MOST];
    uint64_t count; /* all that were put in */
};

/* Answers the last one. */
static int64_t collect(const struct gord_cron_entry *entry, int64_t covered_s, int64_t now_ns,
                       struct due *due)
{
    int64_t at = covered_s;
    int64_t next;

    while (gord_cron_entry_next(entry, at, &next) == 0 && gord_cron_due_ns(entry, next) <= now_ns) {
        due->fires_s[due->count++ % GORD_CRON_FIRES_MOST] = at = next;
        if (due->count == LOOK_MOST && at < now_ns / SECOND_NS - LOOK_AGAIN_S) {
            at = now_ns / SECOND_NS - LOOK_AGAIN_S;
        }
    }
    return at;
}

/* Is a missed one made up for? `left` are due after it. */
static bool is_made_up(enum gord_cron_missed missed, size_t left)
{
    return missed == GORD_CRON_MISSED_ALL || (missed == GORD_CRON_MISSED_ONCE && left == 0);
}

void gord_cron_plan(const struct gord_cron_entry *entry, int64_t covered_s, int64_t now_ns,
                    struct gord_cron_plan *out_plan)
{
    struct due due = {.count = 0};

    if (covered_s > now_ns / SECOND_NS + GORD_CRON_BACK_S) {
        covered_s = now_ns / SECOND_NS;
    }
    out_plan->covered_s = collect(entry, covered_s, now_ns, &due);
    out_plan->count = 0;
    size_t kept = due.count < GORD_CRON_FIRES_MOST ? (size_t)due.count : GORD_CRON_FIRES_MOST;
    for (size_t left = kept; left-- > 0;) {
        int64_t at = due.fires_s[(due.count - 1 - left) % GORD_CRON_FIRES_MOST];
        bool late = gord_cron_due_ns(entry, at) < now_ns - (int64_t)GORD_CRON_LATE_S * SECOND_NS;
        if (!late || is_made_up(entry->missed, left)) {
            out_plan->fires_s[out_plan->count++] = at;
        }
    }
    out_plan->missed = due.count - out_plan->count;
}
