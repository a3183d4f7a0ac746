/* SPDX-License-Identifier: MIT */
/* blocking_until_test.c - blocking calls that outlive the patience of their caller, or the runtime. */
#include <semaphore.h>
#include <time.h>

#include "tests/runtime/help.h"

/* What a call works on; freed by whoever comes last. */
struct record {
    sem_t go;
    _Atomic int began;
    _Atomic int *disposed;
    int answer;
};

static struct record *new_record(_Atomic int *disposed, int answer)
{
    struct record *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    CHECK_EQ(sem_init(&r->go, 0, 0), 0);
    r->disposed = disposed;
    r->answer = answer;
    return r;
}

static _Atomic int calls_begun;

static int wait_for_go(void *arg)
{
    struct record *r = arg;
    atomic_store(&r->began, 1);
    atomic_fetch_add(&calls_begun, 1);
    while (sem_wait(&r->go) != 0) {
    }
    return r->answer;
}

static void dispose(void *arg)
{
    struct record *r = arg;
    _Atomic int *disposed = r->disposed;
    CHECK_EQ(sem_destroy(&r->go), 0);
    free(r);
    atomic_fetch_add(disposed, 1);
}

GO_TEST(blocking_until_answers_what_the_function_returned)
{
    _Atomic int disposed = 0;
    int answer = 1;
    struct record *r = new_record(&disposed, -7);
    CHECK_EQ(sem_post(&r->go), 0);
    CHECK_EQ(gor_blocking_until(wait_for_go, r, dispose, GOR_NEVER, &answer), 0);
    CHECK_EQ(answer, -7);
    CHECK_EQ(atomic_load(&disposed), 0);
    CHECK_EQ(sem_post(&r->go), 0);
    CHECK_EQ(gor_blocking_until(wait_for_go, r, dispose, gor_after(GOR_SECOND * 1000), &answer), 0);
    CHECK_EQ(answer, -7);
    dispose(r);
}

/* A record whose call has begun and was given up. A call given up before it began is disposed of, and
 * does not count: then with more patience. */
static struct record *give_one_up(_Atomic int *disposed)
{
    for (int64_t patience = GOR_MILLISECOND;; patience *= 2) {
        _Atomic int unbegun = 0;
        int answer = 1;
        int begun = atomic_load(&calls_begun);
        struct record *r = new_record(&unbegun, 0);
        int64_t deadline = gor_after(patience);
        CHECK_EQ(gor_blocking_until(wait_for_go, r, dispose, deadline, &answer), -ETIMEDOUT);
        CHECK(gor_now() >= deadline);
        CHECK_EQ(answer, 1);
        YIELD_UNTIL(atomic_load(&calls_begun) != begun || atomic_load(&unbegun) == 1)
        if (atomic_load(&unbegun) == 0) {
            r->disposed = disposed;
            return r;
        }
    }
}

GO_TEST(blocking_until_leaves_the_record_to_a_call_that_goes_on)
{
    _Atomic int disposed = 0;
    struct record *r = give_one_up(&disposed);
    CHECK_EQ(atomic_load(&disposed), 0);
    CHECK_EQ(sem_post(&r->go), 0);
    YIELD_UNTIL(atomic_load(&disposed) == 1)
}

GO_TEST(blocking_until_a_deadline_in_the_past_begins_nothing)
{
    _Atomic int disposed = 0;
    int answer = 1;
    CHECK_EQ(gor_blocking_until(wait_for_go, new_record(&disposed, 0), dispose, 0, &answer),
             -ETIMEDOUT);
    CHECK_EQ(atomic_load(&disposed), 1);
    CHECK_EQ(answer, 1);
}

/* Calls end about when their callers lose patience: both sides agree whose the record is. */
struct racer {
    struct gor_waitgroup *wg;
    _Atomic int *disposed;
    int64_t patience_ns;
    _Atomic int *kept;
};

static int work_a_little(void *arg)
{
    struct record *r = arg;
    struct timespec little = {0, r->answer};
    (void)nanosleep(&little, NULL);
    return r->answer;
}

static void race(void *arg)
{
    struct racer *c = arg;
    int answer = -1;
    struct record *r = new_record(c->disposed, 50000);
    int result = gor_blocking_until(work_a_little, r, dispose, gor_after(c->patience_ns), &answer);
    if (result == 0) {
        CHECK_EQ(answer, 50000);
        atomic_fetch_add(c->kept, 1);
        dispose(r);
    } else {
        CHECK_EQ(result, -ETIMEDOUT);
    }
    gor_waitgroup_done(c->wg);
}

GO_TEST(blocking_until_and_its_deadline_agree_whose_the_record_is)
{
    enum { RACERS = SCALED(600, 200, 100) };
    struct gor_waitgroup wg = {0};
    static _Atomic int disposed;
    static _Atomic int kept;
    struct racer *racers = calloc(RACERS, sizeof *racers);
    uint64_t seed = test_seed();
    atomic_store(&disposed, 0);
    gor_waitgroup_add(&wg, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){&wg, &disposed, random_below(&seed, 300000), &kept};
        spawn(race, &racers[i]);
    }
    gor_waitgroup_wait(&wg);
    YIELD_UNTIL(atomic_load(&disposed) == RACERS)
    free(racers);
}

/* ---- the runtime ends first */

static _Atomic int left_behind;
static struct record *hanging;

static int leave_one_behind(void *unused)
{
    (void)unused;
    hanging = give_one_up(&left_behind);
    return 0;
}

static void wait_in_vain(void *arg)
{
    int answer = 0;
    (void)gor_blocking_until(wait_for_go, arg, dispose, GOR_NEVER, &answer);
    CHECK(false);
}

static int leave_a_waiter_behind(void *arg)
{
    struct record *r = arg;
    spawn_parked(wait_in_vain, r, GOR_WAIT_BLOCKING);
    YIELD_UNTIL(atomic_load(&r->began) == 1)
    return 0;
}

static void await_count(_Atomic int *counter, int count)
{
    while (atomic_load(counter) != count) {
        struct timespec moment = {0, 100000};
        (void)nanosleep(&moment, NULL);
    }
}

TEST(blocking_until_outlives_its_runtime_and_does_not_hold_it_up)
{
    atomic_store(&left_behind, 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(gor_run(NULL, leave_one_behind, NULL), 0);
        struct record *first = hanging;
        struct record *second = new_record(&left_behind, 0);
        /* The next runtime starts while the call of the last one goes on. */
        CHECK_EQ(gor_run(NULL, leave_a_waiter_behind, second), 0);
        CHECK_EQ(atomic_load(&left_behind), 2 * i);
        CHECK_EQ(sem_post(&first->go), 0);
        CHECK_EQ(sem_post(&second->go), 0);
        await_count(&left_behind, 2 * i + 2);
    }
}

TEST(blocking_until_outside_a_goroutine_is_refused)
{
    int answer = 0;
    CHECK_EQ(gor_blocking_until(wait_for_go, NULL, dispose, GOR_NEVER, &answer), -EPERM);
}
