/* SPDX-License-Identifier: MIT */
/* bus.h - the ring that every event runs: applied to its job, put to the store, told to whoever
 * follows once it is committed.
 *
 * Invariants  an event is visible to clients (events, waits, acknowledgements) only once it is
 *             committed; `recent` holds every event that is not, and the newest that are.
 * Threads     loop thread; post: any thread.
 * Ownership   emit and post take over the reference of the event.
 */
#ifndef GORD_RUNNER_BUS_H
#define GORD_RUNNER_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/inbox.h"
#include "daemon/event/event.h"
#include "daemon/job/job.h"
#include "daemon/store/reader.h"
#include "daemon/store/store.h"

struct gord_bus;

/* Who follows the ring; each may be NULL. */
struct gord_bus_hook {
    /* An event has been applied, not yet committed; `job` is as it is after it. */
    void (*applied)(void *arg, struct gord_event *event, struct gord_job *job);
    /* These are on disk now, in order. */
    void (*committed)(void *arg, struct gord_event *const *events, size_t count);
    /* The store refuses (error < 0) or works again (0). */
    void (*health)(void *arg, int error, const char *text);
    /* Once per turn of the loop in which any of the above was called. */
    void (*flush)(void *arg);
    void *arg;
    struct gord_bus_hook *next; /* list link of the bus */
};

struct gord_bus_opts {
    uv_loop_t *loop;
    const char *state_dir;
    bool memory;
    struct gord_keep keep;
    size_t spec_window; /* 0: the table's default */
    /* Now and then while jobs are read back: so many are. NULL: nobody wants to know. */
    void (*progress)(void *arg, uint64_t count);
    void *progress_arg;
};

/* Open the store, read back the jobs that live. Errors and text as gord_store_open. */
int gord_bus_open(const struct gord_bus_opts *opts, char *out_text, struct gord_bus **out_bus);

/* Commit what is there and close the store; 0 or its error. The bus stays until it is freed. */
int gord_bus_close(struct gord_bus *bus);

/* After gord_bus_close and one more run of the loop. NULL is fine. */
void gord_bus_free(struct gord_bus *bus);

/* Follow; the hook is the caller's and stays until the bus is closed. Called in the order added. */
void gord_bus_follow(struct gord_bus *bus, struct gord_bus_hook *hook);

/* Apply the event and put it to the store. 0 with its seq in *out_seq (may be NULL); -EINVAL: the
 * job is not in a state for it (nothing happened); -ENOMEM, also for a NULL event. */
int gord_bus_emit(struct gord_bus *bus, struct gord_event *event, uint64_t *out_seq);

/* Whether what those who follow emit when a job ends is to be in the transaction of that end, whatever
 * job it is; for one with a hook of its own it is so anyway. */
void gord_bus_join_ends(struct gord_bus *bus, bool join);

/* Take over a complete life of a job that is not there, see gord_history_complete: it gets its numbers,
 * is put to the store in one transaction, and is told to those who follow commits. 0 with the last seq;
 * -ENOMEM, with none of them taken. The references are given up either way. */
int gord_bus_enter_history(struct gord_bus *bus, struct gord_event *const *events, size_t count,
                           uint64_t *out_seq);

/* Have it emitted by the loop; one that no longer fits its job is dropped. NULL is a failed
 * allocation and ends the process: an event lost here would leave a job running for ever. [any
 * thread] */
void gord_bus_post(struct gord_bus *bus, struct gord_event *event);

/* Have flush called this turn. */
void gord_bus_wake(struct gord_bus *bus);

/* The newest seq given, and the newest committed. */
uint64_t gord_bus_last_seq(const struct gord_bus *bus);
uint64_t gord_bus_committed(const struct gord_bus *bus);

/* An event by seq if it is still in memory, else NULL. Borrowed. */
struct gord_event *gord_bus_recent(const struct gord_bus *bus, uint64_t seq);

struct gord_job_table *gord_bus_table(struct gord_bus *bus);
struct gord_reader *gord_bus_reader(struct gord_bus *bus);
struct gord_store *gord_bus_store(struct gord_bus *bus);
uv_loop_t *gord_bus_loop(struct gord_bus *bus);

/* Were jobs paused when the last daemon ended? */
bool gord_bus_was_paused(const struct gord_bus *bus);

/* 0, or why the store refuses; its text is good until the next call. */
int gord_bus_store_error(struct gord_bus *bus, const char **out_text);

#endif
