/* SPDX-License-Identifier: MIT */
/* event.c - see event.h. */
#include "daemon/event/event.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "daemon/base/assert.h"
#include "daemon/base/clock.h"

enum { TEXT_MAX = 64 * 1024 };

int64_t gord_event_clock(void)
{
    return gord_clock_ns(CLOCK_REALTIME);
}

/* How much of `text` is kept: all, or what fits without splitting a UTF-8 character. */
static size_t kept_bytes(const char *text)
{
    size_t bytes = strnlen(text, TEXT_MAX + 1);
    if (bytes <= TEXT_MAX) {
        return bytes;
    }
    bytes = TEXT_MAX;
    while (bytes > TEXT_MAX - 4 && ((unsigned char)text[bytes] & 0xc0) == 0x80) {
        bytes--;
    }
    return bytes;
}

/* With `extra` bytes for the facts of its kind, then `text_bytes` of text, which ends already. */
static struct gord_event *event_alloc(enum gord_event_kind kind, uint64_t job_id, size_t extra,
                                      size_t text_bytes)
{
    GORD_ASSERT(kind < GORD_EVENT_KIND_COUNT && job_id != 0);
    struct gord_event *event = malloc(sizeof *event + extra + text_bytes + 1);
    if (event == NULL) {
        return NULL;
    }
    memset(event, 0, sizeof *event);
    char *text = (char *)(event + 1) + extra;
    text[text_bytes] = '\0';
    atomic_init(&event->refs, 1);
    event->kind = (uint8_t)kind;
    event->job_id = job_id;
    event->at_ns = gord_event_clock();
    event->text = text;
    return event;
}

struct gord_event *gord_event_new(enum gord_event_kind kind, uint64_t job_id, const char *text)
{
    size_t bytes = text != NULL ? kept_bytes(text) : 0;
    struct gord_event *event = event_alloc(kind, job_id, 0, bytes);
    if (event != NULL && bytes > 0) {
        memcpy(event + 1, text, bytes);
    }
    return event;
}

struct gord_event *gord_event_submitted(uint64_t job_id, struct gord_spec *spec, uint32_t uid)
{
    struct gord_event *event = gord_event_new(GORD_EVENT_SUBMITTED, job_id, NULL);
    if (event != NULL) {
        event->spec = gord_spec_ref(spec);
        event->job_kind = (uint8_t)spec->kind;
        event->parent_id = spec->parent_id;
        event->uid = uid;
    }
    return event;
}

struct gord_event *gord_event_started(uint64_t job_id, uint64_t goroutine, int32_t pid,
                                      uint64_t pid_start)
{
    struct gord_event *event = gord_event_new(GORD_EVENT_STARTED, job_id, NULL);
    if (event != NULL) {
        event->goroutine = goroutine;
        event->pid = pid;
        event->pid_start = pid_start;
    }
    return event;
}

struct gord_event *gord_event_state(uint64_t job_id, Gor__V1__JobState state, const char *reason)
{
    GORD_ASSERT(state == GOR__V1__JOB_STATE__RUNNING || state == GOR__V1__JOB_STATE__WAITING);
    struct gord_event *event = gord_event_new(GORD_EVENT_STATE, job_id, reason);
    if (event != NULL) {
        event->state = (uint8_t)state;
    }
    return event;
}

struct gord_event *gord_event_finished(uint64_t job_id, Gor__V1__Outcome outcome, int32_t exit_code,
                                       int32_t signal, const char *detail)
{
    GORD_ASSERT((int)outcome > 0 && (int)outcome < GORD_OUTCOME_COUNT);
    struct gord_event *event = gord_event_new(GORD_EVENT_FINISHED, job_id, detail);
    if (event != NULL) {
        event->outcome = (uint8_t)outcome;
        event->exit_code = exit_code;
        event->signal = signal;
    }
    return event;
}

struct gord_event *gord_event_used(uint64_t job_id, const struct gord_use *use)
{
    struct gord_event *event = event_alloc(GORD_EVENT_USED, job_id, sizeof *use, 0);
    if (event != NULL) {
        event->use = memcpy(event + 1, use, sizeof *use);
    }
    return event;
}

struct gord_event *gord_event_signalled(uint64_t job_id, int32_t signal, const char *by_whom)
{
    struct gord_event *event = gord_event_new(GORD_EVENT_SIGNALLED, job_id, by_whom);
    if (event != NULL) {
        event->signal = signal;
    }
    return event;
}

struct gord_event *gord_event_standing(enum gord_event_kind kind, uint64_t job_id,
                                       struct gord_standing *standing, const char *text)
{
    struct gord_event *event = standing != NULL ? gord_event_new(kind, job_id, text) : NULL;
    if (event == NULL) {
        gord_standing_unref(standing);
        return NULL;
    }
    event->standing = standing;
    return event;
}

struct gord_event *gord_event_ref(struct gord_event *event)
{
    /* Relaxed: the caller has a reference, so nobody frees it meanwhile. */
    atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
    return event;
}

void gord_request_free(struct gord_request *request)
{
    if (request != NULL) {
        free(request->cron);
        free(request);
    }
}

void gord_event_unref(struct gord_event *event)
{
    /* Release and acquire: every user's last look comes before the free. */
    if (event != NULL && atomic_fetch_sub_explicit(&event->refs, 1, memory_order_acq_rel) == 1) {
        gord_spec_unref(event->spec);
        gord_report_unref(event->report);
        gord_standing_unref(event->standing);
        gord_request_free(event->request);
        free(event);
    }
}

struct gord_event *gord_event_of_item(struct gord_inbox_item *item)
{
    return CONTAINER_OF(item, struct gord_event, link);
}

const char *gord_event_kind_name(enum gord_event_kind kind)
{
    static const char *const names[] = {
#define GORD_EVENT_NAME(id, text) text,
        GORD_EVENT_KINDS(GORD_EVENT_NAME)
#undef GORD_EVENT_NAME
    };
    GORD_ASSERT(kind < GORD_EVENT_KIND_COUNT);
    return names[kind];
}
