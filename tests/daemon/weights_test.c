/* SPDX-License-Identifier: MIT */
/* Weights of shares: of many turns each has its part, whoever comes, goes and changes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/share.h"
#include "tests/daemon/turns.h"

enum { SHARES = 12, IDS_MAX = 100000, PRIORITIES = 3 };

static const char *const names[SHARES] = {"a", "b", "c", "d", "e", "f",
                                          "g", "h", "i", "j", "k", "l"};

/* Whose each job is, and how many of each wait. */
struct world {
    struct gord_job_table *table;
    uint8_t owner[IDS_MAX];
    int32_t priority[IDS_MAX];
    unsigned waiting[SHARES];
    uint64_t random;
};

static struct world *new_world(void)
{
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->table = one_slot();
    return world;
}

static void end_world(struct world *world)
{
    CHECK(gord_job_table_is_valid(world->table));
    while (run_one(world->table) != 0) {
    }
    gord_job_table_free(world->table);
    free(world);
}

static void weigh(struct world *world, int share, uint32_t weight)
{
    CHECK_EQ(gord_queues_weigh(world->table, "default", names[share], weight), 0);
}

static uint64_t add_at(struct world *world, int share, int32_t priority, int64_t at_ns)
{
    uint64_t id = enter_at(world->table, names[share], priority, 0, at_ns);
    CHECK(id < IDS_MAX);
    world->owner[id] = (uint8_t)share;
    world->priority[id] = priority;
    world->waiting[share]++;
    return id;
}

static void add(struct world *world, int share, int count)
{
    for (int i = 0; i < count; i++) {
        add_at(world, share, 0, 0);
    }
}

/* Who has the next turn. */
static int turn(struct world *world)
{
    uint64_t id = run_one(world->table);
    CHECK(id != 0);
    world->waiting[world->owner[id]]--;
    return world->owner[id];
}

static int turns_of(struct world *world, int share, int turns)
{
    int count = 0;
    for (int i = 0; i < turns; i++) {
        count += turn(world) == share;
    }
    return count;
}

TEST(weights_three_to_one_holds_at_every_moment)
{
    struct world *world = new_world();
    weigh(world, 0, 3);
    add(world, 0, 3000);
    add(world, 1, 1000);
    int first = 0;
    for (int turns = 1; turns <= 3900; turns++) {
        first += turn(world) == 0;
        int off = 4 * first - 3 * turns; /* in quarters of a turn */
        CHECK(off >= -4 && off <= 4);
    }
    end_world(world);
}

TEST(weights_many_shares_get_their_parts)
{
    static const uint32_t weights[SHARES] = {1, 1, 2, 3, 5, 8, 13, 100, 333, 500, 999, 1000};
    struct world *world = new_world();
    int counts[SHARES] = {0};
    uint32_t sum = 0;
    for (int i = 0; i < SHARES; i++) {
        weigh(world, i, weights[i]);
        add(world, i, 2 * (int)weights[i] + 10);
        sum += weights[i];
    }
    for (uint32_t i = 0; i < 2 * sum; i++) {
        counts[turn(world)]++;
    }
    for (int i = 0; i < SHARES; i++) {
        CHECK(abs(counts[i] - 2 * (int)weights[i]) <= 2);
    }
    end_world(world);
}

TEST(weights_nothing_is_saved_up_while_away)
{
    struct world *world = new_world();
    weigh(world, 1, 3);
    add(world, 0, 2000);
    add(world, 1, 1);
    CHECK_EQ(turns_of(world, 1, 1000), 1);
    add(world, 1, 500); /* as if it had just had its turn: 3 of 4 from now on */
    CHECK(abs(turns_of(world, 1, 100) - 75) <= 1);
    end_world(world);
}

TEST(weights_who_comes_again_and_again_holds_up_nobody)
{
    struct world *world = new_world();
    add(world, 0, 50);
    int first = 0;
    for (int i = 0; i < 400; i++) { /* two others come anew each time, with one job */
        int share = 1 + i % (SHARES - 1);
        if (world->waiting[share] == 0) {
            add(world, share, 1);
        }
        first += turn(world) == 0;
    }
    CHECK(first >= 50);
    end_world(world);
}

TEST(weights_one_that_could_not_start_has_one_turn_to_make_up)
{
    struct world *world = new_world();
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 0), 0);
    for (int i = 0; i < 100; i++) {
        uint64_t id = enter_at(world->table, "b", 0, 1, 0);
        world->owner[id] = 1;
        world->waiting[1]++;
    }
    add(world, 0, 500);
    CHECK_EQ(turns_of(world, 1, 200), 0);
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 10), 0);
    CHECK(turns_of(world, 1, 10) <= 6);
    CHECK_EQ(turns_of(world, 1, 100), 50);
    end_world(world);
}

