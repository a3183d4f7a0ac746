/* SPDX-License-Identifier: MIT */
/* stuck.h - where a run stands that gives no sign of life, for people.
 *
 * Of a native or Lua job where its goroutine is, as a dump has it; of a program its processes, with the
 * kernel's word on what each does.
 * Threads     any but the loop's, and no goroutine: symbols are read, and /proc.
 */
#ifndef GORD_RUNNER_STUCK_H
#define GORD_RUNNER_STUCK_H

#include "daemon/runner/run.h"

/* The most bytes of it, and the most processes it names. */
enum { GORD_STUCK_TEXT = 4096, GORD_STUCK_PROCESSES = 16 };

/* A process as it was found, by its number, which may be another's a moment later. */
struct gord_stuck_process {
    pid_t pid;
    uint64_t start_ticks;
    char text[320]; /* a line, without its end */
};

/* What can be told of the process that has the number now. False: none has. */
bool gord_stuck_look(pid_t pid, struct gord_stuck_process *out);

/* Is it one of `pids`, a list of a job's processes that was made after the look? */
bool gord_stuck_was(const struct gord_stuck_process *process, const pid_t *pids, size_t count);

/* Lines; a new text, "" if nothing is known. NULL: out of memory. */
char *gord_stuck_where(struct gord_run *run);

#endif
