/* SPDX-License-Identifier: MIT */
/* gates.c - see gates.h. */
#include "daemon/runner/gates.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/grow.h"
#include "daemon/event/clock.h"
#include "daemon/job/group.h"

struct gate {
    struct gord_job *job;        /* borrowed; outlives it */
    struct gord_alarm_entry due; /* of the alarm that `by_boot` says */
    struct gord_alarm_entry expiry;
    struct gord_after *after; /* owned; NULL: it waits for no other */
    bool by_boot;
    bool is_due;
};

/* A start or an end that somebody waits for. */
struct gord_gate_news {
    uint64_t id;
    struct gord_after_facts facts;
};

static struct gate *gate_of(const struct gord_job *job)
{
    return job->body != NULL ? job->body->gate : NULL;
}

/* A job that is in the queue has its gate only for the time it must have started by. */
static bool is_parked(const struct gord_job *job)
{
    return job->state == GOR__V1__JOB_STATE__CREATED ||
           (job->state == GOR__V1__JOB_STATE__WAITING && !job->taken);
}

static bool keeps(const struct gate *gate)
{
    return gate->job->body->standing->held || gord_group_is_coming(gate->job) || !gate->is_due ||
           gord_after_verdict(gate->after) != GORD_AFTER_HOLDS;
}

/* ------------------------------------------------------------------ making them */

/* When it is over unless it has started; 0: never. */
static int64_t ends_ns(const struct gord_standing *standing)
{
    int64_t expires = standing->expires_ns;
    int64_t deadline = standing->deadline_ns;

    return expires == 0 || (deadline != 0 && deadline < expires) ? deadline : expires;
}

static int set_times(struct gord_gates *gates, struct gate *gate)
{
    const struct gord_standing *standing = gate->job->body->standing;
    int64_t now = gord_event_clock();
    int64_t due = standing->due_ns;
    int result = 0;

    gord_alarm_clear(gate->by_boot ? &gates->boot : &gates->wall, &gate->due);
    gate->by_boot = standing->due_boot != 0;
    if (gate->by_boot) {
        now = gord_clock_boot();
        due = gord_clock_due(standing);
    }
    gate->is_due = due <= now;
    if (!gate->is_due) {
        result = gord_alarm_set(gate->by_boot ? &gates->boot : &gates->wall, &gate->due, due);
    }
    gord_alarm_clear(&gates->expiries, &gate->expiry);
    if (result == 0 && ends_ns(standing) != 0) {
        result = gord_alarm_set(&gates->expiries, &gate->expiry, ends_ns(standing));
    }
    return result;
}

/* Then what it was to run after has come already. */
static bool has_run(const struct gord_standing *standing)
{
    return standing->attempt + standing->losses > 0;
}

static void facts_of_job(const struct gord_job *job, struct gord_after_facts *out)
{
    const struct gord_standing *standing = job->body != NULL ? job->body->standing : NULL;

    out->exists = true;
    out->ended = job->state == GOR__V1__JOB_STATE__TERMINATED;
    out->outcome = (Gor__V1__Outcome)job->outcome;
    out->started = (job->body != NULL && job->body->started_ns != 0) ||
                   (standing != NULL && has_run(standing));
    const struct gord_spec *spec = job->body != NULL ? job->body->spec : NULL;
    if (spec != NULL) {
        out->array_id = spec->array_id;
        out->array_index = spec->array_index;
    }
}

/* From memory or the store. */
static int look_up(void *arg, uint64_t id, struct gord_after_facts *out)
{
    struct gord_gates *gates = arg;
    const struct gord_job *job = gord_job_find(gord_bus_table(gates->bus), id);

    if (job != NULL) {
        facts_of_job(job, out);
        return 0;
    }
    /* What lives is in memory. */
    int result = gord_reader_ended(gord_bus_reader(gates->bus), id, &out->outcome, &out->started);
    if (result == -ENOENT && gates->recall != NULL && gates->recall(gates->recall_arg, id, out)) {
        return 0;
    }
    out->exists = out->ended = result == 0;
    return result == -ENOENT ? 0 : result;
}

