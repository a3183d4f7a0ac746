/* SPDX-License-Identifier: MIT */
/* sparing.h - say what may happen again and again at once the first time, and then at most once a minute, with
 * how many times it was not said.
 *
 * Each subject counts by itself; those that are too many at a time count as one, so that there is an end to what
 * is said, whoever makes the subjects up.
 * Threads     any. Ownership: init/fini in the caller's memory.
 */
#ifndef GORD_BASE_SPARING_H
#define GORD_BASE_SPARING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { GORD_SPARING_SUBJECTS = 64 };

/* How long nothing is said of a subject after something was. */
#define GORD_SPARING_PAUSE_NS ((int64_t)60 * 1000000000)

struct gord_sparing_subject {
    uint64_t key;    /* 0: none yet */
    int64_t said_ns; /* when it was said last */
    uint64_t unsaid; /* times since then */
};

struct gord_sparing {
    pthread_mutex_t lock;
    struct gord_sparing_subject subjects[GORD_SPARING_SUBJECTS];
    struct gord_sparing_subject others; /* all that find no place */
};

void gord_sparing_init(struct gord_sparing *sparing);
void gord_sparing_fini(struct gord_sparing *sparing);

/* It has happened to `subject`: is it to be said? Then *out_unsaid is how many times before it were not.
 * `now_ns` is of a clock that only goes on. */
bool gord_sparing_says(struct gord_sparing *sparing, const char *subject, int64_t now_ns,
                       uint64_t *out_unsaid);

#endif
