/* SPDX-License-Identifier: MIT */
/* Jobs that are taken whoever's turn it is, as those below what an upgrade awaits. */
#include <stdlib.h>

#include "tests/daemon/turns.h"

static bool take(struct gord_job_table *table, uint64_t id)
{
    bool taken = gord_job_take_this(table, gord_job_find(table, id));
    CHECK(gord_job_table_is_valid(table));
    return taken;
}

TEST(job_behind_others_is_taken_and_they_keep_their_turns)
{
    struct gord_job_table *table = one_slot();
    uint64_t first = enter(table, "", 0), high = enter(table, "", 10), last = enter(table, "", 0);
    gord_job_leave_turns(table);
    CHECK(take(table, last));
    CHECK(!take(table, last)); /* once */
    CHECK(!take(table, high)); /* the slot is taken */
    CHECK(!take(table, first));
    run_taken(table, last);
    CHECK_EQ(run_one(table), high);
    CHECK_EQ(run_one(table), first);
    gord_job_table_free(table);
}

TEST(what_is_set_aside_for_others_is_there)
{
    struct gord_job_table *table = one_slot();
    gord_queues_set_slots(table, GORD_NATIVE, 10);
    CHECK_EQ(gord_queues_set(table, GORD_POOL, "gpu", 2), 0);
    uint64_t runs = enter_at(table, "", 0, 1, 0);
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, runs);
    enter_at(table, "", 10, 2, 0); /* lacks one, and has the other set aside */
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    uint64_t small = enter_at(table, "", 0, 1, 0);
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    CHECK(take(table, small));
    gord_job_table_free(table);
}

TEST(job_of_a_paused_queue_or_not_on_disk_is_not_taken)
{
    struct gord_job_table *table = one_slot();
    uint64_t id = enter(table, "", 0);
    CHECK_EQ(gord_queues_pause(table, GORD_DEFAULT_QUEUE, true, 0), 0);
    CHECK(!take(table, id));
    CHECK_EQ(gord_queues_pause(table, GORD_DEFAULT_QUEUE, false, 0), 0);
    uint64_t fresh = submit(table, native_spec("", 0));
    CHECK(!take(table, fresh));
    commit_all(table);
    CHECK(take(table, fresh));
    gord_job_table_free(table);
}

TEST(job_that_lacks_tokens_of_a_rate_tells_when)
{
    struct gord_job_table *table = one_slot();
    const struct gord_rate_limit limit = {.count = 1, .per_ns = INT64_C(3600000000000), .burst = 1};
    CHECK_EQ(gord_queues_limit(table, GORD_QUEUE, GORD_DEFAULT_QUEUE, &limit), 0);
    uint64_t first = enter(table, "", 0), second = enter(table, "", 0);
    gord_job_leave_turns(table);
    CHECK(take(table, first));
    run_taken(table, first);
    CHECK_EQ(gord_queues_next_token(table), 0);
    CHECK(!take(table, second));
    CHECK(gord_queues_next_token(table) > 0);
    gord_job_leave_turns(table);
    CHECK_EQ(gord_queues_next_token(table), 0);
    gord_job_table_free(table);
}

TEST(jobs_of_shares_in_and_out_of_turn_all_run)
{
    enum { JOBS = 60 };
    static const char *const names[] = {"a", "b", "c", ""};
    struct gord_job_table *table = one_slot();
    uint64_t ids[JOBS];
    unsigned seed = 20261129;
    size_t ran = 0;
    fprintf(stderr, "seed %u\n", seed);
    for (int i = 0; i < JOBS; i++) {
        ids[i] = enter(table, names[rand_r(&seed) % 4], rand_r(&seed) % 2);
    }
    while (ran < JOBS) {
        uint64_t id = ids[rand_r(&seed) % JOBS];
        const struct gord_job *job = gord_job_find(table, id);
        if (rand_r(&seed) % 2 == 0) {
            CHECK(run_one(table) != 0);
            ran++;
        } else if (job != NULL && job->state == GOR__V1__JOB_STATE__RUNNABLE) {
            CHECK(take(table, id));
            run_taken(table, id);
            ran++;
        }
        CHECK(gord_job_table_is_valid(table));
    }
    CHECK_EQ(run_one(table), 0);
    gord_job_table_free(table);
}
