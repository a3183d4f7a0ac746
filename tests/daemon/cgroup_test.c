/* SPDX-License-Identifier: MIT */
/* Control groups of jobs, on plain folders that look like some: what is written where, what is read
 * from where. That the kernel does what they say is for tests/e2e/limits_test.py. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/cgroup.h"
#include "daemon/runner/limits.h"
#include "daemon/runner/placement.h"
#include "daemon/runner/rlimits.h"
#include "tests/test.h"

static char root[] = "/tmp/gor-test-XXXXXX";

static void put(const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    FILE *file = fopen(full, "w");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

static const char *get(const char *path)
{
    static char text[256];
    char full[256];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    FILE *file = fopen(full, "r");
    CHECK(file != NULL);
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    text[got] = '\0';
    fclose(file);
    return text;
}

/* A folder with the files of job 7's group in it. */
static struct gord_cgroups fake_groups(unsigned can)
{
    struct gord_cgroups groups = {.can = can, .why = "no controller"};
    char path[256];
    strcpy(root + strlen(root) - 6, "XXXXXX");
    CHECK(mkdtemp(root) != NULL);
    snprintf(path, sizeof(path), "%s/7", root);
    CHECK_EQ(mkdir(path, 0755), 0);
    static const char *const files[] = {
        "memory.max",   "memory.oom.group", "memory.swap.max", "cpu.max",   "pids.max",
        "cgroup.procs", "cgroup.kill",      "cgroup.freeze",   "io.weight", "cpuset.cpus"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "7/%s", files[i]);
        put(path, "");
    }
    put("7/cgroup.events", "populated 0\nfrozen 0\n");
    groups.jobs_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(groups.jobs_fd >= 0);
    return groups;
}

static void remove_fake(struct gord_cgroups *groups)
{
    char command[300];
    gord_cgroups_close(groups);
    snprintf(command, sizeof(command), "rm -r %s", root);
    CHECK_EQ(system(command), 0);
}

TEST(cgroup_make_writes_what_can_be_held)
{
    struct gord_cgroups groups = fake_groups(GORD_CGROUP_MEMORY | GORD_CGROUP_CPU |
                                             GORD_CGROUP_PIDS | GORD_CGROUP_CPUS | GORD_CGROUP_IO);
    struct gord_cgroup_limits limits = {(uint64_t)64 << 20, 1500, 100, "0-1", 50};
    int group = gord_cgroup_make(&groups, 7, &limits);
    CHECK(group >= 0);
    CHECK_STR(get("7/memory.max"), "67108864");
    CHECK_STR(get("7/memory.oom.group"), "1");
    CHECK_STR(get("7/memory.swap.max"), "0");
    CHECK_STR(get("7/cpu.max"), "150000 100000");
    CHECK_STR(get("7/pids.max"), "100");
    CHECK_STR(get("7/cpuset.cpus"), "0-1");
    CHECK_STR(get("7/io.weight"), "default 50");
    CHECK_EQ(gord_cgroup_freeze(group, true), 0);
    CHECK_STR(get("7/cgroup.freeze"), "1");
    CHECK_EQ(gord_cgroup_kill(group), 0);
    CHECK_STR(get("7/cgroup.kill"), "1");
    int door = gord_cgroup_door(group);
    CHECK(door >= 0);
    close(door);
    close(group);
    remove_fake(&groups);
}

TEST(cgroup_make_leaves_out_what_cannot_be_held)
{
    struct gord_cgroups groups = fake_groups(GORD_CGROUP_PIDS);
    struct gord_cgroup_limits limits = {(uint64_t)64 << 20, 1500, 100, "0-1", 50};
    int group = gord_cgroup_make(&groups, 7, &limits);
    CHECK(group >= 0);
    CHECK_STR(get("7/memory.max"), "");
    CHECK_STR(get("7/cpu.max"), "");
    CHECK_STR(get("7/pids.max"), "100");
    CHECK_STR(get("7/cpuset.cpus"), "");
    CHECK_STR(get("7/io.weight"), "");
    close(group);
    remove_fake(&groups);
}

