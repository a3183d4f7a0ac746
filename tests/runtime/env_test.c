/* SPDX-License-Identifier: MIT */
/* env_test.c - what the environment says, and what becomes of values that nobody understands. */
#include <stdlib.h>

#include "runtime/base/env.h"
#include "runtime/sched/hibernate.h"
#include "tests/runtime/said.h"

static int tell_procs(void *arg)
{
    (void)arg;
    return gor_gomaxprocs(0) == gor_num_cpu() ? 0 : 100 + gor_gomaxprocs(0);
}

/* What a runtime says that starts and stops with it; its exit code. */
static int run_with(const char *name, const char *value, char *said, size_t bytes)
{
    const char *former = getenv(name);
    char kept[64];
    (void)snprintf(kept, sizeof kept, "%s", former != NULL ? former : "");
    CHECK_EQ(setenv(name, value, 1), 0);
    int status = status_of_root(tell_procs, NULL, said, bytes);
    CHECK_EQ(former != NULL ? setenv(name, kept, 1) : unsetenv(name), 0);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_refused(const char *name, const char *value, const char *allowed)
{
    char said[1024];
    char expected[256];
    int code = run_with(name, value, said, sizeof said);
    (void)snprintf(expected, sizeof expected, "gor: %s=\"%s\" is ignored: it takes %s\n", name,
                   value, allowed);
    CHECK_STR(said, expected);
    if (strcmp(name, "GOMAXPROCS") == 0) {
        CHECK_EQ(code, 0);
    }
}

static void check_silent(const char *name, const char *value)
{
    char said[1024];
    (void)run_with(name, value, said, sizeof said);
    CHECK_STR(said, "");
}

TEST(env_that_is_not_understood_is_told_and_ignored)
{
    check_refused("GOMAXPROCS", "3x", "a whole number from 1 on");
    check_refused("GOMAXPROCS", "0", "a whole number from 1 on");
    check_refused("GOMAXPROCS", "-2", "a whole number from 1 on");
    check_refused("GOMAXPROCS", "99999999999999999999", "a whole number from 1 on");
    check_refused("GOR_SEED", "abc", "a whole number");
    check_refused("GOR_SEED", " 1", "a whole number");
    check_refused("GOR_LEAKS", "bogus", "on, off, exit or verify");
    check_refused("GOR_HIBERNATE", "bogus", "on, off, always or a number of milliseconds");
    check_refused("GOR_HIBERNATE", "10s", "on, off, always or a number of milliseconds");
    check_refused("GOR_DEADLOCK", "of", "on or off");
    check_refused("GOR_MEMORY", "single,mprotekt",
                  "mprotect, single, no-populate, no-evict, 64k, or several of them with commas "
                  "between");
}

TEST(env_of_virtual_time_counts_with_a_seed)
{
    CHECK_EQ(setenv("GOR_SEED", "7", 1), 0);
    check_refused("GOR_VIRTUAL_TIME", "soon", "on or off");
    CHECK_EQ(unsetenv("GOR_SEED"), 0);
    check_silent("GOR_VIRTUAL_TIME", "soon");
}

TEST(env_of_switches_takes_the_usual_words)
{
    static const char *const words[] = {"0",  "off", "no",   "false", "1",
                                        "on", "yes", "true", "On",    "FALSE"};
    static const char *const switches[] = {"GOR_HIBERNATE", "GOR_DEADLOCK", "GOR_LEAKS",
                                           "GOR_VIRTUAL_TIME"};
    CHECK_EQ(setenv("GOR_SEED", "7", 1), 0);
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
            check_silent(switches[i], words[k]);
        }
    }
    CHECK_EQ(unsetenv("GOR_SEED"), 0);
}

static int tell_time(void *arg)
{
    (void)arg;
    return gor_now() == 1000 * GOR_SECOND ? 1 : 0;
}

static int time_is_virtual(const char *word)
{
    char said[64];
    CHECK_EQ(setenv("GOR_VIRTUAL_TIME", word, 1), 0);
    int status = status_of_root(tell_time, NULL, said, sizeof said);
    CHECK_EQ(unsetenv("GOR_VIRTUAL_TIME"), 0);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int tell_hibernation(void *arg)
{
    (void)arg;
    return gor__hibernate_works() ? 1 : 0;
}

/* Of a program that wants it, or does not. */
static int hibernates(const char *word, bool wanted)
{
    char said[64];
    const struct gor_opts opts = {.hibernate = wanted};
    CHECK_EQ(word != NULL ? setenv("GOR_HIBERNATE", word, 1) : unsetenv("GOR_HIBERNATE"), 0);
    int status = status_of_root(tell_hibernation, &opts, said, sizeof said);
    CHECK_EQ(unsetenv("GOR_HIBERNATE"), 0);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(env_of_a_switch_switches)
{
    CHECK_EQ(hibernates("0", true), 0);
    CHECK_EQ(hibernates("no", true), 0);
    CHECK_EQ(hibernates("on", false), hibernates(NULL, true));
    CHECK_EQ(setenv("GOR_SEED", "7", 1), 0);
    CHECK_EQ(time_is_virtual("yes"), 1);
    CHECK_EQ(time_is_virtual("no"), 0);
    CHECK_EQ(unsetenv("GOR_SEED"), 0);
}

TEST(env_that_is_understood_is_silent)
{
    char said[1024];
    CHECK_EQ(run_with("GOMAXPROCS", "57", said, sizeof said), 157);
    CHECK_STR(said, "");
    check_silent("GOMAXPROCS", "");
    check_silent("GOMAXPROCS", "123456789012"); /* as many as there may be */
    check_silent("GOR_SEED", "0x1f");
    check_silent("GOR_SEED", "0");
    check_silent("GOR_LEAKS", "");
    check_silent("GOR_MEMORY", "no-populate,single");
    check_silent("GOR_MEMORY", "64k,no-evict,mprotect");
    check_silent("GOR_LEAKS", "exit");
    check_silent("GOR_LEAKS", "1");
    check_silent("GOR_HIBERNATE", "off");
    check_silent("GOR_HIBERNATE", "18446744073709551615");
    check_silent("GOR_DEADLOCK", "off");
}

static int start_again(void *arg)
{
    (void)arg;
    return 0;
}

TEST(env_is_told_once)
{
    char said[64];
    CHECK_EQ(setenv("GOR_DEADLOCK", "once", 1), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(gor_run(NULL, start_again, NULL), 0);
    }
    /* This process has told it: its children inherit that. */
    CHECK_EQ(status_of_root(start_again, NULL, said, sizeof said), 0);
    CHECK_STR(said, "");
    CHECK_EQ(unsetenv("GOR_DEADLOCK"), 0);
}
