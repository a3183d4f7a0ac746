/* SPDX-License-Identifier: MIT */
/* children_test.c - all children are seen, whatever else is reaped meanwhile. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/children.h"
#include "runtime/gor.h"
#include "tests/test.h"

enum { ROUNDS = 20, LEAVING = 200, EVERY = 20, STAYING = LEAVING / EVERY };

static pid_t
    leaving[LEAVING]; /* by this thread's order, with one that stays behind each EVERY of them */
static pid_t staying[STAYING];
static _Atomic bool reaped;

static pid_t start(bool stays)
{
    pid_t pid = fork();
    CHECK(pid >= 0);
    while (pid == 0) {
        if (!stays) {
            _exit(0);
        }
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive a test that fails */
        pause();
    }
    return pid;
}

static void end(pid_t pid)
{
    while (gord_children_wait(pid, NULL, 0, NULL) != pid) {
    }
}

static void *reap_those_that_leave(void *unused)
{
    (void)unused;
    for (int i = 0; i < LEAVING; i++) {
        end(leaving[i]);
    }
    atomic_store(&reaped, true);
    return NULL;
}

static int note(void *arg, pid_t pid)
{
    bool *seen = arg;
    for (int i = 0; i < STAYING; i++) {
        seen[i] |= staying[i] == pid;
    }
    return 0;
}

static void check_all_stay(struct gord_children *children)
{
    bool seen[STAYING] = {false};
    CHECK_EQ(gord_children_each_orphan(children, note, seen), 0);
    for (int i = 0; i < STAYING; i++) {
        CHECK(seen[i]);
    }
}

TEST(children_are_all_seen_while_others_are_reaped)
{
    struct gord_children children;
    gord_children_init(&children);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t reaper;
        for (int i = 0; i < LEAVING; i++) {
            leaving[i] = start(false);
            if (i % EVERY == EVERY - 1) {
                staying[i / EVERY] = start(true);
            }
        }
        atomic_store(&reaped, false);
        CHECK_EQ(pthread_create(&reaper, NULL, reap_those_that_leave, NULL), 0);
        do {
            check_all_stay(&children);
        } while (!atomic_load(&reaped));
        CHECK_EQ(pthread_join(reaper, NULL), 0);
        check_all_stay(&children);
        for (int i = 0; i < STAYING; i++) {
            CHECK_EQ(kill(staying[i], SIGKILL), 0);
            end(staying[i]);
        }
    }
    gord_children_fini(&children);
}

static int stop_at_second(void *arg, pid_t pid)
{
    int *count = arg;
    (void)pid;
    return ++*count == 2 ? 42 : 0;
}

TEST(children_are_shown_until_somebody_has_seen_enough)
{
    struct gord_children children;
    int count = 0;
    gord_children_init(&children);
    for (int i = 0; i < 3; i++) {
        staying[i] = start(true);
    }
    CHECK_EQ(gord_children_each_orphan(&children, stop_at_second, &count), 42);
    CHECK_EQ(count, 2);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(kill(staying[i], SIGKILL), 0);
        end(staying[i]);
    }
    gord_children_fini(&children);
}

static void *end_spawn(void *children)
{
    CHECK_EQ(gord_children_end(children, 4711), 0);
    return NULL;
}

static void note_pid(void *arg, pid_t pid)
{
    pid_t *seen = arg;
    *seen = pid;
}

TEST(children_of_spawns_under_way_are_entered_once_those_are_over)
{
    struct gord_children children;
    pthread_t thread;
    pid_t seen = 0;
    gord_children_init(&children);
    CHECK(gord_children_await_spawns(&children, 0));
    gord_children_begin(&children);
    gord_children_begin(&children);
    CHECK_EQ(gord_children_end(&children, 0), 0);
    CHECK(!gord_children_await_spawns(&children, GOR_MILLISECOND));
    CHECK_EQ(pthread_create(&thread, NULL, end_spawn, &children), 0);
    CHECK(gord_children_await_spawns(&children, GOR_NEVER));
    gord_children_each(&children, note_pid, &seen);
    CHECK_EQ(seen, 4711);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    gord_children_fini(&children);
}