/* The job's, made if there is none. NULL: out of memory. */
static struct gate *need_gate(struct gord_job *job)
{
    struct gate *gate = gate_of(job);

    if (gate == NULL && (gate = calloc(1, sizeof(*gate))) != NULL) {
        gate->job = job;
        job->body->gate = gate;
    }
    return gate;
}

int gord_gates_plan(struct gord_gates *gates, struct gord_job *job, const struct gord_spec *spec,
                    struct gord_after **out_after)
{
    return need_gate(job) != NULL
               ? gord_after_new(&gates->index, job->id, spec, look_up, gates, out_after)
               : -ENOMEM;
}

void gord_gates_adopt(struct gord_gates *gates, struct gord_job *job, struct gord_after *after)
{
    struct gate *gate = gate_of(job);

    gord_after_free(&gates->index, gate->after);
    gate->after = after;
}

void gord_gates_give_up(struct gord_gates *gates, struct gord_after *after)
{
    gord_after_free(&gates->index, after);
}

/* As the gates would have it, of a job that has come past them. */
static int each_of_spec(const struct gord_spec *spec,
                        int (*visit)(void *arg, uint64_t id,
                                     Gor__V1__Dependency__Condition condition),
                        void *arg)
{
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    int result = wire != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; wire != NULL && i < wire->n_after; i++) {
        for (size_t k = 0; k < wire->after[i]->n_of && result == 0; k++) {
            result = visit(arg, wire->after[i]->of[k]->id, wire->after[i]->of[k]->condition);
        }
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return result;
}

int gord_gates_each(const struct gord_job *job,
                    int (*visit)(void *arg, uint64_t id, Gor__V1__Dependency__Condition condition),
                    void *arg)
{
    const struct gate *gate = gate_of(job);

    if (job->body->spec->after_count == 0) {
        return 0;
    }
    return gate != NULL && gate->after != NULL ? gord_after_each(gate->after, visit, arg)
                                               : each_of_spec(job->body->spec, visit, arg);
}

int gord_gates_enter(struct gord_gates *gates, struct gord_job *job)
{
    struct gate *gate = need_gate(job);

    GORD_ASSERT(job->body->standing != NULL);
    if (gate == NULL) {
        return -ENOMEM;
    }
    int result = set_times(gates, gate);
    if (result == 0 && gate->after == NULL && job->state == GOR__V1__JOB_STATE__CREATED &&
        !has_run(job->body->standing)) {
        result =
            gord_after_new(&gates->index, job->id, job->body->spec, look_up, gates, &gate->after);
    }
    if (result != 0) {
        gord_gates_leave(gates, job);
        return result;
    }
    bool kept = keeps(gate);
    if (!kept && ends_ns(job->body->standing) == 0) {
        gord_gates_leave(gates, job);
    }
    return kept;
}

void gord_gates_leave(struct gord_gates *gates, struct gord_job *job)
{
    struct gate *gate = gate_of(job);

    if (gate != NULL) {
        gord_alarm_clear(gate->by_boot ? &gates->boot : &gates->wall, &gate->due);
        gord_alarm_clear(&gates->expiries, &gate->expiry);
        gord_after_free(&gates->index, gate->after);
        job->body->gate = NULL;
        free(gate);
    }
}

/* ------------------------------------------------------------------ opening them */

/* Something has come that the job waited for. */
static void look(struct gord_gates *gates, struct gate *gate)
{
    struct gord_job *job = gate->job;

    if (!is_parked(job)) {
        return;
    }
    if (gord_after_verdict(gate->after) == GORD_AFTER_NEVER) {
        char detail[GORD_GATE_TEXT];
        gord_after_text(gate->after, detail, sizeof(detail));
        gates->failed(gates->arg, job, detail);
        return;
    }
    if (keeps(gate)) {
        return;
    }
    if (ends_ns(job->body->standing) == 0) {
        gord_gates_leave(gates, job);
    }
    GORD_CRASHPOINT(GATE_OPENED);
    gates->opened(gates->arg, job);
}

