/* SPDX-License-Identifier: MIT */
/* standing.c - see standing.h. */
#include "daemon/event/standing.h"

#include <stdlib.h>

struct gord_standing *gord_standing_copy(const struct gord_standing *standing)
{
    struct gord_standing *copy = calloc(1, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    atomic_init(&copy->refs, 1);
    if (standing != NULL) {
        copy->held = standing->held;
        copy->coming = standing->coming;
        copy->attempt = standing->attempt;
        copy->losses = standing->losses;
        copy->version = standing->version;
        copy->due_ns = standing->due_ns;
        copy->due_boot = standing->due_boot;
        copy->boot = standing->boot;
        copy->expires_ns = standing->expires_ns;
        copy->deadline_ns = standing->deadline_ns;
        copy->deadline_of = standing->deadline_of;
    }
    return copy;
}

bool gord_standing_is_kept(const struct gord_standing *standing)
{
    return standing != NULL &&
           (standing->attempt != 0 || standing->losses != 0 || standing->version != 0);
}

struct gord_standing *gord_standing_ref(struct gord_standing *standing)
{
    /* Relaxed: the caller has a reference, so nobody frees it meanwhile. */
    atomic_fetch_add_explicit(&standing->refs, 1, memory_order_relaxed);
    return standing;
}

void gord_standing_unref(struct gord_standing *standing)
{
    /* Release and acquire: every user's last look comes before the free. */
    if (standing != NULL &&
        atomic_fetch_sub_explicit(&standing->refs, 1, memory_order_acq_rel) == 1) {
        free(standing);
    }
}