TEST(weights_changes_hold_at_once)
{
    struct world *world = new_world();
    weigh(world, 1, 1000);
    add(world, 0, 3000);
    add(world, 1, 3000);
    while (turn(world) != 0) {
    }
    weigh(world, 0, 1000); /* it would have waited for a thousand turns */
    CHECK(abs(turns_of(world, 0, 10) - 5) <= 1);
    weigh(world, 0, 0); /* none: 1 */
    CHECK(turns_of(world, 0, 900) <= 2);
    weigh(world, 1, 0);
    (void)turns_of(world, 0, 2);
    CHECK(abs(turns_of(world, 0, 100) - 50) <= 1);
    end_world(world);
}

TEST(weights_a_share_has_one_account_for_all_its_lanes)
{
    struct world *world = new_world();
    CHECK_EQ(gord_queues_set(world->table, GORD_POOL, "gpu", 100), 0);
    for (uint32_t i = 0; i < 200; i++) { /* twenty lanes */
        uint64_t id = enter_at(world->table, "b", 0, 1 + i % 20, 0);
        world->owner[id] = 1;
        world->waiting[1]++;
    }
    add(world, 0, 200);
    CHECK(abs(turns_of(world, 1, 100) - 50) <= 1);
    end_world(world);
}

TEST(weights_priority_comes_first)
{
    struct world *world = new_world();
    weigh(world, 0, 1000);
    add(world, 0, 20);
    for (int i = 0; i < 5; i++) {
        add_at(world, 1, 10, 0);
    }
    CHECK_EQ(turns_of(world, 1, 5), 5);
    end_world(world);
}

/* Jobs of each priority from each share, older than any turn will be; which priorities go. */
static void priorities_in_turn(uint32_t weight, int32_t *out, int turns)
{
    struct world *world = new_world();
    int64_t at_ns = gord_event_clock() - (int64_t)100 * 60 * 1000000000;
    weigh(world, 0, weight);
    weigh(world, 2, 3 * weight);
    for (int i = 0; i < turns; i++) {
        at_ns += 1000000000;
        add_at(world, i % 4, i / 4 % PRIORITIES * 20, at_ns);
    }
    for (int i = 0; i < turns; i++) {
        uint64_t id = run_one(world->table);
        out[i] = world->priority[id];
    }
    end_world(world);
}

TEST(weights_do_not_change_what_priority_and_waiting_mean)
{
    enum { TURNS = 600 };
    int32_t equal[TURNS], weighted[TURNS];
    priorities_in_turn(1, equal, TURNS);
    priorities_in_turn(7, weighted, TURNS);
    CHECK(memcmp(equal, weighted, sizeof equal) == 0);
}

/* ------------------------------------------------------------- seen from far */

/* How far two shares have drifted apart while both had jobs, in turns over weights. */
struct pair {
    double drift, least, most;
    double turns; /* of both */
};

struct churn {
    struct world *world;
    uint32_t weights[SHARES];
    struct pair pairs[SHARES][SHARES];
};

static uint64_t pick(struct world *world, uint64_t below)
{
    world->random = world->random * 6364136223846793005U + 1442695040888963407U;
    return (world->random >> 33) % below;
}

static void forget(struct churn *churn, int share)
{
    for (int i = 0; i < SHARES; i++) {
        churn->pairs[share][i] = churn->pairs[i][share] = (struct pair){0, 0, 0, 0};
    }
}

static void observe(struct churn *churn, int served)
{
    for (int i = 0; i < SHARES; i++) {
        for (int j = i + 1; j < SHARES; j++) {
            struct pair *pair = &churn->pairs[i][j];
            double wi = churn->weights[i], wj = churn->weights[j];
            pair->drift += served == i ? 1 / wi : served == j ? -1 / wj : 0;
            pair->turns += served == i || served == j;
            pair->least = pair->drift < pair->least ? pair->drift : pair->least;
            pair->most = pair->drift > pair->most ? pair->drift : pair->most;
            /* What a turn costs is cut to a whole number: up to 1 of GORD_STRIDE, each time. */
            double cut = (pair->turns + 2) / GORD_STRIDE;
            CHECK(pair->most - pair->least <= 1 / wi + 1 / wj + cut);
        }
    }
}

