/* SPDX-License-Identifier: MIT */
/* leak.h - goroutines that have leaked, told at the end of the runtime and, for tests, all the time.
 *
 * Threads     as each says; outside the door.
 */
#ifndef GOR_DEBUG_LEAK_H
#define GOR_DEBUG_LEAK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/debug/text.h"
#include "runtime/gor.h"

/* Why a goroutine that waits for this will never be woken, once nothing leads to it. */
const char *gor__leak_why(enum gor_wait_reason reason);

/* Whether this goroutine was excused by gor_leak_ignore. Any thread. */
bool gor__leak_is_ignored(const struct gor_info *info);

/* As gor_leak_dump, to `text`, which is ended; `stack` as for gor__leak_scan. Any thread. */
int gor__leak_dump(struct gor__text *text, uintptr_t stack);

/* As gor_opts.leak_check and $GOR_LEAKS say. Before the threads of the runtime start. */
void gor__leaks_init(const struct gor_opts *opts);

/* Before the runtime stops, on the thread that stops it: look for leaks if that was asked for, and tell
 * standard error. True: the process is to end with GOR_LEAKS_EXIT_CODE. */
bool gor__leaks_at_end(void);

/* leak_verify.c: hold the finder to what it has said: scan every few milliseconds, and die when a
 * goroutine that was said to have leaked has run again. The maker's errand. */
int64_t gor__leak_verify(void);
void gor__leak_verify_init(void);

#endif
