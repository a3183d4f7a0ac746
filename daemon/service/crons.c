/* SPDX-License-Identifier: MIT */
/* crons.c - see crons.h: the entries, and what they do when their time has come. */
#include "daemon/service/crons.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/runner/text.h"
#include "daemon/service/array.h"
#include "daemon/service/cron_change.h"
#include "daemon/service/quota.h"
#include "daemon/service/request.h"

enum { SECOND_NS = 1000000000, QUEUED_MOST = 100 };

/* ------------------------------------------------------------------ the list */

struct gord_cron *gord_crons_find(const struct gord_crons *crons, const char *name)
{
    struct gord_cron *cron = crons->first;

    while (cron != NULL && strcmp(cron->spec->name, name) != 0) {
        cron = cron->next;
    }
    return cron;
}

void gord_crons_insert(struct gord_crons *crons, struct gord_cron *cron)
{
    struct gord_cron **link = &crons->first;

    while (*link != NULL && strcmp((*link)->spec->name, cron->spec->name) < 0) {
        link = &(*link)->next;
    }
    cron->next = *link;
    *link = cron;
    crons->count++;
}

void gord_crons_remove(struct gord_crons *crons, const struct gord_cron *cron)
{
    struct gord_cron **link = &crons->first;

    while (*link != cron) {
        link = &(*link)->next;
    }
    *link = cron->next;
    crons->count--;
}

struct gord_cron *gord_cron_new(Gor__V1__CronSpec *spec, uint32_t uid, int64_t made_ns)
{
    char error[GORD_ERROR_BYTES];
    struct gord_cron *cron = calloc(1, sizeof(*cron));

    if (cron == NULL) {
        gor__v1__cron_spec__free_unpacked(spec, NULL);
        return NULL;
    }
    cron->spec = spec;
    cron->uid = uid;
    cron->made_ns = made_ns;
    cron->state.covered_s = made_ns / SECOND_NS;
    if (gord_cron_times(spec, made_ns / SECOND_NS, &cron->entry, &cron->zone, error,
                        sizeof(error)) != 0) {
        /* It was right when it was made; the zones of this machine are others now. */
        gord_text_clean(error, strlen(error), cron->state.why, sizeof(cron->state.why));
        gord_log(GORD_LOG_ERROR, 0, "cron entry %s rests: %s", spec->name, error);
    }
    return cron;
}

void gord_cron_free(struct gord_cron *cron)
{
    if (cron != NULL) {
        gord_zone_free(cron->zone);
        gor__v1__cron_spec__free_unpacked(cron->spec, NULL);
        free(cron);
    }
}

/* ------------------------------------------------------------------ one fire */

/* What the job's key does if earlier ones have not ended. */
static void set_overlap(const struct gord_cron *cron, Gor__V1__JobSpec *job, char *key,
                        size_t key_bytes)
{
    static const Gor__V1__OnConflict conflicts[] = {
        [GOR__V1__CRON_SPEC__OVERLAP__OVERLAP_SKIP] = GOR__V1__ON_CONFLICT__SKIP,
        [GOR__V1__CRON_SPEC__OVERLAP__OVERLAP_QUEUE] = GOR__V1__ON_CONFLICT__QUEUE,
        [GOR__V1__CRON_SPEC__OVERLAP__OVERLAP_REPLACE] = GOR__V1__ON_CONFLICT__REPLACE};

    if (cron->spec->overlap != GOR__V1__CRON_SPEC__OVERLAP__OVERLAP_ALLOW) {
        snprintf(key, key_bytes, "cron/%s", cron->spec->name);
        job->unique_key = key;
        job->on_conflict = conflicts[cron->spec->overlap];
    }
}

/* Is it taken, and is there nothing that it is to give way to? */
static enum gord_cron_outcome may_fire(struct gord_service *service, const Gor__V1__JobSpec *job,
                                       uint32_t uid, struct gord_refusal *out_why)
{
    uint64_t other = 0;
    uint64_t seq = 0;

    if (!gord_submit_accepts(service, "", job, uid, NULL, out_why) ||
        !gord_submit_has_places(service, gord_submit_kind(job), 1, out_why)) {
        return GORD_CRON_FAILED;
    }
    out_why->status = WIRE_FAILED_PRECONDITION;
    switch (gord_submit_conflict(service, job, uid, &other, &seq, out_why)) {
    case GORD_CONFLICT_REFUSED:
        return GORD_CRON_SKIPPED;
    case GORD_CONFLICT_SKIP:
        snprintf(out_why->text, sizeof(out_why->text), "job %" PRIu64 " has not ended", other);
        return GORD_CRON_SKIPPED;
    case GORD_CONFLICT_NONE:
        break;
    }
    if (job->on_conflict == GOR__V1__ON_CONFLICT__QUEUE &&
        gord_unique_find(&service->unique, uid, job->unique_key, NULL, 0) > QUEUED_MOST) {
        snprintf(out_why->text, sizeof(out_why->text), "%d of its jobs wait already", QUEUED_MOST);
        return GORD_CRON_SKIPPED;
    }
    if (!gord_submit_fits_replacing(service, uid, &job, 1, gord_array_tasks(job), out_why)) {
        return GORD_CRON_FAILED;
    }
    return GORD_CRON_MADE;
}

