/* SPDX-License-Identifier: MIT */
/* Random lives of many jobs against a model that is too simple to be wrong. */
#include <stdlib.h>

#include "daemon/job/job.h"
#include "tests/daemon/specs.h"

enum { JOBS = 200, STEPS = 20000 };

struct model {
    uint64_t id; /* 0: not there */
    uint64_t last_seq;
    uint64_t parent;
    uint32_t standing; /* attempt in its standing; 0: it has none */
    uint8_t state;
    bool taken;
    bool committed_end;
};

struct world {
    struct gord_job_table *table;
    struct model jobs[JOBS];
    uint64_t seq;
    uint64_t committed;
    uint64_t random;
};

static unsigned pick(struct world *world, unsigned below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (unsigned)(world->random % below);
}

static void step(struct world *world, struct model *job, struct gord_event *event, uint8_t state)
{
    CHECK_EQ(gord_job_apply(world->table, event), 0);
    CHECK_EQ(event->seq, ++world->seq);
    CHECK_EQ(event->prev_seq, job->last_seq);
    gord_event_unref(event);
    job->last_seq = world->seq;
    job->state = state;
}

static void begin(struct world *world, struct model *job)
{
    const struct model *parent = &world->jobs[pick(world, JOBS)];
    job->id = gord_job_next_id(world->table);
    job->last_seq = 0;
    job->taken = false;
    job->standing = 0;
    job->parent = pick(world, 3) == 0 ? parent->id : 0;
    struct gord_spec *spec = native_spec("job", job->parent);
    step(world, job, gord_event_submitted(job->id, spec, 0), GOR__V1__JOB_STATE__CREATED);
    gord_spec_unref(spec);
}

static void finish(struct world *world, struct model *job)
{
    Gor__V1__Outcome outcome = (Gor__V1__Outcome)(1 + pick(world, GORD_OUTCOME_COUNT - 1));
    step(world, job, gord_event_finished(job->id, outcome, 0, 0, "end"),
         GOR__V1__JOB_STATE__TERMINATED);
}

/* An event that brings a standing; it leaves the job without a run. */
static void gate(struct world *world, struct model *job, enum gord_event_kind kind, uint8_t state)
{
    struct gord_standing *standing = gord_standing_copy(NULL);
    standing->attempt = job->standing = pick(world, 1000) + 1;
    step(world, job, gord_event_standing(kind, job->id, standing, "gate"), state);
    job->taken = false;
}

/* A queued job goes back behind a gate; it has its spec again then. */
static void hold(struct world *world, struct model *job)
{
    struct gord_spec *spec = native_spec("job", job->parent);
    if (job->taken) {
        gord_spec_unref(spec);
        return;
    }
    CHECK_EQ(gord_job_give_spec(world->table, job->id, spec, 0, 0), 0);
    gord_spec_unref(spec);
    gate(world, job, GORD_EVENT_GATED, GOR__V1__JOB_STATE__CREATED);
}

/* The next one to start is the queued job with the smallest QUEUED seq, if that is committed. Since
 * a queued job's later events move last_seq, the model looks at what the table hands out. */
static void take(struct world *world)
{
    struct gord_job *job = gord_job_take(world->table, GORD_NATIVE);
    if (job == NULL) {
        return;
    }
    for (int i = 0; i < JOBS; i++) {
        struct model *model = &world->jobs[i];
        if (model->id == job->id) {
            CHECK(model->state == GOR__V1__JOB_STATE__RUNNABLE && !model->taken);
            CHECK(model->last_seq <= world->committed);
            model->taken = true;
            if (!gord_job_has_spec(job)) {
                struct gord_spec *spec = native_spec("job", 0);
                CHECK_EQ(gord_job_give_spec(world->table, job->id, spec, 0, 0), 0);
                gord_spec_unref(spec);
            }
            step(world, model, gord_event_started(job->id, 1, 0, 0), GOR__V1__JOB_STATE__RUNNING);
            return;
        }
    }
    CHECK(false);
}

