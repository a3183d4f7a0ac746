/* SPDX-License-Identifier: MIT */
/* retry.h - how often a job is run again, and when: the options of `submit` and `run`. */
#ifndef GOR_CLIENT_RETRY_H
#define GOR_CLIENT_RETRY_H

#include <argp.h>
#include <stdbool.h>

#include "gor/v1/jobs.pb-c.h"

struct gorctl_retry {
    const char *retries; /* NULL: not given, as the next three */
    const char *backoff;
    const char *jitter; /* a bare number */
    const char *spread; /* what else was given for it: perhaps a cron entry's, else a mistake */
    const char *codes;
    bool requeue;
    bool no_requeue;
};

/* The input is a struct gorctl_retry, zeroed. */
extern const struct argp gorctl_retry_argp;

/* GORCTL_EXIT_OK with the message filled, or an exit code with a word on stderr. */
int gorctl_retry_fill(const struct gorctl_retry *retry, Gor__V1__JobSpec *message);

/* The policy of the message, made if need be. */
Gor__V1__RetryPolicy *gorctl_retry_policy(Gor__V1__JobSpec *message);

/* "10s", "fixed:10s", "1s..5m": the first wait, and the longest. -EINVAL. */
int gorctl_backoff_parse(const char *text, Gor__V1__RetryPolicy *policy);

#endif
