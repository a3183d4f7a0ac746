/* SPDX-License-Identifier: MIT */
/* Runtime.Stats, GetGomaxprocs, SetGomaxprocs, Version. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/service/state.h"

#define GOMAXPROCS_MAX 1024

static void add_runtime(Gor__V1__StatsReply *reply)
{
    struct gor_stats stats;

    if (gor_stats_get(&stats, true) != 0) {
        return;
    }
    reply->num_goroutine = stats.goroutines;
    reply->gomaxprocs = stats.gomaxprocs;
    reply->num_cpu = stats.num_cpu;
    reply->threads = stats.threads;
    reply->threads_blocking = stats.threads_blocking;
    reply->idle_procs = stats.idle_procs;
    reply->goroutines_created = stats.goroutines_created;
    reply->switches = stats.switches;
    reply->steals = stats.steals;
    reply->parks = stats.parks;
    reply->wakeups = stats.wakeups;
    reply->polls = stats.polls;
    reply->timers = stats.timers;
    reply->blocking_calls = stats.blocking_calls;
    reply->global_queue = stats.global_queue;
    reply->local_queues = stats.local_queues;
    reply->stacks_reserved_bytes = stats.stacks_reserved_bytes;
    reply->stacks_in_use = stats.stacks_in_use;
    reply->stacks_cached = stats.stacks_cached;
    reply->goroutines_runnable = stats.by_state[GOR_RUNNABLE];
    reply->goroutines_running = stats.by_state[GOR_RUNNING];
    reply->goroutines_waiting = stats.by_state[GOR_WAITING];
    reply->runtime_uptime_ns = stats.uptime_ns;
}

static void add_jobs(struct gord_service *service, Gor__V1__StatsReply *reply)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    struct gord_reader_totals totals = {0};

    if (gord_reader_totals(gord_bus_reader(service->bus), &totals) == 0) {
        reply->jobs_terminated = totals.terminated;
    }
    reply->jobs_created = counts->by_state[GOR__V1__JOB_STATE__CREATED];
    reply->jobs_runnable = counts->by_state[GOR__V1__JOB_STATE__RUNNABLE];
    reply->jobs_running = counts->by_state[GOR__V1__JOB_STATE__RUNNING];
    reply->jobs_waiting = counts->by_state[GOR__V1__JOB_STATE__WAITING];
    reply->jobs_succeeded = counts->ended[GOR__V1__OUTCOME__SUCCEEDED];
    reply->jobs_failed =
        counts->ended[GOR__V1__OUTCOME__FAILED] + counts->ended[GOR__V1__OUTCOME__SIGNALED] +
        counts->ended[GOR__V1__OUTCOME__SPAWN_ERROR] + counts->ended[GOR__V1__OUTCOME__PANICKED] +
        counts->ended[GOR__V1__OUTCOME__OOM_KILLED];
    reply->jobs_cancelled = counts->ended[GOR__V1__OUTCOME__CANCELLED];
    reply->jobs_timed_out = counts->ended[GOR__V1__OUTCOME__TIMED_OUT];
    reply->jobs_submitted = counts->submitted;
    reply->exec_slots = gord_runner_slots(service->runner, GORD_EXEC);
    reply->native_slots = gord_runner_slots(service->runner, GORD_NATIVE);
    reply->lua_slots = gord_runner_slots(service->runner, GORD_LUA);
    reply->submits_over_quota = service->over_quota;
    reply->paused = gord_runner_is_paused(service->runner);
    if (service->drained != NULL) {
        reply->drained = service->drained;
    }
}

/* From /proc/self/statm: pages resident. */
static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_daemon(struct gord_service *service, Gor__V1__StatsReply *reply)
{
    struct rpc_server_stats rpc;

    rpc_server_stats_get(service->server, &rpc);
    reply->connections = rpc.connections;
    reply->calls = rpc.calls;
    reply->calls_failed = rpc.calls_failed;
    reply->uptime_ns = gor_now() - service->started_ns;
    reply->pid = (uint32_t)getpid();
    reply->resident_bytes = resident_bytes();
    reply->version = (char *)(uintptr_t)GOR_VERSION;
    reply->state_dir = (char *)(uintptr_t)service->state_dir;
}

static char *durability_name(const struct gord_service *service)
{
    return (char *)(uintptr_t)(service->memory ? "memory" : "sync");
}

GORD_METHOD(gord_runtime_stats)
{
    struct gord_service *service = user;
    Gor__V1__StatsReply reply = GOR__V1__STATS_REPLY__INIT;
    struct gord_store_status store;

    (void)message;
    gord_store_status(gord_bus_store(service->bus), &store);
    add_runtime(&reply);
    add_jobs(service, &reply);
    add_daemon(service, &reply);
    reply.durability = durability_name(service);
    reply.commits = store.commits;
    reply.rows_written = store.rows;
    reply.last_commit_ns = store.last_commit_ns;
    reply.commit_max_ns = store.max_commit_ns;
    reply.last_seq = gord_bus_last_seq(service->bus);
    reply.store_error = (char *)(uintptr_t)store.text;
    rpc_call_reply(call, &reply.base);
}

static void reply_gomaxprocs(struct rpc_call *call, int value, int former)
{
    Gor__V1__Gomaxprocs reply = GOR__V1__GOMAXPROCS__INIT;

    if (value < 0 || former < 0) {
        gord_fail(call, WIRE_INTERNAL, "the runtime refused: %s",
                  strerror(value < 0 ? -value : -former));
        return;
    }
    reply.value = (uint32_t)value;
    reply.former = (uint32_t)former;
    reply.num_cpu = (uint32_t)gor_num_cpu();
    rpc_call_reply(call, &reply.base);
}

GORD_METHOD(gord_runtime_get_gomaxprocs)
{
    int now = gor_gomaxprocs(0);

    (void)message;
    (void)user;
    reply_gomaxprocs(call, now, now);
}

GORD_METHOD(gord_runtime_set_gomaxprocs)
{
    const Gor__V1__SetGomaxprocsRequest *request = (const Gor__V1__SetGomaxprocsRequest *)message;

    (void)user;
    if (request->value < 1 || request->value > GOMAXPROCS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "value is %u; it must be 1 to %d", request->value,
                  GOMAXPROCS_MAX);
        return;
    }
    int former = gor_gomaxprocs((int)request->value);
    reply_gomaxprocs(call, gor_gomaxprocs(0), former);
}

GORD_METHOD(gord_runtime_version)
{
    struct gord_service *service = user;
    Gor__V1__VersionReply reply = GOR__V1__VERSION_REPLY__INIT;
    Gor__V1__UpgradeEnds natives, scripts;

    (void)message;
    reply.version = (char *)(uintptr_t)GOR_VERSION;
    reply.pid = (uint32_t)getpid();
    reply.durability = durability_name(service);
    reply.state_dir = (char *)(uintptr_t)service->state_dir;
    const char *text = "";
    gord_bus_store_error(service->bus, &text);
    reply.store_error = (char *)(uintptr_t)text;
    reply.started_ns = service->started_ns;
    const char *failure = service->upgrader.failure;
    reply.upgrade_failure = (char *)(uintptr_t)(failure != NULL ? failure : "");
    if (service->upgrader.ended != NULL) {
        gord_upgrade_ends_fill(&service->upgrader.ended->natives, &natives);
        gord_upgrade_ends_fill(&service->upgrader.ended->scripts, &scripts);
        reply.natives_ended = &natives;
        reply.scripts_ended = &scripts;
    }
    rpc_call_reply(call, &reply.base);
}
