/* SPDX-License-Identifier: MIT */
/* awaited.c - see awaited.h. */
#include "daemon/service/awaited.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/hold.h"
#include "daemon/service/state.h"

#define AWAITED_MAX 1000

struct gord_awaited {
    uint64_t id;
    int64_t until_ns; /* on gor_now()'s clock */
    bool taken;       /* its run expects the follower: not once more */
};

/* In the order of their coming: the oldest is the first. */
static void drop(struct gord_service *service, unsigned at)
{
    service->awaited_count--;
    memmove(&service->awaited[at], &service->awaited[at + 1],
            (service->awaited_count - at) * sizeof(service->awaited[0]));
}

/* The ones that nobody waits for any more. */
static void forget(struct gord_service *service, unsigned most)
{
    while (service->awaited_count > most ||
           (service->awaited_count > 0 && service->awaited[0].until_ns <= gor_now())) {
        drop(service, 0);
    }
}

/* Where it is, or awaited_count. */
static unsigned find(const struct gord_service *service, uint64_t id)
{
    unsigned at = 0;

    while (at < service->awaited_count && service->awaited[at].id != id) {
        at++;
    }
    return at;
}

void gord_awaited_add(struct gord_service *service, uint64_t id)
{
    if (service->awaited == NULL) {
        service->awaited = calloc(AWAITED_MAX, sizeof(service->awaited[0]));
    }
    if (service->awaited != NULL) {
        forget(service, AWAITED_MAX - 1);
        service->awaited[service->awaited_count++] =
            (struct gord_awaited){.id = id, .until_ns = gor_after(GORD_HOLD_EXPECTED_NS)};
    }
}

void gord_awaited_came(struct gord_service *service, uint64_t id)
{
    unsigned at = find(service, id);

    if (at < service->awaited_count) {
        drop(service, at);
    }
}

void gord_awaited_look(struct gord_service *service, uint64_t id)
{
    forget(service, AWAITED_MAX);
    unsigned at = find(service, id);
    if (at == service->awaited_count) {
        return;
    }
    struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_run *run = job != NULL ? gord_runner_run_of(job) : NULL;
    if (run != NULL && !service->awaited[at].taken) {
        gord_hold_expect(run);
    }
    service->awaited[at].taken = run != NULL; /* one that could not be started was not its run */
}

void gord_awaited_fini(struct gord_service *service)
{
    free(service->awaited);
    service->awaited = NULL;
    service->awaited_count = 0;
}
