/* SPDX-License-Identifier: MIT */
/* doctor_daemon.c - see doctor.h: what a daemon that answers says of itself. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/doctor.h"
#include "client/when.h"
#include "gor/v1/crons.pb-c.h"
#include "gor/v1/jobs.pb-c.h"
#include "gor/v1/queues.pb-c.h"
#include "gor/v1/runtime.pb-c.h"
#include "proto/decode.h"

#define SECOND_NS ((int64_t)1000000000)
#define MIB ((uint64_t)1 << 20)

/* From here on it is worth a word. */
static const int64_t SLOW_COMMIT_NS = SECOND_NS;
static const int64_t CLOCK_WARNING_NS = 2 * SECOND_NS;
static const int64_t CLOCK_FAULT_NS = 60 * SECOND_NS;
static const uint64_t DISK_WARNING_BYTES = 1024 * MIB, DISK_FAULT_BYTES = 64 * MIB;
static const uint64_t DISK_PLENTY_BYTES = 20 * 1024 * MIB; /* whatever share of the disk it is */
enum {
    DISK_PERCENT = 5,
    USED_PERCENT = 80,
    FILES_LEAST = 1024,
    TASKS_LEAST = 512,
};

/* ---------------------------------------------------------------- state */

static void tell_store(struct gorctl_doctor *doctor, const Gor__V1__StatsReply *stats)
{
    char longest[GORCTL_WHEN_ROOM];
    gorctl_duration_text(stats->commit_max_ns, longest);
    if (stats->store_error[0] != '\0') {
        gorctl_finding(
            doctor, GORCTL_HEALTH_FAULT, "store",
            "Make room on the disk or mend it, then start the daemon anew: sudo systemctl "
            "restart gord",
            "%s takes no new jobs: %s", stats->state_dir, stats->store_error);
    } else if (strcmp(stats->durability, "memory") == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "store", NULL,
                       "in memory: its jobs do not outlive the daemon");
    } else if (stats->commit_max_ns > SLOW_COMMIT_NS) {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "store",
                       "Look what else writes to that disk, or move the state directory to another "
                       "(gord --state-dir)",
                       "%s is slow: the longest commit has taken %s", stats->state_dir, longest);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "store", NULL, "%s, longest commit %s",
                       stats->state_dir, longest);
    }
}

static void tell_starting(struct gorctl_doctor *doctor, const Gor__V1__StatsReply *stats)
{
    if (stats->drained[0] != '\0') {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "new jobs", "Type: gorctl undrain",
                       "none are taken: drained %s", stats->drained);
    }
    if (stats->paused) {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "new jobs", "Type: gorctl resume",
                       "none is started: everything is paused, %" PRIu64 " wait",
                       stats->jobs_runnable);
    }
    if (stats->drained[0] == '\0' && !stats->paused) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "new jobs", NULL,
                       "are taken and started; %" PRIu64 " wait, %" PRIu64 " run",
                       stats->jobs_runnable, stats->jobs_running);
    }
}

void gorctl_doctor_state(struct gorctl_doctor *doctor)
{
    Gor__V1__StatsRequest request = GOR__V1__STATS_REQUEST__INIT;
    Gor__V1__StatsReply *stats = (Gor__V1__StatsReply *)gorctl_doctor_ask(
        doctor, "state", "/gor.v1.Runtime/Stats", &request.base, &gor__v1__stats_reply__descriptor);
    if (stats != NULL) {
        tell_store(doctor, stats);
        tell_starting(doctor, stats);
        wire_decoded_free(&stats->base);
    }
}

/* --------------------------------------------------------- surroundings */

static void tell_disk(struct gorctl_doctor *doctor, const Gor__V1__SurroundingsReply *around)
{
    static const char advice[] =
        "Remove old jobs with what they wrote: gorctl rm --ended-until 30d; "
        "or give gord rules for it (gord --keep-age, --keep-size)";
    uint64_t left = around->disk_free_bytes;
    char shown[GORCTL_WHEN_ROOM];
    char of[GORCTL_WHEN_ROOM];
    gorctl_bytes_text(left, shown);
    gorctl_bytes_text(around->disk_bytes, of);
    if (around->disk_bytes == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, "disk", NULL, "the daemon cannot tell");
    } else if (left < DISK_FAULT_BYTES) {
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "disk", advice,
                       "the disk of the store is full: %s of %s are left", shown, of);
    } else if (left < DISK_WARNING_BYTES ||
               (left < DISK_PLENTY_BYTES && left < around->disk_bytes / 100 * DISK_PERCENT)) {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "disk", advice,
                       "the disk of the store is nearly full: %s of %s are left", shown, of);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "disk", NULL, "%s of %s are free", shown, of);
    }
}

