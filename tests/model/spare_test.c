/* SPDX-License-Identifier: MIT */
/* spare_test.c - a thread too many goes to sleep, and ends, while somebody makes work: it takes none along.
 *
 * model: sched/find.c sched/handoff.c sched/ready.c sched/runq.c sched/goroutine.c sched/world.c
 * model: sched/bind.c sched/timer.c sched/trace.c sched/trace_ring.c sched/observe.c
 */
#include "tests/model/small_world.h"

static void ready_once(void)
{
    gor__ready(&goroutines[0]);
}

static void run_one(void)
{
    struct gor__g *g = gor__find_runnable(&machines[model_thread()]);
    if (g != NULL) {
        run_goroutine(g);
    }
}

/* Neither has a P, nor sleeps yet: either may be the one too many, or be given the P. */
static void setup_spare(void)
{
    clear(1);
    foreign[0] = true;
    goroutines[0].state = GOR_WAITING;
    gor__idle_put_proc(&procs[0]);
    list_machines(1, 2);
}

static void check_counted(void)
{
    int32_t able = 0;
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        able += gor__is_able(m);
    }
    MODEL_CHECK(gor__sched.able == able);
    check_one();
}

static struct model_scenario spare = {.name = "spare",
                                      .most = 60000,
                                      .setup = setup_spare,
                                      .threads = {ready_once, run_one, run_one},
                                      .resume = resume,
                                      .check = check_counted,
                                      .stuck = check_counted};

TEST(a_thread_that_ends_takes_no_work_along)
{
    static struct model_scenario *const scenarios[] = {&spare};
    model_hold(scenarios, 1);
}
