/* SPDX-License-Identifier: MIT */
/* array.h - the indices of an array of jobs, as ranges on the wire.
 *
 * Threads     pure functions.
 */
#ifndef GORD_EVENT_ARRAY_H
#define GORD_EVENT_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"

enum {
    GORD_ARRAY_MAX = 100000,          /* tasks of one array */
    GORD_ARRAY_INDEX_MAX = 999999999, /* the largest index */
};

/* How many tasks a group has, or the array that a task is of; 0: it is neither. */
uint32_t gord_array_count(const Gor__V1__JobSpec *wire);

/* The index of a task from its stored spec, a packed JobSpec, without unpacking that. False: it is no
 * task's, or broken. */
bool gord_array_index_of(const void *packed, size_t bytes, uint32_t *out_index);

/* How many indices the ranges have together; far too large ones count as GORD_ARRAY_MAX + 1. */
uint32_t gord_array_size(const Gor__V1__Array *array);

/* Is it right? 0, or -EINVAL with a text that names the field. */
int gord_array_check(const Gor__V1__Array *array, char *error, size_t error_bytes);

/* Where a walk over the indices stands; zero at its start. */
struct gord_array_walk {
    size_t range;
    uint32_t done; /* of that range */
};

/* The next index of an array that is right, in the order they were given; false: there is none. */
bool gord_array_next(const Gor__V1__Array *array, struct gord_array_walk *walk,
                     uint32_t *out_index);

/* The indices as "0-9,20-30:2", cut with "..." where there is no more room. */
const char *gord_array_text(const Gor__V1__Array *array, char *out, size_t bytes);

/* Where in an array an index stands: its task is the `place`th, from 0. */
struct gord_array_place {
    uint32_t index;
    uint32_t place;
};

/* Those of an array that is right, as many as its size, to be found in and to be freed. NULL: out of
 * memory. */
struct gord_array_place *gord_array_places(const Gor__V1__Array *array);

/* The one of that index; NULL: the array has none. */
const struct gord_array_place *gord_array_find(const struct gord_array_place *places,
                                               uint32_t count, uint32_t index);

#endif
