/* SPDX-License-Identifier: MIT */
/* cron_change.c - see cron_change.h. */
#include "daemon/service/cron_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"

/* ------------------------------------------------------------------ what is kept */

/* The spec may be as large as a message. NULL: out of memory. */
static uint8_t *pack(const Gor__V1__CronSpec *spec, size_t *out_bytes)
{
    size_t bytes = gor__v1__cron_spec__get_packed_size(spec);
    uint8_t *packed = malloc(bytes + 1);

    if (packed != NULL) {
        *out_bytes = gor__v1__cron_spec__pack(spec, packed);
    }
    return packed;
}

static void saved(void *arg, int error)
{
    (void)arg;
    if (error != 0) {
        gord_log(GORD_LOG_WARNING, 0, "how far the calendar has come was not kept for now: %s",
                 strerror(-error));
    }
}

void gord_cron_save(struct gord_service *service, struct gord_cron *cron)
{
    struct gord_cron_row row = {.name = cron->spec->name, .state = cron->state};

    if (gord_store_put_cron(gord_bus_store(service->bus), &row, saved, NULL) != 0) {
        saved(NULL, -ENOMEM);
    }
}

/* ------------------------------------------------------------------ on disk */

static void apply(struct gord_cron_change *change)
{
    struct gord_service *service = change->service;
    struct gord_cron *cron = change->cron;

    switch (change->kind) {
    case GORD_CRON_MAKE:
        break;
    case GORD_CRON_REPLACE:
        gord_crons_remove(service->crons, cron);
        gord_cron_free(cron);
        change->cron = cron = change->other;
        change->other = NULL;
        gord_crons_insert(service->crons, cron);
        break;
    case GORD_CRON_DELETE:
        gord_crons_remove(service->crons, cron);
        gord_cron_free(cron);
        change->cron = NULL;
        return;
    case GORD_CRON_PAUSE:
        cron->state = change->state;
        break;
    }
    cron->fresh = false;
    cron->changing = false;
    gord_cron_settle(service, cron);
}

static void take_back(struct gord_cron_change *change)
{
    if (change->kind == GORD_CRON_MAKE) {
        gord_crons_remove(change->service->crons, change->cron);
        gord_cron_free(change->cron);
        return;
    }
    change->cron->changing = false;
    gord_cron_settle(change->service, change->cron);
}

static void answer(const struct gord_cron_change *change, int error)
{
    Gor__V1__DeleteCronReply gone = GOR__V1__DELETE_CRON_REPLY__INIT;

    if (change->done != NULL) {
        change->done(change->done_arg, error);
    }
    if (change->call == NULL) {
        return;
    }
    if (error != 0) {
        gord_fail(change->call, gord_store_status_code(error),
                  "nothing was changed: the store refuses: %s", strerror(-error));
    } else if (change->cron == NULL) {
        rpc_call_reply(change->call, &gone.base);
    } else {
        gord_cron_reply(change->call, change->cron);
    }
}

static void on_stored(void *arg, int error)
{
    struct gord_cron_change *change = arg;

    list_remove(&change->link);
    if (error == 0) {
        apply(change);
    } else {
        take_back(change);
    }
    answer(change, error);
    gord_cron_free(change->other);
    free(change);
}

/* ------------------------------------------------------------------ on the way */

static int store(struct gord_cron_change *change)
{
    const struct gord_cron *cron = change->other != NULL ? change->other : change->cron;
    struct gord_cron_row row = {.name = cron->spec->name,
                                .uid = cron->uid,
                                .made_ns = cron->made_ns,
                                .is_gone = change->kind == GORD_CRON_DELETE,
                                .state = cron->state};
    bool whole = change->kind == GORD_CRON_MAKE || change->kind == GORD_CRON_REPLACE;

    if (change->kind == GORD_CRON_PAUSE) {
        row.state = change->state;
    }
    if (whole && (row.spec = pack(cron->spec, &row.spec_bytes)) == NULL) {
        return -ENOMEM;
    }
    int result = gord_store_put_cron(gord_bus_store(change->service->bus), &row, on_stored, change);
    free(row.spec);
    return result;
}

void gord_cron_change(const struct gord_cron_change *change)
{
    struct gord_cron_change *copy = malloc(sizeof(*copy));

    change->cron->changing = true;
    gord_cron_settle(change->service, change->cron); /* it rests meanwhile */
    if (copy != NULL) {
        *copy = *change;
        list_append(&copy->service->crons->changes, &copy->link);
        if (store(copy) == 0) {
            return;
        }
        on_stored(copy, -ENOMEM);
        return;
    }
    struct gord_cron_change failed = *change;
    take_back(&failed);
    gord_cron_free(failed.other);
    gord_fail(failed.call, WIRE_RESOURCE_EXHAUSTED, "nothing was changed: out of memory");
}

int gord_cron_enter(struct gord_service *service, struct gord_cron *cron,
                    void (*done)(void *arg, int error), void *arg)
{
    struct gord_cron_change *change = calloc(1, sizeof(*change));

    if (change == NULL) {
        gord_cron_free(cron);
        return -ENOMEM;
    }
    *change = (struct gord_cron_change){
        .kind = GORD_CRON_MAKE, .service = service, .cron = cron, .done = done, .done_arg = arg};
    cron->fresh = true;
    cron->changing = true;
    gord_crons_insert(service->crons, cron);
    list_append(&service->crons->changes, &change->link);
    int result = store(change);
    if (result != 0) {
        list_remove(&change->link);
        take_back(change);
        free(change);
    }
    return result;
}

void gord_cron_changes_end(struct gord_service *service)
{
    struct list_link *changes = &service->crons->changes;

    for (struct list_link *link = changes->next; link != changes; link = link->next) {
        struct gord_cron_change *change = CONTAINER_OF(link, struct gord_cron_change, link);
        if (change->call == NULL) {
            continue;
        }
        gord_fail(change->call, WIRE_UNAVAILABLE,
                  "the daemon stops; whether that was kept shows after its next start");
        change->call = NULL;
    }
}
