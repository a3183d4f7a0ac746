/* SPDX-License-Identifier: MIT */
/* lock.h - one daemon per state directory: a flock on <dir>/lock, gone with the process that held
 * it, whatever killed it. The pid inside is for people and never trusted.
 */
#ifndef GORD_STORE_LOCK_H
#define GORD_STORE_LOCK_H

#include <stddef.h>

/* Take the lock; out_fd keeps it (close-on-exec) until closed. -EBUSY: another daemon has it; the
 * text (text_bytes, always ended) says who. Else what open or flock answered, with a text. */
int gord_lock_open(const char *dir, char *text, size_t text_bytes, int *out_fd);

void gord_lock_close(int fd); /* -1 is fine */

#endif
