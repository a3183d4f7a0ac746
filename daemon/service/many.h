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

#include "daemon/service/select.h"
#include "daemon/service/state.h"

/* Results of one call; with `all` there may be more jobs than that. Some MiB of reply. */
enum { GORD_MANY_RESULTS = 250000 };

struct gord_many;

struct gord_many_kind {
    size_t size;         /* of the struct whose first member the gord_many is */
    size_t result_bytes; /* of a result, which is a message */
    size_t portion;      /* jobs before others get their turn: some milliseconds */
    /* Do it to one job, and note what became of it. An error ends the call. */
    int (*one)(struct gord_many *many, uint64_t id);
    /* What is to be done before the reply, once all have had their turn. True: it goes on, and answers
     * and frees the call itself. NULL: nothing. */
    bool (*rest)(struct gord_many *many);
    void (*reply)(struct gord_many *many);
    /* Let go of what it has besides, if there is any yet, and of what its results own. NULL: nothing. */
    void (*fini)(struct gord_many *many);
    const char *reached; /* "cancelled": what not all have been when the daemon stops */
};

/* One call under way; the first member of what its kind has besides. */
struct gord_many {
    const struct gord_many_kind *kind;
    struct gord_service *service;
    struct rpc_call *call;
    const char *what;                          /* "cancel": see gord_many_new */
    uint64_t *ids;                             /* owned, as the next */
    struct gord_select select;                 /* where more ids come from once these are done */
    bool (*picks)(const struct gord_job *job); /* which of those it is about; NULL: all */
    bool in_order; /* all of a selection are found before the first of them has its turn */
    size_t id_count;
    size_t id_room;
    size_t done;
    void *table;                /* owned; the results one by one */
    ProtobufCMessage **results; /* owned; where each of them is, for the reply */
    size_t count;               /* of results */
    size_t room;                /* for results */
    uint64_t seq;               /* of the newest event this caused */
    struct list_link link;      /* of service->manys, between its turns */
};

/* What such requests have in common. One of ids, `all` and selector says which jobs are meant. */
struct gord_many_request {
    size_t n_ids;
    const uint64_t *ids;
    bool all;
    const char *cause;
    const Gor__V1__Selector *selector; /* NULL, and one that says nothing: none */
    /* Which live jobs are meant by `all`, and by a selector that names no ids. NULL: there is no
     * `all`, and a selector means jobs that have ended as well. */
    bool (*fits)(const struct gord_job *job);
    /* Jobs that a selector means have their turn in the order of their submission, rather than newest
     * first: what is queued by it starts in that order. */
    bool in_order;
};

/* A call with room for as many results as the request leads to expect; "cannot `what`" is what is said
 * on an error. NULL: the request is not right, or there is no memory, and the call has been answered. */
struct gord_many *gord_many_new(const struct gord_many_kind *kind, struct gord_service *service,
                                struct rpc_call *call, const char *what,
                                const struct gord_many_request *request);
void gord_many_free(struct gord_many *many);

/* So many results more than the request led to expect. -ENOMEM. */
int gord_many_expect(struct gord_many *many, size_t count);

/* The next result, of zeros. NULL: one reply tells no more. */
void *gord_many_result(struct gord_many *many);

/* Begin; `many` is freed when the call has been answered. */
void gord_many_begin(struct gord_many *many, const struct gord_many_request *request);

/* Begin anew with these ids, which are taken over; `many` has been begun, and goes on by itself when
 * others have had their turn. */
void gord_many_again(struct gord_many *many, uint64_t *ids, size_t count);

/* For kinds: a job that has not ended. */
bool gord_many_lives(const struct gord_job *job);

#endif