void gord_gates_look(struct gord_gates *gates, struct gord_job *job)
{
    struct gate *gate = gate_of(job);

    if (gate != NULL) {
        look(gates, gate);
    }
}

int gord_gates_tell(struct gord_gates *gates, const struct gord_job *job)
{
    if (gord_after_waiting(&gates->index, job->id, NULL, 0) == 0) {
        return 0;
    }
    if (gord_grow(&gates->news, gates->news_count, &gates->news_room, sizeof(*gates->news)) != 0) {
        return -ENOMEM;
    }
    struct gord_gate_news *news = &gates->news[gates->news_count++];
    news->id = job->id;
    facts_of_job(job, &news->facts);
    return 0;
}

/* Those that wait are found by id, for each may end and take others along. */
static int tell_all(struct gord_gates *gates, const struct gord_gate_news *news)
{
    size_t count = gord_after_waiting(&gates->index, news->id, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));

    if (ids == NULL) {
        return -ENOMEM;
    }
    gord_after_waiting(&gates->index, news->id, ids, count);
    for (size_t i = 0; i < count; i++) {
        struct gord_job *job = gord_job_find(gord_bus_table(gates->bus), ids[i]);
        struct gate *gate = job != NULL ? gate_of(job) : NULL;
        if (gate != NULL && gate->after != NULL) {
            gord_after_tell(gate->after, news->id, &news->facts);
            look(gates, gate);
        }
    }
    free(ids);
    return 0;
}

void gord_gates_flush(struct gord_gates *gates)
{
    size_t done = 0;

    /* What this causes is told behind it. */
    while (done < gates->news_count) {
        struct gord_gate_news news = gates->news[done];
        if (tell_all(gates, &news) != 0) {
            break; /* out of memory: again in the next turn */
        }
        done++;
    }
    if (done > 0) {
        gates->news_count -= done;
        memmove(gates->news, gates->news + done, gates->news_count * sizeof(*gates->news));
    }
    if (gates->news_count > 0) {
        gord_bus_wake(gates->bus);
    }
}

static void on_due(void *arg, struct gord_alarm_entry *entry)
{
    struct gord_gates *gates = arg;
    struct gate *gate = CONTAINER_OF(entry, struct gate, due);

    gate->is_due = true;
    look(gates, gate);
}

static void on_expiry(void *arg, struct gord_alarm_entry *entry)
{
    struct gord_gates *gates = arg;
    struct gate *gate = CONTAINER_OF(entry, struct gate, expiry);

    gates->expired(gates->arg, gate->job);
}

int gord_gates_open(struct gord_gates *gates, struct gord_bus *bus)
{
    uv_loop_t *loop = gord_bus_loop(bus);

    gates->bus = bus;
    int result = gord_alarm_open(&gates->wall, loop, CLOCK_REALTIME, on_due, gates);

    if (result != 0) {
        return result;
    }
    result = gord_alarm_open(&gates->boot, loop, CLOCK_BOOTTIME, on_due, gates);
    if (result != 0) {
        goto close_wall;
    }
    result = gord_alarm_open(&gates->expiries, loop, CLOCK_REALTIME, on_expiry, gates);
    if (result == 0) {
        return 0;
    }
    gord_alarm_close(&gates->boot);
close_wall:
    gord_alarm_close(&gates->wall);
    return result;
}

void gord_gates_close(struct gord_gates *gates)
{
    gord_alarm_close(&gates->wall);
    gord_alarm_close(&gates->boot);
    gord_alarm_close(&gates->expiries);
}

void gord_gates_fini(struct gord_gates *gates)
{
    gord_alarm_fini(&gates->wall);
    gord_alarm_fini(&gates->boot);
    gord_alarm_fini(&gates->expiries);
    gord_after_index_fini(&gates->index);
    free(gates->news);
}

/* ------------------------------------------------------------------ telling */

const char *gord_gates_time(int64_t at_ns, char *out, size_t bytes)
{
    time_t seconds = (time_t)(at_ns / 1000000000);
    struct tm parts;

    if (localtime_r(&seconds, &parts) == NULL ||
        strftime(out, bytes, "%Y-%m-%d %H:%M:%S %z", &parts) == 0) {
        snprintf(out, bytes, "%lld", (long long)seconds);
    }
    return out;
}

