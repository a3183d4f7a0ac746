/* SPDX-License-Identifier: MIT */
/* ceiling_test.c - whoever waits for a place at the ceiling gets the one that comes free, whenever that is:
 * by the end of a goroutine, by a place that is used up, or given back; and nobody is told of a deadlock
 * that is none. Nobody looks after those who were missed: there is no sysmon here.
 *
 * The ceiling and the line are the runtime's own, the counters are moved as schedule.c and spawn.c do.
 *
 * model: sched/ceiling.c sched/line.c sched/limit.c sched/waitq.c sched/goroutine.c sched/timer.c
 */
#include <stdlib.h>

#include "runtime/sched/allowance.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/grown.h"
#include "runtime/sched/preempt.h"
#include "tests/model/goroutines.h"

enum { DEADLINE = 100, NOT_YET = 1 };

static struct gor__p
    counters; /* of the thread that changes them; few, for each is a step to look at */
static int results[MODEL_THREADS];
static bool fences_work;
static bool no_fence_all; /* a mutant */

/* ---- in place of the rest of the runtime */

void gor__fence_all_threads(void)
{
    if (!no_fence_all) {
        model_fence_all();
    }
}

bool gor__fences_work(void)
{
    return fences_work;
}

void gor__park_spin(struct gor__spin *held, enum gor_wait_reason reason)
{
    struct gor__g *g = gor__g_self();
    gor__g_set_state(g, GOR_WAITING, reason);
    gor__limit_begin(g);
    gor__spin_unlock(held);
    wait_until_ready(g);
}

/* Who keeps places gives them back in time by itself. */
void gor__call_attention(void)
{
}

void gor__grown_look(int64_t at, uint64_t ceiling_bytes)
{
    (void)at;
    (void)ceiling_bytes;
}

uint64_t gor__grown_bytes(void)
{
    return 0;
}

uint64_t gor__stacks_warm(void)
{
    return 0;
}

uint64_t gor__stacks_warm_within(void)
{
    return 0;
}

void gor__stacks_set_local(int class, uint32_t most)
{
    (void)class;
    (void)most;
}

const uint32_t gor__stack_kib[GOR__STACK_CLASSES] = {128, 128, 128, 128, 128, 128, 128, 128, 128};

uint64_t gor__stacks_most(int class)
{
    (void)class;
    return UINT64_MAX;
}

size_t gor__memory_page(void)
{
    return 4096;
}

bool gor__memory_guards_split(void)
{
    return false;
}

uint64_t gor__allowance_bytes(void)
{
    return UINT64_MAX / 2;
}

uint64_t gor__allowance_address_bytes(void)
{
    return UINT64_MAX;
}

uint64_t gor__allowance_mappings(void)
{
    return UINT64_MAX;
}

uint64_t gor_num_goroutine(void)
{
    return 0;
}

/* ---- a small world */

/* So many goroutines live, under a ceiling of `most`. */
static void clear(uint64_t live, uint64_t most)
{
    clear_goroutines();
    memset(&counters, 0, sizeof counters);
    gor__sched.procs[0] = &counters;
    gor__sched.procs_made = 1;
    for (int i = 0; i < MODEL_THREADS; i++) {
        results[i] = NOT_YET;
    }
    model_name(&counters.created, 8, "created");
    model_name(&counters.ended, 8, "ended");
    model_name(&counters.places, 8, "places");
    gor__sched.running = true;
    gor__sched.foreign_created = live;
    fences_work = true;
    gor__ceiling_init(&(struct gor_opts){.max_goroutines = most}, 0);
    model_name(&gor__ceiling, sizeof gor__ceiling, "ceiling");
    model_name(&gor__ceiling.watched, 1, "watched");
    model_name(&gor__ceiling.promised, 8, "promised");
    model_name(&gor__ceiling.line.lock, 4, "line.lock");
    model_name(&gor__ceiling.line.count, 4, "line.count");
    model_uses_fence_all();
}

static void take_until(int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    struct gor__patience patience = {.waits = true, .limit = &limit};
    enum gor__place_kind place = GOR__PLACE_NONE;
    int result = gor__ceiling_take(NULL, &patience, &place);
    if (result == 0) {
        MODEL_CHECK(place == GOR__PLACE_PROMISED);
        gor__ceiling_put_back(place);
    }
    results[model_thread()] = result;
}

static void take(void)
{
    take_until(GOR_NEVER);
}

static void take_in_time(void)
{
    take_until(DEADLINE);
}

static void end(void)
{
    gor__count(&counters.ended, 1);
    gor__ceiling_note_room();
}

static void let_time_pass(void)
{
    (void)gor__timers_run(&proc.timers, DEADLINE);
}

static void check_line(void)
{
    MODEL_CHECK(gor__ceiling.line.count == 0 && gor__ceiling.line.for_ever == 0);
    MODEL_CHECK(gor__ceiling.line.waiting.first == NULL && gor__ceiling.promised == 0);
}

