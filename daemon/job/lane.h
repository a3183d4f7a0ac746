/* SPDX-License-Identifier: MIT */
/* lane.h - queued jobs of one owner that ask for the same stand in one lane, first come, first served;
 * whose lane's turn it is, is decided here. For the files of this room only.
 *
 * Order       by key: the time the lane's first job was queued, less a minute for each unit of its
 *             priority. Waiting thus raises a job as its priority does, and keys never change.
 *             Of two lanes of the same priority, whoever's they are, that with the older first job is
 *             before the other; for shares, and once a queue is hours long, that is so but for moments.
 * Shares      lanes that are somebody's share of a fair queue stand together in lines, see share.h: whose turn
 *             it is in one, weights decide, and what place the line has among lanes and lines is by time
 *             and priority as above, counted from the last turn of whoever waits there longest, if that
 *             is later than its job was queued.
 * Turn        a round goes through the lanes in that order. A first job that finds all it wants is
 *             started. One that lacks something has what is left of it set aside, so that those
 *             behind it cannot starve it, and they pass if they want other things. When what one
 *             job lacks changes while it waits, even what it has found is set aside from then on:
 *             else two resources could be taken from it in turn for ever.
 * Owners      one who has as many running as he may holds up nobody: nothing is set aside for his jobs,
 *             and his lanes are parked, out of all rounds, until he may run another.
 * Rates       a first job that finds no token of a rate has those to come set aside, in their order,
 *             and nothing else: slots are not kept free while it waits.
 * Cost        with one lane, a look at its wants. A round of many looks at each lane once, and
 *             there is none unless something has changed.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_LANE_H
#define GORD_JOB_LANE_H

#include "daemon/base/owner_limits.h"
#include "daemon/job/job.h"
#include "daemon/job/resource.h"
#include "daemon/job/share.h"
#include "daemon/job/timeline.h"

struct gord_job_list {
    struct gord_job *first;
    struct gord_job *last;
    size_t count;
};

struct gord_want {
    uint32_t resource;
    uint32_t amount;
};

/* The first wants of every lane are slots of its kind and of its queue, and one of its owner's. */
enum {
    WANT_KIND,
    WANT_QUEUE,
    WANT_OWNER,
    WANT_TOKENS,
    WANTS_MAX = WANT_TOKENS + GORD_TOKENS_MAX + GORD_RATES_MAX + 1
};

enum { NOTHING_LACKS = UINT32_MAX };

struct gord_lane {
    struct gord_turn turn;  /* first of all; in the heap of all, or of its seat, while it waits */
    struct gord_seat *seat; /* counted reference; NULL: it is nobody's share */
    bool stands;            /* it has jobs, as the seat knows */
    char *text;             /* owned; see ask.h */
    uint32_t uid;           /* whose jobs */
    size_t refs;            /* jobs of it, in whatever state */
    struct gord_job_list jobs;
    struct gord_job *fresh; /* first that committed() has not seen; all behind it are fresh too */
    struct gord_lane *fresh_next; /* list link of those with fresh ones */
    bool fresh_listed;
    bool insists; /* what it has found is set aside too */
    uint8_t kind; /* enum gord_job_kind */
    uint32_t index;
    bool parked;                   /* by its owner; then it is in neither heap nor round */
    struct gord_lane *parked_prev; /* list links of its owner's */
    struct gord_lane *parked_next;
    int32_t priority;
    struct gord_lane *hash_next; /* list link of its bucket */
    uint64_t looked_at;          /* id of the job the next two are about */
    uint32_t lacks;              /* index of a resource, or NOTHING_LACKS */
    int64_t ready_ns;            /* when tokens of its rate have come; 0: it lacks something else */
    uint64_t lost_to;            /* the job that has it set aside; 0: it is used up */
    uint64_t round;              /* in which it was looked at last */
    size_t want_count;
    struct gord_want wants[WANTS_MAX];
};

enum { LANE_BUCKETS = 256 };

struct gord_lanes {
    struct gord_lane **items; /* owned; NULL where a lane has gone */
    size_t count;
    size_t room;
    struct gord_lane *buckets[LANE_BUCKETS];
    struct gord_heap heap; /* of lanes with jobs, and lines of such, by key */
    struct gord_shares shares;
    struct gord_lane **passed; /* owned; lanes that this round is done with */
    size_t passed_count;
    struct gord_lane *fresh;
    struct gord_resources resources;
    struct gord_owner_limits owners; /* owned */
    struct gord_timeline timeline;
    uint64_t round;
    int64_t
        ready_ns; /* when the first of those that lack tokens of a rate has them; 0: none does */
    bool in_round;
    bool changed; /* since the last round ended */
};

/* With a lane for each kind that asks for nothing special. -ENOMEM. */
int gord_lanes_init(struct gord_lanes *lanes);
void gord_lanes_fini(struct gord_lanes *lanes);

/* The lane of that kind, owner and text, made if need be, with one more reference. -ENOMEM; -EBADMSG. */
int gord_lanes_ref(struct gord_lanes *lanes, enum gord_job_kind kind, uint32_t uid,
                   const char *text, struct gord_lane **out_lane);
void gord_lanes_unref(struct gord_lanes *lanes, struct gord_lane *lane);

/* Its first job is another, or has another number; touch comes before, unless it was just started. */
void gord_lanes_rekey(struct gord_lanes *lanes, struct gord_lane *lane);

/* The lane whose turn it is in this round; NULL: there is none left. */
struct gord_lane *gord_lanes_first(const struct gord_lanes *lanes);

/* Take it out, for this round. Does nothing if it is out. */
void gord_lanes_drop(struct gord_lanes *lanes, struct gord_lane *lane);

/* Put it aside until its owner may run another; it is not in the heap. */
void gord_lanes_park(struct gord_lanes *lanes, struct gord_lane *lane);

/* That owner may, or may have other limits: his lanes take part again. */
void gord_lanes_unpark(struct gord_lanes *lanes, struct gord_resource *owner);

/* Something is free, or has come, that was not there before: begin a new round. */
void gord_lanes_touch(struct gord_lanes *lanes);

/* The lane whose first job may start, of the kinds (bits) that may; NULL: none now. */
struct gord_lane *gord_lanes_next(struct gord_lanes *lanes, unsigned kinds, uint64_t committed);

/* Is all there that a job of the lane wants, whoever's turn it is and for whomever it is set aside? If it is
 * only for a rate's tokens that it is not, ready_ns tells of it. */
bool gord_lanes_has_all(struct gord_lanes *lanes, const struct gord_lane *lane);

/* One more job of it waits, or one less (by = 1 or -1, as unsigned). */
void gord_lanes_count(struct gord_lanes *lanes, const struct gord_lane *lane, uint64_t by);

/* A job of it waits, for a turn or anything else, or does not any more: as above. */
void gord_lanes_count_waiting(struct gord_lanes *lanes, const struct gord_lane *lane, uint64_t by);

/* How many jobs of that owner may run. */
uint64_t gord_lanes_owner_capacity(const struct gord_lanes *lanes, uint32_t uid);

/* A job of it starts now: take of its rates what that counts for, and have its share pay for the turn. Rekey
 * comes next. */
void gord_lanes_spend(struct gord_lanes *lanes, struct gord_lane *lane);

/* Take what the lane's jobs want, and give it back. */
void gord_lanes_acquire(struct gord_lanes *lanes, const struct gord_lane *lane);
void gord_lanes_release(struct gord_lanes *lanes, const struct gord_lane *lane);

#endif
