/* SPDX-License-Identifier: MIT */
/* blocking_refused_test.c - gor_blocking while the system has no thread to give: an error for
 * everybody, also for calls that queued behind a thread that then could not be made. */
#include <dlfcn.h>
#include <pthread.h>

#include "tests/runtime/help.h"

/* What gor_local() says about the goroutine that asks for a thread. */
static char is_first;
static char is_second;

static _Atomic bool first_asks;
static _Atomic gor_id_t second_id;

/* The first request is refused only when the second, refused at once, waits in the queue. */
static bool refuse(void)
{
    const void *who = gor_self() != 0 ? gor_local() : NULL;
    struct gor_info info = {.state = GOR_RUNNING};
    if (who == &is_first) {
        atomic_store(&first_asks, true);
        while (info.state != GOR_WAITING || info.reason != GOR_WAIT_BLOCKING) {
            (void)gor_lookup(atomic_load(&second_id), &info);
        }
    }
    return who == &is_first || who == &is_second;
}

/* In place of the C library's, for the runtime too. */
int pthread_create(pthread_t *restrict out_thread, const pthread_attr_t *restrict attr,
                   void *(*body)(void *), void *restrict arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    if (refuse()) {
        return EAGAIN;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(out_thread, attr, body, arg);
}

static int do_nothing(void *unused)
{
    (void)unused;
    return 0;
}

struct request {
    char *who;
    int result;
    struct gor_waitgroup *wg;
};

static void ask(void *arg)
{
    struct request *request = arg;
    gor_set_local(request->who);
    if (request->who == &is_second) {
        atomic_store(&second_id, gor_self());
        YIELD_UNTIL(atomic_load(&first_asks));
    } else {
        YIELD_UNTIL(atomic_load(&second_id) != 0);
    }
    request->result = gor_blocking(do_nothing, NULL);
    gor_waitgroup_done(request->wg);
}

static int ask_twice(void *unused)
{
    struct gor_waitgroup wg = {0};
    struct request first = {&is_first, 1, &wg};
    struct request second = {&is_second, 1, &wg};
    (void)unused;
    gor_waitgroup_add(&wg, 2);
    spawn(ask, &second);
    spawn(ask, &first);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(first.result, -EAGAIN);
    CHECK_EQ(second.result, -EAGAIN);
    /* This goroutine is not refused. */
    CHECK_EQ(gor_blocking(do_nothing, NULL), 0);
    return 0;
}

/* On two processors: the first keeps its thread while it asks. */
TEST(blocking_without_threads_is_refused_to_all)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, ask_twice, NULL), 0);
}
