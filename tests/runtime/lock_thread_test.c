/* SPDX-License-Identifier: MIT */
/* Goroutines bound to their thread: it stays theirs, nobody else runs on it, and it goes with them. */
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/runtime/help.h"

/* Behind calls of their own: a compiler keeps the address of a thread-local within a function, and the
 * thread may be another after a call into the runtime. */
static __thread int mark;

__attribute__((noinline)) static void set_mark(int value)
{
    mark = value;
}

__attribute__((noinline)) static int get_mark(void)
{
    return mark;
}

static int thread_id(void)
{
    return (int)syscall(SYS_gettid);
}

static _Atomic int ended;

static void note_end(void)
{
    atomic_fetch_add(&ended, 1);
}

/* ---- staying */

static struct gor_chan *ping;

static void stay_through_parks(void *arg)
{
    (void)arg;
    gor_lock_os_thread();
    int thread = thread_id();
    set_mark(42);
    for (int i = 0; i < SCALED(2000, 500, 100); i++) {
        CHECK_EQ(recv_int(ping), i);
        CHECK_EQ(thread_id(), thread);
        gor_yield();
        CHECK_EQ(thread_id(), thread);
        if (i % 50 == 0) {
            CHECK_EQ(gor_sleep(1000), 0);
        }
        CHECK_EQ(thread_id(), thread);
        CHECK_EQ(get_mark(), 42);
    }
    set_mark(0);
    gor_unlock_os_thread();
    note_end();
}

GO_TEST(locked_goroutine_stays_on_its_thread)
{
    atomic_store(&ended, 0);
    ping = new_chan(sizeof(int), 0);
    spawn(stay_through_parks, NULL);
    for (int i = 0; i < SCALED(2000, 500, 100); i++) {
        send_int(ping, i);
    }
    YIELD_UNTIL(atomic_load(&ended) == 1)
    gor_chan_unref(ping);
}

/* ---- alone */

static void look_for_marks(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(get_mark(), 0);
        gor_yield();
    }
    note_end();
}

static void mark_the_thread(void *arg)
{
    (void)arg;
    gor_lock_os_thread();
    set_mark(1);
    for (int i = 0; i < 200; i++) {
        gor_yield();
        CHECK_EQ(get_mark(), 1);
    }
    set_mark(0);
    gor_unlock_os_thread();
    note_end();
}

GO_TEST(nobody_else_runs_on_a_locked_thread)
{
    atomic_store(&ended, 0);
    for (int i = 0; i < 4; i++) {
        spawn(mark_the_thread, NULL);
        spawn(look_for_marks, NULL);
        spawn(look_for_marks, NULL);
    }
    YIELD_UNTIL(atomic_load(&ended) == 12)
}

/* Two that talk to each other, each with a thread of its own. */
static void answer_locked(void *arg)
{
    struct gor_chan **both = arg;
    gor_lock_os_thread();
    int thread = thread_id();
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(recv_int(both[0]), i);
        send_int(both[1], i);
        CHECK_EQ(thread_id(), thread);
    }
    gor_unlock_os_thread();
    note_end();
}

GO_TEST(locked_goroutines_talk_to_each_other)
{
    struct gor_chan *both[2] = {new_chan(sizeof(int), 0), new_chan(sizeof(int), 0)};
    atomic_store(&ended, 0);
    spawn(answer_locked, both);
    gor_lock_os_thread();
    for (int i = 0; i < 100; i++) {
        send_int(both[0], i);
        CHECK_EQ(recv_int(both[1]), i);
    }
    gor_unlock_os_thread();
    YIELD_UNTIL(atomic_load(&ended) == 1)
    gor_chan_unref(both[0]);
    gor_chan_unref(both[1]);
}

/* ---- nesting */

static _Atomic bool over;

static void yield_until_over(void *arg)
{
    (void)arg;
    YIELD_UNTIL(atomic_load(&over))
    note_end();
}

GO_TEST(locks_nest)
{
    gor_lock_os_thread();
    gor_lock_os_thread();
    int thread = thread_id();
    gor_unlock_os_thread();
    atomic_store(&ended, 0);
    atomic_store(&over, false);
    spawn(yield_until_over, NULL);
    spawn(yield_until_over, NULL);
    for (int i = 0; i < 200; i++) {
        gor_yield();
        CHECK_EQ(thread_id(), thread);
    }
    gor_unlock_os_thread();
    atomic_store(&over, true);
    YIELD_UNTIL(atomic_load(&ended) == 2)
}

