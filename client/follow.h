/* SPDX-License-Identifier: MIT */
/* follow.h - a job's output on our own stdout and stderr, and how it ended. */
#ifndef GOR_CLIENT_FOLLOW_H
#define GOR_CLIENT_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "client/gorctl.h"
#include "gor/v1/jobs.pb-c.h"

/* What came of a job's output. */
struct gorctl_came {
    uint64_t bytes;   /* of both streams, whichever were asked for */
    uint64_t missing; /* that the daemon did not have any more when it was their turn */
    unsigned places;  /* where some were missing */
};

struct gorctl_follow {
    uint64_t id;
    uint64_t offset;
    uint64_t lines;   /* the last of what is there; 0: all */
    int64_t since_ns; /* 0: from the first */
    bool follow;      /* go on until the job has ended */
    bool only_stdout; /* leave its stderr out */
    bool only_stderr; /* leave its stdout out, and put its stderr on our stdout */
    bool holds;       /* have a program wait for us rather than miss some of it; with `follow` */
    bool raw;         /* bytes as they are, on a terminal too */
    /* Called once the stream is about to start, on the loop; may be NULL. */
    void (*on_begin)(void *user);
    void *user;
    struct gorctl_came *out_came; /* may be NULL: what is missing in all is told at the end then */
};

/* Copy the output; with ctl->json as one JSON object a line. Where some is missing a remark on stderr
 * says so: at each place if our stdout goes to the same place, else only at the first, for it would
 * stand nowhere. An exit code: OK once all that came is written. */
int gorctl_follow(struct gorctl *ctl, const struct gorctl_follow *follow);

/* Wait for the end of a job. On GORCTL_EXIT_OK the reply holds it as its only job. */
int gorctl_await(struct gorctl *ctl, uint64_t id, Gor__V1__WaitReply **out_reply);

/* How it ended, on stderr, where that is not plain from the exit code. */
void gorctl_say_how_it_ended(const Gor__V1__Job *job);

/* Both of the above: the exit code of the job, explained. Where *out_reply is not NULL it holds the job, and
 * is the caller's; else it is not known how that ended, and the code says why. */
int gorctl_await_end(struct gorctl *ctl, uint64_t id, Gor__V1__WaitReply **out_reply);

/* The same for whoever wants no more. */
int gorctl_await_code(struct gorctl *ctl, uint64_t id);

#endif
