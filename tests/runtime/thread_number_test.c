/* SPDX-License-Identifier: MIT */
/* thread_number_test.c - a thread of the runtime's has ended, and the kernel has given its number to one of
 * the host's before the runtime looked: it is not taken for the one that has ended. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/sched/sched.h"
#include "tests/runtime/help.h"
#include "tests/runtime/maker.h"

static _Atomic bool holds; /* the maker, at the next thread that it makes */
static _Atomic bool held;
static _Atomic int ending; /* the number of the first thread that ends */
static _Atomic bool may_end;
static pthread_key_t key;

bool maker_is_refused(void)
{
    if (!atomic_load(&holds)) {
        return false;
    }
    atomic_store(&held, true);
    while (atomic_load(&holds)) {
        usleep(100);
    }
    return true;
}

static int own_number(void)
{
    return (int)syscall(SYS_gettid);
}

static void await(_Atomic bool *flag)
{
    while (!atomic_load(flag)) {
        usleep(100);
    }
}

/* At the end of a thread that had a value. */
static void end_late(void *unused)
{
    int none = 0;
    (void)unused;
    (void)atomic_compare_exchange_strong(&ending, &none, own_number());
    await(&may_end);
}

/* Bound to its thread, which ends with it. */
static void end_with_thread(void *unused)
{
    (void)unused;
    gor_lock_os_thread();
    CHECK_EQ(pthread_setspecific(key, &key), 0);
}

static bool has_gone(int number)
{
    return syscall(SYS_tgkill, getpid(), number, 0) < 0 && errno == ESRCH;
}

static _Atomic bool host_may_end;

static void *tell_number(void *arg)
{
    atomic_store((_Atomic int *)arg, own_number());
    await(&host_may_end);
    return NULL;
}

/* A thread with that number; false: it cannot be had. */
static bool take_number(int number, pthread_t *out_thread)
{
    enum { TRIES = 1000 };
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    bool can = fd >= 0;
    for (int i = 0; can && i < TRIES; i++) {
        _Atomic int got = 0;
        char text[16];
        int length = snprintf(text, sizeof text, "%d", number - 1);
        can = pwrite(fd, text, (size_t)length, 0) == length;
        atomic_store(&host_may_end, false);
        CHECK_EQ(pthread_create(out_thread, NULL, tell_number, &got), 0);
        while (atomic_load(&got) == 0) {
            usleep(10);
        }
        if (can && atomic_load(&got) == number) {
            close(fd);
            return true;
        }
        atomic_store(&host_may_end, true);
        CHECK_EQ(pthread_join(*out_thread, NULL), 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    return false;
}

TEST(thread_that_has_ended_is_told_from_one_with_its_number)
{
    pthread_t stranger;
    CHECK_EQ(pthread_key_create(&key, end_late), 0);
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_go(end_with_thread, NULL), 0);
    while (atomic_load(&ending) == 0) {
        usleep(100);
    }
    /* Whoever looks whether it has gone shall do so afterwards. */
    atomic_store(&holds, true);
    gor__machine_want();
    await(&held);
    atomic_store(&may_end, true);
    while (!has_gone(atomic_load(&ending))) {
        usleep(100);
    }
    bool taken = take_number(atomic_load(&ending), &stranger);
    atomic_store(&holds, false);
    CHECK_EQ(gor_stop(), 0);
    if (taken) {
        atomic_store(&host_may_end, true);
        CHECK_EQ(pthread_join(stranger, NULL), 0);
    }
    CHECK_EQ(pthread_key_delete(key), 0);
    if (!taken) {
        test_skip("no thread may be given a number here");
    }
}
