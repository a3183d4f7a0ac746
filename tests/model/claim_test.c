/* SPDX-License-Identifier: MIT */
/* claim_test.c - claims on goroutines that wait: whoever works on a stack has it for himself, whatever
 * moment the goroutine goes on at, and it goes on.
 *
 * The stack is one word, accessed plainly: two that touch it without an order are reported.
 *
 * model: sched/claim.c
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/sched/claim.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/preempt.h"
#include "tests/model/model.h"
#include "tests/test.h"

enum { PARKED = 1000 };

static struct gor__g goroutine;
static struct gor__stack stack;
static char memory[65536] __attribute__((aligned(4096)));
const uint32_t gor__stack_kib[GOR__STACK_CLASSES] = {64};
static uint32_t word; /* what lies on the stack */
static uint32_t claimed;
static bool no_fence_all; /* a mutant */

void gor__fence_all_threads(void)
{
    if (!no_fence_all) {
        model_fence_all();
    }
}

bool gor__fences_work(void)
{
    return true;
}

void gor__latency_runs(struct gor__g *g)
{
    (void)g;
    model_fail("nothing is timed here");
}

/* Nobody hibernates here. */
void gor__cold_resume(struct gor__g *g)
{
    (void)g;
}

static void store(uint32_t value)
{
    *(volatile uint32_t *)&word = value;
}

static void clear(void)
{
    memset(&goroutine, 0, sizeof goroutine);
    stack = (struct gor__stack){0};
    gor__stack_place(&stack, memory + sizeof memory, 0);
    goroutine.stack = &stack;
    goroutine.context.sp = memory + 32;
    goroutine.state = GOR_WAITING;
    word = PARKED;
    claimed = 0;
    model_name(&goroutine, sizeof goroutine, "g");
    model_name(&word, sizeof word, "stack");
    model_uses_fence_all();
}

/* It goes on, runs, waits again, and goes on once more. */
static void run_twice(void)
{
    for (int i = 0; i < 2; i++) {
        gor__g_set_state(&goroutine, GOR_RUNNABLE, GOR_WAIT_NONE);
        gor__g_set_state(&goroutine, GOR_RUNNING, GOR_WAIT_NONE);
        gor__claim_pass(&goroutine);
        __atomic_store_n((char **)&goroutine.context.sp, NULL, __ATOMIC_RELAXED);
        store(word + 1);
        gor__g_set_state(&goroutine, GOR_WAITING, GOR_WAIT_SLEEP);
        __atomic_store_n((char **)&goroutine.context.sp, memory + 32, __ATOMIC_RELEASE);
    }
}

static void run_once(void)
{
    gor__g_set_state(&goroutine, GOR_RUNNABLE, GOR_WAIT_NONE);
    gor__g_set_state(&goroutine, GOR_RUNNING, GOR_WAIT_NONE);
    gor__claim_pass(&goroutine);
    store(word + 1);
}

static void claim_once(void)
{
    struct gor__claim claim;
    if (!gor__claim_note(&claim, &goroutine) || gor__claim(&claim, 1) == 0) {
        return;
    }
    uint32_t before = word;
    store(0);
    store(before);
    __atomic_add_fetch(&claimed, 1, __ATOMIC_RELAXED);
    gor__unclaim(&claim, 1);
}

static void check_once(void)
{
    MODEL_CHECK(word == PARKED + 1 && goroutine.flags == 0);
}

static void check_twice(void)
{
    MODEL_CHECK(word == PARKED + 2 && goroutine.flags == 0);
}

static struct model_scenario one_claims = {
    .name = "one claims", .setup = clear, .threads = {run_once, claim_once}, .check = check_once};

static struct model_scenario goes_on_twice = {.name = "goes on twice",
                                              .setup = clear,
                                              .threads = {run_twice, claim_once},
                                              .check = check_twice};

static struct model_scenario two_claim = {.name = "two claim",
                                          .setup = clear,
                                          .threads = {run_once, claim_once, claim_once},
                                          .check = check_once};

TEST(model_claims_keep_the_stack_to_one)
{
    struct model_scenario *scenarios[] = {&one_claims, &goes_on_twice, &two_claim};
    model_hold(scenarios, sizeof scenarios / sizeof scenarios[0]);
}

/* That the fence is needed, and the model would tell. */
TEST(model_finds_a_claim_without_the_fence)
{
    struct model_result result;
    no_fence_all = true;
    one_claims.memory = MODEL_TSO;
    model_explore(&one_claims, 0, &result);
    no_fence_all = false;
    CHECK(result.fault);
}
