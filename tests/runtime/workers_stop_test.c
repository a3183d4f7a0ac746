/* SPDX-License-Identifier: MIT */
/* workers_stop_test.c - gor_stop at the moment when a goroutine has got a thread for its blocking call, or
 * has been refused one, and comes no further: the thread ends all the same, and so does gor_stop. */
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "runtime/sched/sched.h"
#include "tests/runtime/help.h"

static char is_caller; /* what gor_local() says about the goroutine with the call */
static _Atomic bool refused;
static _Atomic bool asked;

/* gor_stop says that it has begun, and closes the doors, under one lock. */
static void await_closed_doors(void)
{
    while (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        usleep(100);
    }
    gor__mutex_lock(&gor__sched.lock);
    gor__mutex_unlock(&gor__sched.lock);
}

/* In place of the C library's, for the runtime too: answers that goroutine once the runtime lets nobody
 * in. */
int pthread_create(pthread_t *restrict out_thread, const pthread_attr_t *restrict attr,
                   void *(*body)(void *), void *restrict arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    bool is_meant = gor_self() != 0 && gor_local() == &is_caller;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    int error = is_meant && atomic_load(&refused) ? EAGAIN : real(out_thread, attr, body, arg);
    if (is_meant) {
        atomic_store(&asked, true);
        await_closed_doors();
    }
    return error;
}

static int do_nothing(void *unused)
{
    (void)unused;
    return 0;
}

static void call(void *arg)
{
    gor_set_local(arg);
    (void)gor_blocking(do_nothing, NULL);
    CHECK(!"it went on");
}

static void stop_in_the_middle(bool refuse)
{
    atomic_store(&asked, false);
    atomic_store(&refused, refuse);
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_go(call, &is_caller), 0);
    while (!atomic_load(&asked)) {
        usleep(100);
    }
    CHECK_EQ(gor_stop(), 0);
}

static int call_once(void *unused)
{
    return gor_blocking(do_nothing, unused);
}

TEST(stop_ends_threads_that_were_reserved)
{
    for (int i = 0; i < 20; i++) {
        stop_in_the_middle(false);
        CHECK_EQ(gor_run(NULL, call_once, NULL), 0);
    }
}

TEST(stop_does_not_wait_for_threads_that_were_refused)
{
    for (int i = 0; i < 20; i++) {
        stop_in_the_middle(true);
        CHECK_EQ(gor_run(NULL, call_once, NULL), 0);
    }
}