GO_TEST(unlock_without_a_lock_does_nothing)
{
    gor_unlock_os_thread();
    gor_yield();
    gor_lock_os_thread();
    gor_unlock_os_thread();
    gor_unlock_os_thread();
    gor_yield();
}

/* ---- the end */

static _Atomic int last_thread;

static void end_locked(void *arg)
{
    (void)arg;
    gor_lock_os_thread();
    atomic_store(&last_thread, thread_id());
    note_end();
}

static bool thread_lives(int thread)
{
    return syscall(SYS_tgkill, getpid(), thread, 0) == 0;
}

GO_TEST(goroutine_that_ends_locked_takes_its_thread_along)
{
    for (int i = 0; i < 20; i++) {
        atomic_store(&ended, 0);
        spawn(end_locked, NULL);
        YIELD_UNTIL(atomic_load(&ended) == 1)
        YIELD_UNTIL(!thread_lives(atomic_load(&last_thread)))
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_INT(stats.threads, <=, 20);
}

static void exit_locked(void *arg)
{
    gor_lock_os_thread();
    atomic_store(&last_thread, thread_id());
    (void)arg;
    gor_exit();
}

GO_TEST(exit_while_locked_takes_the_thread_along_too)
{
    gor_id_t id = spawn_id(exit_locked, NULL);
    await_end(id);
    YIELD_UNTIL(!thread_lives(atomic_load(&last_thread)))
}

/* ---- with everything else */

static void lock_and_sleep(void *arg)
{
    (void)arg;
    gor_lock_os_thread();
    int thread = thread_id();
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(gor_sleep(100000), 0);
        CHECK_EQ(usleep(100), 0);
        CHECK_EQ(thread_id(), thread);
    }
    if (arg == NULL) {
        gor_unlock_os_thread();
    }
    note_end();
}

GO_TEST(many_locked_goroutines_sleep_and_resize)
{
    enum { SLEEPERS = 16 };
    int former = gor_gomaxprocs(0);
    atomic_store(&ended, 0);
    for (int i = 0; i < SLEEPERS; i++) {
        spawn(lock_and_sleep, i % 2 == 0 ? NULL : &ping);
    }
    for (int i = 0; atomic_load(&ended) < SLEEPERS; i++) {
        (void)gor_gomaxprocs(1 + i % 4);
        CHECK_EQ(gor_sleep(100000), 0);
    }
    (void)gor_gomaxprocs(former);
}

/* ---- many */

enum { CROWD = SCALED(600, 100, 60) };

static struct {
    struct gor_chan *calls[CROWD];
    struct gor_waitgroup locked;
} crowd;

/* Locked and not in turn; the last value says how to end. */
static void answer_thrice(void *arg)
{
    struct gor_chan *calls = arg;
    int value = 0;
    gor_lock_os_thread();
    gor_waitgroup_done(&crowd.locked);
    int thread = thread_id();
    for (int i = 0; i < 3; i++) {
        value = recv_int(calls);
        CHECK_EQ(thread_id(), thread);
        send_int(calls, value + 1);
    }
    if (value % 2 == 0) {
        gor_unlock_os_thread();
    }
    note_end();
}

/* Each is found by its own call, whoever came or went before it. */
GO_TEST(locked_goroutines_are_woken_one_by_one)
{
    atomic_store(&ended, 0);
    gor_waitgroup_add(&crowd.locked, CROWD);
    for (int i = 0; i < CROWD; i++) {
        crowd.calls[i] = new_chan(sizeof(int), 0);
        spawn(answer_thrice, crowd.calls[i]);
    }
    gor_waitgroup_wait(&crowd.locked);
    for (int i = 0; i < 3 * CROWD; i++) {
        int which = i * 7 % CROWD;
        send_int(crowd.calls[which], i);
        CHECK_EQ(recv_int(crowd.calls[which]), i + 1);
    }
    YIELD_UNTIL(atomic_load(&ended) == CROWD)
    for (int i = 0; i < CROWD; i++) {
        gor_chan_unref(crowd.calls[i]);
    }
}

/* The root may be one, and the run ends all the same. */
static int end_root_locked(void *arg)
{
    (void)arg;
    gor_lock_os_thread();
    spawn(lock_and_sleep, &ping);
    return 7;
}

TEST(run_ends_with_locked_goroutines_alive)
{
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(gor_run(NULL, end_root_locked, NULL), 7);
    }
}
