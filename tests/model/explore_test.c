/* SPDX-License-Identifier: MIT */
/* explore_test.c - the interleaver on programs whose outcomes are known. */
#include <stdlib.h>

#include "tests/model/model.h"
#include "tests/test.h"

static uint32_t x;
static uint32_t y;
static uint32_t z;
static uint32_t plain;
static uint32_t seen[MODEL_THREADS];
static uint64_t outcomes; /* a bit for each */

static void clear(void)
{
    x = 0;
    y = 0;
    z = 0;
    plain = 0;
    memset(seen, 0, sizeof seen);
    model_name(&x, sizeof x, "x");
    model_name(&y, sizeof y, "y");
    model_name(&z, sizeof z, "z");
    model_name(&plain, sizeof plain, "plain");
}

static void note_outcome(void)
{
    outcomes |= UINT64_C(1) << (seen[0] + 2 * seen[1] + 4 * seen[2] + 8 * seen[3]);
}

/* The outcomes of two to four threads; every order, with and without the reduction, gives the same. */
static uint64_t outcomes_of(enum model_memory memory, void (*a)(void), void (*b)(void),
                            void (*c)(void))
{
    struct model_scenario scenario = {.name = "litmus",
                                      .memory = memory,
                                      .setup = clear,
                                      .threads = {a, b, c},
                                      .check = note_outcome};
    struct model_result reduced;
    struct model_result full;
    outcomes = 0;
    model_explore(&scenario, 0, &reduced);
    uint64_t found = outcomes;
    CHECK(!reduced.fault);
    scenario.all_orders = true;
    outcomes = 0;
    model_explore(&scenario, 0, &full);
    CHECK_EQ(found, outcomes);
    CHECK_INT(reduced.runs, <=, full.runs);
    return found;
}

#define LOAD(variable) __atomic_load_n(&(variable), __ATOMIC_RELAXED)
#define STORE(variable) __atomic_store_n(&(variable), 1, __ATOMIC_RELAXED)

/* ---- store buffering */

static void store_x_load_y(void)
{
    STORE(x);
    seen[0] = LOAD(y);
}

static void store_y_load_x(void)
{
    STORE(y);
    seen[1] = LOAD(x);
}

static void store_x_fence_load_y(void)
{
    STORE(x);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    seen[0] = LOAD(y);
}

static void store_y_fence_load_x(void)
{
    STORE(y);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    seen[1] = LOAD(x);
}

static void seq_cst_x_load_y(void)
{
    __atomic_store_n(&x, 1, __ATOMIC_SEQ_CST);
    seen[0] = __atomic_load_n(&y, __ATOMIC_SEQ_CST);
}

static void seq_cst_y_load_x(void)
{
    __atomic_store_n(&y, 1, __ATOMIC_SEQ_CST);
    seen[1] = __atomic_load_n(&x, __ATOMIC_SEQ_CST);
}

static void fence_all_then_load_x(void)
{
    STORE(y);
    model_fence_all();
    seen[1] = LOAD(x);
}

static void clear_for_fence_all(void)
{
    clear();
    model_uses_fence_all();
}

TEST(stores_are_delayed_past_loads_unless_fenced)
{
    /* Both zero is outcome 0. */
    CHECK_EQ(outcomes_of(MODEL_SC, store_x_load_y, store_y_load_x, NULL), 0xe);
    CHECK_EQ(outcomes_of(MODEL_TSO, store_x_load_y, store_y_load_x, NULL), 0xf);
    CHECK_EQ(outcomes_of(MODEL_WEAK, store_x_load_y, store_y_load_x, NULL), 0xf);
    CHECK_EQ(outcomes_of(MODEL_TSO, store_x_fence_load_y, store_y_load_x, NULL), 0xf);
    CHECK_EQ(outcomes_of(MODEL_TSO, store_x_fence_load_y, store_y_fence_load_x, NULL), 0xe);
    CHECK_EQ(outcomes_of(MODEL_WEAK, store_x_fence_load_y, store_y_fence_load_x, NULL), 0xe);
    CHECK_EQ(outcomes_of(MODEL_TSO, seq_cst_x_load_y, seq_cst_y_load_x, NULL), 0xe);
    CHECK_EQ(outcomes_of(MODEL_WEAK, seq_cst_x_load_y, seq_cst_y_load_x, NULL), 0xe);
}

