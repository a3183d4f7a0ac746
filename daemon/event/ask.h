/* SPDX-License-Identifier: MIT */
/* ask.h - what a job asks for besides a place of its kind: queue, priority, slots, tokens,
 * and of which rates its start takes.
 *
 * All jobs that ask for the same stand in one lane, whose name is the canonical text of it:
 *
 *     QUEUE PRIORITY SLOTS [POOL=AMOUNT]... [~RATE=AMOUNT]... [%ARRAY=LIMIT] [&SHARE]
 *
 * pools and rates sorted by name, without repetition; %ARRAY is for tasks of which LIMIT run at a time; SHARE is whose
 * share of its queue it counts in, where those are fair.
 *
 * "" is a job that asks for nothing in particular: the default queue, priority 0, one slot. The text
 * is stored; it never changes its form.
 * Threads     pure functions.
 */
#ifndef GORD_EVENT_ASK_H
#define GORD_EVENT_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"

#define GORD_DEFAULT_QUEUE "default"

enum {
    GORD_WORD_MAX = 63,       /* bytes of a queue's or a pool's name */
    GORD_TOKENS_MAX = 8,      /* pools that one job may want tokens of */
    GORD_RATES_MAX = 4,       /* rates that one job's start may count in */
    GORD_SHARE_KEY_MAX = 255, /* bytes of what names a share: the value of a label */
    GORD_PRIORITY_MAX = 10000,
    GORD_SLOTS_MAX = 1000000,
    GORD_ASK_BYTES = (GORD_WORD_MAX + 13) * (GORD_TOKENS_MAX + GORD_RATES_MAX + 2) + 80,
};

struct gord_token_ask {
    char pool[GORD_WORD_MAX + 1]; /* or rate */
    uint32_t amount;
};

struct gord_ask {
    char queue[GORD_WORD_MAX + 1];
    int32_t priority;
    uint32_t slots; /* at least 1 */
    size_t token_count;
    struct gord_token_ask tokens[GORD_TOKENS_MAX];
    size_t rate_count;
    struct gord_token_ask rates[GORD_RATES_MAX]; /* NAME or NAME/KEY */
    char share[GORD_WORD_MAX + 1];               /* "": none */
    uint64_t array_id;                           /* it is a task of that array, of which */
    uint32_t array_limit; /* so many run at a time; 0: as many as there is room for */
};

/* May it name a queue or a pool: 1 to GORD_WORD_MAX of a-z, 0-9, '.', '_' and '-', not beginning
 * with a sign? */
bool gord_word_ok(const char *word);

/* May it name a rate, or a rate and a key by which it counts apart: NAME or NAME/KEY of at most
 * GORD_WORD_MAX bytes; a key has letters, digits, '.', '_', '-', '@' and ':'? */
bool gord_rate_name_ok(const char *name);

/* The name of the share of whoever has that label's value, as it is or, if it cannot stand in a text, as
 * a number for it; `out` has GORD_WORD_MAX + 1. */
const char *gord_share_name(const char *value, char *out);

/* What the job asks for, filled up with defaults. What does not fit (gord_ask_check tells) is cut. */
void gord_ask_from_wire(const Gor__V1__JobSpec *wire, struct gord_ask *out_ask);

/* 0, or -EINVAL with a text that names the field. */
int gord_ask_check(const Gor__V1__JobSpec *wire, char *error, size_t error_bytes);

/* The lane's name; `out` has GORD_ASK_BYTES. Answers it. */
const char *gord_ask_text(const struct gord_ask *ask, char *out);

/* Its queue's name, for gord_log_of: what it answers begins with that, and ends with it or goes on with a
 * blank. */
static inline const char *gord_ask_queue(const char *text)
{
    return text[0] != '\0' ? text : GORD_DEFAULT_QUEUE;
}

/* The other way. -EBADMSG: it is no such text. */
int gord_ask_parse(const char *text, struct gord_ask *out_ask);

#endif
