/* SPDX-License-Identifier: MIT */
/* attempts.c - see attempts.h. */
#include "daemon/service/attempts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAX = 10000, DETAIL_MAX = 200 };

struct reading {
    struct gord_attempts attempts;
    Gor__V1__Attempt *open; /* the last one, while it runs */
    uint32_t number;        /* of the last one */
    uint64_t seen;          /* seq of the newest event met */
};

/* The oldest goes when there are too many. */
static Gor__V1__Attempt *add(struct reading *reading)
{
    struct gord_attempts *attempts = &reading->attempts;
    Gor__V1__Attempt *attempt = malloc(sizeof(*attempt));

    if (attempts->items == NULL) {
        attempts->items = calloc(GORD_ATTEMPTS_MAX, sizeof(Gor__V1__Attempt *));
    }
    if (attempt == NULL || attempts->items == NULL) {
        free(attempt);
        return NULL;
    }
    if (attempts->count == GORD_ATTEMPTS_MAX) {
        gor__v1__attempt__free_unpacked(attempts->items[0], NULL);
        memmove(attempts->items, attempts->items + 1,
                --attempts->count * sizeof(Gor__V1__Attempt *));
    }
    gor__v1__attempt__init(attempt);
    attempt->number = ++reading->number;
    attempts->items[attempts->count++] = attempt;
    return attempt;
}

/* The first line, cut between two characters. */
static int set_detail(Gor__V1__Attempt *attempt, const char *text)
{
    size_t length = strcspn(text, "\n");

    if (length > DETAIL_MAX) {
        length = DETAIL_MAX;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    if (length == 0) {
        return 0;
    }
    char *copy = strndup(text, length);
    if (copy == NULL) {
        return -ENOMEM;
    }
    attempt->detail = copy;
    return 0;
}

/* A run is over, or the job is without one. */
static int close_run(struct reading *reading, const struct gord_event *event)
{
    Gor__V1__Attempt *attempt = reading->open != NULL ? reading->open : add(reading);

    if (attempt == NULL) {
        return -ENOMEM;
    }
    reading->open = NULL;
    attempt->finished_ns = event->at_ns;
    attempt->outcome = event->kind == GORD_EVENT_REQUEUED ? GOR__V1__OUTCOME__LOST
                                                          : (Gor__V1__Outcome)event->outcome;
    attempt->exit_code = event->exit_code;
    attempt->signal = event->signal;
    attempt->core_dumped = event->core_dumped;
    attempt->stdout_bytes = event->stdout_bytes;
    attempt->stderr_bytes = event->stderr_bytes;
    return set_detail(attempt, event->text);
}

static int visit(void *arg, struct gord_event *event, const char *name)
{
    struct reading *reading = arg;

    (void)name;
    reading->seen = event->seq;
    switch ((enum gord_event_kind)event->kind) {
    case GORD_EVENT_STARTED:
        if (reading->open == NULL) {
            reading->open = add(reading);
            if (reading->open == NULL) {
                return -ENOMEM;
            }
            reading->open->started_ns = event->at_ns;
        }
        return 0;
    case GORD_EVENT_RETRYING:
    case GORD_EVENT_REQUEUED:
    case GORD_EVENT_FINISHED:
        return close_run(reading, event);
    default:
        return 0;
    }
}

/* What the store has, then what is not committed yet. */
static int read_events(struct gord_service *service, uint64_t id, struct reading *reading)
{
    struct gord_bus *bus = service->bus;
    int result = gord_reader_job_events(gord_bus_reader(bus), id, EVENTS_MAX, visit, reading);

    result = result == -ENOENT ? 0 : result; /* just submitted */
    for (uint64_t seq = gord_bus_committed(bus) + 1; result == 0 && seq <= gord_bus_last_seq(bus);
         seq++) {
        struct gord_event *event = gord_bus_recent(bus, seq);
        if (event != NULL && event->job_id == id && event->seq > reading->seen) {
            result = visit(reading, event, "");
        }
    }
    return result;
}

/* A job that ran at most once is its own attempt. */
static int take_only(const Gor__V1__Job *job, struct reading *reading)
{
    bool ended = job->state == GOR__V1__JOB_STATE__TERMINATED;

    if (!ended && job->started_ns == 0) {
        return 0;
    }
    Gor__V1__Attempt *attempt = add(reading);
    if (attempt == NULL) {
        return -ENOMEM;
    }
    attempt->started_ns = job->started_ns;
    attempt->finished_ns = job->finished_ns;
    attempt->outcome = job->outcome;
    attempt->exit_code = job->exit_code;
    attempt->signal = job->signal;
    attempt->core_dumped = job->core_dumped;
    attempt->stdout_bytes = job->stdout_bytes;
    attempt->stderr_bytes = job->stderr_bytes;
    return set_detail(attempt, job->detail);
}

int gord_attempts_read(struct gord_service *service, const Gor__V1__Job *job,
                       struct gord_attempts *out_attempts)
{
    struct reading reading = {.seen = 0};
    int result = job->attempt + job->losses > 0 ? read_events(service, job->id, &reading)
                                                : take_only(job, &reading);

    if (result != 0) {
        gord_attempts_fini(&reading.attempts);
        return result;
    }
    *out_attempts = reading.attempts;
    return 0;
}

void gord_attempts_fini(struct gord_attempts *attempts)
{
    for (size_t i = 0; i < attempts->count; i++) {
        gor__v1__attempt__free_unpacked(attempts->items[i], NULL);
    }
    free(attempts->items);
    *attempts = (struct gord_attempts){NULL, 0};
}