TEST(cgroup_make_weighs_io_by_bfq_where_that_is_what_there_is)
{
    static const struct {
        uint32_t weight;
        const char *bfq;
    } cases[] = {
        {1, "default 11"}, {100, "default 100"}, {200, "default 109"}, {10000, "default 1000"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gord_cgroups groups = fake_groups(GORD_CGROUP_IO);
        struct gord_cgroup_limits limits = {.io_weight = cases[i].weight};
        CHECK_EQ(unlinkat(groups.jobs_fd, "7/io.weight", 0), 0);
        put("7/io.bfq.weight", "");
        int group = gord_cgroup_make(&groups, 7, &limits);
        CHECK(group >= 0);
        CHECK_STR(get("7/io.bfq.weight"), cases[i].bfq);
        close(group);
        remove_fake(&groups);
    }
}

TEST(cgroup_make_fails_where_a_limit_cannot_be_written)
{
    struct gord_cgroups groups = fake_groups(GORD_CGROUP_MEMORY);
    struct gord_cgroup_limits limits = {.memory_bytes = (uint64_t)64 << 20};
    CHECK_EQ(unlinkat(groups.jobs_fd, "7/memory.max", 0), 0);
    CHECK_EQ(gord_cgroup_make(&groups, 7, &limits), -ENOENT);
    remove_fake(&groups);
}

TEST(cgroup_use_takes_over_what_the_kernel_counted)
{
    struct gord_cgroups groups = fake_groups(0);
    struct gord_cgroup_limits limits = {0};
    struct gord_use use = {
        .user_ns = 5, .system_ns = 9000000, .peak_memory_bytes = 100, .peak_is_bound = true};
    put("7/cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\n");
    put("7/memory.peak", "123456789\n");
    put("7/pids.peak", "17\n");
    put("7/memory.events", "low 0\nhigh 0\nmax 4\noom 1\noom_kill 2\noom_group_kill 1\n");
    int group = gord_cgroup_make(&groups, 7, &limits);
    gord_cgroup_use(group, &use);
    CHECK_EQ(use.user_ns, 20000);
    CHECK_EQ(use.system_ns, 9000000); /* the larger of the two */
    CHECK_EQ(use.peak_memory_bytes, 123456789);
    CHECK(!use.peak_is_bound);
    CHECK_EQ(use.peak_processes, 17);
    CHECK(gord_cgroup_was_oom(group));
    put("7/memory.events", "oom 1\noom_kill 0\n");
    CHECK(!gord_cgroup_was_oom(group));
    close(group);
    remove_fake(&groups);
}

TEST(cgroups_open_refuses_a_folder_that_is_none)
{
    struct gord_cgroups groups;
    CHECK_EQ(gord_cgroups_open(&groups, "/tmp", NULL), -ENOTSUP);
    CHECK(strstr(groups.why, "/tmp") != NULL);
    CHECK_EQ(gord_cgroups_open(&groups, "/no/such/folder", NULL), -ENOENT);
    CHECK_EQ(gord_cgroups_open(&groups, "off", NULL), 0);
    CHECK_EQ(groups.jobs_fd, -1);
}

TEST(limits_say_what_holds_them)
{
    struct gord_cgroups groups = {.jobs_fd = -1, .can = GORD_CGROUP_CPU, .why = "because"};
    Gor__V1__Limits limits = GOR__V1__LIMITS__INIT;
    Gor__V1__ExecSpec spec = GOR__V1__EXEC_SPEC__INIT;
    char why[200];
    char text[GORD_LIMITS_TEXT];
    CHECK(!gord_limits_are_asked(&spec));
    spec.limits = &limits;
    CHECK(gord_limits_can_hold(NULL, &groups, why, sizeof(why)));
    CHECK(!gord_limits_want_group(NULL));
    CHECK(!gord_limits_want_group(&limits));
    limits.cpu_milli = 1500;
    CHECK(gord_limits_want_group(&limits));
    CHECK(gord_limits_can_hold(&limits, &groups, why, sizeof(why)));
    CHECK_STR(gord_limits_text(&spec, &groups, getpid(), text),
              "limits: cpu 1.5 by its control group");
    limits.memory_bytes = 1 << 20;
    limits.processes = 3;
    CHECK(!gord_limits_can_hold(&limits, &groups, why, sizeof(why)));
    CHECK_STR(why, "a size of memory (mem) cannot be held for all of the job: because");
    CHECK_EQ(gord_limits_address_space(&limits, &groups), 1 << 20);
    CHECK_STR(gord_limits_text(&spec, &groups, getpid(), text),
              "limits: memory 1048576 as address space of each process, cpu 1.5 by its control "
              "group, pids 3 not held (because)");
    groups.can |= GORD_CGROUP_MEMORY;
    CHECK_EQ(gord_limits_address_space(&limits, &groups), 0);
}

TEST(limits_say_where_and_when_it_runs)
{
    struct gord_cgroups groups = {.jobs_fd = -1, .can = 0, .why = "because"};
    Gor__V1__Limits limits = GOR__V1__LIMITS__INIT;
    Gor__V1__ExecSpec spec = GOR__V1__EXEC_SPEC__INIT;
    cpu_set_t ours;
    char cpus[GORD_CPUS_TEXT];
    char why[200];
    char text[GORD_LIMITS_TEXT];
    char expected[GORD_LIMITS_TEXT];

    CHECK_EQ(sched_getaffinity(0, sizeof(ours), &ours), 0);
    spec.nice = 19;
    spec.io_class = GOR__V1__IO_CLASS__IO_CLASS_BEST_EFFORT;
    spec.io_level = 7;
    CHECK(gord_limits_are_asked(&spec));
    CHECK_STR(gord_limits_text(&spec, &groups, getpid(), text),
              "limits: nice 19 not held, ionice best-effort 7 not held");
    spec.limits = &limits;
    spec.io_class = GOR__V1__IO_CLASS__IO_CLASS_IDLE;
    spec.io_level = 0;
    limits.cpus = (char *)(uintptr_t)gord_cpus_text(&ours, cpus);
    CHECK(gord_limits_can_hold(&limits, &groups, why, sizeof(why)));
    limits.io_weight = 50;
    CHECK(!gord_limits_can_hold(&limits, &groups, why, sizeof(why)));
    CHECK_STR(why, "io_weight cannot be held for all of the job: because");
    snprintf(
        expected, sizeof(expected),
        "limits: io weight 50 not held, cpus %s as affinity of each process, nice 19 not held, "
        "ionice idle not held (because)",
        cpus);
    CHECK_STR(gord_limits_text(&spec, &groups, getpid(), text), expected);
    groups.can = GORD_CGROUP_CPUS | GORD_CGROUP_IO;
    spec.nice = 0;
    spec.io_class = GOR__V1__IO_CLASS__IO_CLASS_DEFAULT;
    limits.cpus = (char *)(uintptr_t) "0,1023";
    CHECK(!gord_limits_can_hold(&limits, &groups, why, sizeof(why)));
    CHECK(strstr(why, "cpus cannot be held: there is no CPU 1023; they are 0 to ") == why);
    gord_limits_text(&spec, &groups, getpid(), text);
    CHECK(
        strstr(text, "io weight 50 by its control group, cpus 0,1023 not held (there is no CPU") !=
        NULL);
}

TEST(cpus_are_read_and_written_as_a_list)
{
    static const char *const right[] = {"0", "0-3", "1,3", "0-1,5,7-8,1023"};
    static const char *const wrong[] = {"",  ",",    "0,",     "-1",  "3-1", "0-",
                                        "x", "1024", "0-1024", "1 2", "0x1"};
    cpu_set_t cpus;
    char text[GORD_CPUS_TEXT];

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        CHECK_EQ(gord_cpus_parse(right[i], &cpus), 0);
        CHECK_STR(gord_cpus_text(&cpus, text), right[i]);
    }
    CHECK_EQ(gord_cpus_parse("3,1,2,2-3", &cpus), 0);
    CHECK_STR(gord_cpus_text(&cpus, text), "1-3");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ(gord_cpus_parse(wrong[i], &cpus), -EINVAL);
    }
    CPU_ZERO(&cpus);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu += 2) {
        CPU_SET(cpu, &cpus);
    }
    CHECK_EQ(strlen(gord_cpus_text(&cpus, text)), sizeof(text) - 1);
}