/* Append to a list of reasons. */
static void add(char out[GORD_GATE_TEXT], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(char out[GORD_GATE_TEXT], const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;

    if (used > 0 && used + 2 < GORD_GATE_TEXT) {
        used += (size_t)snprintf(out + used, GORD_GATE_TEXT - used, "; ");
    }
    va_start(args, format);
    vsnprintf(out + used, GORD_GATE_TEXT - used, format, args);
    va_end(args);
}

static void add_time(const struct gord_standing *standing, char out[GORD_GATE_TEXT])
{
    char time[48];

    if (standing->due_boot != 0) {
        double left = (double)(gord_clock_due(standing) - gord_clock_boot()) / 1e9;
        left = left < 0 ? 0 : left;
        add(out, left < 10 ? "in %.3g s" : "in %.0f s", left); /* nobody waits by nanoseconds */
    } else {
        add(out, "until %s", gord_gates_time(standing->due_ns, time, sizeof(time)));
    }
}

const char *gord_gates_why(const struct gord_job *job, char out[GORD_GATE_TEXT])
{
    const struct gate *gate = gate_of(job);

    out[0] = '\0';
    if (gate == NULL) {
        return out;
    }
    if (job->state == GOR__V1__JOB_STATE__WAITING) {
        add(out, "retry %u of %u", job->body->standing->attempt, job->body->spec->retries);
    }
    if (job->body->standing->held) {
        add(out, "held; `gorctl release %" PRIu64 "` lets it go", job->id);
    }
    if (gord_group_is_coming(job)) {
        uint32_t came = gord_group_live(job) + gord_group_ended(job);
        uint32_t count = job->body->tasks->count;
        add(out, "being imported: %u of %u task%s %s come", came, count, count == 1 ? "" : "s",
            came == 1 ? "has" : "have");
    }
    if (!gate->is_due) {
        add_time(job->body->standing, out);
    }
    if (gord_after_verdict(gate->after) == GORD_AFTER_PENDING) {
        char jobs[GORD_GATE_TEXT - 16];
        gord_after_text(gate->after, jobs, sizeof(jobs));
        add(out, "waits for %s", jobs);
    }
    return out;
}

/* What the conditions on other jobs come to. */
static int would_wait(struct gord_gates *gates, const struct gord_spec *spec,
                      char out[GORD_GATE_TEXT])
{
    struct gord_after *after = NULL;
    char jobs[GORD_GATE_TEXT - 32];
    int result = gord_after_new(&gates->index, 0, spec, look_up, gates, &after);

    if (result != 0) {
        return result;
    }
    enum gord_after_verdict verdict = gord_after_verdict(after);
    if (verdict != GORD_AFTER_HOLDS) {
        gord_after_text(after, jobs, sizeof(jobs));
        add(out, verdict == GORD_AFTER_PENDING ? "waits for %s" : "it would never run: %s", jobs);
    }
    gord_after_free(&gates->index, after);
    return 0;
}

int gord_gates_would_hold(struct gord_gates *gates, const struct gord_spec *spec,
                          enum gord_after_verdict *out_verdict)
{
    struct gord_after *after = NULL;
    int result = gord_after_new(&gates->index, 0, spec, look_up, gates, &after);

    if (result == 0) {
        *out_verdict = gord_after_verdict(after);
        gord_after_free(&gates->index, after);
    }
    return result;
}

int gord_gates_would(struct gord_gates *gates, const struct gord_spec *spec,
                     char out[GORD_GATE_TEXT])
{
    struct gord_standing *standing = NULL;
    int result = gord_spec_standing(spec, &standing);

    out[0] = '\0';
    if (result != 0 || standing == NULL) {
        return result;
    }
    if (standing->held) {
        add(out, "held");
    }
    if (standing->due_boot != 0 || standing->due_ns > gord_event_clock()) {
        add_time(standing, out);
    }
    gord_standing_unref(standing);
    return would_wait(gates, spec, out);
}
