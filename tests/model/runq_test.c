/* SPDX-License-Identifier: MIT */
/* runq_test.c - the run queue and the stack of fresh goroutines: whatever the owner and two thieves
 * do at the same time, each goroutine comes out once.
 *
 * model: sched/runq.c
 */
#include <stdlib.h>

#include "runtime/sched/fresh.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/runq.h"
#include "tests/model/model.h"
#include "tests/test.h"

enum { GOROUTINES = 8, OWNER = 0 };

static struct gor__g goroutines[GOROUTINES];
static struct gor__runq queues[3]; /* of the owner and the thieves */
static struct gor__fresh fresh;
static unsigned taken[3][GOROUTINES]; /* by thread */

static void clear(uint32_t from)
{
    memset(goroutines, 0, sizeof goroutines);
    memset(queues, 0, sizeof queues);
    memset(&fresh, 0, sizeof fresh);
    memset(taken, 0, sizeof taken);
    for (int i = 0; i < 3; i++) {
        queues[i].head = from;
        queues[i].tail = from;
    }
    fresh.bottom = from;
    fresh.top = from;
    model_name(&queues[0].head, 4, "head");
    model_name(&queues[0].tail, 4, "tail");
    model_name(&queues[0].next, 8, "next");
    model_name(queues[0].ring, sizeof queues[0].ring, "ring");
    model_name(&queues[1], sizeof queues[1], "thief's queue");
    model_name(&queues[2], sizeof queues[2], "second thief's queue");
    model_name(&fresh.lock, sizeof fresh.lock, "fresh.lock");
    model_name(&fresh.bottom, 4, "fresh.bottom");
    model_name(&fresh.top, 4, "fresh.top");
    model_name(goroutines, sizeof goroutines, "goroutine");
}

static void put(int number)
{
    MODEL_CHECK(gor__runq_put(&queues[OWNER], &goroutines[number]));
}

static void note(const struct gor__g *g)
{
    if (g != NULL) {
        taken[model_thread()][g - goroutines]++;
    }
}

/* After the end: once each, whether taken or still queued. */
static void check_all(unsigned count)
{
    unsigned times[GOROUTINES] = {0};
    for (int t = 0; t < 3; t++) {
        struct gor__runq *q = &queues[t];
        MODEL_CHECK(q->tail - q->head <= GOR__RUNQ_SIZE);
        for (uint32_t i = q->head; i != q->tail; i++) {
            times[q->ring[i % GOR__RUNQ_SIZE] - goroutines]++;
        }
        if (q->next != NULL) {
            times[q->next - goroutines]++;
        }
        for (int g = 0; g < GOROUTINES; g++) {
            times[g] += taken[t][g];
        }
    }
    for (uint32_t i = fresh.bottom; i != fresh.top; i++) {
        times[fresh.ring[i % GOR__FRESH_SIZE] - goroutines]++;
    }
    for (unsigned g = 0; g < GOROUTINES; g++) {
        if (times[g] != (g < count)) {
            model_fail("goroutine %u came out %u times", g, times[g]);
        }
    }
}

static void steal(void)
{
    uint32_t count = 0;
    int self = model_thread();
    note(gor__runq_steal(&queues[self], &queues[OWNER], false, &count));
}

static void steal_next_too(void)
{
    uint32_t count = 0;
    int self = model_thread();
    note(gor__runq_steal(&queues[self], &queues[OWNER], true, &count));
}

/* ---- the ring: putting and getting against thieves, across the counters' wrap */

static void setup_ring(void)
{
    clear(UINT32_MAX - 1);
    put(0);
    put(1);
}

static void put_and_get(void)
{
    put(2);
    note(gor__runq_get(&queues[OWNER]));
    put(3);
    note(gor__runq_get(&queues[OWNER]));
}

static void check_ring(void)
{
    check_all(4);
}

static struct model_scenario ring = {.name = "ring",
                                     .setup = setup_ring,
                                     .threads = {put_and_get, steal, steal},
                                     .check = check_ring};

/* ---- reuse: slots that thieves have left are overwritten while they may still be read */

static void setup_full(void)
{
    clear(UINT32_MAX - 2);
    for (int i = 0; i < GOR__RUNQ_SIZE; i++) {
        put(i);
    }
}

static void put_where_there_is_room(void)
{
    int number = GOR__RUNQ_SIZE;
    for (int i = 0; i < 2; i++) {
        if (gor__runq_put(&queues[OWNER], &goroutines[number])) {
            number++;
        }
    }
    for (; number < GOR__RUNQ_SIZE + 2; number++) {
        note(&goroutines[number]);
    }
}

