/* SPDX-License-Identifier: MIT */
/* machine_refused_test.c - the system gives no thread for goroutines, and the runtime is stopped before it
 * has said so: nothing is left of the thread that never was. Or it gives one later: then all runs. */
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include "runtime/sched/sched.h"
#include "tests/runtime/help.h"

static _Atomic int refusals; /* left to be made */
static _Atomic bool asked;
static _Atomic bool await_stop;

static bool is_the_maker(void)
{
    char name[16] = "";
    return pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
           strcmp(name, "gor-maker") == 0;
}

/* In place of the C library's, for the runtime too. */
int pthread_create(pthread_t *restrict out_thread, const pthread_attr_t *restrict attr,
                   void *(*body)(void *), void *restrict arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    if (atomic_load(&refusals) > 0 && is_the_maker()) {
        atomic_fetch_sub(&refusals, 1);
        atomic_store(&asked, true);
        while (atomic_load(&await_stop) &&
               !__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
            usleep(100);
        }
        return EAGAIN;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(out_thread, attr, body, arg);
}

static int answer_five(void *arg)
{
    (void)arg;
    return 5;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

TEST(thread_that_was_refused_while_the_runtime_stops_is_not_joined)
{
    for (int i = 0; i < 20; i++) {
        atomic_store(&asked, false);
        atomic_store(&await_stop, true);
        atomic_store(&refusals, 1);
        CHECK_EQ(gor_start(NULL), 0);
        CHECK_EQ(gor_go(do_nothing, NULL), 0);
        while (!atomic_load(&asked)) {
            usleep(100);
        }
        CHECK_EQ(gor_stop(), 0);
        CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
    }
}

TEST(thread_that_was_refused_is_asked_for_again)
{
    atomic_store(&await_stop, false);
    atomic_store(&refusals, 3);
    CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
    CHECK_EQ(atomic_load(&refusals), 0);
}
