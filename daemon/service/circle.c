/* SPDX-License-Identifier: MIT */
/* circle.c - see circle.h. */
#include "daemon/service/circle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"

enum { TOLD_MAX = 4 }; /* jobs of a way that are named */

struct gord_circle_met {
    uint64_t id;
    size_t from; /* the one that leads to it, plus 1; 0: none */
    bool firm;   /* a firm step leads to it, if not that one */
};

void gord_circle_init(struct gord_circle *circle)
{
    *circle = (struct gord_circle){NULL};
}

void gord_circle_fini(struct gord_circle *circle)
{
    free(circle->met);
    gord_idmap_fini(&circle->seen);
    gord_circle_init(circle);
}

int gord_circle_add(struct gord_circle *circle, uint64_t id, bool firm)
{
    uint64_t place = gord_idmap_get(&circle->seen, id);

    if (place != 0) {
        circle->met[place - 1].firm |= firm;
        return 0;
    }
    int result = gord_grow(&circle->met, circle->count, &circle->room, sizeof(*circle->met));
    if (result == 0) {
        result = gord_idmap_put(&circle->seen, id, circle->count + 1);
    }
    if (result == 0) {
        circle->met[circle->count++] =
            (struct gord_circle_met){.id = id, .from = circle->at, .firm = firm};
    }
    return result;
}

int gord_circle_walk(struct gord_circle *circle,
                     int (*steps)(void *arg, uint64_t id, struct gord_circle *circle), void *arg)
{
    int result = 0;

    while (circle->at < circle->count && result == 0) {
        uint64_t id = circle->met[circle->at++].id;
        result = steps(arg, id, circle);
    }
    return result;
}

bool gord_circle_has(const struct gord_circle *circle, uint64_t id, bool only_firm)
{
    uint64_t place = gord_idmap_get(&circle->seen, id);

    return place != 0 && (!only_firm || circle->met[place - 1].firm);
}

/* The jobs on the way to the one at `place`, which is not one of them, from the first on: how many, of
 * which the first TOLD_MAX are in `out`. */
static size_t way_to(const struct gord_circle *circle, size_t place, uint64_t out[TOLD_MAX])
{
    size_t length = 0;

    for (size_t at = circle->met[place - 1].from; at != 0; at = circle->met[at - 1].from) {
        length++;
    }
    size_t left = length;
    for (size_t at = circle->met[place - 1].from; at != 0; at = circle->met[at - 1].from) {
        left--;
        if (left < TOLD_MAX) {
            out[left] = circle->met[at - 1].id;
        }
    }
    return length;
}

void gord_circle_text(const struct gord_circle *circle, uint64_t id, const char *end, char *out,
                      size_t bytes)
{
    uint64_t way[TOLD_MAX] = {0};
    uint64_t place = gord_idmap_get(&circle->seen, id);
    size_t length = place != 0 ? way_to(circle, place, way) : 0;
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < length && i < TOLD_MAX && used < bytes; i++) {
        const char *before = i == 0 ? "" : i == 1 ? " is to run after " : ", that after ";
        used += (size_t)snprintf(out + used, bytes - used, "%sjob %" PRIu64, before, way[i]);
    }
    if (length > TOLD_MAX && used < bytes) {
        used += (size_t)snprintf(out + used, bytes - used, ", that after %zu more, the last",
                                 length - TOLD_MAX);
    }
    if (length > 0 && used < bytes) {
        const char *before = length == 1         ? " is to run after "
                             : length > TOLD_MAX ? " after "
                                                 : ", that after ";
        snprintf(out + used, bytes - used, "%s%s", before, end);
    }
}