TEST(rlimits_are_those_that_differ_and_what_is_asked_for_wins)
{
    struct gord_rlimits_own own;
    struct gord_rlimits limits;
    struct rlimit nofile = {100, 200};
    Gor__V1__ExecSpec spec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__Rlimit same = GOR__V1__RLIMIT__INIT, fsize = GOR__V1__RLIMIT__INIT,
                    asked = GOR__V1__RLIMIT__INIT;
    Gor__V1__Rlimit *captured[] = {&same, &fsize};
    Gor__V1__Rlimit *asks[] = {&asked};
    Gor__V1__Limits wants = GOR__V1__LIMITS__INIT;
    gord_rlimits_read_own(&own, &nofile);
    own.of[RLIMIT_CORE] = (struct rlimit){0, 0};
    gord_rlimits_fill(&limits, &own, &spec, 0);
    CHECK_EQ(limits.count, 1); /* that of descriptors is always set */
    CHECK_EQ(limits.items[0].value.rlim_max, 200);
    same.resource = GOR__V1__RLIMIT__RESOURCE__CORE;
    same.soft_plus_1 = same.hard_plus_1 = 1;
    fsize.resource = asked.resource = GOR__V1__RLIMIT__RESOURCE__FSIZE;
    fsize.soft_plus_1 = fsize.hard_plus_1 = 1001;
    spec.rlimits = captured;
    spec.n_rlimits = 2;
    gord_rlimits_fill(&limits, &own, &spec, 0);
    CHECK_EQ(limits.count, 2);
    CHECK_EQ(limits.items[0].resource, RLIMIT_FSIZE);
    CHECK_EQ(limits.items[0].value.rlim_cur, 1000);
    CHECK(!limits.items[0].strict);
    asked.soft_plus_1 = 501;
    asked.hard_plus_1 = 0;
    wants.rlimits = asks;
    wants.n_rlimits = 1;
    wants.strict = 1;
    spec.limits = &wants;
    gord_rlimits_fill(&limits, &own, &spec, 4096);
    CHECK_EQ(limits.count, 3);
    CHECK_EQ(limits.items[0].value.rlim_cur, 500);
    CHECK_EQ(limits.items[0].value.rlim_max, RLIM_INFINITY);
    CHECK(limits.items[0].strict);
    CHECK_EQ(limits.items[2].resource, RLIMIT_AS);
    CHECK_EQ(limits.items[2].value.rlim_cur, 4096);
}
