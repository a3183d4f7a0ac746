/* SPDX-License-Identifier: MIT */
/* Quotas of owners in the job table: what is counted, who is kept waiting, and who is not. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/queues.h"
#include "daemon/job/quota.h"
#include "tests/daemon/specs.h"

enum { ANN = 1001, BOB = 1002, CID = 1003 };

#define ALL_KINDS ((1U << GORD_KIND_COUNT) - 1)

static struct gord_owner_limit limits_of_ann = {.uid = ANN, .name = "ann", .running = 2};

/* Ann may run two; the others have `queued` and `running`. */
static void limit(struct gord_job_table *table, unsigned queued, unsigned running)
{
    struct gord_owner_limits limits = {queued, running, &limits_of_ann, 1};
    CHECK_EQ(gord_quota_set(table, &limits), 0);
}

static uint64_t enter_spec(struct gord_job_table *table, uint32_t uid, struct gord_spec *spec)
{
    uint64_t id = gord_job_next_id(table);
    apply(table, gord_event_submitted(id, spec, uid));
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    gord_spec_unref(spec);
    return id;
}

/* A native job with so many tokens of pool "gpu", 0: none, in that queue. */
static uint64_t enter(struct gord_job_table *table, uint32_t uid, const char *queue,
                      uint32_t tokens)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec__TokensEntry ask = GOR__V1__JOB_SPEC__TOKENS_ENTRY__INIT, *asks = &ask;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.queue = (char *)(uintptr_t)queue;
    ask.key = (char *)"gpu";
    ask.value = tokens;
    wire.tokens = &asks;
    wire.n_tokens = tokens > 0;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return enter_spec(table, uid, spec);
}

/* The id of the next one to start, which runs then; 0: none. */
static uint64_t start(struct gord_job_table *table)
{
    commit_all(table);
    struct gord_job *job = gord_job_take_of(table, ALL_KINDS);
    if (job == NULL) {
        return 0;
    }
    uint64_t id = job->id;
    if (!gord_job_has_spec(job)) {
        struct gord_spec *spec = native_spec("", 0);
        CHECK_EQ(gord_job_give_spec(table, id, spec, ANN, 0), 0);
        gord_spec_unref(spec);
    }
    apply(table, gord_event_started(id, 0, 0, 0));
    return id;
}

static void end(struct gord_job_table *table, uint64_t id)
{
    apply(table, gord_event_finished(id, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL));
    commit_all(table);
}

static void check_counts(const struct gord_job_table *table, uint32_t uid, uint64_t queued,
                         uint64_t running)
{
    struct gord_quota quota;
    gord_quota_of(table, uid, &quota);
    CHECK_EQ(quota.limit.uid, uid);
    CHECK_EQ(quota.queued, queued);
    CHECK_EQ(quota.running, running);
    CHECK(gord_job_table_is_valid(table));
}

static struct gord_job_table *table_with_slots(uint64_t slots)
{
    struct gord_job_table *table = new_table(0);
    gord_queues_set_slots(table, GORD_NATIVE, slots);
    limit(table, 0, 0);
    return table;
}

TEST(owner_at_limit_waits_and_others_go_on)
{
    struct gord_job_table *table = table_with_slots(100);
    uint64_t ann[4], bob[4];
    struct gord_why why;
    for (int i = 0; i < 4; i++) {
        ann[i] = enter(table, ANN, "", 0);
        bob[i] = enter(table, BOB, "", 0);
    }
    for (int i = 0; i < 6; i++) {
        CHECK(start(table) != 0);
    }
    CHECK_EQ(start(table), 0);
    check_counts(table, ANN, 2, 2);
    check_counts(table, BOB, 0, 4);
    gord_queues_why_short(table, gord_job_find(table, ann[2]), &why);
    CHECK_STR(why.text, "waits while owner ann runs 2 of at most 2 jobs");
    CHECK_STR(why.resource->name, "1001");
    end(table, bob[0]);
    CHECK_EQ(start(table), 0);
    end(table, ann[1]);
    CHECK_EQ(start(table), ann[2]);
    CHECK_EQ(start(table), 0);
    gord_job_table_free(table);
}