/* The daemon looked at its clock between `before` and `after`. */
static void tell_clock(struct gorctl_doctor *doctor, int64_t daemon_ns, int64_t before,
                       int64_t after)
{
    int64_t off = daemon_ns < before  ? before - daemon_ns
                  : daemon_ns > after ? daemon_ns - after
                                      : 0;
    char text[GORCTL_WHEN_ROOM];
    gorctl_duration_text(off, text);
    if (off < CLOCK_WARNING_NS) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "clock", NULL, "the daemon's is ours");
        return;
    }
    gorctl_finding(doctor, off < CLOCK_FAULT_NS ? GORCTL_HEALTH_WARNING : GORCTL_HEALTH_FAULT,
                   "clock",
                   "Set both by NTP: timedatectl set-ntp true; until then --at, --deadline "
                   "and lists by time are off by so much",
                   "the daemon's is %s %s ours", text, daemon_ns < before ? "behind" : "ahead of");
}

static void tell_files(struct gorctl_doctor *doctor, const Gor__V1__SurroundingsReply *around)
{
    static const char advice[] =
        "Give it more: LimitNOFILE=65536 with `sudo systemctl edit gord`, or "
        "`ulimit -n 65536` before gord";
    uint64_t limit = around->files_limit;
    bool few = limit < FILES_LEAST;
    bool full = around->files_open > limit / 100 * USED_PERCENT;
    gorctl_finding(doctor, few || full ? GORCTL_HEALTH_WARNING : GORCTL_HEALTH_OK, "descriptors",
                   few || full ? advice : NULL, "%" PRIu64 " of %" PRIu64 " in use%s",
                   around->files_open, limit,
                   few ? ", which is few: each job that runs takes several" : "");
}

static void tell_tasks(struct gorctl_doctor *doctor, const Gor__V1__SurroundingsReply *around)
{
    static const char advice[] =
        "Give it more: TasksMax=infinity with `sudo systemctl edit gord`, or "
        "`ulimit -u` before gord";
    uint64_t limit = around->tasks_limit;
    bool bad = limit != 0 && (limit < TASKS_LEAST || around->tasks > limit / 100 * USED_PERCENT);
    if (limit == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "processes", NULL, "no limit is known");
    } else if (around->tasks == 0) {
        gorctl_finding(doctor, bad ? GORCTL_HEALTH_WARNING : GORCTL_HEALTH_OK, "processes",
                       bad ? advice : NULL, "at most %" PRIu64 " for gord and its jobs", limit);
    } else {
        gorctl_finding(doctor, bad ? GORCTL_HEALTH_WARNING : GORCTL_HEALTH_OK, "processes",
                       bad ? advice : NULL,
                       "%" PRIu64 " of %" PRIu64 " in use by gord and its jobs", around->tasks,
                       limit);
    }
}

static void tell_groups(struct gorctl_doctor *doctor, const Gor__V1__SurroundingsReply *around)
{
    if (around->groups_problem[0] != '\0') {
        gorctl_finding(
            doctor, GORCTL_HEALTH_WARNING, "control groups",
            "With systemd: Delegate=yes in gord.service; without it limits of memory, CPU "
            "and processes (--limit) hold for each process alone, or not at all",
            "%s", around->groups_problem);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "control groups", NULL,
                       "they hold limits of jobs");
    }
}

static void tell_plugins(struct gorctl_doctor *doctor, const Gor__V1__SurroundingsReply *around)
{
    for (size_t i = 0; i < around->n_refused_plugins; i++) {
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "plug-ins",
                       "Mend or remove the file, then type: gorctl plugins reload",
                       "a plug-in is not taken: %s", around->refused_plugins[i]);
    }
    if (around->n_refused_plugins == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "plug-ins", NULL, "none was refused");
    }
}

static void tell_webhooks(struct gorctl_doctor *doctor, const Gor__V1__SurroundingsReply *around)
{
    if (around->webhook_problem[0] != '\0') {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "webhooks",
                       "If there is use for --on-finish-url: sudo apt install curl",
                       "none can be sent: %s", around->webhook_problem);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "webhooks", NULL, "curl can send them");
    }
}