static void churn_step(struct churn *churn)
{
    struct world *world = churn->world;
    int share = (int)pick(world, SHARES);
    switch (pick(world, 12)) {
    case 0: /* comes, if it was away */
    case 1:
        if (world->waiting[share] == 0) {
            forget(churn, share);
        }
        add(world, share, 1 + (int)pick(world, 20));
        break;
    case 2:
        if (pick(world, 8) == 0) {
            uint32_t weight = (uint32_t)pick(world, 3) == 0 ? 1 + (uint32_t)pick(world, 1000)
                                                            : 1 + (uint32_t)pick(world, 5);
            weigh(world, share, weight);
            churn->weights[share] = weight;
            forget(churn, share);
        }
        break;
    default: {
        int served;
        unsigned all = 0;
        for (int i = 0; i < SHARES; i++) {
            all += world->waiting[i];
            if (world->waiting[i] == 0) {
                forget(churn, i); /* is not there */
            }
        }
        if (all > 0) {
            served = turn(world);
            for (int i = 0; i < SHARES; i++) { /* who is away does not count */
                if (i != served && world->waiting[i] == 0) {
                    churn->pairs[i][served] = churn->pairs[served][i] = (struct pair){0, 0, 0, 0};
                }
            }
            observe(churn, served);
        }
    }
    }
}

TEST(weights_hold_over_any_span_of_turns_whoever_comes_and_goes)
{
    uint64_t seed = test_seed();
    for (uint64_t round = 0; round < 8; round++) {
        struct churn *churn = calloc(1, sizeof *churn);
        CHECK(churn != NULL);
        churn->world = new_world();
        churn->world->random = seed + round;
        for (int i = 0; i < SHARES; i++) {
            churn->weights[i] = 1;
        }
        for (int i = 0; i < 5000; i++) {
            churn_step(churn);
            if (i % 100 == 0) {
                CHECK(gord_job_table_is_valid(churn->world->table));
            }
        }
        end_world(churn->world);
        free(churn);
    }
}

/* ------------------------------------------------------------------ told */

static void count_weight(void *arg, const struct gord_weighed *weighed)
{
    CHECK(weighed->weight == 3 && strcmp(weighed->key, "two words") == 0);
    CHECK(strcmp(weighed->queue, "build") == 0);
    ++*(int *)arg;
}

TEST(weights_are_of_a_queue_and_go_with_it)
{
    struct world *world = new_world();
    int seen = 0;
    CHECK_EQ(gord_queues_weigh(world->table, "build", "two words", 3), -ENOENT);
    CHECK_EQ(gord_queues_set(world->table, GORD_QUEUE, "build", 1), 0);
    CHECK_EQ(gord_queues_weigh(world->table, "build", "two words", 3), 0);
    CHECK_EQ(gord_queues_weigh(world->table, "build", "x", 3), 0);
    CHECK_EQ(gord_queues_weigh(world->table, "build", "x", 0), 0);
    gord_queues_each_weight(world->table, "default", count_weight, &seen);
    CHECK_EQ(seen, 0);
    gord_queues_each_weight(world->table, "build", count_weight, &seen);
    gord_queues_each_weight(world->table, NULL, count_weight, &seen);
    CHECK_EQ(seen, 2);
    CHECK_EQ(gord_queues_weight(world->table, "build", "two words"), 3);
    CHECK_EQ(gord_queues_weight(world->table, "build", "x"), 0);
    CHECK_EQ(gord_queues_weights(world->table), 1);
    CHECK_EQ(gord_queues_remove(world->table, GORD_QUEUE, "build"), 0);
    CHECK_EQ(gord_queues_weights(world->table), 0);
    CHECK_EQ(gord_queues_set(world->table, GORD_QUEUE, "build", 1), 0);
    CHECK_EQ(gord_queues_weight(world->table, "build", "two words"), 0);
    end_world(world);
}

TEST(weights_why_says_whose_turn_comes_before)
{
    struct world *world = new_world();
    struct gord_why why;
    weigh(world, 0, 3);
    add(world, 0, 2);
    add(world, 2, 1);
    uint64_t last = add_at(world, 1, 0, 0);
    gord_queues_set_slots(world->table, GORD_NATIVE, 0);
    CHECK(gord_job_take(world->table, GORD_NATIVE) == NULL);
    gord_queues_why(world->table, gord_job_find(world->table, last), &why);
    CHECK(strstr(why.text, "; its share, 'b' of weight 1, has its turn after 2 others") != NULL);
    gord_queues_why(world->table, gord_job_find(world->table, 2), &why);
    CHECK(strstr(why.text, "job 1 is before it and wants the same") != NULL);
    CHECK(strstr(why.text, "; its share, 'a' of weight 3, has the next turn") != NULL);
    gord_queues_set_slots(world->table, GORD_NATIVE, 1);
    end_world(world);
}