TEST(owner_shares_the_limit_among_queues_and_kinds)
{
    struct gord_job_table *table = table_with_slots(100);
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, "a", GORD_UNLIMITED), 0);
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, "b", GORD_UNLIMITED), 0);
    uint64_t first = enter(table, ANN, "a", 0);
    uint64_t second = enter(table, ANN, "b", 0);
    uint64_t third = enter_spec(table, ANN, exec_spec("x", "A=B"));
    gord_queues_set_slots(table, GORD_EXEC, 5);
    CHECK_EQ(start(table), first);
    CHECK_EQ(start(table), second);
    CHECK_EQ(start(table), 0);
    end(table, second);
    CHECK_EQ(start(table), third);
    gord_job_table_free(table);
}

TEST(nothing_is_set_aside_for_who_is_at_his_limit)
{
    struct gord_job_table *table = table_with_slots(3);
    CHECK_EQ(gord_queues_set(table, GORD_POOL, "gpu", 3), 0);
    uint64_t one = enter(table, ANN, "", 1);
    enter(table, ANN, "", 1);
    CHECK_EQ(start(table), one);
    CHECK(start(table) != 0);
    enter(table, ANN, "", 1);
    uint64_t bobs = enter(table, BOB, "", 1);
    CHECK_EQ(start(table), bobs); /* with the last slot and the last token */
    gord_job_table_free(table);
}

TEST(one_who_lacks_tokens_keeps_them_from_those_behind)
{
    struct gord_job_table *table = table_with_slots(10);
    CHECK_EQ(gord_queues_set(table, GORD_POOL, "gpu", 2), 0);
    uint64_t small = enter(table, BOB, "", 1);
    uint64_t large = enter(table, ANN, "", 2);
    CHECK_EQ(start(table), small);
    enter(table, BOB, "", 1);
    CHECK_EQ(start(table), 0); /* what is left is ann's, who may run it */
    end(table, small);
    CHECK_EQ(start(table), large);
    gord_job_table_free(table);
}

TEST(parked_lanes_come_back_when_their_owner_may)
{
    struct gord_job_table *table = table_with_slots(10);
    uint64_t first = enter(table, ANN, "", 0), second = enter(table, ANN, "", 0);
    uint64_t wanting[3];
    CHECK_EQ(gord_queues_set(table, GORD_POOL, "gpu", 3), 0);
    for (uint32_t i = 0; i < 3; i++) {
        wanting[i] = enter(table, ANN, "", i + 1); /* a lane each */
    }
    CHECK_EQ(start(table), first);
    CHECK_EQ(start(table), second);
    CHECK_EQ(start(table), 0);
    CHECK(gord_job_table_is_valid(table));
    end(table, wanting[0]); /* as one that is cancelled */
    CHECK_EQ(start(table), 0);
    uint64_t later = enter(table, ANN, "", 1);
    CHECK_EQ(start(table), 0);
    end(table, first);
    CHECK_EQ(start(table), wanting[1]);
    CHECK_EQ(start(table), 0);
    limit(table, 0, 0);
    CHECK_EQ(start(table), 0); /* hers is two all the same */
    end(table, second);
    CHECK_EQ(start(table), 0); /* the next one wants three tokens, and is not passed for it */
    end(table, wanting[1]);
    CHECK_EQ(start(table), wanting[2]);
    end(table, wanting[2]);
    CHECK_EQ(start(table), later);
    gord_job_table_free(table);
}

TEST(owners_without_limits_are_served_as_they_came)
{
    struct gord_job_table *table = table_with_slots(1);
    uint64_t ids[150];
    for (uint32_t i = 0; i < 150; i++) {
        ids[i] = enter(table, 2000 + i % 3, "", 0);
    }
    for (uint32_t i = 0; i < 150; i++) {
        CHECK_EQ(start(table), ids[i]);
        end(table, ids[i]);
    }
    gord_job_table_free(table);
}

