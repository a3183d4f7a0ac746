/* SPDX-License-Identifier: MIT */
/* owner_limits.h - how many jobs each user of this machine may have: that wait, and that run.
 *
 *     alice queued=1000 running=4, 1001 running=none
 *
 * Users by name or number; what is not said of one is as for all others.
 */
#ifndef GORD_BASE_OWNER_LIMITS_H
#define GORD_BASE_OWNER_LIMITS_H

#include <stddef.h>
#include <stdint.h>

enum {
    GORD_OWNER_NAME = 64,  /* bytes of a user's name, with its end */
    GORD_OWNER_WHY = 256,  /* of what is wrong */
    GORD_OWNERS_MAX = 256, /* that one list may name */
};

/* Numbers of jobs; 0: no limit. */
struct gord_owner_limit {
    uint32_t uid;
    char name[GORD_OWNER_NAME]; /* as it was written: "alice", "1001" */
    unsigned queued;
    unsigned running;
};

struct gord_owner_limits {
    unsigned queued; /* of those that are not named */
    unsigned running;
    struct gord_owner_limit *items; /* owned, if the struct is; by uid, none twice */
    size_t count;
};

/* From the text (NULL: nobody is named), beside what holds for all others, which is in *limits already; the
 * users must be known to this machine. 0; -EINVAL with what is wrong ("alice: queued=x is ...") in `why`;
 * -ENOMEM. Nothing is touched unless 0. */
int gord_owner_limits_parse(const char *text, struct gord_owner_limits *limits,
                            char why[GORD_OWNER_WHY]);

/* Those of a user; its uid and name are there only if it is named. */
struct gord_owner_limit gord_owner_limits_of(const struct gord_owner_limits *limits, uint32_t uid);

/* A copy, owned. -ENOMEM, nothing done. */
int gord_owner_limits_copy(const struct gord_owner_limits *limits,
                           struct gord_owner_limits *out_limits);

void gord_owner_limits_fini(struct gord_owner_limits *limits);

#endif
