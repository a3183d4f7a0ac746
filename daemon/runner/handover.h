/* SPDX-License-Identifier: MIT */
/* handover.h - running programs on their way from one gord to the binary that it becomes.
 *
 * A run's goroutine leaves its process alone and a note of all that is known about it, which holds the
 * descriptors; the loop collects the notes. In the new binary each note becomes a run again, before
 * anything is reaped or started.
 *
 * Threads     loop thread, but for what exec.h says is the goroutine's.
 * Ownership   notes are allocated by malloc, as protobuf-c unpacks them, and freed by
 *             gor__handover__run__free_unpacked(); whoever holds one owns its descriptors.
 */
#ifndef GORD_RUNNER_HANDOVER_H
#define GORD_RUNNER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/run.h"
#include "gor/handover.pb-c.h"

struct gord_runner;

/* Notes of runs. */
struct gord_handed {
    Gor__Handover__Run **items; /* owned array of owned notes */
    size_t count;
    size_t room;
};

/* Start nothing any more. Programs are left alone, with a note for each; other jobs are ended, queued
 * again or awaited, as their policies say. `patient`: first all of those are awaited; what is below them
 * starts meanwhile, and no program is left yet; their policies count once that is over. emptied(arg) is called once nothing runs. */
void gord_runner_hand_over(struct gord_runner *runner, bool patient, const char *cause,
                           void (*emptied)(void *arg), void *arg);

/* The notes, which are the caller's from here on; all of them once the runner has stopped. */
struct gord_handed gord_runner_take_notes(struct gord_runner *runner);

/* Nobody goes on with them: the notes alone, as the process is about to end. */
void gord_handed_free(struct gord_handed *handed);

/* A run's goroutine has left its process to us, and this in run->handed. [goroutine] */
void gord_run_post_handed(struct gord_run *run);

/* Before its goroutine is made: the run goes on from `note`, which becomes its own. */
void gord_run_take_over(struct gord_run *run, Gor__Handover__Run *note);

/* Before the reaper and the sweep: these processes are of jobs. -ENOMEM. */
int gord_runner_expect(struct gord_runner *runner, const struct gord_handed *handed);

/* Whether the job, or the process, is among them (NULL: none). */
bool gord_handed_has(const struct gord_handed *handed, uint64_t job_id);
bool gord_handed_has_process(const struct gord_handed *handed, pid_t pid);

/* Have them run. A note whose job has ended, or could not be made to go on, has its processes killed.
 * The notes are taken. */
void gord_runner_take_over(struct gord_runner *runner, struct gord_handed *handed);

#endif