TEST(waiting_is_counted_from_the_submission_to_the_start)
{
    struct gord_job_table *table = table_with_slots(10);
    struct gord_spec *spec = native_spec("held", 0);
    uint64_t held = gord_job_next_id(table);
    apply(table, gord_event_submitted(held, spec, ANN));
    gord_spec_unref(spec);
    check_counts(table, ANN, 1, 0);
    uint64_t id = enter(table, ANN, "", 0);
    check_counts(table, ANN, 2, 0);
    CHECK_EQ(start(table), id);
    check_counts(table, ANN, 1, 1);
    struct gord_standing *standing = gord_standing_copy(NULL);
    standing->attempt = 1;
    apply(table, gord_event_standing(GORD_EVENT_RETRYING, id, standing, "again"));
    check_counts(table, ANN, 2, 0);
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    check_counts(table, ANN, 2, 0);
    CHECK_EQ(start(table), id);
    standing = gord_standing_copy(NULL);
    standing->losses = 1;
    apply(table, gord_event_standing(GORD_EVENT_REQUEUED, id, standing, "lost"));
    check_counts(table, ANN, 2, 0);
    end(table, held);
    check_counts(table, ANN, 1, 0);
    CHECK_EQ(start(table), id);
    end(table, id);
    check_counts(table, ANN, 0, 0);
    gord_job_table_free(table);
}

TEST(more_fit_until_the_limit)
{
    struct gord_job_table *table = table_with_slots(1);
    struct gord_quota quota;
    limit(table, 3, 0);
    CHECK(gord_quota_fits(table, BOB, 3, &quota));
    CHECK(!gord_quota_fits(table, BOB, 4, &quota));
    CHECK_EQ(quota.limit.queued, 3);
    CHECK_STR(quota.limit.name, "");
    enter(table, BOB, "", 0);
    enter(table, BOB, "", 0);
    CHECK(gord_quota_fits(table, BOB, 1, &quota));
    CHECK(!gord_quota_fits(table, BOB, 2, &quota));
    CHECK_EQ(quota.queued, 2);
    CHECK(start(table) != 0);
    CHECK(gord_quota_fits(table, BOB, 2, &quota));
    CHECK(gord_quota_fits(table, ANN, UINT64_MAX / 2, &quota)); /* hers says nothing of it */
    gord_job_table_free(table);
}

TEST(lower_limit_ends_nothing_and_a_higher_one_lets_more_start)
{
    struct gord_job_table *table = table_with_slots(10);
    uint64_t ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = enter(table, BOB, "", 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(start(table), ids[i]);
    }
    limit(table, 0, 1);
    check_counts(table, BOB, 1, 3);
    end(table, ids[0]);
    end(table, ids[1]);
    CHECK_EQ(start(table), 0);
    limit(table, 0, 2);
    CHECK_EQ(start(table), ids[3]);
    gord_job_table_free(table);
}

TEST(updated_job_stays_its_owners)
{
    struct gord_job_table *table = table_with_slots(1);
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, "other", GORD_UNLIMITED), 0);
    uint64_t id = enter(table, BOB, "", 0);
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.queue = (char *)"other";
    struct gord_event *event = gord_event_new(GORD_EVENT_UPDATED, id, "moved");
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &event->spec), 0);
    apply(table, event);
    check_counts(table, BOB, 1, 0);
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    check_counts(table, BOB, 1, 0);
    CHECK_EQ(start(table), id);
    check_counts(table, BOB, 0, 1);
    gord_job_table_free(table);
}

/* What the store gives back: spec or not, it says whose a job is. */
TEST(restored_jobs_count)
{
    struct gord_job_opts opts = {.next_id = 50, .next_seq = 100, .committed = 99};
    struct gord_job_table *table = gord_job_table_new(&opts);
    CHECK(table != NULL);
    limit(table, 0, 1);
    for (uint64_t id = 1; id <= 4; id++) {
        struct gord_spec *spec = id <= 2 ? native_spec("", 0) : NULL;
        struct gord_event *submitted = id <= 2 ? gord_event_submitted(id, spec, BOB)
                                               : gord_event_new(GORD_EVENT_SUBMITTED, id, NULL);
        submitted->uid = BOB;
        submitted->job_kind = GORD_NATIVE;
        submitted->seq = 60 + id;
        apply(table, submitted);
        struct gord_event *queued = gord_event_new(GORD_EVENT_QUEUED, id, NULL);
        queued->seq = 60 + id;
        apply(table, queued);
        if (id == 1) {
            struct gord_event *started = gord_event_started(id, 0, 0, 0);
            started->seq = 60 + id;
            apply(table, started);
        }
        gord_spec_unref(spec);
    }
    gord_queues_set_slots(table, GORD_NATIVE, 10);
    check_counts(table, BOB, 3, 1);
    CHECK_EQ(start(table), 0);
    end(table, 1);
    CHECK_EQ(start(table), 2);
    CHECK_EQ(start(table), 0);
    gord_job_table_free(table);
}

