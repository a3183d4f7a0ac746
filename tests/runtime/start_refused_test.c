/* SPDX-License-Identifier: MIT */
/* start_refused_test.c - a runtime that the system does not let start: an error that says why, nothing
 * left behind, and the next start is as good as the first. Each in a child, which gives up limits.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"
#include "tests/runtime/host.h"

static int answer_five(void *arg)
{
    (void)arg;
    return 5;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static int lowest_free_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_INT(fd, >=, 0);
    CHECK_EQ(close(fd), 0);
    return fd;
}

static int threads_now(void)
{
    char line[128];
    int count = -1;
    FILE *status = fopen("/proc/self/status", "r");
    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL) {
        (void)sscanf(line, "Threads: %d", &count);
    }
    fclose(status);
    return count;
}

static void set_limit(int resource, rlim_t soft)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit((__rlimit_resource_t)resource, &limit), 0);
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    CHECK_EQ(setrlimit((__rlimit_resource_t)resource, &limit), 0);
}

static void in_child(void (*body)(void))
{
    int status = -1;
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

/* With one descriptor more each time, until it starts. */
static void start_with_few_descriptors(void)
{
    struct rlimit former;
    int lowest = lowest_free_descriptor();
    int refused = 0;
    int result;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
    for (;;) {
        set_limit(RLIMIT_NOFILE, (rlim_t)(lowest + refused));
        result = gor_run(NULL, answer_five, NULL);
        if (result == 5) {
            break;
        }
        CHECK_EQ(result, -EMFILE);
        CHECK_EQ(gor_start(NULL), -EMFILE);
        CHECK_EQ(gor_go(do_nothing, NULL), -ESRCH);
        refused++;
    }
    CHECK_INT(refused, >, 0);
    set_limit(RLIMIT_NOFILE, former.rlim_cur);
    CHECK_EQ(lowest_free_descriptor(), lowest);
    CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
}

TEST(start_without_descriptors_is_refused)
{
    in_child(start_with_few_descriptors);
}

/* The limit of processes counts threads too, but not for root. */
static void start_with_few_threads(void)
{
    struct rlimit former;
    if (getuid() == 0) {
        CHECK_EQ(setresuid(64123, 64123, 64123), 0);
    }
    CHECK_EQ(getrlimit(RLIMIT_NPROC, &former), 0);
    int before = threads_now();
    set_limit(RLIMIT_NPROC, 1);
    CHECK_EQ(gor_run(NULL, answer_five, NULL), -EAGAIN);
    CHECK_EQ(gor_start(NULL), -EAGAIN);
    /* A thread that was joined may be counted for a moment longer. */
    while (threads_now() > before) {
        usleep(1000);
    }
    set_limit(RLIMIT_NPROC, former.rlim_cur);
    CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
}

TEST(start_without_threads_is_refused)
{
    in_child(start_with_few_threads);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static long address_space_now(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    CHECK(statm != NULL);
    CHECK_EQ(fscanf(statm, "%ld", &pages), 1);
    fclose(statm);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Room for more each time: whatever it lacks, it says so. */
static void start_with_little_memory(void)
{
    enum { STEPS = 64 };
    struct rlimit former;
    int refused = 0;
    CHECK_EQ(getrlimit(RLIMIT_AS, &former), 0);
    for (int step = 0; step < STEPS; step++) {
        set_limit(RLIMIT_AS, (rlim_t)(address_space_now() + ((long)step << 16)));
        int result = gor_start(NULL);
        CHECK(result == -ENOMEM || result == -EAGAIN || result == 0);
        if (result == 0) {
            set_limit(RLIMIT_AS, former.rlim_cur);
            CHECK_EQ(gor_stop(), 0);
            break;
        }
        refused++;
    }
    CHECK_INT(refused, >, 0);
    set_limit(RLIMIT_AS, former.rlim_cur);
    CHECK_EQ(gor_run(NULL, answer_five, NULL), 5);
}

TEST(start_without_memory_is_refused)
{
    if (!memory_is_limited()) {
        test_skip("RLIMIT_AS has no effect here");
        return;
    }
    in_child(start_with_little_memory);
}
#endif
