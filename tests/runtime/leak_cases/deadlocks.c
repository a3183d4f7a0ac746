/* SPDX-License-Identifier: MIT */
/* The whole program stands still. What is waited on is within everybody's reach, but there is nobody. */
#include <pthread.h>
#include <time.h>

#include "tests/runtime/leak_cases/cases.h"

static struct gor_chan *global_chan;
static struct gor_mutex global_mutex;
static struct gor_waitgroup global_group;

DEADLOCK_CASE(deadlock_of_one)
{
    global_chan = channel(0);
    recv_one(global_chan);
}

DEADLOCK_CASE(deadlock_by_double_lock)
{
    gor_mutex_lock(&global_mutex);
    gor_mutex_lock(&global_mutex);
}

DEADLOCK_CASE(deadlock_by_forgotten_done)
{
    gor_waitgroup_add(&global_group, 1);
    gor_waitgroup_wait(&global_group);
}

DEADLOCK_CASE(deadlock_of_two)
{
    global_chan = channel(0);
    ends(send_one, channel(0));
    recv_one(global_chan);
}

DEADLOCK_CASE(deadlock_by_empty_select)
{
    (void)gor_select(NULL, 0);
}

DEADLOCK_CASE(deadlock_of_a_bound_one)
{
    global_chan = channel(0);
    gor_lock_os_thread();
    recv_one(global_chan);
}

static void lock_thread_and_end(void *chan)
{
    (void)chan;
    gor_lock_os_thread();
}

DEADLOCK_CASE(deadlock_after_a_bound_one_ended)
{
    global_chan = channel(0);
    ends(lock_thread_and_end, NULL);
    recv_one(global_chan);
}

static void sleep_a_little(void *unused)
{
    (void)unused;
    CHECK_EQ(gor_sleep(GOR_MILLISECOND), 0);
}

DEADLOCK_CASE(deadlock_once_a_sleeper_is_up)
{
    global_chan = channel(0);
    ends(sleep_a_little, NULL);
    recv_one(global_chan);
}

/* The pause outlasts the runtime's look at the stillness, which is 20 ms after its begin: that look must not
 * have been the last. */
static void *end_pause(void *quota)
{
    struct timespec longer = {.tv_nsec = 60 * 1000 * 1000};
    (void)nanosleep(&longer, NULL);
    CHECK_EQ(gor_quota_resume(quota), 0);
    return NULL;
}

DEADLOCK_CASE(deadlock_once_a_pause_of_nobody_is_over)
{
    static struct gor_quota *quota;
    pthread_t thread;
    quota = gor_quota_new(1);
    CHECK_EQ(gor_quota_pause(quota), 0);
    CHECK_EQ(pthread_create(&thread, NULL, end_pause, quota), 0);
    CHECK_EQ(pthread_detach(thread), 0);
    global_chan = channel(0);
    recv_one(global_chan);
}
