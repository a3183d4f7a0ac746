/* SPDX-License-Identifier: MIT */
/* policies.h - names of what becomes of a job when the daemon is stopped, and once it is stuck; and of the
 * turn that it gets of CPU and disk.
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

/* "-20" to "19". */
bool gorctl_nice_parse(const char *text, int32_t *out);

/* "022", "0077": octal, at most 0777. *out_plus_1 is one more, as messages have it: 0 is none there. */
bool gorctl_umask_parse(const char *text, uint32_t *out_plus_1);

/* "idle", "best-effort", "realtime:0"; without a level it is 4, which the kernel gives who says none. */
bool gorctl_ionice_parse(const char *text, Gor__V1__IoClass *out_class, uint32_t *out_level);

/* The name of the class alone. */
const char *gorctl_ionice_name(Gor__V1__IoClass io_class);

#endif
