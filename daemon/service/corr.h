/* SPDX-License-Identifier: MIT */
/* corr.h - arrays that wait for others task by task: the condition CORR of a dependency.
 *
 * A clause that has one is the array's for people to see, and holds for the group. Each of its tasks
 * has the clause in place of that, in which the task of the same index stands for the other array, and
 * is to succeed. From there on it is a dependency like any other.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_CORR_H
#define GORD_SERVICE_CORR_H

#include "daemon/service/accept.h"

/* Does the spec, which may be of no array, ask for no more than can be? 0, or -EINVAL with a text. */
int gord_corr_check(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes);

/* Are those it names arrays, which have a task for each of its own? */
bool gord_corr_accepts(struct gord_service *service, const char *where,
                       const Gor__V1__JobSpec *spec, const struct gord_earlier *earlier,
                       struct gord_refusal *out_why);

/* What the tasks of an array that was accepted wait for; NULL with 0: for nothing. Borrows from `wire`.
 * -ENOMEM, or the reader's error. */
struct gord_corr;
int gord_corr_new(struct gord_service *service, const Gor__V1__JobSpec *wire,
                  struct gord_corr **out_corr);
void gord_corr_free(struct gord_corr *corr); /* NULL is fine */

/* Have the task of that index wait so; it borrows until the next call. NULL: for nothing. */
void gord_corr_fill(struct gord_corr *corr, uint32_t index, Gor__V1__JobSpec *out_task);

/* For which arrays the tasks of the group wait, some of which do at a gate, added to that in `text`;
 * `spec` is the group's. */
void gord_corr_why(struct gord_service *service, const struct gord_job *group,
                   const Gor__V1__JobSpec *spec, char text[GORD_GATE_TEXT]);

/* What would become of the tasks of an accepted array, as far as they would not start now, added to the
 * reasons in `text`. -ENOMEM, or the reader's error. */
int gord_corr_would(struct gord_service *service, const Gor__V1__JobSpec *spec,
                    char text[GORD_GATE_TEXT]);

#endif
