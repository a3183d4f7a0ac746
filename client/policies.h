/* SPDX-License-Identifier: MIT */
/* policies.h - names of what becomes of a job when the daemon is stopped, and once it is stuck.
 *
 * Threads     any; pure.
 */
#ifndef GORCTL_POLICIES_H
#define GORCTL_POLICIES_H

#include <stdbool.h>

#include "gor/v1/jobs.pb-c.h"

/* "kill", "wait", "requeue", "leave"; false: it is none of these, *out is untouched. */
bool gorctl_on_stop_parse(const char *text, Gor__V1__OnStop *out);

/* The name; "default" of what says nothing. */
const char *gorctl_on_stop_name(Gor__V1__OnStop policy);

/* "report", "kill"; false: it is none of these, *out is untouched. */
bool gorctl_on_stuck_parse(const char *text, Gor__V1__OnStuck *out);

const char *gorctl_on_stuck_name(Gor__V1__OnStuck policy);

#endif