struct seen {
    uint32_t uids[8];
    size_t count;
};

static int see(void *arg, const struct gord_quota *quota)
{
    struct seen *seen = arg;
    seen->uids[seen->count++] = quota->limit.uid;
    return seen->count == 8 ? -EINTR : 0;
}

TEST(listed_is_who_has_jobs_or_limits)
{
    struct gord_job_table *table = table_with_slots(10);
    struct seen seen = {.count = 0};
    uint64_t id = enter(table, CID, "", 0);
    enter(table, 0, "", 0);
    CHECK_EQ(gord_quota_each(table, see, &seen), 0);
    CHECK_EQ(seen.count, 3);
    CHECK_EQ(seen.uids[0], 0);
    CHECK_EQ(seen.uids[1], ANN);
    CHECK_EQ(seen.uids[2], CID);
    end(table, id);
    enter(table, ANN, "", 0);
    seen.count = 0;
    CHECK_EQ(gord_quota_each(table, see, &seen), 0);
    CHECK_EQ(seen.count, 2);
    CHECK_EQ(seen.uids[1], ANN);
    seen.count = 7;
    CHECK_EQ(gord_quota_each(table, see, &seen), -EINTR);
    gord_job_table_free(table);
}

static void check_starts(const struct gord_job_table *table, unsigned running)
{
    struct gord_quota quota;
    for (uint32_t uid = 2000; uid < 2005; uid++) {
        gord_quota_of(table, uid, &quota);
        CHECK(running == 0 || quota.running <= running);
    }
}

enum { JOBS = 2000, RUNNING_MAX = 40 };

struct world {
    struct gord_job_table *table;
    bool runs[JOBS + 1]; /* by id, as the next */
    bool over[JOBS + 1];
    size_t entered, running, ended;
    unsigned most, random;
};

static unsigned draw(struct world *world)
{
    world->random = world->random * 1103515245U + 12345U;
    return world->random >> 16;
}

static void end_any(struct world *world, bool of_running)
{
    for (size_t tries = 0, at = draw(world); tries < world->entered; tries++, at++) {
        uint64_t id = 1 + at % world->entered;
        if (!world->over[id] && world->runs[id] == of_running) {
            end(world->table, id);
            world->over[id] = true;
            world->running -= of_running;
            world->ended++;
            return;
        }
    }
}

static void start_all(struct world *world)
{
    for (uint64_t id; world->running < RUNNING_MAX && (id = start(world->table)) != 0;) {
        CHECK(id <= JOBS && !world->runs[id] && !world->over[id]);
        world->runs[id] = true;
        world->running++;
        check_starts(world->table, world->most);
    }
}

/* Jobs of five owners in lanes of several kinds, with limits that only grow: never more run than may, and
 * all get there, though others are taken out of the middle. */
TEST(random_lives_keep_to_limits_and_all_end)
{
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->table = table_with_slots(12);
    world->most = 1;
    world->random = 12345;
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 4), 0);
    limit(world->table, 0, world->most);
    while (world->ended < JOBS) {
        unsigned what = draw(world) % 10, who = draw(world);
        if (world->entered < JOBS && what < 6) {
            enter(world->table, 2000 + who % 5, "", who % 4 == 0 ? 1 + who % 3 : 0);
            world->entered++;
        } else if (what < 9) {
            end_any(world, true);
        } else if (world->entered > 0) {
            end_any(world, false);
        }
        if (who % 397 == 0 && world->most < 4) {
            limit(world->table, 0, ++world->most);
        }
        start_all(world);
        CHECK(world->entered < JOBS || world->ended == JOBS || world->running > 0);
        CHECK(who % 50 != 0 || gord_job_table_is_valid(world->table));
    }
    CHECK(gord_job_table_is_valid(world->table));
    gord_job_table_free(world->table);
    free(world);
}
