/* SPDX-License-Identifier: MIT */
/* Random lives of jobs of several owners that also want tokens, shares and places of arrays, while limits,
 * weights and queues change: nothing that is counted drifts, and nobody waits for ever. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/job/group.h"
#include "daemon/job/queues.h"
#include "daemon/job/quota.h"
#include "tests/daemon/specs.h"

enum { JOBS = 120, STEPS = 4000, ROUNDS = 6, OWNERS = 4, TASKS = 5 };

#define ALL_KINDS ((1U << GORD_KIND_COUNT) - 1)
#define STATE(name) GOR__V1__JOB_STATE__##name

struct model {
    uint64_t id; /* 0: not there */
    uint32_t owner;
    uint64_t group; /* whose task it is; 0: nobody's */
};

struct world {
    struct gord_job_table *table;
    struct model jobs[JOBS];
    uint64_t random;
};

static unsigned pick(struct world *world, unsigned below)
{
    world->random = world->random * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((world->random >> 33) % below);
}

static struct gord_job *job_of(const struct world *world, const struct model *model)
{
    return model->id != 0 ? gord_job_find(world->table, model->id) : NULL;
}

/* What the model's job asks for is drawn anew each time. */
static struct gord_spec *draw_spec(struct world *world, const struct model *model)
{
    static const char *const queues[] = {"", "fair", "slow"}, *const shares[] = {"a", "b", "c"};
    Gor__V1__JobSpec__TokensEntry token = GOR__V1__JOB_SPEC__TOKENS_ENTRY__INIT, *tokens = &token;
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__ArrayTask task = GOR__V1__ARRAY_TASK__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.queue = (char *)(uintptr_t)queues[pick(world, 3)];
    if (pick(world, 2) == 0) {
        wire.share = (char *)(uintptr_t)shares[pick(world, 3)];
    }
    wire.priority = (int32_t)pick(world, 3) - 1;
    token.key = (char *)"gpu";
    token.value = 1 + pick(world, 3);
    wire.tokens = &tokens;
    wire.n_tokens = pick(world, 3) == 0;
    if (model->group != 0) {
        task.array_id = wire.parent_id = model->group;
        task.count = TASKS;
        task.at_once = (uint32_t)(model->group % 3); /* 0: all */
        wire.task = &task;
    }
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

static void submit_of(struct world *world, struct model *model)
{
    struct gord_spec *spec = draw_spec(world, model);
    model->id = gord_job_next_id(world->table);
    apply(world->table, gord_event_submitted(model->id, spec, model->owner));
    gord_spec_unref(spec);
}

static struct model *free_place(struct world *world)
{
    for (int i = 0; i < JOBS; i++) {
        if (job_of(world, &world->jobs[i]) == NULL) {
            world->jobs[i] = (struct model){.owner = 1000 + pick(world, OWNERS)};
            return &world->jobs[i];
        }
    }
    return NULL;
}

static void begin_array(struct world *world)
{
    struct gord_spec *spec = group_spec(TASKS);
    uint32_t owner = 1000 + pick(world, OWNERS);
    uint64_t id = gord_job_next_id(world->table);
    apply(world->table, gord_event_submitted(id, spec, owner));
    gord_spec_unref(spec);
    apply(world->table, gord_event_state(id, STATE(WAITING), "for its tasks"));
    for (int i = 0; i < TASKS; i++) {
        struct model *model = free_place(world);
        if (model != NULL) {
            model->owner = owner;
            model->group = id;
            submit_of(world, model);
        }
    }
}

static void with_standing(struct world *world, enum gord_event_kind kind, uint64_t id)
{
    struct gord_standing *standing = gord_standing_copy(NULL);
    CHECK(standing != NULL);
    apply(world->table, gord_event_standing(kind, id, standing, "gate"));
}

static void give_spec(struct world *world, const struct model *model)
{
    struct gord_spec *spec = native_spec("", 0);
    CHECK_EQ(gord_job_give_spec(world->table, model->id, spec, model->owner, 0), 0);
    gord_spec_unref(spec);
}

static void update(struct world *world, const struct model *model)
{
    struct gord_event *event = gord_event_new(GORD_EVENT_UPDATED, model->id, "changed");
    give_spec(world, model);
    event->spec = draw_spec(world, model);
    apply(world->table, event);
}

static void finish(struct world *world, uint64_t id)
{
    Gor__V1__Outcome outcome = (Gor__V1__Outcome)(1 + pick(world, GORD_OUTCOME_COUNT - 1));
    apply(world->table, gord_event_finished(id, outcome, 0, 0, "end"));
}

/* Its task of the model has ended with its group, if it was the last. */
static void settle_group(struct world *world, uint64_t id)
{
    struct gord_job *group = id != 0 ? gord_job_find(world->table, id) : NULL;
    if (group != NULL && group->state != STATE(TERMINATED) && gord_group_live(group) == 0) {
        finish(world, id);
    }
}

static void move_waiting(struct world *world, const struct model *model, const struct gord_job *job)
{
    switch (pick(world, 8)) {
    case 0:
        finish(world, model->id);
        break;
    case 1:
        give_spec(world, model);
        with_standing(world, GORD_EVENT_GATED, model->id);
        break;
    case 2:
        update(world, model);
        break;
    default:
        if (job->state != STATE(RUNNABLE)) {
            apply(world->table, gord_event_new(GORD_EVENT_QUEUED, model->id, NULL));
        }
    }
}

static void move_taken(struct world *world, const struct model *model, const struct gord_job *job)
{
    if (job->state == STATE(RUNNABLE)) {
        apply(world->table, gord_event_started(model->id, 1, 0, 0));
        return;
    }
    switch (pick(world, 6)) {
    case 0:
        with_standing(world, GORD_EVENT_RETRYING, model->id);
        break;
    case 1:
        with_standing(world, GORD_EVENT_REQUEUED, model->id);
        break;
    default:
        finish(world, model->id);
    }
}

static void move_on(struct world *world, const struct model *model)
{
    const struct gord_job *job = job_of(world, model);
    uint64_t group = model->group;
    if (job == NULL || job->state == STATE(TERMINATED)) {
        return;
    }
    if (job->taken) {
        move_taken(world, model, job);
    } else {
        move_waiting(world, model, job);
    }
    settle_group(world, group);
}

static void take_one(struct world *world, unsigned kinds)
{
    struct gord_job *job = gord_job_take_of(world->table, kinds);
    if (job == NULL || gord_job_has_spec(job)) {
        return;
    }
    struct model model = {.id = job->id};
    give_spec(world, &model);
}

static void limit(struct world *world, bool none)
{
    struct gord_owner_limit one = {
        .uid = 1000 + pick(world, OWNERS), .name = "one", .running = pick(world, 4)};
    struct gord_owner_limits limits = {0, pick(world, 3), &one, pick(world, 2)};
    CHECK_EQ(gord_quota_set(world->table, none ? &(struct gord_owner_limits){0} : &limits), 0);
}

static void change(struct world *world)
{
    static const char *const queues[] = {"default", "fair", "slow"}, *const keys[] = {"a", "b",
                                                                                      "c"};
    const char *queue = queues[pick(world, 3)];
    switch (pick(world, 5)) {
    case 0:
        limit(world, pick(world, 3) == 0);
        break;
    case 1:
        CHECK_EQ(gord_queues_weigh(world->table, queue, keys[pick(world, 3)], pick(world, 5)), 0);
        break;
    case 2:
        CHECK_EQ(gord_queues_pause(world->table, queue, pick(world, 2) == 0, 0), 0);
        break;
    case 3:
        CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", pick(world, 6)), 0);
        break;
    default:
        CHECK_EQ(gord_queues_set(world->table, GORD_QUEUE, "slow", pick(world, 4)), 0);
    }
}

static void check_counts(const struct world *world)
{
    uint64_t waiting[OWNERS] = {0}, running[OWNERS] = {0};
    CHECK(gord_job_table_is_valid(world->table));
    for (int i = 0; i < JOBS; i++) {
        const struct gord_job *job = job_of(world, &world->jobs[i]);
        if (job != NULL && job->state != STATE(TERMINATED)) {
            (job->taken ? running : waiting)[world->jobs[i].owner - 1000]++;
        }
    }
    for (uint32_t i = 0; i < OWNERS; i++) {
        struct gord_quota quota;
        gord_quota_of(world->table, 1000 + i, &quota);
        CHECK_EQ(quota.queued, waiting[i]);
        CHECK_EQ(quota.running, running[i]);
    }
}

static void step(struct world *world)
{
    struct model *model;
    switch (pick(world, 16)) {
    case 0:
    case 1:
        model = free_place(world);
        if (model != NULL) {
            submit_of(world, model);
        }
        break;
    case 2:
        if (pick(world, 4) == 0) {
            begin_array(world);
        }
        break;
    case 3:
        change(world);
        break;
    case 4:
    case 5:
        commit_all(world->table);
        break;
    case 6:
    case 7:
    case 8:
        take_one(world, pick(world, 4) == 0 ? 1U << GORD_EXEC : ALL_KINDS);
        break;
    default:
        move_on(world, &world->jobs[pick(world, JOBS)]);
    }
}

/* With nothing in their way all come to an end. */
static void run_out(struct world *world)
{
    limit(world, true);
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 5), 0);
    CHECK_EQ(gord_queues_set(world->table, GORD_QUEUE, "slow", GORD_UNLIMITED), 0);
    CHECK_EQ(gord_queues_pause(world->table, "default", false, 0), 0);
    CHECK_EQ(gord_queues_pause(world->table, "fair", false, 0), 0);
    CHECK_EQ(gord_queues_pause(world->table, "slow", false, 0), 0);
    for (int turn = 0; turn < 4 * JOBS; turn++) {
        for (int i = 0; i < JOBS; i++) {
            const struct gord_job *job = job_of(world, &world->jobs[i]);
            if (job != NULL && job->taken && job->state == STATE(RUNNABLE)) {
                apply(world->table, gord_event_started(job->id, 1, 0, 0));
            }
            if (job != NULL && job->taken && job->state != STATE(TERMINATED)) {
                finish(world, job->id);
                settle_group(world, world->jobs[i].group);
            } else if (job != NULL && !job->taken && job->state != STATE(RUNNABLE) &&
                       job->state != STATE(TERMINATED)) {
                apply(world->table, gord_event_new(GORD_EVENT_QUEUED, job->id, NULL));
            }
        }
        commit_all(world->table);
        take_one(world, ALL_KINDS);
    }
    check_counts(world);
    for (int i = 0; i < JOBS; i++) {
        CHECK(job_of(world, &world->jobs[i]) == NULL);
    }
}

TEST(owners_weights_pools_and_arrays_together_keep_their_counts_and_let_all_run)
{
    uint64_t seed = test_seed();
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct world world = {.table = new_table(round % 2 == 0 ? 10 : 0), .random = seed + round};
        gord_queues_set_slots(world.table, GORD_NATIVE, 12);
        CHECK_EQ(gord_queues_set(world.table, GORD_POOL, "gpu", 3), 0);
        CHECK_EQ(gord_queues_set(world.table, GORD_QUEUE, "fair", GORD_UNLIMITED), 0);
        CHECK_EQ(gord_queues_set(world.table, GORD_QUEUE, "slow", 2), 0);
        for (int i = 0; i < STEPS; i++) {
            step(&world);
            if (i % 5 == 0) {
                check_counts(&world);
            }
        }
        run_out(&world);
        gord_job_table_free(world.table);
    }
}
