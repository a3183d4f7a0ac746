/* SPDX-License-Identifier: MIT */
/* steer.h - what people do to a running job besides ending it: pause, resume, signal.
 *
 * Each acts at once, then puts it on record.
 * Threads     loop thread.
 */
#ifndef GORD_RUNNER_STEER_H
#define GORD_RUNNER_STEER_H

#include <stdint.h>

#include "daemon/runner/bus.h"

/* 0 with the seq of its event in *out_seq. -ESRCH: the job has no process yet, or no more;
 * -EALREADY: it was so already; -EOPNOTSUPP: not with a job of this kind; -EINVAL: it has ended;
 * -ENOMEM. */
int gord_steer_pause(struct gord_bus *bus, struct gord_job *job, const char *cause,
                     uint64_t *out_seq);
int gord_steer_resume(struct gord_bus *bus, struct gord_job *job, const char *cause,
                      uint64_t *out_seq);
int gord_steer_signal(struct gord_bus *bus, struct gord_job *job, int sig, const char *cause,
                      uint64_t *out_seq);

#endif
