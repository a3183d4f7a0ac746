/* SPDX-License-Identifier: MIT */
/* after.h - which jobs wait for which: the conditions of one job, and an index from the jobs that are
 * waited for to those that wait.
 *
 * A job has clauses, all of which must hold; a clause has dependencies, one of which must hold. What
 * has been decided stays so: a job that ended does not end otherwise later.
 * Threads     loop thread.
 * Ownership   a struct gord_after belongs to the gate of its job, and is in the index while it lives.
 */
#ifndef GORD_RUNNER_AFTER_H
#define GORD_RUNNER_AFTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/spec.h"
#include "daemon/job/job.h"

struct gord_after;

struct gord_after_index {
    struct gord_dependency **buckets; /* owned; by id of the job waited for; NULL: none yet */
    size_t bucket_count;              /* a power of two */
    size_t count;
};

/* What is known of a job that is waited for. */
struct gord_after_facts {
    bool exists;
    bool started;
    bool ended;
    Gor__V1__Outcome outcome; /* once it ended */
    uint64_t array_id;        /* which task of which array it is; 0: of none, or it is not known */
    uint32_t array_index;
};

enum gord_after_verdict { GORD_AFTER_PENDING, GORD_AFTER_HOLDS, GORD_AFTER_NEVER };

/* The conditions of the job with that spec, entered into the index; NULL with 0: it has none.
 * facts(arg, id, out) tells about each job now. -ENOMEM, or what `facts` answers. */
int gord_after_new(struct gord_after_index *index, uint64_t job_id, const struct gord_spec *spec,
                   int (*facts)(void *arg, uint64_t id, struct gord_after_facts *out), void *arg,
                   struct gord_after **out_after);
void gord_after_free(struct gord_after_index *index, struct gord_after *after); /* NULL is fine */

/* Job `id` has started or ended. */
void gord_after_tell(struct gord_after *after, uint64_t id, const struct gord_after_facts *facts);

/* Of all clauses together. NULL: holds. */
enum gord_after_verdict gord_after_verdict(const struct gord_after *after);

/* Call visit(arg, id, condition) for all jobs it names, decided or not, until that answers non-zero;
 * answers that, else 0. NULL: none. */
int gord_after_each(const struct gord_after *after,
                    int (*visit)(void *arg, uint64_t id, Gor__V1__Dependency__Condition condition),
                    void *arg);

/* "job 7 to succeed; job 8 (task 2 of array 5) to end or job 9 to end": what is not decided; or, if it can never hold, which clause
 * and why. */
void gord_after_text(const struct gord_after *after, char *out, size_t bytes);

/* The jobs that wait for `id`: the number of them, of which at most `room` are in out_ids. */
size_t gord_after_waiting(const struct gord_after_index *index, uint64_t id, uint64_t *out_ids,
                          size_t room);

void gord_after_index_fini(struct gord_after_index *index);

#endif
