/* SPDX-License-Identifier: MIT */
/* Which jobs are exported when: those that wait for later ones come after them. */
#include <stdlib.h>

#include "client/export_order.h"
#include "tests/test.h"

enum { JOBS = 30 };

/* after[a]: the job that a is to run after; 0: none; below[a]: its parent. */
struct jobs {
    uint64_t after[JOBS + 1];
    uint64_t below[JOBS + 1];
    bool ended[JOBS + 1];
};

static bool is_due(struct gorctl_export_order *order, const struct jobs *jobs, uint64_t id)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__AnyOf clause = GOR__V1__ANY_OF__INIT, *clauses[] = {&clause};
    Gor__V1__Dependency of = GOR__V1__DEPENDENCY__INIT, *ofs[] = {&of};
    of.id = jobs->after[id];
    clause.n_of = 1;
    clause.of = ofs;
    spec.n_after = of.id != 0;
    spec.after = clauses;
    spec.parent_id = jobs->below[id];
    job.id = id;
    job.spec = &spec;
    job.state = jobs->ended[id] ? GOR__V1__JOB_STATE__TERMINATED : GOR__V1__JOB_STATE__CREATED;
    return gorctl_export_is_due(order, &job);
}

/* The order in which all come. */
static void run(const struct jobs *jobs, uint64_t count, uint64_t *out)
{
    uint64_t ids[JOBS];
    size_t done = 0;
    for (uint64_t i = 0; i < count; i++) {
        ids[i] = count - i;
    }
    struct gorctl_export_order order = {.ids = ids, .count = count};
    uint64_t id;
    while ((id = gorctl_export_next(&order)) != 0) {
        if (is_due(&order, jobs, id)) {
            CHECK_INT(done, <, count);
            out[done++] = id;
            gorctl_export_done(&order, id);
        }
    }
    CHECK_EQ(done, count);
    gorctl_export_order_fini(&order);
}

static void check(const struct jobs *jobs, uint64_t count, const uint64_t *expected)
{
    uint64_t out[JOBS];
    run(jobs, count, out);
    for (uint64_t i = 0; i < count; i++) {
        CHECK_EQ(out[i], expected[i]);
    }
}

TEST(jobs_come_by_ids_unless_they_wait_for_later_ones)
{
    struct jobs jobs = {.after = {[3] = 1, [4] = 3}};
    check(&jobs, 5, (uint64_t[]){1, 2, 3, 4, 5});
    jobs = (struct jobs){.after = {[1] = 4, [2] = 1}};
    check(&jobs, 5, (uint64_t[]){3, 4, 1, 2, 5});
    jobs = (struct jobs){.after = {[1] = 2, [2] = 3, [3] = 4, [4] = 5}};
    check(&jobs, 5, (uint64_t[]){5, 4, 3, 2, 1});
}

TEST(what_is_below_one_that_waits_comes_after_it)
{
    struct jobs jobs = {.after = {[1] = 4}, .below = {[2] = 1, [3] = 2, [5] = 2}};
    check(&jobs, 5, (uint64_t[]){4, 1, 2, 3, 5});
}

TEST(what_has_ended_waits_for_none)
{
    struct jobs jobs = {.after = {[1] = 3}, .ended = {[1] = true}};
    check(&jobs, 3, (uint64_t[]){1, 2, 3});
}

TEST(those_that_wait_for_each_other_come_at_last)
{
    struct jobs jobs = {.after = {[1] = 3}, .below = {[3] = 1}};
    check(&jobs, 4, (uint64_t[]){2, 4, 1, 3});
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (*random >> 33) % below;
}

/* Whom jobs wait for stands in an order drawn at random, so that there is no circle. */
TEST(any_order_is_found)
{
    uint64_t random = test_seed();
    for (int round = 0; round < 500; round++) {
        struct jobs jobs = {0};
        uint64_t rank[JOBS + 1], out[JOBS], place[JOBS + 1];
        for (uint64_t id = 1; id <= JOBS; id++) {
            uint64_t other = 1 + draw(&random, id);
            rank[id] = id;
            uint64_t rank_of_other = rank[other];
            rank[other] = rank[id];
            rank[id] = rank_of_other;
        }
        for (uint64_t id = 1; id <= JOBS; id++) {
            uint64_t other = 1 + draw(&random, JOBS);
            jobs.after[id] = rank[other] < rank[id] ? other : 0;
        }
        run(&jobs, JOBS, out);
        for (uint64_t i = 0; i < JOBS; i++) {
            place[out[i]] = i;
        }
        for (uint64_t id = 1; id <= JOBS; id++) {
            CHECK(jobs.after[id] == 0 || place[jobs.after[id]] < place[id]);
        }
    }
}
