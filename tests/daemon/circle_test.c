/* SPDX-License-Identifier: MIT */
/* Who would wait for himself: a walk over whoever waits for whom. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/service/circle.h"
#include "tests/test.h"

enum { JOBS = 24 };

/* waits[a][b]: a waits for b; 2: for its end, 1: for its start, 0: not. */
struct graph {
    int waits[JOBS + 1][JOBS + 1];
};

static int steps(void *arg, uint64_t id, struct gord_circle *circle)
{
    const struct graph *graph = arg;
    int result = 0;
    for (uint64_t to = 1; to <= JOBS && result == 0; to++) {
        if (graph->waits[id][to] != 0) {
            result = gord_circle_add(circle, to, graph->waits[id][to] == 2);
        }
    }
    return result;
}

/* All that a job would wait for which had those steps. */
static void walk(struct gord_circle *circle, struct graph *graph, const int wanted[JOBS + 1])
{
    gord_circle_init(circle);
    for (uint64_t to = 1; to <= JOBS; to++) {
        if (wanted[to] != 0) {
            CHECK_EQ(gord_circle_add(circle, to, wanted[to] == 2), 0);
        }
    }
    CHECK_EQ(gord_circle_walk(circle, steps, graph), 0);
}

static const char *text_of(const struct gord_circle *circle, uint64_t id)
{
    static char text[256];
    gord_circle_text(circle, id, "it", text, sizeof text);
    return text;
}

TEST(way_is_told_nearest_first)
{
    struct graph graph = {0};
    int wanted[JOBS + 1] = {0};
    struct gord_circle circle;
    for (int id = 2; id <= 9; id++) {
        graph.waits[id][id - 1] = 2;
    }
    graph.waits[9][7] = 2; /* a shorter one */
    wanted[3] = 2;
    walk(&circle, &graph, wanted);
    CHECK_STR(text_of(&circle, 3), "");
    CHECK_STR(text_of(&circle, 2), "job 3 is to run after it");
    CHECK_STR(text_of(&circle, 1), "job 3 is to run after job 2, that after it");
    CHECK(!gord_circle_has(&circle, 4, false));
    CHECK_STR(text_of(&circle, 4), "");
    gord_circle_fini(&circle);
    wanted[3] = 0;
    wanted[9] = 2;
    walk(&circle, &graph, wanted);
    CHECK_STR(text_of(&circle, 4),
              "job 9 is to run after job 7, that after job 6, that after job 5, that after it");
    CHECK_STR(text_of(&circle, 1),
              "job 9 is to run after job 7, that after job 6, that after job 5, that after 3 more, "
              "the last after it");
    gord_circle_fini(&circle);
}

TEST(start_is_no_firm_step_but_any_other_way_is)
{
    struct graph graph = {0};
    int wanted[JOBS + 1] = {0};
    struct gord_circle circle;
    wanted[5] = 1;
    walk(&circle, &graph, wanted);
    CHECK(gord_circle_has(&circle, 5, false));
    CHECK(!gord_circle_has(&circle, 5, true));
    gord_circle_fini(&circle);
    wanted[6] = 1;
    graph.waits[6][5] = 2;
    walk(&circle, &graph, wanted);
    CHECK(gord_circle_has(&circle, 5, true)); /* though it was met otherwise first */
    gord_circle_fini(&circle);
}

static int fail_at_three(void *arg, uint64_t id, struct gord_circle *circle)
{
    return id == 3 ? -EIO : steps(arg, id, circle);
}

TEST(error_ends_the_walk)
{
    struct graph graph = {0};
    struct gord_circle circle;
    graph.waits[4][3] = graph.waits[3][2] = 2;
    gord_circle_init(&circle);
    CHECK_EQ(gord_circle_add(&circle, 4, true), 0);
    CHECK_EQ(gord_circle_walk(&circle, fail_at_three, &graph), -EIO);
    CHECK(!gord_circle_has(&circle, 2, false));
    gord_circle_fini(&circle);
    CHECK(!gord_circle_has(&circle, 4, false));
}

TEST(long_chain_and_wide_one)
{
    enum { LONG = 100000 };
    struct gord_circle circle;
    gord_circle_init(&circle);
    for (uint64_t id = 1; id <= LONG; id++) {
        CHECK_EQ(gord_circle_add(&circle, id, true), 0);
        CHECK_EQ(gord_circle_add(&circle, id, true), 0);
    }
    for (uint64_t id = 1; id <= LONG; id++) {
        CHECK(gord_circle_has(&circle, id, true));
    }
    CHECK(!gord_circle_has(&circle, LONG + 1, false));
    gord_circle_fini(&circle);
}

/* ------------------------------------------------------------------ against a naive model */

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (*random >> 33) % below;
}

/* Every way there is, by Warshall. */
static void close_over(const struct graph *graph, bool reach[JOBS + 1][JOBS + 1])
{
    for (int a = 1; a <= JOBS; a++) {
        for (int b = 1; b <= JOBS; b++) {
            reach[a][b] = graph->waits[a][b] != 0;
        }
    }
    for (int by = 1; by <= JOBS; by++) {
        for (int a = 1; a <= JOBS; a++) {
            for (int b = 1; b <= JOBS; b++) {
                reach[a][b] |= reach[a][by] && reach[by][b];
            }
        }
    }
}

static bool is_met(const int wanted[JOBS + 1], bool reach[JOBS + 1][JOBS + 1], int id)
{
    bool met = wanted[id] != 0;
    for (int to = 1; to <= JOBS; to++) {
        met |= wanted[to] != 0 && reach[to][id];
    }
    return met;
}

static bool is_met_firmly(const struct graph *graph, const int wanted[JOBS + 1],
                          bool reach[JOBS + 1][JOBS + 1], int id)
{
    bool met = wanted[id] == 2;
    for (int last = 1; last <= JOBS; last++) {
        met |= graph->waits[last][id] == 2 && is_met(wanted, reach, last);
    }
    return met;
}

/* Jobs are given other dependencies all the time; those that would close a circle are refused, and so
 * there never is one. */
TEST(changes_at_random_agree_with_a_naive_model)
{
    uint64_t random = test_seed();
    struct graph graph = {0};
    static bool reach[JOBS + 1][JOBS + 1];
    int refused = 0, taken = 0;
    for (int round = 0; round < 3000; round++) {
        int job = 1 + (int)draw(&random, JOBS);
        int wanted[JOBS + 1] = {0};
        struct gord_circle circle;
        for (uint64_t count = draw(&random, 4); count > 0; count--) {
            wanted[1 + draw(&random, JOBS)] = 1 + (int)draw(&random, 2);
        }
        close_over(&graph, reach);
        walk(&circle, &graph, wanted);
        for (int id = 1; id <= JOBS; id++) {
            CHECK_EQ(gord_circle_has(&circle, (uint64_t)id, false), is_met(wanted, reach, id));
            CHECK_EQ(gord_circle_has(&circle, (uint64_t)id, true),
                     is_met_firmly(&graph, wanted, reach, id));
        }
        if (gord_circle_has(&circle, (uint64_t)job, false)) {
            refused++;
        } else {
            memcpy(graph.waits[job], wanted, sizeof wanted);
            taken++;
        }
        gord_circle_fini(&circle);
        close_over(&graph, reach);
        for (int id = 1; id <= JOBS; id++) {
            CHECK(!reach[id][id]);
        }
    }
    CHECK_INT(refused, >, 100);
    CHECK_INT(taken, >, 100);
}
