/* SPDX-License-Identifier: MIT */
/* unanswered.h - the messages of an import that are not answered, to be sent again when the daemon was away:
 * with a job its output, though that is answered before.
 *
 * Ownership   a zeroed struct is empty; fini. Messages are its own.
 */
#ifndef GOR_CLIENT_UNANSWERED_H
#define GOR_CLIENT_UNANSWERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/store.pb-c.h"

struct gorctl_unanswered_one {
    Gor__V1__ImportRequest *message; /* owned */
    uint64_t index;                  /* of it on its stream */
    uint64_t line;
    uint64_t job; /* its number among jobs: of the job itself, or that output is of */
    bool answered;
};

struct gorctl_unanswered {
    struct gorctl_unanswered_one *ones; /* owned; in the order in which they were sent */
    size_t count, room;
    size_t open; /* not answered */
    uint64_t next_index;
    uint64_t jobs; /* so many have been sent */
};

/* One more message, which becomes its own. */
void gorctl_unanswered_add(struct gorctl_unanswered *all, Gor__V1__ImportRequest *message,
                           uint64_t line);

/* The line of the message that is answered by that; 0: it is none of those. */
uint64_t gorctl_unanswered_answer(struct gorctl_unanswered *all, uint64_t index);

/* On another stream, where they have indices from `first` on: those that are left, none is answered. */
void gorctl_unanswered_again(struct gorctl_unanswered *all, uint64_t first);

void gorctl_unanswered_fini(struct gorctl_unanswered *all);

#endif
