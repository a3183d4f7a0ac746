/* SPDX-License-Identifier: MIT */
/* instance.h - who this gord is among all others, the same after a restart.
 *
 * Threads     pure function.
 */
#ifndef GORD_INSTANCE_H
#define GORD_INSTANCE_H

enum { GORD_INSTANCE_BYTES = 37 };

/* A UUID (version 8) for the gord of that state directory on this machine; by chance if the machine has no
 * id. */
void gord_instance_id(const char *state_dir, char out[GORD_INSTANCE_BYTES]);

#endif
