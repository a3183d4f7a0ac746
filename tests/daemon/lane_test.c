/* SPDX-License-Identifier: MIT */
/* Lanes: whose turn it is, against a naive simulation that looks at every job each time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "tests/daemon/specs.h"

enum { POOLS = 3, QUEUES = 3, JOBS_MAX = 400, STEPS = 3000 };

/* What the simulation knows of a job. */
struct plain_job {
    uint64_t id;
    uint64_t seq; /* of its QUEUED event, which is its time too: a minute each */
    int32_t priority;
    unsigned queue;
    uint32_t slots;
    uint32_t tokens[POOLS];
    enum { WAITS, RUNS, OVER } phase;
};

struct world {
    struct gord_job_table *table;
    struct plain_job jobs[JOBS_MAX];
    size_t count;
    uint64_t queue_slots[QUEUES];
    uint64_t pool_size[POOLS];
    bool paused[QUEUES];
};

static const char *const queue_names[QUEUES] = {"default", "build", "night"};
static const char *const pool_names[POOLS] = {"gpu", "licence", "disk"};

static struct gord_spec *spec_of(const struct plain_job *job)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__TokensEntry entries[POOLS], *list[POOLS];
    struct gord_spec *spec;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.queue = (char *)(uintptr_t)(job->queue != 0 ? queue_names[job->queue] : "");
    wire.priority = job->priority;
    wire.slots = job->slots;
    wire.tokens = list;
    for (int i = POOLS - 1; i >= 0; i--) {
        if (job->tokens[i] > 0) {
            gor__v1__job_spec__tokens_entry__init(&entries[wire.n_tokens]);
            entries[wire.n_tokens].key = (char *)(uintptr_t)pool_names[i];
            entries[wire.n_tokens].value = job->tokens[i];
            list[wire.n_tokens] = &entries[wire.n_tokens];
            wire.n_tokens++;
        }
    }
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

static void submit_plain(struct world *world, const struct plain_job *plain)
{
    struct plain_job *job = &world->jobs[world->count++];
    *job = *plain;
    job->id = gord_job_next_id(world->table);
    job->phase = WAITS;
    struct gord_spec *spec = spec_of(job);
    apply(world->table, gord_event_submitted(job->id, spec, 0));
    gord_spec_unref(spec);
    job->seq = gord_job_next_seq(world->table);
    struct gord_event *event = gord_event_new(GORD_EVENT_QUEUED, job->id, NULL);
    event->at_ns = (int64_t)job->seq * 60 * 1000000000;
    apply(world->table, event);
}

/* -------------------------------------------------------- the simulation */

struct left {
    uint64_t slots[QUEUES];
    uint64_t tokens[POOLS];
};

static uint64_t less(uint64_t from, uint64_t amount)
{
    return from > amount ? from - amount : 0;
}

static struct left left_of(const struct world *world)
{
    struct left left;
    memcpy(left.slots, world->queue_slots, sizeof left.slots);
    memcpy(left.tokens, world->pool_size, sizeof left.tokens);
    for (size_t i = 0; i < world->count; i++) {
        const struct plain_job *job = &world->jobs[i];
        if (job->phase == RUNS) {
            left.slots[job->queue] = less(left.slots[job->queue], job->slots);
            for (int p = 0; p < POOLS; p++) {
                left.tokens[p] = less(left.tokens[p], job->tokens[p]);
            }
        }
    }
    return left;
}

static bool same_lane(const struct plain_job *a, const struct plain_job *b)
{
    return a->queue == b->queue && a->priority == b->priority && a->slots == b->slots &&
           memcmp(a->tokens, b->tokens, sizeof a->tokens) == 0;
}

static bool is_first_of_lane(const struct world *world, const struct plain_job *job)
{
    for (const struct plain_job *other = world->jobs; other < job; other++) {
        if (other->phase == WAITS && same_lane(other, job)) {
            return false;
        }
    }
    return true;
}

static bool fits(const struct left *left, const struct plain_job *job)
{
    bool fit = left->slots[job->queue] >= job->slots;
    for (int p = 0; p < POOLS; p++) {
        fit = fit && left->tokens[p] >= job->tokens[p];
    }
    return fit;
}

/* Must the job be startable, if nothing were kept for others? */
static bool is_startable(const struct world *world, const struct plain_job *job)
{
    struct left left = left_of(world);
    return job->phase == WAITS && !world->paused[job->queue] && is_first_of_lane(world, job) &&
           fits(&left, job);
}

