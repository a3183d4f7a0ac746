/* SPDX-License-Identifier: MIT */
/* restart_test.c - a runtime started and stopped many times in one process leaves nothing behind.
 */
#include <dirent.h>
#include <sched.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static int count_entries(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static int count_mappings(void)
{
    int count = 0;
    int c;
    FILE *f = fopen("/proc/self/maps", "r");
    CHECK(f != NULL);
    while ((c = getc(f)) != EOF) {
        count += c == '\n';
    }
    fclose(f);
    return count;
}

/* A joined thread may be seen for a moment longer: the kernel tells the joiner first, and then clears
 * up. One that stays is found by the time limit. */
static void await_threads(int count)
{
    while (count_entries("/proc/self/task") > count) {
        sched_yield();
    }
}

/* Goroutines in every kind of wait at the moment the runtime ends. */
struct leftovers {
    struct gor_chan *c;
    struct gor_mutex m;
    struct gor_waitgroup wg;
    struct gor_cond cond;
    int fds[2];
    _Atomic int kind;
};

static int block_on_pipe(void *arg)
{
    struct leftovers *l = arg;
    char byte;
    return (int)read(l->fds[0], &byte, 1);
}

static void wait_somehow(void *arg)
{
    struct leftovers *l = arg;
    char byte;
    switch (atomic_fetch_add(&l->kind, 1) % 8) {
    case 0:
        (void)gor_chan_recv(l->c, NULL);
        break;
    case 1:
        (void)gor_sleep(GOR_SECOND * 3600);
        break;
    case 2:
        gor_mutex_lock(&l->m);
        break;
    case 3:
        gor_waitgroup_wait(&l->wg);
        break;
    case 4:
        (void)gor_read(l->fds[0], &byte, 1, GOR_NEVER);
        break;
    case 5:
        for (;;) {
            gor_yield();
        }
    case 6:
        (void)gor_select(NULL, 0);
        break;
    default:
        (void)gor_chan_recv_until(l->c, NULL, gor_after(GOR_SECOND * 3600));
    }
    CHECK(!"a goroutine left behind went on");
}

static int leave_them_waiting(void *arg)
{
    struct leftovers *l = arg;
    gor_mutex_lock(&l->m);
    gor_waitgroup_add(&l->wg, 1);
    for (int i = 0; i < 8; i++) {
        spawn(wait_somehow, l);
        for (int k = 0; k < 3; k++) {
            gor_yield();
        }
    }
    return 17;
}

static void run_with_leftovers(unsigned gomaxprocs)
{
    struct leftovers l = {.c = new_chan(0, 0)};
    CHECK_EQ(pipe(l.fds), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = gomaxprocs}, leave_them_waiting, &l), 17);
    close(l.fds[0]);
    close(l.fds[1]);
    gor_chan_unref(l.c);
}

TEST(restart_a_hundred_times_leaves_no_thread_descriptor_or_mapping)
{
    int threads = 0;
    int descriptors = 0;
    int mappings = 0;
    CHECK_EQ(gor_leak_ignore(wait_somehow, NULL), 0); /* on purpose: a select of nothing */
    for (int i = 0; i < 100; i++) {
        run_with_leftovers(1 + (unsigned)i % 4);
        if (i == 20) {
            threads = count_entries("/proc/self/task");
            descriptors = count_entries("/proc/self/fd");
            mappings = count_mappings();
        }
    }
    await_threads(threads);
    CHECK_INT(count_entries("/proc/self/fd"), <=, descriptors);
    /* Sanitizers map memory of their own as they go. */
    CHECK_INT(count_mappings(), <=, mappings + SCALED(20, 400, 400));
}

static void count_one(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

TEST(restart_by_start_and_stop_a_hundred_times)
{
    for (int i = 0; i < 100; i++) {
        _Atomic int count = 0;
        CHECK_EQ(gor_start(&(struct gor_opts){.gomaxprocs = 1 + (unsigned)i % 3}), 0);
        if (i % 3 != 0) {
            CHECK_EQ(gor_go(count_one, (void *)&count), 0);
            while (i % 3 == 1 && atomic_load(&count) == 0) {
                usleep(50);
            }
        }
        CHECK_EQ(gor_stop(), 0);
        CHECK_EQ(gor_num_goroutine(), 0);
        CHECK_EQ(gor_go(count_one, (void *)&count), -ESRCH);
    }
}

TEST(restart_keeps_ids_unused_so_far)
{
    static gor_id_t first;
    static gor_id_t last;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(gor_start(NULL), 0);
        _Atomic int count = 0;
        gor_id_t id = 0;
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, count_one, (void *)&count), 0);
        CHECK_INT(id, >, last);
        first = first == 0 ? id : first;
        last = id;
        while (atomic_load(&count) == 0) {
            usleep(50);
        }
        CHECK_EQ(gor_stop(), 0);
    }
    CHECK_INT(last, >, first);
}

static int call_blockingly(void *arg)
{
    return gor_blocking(block_on_pipe, arg);
}

/* A blocking call that has ended leaves its thread waiting for more; stopping ends that one too. */
TEST(restart_after_blocking_calls_leaves_no_thread)
{
    int threads = count_entries("/proc/self/task");
    for (int i = 0; i < 20; i++) {
        struct leftovers l = {.kind = 0};
        CHECK_EQ(pipe(l.fds), 0);
        CHECK_EQ(write(l.fds[1], "x", 1), 1);
        CHECK_EQ(gor_run(NULL, call_blockingly, &l), 1);
        close(l.fds[0]);
        close(l.fds[1]);
    }
    await_threads(threads);
}
