/* SPDX-License-Identifier: MIT */
/* Limits and the signals that end a job, as people write them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "client/limits.h"
#include "client/signals.h"
#include "client/stops.h"
#include "tests/test.h"

static Gor__V1__ExecSpec *new_exec(void)
{
    Gor__V1__ExecSpec *exec = calloc(1, sizeof(*exec));
    gor__v1__exec_spec__init(exec);
    return exec;
}

static void free_exec(Gor__V1__ExecSpec *exec)
{
    gor__v1__exec_spec__free_unpacked(exec, NULL);
}

static void check_limits(const char *given, const char *shown)
{
    char why[GORCTL_LIMITS_WHY] = "";
    Gor__V1__ExecSpec *exec = new_exec();
    CHECK_EQ(gorctl_limits_add(exec, given, why), 0);
    char *text = gorctl_limits_text(exec->limits);
    CHECK_STR(text, shown);
    free(text);
    free_exec(exec);
}

TEST(limits_come_back_as_they_were_written)
{
    check_limits("mem=2G", "mem=2G");
    check_limits("mem=2048M,cpu=1.5,pids=100", "mem=2G,cpu=1.5,pids=100");
    check_limits("cpu=0.01", "cpu=0.01");
    check_limits("cpus=0-3,8,mem=2G", "mem=2G,cpus=0-3,8");
    check_limits("pids=7,cpus=1", "pids=7,cpus=1");
    check_limits("cpus=0,cpus=1,3", "cpus=1,3"); /* the last counts */
    check_limits("io-weight=50,nofile=9", "io-weight=50,nofile=9");
    check_limits("nofile=1024:4096", "nofile=1024:4096");
    check_limits("core=0", "core=0");
    check_limits("fsize=1000,stack=8M,as=unlimited", "fsize=1000,stack=8M,as=unlimited");
    check_limits("cputime=1m30s", "cputime=90s");
    check_limits("cputime=1ms", "cputime=1s"); /* rounded up */
    check_limits("rttime=5ms", "rttime=5000us");
    check_limits("mem=1T,nice=20,nproc=unlimited:unlimited", "mem=1T,nice=20,nproc=unlimited");
}

TEST(limits_that_are_none_are_explained)
{
    static const char *const wrong[] = {
        "",
        "mem",
        "mem=",
        "mem=0",
        "mem=x",
        "mem=1X",
        "mem=1GB",
        "mem=-1",
        "mem=20000000T",
        "cpu=0",
        "cpu=-1",
        "cpu=x",
        "cpu=nan",
        "cpu=1e9",
        "pids=0",
        "pids=x",
        "pids=5000000000",
        "nofile=",
        "nofile=x",
        "nofile=1:",
        "nofile=:1",
        "cputime=10",
        "bogus=1",
        "mem=1G,",
        "cpus=",
        "cpus=x",
        "cpus=0,,1",
        "cpus=0,",
        "io-weight=0",
        "io-weight=10001",
        "io-weight=x",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char why[GORCTL_LIMITS_WHY] = "";
        Gor__V1__ExecSpec *exec = new_exec();
        CHECK_EQ(gorctl_limits_add(exec, wrong[i], why), -EINVAL);
        CHECK(why[0] == '\'' || why[0] == 't');
        free_exec(exec);
    }
}

TEST(limits_capture_has_every_resource_once)
{
    Gor__V1__ExecSpec *exec = new_exec();
    gorctl_limits_capture(exec);
    CHECK_EQ(exec->n_rlimits, 16);
    for (size_t i = 0; i < exec->n_rlimits; i++) {
        CHECK_EQ(exec->rlimits[i]->resource, i + 1);
    }
    free_exec(exec);
}

TEST(signal_names_and_numbers)
{
    CHECK_EQ(gorctl_signal_parse("INT"), SIGINT);
    CHECK_EQ(gorctl_signal_parse("sigterm"), SIGTERM);
    CHECK_EQ(gorctl_signal_parse("9"), SIGKILL);
    CHECK_EQ(gorctl_signal_parse("64"), 64);
    CHECK_EQ(gorctl_signal_parse("RTMIN"), SIGRTMIN);
    CHECK_EQ(gorctl_signal_parse("SIGRTMIN+3"), SIGRTMIN + 3);
    CHECK_EQ(gorctl_signal_parse("rtmax-1"), SIGRTMAX - 1);
    static const char *const wrong[] = {"",    "0",       "65",      "-1",      "NOPE",
                                        "SIG", "RTMIN+x", "RTMIN-1", "RTMAX+1", "RTMIN+99"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ(gorctl_signal_parse(wrong[i]), -EINVAL);
    }
}

TEST(stops_come_back_as_they_were_written)
{
    char why[GORCTL_STOPS_WHY] = "";
    Gor__V1__ExecSpec *exec = new_exec();
    CHECK_EQ(gorctl_stops_add(exec, "INT@10s,sigterm,12@1m30s", why), 0);
    char *text = gorctl_stops_text(exec);
    CHECK_STR(text, "INT@10s,TERM,USR2@90s");
    free(text);
    free_exec(exec);
    static const char *const wrong[] = {"", "INT@", "INT@x", "@1s", "INT,,TERM", "INT@0s", "X@1s"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        exec = new_exec();
        CHECK_EQ(gorctl_stops_add(exec, wrong[i], why), -EINVAL);
        free_exec(exec);
    }
}
