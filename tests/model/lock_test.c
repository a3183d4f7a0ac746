/* SPDX-License-Identifier: MIT */
/* lock_test.c - mutexes, wait groups, read-write mutexes and semaphores: nobody is in who must not be,
 * and nobody waits for ever.
 *
 * model: sync/mutex.c sync/waitgroup.c sync/rwmutex.c sync/semaphore.c
 * model: sched/limit.c sched/waitq.c sched/goroutine.c sched/timer.c sched/observe.c
 */
#include "runtime/sched/contention.h"
#include "tests/model/goroutines.h"

enum { DEADLINE = 100 };

static struct gor_mutex mutex;
static struct gor_waitgroup group;
static struct gor_rwmutex rwmutex;
static struct gor_sem sem;
static int inside; /* plain: whoever holds the lock alone touches it */
static int finished[MODEL_THREADS];

/* Of waitgroup.c's gor_waitgroup_go, which has no part here. */
void gor_defer(struct gor_defer *d, void (*fn)(void *arg), void *arg)
{
    (void)d;
    (void)fn;
    (void)arg;
}

void gor_undefer(struct gor_defer *d, bool run)
{
    (void)d;
    (void)run;
}

int gor__go(const struct gor_go_opts *opts, void (*fn)(void *), void *arg, const void *caller)
{
    (void)opts;
    (void)fn;
    (void)arg;
    (void)caller;
    return -EAGAIN;
}

/* Nothing is profiled here. */
int64_t gor__contention_owed(const struct gor__waitq *queue, int64_t *since)
{
    (void)queue;
    (void)since;
    return 0;
}

void gor__contention_released(enum gor_wait_reason reason, int64_t owed)
{
    (void)reason;
    (void)owed;
}

static void clear(void)
{
    clear_goroutines();
    memset(&mutex, 0, sizeof mutex);
    memset(&group, 0, sizeof group);
    memset(&rwmutex, 0, sizeof rwmutex);
    memset(&sem, 0, sizeof sem);
    inside = 0;
    memset(finished, 0, sizeof finished);
    model_name(&mutex, sizeof mutex, "mutex");
    model_name(&group, sizeof group, "group");
    model_name(&rwmutex, sizeof rwmutex, "rwmutex");
    model_name(&sem, sizeof sem, "sem");
    model_name(&inside, sizeof inside, "inside");
}

static void finish(int result)
{
    finished[model_thread()] = result;
}

/* ---- a mutex of three, in its normal mode and starving */

static void clear_starving(void)
{
    clear();
    clock_step = 2 * GOR_MILLISECOND;
}

static void lock_once(void)
{
    gor_mutex_lock(&mutex);
    inside++;
    gor_mutex_unlock(&mutex);
}

static void lock_twice(void)
{
    lock_once();
    lock_once();
}

/* All have been in, nobody is left, and the word says so: the next lock and unlock take no slow way. */
static void check_free(void)
{
    static const struct gor_mutex unused;
    MODEL_CHECK(memcmp(&mutex, &unused, sizeof mutex) == 0);
}

static void check_four(void)
{
    MODEL_CHECK(inside == 4);
    check_free();
}

static struct model_scenario normal = {.name = "mutex",
                                       .setup = clear,
                                       .threads = {lock_twice, lock_twice},
                                       .resume = resume,
                                       .check = check_four};

static struct model_scenario starving = {.name = "starving mutex",
                                         .setup = clear_starving,
                                         .threads = {lock_twice, lock_twice},
                                         .resume = resume,
                                         .check = check_four};

static void check_three(void)
{
    MODEL_CHECK(inside == 3);
    check_free();
}

static struct model_scenario three = {.name = "mutex of three",
                                      .most = 300000,
                                      .setup = clear,
                                      .threads = {lock_once, lock_once, lock_once},
                                      .resume = resume,
                                      .check = check_three};

static struct model_scenario three_starving = {.name = "starving mutex of three",
                                               .most = 300000,
                                               .setup = clear_starving,
                                               .threads = {lock_once, lock_once, lock_once},
                                               .resume = resume,
                                               .check = check_three};

/* ---- one that gives up, beside one that waits on */

