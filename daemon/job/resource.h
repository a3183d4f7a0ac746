/* SPDX-License-Identifier: MIT */
/* resource.h - what jobs take while they run: slots of their kind, slots of their queue, tokens; and
 * what their starts count in: rates.
 *
 * Invariants  `used` is what the taken jobs want, all together; it may exceed a capacity that was
 *             lowered meanwhile, never one that was there at their start.
 * Threads     loop thread.
 * See also    quota.h for owners; lane.h, which decides who gets them.
 */
#ifndef GORD_JOB_RESOURCE_H
#define GORD_JOB_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/ask.h"
#include "daemon/job/rate.h"

struct gord_lane;
struct gord_latency;

/* An array's is how many of its tasks may run, which nobody else wants. Of a rate there is no end to
 * use, only to how often it is begun; one named NAME/KEY has the limit of NAME, and is there with it.
 * An owner's is how many of his jobs may run; he is named by his uid. The numbers are stored. */
enum gord_resource_kind { GORD_SLOTS, GORD_QUEUE, GORD_POOL, GORD_ARRAY, GORD_RATE, GORD_OWNER };

#define GORD_UNLIMITED UINT64_MAX

enum { GORD_FAIR_MAX = 80 };

/* Weights of shares: 1 if none is given; how many may be, in all queues. */
enum { GORD_WEIGHT_MAX = 1000, GORD_WEIGHTS_MAX = 5000 };

struct gord_resource {
    char name[GORD_WORD_MAX + 1];
    uint8_t what;            /* enum gord_resource_kind */
    bool there;              /* false: removed, or named only by jobs from the store */
    bool paused;             /* a queue's */
    bool shown;              /* a queue's, by itself; see latency.h */
    int64_t paused_until_ns; /* wall clock; 0: until it is resumed */
    uint64_t capacity;       /* GORD_UNLIMITED: as much as you like */
    uint64_t used;
    uint64_t queued;              /* jobs that wait and want some of it */
    uint64_t running;             /* jobs that have some of it */
    uint64_t set_aside;           /* in this round, for jobs that are before the others */
    uint64_t for_job;             /* the first of those; 0: nobody */
    uint64_t lanes;               /* that want it */
    struct gord_rate rate;        /* of a queue: one token a start; without a limit: none */
    uint64_t rate_aside;          /* as set_aside */
    uint32_t uid;                 /* of an owner */
    uint64_t waiting;             /* jobs of an owner that wait, queued or not */
    struct gord_lane *parked;     /* list of an owner's lanes; borrowed; see lane.h */
    char fair[GORD_FAIR_MAX + 1]; /* of a queue: "owner", "label:KEY"; "": no shares */
    struct gord_latency *latency; /* owned; of a queue that is shown; NULL: it has had no job */
};

struct gord_resources {
    struct gord_resource *items; /* owned */
    size_t count;
    size_t room;
    size_t shown;              /* queues */
    struct gord_latency *rest; /* owned; of all other queues */
};

/* What is left for a job whose turn it is. */
uint64_t gord_resource_free(const struct gord_resource *resource);

/* Is there a limit to how often it is begun? */
bool gord_resource_has_rate(const struct gord_resource *resource);

/* The tokens that a start takes of which `amount` is wanted: of a queue, whose slots are meant, one. */
uint32_t gord_resource_rate_amount(const struct gord_resource *resource, uint32_t amount);

/* A queue that starts nothing now. */
bool gord_resource_is_paused(const struct gord_resource *resource);

/* Its index; -ENOENT. */
int gord_resources_find(const struct gord_resources *resources, enum gord_resource_kind what,
                        const char *name);

/* The same, made if it is not there: unlimited if `there`, else empty. Its index; -ENOMEM. */
int gord_resources_need(struct gord_resources *resources, enum gord_resource_kind what,
                        const char *name, bool there);

void gord_resources_fini(struct gord_resources *resources);

#endif
