/* SPDX-License-Identifier: MIT */
/* turns.h - jobs of shares, of which one runs at a time. */
#ifndef GOR_TESTS_DAEMON_TURNS_H
#define GOR_TESTS_DAEMON_TURNS_H

#include "daemon/job/queues.h"
#include "tests/daemon/specs.h"

/* A job that wants some of pool "gpu" as well, and is queued at a time; 0: now. Its id. */
static inline uint64_t enter_at(struct gord_job_table *table, const char *share, int32_t priority,
                                uint32_t gpus, int64_t at_ns)
{
    Gor__V1__JobSpec__TokensEntry token = GOR__V1__JOB_SPEC__TOKENS_ENTRY__INIT;
    Gor__V1__JobSpec__TokensEntry *tokens[] = {&token};
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.share = (char *)(uintptr_t)share;
    wire.priority = priority;
    token.key = (char *)"gpu";
    token.value = gpus;
    wire.tokens = tokens;
    wire.n_tokens = gpus > 0;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    uint64_t id = gord_job_next_id(table);
    apply(table, gord_event_submitted(id, spec, 1000));
    struct gord_event *event = gord_event_new(GORD_EVENT_QUEUED, id, NULL);
    event->at_ns = at_ns != 0 ? at_ns : event->at_ns;
    apply(table, event);
    gord_spec_unref(spec);
    gord_job_committed(table, gord_job_next_seq(table) - 1);
    return id;
}

static inline uint64_t enter(struct gord_job_table *table, const char *share, int32_t priority)
{
    return enter_at(table, share, priority, 0, 0);
}

static inline struct gord_job_table *one_slot(void)
{
    struct gord_job_table *table =
        gord_job_table_new(&(struct gord_job_opts){.next_id = 1, .next_seq = 1});
    CHECK(table != NULL);
    gord_queues_set_slots(table, GORD_NATIVE, 1);
    return table;
}

/* A job that was taken runs and ends. Its id. */
static inline uint64_t run_taken(struct gord_job_table *table, uint64_t id)
{
    if (!gord_job_has_spec(gord_job_find(table, id))) {
        struct gord_spec *spec = native_spec("", 0);
        CHECK_EQ(gord_job_give_spec(table, id, spec, 1000, 0), 0);
        gord_spec_unref(spec);
    }
    apply(table, gord_event_started(id, 0, 0, 0));
    apply(table, gord_event_finished(id, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL));
    gord_job_committed(table, gord_job_next_seq(table) - 1);
    return id;
}

/* The next job does. Its id; 0: there is none. */
static inline uint64_t run_one(struct gord_job_table *table)
{
    struct gord_job *job = gord_job_take_of(table, (1U << GORD_KIND_COUNT) - 1);
    return job != NULL ? run_taken(table, job->id) : 0;
}

#endif