static void count_made(struct gord_cron_state *state, const struct gord_cron_fire *fire)
{
    state->version++;
    state->covered_s = fire->covered_s;
    state->last_s = fire->at_s;
    state->fired++;
    state->why[0] = '\0';
}

static void count_skipped(struct gord_cron *cron, const struct gord_cron_fire *fire,
                          const char *why)
{
    cron->state.version++;
    cron->state.covered_s = fire->covered_s;
    cron->state.skipped++;
    gord_text_clean(why, strlen(why), cron->state.why, sizeof(cron->state.why));
    gord_log(GORD_LOG_NOTICE, 0, "cron entry %s made no job: %s", cron->spec->name, why);
}

/* The submission's name, with what the entry comes to by it. */
static struct gord_request *new_request(const struct gord_cron *cron,
                                        const struct gord_cron_fire *fire)
{
    struct gord_request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        return NULL;
    }
    request->count = 1;
    memcpy(request->id, fire->request, sizeof(request->id));
    request->cron = calloc(1, sizeof(*request->cron));
    if (request->cron == NULL) {
        free(request);
        return NULL;
    }
    snprintf(request->cron->name, sizeof(request->cron->name), "%s", cron->spec->name);
    request->cron->state = cron->state;
    count_made(&request->cron->state, fire);
    return request;
}

enum gord_cron_outcome gord_cron_fire(struct gord_service *service, struct gord_cron *cron,
                                      const struct gord_cron_fire *fire, uint64_t *out_id,
                                      uint64_t *out_seq, struct gord_refusal *out_why)
{
    char key[GORD_CRON_NAME_MAX + 8];
    Gor__V1__CronFire from = GOR__V1__CRON_FIRE__INIT;
    Gor__V1__JobSpec job = *cron->spec->job;

    set_overlap(cron, &job, key, sizeof(key));
    enum gord_cron_outcome outcome = may_fire(service, &job, cron->uid, out_why);
    if (outcome != GORD_CRON_MADE) {
        count_skipped(cron, fire, out_why->text);
        return outcome;
    }
    from.name = cron->spec->name;
    from.at_ns = fire->at_s * SECOND_NS;
    from.by_hand = fire->by_hand;
    job.cron = &from;
    struct gord_request *request = new_request(cron, fire);
    int result = request != NULL
                     ? gord_submit_enter(service, &job, cron->uid, request, out_id, out_seq)
                     : -ENOMEM;
    GORD_CRASHPOINT(CRON_FIRED);
    if (result != 0) {
        out_why->status = WIRE_RESOURCE_EXHAUSTED;
        snprintf(out_why->text, sizeof(out_why->text), "not submitted: %s", strerror(-result));
        gord_submit_withdraw(service, *out_id, *out_id != 0);
        count_skipped(cron, fire, out_why->text);
        return GORD_CRON_FAILED;
    }
    count_made(&cron->state, fire);
    cron->state.last_job = *out_id;
    struct gord_request_known known = {*out_id, 1, *out_seq, 0};
    ProtobufCBinaryData name = {GORD_REQUEST_BYTES, (uint8_t *)(uintptr_t)fire->request};
    gord_request_add(service, &name, cron->uid, &known);
    return GORD_CRON_MADE;
}

/* ------------------------------------------------------------------ by the clock */

/* The same fire has the same name, always. */
static void name_fire(const struct gord_cron *cron, struct gord_cron_fire *fire)
{
    uint64_t halves[2] = {gord_cron_hash(cron->spec->name) ^ (uint64_t)cron->made_ns,
                          (uint64_t)fire->at_s};

    _Static_assert(sizeof(halves) == GORD_REQUEST_BYTES, "a name is made of two numbers");
    memcpy(fire->request, halves, sizeof(halves));
}

/* Its job was made before the clock was put back. */
static bool is_made_already(struct gord_service *service, const struct gord_cron *cron,
                            const struct gord_cron_fire *fire)
{
    struct gord_request_known known;
    struct gord_refusal why;
    ProtobufCBinaryData name = {GORD_REQUEST_BYTES, (uint8_t *)(uintptr_t)fire->request};

    return gord_request_find(service, &name, cron->uid, &known, &why) == 1;
}

