/* SPDX-License-Identifier: MIT */
/* profile_cpu_test.c - the CPU profile: what computes most is what it shows most of, wherever that runs,
 * and nobody else notices.
 *
 * ThreadSanitizer hands a signal on at the thread's next call of the C library, so where it came is lost:
 * what is asserted of stacks is not there.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "tests/runtime/help.h"
#include "tests/runtime/profile_reader.h"

#define NOINLINE __attribute__((noinline))

/* After the call, so that it is none that goes on elsewhere. */
#define STAY __asm__ volatile("")

#if defined(__SANITIZE_THREAD__)
enum { PLACES_ARE_TRUE = 0 };
#else
enum { PLACES_ARE_TRUE = 1 };
#endif

enum { ROUND = 100000 };

static const struct gor_cpu_profile_opts often = {.hz = 1000};

static _Atomic uint64_t result;

/* As fast as the processor multiplies, wherever the loop lies: one step needs the one before. */
#define MULTIPLY(times)                                          \
    do {                                                         \
        uint64_t number = atomic_load(&result);                  \
        for (int i = 0; i < (times); i++) {                      \
            number = number * UINT64_C(6364136223846793005) + 1; \
            STAY;                                                \
        }                                                        \
        atomic_store(&result, number);                           \
    } while (0)

static NOINLINE void compute_much(int steps)
{
    MULTIPLY(4 * steps);
}

static NOINLINE void compute_little(int steps)
{
    MULTIPLY(steps);
}

static int64_t cpu_time(void)
{
    struct timespec used;
    CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), 0);
    return used.tv_sec * GOR_SECOND + used.tv_nsec;
}

/* A second of CPU time. There is a sample for each tick of the kernel, 250 then with CONFIG_HZ=250; of
 * those 50 +- 6 lie in compute_little, and 84 would be too many for check_shares: five times the
 * spread. A third of that time was three times the spread, which one run in a hundred missed. */
static NOINLINE void compute(void)
{
    int64_t until = cpu_time() + GOR_SECOND;
    uint64_t random = test_seed();
    while (cpu_time() < until) {
        /* In step with the kernel's ticks, some of a round would be seen too often. */
        int steps = 50000 + (int)random_below(&random, 100000);
        compute_much(steps);
        compute_little(steps);
    }
    STAY;
}

static void start_often(void)
{
    CHECK_EQ(gor_cpu_profile_start(&often), 0);
}

static void stop_and_take(struct profile *p)
{
    CHECK_EQ(gor_cpu_profile_stop(), 0);
    profile_take(p, GOR_PROFILE_CPU);
}

static void check_form(const struct profile *p)
{
    CHECK_EQ(p->type_count, 2);
    CHECK_STR(p->types[0][0], "samples");
    CHECK_STR(p->types[0][1], "count");
    CHECK_STR(p->types[1][0], "cpu");
    CHECK_STR(p->types[1][1], "nanoseconds");
    CHECK_STR(p->period_type[0], "cpu");
    CHECK_STR(p->period_type[1], "nanoseconds");
    CHECK_INT(p->duration_ns, >, 0);
    for (size_t i = 0; i < p->sample_count; i++) {
        CHECK_INT(p->samples[i].values[0], >, 0);
        CHECK_EQ(p->samples[i].values[1], p->samples[i].values[0] * p->period);
    }
}

/* The sum of those samples that have the label as well. */
static int64_t sum_with(const struct profile *p, const char *function, const char *key,
                        const char *text)
{
    int64_t sum = 0;
    for (size_t i = 0; i < p->sample_count; i++) {
        if (profile_depth(&p->samples[i], function) >= 0 &&
            profile_has_label(&p->samples[i], key, text)) {
            sum += p->samples[i].values[0];
        }
    }
    return sum;
}

/* Much was computed four times as much as little. */
static void check_shares(const struct profile *p)
{
    int64_t all = profile_sum(p, NULL, 0);
    CHECK_INT(all, >, 0);
    if (PLACES_ARE_TRUE) {
        int64_t much = profile_sum(p, "compute_much", 0);
        int64_t little = profile_sum(p, "compute_little", 0);
        CHECK_INT(much, >, all / 2);
        CHECK_INT(much, >, 2 * little);
        CHECK_INT(little, >, 0);
        CHECK_INT(profile_sum(p, "compute", 0), >, all / 2);
    }
}

