/* SPDX-License-Identifier: MIT */
/* rate.h - rates as people write them: 10/s, 100/h, 1/5m. */
#ifndef GOR_CLIENT_RATE_H
#define GOR_CLIENT_RATE_H

#include "gor/v1/queues.pb-c.h"

/* "10/s" or "3/10m", with the units ms, s, m, h and d; "none" is a count of 0. Leaves the burst.
 * -EINVAL. */
int gorctl_rate_parse(const char *text, Gor__V1__RateLimit *out_limit);

/* "10/s burst 20"; `out` has room for it. Answers it. */
enum { GORCTL_RATE_ROOM = 80 };
const char *gorctl_rate_text(const Gor__V1__RateLimit *limit, char out[GORCTL_RATE_ROOM]);

#endif