static struct plain_job *find(struct world *world, uint64_t id)
{
    for (size_t i = 0; i < world->count; i++) {
        if (world->jobs[i].id == id) {
            return &world->jobs[i];
        }
    }
    return NULL;
}

static bool is_before(const struct plain_job *a, const struct plain_job *b)
{
    int64_t left = (int64_t)a->seq - a->priority, right = (int64_t)b->seq - b->priority;
    return left != right ? left < right : a->id < b->id;
}

static bool may_ever_start(const struct world *world, const struct plain_job *job)
{
    bool may = job->slots <= world->queue_slots[job->queue];
    for (int p = 0; p < POOLS; p++) {
        may = may && job->tokens[p] <= world->pool_size[p];
    }
    return may;
}

/* Do the two want something of the same kind? */
static bool compete(const struct plain_job *a, const struct plain_job *b)
{
    bool common = a->queue == b->queue;
    for (int p = 0; p < POOLS; p++) {
        common = common || (a->tokens[p] > 0 && b->tokens[p] > 0);
    }
    return common;
}

/* Start all that the table hands out; then whoever still waits must have a reason. */
static void start_all(struct world *world)
{
    struct gord_job *taken;
    while ((taken = gord_job_take(world->table, GORD_NATIVE)) != NULL) {
        struct plain_job *job = find(world, taken->id);
        CHECK(job != NULL && is_startable(world, job));
        job->phase = RUNS;
        apply(world->table, gord_event_started(job->id, 1, 0, 0));
    }
    CHECK(gord_job_table_is_valid(world->table));
    const struct plain_job *first = NULL;
    for (size_t i = 0; i < world->count; i++) {
        const struct plain_job *job = &world->jobs[i];
        if (job->phase != WAITS || world->paused[job->queue] || !may_ever_start(world, job)) {
            continue;
        }
        first = first == NULL || is_before(job, first) ? job : first;
    }
    /* Nothing is set aside for anybody before the first of all: what it wants cannot be all free. */
    CHECK(first == NULL || !is_startable(world, first));
    for (size_t i = 0; i < world->count; i++) {
        const struct plain_job *job = &world->jobs[i];
        bool kept_for_another = false;
        for (size_t j = 0; j < world->count && is_startable(world, job); j++) {
            const struct plain_job *other = &world->jobs[j];
            kept_for_another |= other->phase == WAITS && is_before(other, job) &&
                                compete(other, job) && !world->paused[other->queue];
        }
        CHECK(!is_startable(world, job) || kept_for_another);
    }
}

/* ---------------------------------------------------------- random walks */

static uint64_t random_state;

static unsigned draw(unsigned below)
{
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(random_state >> 33) % below;
}

static void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->table = new_table(0);
    for (int i = 0; i < QUEUES; i++) {
        world->queue_slots[i] = 2 + draw(6);
        CHECK_EQ(gord_queues_set(world->table, GORD_QUEUE, queue_names[i], world->queue_slots[i]),
                 0);
    }
    for (int i = 0; i < POOLS; i++) {
        world->pool_size[i] = 1 + draw(5);
        CHECK_EQ(gord_queues_set(world->table, GORD_POOL, pool_names[i], world->pool_size[i]), 0);
    }
}

static void submit_any(struct world *world)
{
    struct plain_job job = {.queue = draw(QUEUES),
                            .priority = draw(3) == 0 ? (int32_t)draw(41) - 20 : 0};
    job.slots = 1 + (draw(3) == 0 ? draw((unsigned)world->queue_slots[job.queue]) : 0);
    for (int p = 0; p < POOLS; p++) {
        job.tokens[p] = draw(4) == 0 ? 1 + draw((unsigned)world->pool_size[p]) : 0;
    }
    submit_plain(world, &job);
}

static void end(struct world *world, struct plain_job *job)
{
    apply(world->table, gord_event_finished(job->id, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL));
    job->phase = OVER;
}

/* A job in the phase, at random; NULL: there is none where we looked. */
static struct plain_job *any_job(struct world *world, int phase)
{
    struct plain_job *job = world->count > 0 ? &world->jobs[draw((unsigned)world->count)] : NULL;
    return job != NULL && (int)job->phase == phase ? job : NULL;
}