/* Make what the plan says. True: the last event says all that has become of the entry. */
static bool make_due(struct gord_service *service, struct gord_cron *cron,
                     const struct gord_cron_plan *plan)
{
    bool is_told = false;

    cron->state.missed += plan->missed;
    for (size_t i = 0; i < plan->count; i++) {
        struct gord_refusal why;
        uint64_t id = 0;
        uint64_t seq = 0;
        struct gord_cron_fire fire = {.at_s = plan->fires_s[i],
                                      .covered_s =
                                          i + 1 < plan->count ? plan->fires_s[i] : plan->covered_s};
        name_fire(cron, &fire);
        is_told = !is_made_already(service, cron, &fire) &&
                  gord_cron_fire(service, cron, &fire, &id, &seq, &why) == GORD_CRON_MADE;
    }
    cron->state.covered_s = plan->covered_s;
    return is_told;
}

/* Without memory for an alarm there is none; the next change of the clock or of the entry sets it. */
static void set_alarm(struct gord_service *service, struct gord_cron *cron, int64_t when_ns)
{
    if (gord_alarm_set(&service->crons->alarm, &cron->alarm, when_ns) != 0) {
        gord_log(GORD_LOG_ERROR, 0, "out of memory: cron entry %s is not woken", cron->spec->name);
    }
}

void gord_cron_settle(struct gord_service *service, struct gord_cron *cron)
{
    struct gord_cron_plan plan;
    struct gord_refusal why;

    gord_alarm_clear(&service->crons->alarm, &cron->alarm);
    cron->next_s = 0;
    if (cron->changing || cron->state.paused || cron->zone == NULL || !service->crons->open) {
        return;
    }
    gord_cron_plan(&cron->entry, cron->state.covered_s, gord_event_clock(), &plan);
    if (plan.count > 0 && !gord_submit_is_open(service, plan.count, &why)) {
        cron->next_s = plan.fires_s[0];
        set_alarm(service, cron, gord_event_clock() + SECOND_NS);
        return;
    }
    bool moved = plan.covered_s != cron->state.covered_s;
    if (!make_due(service, cron, &plan) && moved) {
        cron->state.version++;
        gord_cron_save(service, cron);
    }
    if (gord_cron_entry_next(&cron->entry, cron->state.covered_s, &cron->next_s) == 0) {
        set_alarm(service, cron, gord_cron_due_ns(&cron->entry, cron->next_s));
    }
}

static void on_ring(void *arg, struct gord_alarm_entry *entry)
{
    gord_cron_settle(arg, CONTAINER_OF(entry, struct gord_cron, alarm));
}

/* What has been put back may have to come again. */
static void on_clock_set(void *arg)
{
    gord_crons_start(arg);
}

/* ------------------------------------------------------------------ life cycle */

static int take_back(void *arg, const struct gord_cron_row *row)
{
    struct gord_service *service = arg;
    Gor__V1__CronSpec *spec = gor__v1__cron_spec__unpack(NULL, row->spec_bytes, row->spec);
    struct gord_cron *cron = NULL;

    if (spec == NULL || spec->job == NULL) {
        gor__v1__cron_spec__free_unpacked(spec, NULL);
        return -EBADMSG;
    }
    cron = gord_cron_new(spec, row->uid, row->made_ns);
    if (cron == NULL) {
        return -ENOMEM;
    }
    if (cron->zone != NULL) {
        cron->state = row->state;
    }
    gord_crons_insert(service->crons, cron);
    return 0;
}

int gord_crons_open(struct gord_service *service)
{
    service->crons = calloc(1, sizeof(*service->crons));
    if (service->crons == NULL) {
        return -ENOMEM;
    }
    list_init(&service->crons->changes);
    int result = gord_reader_crons(gord_bus_reader(service->bus), take_back, service);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot read the cron entries back: %s", strerror(-result));
        return result;
    }
    /* Last: once it is open, the loop must run before it can go. */
    result =
        gord_alarm_open(&service->crons->alarm, service->loop, CLOCK_REALTIME, on_ring, service);
    if (result == 0) {
        service->crons->open = true;
        service->crons->alarm.clock_set = on_clock_set;
    }
    return result;
}

void gord_crons_start(struct gord_service *service)
{
    for (struct gord_cron *cron = service->crons->first; cron != NULL; cron = cron->next) {
        gord_cron_settle(service, cron);
    }
}

void gord_crons_close(struct gord_service *service)
{
    if (service->crons != NULL && service->crons->open) {
        service->crons->open = false;
        gord_alarm_close(&service->crons->alarm);
        gord_cron_changes_end(service);
    }
}

void gord_crons_free(struct gord_service *service)
{
    struct gord_crons *crons = service->crons;

    if (crons == NULL) {
        return;
    }
    for (struct gord_cron *cron = crons->first, *next; cron != NULL; cron = next) {
        next = cron->next;
        gord_cron_free(cron);
    }
    gord_alarm_fini(&crons->alarm);
    free(crons);
}
