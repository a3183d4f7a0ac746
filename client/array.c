/* SPDX-License-Identifier: MIT */
/* array.c - see array.h. */
#include "client/array.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/options.h"
#include "client/text.h"

enum { INDEX_MOST = 999999999, TASKS_MOST = 100000 };

static int complain(char why[GORCTL_ARRAY_WHY], const char *part, const char *what)
{
    char *shown = gorctl_text_escape(part, strlen(part));
    snprintf(why, GORCTL_ARRAY_WHY, "'%.60s' %s", shown, what);
    free(shown);
    return -EINVAL;
}

/* A number of the whole text, at most `most`. */
static int read_number(const char *text, uint64_t most, uint32_t *out_number)
{
    uint64_t number;
    if (gorctl_number_parse(text, &number) != 0 || number > most) {
        return -EINVAL;
    }
    *out_number = (uint32_t)number;
    return 0;
}

/* The three numbers of "7", "7-9" and "0-100:10"; `text` is ours to cut. */
static int read_range(char *text, Gor__V1__Array__Range *range)
{
    char *colon = strchr(text, ':');
    char *dash = strchr(text, '-');
    if (colon != NULL && (dash == NULL || colon < dash)) {
        return -EINVAL; /* a step needs a range */
    }
    if (colon != NULL) {
        *colon = '\0';
        if (read_number(colon + 1, INDEX_MOST, &range->step) != 0 || range->step == 0) {
            return -EINVAL;
        }
    }
    if (dash != NULL) {
        *dash = '\0';
    }
    if (read_number(text, INDEX_MOST, &range->first) != 0) {
        return -EINVAL;
    }
    range->last = range->first;
    return dash != NULL ? read_number(dash + 1, INDEX_MOST, &range->last) : 0;
}

static Gor__V1__Array__Range *add_range(Gor__V1__Array *array)
{
    Gor__V1__Array__Range *range = gorctl_alloc(sizeof(*range));
    gor__v1__array__range__init(range);
    array->indices = gorctl_grow(array->indices, array->n_indices + 1, sizeof(*array->indices));
    array->indices[array->n_indices++] = range;
    return range;
}

static int read_ranges(Gor__V1__Array *array, char *text, char why[GORCTL_ARRAY_WHY])
{
    char *rest = text;
    for (char *part; (part = strsep(&rest, ",")) != NULL;) {
        char *whole = gorctl_strdup(part);
        Gor__V1__Array__Range *range = add_range(array);
        int rc = 0;
        if (read_range(part, range) != 0) {
            rc = complain(why, whole,
                          "is neither an index (0 to 999999999) nor a range as 0-99 or 0-100:10");
        } else if (range->last < range->first) {
            rc = complain(why, whole, "goes backwards; write the smaller index first");
        }
        free(whole);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Every index, once; few enough. */
static int check(const Gor__V1__Array *array, char why[GORCTL_ARRAY_WHY])
{
    uint32_t *all = gorctl_alloc(TASKS_MOST * sizeof(*all));
    size_t count = 0;
    int rc = 0;
    for (size_t i = 0; i < array->n_indices && rc == 0; i++) {
        const Gor__V1__Array__Range *range = array->indices[i];
        uint32_t step = range->step != 0 ? range->step : 1;
        for (uint64_t index = range->first; index <= range->last && rc == 0; index += step) {
            if (count == TASKS_MOST) {
                snprintf(why, GORCTL_ARRAY_WHY, "an array has at most %d tasks", TASKS_MOST);
                rc = -EINVAL;
            } else {
                all[count++] = (uint32_t)index;
            }
        }
    }
    qsort(all, count, sizeof(*all), compare);
    for (size_t i = 1; i < count && rc == 0; i++) {
        if (all[i] == all[i - 1]) {
            snprintf(why, GORCTL_ARRAY_WHY, "index %" PRIu32 " is there twice", all[i]);
            rc = -EINVAL;
        }
    }
    free(all);
    return rc;
}

int gorctl_array_add(Gor__V1__JobSpec *message, const char *text, char why[GORCTL_ARRAY_WHY])
{
    char *copy = gorctl_strdup(text);
    char *percent = strchr(copy, '%');
    int rc = 0;
    message->array = gorctl_alloc(sizeof(*message->array));
    gor__v1__array__init(message->array);
    if (percent != NULL) {
        *percent = '\0';
        if (read_number(percent + 1, INDEX_MOST, &message->array->at_once) != 0 ||
            message->array->at_once == 0) {
            rc = complain(why, text, "does not end with how many may run at a time, as %4");
        }
    }
    rc = rc == 0 ? read_ranges(message->array, copy, why) : rc;
    rc = rc == 0 ? check(message->array, why) : rc;
    free(copy);
    return rc;
}

char *gorctl_array_text(const Gor__V1__Array *array)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = gorctl_memory_stream(&text, &size);
    for (size_t i = 0; i < array->n_indices; i++) {
        const Gor__V1__Array__Range *range = array->indices[i];
        fprintf(out, "%s%" PRIu32, i > 0 ? "," : "", range->first);
        if (range->last != range->first) {
            fprintf(out, "-%" PRIu32, range->last);
        }
        if (range->step > 1) {
            fprintf(out, ":%" PRIu32, range->step);
        }
    }
    if (array->at_once != 0) {
        fprintf(out, "%%%" PRIu32, array->at_once);
    }
    fclose(out);
    return text;
}
