/* SPDX-License-Identifier: MIT */
/* many.h - calls about many jobs: a portion each turn of the loop, so that a call about a million
 * keeps nobody waiting; answered once what they caused is on disk.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_MANY_H
#define GORD_SERVICE_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/state.h"

/* Results of one call; with `all` there may be more jobs than that. Some MiB of reply. */
enum { GORD_MANY_RESULTS = 250000 };

struct gord_many;

struct gord_many_kind {
    size_t portion; /* jobs before others get their turn: some milliseconds */
    /* Do it to one job, and note what became of it. An error ends the call. */
    int (*one)(struct gord_many *many, uint64_t id);
    void (*reply)(struct gord_many *many);
    void (*free)(struct gord_many *many);
    const char *reached; /* "cancelled": what not all have been when the daemon stops */
};

/* One call under way; the first member of what its kind has besides. */
struct gord_many {
    const struct gord_many_kind *kind;
    struct gord_service *service;
    struct rpc_call *call;
    const char *what; /* "cancel": what cannot be done on an error */
    uint64_t *ids;    /* owned; freed by gord_many_fini */
    size_t id_count;
    size_t done;
    uint64_t seq;           /* of the newest event this caused */
    struct gord_many *next; /* list link of the service */
};

/* What such requests have in common. */
struct gord_many_request {
    size_t n_ids;
    const uint64_t *ids;
    bool all;
    const char *cause;
};

/* Is the request right? If not, the call has been answered. */
bool gord_many_ok(struct rpc_call *call, const struct gord_many_request *request, bool takes_all);

/* How many jobs it may be about. */
size_t gord_many_room(struct gord_service *service, const struct gord_many_request *request);

/* Room for so many ids; the rest is the caller's to set before. -ENOMEM. */
int gord_many_init(struct gord_many *many, size_t room);
void gord_many_fini(struct gord_many *many);

/* Begin; `many` is freed by its kind when the call has been answered. `fits`: which jobs `all` means. */
void gord_many_begin(struct gord_many *many, const struct gord_many_request *request,
                     bool (*fits)(const struct gord_job *job));

/* For kinds: a job that has not ended. */
bool gord_many_lives(const struct gord_job *job);

#endif
