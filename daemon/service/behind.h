/* SPDX-License-Identifier: MIT */
/* behind.h - jobs that would wait for themselves: refused wherever a job that is there comes to wait for
 * others, by a change or as it is run again.
 *
 * Whoever is handed in waits for jobs that are there, so no circle comes of that. What counts as waiting is
 * what the specs say, of jobs that have not run, whether or not it has come already: after a restart it
 * is looked up anew.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_BEHIND_H
#define GORD_SERVICE_BEHIND_H

#include "daemon/service/circle.h"
#include "daemon/service/submit.h"

/* Everything that a job which runs after what `spec` names would wait for, into `circle`, which is
 * initialised. -ENOMEM. */
int gord_behind_walk(struct gord_service *service, const Gor__V1__JobSpec *spec,
                     struct gord_circle *circle);

/* May job `id`, below `parent_id`, or 0, wait for all that? Neither is it there itself, nor does it wait for
 * the end of a job that it ends with. */
bool gord_behind_accepts(struct gord_service *service, const struct gord_circle *circle,
                         uint64_t id, uint64_t parent_id, struct gord_refusal *out_why);

#endif