GO_TEST(profile_cpu_shows_what_computes)
{
    struct profile p;
    start_often();
    compute();
    stop_and_take(&p);
    check_form(&p);
    CHECK_EQ(p.period, GOR_MILLISECOND);
    check_shares(&p);
    profile_free(&p);
}

static void compute_labelled(void *arg)
{
    struct gor_waitgroup *done = arg;
    CHECK_EQ(gor_set_label("job", "42"), 0);
    gor_set_name("labelled");
    compute();
    gor_waitgroup_done(done);
}

static void compute_unlabelled(void *arg)
{
    compute();
    gor_waitgroup_done(arg);
}

GO_TEST(profile_cpu_tells_goroutines_apart)
{
    struct profile p;
    struct gor_waitgroup done = {0};
    gor_waitgroup_add(&done, 2);
    start_often();
    spawn(compute_labelled, &done);
    spawn(compute_unlabelled, &done);
    gor_waitgroup_wait(&done);
    stop_and_take(&p);
    check_shares(&p);
    if (PLACES_ARE_TRUE) {
        int64_t labelled = sum_with(&p, "compute", "job", "42");
        CHECK_INT(labelled, >, 0);
        CHECK_EQ(sum_with(&p, "compute_labelled", "job", "42"), labelled);
        CHECK_EQ(sum_with(&p, "compute", "goroutine", "labelled"), labelled);
        CHECK_INT(sum_with(&p, "compute_unlabelled", "job", NULL), >, 0);
        CHECK_EQ(sum_with(&p, "compute_unlabelled", "job", "42"), 0);
    }
    profile_free(&p);
}

static int compute_on_another_thread(void *arg)
{
    (void)arg;
    compute();
    return 0;
}

GO_TEST(profile_cpu_of_blocking_calls)
{
    struct profile p;
    start_often();
    CHECK_EQ(gor_blocking(compute_on_another_thread, NULL), 0);
    stop_and_take(&p);
    check_shares(&p);
    profile_free(&p);
}

/* ---- threads of the host */

struct host_thread {
    _Atomic bool goes;
    _Atomic bool over;
};

static void *compute_on_host_thread(void *arg)
{
    struct host_thread *host = arg;
    atomic_store(&host->goes, true);
    while (!atomic_load(&host->over)) {
        compute_much(ROUND);
    }
    return NULL;
}

GO_TEST(profile_cpu_of_threads_of_the_host_if_asked_for)
{
    for (int all = 0; all < 2; all++) {
        struct host_thread host = {0};
        struct profile p;
        pthread_t thread;
        const struct gor_cpu_profile_opts opts = {.hz = 1000, .all_threads = all != 0};
        CHECK_EQ(pthread_create(&thread, NULL, compute_on_host_thread, &host), 0);
        YIELD_UNTIL(atomic_load(&host.goes))
        CHECK_EQ(gor_cpu_profile_start(&opts), 0);
        clockid_t clock;
        struct timespec used = {0, 0};
        CHECK_EQ(pthread_getcpuclockid(thread, &clock), 0);
        CHECK_EQ(clock_gettime(clock, &used), 0);
        int64_t until = used.tv_sec * GOR_SECOND + used.tv_nsec + GOR_SECOND / 10;
        while (used.tv_sec * GOR_SECOND + used.tv_nsec < until) {
            CHECK_EQ(gor_sleep(GOR_MILLISECOND), 0);
            CHECK_EQ(clock_gettime(clock, &used), 0);
        }
        atomic_store(&host.over, true);
        CHECK_EQ(pthread_join(thread, NULL), 0);
        stop_and_take(&p);
        if (PLACES_ARE_TRUE) {
            CHECK_EQ(profile_sum(&p, "compute_on_host_thread", 0) > 0, all != 0);
        }
        profile_free(&p);
    }
}

/* ---- nobody else notices */

/* Calls that are not taken up again after a signal: one that came into them would be seen. */
GO_TEST(profile_cpu_interrupts_no_call)
{
    struct profile p;
    start_often();
    for (int i = 0; i < SCALED(300, 100, 30); i++) {
        const struct timespec short_time = {0, 300000};
        compute_little(ROUND);
        CHECK_EQ(poll(NULL, 0, 1), 0);
        compute_little(ROUND);
        CHECK_EQ(nanosleep(&short_time, NULL), 0);
    }
    stop_and_take(&p);
    profile_free(&p);
}

