/* SPDX-License-Identifier: MIT */
/* limits.h - what a job may have, as people write it: "mem=2G,cpu=1.5,pids=100,nofile=1024:4096". */
#ifndef GOR_CLIENT_LIMITS_H
#define GOR_CLIENT_LIMITS_H

#include <stdio.h>

#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_LIMITS_WHY = 200 };

/* Our own, as getrlimit has them, into the message. */
void gorctl_limits_capture(Gor__V1__ExecSpec *exec);

/* Add what `text` asks for. -EINVAL with a sentence in `why`; some may have been added. */
int gorctl_limits_add(Gor__V1__ExecSpec *exec, const char *text, char why[GORCTL_LIMITS_WHY]);

/* The limits that the job asks for, made if there are none yet. */
Gor__V1__Limits *gorctl_limits_of(Gor__V1__ExecSpec *exec);

/* Such a text of what was asked for, or of what was captured; the caller frees it. */
char *gorctl_limits_text(const Gor__V1__Limits *limits);
char *gorctl_rlimits_text(Gor__V1__Rlimit *const *rlimits, size_t count);

/* The name of the i-th of all the limits there are; NULL: there are no more. */
const char *gorctl_limits_name(size_t i);

#endif
