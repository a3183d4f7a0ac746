/* SPDX-License-Identifier: MIT */
/* token_row.h - a bearer token as the store keeps it: all about it but itself.
 *
 * Threads     plain data.
 */
#ifndef GORD_STORE_TOKEN_ROW_H
#define GORD_STORE_TOKEN_ROW_H

#include <stdint.h>

#include "daemon/event/ask.h"

enum {
    GORD_TOKEN_ID = 8,      /* hexadecimal digits */
    GORD_TOKEN_DIGEST = 32, /* bytes */
    GORD_TOKEN_QUEUES = 16, /* that one can be for */
    GORD_TOKEN_ROLES = 4,   /* from 1 on: as service/roles.h numbers them; stored */
    GORD_TOKEN_QUEUE_BYTES = GORD_TOKEN_QUEUES * (GORD_WORD_MAX + 1),
};

enum gord_token_change {
    GORD_TOKEN_MADE,
    GORD_TOKEN_USED, /* only used_ns counts */
    GORD_TOKEN_GONE,
};

struct gord_token_row {
    char id[GORD_TOKEN_ID + 1];
    char name[GORD_WORD_MAX + 1]; /* "": none */
    uint8_t digest[GORD_TOKEN_DIGEST];
    uint8_t role;
    uint32_t uid; /* (uint32_t)-1: nobody's */
    int64_t made_ns;
    int64_t expires_ns;                      /* 0: never */
    int64_t used_ns;                         /* 0: never */
    char queues[GORD_TOKEN_QUEUE_BYTES + 1]; /* with commas between; "": all */
};

#endif
