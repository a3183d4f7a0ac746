/* SPDX-License-Identifier: MIT */
/* sched_test.c - the two orderings of sched.h: whoever makes work and whoever goes idle do not miss
 * each other; and the door: a P that is taken from a thread outside has one holder at a time, and the
 * thread gets one again.
 *
 * The scheduler's own sources run here, all but the switch, the poller's system calls and the making
 * of threads, which small_world.h stands in for.
 *
 * model: sched/find.c sched/handoff.c sched/ready.c sched/runq.c sched/goroutine.c sched/world.c
 * model: sched/bind.c sched/timer.c sched/trace.c sched/trace_ring.c sched/observe.c
 */
#include "tests/model/small_world.h"

/* ---- a goroutine that runs on for ever makes work while the other thread goes idle */

static void setup_two(void)
{
    clear(2);
    gor__hold(&machines[0], &procs[0]);
    gor__hold(&machines[1], &procs[1]);
}

static void start_one(void)
{
    gor__put_fresh(machines[0].p, &goroutines[0]);
}

static struct model_scenario going_idle = {.name = "going idle",
                                           .setup = setup_two,
                                           .threads = {start_one, schedule},
                                           .resume = resume,
                                           .stuck = check_one};

/* ---- the same, from a thread that is not the runtime's, against the only one there is */

static void setup_foreign(void)
{
    clear(1);
    foreign[0] = true;
    goroutines[0].state = GOR_WAITING;
    goroutines[1].state = GOR_WAITING;
    gor__hold(&machines[1], &procs[0]);
}

static void ready_twice(void)
{
    gor__ready(&goroutines[0]);
    gor__ready(&goroutines[1]);
}

static void check_two(void)
{
    check_ran(2);
}

static struct model_scenario from_outside = {.name = "from outside",
                                             .setup = setup_foreign,
                                             .threads = {ready_twice, schedule},
                                             .resume = resume,
                                             .stuck = check_two};

/* ---- a goroutine that wakes two and runs on: the second stays with it, the first is for others */

static void setup_waking(void)
{
    setup_two();
    goroutines[0].state = GOR_WAITING;
    goroutines[1].state = GOR_WAITING;
}

static struct model_scenario waking = {.name = "waking",
                                       .setup = setup_waking,
                                       .threads = {ready_twice, schedule},
                                       .resume = resume,
                                       .stuck = check_one};

/* ---- two threads go idle at the same time */

static void setup_three(void)
{
    setup_two();
    gor__sched.proc_count = 3;
    gor__sched.procs_made = 3;
    gor__sched.procs[2] = &procs[2];
    procs[2].index = 2;
    procs[2].in_use = true;
    gor__timers_init(&procs[2].timers);
    gor__hold(&machines[2], &procs[2]);
}

/* Too many orders for all of them. */
static struct model_scenario two_go_idle = {.name = "two go idle",
                                            .most = 200000,
                                            .setup = setup_three,
                                            .threads = {start_one, schedule, schedule},
                                            .resume = resume,
                                            .stuck = check_one};

static struct model_scenario *const idle_ones[] = {&going_idle, &waking, &from_outside,
                                                   &two_go_idle};

TEST(who_makes_work_and_who_goes_idle_do_not_miss_each_other)
{
    model_hold(idle_ones, model_long() ? 4 : 3);
}

TEST(work_is_missed_without_the_fences_that_go_with_it)
{
    struct model_mutants mutants;
    for (int i = 0; i < 3; i++) {
        idle_ones[i]->memory = MODEL_WEAK;
    }
    model_mutate(idle_ones, model_long() ? 3 : 2, model_long() ? MODEL_SPLIT : MODEL_DROP,
                 &mutants);
    /* One for each way to make work: a new goroutine, a woken one. */
    CHECK_INT(mutants.made[MODEL_DROP] - mutants.survived[MODEL_DROP], >=, 2);
}

/* ---- a scheduler that looks up for another reason while the world is stopped */

static void setup_attention(void)
{
    clear(1);
    gor__hold(&machines[0], &procs[0]);
    procs[0].attention = true;
    GOR_ASSERT(gor__runq_put(&procs[0].runq, &goroutines[0]));
    model_name(&procs[0].attention, 1, "attention");
    model_name(&gor__sched.world_stopped, 4, "world_stopped");
}

static void look_up_once(void)
{
    run_goroutine(gor__find_runnable(&machines[0]));
}

/* As gor__world_stop begins. */
static void call_for_a_stop(void)
{
    gor__mutex_lock(&gor__sched.lock);
    __atomic_store_n(&gor__sched.world_stopped, 1, __ATOMIC_SEQ_CST);
    gor__call_attention();
    gor__mutex_unlock(&gor__sched.lock);
}

