/* SPDX-License-Identifier: MIT */
/* pace.c - see pace.h. */
#include "daemon/otlp/pace.h"

#define SECOND INT64_C(1000000000)
#define FIRST_NS SECOND
#define LAST_NS (30 * SECOND)
#define ASKED_MAX_NS (3600 * SECOND)

enum gord_otlp_verdict gord_otlp_judge(long status)
{
    if (status >= 200 && status < 300) {
        return GORD_OTLP_TAKEN;
    }
    switch (status) {
    case 0:
    case 429:
    case 502:
    case 503:
    case 504:
        return GORD_OTLP_TRY_AGAIN;
    default:
        return GORD_OTLP_GIVEN_UP;
    }
}

void gord_otlp_pace_failed(struct gord_otlp_pace *pace, int64_t now_ns, int64_t asked_ns,
                           uint32_t lot)
{
    pace->wait_ns = pace->wait_ns > 0 ? 2 * pace->wait_ns : FIRST_NS;
    if (pace->wait_ns > LAST_NS) {
        pace->wait_ns = LAST_NS;
    }
    pace->told = asked_ns > 0;
    if (pace->told) {
        pace->not_before_ns = now_ns + (asked_ns < ASKED_MAX_NS ? asked_ns : ASKED_MAX_NS);
    } else {
        int64_t half = pace->wait_ns / 2;
        pace->not_before_ns = now_ns + half + (int64_t)((double)lot / UINT32_MAX * (double)half);
    }
}