static void check_served(void)
{
    for (int i = 0; i < MODEL_THREADS; i++) {
        MODEL_CHECK(results[i] == NOT_YET || results[i] == 0);
    }
    check_line();
}

static void clear_two(void)
{
    clear(2, 2);
}

static struct model_scenario one_ends = {.name = "one ends",
                                         .setup = clear_two,
                                         .threads = {take, end},
                                         .resume = resume,
                                         .check = check_served};

static void clear_without_fences(void)
{
    clear_two();
    fences_work = false;
    gor__ceiling.watched = true;
}

static struct model_scenario ends_fence = {.name = "ends fence",
                                           .setup = clear_without_fences,
                                           .threads = {take, end},
                                           .resume = resume,
                                           .check = check_served};

static void clear_four(void)
{
    clear(4, 4);
    fences_work = false;
    gor__ceiling.watched = true;
}

static void take_and_keep(void)
{
    struct gor__patience patience = {.waits = true};
    enum gor__place_kind place = GOR__PLACE_NONE;
    results[model_thread()] = gor__ceiling_take(NULL, &patience, &place);
}

static void end_two(void)
{
    end();
    end();
}

static void check_kept(void)
{
    MODEL_CHECK(results[0] == 0 && results[1] == 0 && gor__ceiling.promised == 2);
    MODEL_CHECK(gor__ceiling.line.count == 0 && gor__ceiling.line.for_ever == 0);
}

static struct model_scenario two_wait = {.name = "two wait",
                                         .setup = clear_four,
                                         .threads = {take_and_keep, take_and_keep, end_two},
                                         .resume = resume,
                                         .check = check_kept};

/* There is room for another one all the time, but who counts may count a place twice. */
static void clear_using(void)
{
    clear(2, 4);
    counters.places = 1;
}

static void use(void)
{
    gor__count(&counters.created, 1);
    gor__ceiling_use(&counters, GOR__PLACE_OF_P);
}

static struct model_scenario one_uses = {.name = "one uses its place",
                                         .setup = clear_using,
                                         .threads = {take, use},
                                         .resume = resume,
                                         .check = check_served};

static void clear_keeping(void)
{
    clear(2, 3);
    counters.places = 1;
}

static void give_back(void)
{
    __atomic_store_n(&counters.places, 0, __ATOMIC_RELEASE);
    gor__ceiling_note_room();
}

static struct model_scenario one_gives_back = {.name = "one gives its place back",
                                               .setup = clear_keeping,
                                               .threads = {take, give_back},
                                               .resume = resume,
                                               .check = check_served};

/* It is served, or gives up, and leaves nothing behind. */
static void check_in_time(void)
{
    MODEL_CHECK(results[0] == 0 || results[0] == -ETIMEDOUT);
    check_line();
}

static struct model_scenario in_time = {.name = "in time",
                                        .setup = clear_two,
                                        .threads = {take_in_time, end, let_time_pass},
                                        .resume = resume,
                                        .check = check_in_time};

/* All that live wait: one is told, and its end lets the other in. */
static void take_or_end(void)
{
    take();
    if (results[model_thread()] == -EDEADLK) {
        end();
    }
}

static void check_deadlock(void)
{
    MODEL_CHECK((results[0] == 0 && results[1] == -EDEADLK) ||
                (results[0] == -EDEADLK && results[1] == 0));
    check_line();
}

static struct model_scenario deadlock = {.name = "deadlock",
                                         .setup = clear_two,
                                         .threads = {take_or_end, take_or_end},
                                         .resume = resume,
                                         .check = check_deadlock};

TEST(model_ceiling_serves_everybody)
{
    struct model_scenario *scenarios[] = {&one_ends,       &ends_fence, &two_wait, &one_uses,
                                          &one_gives_back, &in_time,    &deadlock};
    model_hold(scenarios, sizeof scenarios / sizeof scenarios[0]);
}

static bool fails(struct model_scenario *scenario)
{
    struct model_result result;
    enum model_memory memory = scenario->memory;
    scenario->memory = MODEL_TSO;
    model_explore(scenario, 0, &result);
    scenario->memory = memory;
    return result.fault;
}

/* That the kernel's fence is needed, and the model would tell. */
TEST(model_finds_a_ceiling_without_the_fence)
{
    no_fence_all = true;
    bool found = fails(&one_ends);
    no_fence_all = false;
    CHECK(found);
    CHECK(!fails(&one_ends));
}

/* And the others, where the kernel has none. */
TEST(model_finds_fences_left_out)
{
    struct model_scenario *scenarios[] = {&ends_fence};
    struct model_mutants mutants = {{0}, {0}};
    ends_fence.memory = MODEL_WEAK;
    model_mutate(scenarios, 1, MODEL_DROP, &mutants);
    CHECK_INT(mutants.made[MODEL_DROP] - mutants.survived[MODEL_DROP], >=, 2);
}