/* It has gone on, and will look again. */
static void check_will_look(void)
{
    MODEL_CHECK(procs[0].attention);
}

static void check_pauses(void)
{
    MODEL_CHECK(procs[0].pausing);
}

static struct model_scenario attention = {.name = "attention",
                                          .setup = setup_attention,
                                          .threads = {look_up_once, call_for_a_stop},
                                          .resume = resume,
                                          .check = check_will_look,
                                          .stuck = check_pauses};

TEST(call_for_a_stop_is_not_swallowed)
{
    static struct model_scenario *const scenarios[] = {&attention};
    model_hold(scenarios, 1);
}

/* ---- the door */

static uint32_t work_done; /* plain: the P's holder alone touches such things */

static void setup_door(void)
{
    clear(1);
    work_done = 0;
    machines[0].inside = false;
    machines[0].g = &goroutines[0];
    goroutines[0].state = GOR_RUNNING;
    list_machines(0, 1);
    gor__hold(&machines[0], &procs[0]);
    model_name(&work_done, 4, "work_done");
    model_uses_fence_all();
}

static void come_and_go(void)
{
    for (int i = 0; i < 2; i++) {
        struct gor__m *m = gor__enter();
        MODEL_CHECK(m->p == &procs[0]);
        work_done++;
        gor__leave();
    }
}

