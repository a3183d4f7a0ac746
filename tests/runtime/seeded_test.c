/* SPDX-License-Identifier: MIT */
/* seeded_test.c - the seeded mode: the same seed takes the same course, another one another; a race is
 * found by walking seeds, and its seed finds it again. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/gor.h"
#include "tests/runtime/host.h"
#include "tests/test.h"

enum { NOTES = 4096, WORKERS = 4, ROUNDS = 12 };

/* What happened, in its order: who, and what. */
static uint32_t notes[NOTES];
static int note_count;

static void note(int who, int what)
{
    if (note_count < NOTES) {
        notes[note_count++] = (uint32_t)(who << 16 | what);
    }
}

static uint64_t hash_notes(void)
{
    uint64_t hash = (uint64_t)note_count;
    for (int i = 0; i < note_count; i++) {
        hash = (hash ^ notes[i]) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

static int run_seeded(uint64_t seed, int (*fn)(void *), void *arg)
{
    struct gor_opts opts = {.seed = seed, .virtual_time = true};
    note_count = 0;
    return gor_run(&opts, fn, arg);
}

/* ---- a program of everything */

static struct gor_chan *jobs;
static struct gor_chan *answers;
static struct gor_mutex mutex;
static struct gor_cond cond;
static struct gor_sem sem;
static struct gor_waitgroup group;
static int started;

static void one_of_many(void *arg)
{
    note((int)(intptr_t)arg, 1);
    gor_waitgroup_done(&group);
}

static void worker(void *arg)
{
    int self = (int)(intptr_t)arg;
    int64_t job = 0;
    gor_mutex_lock(&mutex);
    started++;
    note(self, 2);
    gor_cond_broadcast(&cond);
    gor_mutex_unlock(&mutex);
    while (gor_chan_recv(jobs, &job) == 1) {
        note(self, 100 + (int)job);
        (void)gor_sem_acquire(&sem, 1, GOR_NEVER);
        gor_sleep(job % 3 * GOR_MILLISECOND);
        gor_sem_release(&sem, 1);
        gor_waitgroup_add(&group, 1);
        (void)gor_go(one_of_many, (void *)(intptr_t)(self + 10));
        (void)gor_chan_send(answers, &job);
    }
    note(self, 3);
    gor_waitgroup_done(&group);
}

/* Send the jobs and take the answers, whichever can be done. */
static void exchange(void)
{
    struct gor_timer *ticker = gor_ticker_new(2 * GOR_MILLISECOND);
    int64_t sent = 0;
    int64_t got = 0;
    int64_t answer = 0;
    while (got < ROUNDS) {
        struct gor_case cases[3] = {
            {.chan = sent < ROUNDS ? jobs : NULL, .value = &sent, .op = GOR_SEND},
            {.chan = answers, .value = &answer, .op = GOR_RECV},
            {.chan = gor_timer_chan(ticker), .value = NULL, .op = GOR_RECV}};
        int index = gor_select(cases, 3);
        note(9, 200 + index);
        sent += index == 0;
        if (index == 1) {
            note(9, 300 + (int)answer);
            got++;
        }
    }
    gor_timer_free(ticker);
}

static int everything(void *arg)
{
    (void)arg;
    jobs = gor_chan_new(sizeof(int64_t), 2);
    answers = gor_chan_new(sizeof(int64_t), 0);
    started = 0;
    gor_sem_release(&sem, 2);
    gor_waitgroup_add(&group, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ(gor_go(worker, (void *)(intptr_t)i), 0);
    }
    gor_mutex_lock(&mutex);
    while (started < WORKERS) {
        gor_cond_wait(&cond, &mutex);
    }
    gor_mutex_unlock(&mutex);
    exchange();
    CHECK_EQ(gor_chan_close(jobs), 0);
    gor_waitgroup_wait(&group);
    CHECK_EQ(gor_sem_acquire(&sem, 2, GOR_NEVER), 0);
    gor_chan_unref(jobs);
    gor_chan_unref(answers);
    note(9, (int)(gor_now() / GOR_MILLISECOND % 1000));
    return 0;
}

static uint64_t course_of(uint64_t seed)
{
    CHECK_EQ(run_seeded(seed, everything, NULL), 0);
    CHECK_INT(note_count, >, WORKERS * 2 + ROUNDS * 4);
    CHECK_INT(note_count, <, NOTES);
    return hash_notes();
}

TEST(the_same_seed_takes_the_same_course_a_hundred_times)
{
    uint64_t first = course_of(42);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(course_of(42), first);
    }
}

TEST(other_seeds_take_other_courses)
{
    enum { SEEDS = 200 };
    static uint64_t courses[SEEDS];
    int different = 0;
    for (int i = 0; i < SEEDS; i++) {
        courses[i] = course_of((uint64_t)i + 1);
        bool seen = false;
        for (int j = 0; j < i; j++) {
            seen = seen || courses[j] == courses[i];
        }
        different += !seen;
    }
    CHECK_INT(different, >, SEEDS * 9 / 10);
}

/* For the test below: what one process makes of a seed. */
TEST(print_course)
{
    const char *seed = getenv("SEEDED_TEST_SEED");
    if (seed != NULL) {
        printf("course %016" PRIx64 "\n", course_of(strtoull(seed, NULL, 0)));
    }
}

static uint64_t course_elsewhere(uint64_t seed)
{
    char command[512];
    char line[256];
    char self[128];
    uint64_t course = 0;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK_INT(length, >, 0);
    self[length] = '\0';
    (void)snprintf(command, sizeof command, "SEEDED_TEST_SEED=%" PRIu64 " %s'%s' print_course",
                   seed, emulator(), self);
    FILE *out = popen(command, "r");
    CHECK(out != NULL);
    while (fgets(line, sizeof line, out) != NULL) {
        (void)sscanf(line, "course %" SCNx64, &course);
    }
    CHECK_EQ(pclose(out), 0);
    CHECK(course != 0);
    return course;
}

TEST(the_same_seed_takes_the_same_course_in_other_processes)
{
    uint64_t here = course_of(7);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(course_elsewhere(7), here);
    }
    CHECK(course_elsewhere(8) != here);
}
