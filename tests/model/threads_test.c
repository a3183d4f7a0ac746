/* SPDX-License-Identifier: MIT */
/* threads_test.c - whoever counts the threads of the process while some end and some are made takes none of
 * the host's for one of the runtime's.
 *
 * model: debug/threads.c
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/syscall.h"
#include "runtime/debug/threads.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"
#include "tests/model/model.h"
#include "tests/test.h"

__thread struct gor__m *gor__tls_m __attribute__((tls_model("initial-exec")));
struct gor__sched gor__sched;
struct gor__seeded gor__seeded;

enum { HELPERS = 2 }; /* the maker, and sysmon */

static struct gor__m machines[3];
static uint32_t threads; /* as the kernel counts them; atomic */
static int open_answer;
static bool ours;

/* The kernel, for who asks it for /proc/self/status. */
long gor__syscall(long number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d)
{
    (void)a;
    (void)d;
    if (number == SYS_openat) {
        return open_answer;
    }
    return number != SYS_read ? 0
                              : snprintf((char *)b, c, "Name:\ttest\nThreads:\t%u\n",
                                         __atomic_load_n(&threads, __ATOMIC_SEQ_CST));
}

static void put(struct gor__m *m)
{
    m->next = gor__sched.machines;
    gor__sched.machines = m;
    gor__sched.machines_made++;
    gor__sched.machine_count++;
}

static void setup_with(uint32_t strangers)
{
    memset(&gor__sched, 0, sizeof gor__sched);
    memset(machines, 0, sizeof machines);
    model_name(&gor__sched.lock, 4, "sched.lock");
    model_name(&gor__sched.blocking_threads, 4, "blocking_threads");
    model_name(&threads, 4, "kernel's threads");
    gor__sched.maker = pthread_self();
    gor__sched.blocking_threads = 1;
    for (int i = 0; i < 2; i++) {
        machines[i].made = true;
        put(&machines[i]);
    }
    threads = HELPERS + 2 + 1 + strangers;
    open_answer = 3;
    ours = false;
}

static void setup_alone(void)
{
    setup_with(0);
}

static void setup_stranger(void)
{
    setup_with(1);
}

static void ask(void)
{
    ours = gor__threads_are_ours();
}

static void end_machine(void)
{
    gor__mutex_lock(&gor__sched.lock);
    machines[1].next = NULL; /* the first one was the last on the list */
    gor__sched.machine_count--;
    gor__mutex_unlock(&gor__sched.lock);
    (void)__atomic_sub_fetch(&threads, 1, __ATOMIC_SEQ_CST);
}

static void end_worker(void)
{
    (void)__atomic_sub_fetch(&gor__sched.blocking_threads, 1, __ATOMIC_RELAXED);
    (void)__atomic_sub_fetch(&threads, 1, __ATOMIC_SEQ_CST);
}

static void make_machine(void)
{
    gor__mutex_lock(&gor__sched.lock);
    put(&machines[2]);
    gor__mutex_unlock(&gor__sched.lock);
    (void)__atomic_add_fetch(&threads, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&machines[2].made, true, __ATOMIC_RELEASE);
}

static void check_stranger(void)
{
    MODEL_CHECK(!ours);
}

static void check_alone(void)
{
    MODEL_CHECK(ours);
}

TEST(a_thread_of_the_hosts_is_never_taken_for_one_of_ours)
{
    static struct model_scenario machine_ends = {.name = "machine ends",
                                                 .setup = setup_stranger,
                                                 .threads = {ask, end_machine},
                                                 .check = check_stranger};
    static struct model_scenario worker_ends = {.name = "worker ends",
                                                .setup = setup_stranger,
                                                .threads = {ask, end_worker},
                                                .check = check_stranger};
    static struct model_scenario one_ends_one_begins = {.name = "one ends, one begins",
                                                        .setup = setup_stranger,
                                                        .threads = {ask, end_machine, make_machine},
                                                        .check = check_stranger};
    static struct model_scenario alone = {
        .name = "alone", .setup = setup_alone, .threads = {ask}, .check = check_alone};
    static struct model_scenario *const scenarios[] = {&machine_ends, &worker_ends,
                                                       &one_ends_one_begins, &alone};
    model_hold(scenarios, 4);
}

static void setup_without_descriptors(void)
{
    setup_with(0);
    open_answer = -EMFILE;
}

TEST(threads_that_cannot_be_counted_are_not_ours)
{
    static struct model_scenario no_descriptors = {.name = "no descriptors",
                                                   .setup = setup_without_descriptors,
                                                   .threads = {ask},
                                                   .check = check_stranger};
    static struct model_scenario *const scenarios[] = {&no_descriptors};
    model_hold(scenarios, 1);
}
