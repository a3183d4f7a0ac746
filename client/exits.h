/* SPDX-License-Identifier: MIT */
/* exits.h - the codes gorctl ends with, and what leads to which.
 *
 * `run`, `wait` and `logs -f` end with the job's own code; a job that ended in another way than by
 * an exit code, and every trouble of gorctl's own, has one of the numbers below. They are part of
 * the interface: gorctl.1 and `gorctl help` list them.
 */
#ifndef GOR_CLIENT_EXITS_H
#define GOR_CLIENT_EXITS_H

#include <stdio.h>

#include "gor/v1/jobs.pb-c.h"
#include "proto/status.h"

enum gorctl_exit {
    GORCTL_EXIT_OK = 0,
    GORCTL_EXIT_USAGE = 64,      /* wrong command line, or the daemon refused an argument */
    GORCTL_EXIT_NOTHING = 65,    /* what was said selects no job */
    GORCTL_EXIT_NOT_FOUND = 66,  /* no such job, or no such input file */
    GORCTL_EXIT_NO_DAEMON = 69,  /* nobody answers at the address */
    GORCTL_EXIT_INTERNAL = 70,   /* a fault of gorctl's or of gord's */
    GORCTL_EXIT_OUTPUT = 74,     /* standard output could not be written, or not all of it */
    GORCTL_EXIT_REFUSED = 75,    /* not now: store full, queue full, daemon stopping; try later */
    GORCTL_EXIT_DENIED = 77,     /* not allowed */
    GORCTL_EXIT_CANCELLED = 79,  /* the job was cancelled */
    GORCTL_EXIT_LOST = 80,       /* the daemon died under the job */
    GORCTL_EXIT_SPAWN = 81,      /* the job's program could not be started */
    GORCTL_EXIT_PANICKED = 82,   /* the native job panicked */
    GORCTL_EXIT_DEPENDENCY = 83, /* the job never ran, for its dependency can no longer come */
    GORCTL_EXIT_EXPIRED = 84,    /* the job never ran, for it could not start in time */
    GORCTL_EXIT_TIMED_OUT = 124,
    GORCTL_EXIT_SIGNAL = 128,   /* + the number of the signal that ended the job */
    GORCTL_EXIT_DETACHED = 130, /* ctrl-C: gorctl left, the job runs on */
};

/* The code for a call that ended with `status`. */
int gorctl_exit_of_status(enum wire_status status);

/* The code for a job that has terminated. 0 only if it succeeded. */
int gorctl_exit_of_job(const Gor__V1__Job *job);

/* The list for --help. */
void gorctl_exit_list(FILE *out);

#endif
