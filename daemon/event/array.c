/* SPDX-License-Identifier: MIT */
/* array.c - see array.h. */
#include "daemon/event/array.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t gord_array_count(const Gor__V1__JobSpec *wire)
{
    if (wire->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP) {
        return wire->array != NULL ? gord_array_size(wire->array) : 0;
    }
    return wire->task != NULL ? wire->task->count : 0;
}

static uint32_t step_of(const Gor__V1__Array__Range *range)
{
    return range->step != 0 ? range->step : 1;
}

static uint32_t size_of(const Gor__V1__Array__Range *range)
{
    if (range->last < range->first || range->last > GORD_ARRAY_INDEX_MAX) {
        return 0;
    }
    return (range->last - range->first) / step_of(range) + 1;
}

uint32_t gord_array_size(const Gor__V1__Array *array)
{
    uint64_t size = 0;
    for (size_t i = 0; i < array->n_indices && size <= GORD_ARRAY_MAX; i++) {
        size += size_of(array->indices[i]);
    }
    return size <= GORD_ARRAY_MAX ? (uint32_t)size : GORD_ARRAY_MAX + 1;
}

bool gord_array_next(const Gor__V1__Array *array, struct gord_array_walk *walk, uint32_t *out_index)
{
    while (walk->range < array->n_indices) {
        const Gor__V1__Array__Range *range = array->indices[walk->range];
        if (walk->done < size_of(range)) {
            *out_index = range->first + walk->done++ * step_of(range);
            return true;
        }
        walk->range++;
        walk->done = 0;
    }
    return false;
}

static int check_ranges(const Gor__V1__Array *array, char *error, size_t bytes)
{
    for (size_t i = 0; i < array->n_indices; i++) {
        const Gor__V1__Array__Range *range = array->indices[i];
        if (range->last < range->first) {
            snprintf(error, bytes,
                     "spec.array.indices[%zu]: it ends with %" PRIu32
                     ", which is before its first, %" PRIu32,
                     i, range->last, range->first);
            return -EINVAL;
        }
        if (range->last > GORD_ARRAY_INDEX_MAX) {
            snprintf(error, bytes,
                     "spec.array.indices[%zu]: %" PRIu32 " is above the largest index, %d", i,
                     range->last, GORD_ARRAY_INDEX_MAX);
            return -EINVAL;
        }
    }
    return 0;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Is any index there twice? */
static int check_doubles(const Gor__V1__Array *array, uint32_t size, char *error, size_t bytes)
{
    uint32_t *all = malloc(size * sizeof *all);
    struct gord_array_walk walk = {0, 0};
    size_t count = 0;
    int err = 0;
    if (all == NULL) {
        snprintf(error, bytes, "spec.array: out of memory");
        return -EINVAL;
    }
    while (count < size && gord_array_next(array, &walk, &all[count])) {
        count++;
    }
    qsort(all, count, sizeof *all, compare);
    for (size_t i = 1; i < count && err == 0; i++) {
        if (all[i] == all[i - 1]) {
            snprintf(error, bytes, "spec.array.indices: %" PRIu32 " is there twice", all[i]);
            err = -EINVAL;
        }
    }
    free(all);
    return err;
}

int gord_array_check(const Gor__V1__Array *array, char *error, size_t error_bytes)
{
    uint32_t size = gord_array_size(array);
    int err = check_ranges(array, error, error_bytes);
    if (err != 0) {
        return err;
    }
    if (size == 0) {
        snprintf(error, error_bytes, "spec.array.indices is empty: it needs at least one index");
        return -EINVAL;
    }
    if (size > GORD_ARRAY_MAX) {
        snprintf(error, error_bytes,
                 "spec.array has more than the %d tasks that one array may have", GORD_ARRAY_MAX);
        return -EINVAL;
    }
    return check_doubles(array, size, error, error_bytes);
}

/* ------------------------------------------------------------------ places */

const char *gord_array_text(const Gor__V1__Array *array, char *out, size_t bytes)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < array->n_indices; i++) {
        const Gor__V1__Array__Range *range = array->indices[i];
        char one[48];
        int length = snprintf(one, sizeof one, "%s%" PRIu32, i > 0 ? "," : "", range->first);
        if (range->last != range->first) {
            length += snprintf(one + length, sizeof one - (size_t)length, "-%" PRIu32, range->last);
        }
        if (range->last != range->first && step_of(range) > 1) {
            length +=
                snprintf(one + length, sizeof one - (size_t)length, ":%" PRIu32, step_of(range));
        }
        if (used + (size_t)length + sizeof ",..." > bytes) {
            snprintf(out + used, bytes - used, "%s...", i > 0 ? "," : "");
            break;
        }
        memcpy(out + used, one, (size_t)length + 1);
        used += (size_t)length;
    }
    return out;
}

