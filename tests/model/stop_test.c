/* SPDX-License-Identifier: MIT */
/* stop_test.c - the world is stopped and goes on while threads make work and go idle: the stop comes
 * about, and no work and no timer is left lying.
 *
 * model: sched/find.c sched/handoff.c sched/ready.c sched/runq.c sched/goroutine.c sched/world.c
 * model: sched/bind.c sched/timer.c sched/trace.c sched/trace_ring.c sched/observe.c
 */
#include "runtime/sched/world.h"
#include "tests/model/small_world.h"

static bool starts_blindly; /* a mutant */

/* A thread of the host's. */
static void stop_and_start(void)
{
    MODEL_CHECK(gor__world_stop(NULL));
    for (int i = 0; i < PROCS; i++) {
        MODEL_CHECK(procs[i].holder == NULL || procs[i].pausing);
    }
    if (!starts_blindly) {
        gor__world_start();
        return;
    }
    gor__mutex_lock(&gor__sched.lock);
    __atomic_store_n(&gor__sched.world_stopped, 0, __ATOMIC_SEQ_CST);
    gor__mutex_unlock(&gor__sched.lock);
    gor__futex_wake(&gor__sched.world_stopped, INT32_MAX);
}

static void name_stop(void)
{
    model_name(&gor__sched.world_stopped, 4, "world_stopped");
    model_name(&gor__sched.pauses, 4, "pauses");
    model_name(&gor__sched.idle_machines, 8, "idle_machines");
    for (int i = 0; i < PROCS; i++) {
        model_name(&procs[i].attention, 1, "attention");
    }
}

/* ---- work is made while nobody can be given a P */

/* One has a P, and the other sleeps; nobody is in the poller. */
static void setup_making(void)
{
    clear(2);
    foreign[0] = true;
    list_machines(1, 2);
    gor__hold(&machines[1], &procs[0]);
    gor__idle_put_proc(&procs[1]);
    gor__sched.idle_machines = &machines[2];
    name_stop();
}

/* Who stays inside, and makes work there, must come to where he pauses. */
static void make_and_schedule(void)
{
    gor__put_fresh(machines[1].p, &goroutines[0]);
    gor__put_fresh(machines[1].p, &goroutines[1]);
    schedule();
}

static void sleep_and_schedule(void)
{
    MODEL_CHECK(gor__machine_sleep(&machines[2], GOR_NEVER));
    schedule();
}

static void check_two(void)
{
    MODEL_CHECK(gor__sched.world_stopped == 0);
    check_ran(2);
}

static struct model_scenario making = {
    .name = "making work, stopped",
    .most = 30000,
    .setup = setup_making,
    .threads = {stop_and_start, make_and_schedule, sleep_and_schedule},
    .resume = resume,
    .stuck = check_two};

/* ---- the same from a thread without a P, such as sysmon: nobody is left who would look by himself */

static void setup_foreign(void)
{
    clear(1);
    list_machines(1, 1);
    foreign[0] = true;
    foreign[2] = true;
    goroutines[0].state = GOR_WAITING;
    gor__idle_put_proc(&procs[0]);
    name_stop();
}

static void ready_once(void)
{
    gor__ready(&goroutines[0]);
}

static void check_made(void)
{
    MODEL_CHECK(gor__sched.world_stopped == 0);
    check_one();
}

static struct model_scenario from_outside = {.name = "from outside, stopped",
                                             .most = 30000,
                                             .setup = setup_foreign,
                                             .threads = {ready_once, schedule, stop_and_start},
                                             .resume = resume,
                                             .stuck = check_made};

/* ---- a timer becomes due while whoever waits for it can have no P; sysmon sleeps */

static struct gor__timer timer;

static void fire(void *arg, uint64_t token)
{
    (void)token;
    gor__ready(arg);
}

static void setup_timer(void)
{
    clear(1);
    list_machines(0, 1);
    foreign[1] = true;
    goroutines[0].state = GOR_WAITING;
    gor__hold(&machines[0], &procs[0]);
    timer = (struct gor__timer){.when = 1, .fire = fire, .arg = &goroutines[0]};
    gor__tls_m = &machines[0];
    gor__timer_start(&timer);
    name_stop();
    model_name(&procs[0].timers, sizeof procs[0].timers, "timers");
    model_name(&time_now, sizeof time_now, "now");
}

static struct model_scenario due = {.name = "due, stopped",
                                    .most = 30000,
                                    .setup = setup_timer,
                                    .threads = {schedule, stop_and_start},
                                    .resume = resume,
                                    .stuck = check_made};

static struct model_scenario *const all[] = {&making, &from_outside, &due};

TEST(a_stop_comes_about_and_leaves_no_work_and_no_timer_lying)
{
    model_hold(all, sizeof all / sizeof all[0]);
}

TEST(work_is_missed_by_a_start_that_does_not_look)
{
    struct model_result result;
    starts_blindly = true;
    from_outside.memory = MODEL_SC;
    model_explore(&from_outside, 0, &result);
    starts_blindly = false;
    CHECK(result.fault);
}