static void on_host_signal(int signal)
{
    (void)signal;
}

GO_TEST(profile_cpu_leaves_the_signal_to_a_host_that_has_it)
{
    struct sigaction host;
    struct sigaction former;
    struct sigaction found;
    memset(&host, 0, sizeof host);
    host.sa_handler = on_host_signal;
    CHECK_EQ(sigaction(SIGPROF, &host, &former), 0);
    CHECK_EQ(gor_cpu_profile_start(NULL), -EBUSY);
    CHECK_EQ(sigaction(SIGPROF, &former, &found), 0);
    CHECK(found.sa_handler == on_host_signal);
    start_often();
    compute_little(ROUND);
    CHECK_EQ(gor_cpu_profile_stop(), 0);
    CHECK_EQ(sigaction(SIGPROF, NULL, &found), 0);
    CHECK(found.sa_handler == former.sa_handler);
}

GO_TEST(profile_cpu_start_and_stop)
{
    struct profile p;
    CHECK_EQ(gor_cpu_profile_start(&(struct gor_cpu_profile_opts){.hz = 1001}), -EINVAL);
    CHECK_EQ(gor_cpu_profile_stop(), 0);
    CHECK_EQ(gor_cpu_profile_start(NULL), 0);
    CHECK_EQ(gor_cpu_profile_start(NULL), -EBUSY);
    profile_take(&p, GOR_PROFILE_CPU);
    CHECK_EQ(p.period, 10 * GOR_MILLISECOND);
    profile_free(&p);
    CHECK_EQ(gor_cpu_profile_stop(), 0);
    CHECK_EQ(gor_cpu_profile_stop(), 0);
}

TEST(profile_cpu_without_a_runtime_is_refused)
{
    CHECK_EQ(gor_cpu_profile_start(NULL), -ESRCH);
    CHECK_EQ(gor_cpu_profile_stop(), 0);
}

static int leave_it_on(void *unused)
{
    (void)unused;
    start_often();
    compute();
    return 0;
}

TEST(profile_cpu_ends_with_the_runtime_and_can_be_written_after)
{
    for (int i = 0; i < 3; i++) {
        struct profile p;
        struct sigaction found;
        CHECK_EQ(gor_run(NULL, leave_it_on, NULL), 0);
        CHECK_EQ(sigaction(SIGPROF, NULL, &found), 0);
        CHECK(found.sa_handler == SIG_DFL);
        profile_take(&p, GOR_PROFILE_CPU);
        check_shares(&p);
        profile_free(&p);
    }
}

/* ---- while goroutines come and go */

struct storm {
    _Atomic bool over;
    _Atomic long alive;
};

static void pass(void *arg)
{
    struct storm *storm = arg;
    char value[16];
    (void)snprintf(value, sizeof value, "%ld", atomic_load(&storm->alive) % 7);
    CHECK_EQ(gor_set_label("seventh", value), 0);
    gor_set_name("passer");
    gor_yield();
    atomic_fetch_sub(&storm->alive, 1);
}

static void breed(void *arg)
{
    struct storm *storm = arg;
    while (!atomic_load(&storm->over)) {
        if (atomic_load(&storm->alive) < SCALED(10000, 2000, 500)) {
            atomic_fetch_add(&storm->alive, 1);
            spawn(pass, storm);
        } else {
            gor_yield();
        }
    }
    atomic_fetch_sub(&storm->alive, 1);
}

GO_TEST(profile_cpu_while_goroutines_come_and_go)
{
    struct storm storm = {.alive = 2};
    spawn(breed, &storm);
    spawn(breed, &storm);
    for (int i = 0; i < SCALED(20, 10, 5); i++) {
        struct profile p;
        start_often();
        for (int k = 0; k < 50; k++) {
            compute_little(ROUND);
            gor_yield();
        }
        profile_take(&p, GOR_PROFILE_CPU);
        check_form(&p);
        profile_free(&p);
        stop_and_take(&p);
        for (size_t k = 0; k < p.sample_count; k++) {
            const char *seventh = profile_label(&p.samples[k], "seventh");
            CHECK(seventh == NULL || (strlen(seventh) == 1 && seventh[0] <= '6'));
        }
        profile_free(&p);
    }
    atomic_store(&storm.over, true);
    YIELD_UNTIL(atomic_load(&storm.alive) == 0)
}