/* Sysmon, and after it the thread that the P went to. */
static void take_and_use(void)
{
    struct gor__m *m = &machines[1];
    gor__retake_blocked(&procs[0]);
    gor__mutex_lock(&gor__sched.lock);
    struct gor__p *p = gor__idle_take_proc();
    if (p != NULL) {
        gor__hold(m, p);
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (p != NULL) {
        work_done++;
        gor__mutex_lock(&gor__sched.lock);
        gor__idle_put_proc(gor__drop(m));
        gor__mutex_unlock(&gor__sched.lock);
    }
}

static void check_door(void)
{
    MODEL_CHECK(work_done >= 2);
    MODEL_CHECK(procs[0].idle != (procs[0].holder != NULL));
    MODEL_CHECK(machines[0].taken == 0 || machines[0].lack == GOR__LACK_AWAY);
}

static struct model_scenario door = {.name = "door",
                                     .setup = setup_door,
                                     .threads = {come_and_go, take_and_use},
                                     .resume = resume,
                                     .check = check_door};

/* Mutants of the door: one that looks before it tells that it is inside, one whose taker does not
 * fence the others. */
static void look_first(void)
{
    struct gor__m *m = gor__m_self();
    bool taken = __atomic_load_n(&m->taken, __ATOMIC_ACQUIRE) != 0;
    __atomic_store_n(&m->inside, true, __ATOMIC_RELAXED);
    if (taken) {
        gor__door_wait(m);
    }
    work_done++;
    gor__leave();
}

static struct model_scenario wrong_door = {.name = "wrong door",
                                           .setup = setup_door,
                                           .threads = {look_first, take_and_use},
                                           .resume = resume,
                                           .check = check_door};

TEST(a_proc_has_one_holder_and_comes_back)
{
    static struct model_scenario *const doors[] = {&door};
    model_hold(doors, 1);
}

static bool finds(struct model_scenario *scenario, enum model_memory memory)
{
    struct model_result result;
    scenario->memory = memory;
    model_explore(scenario, 0, &result);
    return result.fault;
}

TEST(a_wrong_door_is_found)
{
    CHECK(finds(&wrong_door, MODEL_SC));
    CHECK(!finds(&door, MODEL_TSO));
    no_fence_all = true;
    CHECK(finds(&door, MODEL_TSO));
    no_fence_all = false;
}

/* ---- with a trace, the one woken is its waker's alone until it is offered to thieves */

static struct gor__trace_record records[2][2 * GOR__TRACE_UNIT_MAX];
static bool offers_blindly; /* a mutant */

static void setup_offer(void)
{
    gor__observed = 0;
    setup_two();
    machines[0].inside = false;
    machines[0].g = &goroutines[GOROUTINES - 1];
    for (int i = 0; i < 2; i++) {
        goroutines[i].state = GOR_WAITING;
        gor__trace_ring_init(&procs[i].trace, records[i], 2 * GOR__TRACE_UNIT_MAX);
        procs[i].trace.fences = true;
        model_name(&procs[i].offer, 1, "offer");
    }
    model_name(records, sizeof records, "trace");
    gor__observed = GOR__OBSERVE_TRACE;
    model_uses_fence_all();
}

/* As in a trace while switches come fast: wake one, and go on outside; then run it, if it is there still. */
static void wake_and_run(void)
{
    struct gor__p *p = &procs[0];
    for (int i = 0; i < 2; i++) {
        struct gor__m *m = gor__enter();
        p->trace.woken =
            gor__trace_may_leave_out(p) ? GOR__TRACE_WAKE_LATER : GOR__TRACE_WAKE_UNTIMED;
        gor__ready(&goroutines[i]);
        gor__leave_machine(m);
        gor__enter_machine(m);
        struct gor__g *next = gor__trace_left_out(&p->trace);
        if (next != NULL) {
            MODEL_CHECK(__atomic_load_n(&p->runq.next, __ATOMIC_RELAXED) == next);
            gor__runq_take_own_next(&p->runq, next);
        } else {
            next = gor__runq_take_next(&p->runq);
        }
        if (next != NULL) {
            run_goroutine(next);
        }
        p->trace.woken = GOR__TRACE_WAKE_TIMED;
        gor__leave_machine(m);
    }
}

/* Sysmon, and after it a thief. */
static void offer_and_steal(void)
{
    struct gor__p *p = &procs[0];
    if (!offers_blindly) {
        gor__offer_next(p);
    } else {
        __atomic_store_n(&p->offer, GOR__OFFER_OPEN, __ATOMIC_RELEASE);
    }
    schedule();
}

static void check_offer(void)
{
    check_ran(2);
}

static struct model_scenario offer = {.name = "offer",
                                      .setup = setup_offer,
                                      .threads = {wake_and_run, offer_and_steal},
                                      .resume = resume,
                                      .stuck = check_offer};

TEST(the_one_woken_in_a_trace_runs_once)
{
    static struct model_scenario *const offers[] = {&offer};
    model_hold(offers, 1);
    offers_blindly = true;
    CHECK(finds(&offer, MODEL_TSO));
    offers_blindly = false;
    gor__observed = 0;
}

/* ---- a hog that is stopped */

/* The other thread has its P. */
static void setup_stopped(void)
{
    clear(1);
    work_done = 0;
    machines[0].inside = false;
    machines[0].g = &goroutines[0];
    goroutines[0].state = GOR_RUNNABLE;
    machines[0].taken = GOR__TAKEN;
    machines[0].lack = GOR__LACK_HOG;
    gor__sched.hogs = (struct gor__m_queue){&machines[0], &machines[0], 1};
    list_machines(0, 1);
    gor__count_able(&machines[0], true);
    gor__hold(&machines[1], &procs[0]);
    model_uses_fence_all();
}

static void stop_and_go_on(void)
{
    gor__stop_here(&machines[0]);
    come_and_go();
}

/* Before the hog has noticed that it was given a P it has lost it, as one that is blocked. */
static void give_and_take(void)
{
    gor__mutex_lock(&gor__sched.lock);
    MODEL_CHECK(gor__give_to_waiting(gor__drop(&machines[1])));
    gor__mutex_unlock(&gor__sched.lock);
    gor__retake_blocked(&procs[0]);
}

static struct model_scenario stopped = {.name = "stopped",
                                        .setup = setup_stopped,
                                        .threads = {stop_and_go_on, give_and_take},
                                        .resume = resume,
                                        .check = check_door};

TEST(a_stopped_thread_that_is_given_a_proc_and_loses_it_goes_on)
{
    static struct model_scenario *const scenarios[] = {&stopped};
    model_hold(scenarios, 1);
}

/* It was taken for one that is blocked, and there is no P for it. */
static void setup_away(void)
{
    setup_stopped();
    machines[0].lack = GOR__LACK_AWAY;
    gor__sched.hogs = (struct gor__m_queue){NULL, NULL, 0};
    gor__sched.away = 1;
}

static void stop_then(void)
{
    gor__stop_here(&machines[0]);
}

/* As gor_stop begins. */
static void close_doors(void)
{
    gor__mutex_lock(&gor__sched.lock);
    __atomic_store_n(&gor__sched.stopping, true, __ATOMIC_SEQ_CST);
    gor__close_doors();
    gor__mutex_unlock(&gor__sched.lock);
}

static void check_closed(void)
{
    MODEL_CHECK(machines[0].taken == GOR__CLOSED);
}

static struct model_scenario closed = {.name = "closed",
                                       .setup = setup_away,
                                       .threads = {stop_then, close_doors},
                                       .resume = resume,
                                       .check = check_closed};

TEST(a_stopped_thread_goes_on_once_the_runtime_stops)
{
    static struct model_scenario *const scenarios[] = {&closed};
    model_hold(scenarios, 1);
}
