/* SPDX-License-Identifier: MIT */
/* input.h - what a running job reads: a pipe, and writes to it that wait until the job has room.
 *
 * Nothing is kept but the pipe's own 64 KiB and the writes under way, whose number the caller bounds;
 * so a job that never reads holds up who writes to it, and no memory.
 * Threads     open, shut: the job's goroutine. start: loop. cancel: loop. The writing itself is on a
 *             goroutine for each write, one after the other.
 * Ownership   part of a run; a write belongs to this room from start until its `done` is called.
 */
#ifndef GORD_RUNNER_INPUT_H
#define GORD_RUNNER_INPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/inbox.h"
#include "runtime/gor.h"

struct gord_run;

/* Whoever writes may name itself, so that it can repeat what it does not know to be written. The job has
 * of each of the last writers so many bytes; one that is forgotten cannot go on. */
enum { GORD_WRITER_BYTES = 16, GORD_WRITERS_MAX = 4096 };

struct gord_input_writer {
    uint8_t id[GORD_WRITER_BYTES];
    uint64_t taken;
    bool closed; /* it has closed the pipe */
};

struct gord_input {
    struct gor_mutex lock; /* one write at a time */
    struct gor_ctx *ctx;   /* owned; above those of the writes; NULL: there is no pipe (yet) */
    int fd;                /* owned; guarded by lock, as what follows; -1: closed */
    struct gord_input_writer *writers; /* owned; the one that wrote last at the end */
    size_t writer_count;
    size_t writer_room;
    atomic_bool handed; /* another daemon goes on with it; set before ctx is cancelled */
};

/* One write. */
struct gord_input_write {
    struct gord_inbox_item link; /* of the inbox that it comes back by */
    struct gord_run *run;        /* owned reference */
    const void *data;            /* borrowed until done */
    size_t size;
    bool close;            /* close the pipe behind it */
    const uint8_t *writer; /* borrowed until done; NULL: nobody in particular */
    uint64_t offset;       /* what that has sent before; the job has it, and perhaps some of this */
    /* 0. -EPIPE: nobody reads any more. -ERANGE: the job does not have what was sent before. -ESHUTDOWN:
     * the daemon goes, and the next one has the pipe. Others. */
    int result;
    size_t written;                               /* of it, now or before, also after a failure */
    void (*done)(struct gord_input_write *write); /* on the loop */
    _Atomic(struct gor_ctx *) ctx;                /* owned; set once by the goroutine */
    atomic_bool cancelled; /* set by the loop; meets `ctx` as a run's cause does */
};

/* The pipe's end to write to, which becomes the input's. -ENOMEM: it stays the caller's. */
int gord_input_open(struct gord_input *input, int fd);

/* End the writes under way and close it; no more come through. */
void gord_input_shut(struct gord_input *input);

/* The same without closing it: the pipe's end, which is the caller's then; -1: there is none. The writers
 * do not change any more. */
int gord_input_let_go(struct gord_input *input);

/* Before the first write: what a job that goes on has of a writer. -ENOMEM. */
int gord_input_know(struct gord_input *input, const uint8_t *id, uint64_t taken);

/* Forget it; nobody writes any more. */
void gord_input_fini(struct gord_input *input);

/* Begin to write to a run that has a process; `done` is called once it has ended in some way. The
 * runtime's errors: it will not be. */
int gord_input_start(struct gord_run *run, struct gord_input_write *write);

/* Nobody wants it written any more; `done` is called soon. */
void gord_input_cancel(struct gord_input_write *write);

#endif