static void step(struct world *world)
{
    struct plain_job *job;
    unsigned queue = draw(QUEUES);
    switch (draw(8)) {
    case 0:
    case 1:
    case 2:
        if (world->count < JOBS_MAX) {
            submit_any(world);
        }
        break;
    case 3:
    case 4:
    case 5:
        if ((job = any_job(world, RUNS)) != NULL) {
            end(world, job);
        }
        break;
    case 6:
        if ((job = any_job(world, WAITS)) != NULL) {
            end(world, job); /* cancelled */
        }
        break;
    default:
        world->paused[queue] = draw(4) == 0;
        CHECK_EQ(gord_queues_pause(world->table, queue_names[queue], world->paused[queue], 0), 0);
    }
}

static void run_dry(struct world *world)
{
    for (int i = 0; i < QUEUES; i++) {
        world->paused[i] = false;
        CHECK_EQ(gord_queues_pause(world->table, queue_names[i], false, 0), 0);
    }
    for (size_t rounds = 0; gord_job_counts(world->table)->queued[GORD_NATIVE] > 0; rounds++) {
        CHECK(rounds <= JOBS_MAX);
        commit_all(world->table);
        start_all(world);
        for (size_t i = 0; i < world->count; i++) {
            if (world->jobs[i].phase == RUNS) {
                end(world, &world->jobs[i]);
            }
        }
    }
}

TEST(lane_random_walks_agree_with_simulation)
{
    const char *given = getenv("GOR_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)gord_event_clock();
    printf("seed %" PRIu64 "\n", seed);
    random_state = seed;
    struct world *world = malloc(sizeof *world);
    for (int walk = 0; walk < 5; walk++) {
        world_init(world);
        for (int i = 0; i < STEPS / 5; i++) {
            step(world);
            if (draw(2) == 0) {
                commit_all(world->table);
                start_all(world);
            }
        }
        run_dry(world);
        commit_all(world->table);
        CHECK(gord_job_table_is_valid(world->table));
        gord_job_table_free(world->table);
    }
    free(world);
}

/* -------------------------------------------------------------- the rules */

static struct world *small_world(void)
{
    struct world *world = calloc(1, sizeof *world);
    world->table = new_table(0);
    CHECK_EQ(gord_queues_set(world->table, GORD_QUEUE, "default", 4), 0);
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 1), 0);
    return world;
}

static void free_world(struct world *world)
{
    gord_job_table_free(world->table);
    free(world);
}

static uint64_t take_one(struct world *world)
{
    commit_all(world->table);
    struct gord_job *job = gord_job_take(world->table, GORD_NATIVE);
    if (job == NULL) {
        return 0;
    }
    apply(world->table, gord_event_started(job->id, 1, 0, 0));
    return job->id;
}

static void finish(struct world *world, uint64_t id)
{
    apply(world->table, gord_event_finished(id, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL));
}

TEST(lane_big_job_is_not_starved_by_small_ones)
{
    struct world *world = small_world();
    for (int i = 0; i < 4; i++) {
        submit_plain(world, &(struct plain_job){.slots = 1});
        CHECK(take_one(world) != 0);
    }
    submit_plain(world, &(struct plain_job){.slots = 4}); /* job 5 */
    for (int i = 0; i < 6; i++) {
        submit_plain(world, &(struct plain_job){.slots = 1});
    }
    for (uint64_t id = 1; id <= 4; id++) {
        CHECK_EQ(take_one(world), 0);
        finish(world, id);
    }
    CHECK_EQ(take_one(world), 5);
    CHECK_EQ(take_one(world), 0);
    finish(world, 5);
    CHECK_EQ(take_one(world), 6);
    free_world(world);
}

TEST(lane_jobs_that_want_other_things_pass)
{
    struct world *world = small_world();
    submit_plain(world, &(struct plain_job){.slots = 1, .tokens = {1}});
    submit_plain(world, &(struct plain_job){.slots = 1, .tokens = {1}});
    submit_plain(world, &(struct plain_job){.slots = 1});
    CHECK_EQ(take_one(world), 1);
    CHECK_EQ(take_one(world), 3);
    CHECK_EQ(take_one(world), 0);
    struct gord_why why;
    gord_queues_why(world->table, gord_job_find(world->table, 2), &why);
    CHECK_STR(why.text, "waits for 1 of pool 'gpu' (1 of 1 busy)");
    finish(world, 1);
    CHECK_EQ(take_one(world), 2);
    free_world(world);
}

