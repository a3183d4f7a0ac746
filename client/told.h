/* SPDX-License-Identifier: MIT */
/* told.h - the progress of jobs that was shown last, so that a stream that goes on after the daemon was
 * away, and begins with the newest of each, shows none of it twice.
 *
 * Ownership   a zeroed struct is empty; fini.
 */
#ifndef GOR_CLIENT_TOLD_H
#define GOR_CLIENT_TOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "gor/v1/jobs.pb-c.h"

struct gorctl_told_one;

struct gorctl_told {
    struct gorctl_told_one *ones; /* owned */
    size_t count, room;
};

/* Remember the progress of the event. False: it is what was told before the stream began again. */
bool gorctl_told_is_new(struct gorctl_told *told, const Gor__V1__Event *event);

/* The stream begins again. */
void gorctl_told_again(struct gorctl_told *told);

/* A job has ended. */
void gorctl_told_forget(struct gorctl_told *told, uint64_t job_id);

void gorctl_told_fini(struct gorctl_told *told);

#endif