TEST(fencing_all_threads_spares_the_other_its_fence)
{
    struct model_scenario scenario = {.name = "fence all",
                                      .memory = MODEL_WEAK,
                                      .setup = clear_for_fence_all,
                                      .threads = {store_x_load_y, fence_all_then_load_x},
                                      .check = note_outcome};
    for (int all = 0; all < 2; all++) {
        struct model_result result;
        scenario.all_orders = all != 0;
        outcomes = 0;
        model_explore(&scenario, 0, &result);
        CHECK_EQ(outcomes, 0xe);
    }
}

/* ---- message passing */

static void write_message(void)
{
    STORE(x);
    STORE(y);
}

static void release_message(void)
{
    STORE(x);
    __atomic_store_n(&y, 1, __ATOMIC_RELEASE);
}

static void fence_message(void)
{
    STORE(x);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    STORE(y);
}

static void read_message(void)
{
    seen[0] = LOAD(y);
    seen[1] = LOAD(x);
}

TEST(stores_overtake_each_other_only_where_memory_is_weak)
{
    /* y without x is outcome 1. */
    CHECK_EQ(outcomes_of(MODEL_SC, write_message, read_message, NULL), 0xd);
    CHECK_EQ(outcomes_of(MODEL_TSO, write_message, read_message, NULL), 0xd);
    CHECK_EQ(outcomes_of(MODEL_WEAK, write_message, read_message, NULL), 0xf);
    CHECK_EQ(outcomes_of(MODEL_WEAK, release_message, read_message, NULL), 0xd);
    CHECK_EQ(outcomes_of(MODEL_WEAK, fence_message, read_message, NULL), 0xd);
}

/* ---- three threads, and what a thread sees of its own */

static void see_own(void)
{
    STORE(x);
    seen[0] = LOAD(x);
    seen[1] = LOAD(y);
    STORE(z);
}

static void answer(void)
{
    STORE(y);
    seen[2] = LOAD(z);
    STORE(z);
}

static void add(void)
{
    (void)__atomic_fetch_add(&x, 1, __ATOMIC_ACQ_REL);
    seen[3] = LOAD(y);
}

TEST(the_reduction_loses_no_outcome)
{
    for (enum model_memory memory = MODEL_SC; memory <= MODEL_WEAK; memory++) {
        (void)outcomes_of(memory, see_own, answer, add);
        (void)outcomes_of(memory, store_x_load_y, answer, add);
        (void)outcomes_of(memory, release_message, add, read_message);
    }
}

/* ---- programs drawn from a seed */

enum { DRAWN_THREADS = 3, DRAWN_STEPS = 4 };

static int drawn_steps; /* of each thread */

static uint8_t program[DRAWN_THREADS][DRAWN_STEPS];
static uint32_t results[DRAWN_THREADS][DRAWN_STEPS];
static uint8_t outcome_set[1 << 20];
static size_t outcome_count;

static uint32_t do_drawn(uint8_t what, uint32_t value)
{
    static uint32_t *const variables[] = {&x, &y, &z};
    uint32_t *v = variables[what % 3];
    switch (what / 3) {
    case 0:
    case 1:
        return __atomic_load_n(v, __ATOMIC_RELAXED);
    case 2:
        return __atomic_load_n(v, __ATOMIC_SEQ_CST);
    case 3:
    case 4:
        __atomic_store_n(v, value, __ATOMIC_RELAXED);
        return 0;
    case 5:
        __atomic_store_n(v, value, __ATOMIC_RELEASE);
        return 0;
    case 6:
        __atomic_store_n(v, value, __ATOMIC_SEQ_CST);
        return 0;
    case 7:
        return __atomic_fetch_add(v, value, __ATOMIC_RELAXED);
    case 8:
        return __atomic_exchange_n(v, value, __ATOMIC_ACQ_REL);
    case 9:
        model_await(v, 0);
        return 0;
    default:
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return 0;
    }
}

static void run_drawn(void)
{
    int self = model_thread();
    for (int i = 0; i < drawn_steps; i++) {
        results[self][i] = do_drawn(program[self][i], (uint32_t)(1 + self * DRAWN_STEPS + i));
    }
}

static void clear_drawn(void)
{
    clear();
    memset(results, 0, sizeof results);
}

/* Each way it can end, stuck ones too, by a hash of all that was seen. */
static void note_drawn(void)
{
    const uint32_t *all = &results[0][0];
    uint64_t hash = x + 31 * y + 961 * z;
    for (int i = 0; i < DRAWN_THREADS * DRAWN_STEPS; i++) {
        hash = (hash ^ all[i]) * 0x9e3779b97f4a7c15u;
    }
    hash >>= 44;
    outcome_count += outcome_set[hash] == 0;
    outcome_set[hash] = 1;
}