static void lock_until(void)
{
    int result = gor_mutex_lock_until(&mutex, DEADLINE);
    if (result == 0) {
        inside++;
        gor_mutex_unlock(&mutex);
    }
    finish(result);
}

static void pass_deadline(void)
{
    (void)gor__timers_run(&proc.timers, DEADLINE);
}

static void check_given_up(void)
{
    MODEL_CHECK(finished[1] == 0 || finished[1] == -ETIMEDOUT);
    MODEL_CHECK(inside == 1 + (finished[1] == 0));
    check_free();
}

static struct model_scenario giving_up = {.name = "giving up",
                                          .setup = clear,
                                          .threads = {lock_once, lock_until, pass_deadline},
                                          .resume = resume,
                                          .check = check_given_up};

/* ---- a wait group, which its waiter frees */

static void clear_group(void)
{
    clear();
    gor__tls_m = &machines[0];
    gor_waitgroup_add(&group, 2);
}

static void work(void)
{
    gor_waitgroup_done(&group);
}

/* Plain: a worker that still touched it would race. */
static void wait_and_free(void)
{
    gor_waitgroup_wait(&group);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* for our own stores to it, which the model buffers */
    group.opaque[0] = ~UINT64_C(0);
    group.opaque[1] = ~UINT64_C(0);
}

static struct model_scenario freeing = {.name = "wait group",
                                        .setup = clear_group,
                                        .threads = {work, work, wait_and_free},
                                        .resume = resume};

/* ---- a read-write mutex */

static void clear_rwmutex(void)
{
    clear();
}

static void read_it(void)
{
    gor_rwmutex_rlock(&rwmutex);
    MODEL_CHECK(inside % 2 == 0);
    gor_rwmutex_runlock(&rwmutex);
}

static void write_it(void)
{
    gor_rwmutex_lock(&rwmutex);
    inside++;
    inside++;
    gor_rwmutex_unlock(&rwmutex);
}

static void check_written(void)
{
    MODEL_CHECK(inside == 2);
}

static struct model_scenario reading = {.name = "read-write mutex",
                                        .setup = clear_rwmutex,
                                        .threads = {read_it, write_it, read_it},
                                        .resume = resume,
                                        .check = check_written};

/* ---- a semaphore: both want all of it, and one gives up */

static void clear_sem(void)
{
    clear();
    gor__tls_m = &machines[0];
    gor_sem_release(&sem, 2);
}

static void take_two(void)
{
    MODEL_CHECK(gor_sem_acquire(&sem, 2, GOR_NEVER) == 0);
    inside++;
    gor_sem_release(&sem, 2);
}

static void try_two(void)
{
    int result = gor_sem_acquire(&sem, 2, DEADLINE);
    if (result == 0) {
        inside++;
        gor_sem_release(&sem, 2);
    }
    finish(result);
}

static void check_sem(void)
{
    MODEL_CHECK(finished[1] == 0 || finished[1] == -ETIMEDOUT);
    MODEL_CHECK(inside == 1 + (finished[1] == 0));
}

static struct model_scenario units = {.name = "semaphore",
                                      .setup = clear_sem,
                                      .threads = {take_two, try_two, pass_deadline},
                                      .resume = resume,
                                      .check = check_sem};

static struct model_scenario *const all[] = {&freeing,  &units,   &giving_up, &normal,
                                             &starving, &reading, &three,     &three_starving};

TEST(nobody_is_in_who_must_not_be_and_nobody_waits_for_ever)
{
    /* Of three there are too many orders for all of them. */
    model_hold(all, model_long() ? 8 : 6);
}

/* In particular the wake-ups that must not be lost, and what is promised to whoever frees a wait group.
 * What survives is hints, and loads that the model keeps in order anyway. */
TEST(a_wrong_access_is_found)
{
    struct model_mutants mutants;
    for (int i = 0; i < 6; i++) {
        all[i]->memory = MODEL_WEAK;
    }
    model_mutate(all, model_long() ? 6 : 3, MODEL_SPLIT, &mutants);
    CHECK_INT(mutants.made[MODEL_SPLIT] - mutants.survived[MODEL_SPLIT], >=, 12);
    CHECK_INT(mutants.made[MODEL_RELAX] - mutants.survived[MODEL_RELAX], >=, 12);
}
