/* SPDX-License-Identifier: MIT */
/* setting.h - a queue, a pool of tokens or a rate as the store keeps it.
 *
 * Threads     plain data.
 */
#ifndef GORD_STORE_SETTING_H
#define GORD_STORE_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/ask.h"

/* Of one share of a queue. */
struct gord_weight {
    char key[GORD_SHARE_KEY_MAX + 1];
    uint32_t weight; /* 0: it is taken away */
};

struct gord_setting {
    uint8_t what; /* enum gord_resource_kind; stored */
    char name[GORD_WORD_MAX + 1];
    bool gone; /* it is removed */
    uint64_t capacity;
    bool paused;
    int64_t paused_until_ns;
    uint32_t rate_count; /* tokens in rate_per_ns; 0: no rate */
    uint32_t rate_burst;
    int64_t rate_per_ns;
    char fair[81]; /* whose jobs take turns; "": nobody's */
    const struct gord_weight
        *weights; /* that change; borrowed, but the store owns those of a note */
    size_t weight_count;
};

#endif
