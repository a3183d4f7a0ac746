/* SPDX-License-Identifier: MIT */
/* pace.h - what an answer means, and when to try again: the rules of OTLP over HTTP.
 *
 * Taken       200 to 299.
 * Try again   429, 502, 503, 504, and when there was no answer: not before the time the collector asked
 *             for, at most an hour; else after a second, two, four and so on to half a minute, each by lot
 *             between half of that and all.
 * Given up    any other answer.
 * Threads     pure functions.
 */
#ifndef GORD_OTLP_PACE_H
#define GORD_OTLP_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum gord_otlp_verdict { GORD_OTLP_TAKEN, GORD_OTLP_TRY_AGAIN, GORD_OTLP_GIVEN_UP };

/* `status`: 0 if there was no answer. */
enum gord_otlp_verdict gord_otlp_judge(long status);

struct gord_otlp_pace {
    int64_t wait_ns;       /* the last; 0: the last attempt went well */
    int64_t not_before_ns; /* monotonic; 0: at once */
    bool told;             /* the collector asked for that */
};

/* `asked_ns`: what the collector asked for; 0: nothing. `lot`: a random number. */
void gord_otlp_pace_failed(struct gord_otlp_pace *pace, int64_t now_ns, int64_t asked_ns,
                           uint32_t lot);

#endif