void gorctl_doctor_surroundings(struct gorctl_doctor *doctor)
{
    Gor__V1__SurroundingsRequest request = GOR__V1__SURROUNDINGS_REQUEST__INIT;
    int64_t before = gorctl_now();
    Gor__V1__SurroundingsReply *around = (Gor__V1__SurroundingsReply *)gorctl_doctor_ask(
        doctor, "surroundings", "/gor.v1.Runtime/Surroundings", &request.base,
        &gor__v1__surroundings_reply__descriptor);
    if (around != NULL) {
        tell_clock(doctor, around->now_ns, before, gorctl_now());
        tell_disk(doctor, around);
        tell_files(doctor, around);
        tell_tasks(doctor, around);
        tell_groups(doctor, around);
        tell_plugins(doctor, around);
        tell_webhooks(doctor, around);
        wire_decoded_free(&around->base);
    }
}

/* ----------------------------------------------- queues, calendar, jobs */

void gorctl_doctor_queues(struct gorctl_doctor *doctor)
{
    Gor__V1__ListQueuesRequest request = GOR__V1__LIST_QUEUES_REQUEST__INIT;
    Gor__V1__ListQueuesReply *reply = (Gor__V1__ListQueuesReply *)gorctl_doctor_ask(
        doctor, "queues", "/gor.v1.Queues/List", &request.base,
        &gor__v1__list_queues_reply__descriptor);
    unsigned paused = 0;
    for (size_t i = 0; reply != NULL && i < reply->n_queues; i++) {
        const Gor__V1__Queue *queue = reply->queues[i];
        if (queue->paused) {
            char *advice = gorctl_format("Type: gorctl resume -q '%s'", queue->name);
            gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "queues", advice,
                           "'%s' is paused, %" PRIu64 " wait in it", queue->name, queue->queued);
            free(advice);
            paused++;
        }
    }
    if (reply != NULL && paused == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "queues", NULL, "none is paused");
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_doctor_crons(struct gorctl_doctor *doctor)
{
    Gor__V1__ListCronsRequest request = GOR__V1__LIST_CRONS_REQUEST__INIT;
    Gor__V1__ListCronsReply *reply = (Gor__V1__ListCronsReply *)gorctl_doctor_ask(
        doctor, "calendar", "/gor.v1.Crons/List", &request.base,
        &gor__v1__list_crons_reply__descriptor);
    unsigned wrong = 0;
    for (size_t i = 0; reply != NULL && i < reply->n_crons; i++) {
        const Gor__V1__Cron *cron = reply->crons[i];
        if (cron->spec != NULL && cron->why[0] != '\0') {
            char *advice = gorctl_format("Look at it: gorctl cron show '%s'", cron->spec->name);
            gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "calendar", advice,
                           "'%s' made no job when it fired last: %s", cron->spec->name, cron->why);
            free(advice);
            wrong++;
        }
    }
    if (reply != NULL && wrong == 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "calendar", NULL, "%zu entr%s", reply->n_crons,
                       reply->n_crons == 1 ? "y" : "ies");
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

/* One page of the count will do: it says that there are some. */
void gorctl_doctor_lost(struct gorctl_doctor *doctor)
{
    Gor__V1__Outcome lost[] = {GOR__V1__OUTCOME__LOST};
    Gor__V1__Selector selector = GOR__V1__SELECTOR__INIT;
    Gor__V1__CountRequest request = GOR__V1__COUNT_REQUEST__INIT;
    selector.outcomes = lost;
    selector.n_outcomes = 1;
    request.selector = &selector;
    Gor__V1__CountReply *reply =
        (Gor__V1__CountReply *)gorctl_doctor_ask(doctor, "lost jobs", "/gor.v1.Jobs/Count",
                                                 &request.base, &gor__v1__count_reply__descriptor);
    if (reply == NULL) {
        return;
    }
    if (reply->total > 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_WARNING, "lost jobs",
                       "See them: gorctl history --outcome lost; run them again: gorctl retry "
                       "--outcome lost; or forget them: gorctl rm --outcome lost",
                       reply->total == 1 ? "%" PRIu64 " job was lost, for the daemon died under it"
                                         : "%" PRIu64
                                           " jobs were lost, for the daemon died under them",
                       reply->total);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "lost jobs", NULL, "none");
    }
    wire_decoded_free(&reply->base);
}
