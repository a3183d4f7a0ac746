/* SPDX-License-Identifier: MIT */
/* cmd_stats.c - `gorctl stats`: numbers about scheduler, jobs, store and daemon. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/text.h"
#include "client/when.h"
#include "gor/v1/runtime.pb-c.h"

static const char doc[] =
    "Numbers about the goroutine scheduler, the jobs, the store and the daemon.\v"
    "Examples:\n"
    "  gorctl stats\n"
    "  gorctl stats --json | jq .num_goroutine\n"
    "  watch -n1 gorctl stats\n";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, state->input, 2);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void section(const char *title)
{
    printf("%s\n", title);
}

static void count(const char *title, uint64_t number)
{
    char text[GORCTL_WHEN_ROOM];
    gorctl_count_text(number, text);
    printf("  %-18s %s\n", title, text);
}

static void text(const char *title, const char *value)
{
    char *clean = gorctl_text_escape(value, strlen(value));
    printf("  %-18s %s\n", title, clean);
    free(clean);
}

static void bytes(const char *title, uint64_t number)
{
    char value[GORCTL_WHEN_ROOM];
    gorctl_bytes_text(number, value);
    text(title, value);
}

static void duration(const char *title, int64_t ns)
{
    char value[GORCTL_WHEN_ROOM];
    gorctl_duration_text(ns, value);
    printf("  %-18s %s\n", title, value);
}

static void show_goroutines(const Gor__V1__StatsReply *stats)
{
    section("Goroutines");
    count("now", stats->num_goroutine);
    count("running", stats->goroutines_running);
    count("runnable", stats->goroutines_runnable);
    count("waiting", stats->goroutines_waiting);
    count("created", stats->goroutines_created);
    count("stacks in use", stats->stacks_in_use);
    count("stacks cached", stats->stacks_cached);
    bytes("stacks reserved", stats->stacks_reserved_bytes);
}

static void show_scheduler(const Gor__V1__StatsReply *stats)
{
    section("Scheduler");
    count("GOMAXPROCS", stats->gomaxprocs);
    count("CPUs", stats->num_cpu);
    count("idle", stats->idle_procs);
    count("threads", stats->threads);
    count("threads blocked", stats->threads_blocking);
    count("global queue", stats->global_queue);
    count("local queues", stats->local_queues);
    count("switches", stats->switches);
    count("steals", stats->steals);
    count("parks", stats->parks);
    count("wakeups", stats->wakeups);
    count("polls", stats->polls);
    count("timers", stats->timers);
    count("blocking calls", stats->blocking_calls);
}

static void show_jobs(const Gor__V1__StatsReply *stats)
{
    section(stats->paused ? "Jobs (paused: none is started)" : "Jobs");
    if (stats->drained[0] != '\0') {
        text("DRAINED", stats->drained);
    }
    count("created", stats->jobs_created);
    count("runnable", stats->jobs_runnable);
    count("running", stats->jobs_running);
    count("waiting", stats->jobs_waiting);
    count("terminated", stats->jobs_terminated);
    section("Jobs since the daemon started");
    count("submitted", stats->jobs_submitted);
    if (stats->submits_over_quota > 0) {
        count("over quota", stats->submits_over_quota);
    }
    count("succeeded", stats->jobs_succeeded);
    count("failed", stats->jobs_failed);
    count("cancelled", stats->jobs_cancelled);
    count("timed out", stats->jobs_timed_out);
    section("Slots");
    count("exec", stats->exec_slots);
    count("native", stats->native_slots);
    count("lua", stats->lua_slots);
}

static void show_store(const Gor__V1__StatsReply *stats)
{
    section("Store");
    text("durability", stats->durability);
    count("commits", stats->commits);
    count("rows written", stats->rows_written);
    duration("last commit", stats->last_commit_ns);
    duration("longest commit", stats->commit_max_ns);
    count("last event", stats->last_seq);
    if (stats->store_error[0] != '\0') {
        text("REFUSES", stats->store_error);
    }
}

static void show_daemon(const Gor__V1__StatsReply *stats)
{
    section("Daemon");
    text("version", stats->version);
    printf("  %-18s %" PRIu32 "\n", "pid", stats->pid);
    duration("up", stats->uptime_ns);
    bytes("resident", stats->resident_bytes);
    count("connections", stats->connections);
    count("calls", stats->calls);
    count("calls failed", stats->calls_failed);
    text("state directory", stats->state_dir);
}

static void show(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__StatsReply *stats = (const Gor__V1__StatsReply *)message;
    (void)arg;
    show_goroutines(stats);
    show_scheduler(stats);
    show_jobs(stats);
    show_store(stats);
    show_daemon(stats);
}

int gorctl_cmd_stats(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse, .doc = doc, .children = gorctl_read_children};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    Gor__V1__StatsRequest request = GOR__V1__STATS_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Stats",
                               .request = &request.base,
                               .reply = &gor__v1__stats_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show, NULL);
}
