/* SPDX-License-Identifier: MIT */
/* privs.h - whether a program may gain rights by an exec: set-user-ID bits, capabilities of files.
 *
 * What nobody may is the daemon's word (gord --new-privs), and that of whoever has started it, by its own
 * no_new_privs (systemd: NoNewPrivileges=yes), which all that it starts inherits. Less than may be is the
 * job's own choice.
 * Threads     any.
 */
#ifndef GORD_RUNNER_PRIVS_H
#define GORD_RUNNER_PRIVS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/config.h"
#include "gor/v1/jobs.pb-c.h"

/* Whether one that asks so can have it; else a sentence in `out`. */
bool gord_privs_can_have(enum gord_new_privs policy, Gor__V1__NewPrivs asked, char *out,
                         size_t bytes);

/* Whether it has to be kept from gaining any. */
bool gord_privs_are_forbidden(enum gord_new_privs policy, Gor__V1__NewPrivs asked);

#endif