static void check_reuse(void)
{
    check_all(GOR__RUNQ_SIZE + 2);
}

static struct model_scenario reuse = {.name = "reuse",
                                      .setup = setup_full,
                                      .threads = {put_where_there_is_room, steal, steal},
                                      .check = check_reuse};

/* ---- overflow: half of the full ring goes to the global queue */

static void take_half(void)
{
    uint32_t count = 0;
    struct gor__g *g = gor__runq_take_half(&queues[OWNER], &count);
    uint32_t length = 0;
    for (; g != NULL; g = g->next) {
        note(g);
        length++;
    }
    MODEL_CHECK(length == count);
    put_where_there_is_room();
}

static struct model_scenario overflow = {.name = "overflow",
                                         .setup = setup_full,
                                         .threads = {take_half, steal, steal},
                                         .check = check_reuse};

/* ---- the place ahead of the ring */

/* One place in the code, for the mutants. */
static __attribute__((noinline)) void make_next(int number)
{
    goroutines[number].arg = goroutines;
    struct gor__g *former = gor__runq_swap_next(&queues[OWNER], &goroutines[number]);
    if (former != NULL) {
        MODEL_CHECK(gor__runq_put(&queues[OWNER], former));
    }
}

static void setup_next(void)
{
    clear(0);
    put(0);
    (void)gor__runq_swap_next(&queues[OWNER], &goroutines[1]);
}

static void swap_and_take_next(void)
{
    make_next(2);
    note(gor__runq_take_next(&queues[OWNER]));
    note(gor__runq_get(&queues[OWNER]));
}

static void check_next(void)
{
    check_all(3);
}

static struct model_scenario next = {
    .name = "next",
    .setup = setup_next,
    .threads = {swap_and_take_next, steal_next_too, steal_next_too},
    .check = check_next};

/* ---- what a goroutine was given before it was queued is there for the thief that runs it */

static void setup_handover(void)
{
    clear(0);
}

static void write_and_put(void)
{
    make_next(0);
    make_next(1);
}

static void steal_and_read(void)
{
    uint32_t count = 0;
    int self = model_thread();
    struct gor__g *g = gor__runq_steal(&queues[self], &queues[OWNER], true, &count);
    if (g != NULL) {
        MODEL_CHECK(g->arg == goroutines);
        note(g);
    }
}

static void check_handover(void)
{
    check_all(2);
}

static struct model_scenario handover = {.name = "handover",
                                         .setup = setup_handover,
                                         .threads = {write_and_put, steal_and_read, steal_and_read},
                                         .check = check_handover};

/* ---- fresh ones: a stack for the owner, a queue for thieves */

static void setup_fresh(void)
{
    clear(UINT32_MAX);
    (void)gor__fresh_push(&fresh, &goroutines[0]);
    (void)gor__fresh_push(&fresh, &goroutines[1]);
}

static void push_and_pop(void)
{
    goroutines[2].arg = goroutines;
    MODEL_CHECK(gor__fresh_push(&fresh, &goroutines[2]));
    note(gor__fresh_pop(&fresh));
}

static void take_oldest(void)
{
    struct gor__g *batch[2];
    uint32_t count = gor__fresh_take(&fresh, batch, 2);
    for (uint32_t i = 0; i < count; i++) {
        MODEL_CHECK((batch[i]->arg != NULL) == (batch[i] == &goroutines[2]));
        note(batch[i]);
    }
}

static struct model_scenario fresh_ones = {.name = "fresh",
                                           .setup = setup_fresh,
                                           .threads = {push_and_pop, take_oldest, take_oldest},
                                           .check = check_next};

static struct model_scenario *const all[] = {&reuse,      &next,     &handover,
                                             &fresh_ones, &overflow, &ring};

TEST(each_goroutine_comes_out_once)
{
    model_hold(all, sizeof all / sizeof all[0]);
}

/* What the release of a put, the lock of the fresh ones and each compare-and-swap are for. Acquires
 * that survive order loads, which the model keeps in order anyway. */
TEST(a_wrong_access_is_found)
{
    struct model_mutants mutants;
    if (!model_long()) {
        /* A second thief multiplies the orders by hundreds. */
        overflow.threads[2] = NULL;
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        all[i]->memory = MODEL_WEAK;
    }
    model_mutate(all, sizeof all / sizeof all[0] - !model_long(), MODEL_SPLIT, &mutants);
    CHECK_INT(mutants.made[MODEL_SPLIT], >=, 8);
    CHECK_EQ(mutants.survived[MODEL_SPLIT], 0);
    CHECK_INT(mutants.made[MODEL_RELAX] - mutants.survived[MODEL_RELAX], >=, 10);
}