TEST(lane_priority_is_worth_minutes_of_waiting)
{
    struct world *world = small_world();
    submit_plain(world, &(struct plain_job){.slots = 1});                /* queued in minute 2 */
    submit_plain(world, &(struct plain_job){.slots = 1, .priority = 1}); /* in minute 4: too late */
    submit_plain(world, &(struct plain_job){.slots = 1, .priority = 5}); /* in minute 6: before */
    submit_plain(world, &(struct plain_job){.slots = 1, .priority = -9}); /* last */
    CHECK_EQ(take_one(world), 3);
    CHECK_EQ(take_one(world), 1);
    CHECK_EQ(take_one(world), 2);
    CHECK_EQ(take_one(world), 4);
    free_world(world);
}

TEST(lane_shrunken_pool_shows_why_and_blocks_nobody)
{
    struct world *world = small_world();
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 2), 0);
    submit_plain(world, &(struct plain_job){.slots = 1, .tokens = {2}});
    submit_plain(world, &(struct plain_job){.slots = 1, .tokens = {1}});
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 1), 0);
    CHECK_EQ(take_one(world), 2);
    struct gord_why why;
    gord_queues_why(world->table, gord_job_find(world->table, 1), &why);
    CHECK_STR(why.text, "waits for 2 of pool 'gpu', which has only 1");
    free_world(world);
}

TEST(lane_can_go_before_its_job_was_committed)
{
    struct gord_job_table *table = new_table(0);
    struct plain_job job = {.slots = 1};
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, queue_names[1], GORD_UNLIMITED), 0);
    uint64_t id = submit(table, spec_of(&job));
    for (int32_t i = 1; i <= 5; i++) {
        struct gord_event *moved = gord_event_new(GORD_EVENT_UPDATED, id, "moved");
        job.priority = i;
        job.queue = 1;
        moved->spec = spec_of(&job);
        apply(table, moved);
        apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
        if (i == 3) {
            commit_all(table);
        }
    }
    commit_all(table);
    gord_queues_set_slots(table, GORD_NATIVE, 1);
    struct gord_job *taken = gord_job_take(table, GORD_NATIVE);
    CHECK(taken != NULL && taken->id == id);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

/* What a record in the log says of the job. */
TEST(queue_of_a_job_is_told_from_its_entry_until_it_is_forgotten)
{
    struct gord_job_table *table = new_table(0);
    struct plain_job job = {.slots = 1};
    struct gord_log_job said = {0};
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, queue_names[2], GORD_UNLIMITED), 0);
    uint64_t plain = submit(table, spec_of(&job));
    CHECK_STR(gord_queues_of(table, plain), "default");
    job.queue = 2;
    job.priority = 7;
    uint64_t night = submit(table, spec_of(&job));
    said.queue = gord_queues_of(table, night);
    CHECK_EQ(gord_log_queue_length(&said), 5);
    CHECK(strncmp(said.queue, "night", 5) == 0);
    apply(table, gord_event_finished(night, GOR__V1__OUTCOME__CANCELLED, 0, 0, "test"));
    CHECK(gord_queues_of(table, night) != NULL);
    commit_all(table);
    CHECK(gord_queues_of(table, night) == NULL);
    CHECK(gord_queues_of(table, night + 1) == NULL);
    gord_job_table_free(table);
}

TEST(ask_text_round_trip_and_rubbish)
{
    static const char *const good[] = {"", "build 0 1", "default -3 2 gpu=1 lic.x=12",
                                       "default 0 1 %7=4", "build 0 1 gpu=1 %123456789=1"};
    static const char *const bad[] = {
        "build",          "build x 1",        "build 0 0",        "-x 0 1",
        "build 0 1 gpu",  "build 0 1 gpu=",   "build 0 1 g=0",    "build 0 1 gpu=1 trailing",
        "default 0 1 %7", "default 0 1 %7=0", "default 0 1 %0=1", "default 0 1 %7=4 gpu=1"};
    struct gord_ask ask;
    char text[GORD_ASK_BYTES];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_EQ(gord_ask_parse(good[i], &ask), 0);
        CHECK_STR(gord_ask_text(&ask, text), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(gord_ask_parse(bad[i], &ask) != 0);
    }
}