static int compare_places(const void *left, const void *right)
{
    return compare(&((const struct gord_array_place *)left)->index,
                   &((const struct gord_array_place *)right)->index);
}

struct gord_array_place *gord_array_places(const Gor__V1__Array *array)
{
    uint32_t size = gord_array_size(array);
    struct gord_array_place *places = malloc((size + 1) * sizeof *places);
    struct gord_array_walk walk = {0, 0};
    bool sorted = true;
    if (places == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < size && gord_array_next(array, &walk, &places[i].index); i++) {
        places[i].place = i;
        sorted = sorted && (i == 0 || places[i].index > places[i - 1].index);
    }
    if (!sorted) {
        qsort(places, size, sizeof *places, compare_places);
    }
    return places;
}

const struct gord_array_place *gord_array_find(const struct gord_array_place *places,
                                               uint32_t count, uint32_t index)
{
    struct gord_array_place wanted = {index, 0};
    return bsearch(&wanted, places, count, sizeof *places, compare_places);
}

/* ------------------------------------------------------------------ stored tasks */

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };
enum { TASK_FIELD = 15, INDEX_FIELD = 2 }; /* of JobSpec, of ArrayTask; see jobs.proto */

/* What is left of a message. */
struct rest {
    const uint8_t *at;
    const uint8_t *end;
};

static bool take_varint(struct rest *rest, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && rest->at < rest->end; shift += 7) {
        uint8_t byte = *rest->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* The next field: its number, and its value, or what it consists of if it has a length. */
static bool take_field(struct rest *rest, uint64_t *number, uint64_t *value, struct rest *inside)
{
    uint64_t key, length = 0;
    if (!take_varint(rest, &key)) {
        return false;
    }
    *number = key >> 3;
    switch (key & 7) {
    case VARINT:
        return take_varint(rest, value);
    case LENGTH:
        if (!take_varint(rest, &length)) {
            return false;
        }
        break;
    case FIXED64:
    case FIXED32:
        length = (key & 7) == FIXED64 ? 8 : 4;
        break;
    default:
        return false;
    }
    if (length > (uint64_t)(rest->end - rest->at)) {
        return false;
    }
    *inside = (struct rest){rest->at, rest->at + length};
    rest->at += length;
    return true;
}

bool gord_array_index_of(const void *packed, size_t bytes, uint32_t *out_index)
{
    struct rest rest = {packed, (const uint8_t *)packed + bytes};
    struct rest task = {NULL, NULL};
    uint64_t number = 0, index = 0, value = 0;
    while (number != TASK_FIELD && rest.at < rest.end) {
        if (!take_field(&rest, &number, &value, &task)) {
            return false;
        }
    }
    if (number != TASK_FIELD || task.at == NULL) {
        return false;
    }
    while (task.at < task.end) {
        struct rest unused;
        if (!take_field(&task, &number, &value, &unused)) {
            return false;
        }
        index = number == INDEX_FIELD ? value : index;
    }
    *out_index = (uint32_t)index;
    return true;
}