static void commit(struct world *world)
{
    world->committed += pick(world, (unsigned)(world->seq - world->committed) + 1);
    gord_job_committed(world->table, world->committed);
    for (int i = 0; i < JOBS; i++) {
        struct model *job = &world->jobs[i];
        if (job->state == GOR__V1__JOB_STATE__TERMINATED && job->last_seq <= world->committed) {
            *job = (struct model){0};
        }
    }
}

static void move_on(struct world *world, struct model *job)
{
    uint64_t id = job->id;
    switch (job->state) {
    case 0:
        begin(world, job);
        break;
    case GOR__V1__JOB_STATE__CREATED:
        if (pick(world, 4) == 0) {
            gate(world, job, GORD_EVENT_GATED, GOR__V1__JOB_STATE__CREATED);
            break;
        }
        step(world, job, gord_event_new(GORD_EVENT_QUEUED, id, NULL), GOR__V1__JOB_STATE__RUNNABLE);
        break;
    case GOR__V1__JOB_STATE__RUNNABLE:
        if (pick(world, 8) == 0) {
            finish(world, job);
        } else if (pick(world, 8) == 0) {
            hold(world, job);
        } else {
            take(world);
        }
        break;
    case GOR__V1__JOB_STATE__RUNNING:
        step(world, job, gord_event_state(id, GOR__V1__JOB_STATE__WAITING, "sleep"),
             GOR__V1__JOB_STATE__WAITING);
        break;
    case GOR__V1__JOB_STATE__WAITING:
        if (!job->taken) {
            step(world, job, gord_event_new(GORD_EVENT_QUEUED, id, NULL),
                 GOR__V1__JOB_STATE__RUNNABLE);
        } else if (pick(world, 4) != 0) {
            finish(world, job);
        } else if (pick(world, 2) == 0) {
            gate(world, job, GORD_EVENT_RETRYING, GOR__V1__JOB_STATE__WAITING);
        } else {
            gate(world, job, GORD_EVENT_REQUEUED, GOR__V1__JOB_STATE__RUNNABLE);
        }
        break;
    default:
        break; /* terminated; a commit will forget it */
    }
}

static void compare(const struct world *world)
{
    uint64_t by_state[GORD_STATE_COUNT] = {0}, taken = 0;
    CHECK(gord_job_table_is_valid(world->table));
    for (int i = 0; i < JOBS; i++) {
        const struct model *model = &world->jobs[i];
        if (model->id == 0) {
            continue;
        }
        const struct gord_job *job = gord_job_find(world->table, model->id);
        CHECK(job != NULL);
        CHECK_EQ(job->state, model->state);
        CHECK_EQ(job->last_seq, model->last_seq);
        const struct gord_standing *standing = job->body != NULL ? job->body->standing : NULL;
        CHECK_EQ(standing != NULL ? standing->attempt : 0, model->standing);
        by_state[model->state]++;
        taken += model->state != GOR__V1__JOB_STATE__TERMINATED && job->taken;
        uint64_t children = 0;
        for (int k = 0; k < JOBS; k++) {
            children += world->jobs[k].id != 0 && world->jobs[k].parent == model->id &&
                        world->jobs[k].state != GOR__V1__JOB_STATE__TERMINATED;
        }
        CHECK_EQ(gord_job_children(world->table, model->id, NULL, 0), children);
    }
    const struct gord_job_counts *counts = gord_job_counts(world->table);
    for (int i = 0; i < GORD_STATE_COUNT; i++) {
        CHECK_EQ(counts->by_state[i], by_state[i]);
    }
    CHECK_EQ(counts->taken[GORD_NATIVE], taken);
}

TEST(random_lives_agree_with_the_model)
{
    struct world world = {.table = new_table(20), .random = test_seed()};
    for (int i = 0; i < STEPS; i++) {
        struct model *job = &world.jobs[pick(&world, JOBS)];
        unsigned what = pick(&world, 16);
        if (what == 0) {
            commit(&world);
        } else if (what == 1 && job->id != 0 && job->state != GOR__V1__JOB_STATE__TERMINATED) {
            step(&world, job, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, job->id, "why"),
                 job->state);
        } else {
            move_on(&world, job);
        }
        if (i % 100 == 0) {
            compare(&world);
        }
    }
    compare(&world);
    gord_job_table_free(world.table);
}