static size_t count_drawn(const struct model_scenario *scenario, uint64_t limit, bool *out_all)
{
    struct model_result result;
    memset(outcome_set, 0, sizeof outcome_set);
    outcome_count = 0;
    model_explore(scenario, limit, &result);
    CHECK(!result.fault);
    *out_all = !result.stopped;
    return outcome_count;
}

TEST(drawn_programs_end_alike_with_and_without_the_reduction)
{
    struct model_scenario scenario = {.name = "drawn",
                                      .setup = clear_drawn,
                                      .threads = {run_drawn, run_drawn, run_drawn},
                                      .check = note_drawn,
                                      .stuck = note_drawn};
    int programs = model_long() ? 100 : 200;
    drawn_steps = model_long() ? 4 : 3;
    uint64_t random = test_seed();
    int compared = 0;
    for (int i = 0; i < programs; i++) {
        for (int j = 0; j < DRAWN_THREADS * DRAWN_STEPS; j++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            (&program[0][0])[j] = (uint8_t)((random >> 33) % 33);
        }
        bool all = false;
        scenario.memory = (enum model_memory)(i % 3);
        scenario.all_orders = true;
        size_t full = count_drawn(&scenario, 300000, &all);
        if (all) {
            scenario.all_orders = false;
            CHECK_EQ(count_drawn(&scenario, 0, &all), full);
            compared++;
        }
    }
    CHECK_INT(compared, >, programs / 3);
}

/* ---- counting */

static void touch_x(void)
{
    STORE(x);
    STORE(x);
}

static void touch_y(void)
{
    STORE(y);
    STORE(y);
}

static void touch_z(void)
{
    STORE(z);
    STORE(z);
}

TEST(what_is_independent_is_tried_in_one_order)
{
    struct model_result result;
    struct model_scenario scenario = {
        .name = "independent", .setup = clear, .threads = {touch_x, touch_y, touch_z}};
    model_explore(&scenario, 0, &result);
    CHECK_EQ(result.runs, 1);
    scenario.all_orders = true;
    model_explore(&scenario, 0, &result);
    CHECK_EQ(result.runs, 90); /* 6! / (2! 2! 2!) */
    CHECK(!result.stopped);
    model_explore(&scenario, 10, &result);
    CHECK(result.stopped);
}

/* ---- faults */

static void publish_plain(void)
{
    plain = 1;
    __atomic_store_n(&x, 1, __ATOMIC_RELEASE);
}

static void publish_plain_relaxed(void)
{
    plain = 1;
    __atomic_store_n(&x, 1, __ATOMIC_RELAXED);
}

static void take_plain(void)
{
    if (__atomic_load_n(&x, __ATOMIC_ACQUIRE) != 0) {
        MODEL_CHECK(plain == 1);
    }
}

static void take_plain_relaxed(void)
{
    if (LOAD(x) != 0) {
        MODEL_CHECK(plain == 1);
    }
}

static void take_plain_by_fence(void)
{
    if (LOAD(x) != 0) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        MODEL_CHECK(plain == 1);
    }
}

static bool is_faulty(void (*a)(void), void (*b)(void))
{
    struct model_result result;
    struct model_scenario scenario = {
        .name = "fault", .memory = MODEL_TSO, .setup = clear, .threads = {a, b}};
    model_explore(&scenario, 0, &result);
    return result.fault;
}

TEST(plain_accesses_race_unless_something_orders_them)
{
    CHECK(!is_faulty(publish_plain, take_plain));
    CHECK(!is_faulty(publish_plain, take_plain_by_fence));
    CHECK(is_faulty(publish_plain, take_plain_relaxed));
    CHECK(is_faulty(publish_plain_relaxed, take_plain));
    CHECK(is_faulty(publish_plain, publish_plain));
}

static void wait_for_x(void)
{
    model_await(&x, 0);
}

TEST(a_thread_that_waits_for_ever_is_a_fault)
{
    CHECK(!is_faulty(wait_for_x, touch_x));
    CHECK(is_faulty(wait_for_x, touch_y));
}

static void lose_update(void)
{
    __atomic_store_n(&x, LOAD(x) + 1, __ATOMIC_RELAXED);
}

static void check_both(void)
{
    MODEL_CHECK(x == 2);
}

TEST(a_failing_order_can_be_repeated)
{
    struct model_result first;
    struct model_result again;
    struct model_scenario scenario = {.name = "lost update",
                                      .setup = clear,
                                      .threads = {lose_update, lose_update},
                                      .check = check_both};
    model_explore(&scenario, 0, &first);
    CHECK(first.fault);
    model_explore(&scenario, 0, &again);
    CHECK_STR(again.choices, first.choices);
    model_replay(&scenario, first.choices);
}
