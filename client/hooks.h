/* SPDX-License-Identifier: MIT */
/* hooks.h - what is to come of a job's end: --on-finish, --on-finish-url.
 *
 * Ownership   as spec.h says.
 */
#ifndef GOR_CLIENT_HOOKS_H
#define GOR_CLIENT_HOOKS_H

#include "client/spec.h"

/* Put them into the message. GORCTL_EXIT_OK, or an exit code with a word on stderr. */
int gorctl_hooks_fill(const struct gorctl_spec *spec, Gor__V1__JobSpec *message);

#endif
