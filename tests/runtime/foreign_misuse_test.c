/* SPDX-License-Identifier: MIT */
/* foreign_misuse_test.c - what only a goroutine may call, called by a thread of the host program: an
 * error, or a death that says so, but never a lock that is none. */
#include <signal.h>

#include "tests/runtime/child.h"
#include "tests/runtime/help.h"

/* Zeroed, which is as good as new. */
static struct gor_mutex mutex;
static struct gor_rwmutex rwmutex;
static struct gor_waitgroup waitgroup;
static struct gor_cond cond;
static struct gor_sem sem;
static struct gor_once once;

static void lock(void)
{
    gor_mutex_lock(&mutex);
}

static void unlock(void)
{
    gor_mutex_unlock(&mutex);
}

static void read_lock(void)
{
    gor_rwmutex_rlock(&rwmutex);
}

static void write_lock(void)
{
    gor_rwmutex_lock(&rwmutex);
}

static void add(void)
{
    gor_waitgroup_add(&waitgroup, 1);
}

static void wait_for_nothing(void)
{
    gor_waitgroup_wait(&waitgroup);
}

static void signal_one(void)
{
    gor_cond_signal(&cond);
}

static void signal_all(void)
{
    gor_cond_broadcast(&cond);
}

static void release(void)
{
    gor_sem_release(&sem, 1);
}

static void do_nothing(void *unused)
{
    (void)unused;
}

static void do_once(void)
{
    gor_once_do(&once, do_nothing, NULL);
}

static void yield(void)
{
    gor_yield();
}

static void (*const forbidden[])(void) = {
    lock,       unlock,     read_lock, write_lock, add,   wait_for_nothing,
    signal_one, signal_all, release,   do_once,    yield,
};

static void check_dies(void (*misuse)(void))
{
    int status = status_of_child(misuse);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST(foreign_misuse_ends_the_process)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        check_dies(forbidden[i]);
    }
}

TEST(foreign_misuse_is_an_error_where_there_is_a_result)
{
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_mutex_try_lock(&mutex), -EPERM);
    CHECK_EQ(gor_waitgroup_wait_until(&waitgroup, GOR_NEVER), -EPERM);
    CHECK_EQ(gor_cond_wait_until(&cond, &mutex, GOR_NEVER), -EPERM);
    CHECK_EQ(gor_sem_acquire(&sem, 0, GOR_NEVER), -EPERM);
    CHECK_EQ(gor_stop(), 0);
}
