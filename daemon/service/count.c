/* SPDX-License-Identifier: MIT */
/* Jobs.Select and Jobs.Count: which jobs a selector means, and how many.
 *
 * Neither keeps anything between two calls: each answers a page and says where the next begins.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/service/select.h"

#define PAGE_MAX 10000

/* ------------------------------------------------------------------ select */

struct id_list {
    uint64_t *ids; /* owned */
    size_t count;
    size_t room;
};

static int add_id(void *arg, uint64_t id)
{
    struct id_list *list = arg;

    if (gord_grow(&list->ids, list->count, &list->room, sizeof(*list->ids)) != 0) {
        return -ENOMEM;
    }
    list->ids[list->count++] = id;
    return 0;
}

static int add_row(void *arg, struct gord_row *row)
{
    return add_id(arg, row->id);
}

static void fail_reading(struct rpc_call *call, int error)
{
    gord_fail(call, wire_status_from_errno(error), "cannot look for the jobs: %s",
              strerror(-error));
}

static bool select_request_ok(struct rpc_call *call, const Gor__V1__SelectRequest *request)
{
    if (!gord_selector_says(request->selector)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "selector says nothing; for every job set 'all'");
        return false;
    }
    if (request->limit > PAGE_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "limit is %u; it is at most %d", request->limit,
                  PAGE_MAX);
        return false;
    }
    return true;
}

GORD_METHOD(gord_jobs_select)
{
    struct gord_service *service = user;
    const Gor__V1__SelectRequest *request = (const Gor__V1__SelectRequest *)message;
    Gor__V1__SelectReply reply = GOR__V1__SELECT_REPLY__INIT;
    struct id_list found = {0};
    struct id_list unknown = {0};
    struct gord_select select;

    if (!select_request_ok(call, request) ||
        !gord_select_init(&select, call, request->selector, request->live_only)) {
        return;
    }
    select.filter.before_id = request->before_id;
    int result = gord_select_each(&select, service, request->limit > 0 ? request->limit : PAGE_MAX,
                                  add_row, &found);
    if (result == 0 && request->before_id == 0) {
        result = gord_select_unknown(&select, service, add_id, &unknown);
    }
    if (result == 0) {
        reply.n_ids = found.count;
        reply.ids = found.ids;
        reply.n_unknown = unknown.count;
        reply.unknown = unknown.ids;
        reply.next_before_id = select.done ? 0 : select.filter.before_id;
        rpc_call_reply(call, &reply.base);
    } else {
        fail_reading(call, result);
    }
    free(found.ids);
    free(unknown.ids);
    gord_select_fini(&select);
}

/* ------------------------------------------------------------------ count */

struct counts {
    uint64_t states[GORD_STATE_COUNT];
    uint64_t outcomes[GORD_OUTCOME_COUNT];
};

static int count_row(void *arg, struct gord_row *row)
{
    struct counts *counts = arg;

    counts->states[row->state]++;
    if (row->state == GOR__V1__JOB_STATE__TERMINATED) {
        counts->outcomes[row->outcome]++;
    }
    return 0;
}

/* What has ended in memory and is not in what the store was read at. */
static void add_uncommitted(struct gord_service *service, uint64_t after_seq, struct counts *counts)
{
    for (uint64_t seq = after_seq + 1; seq <= gord_bus_last_seq(service->bus); seq++) {
        const struct gord_event *event = gord_bus_recent(service->bus, seq);
        if (event != NULL && event->kind == GORD_EVENT_FINISHED) {
            counts->outcomes[event->outcome]++;
            counts->states[GOR__V1__JOB_STATE__TERMINATED]++;
        }
    }
}

/* Without looking at a single job. */
static int take_counters(struct gord_service *service, bool live_only, struct counts *counts)
{
    const struct gord_job_counts *live = gord_job_counts(gord_bus_table(service->bus));
    struct gord_reader_totals totals;
    int result = gord_reader_totals(gord_bus_reader(service->bus), &totals);

    for (int i = 0; i < GORD_STATE_COUNT; i++) {
        counts->states[i] = i == GOR__V1__JOB_STATE__TERMINATED ? 0 : live->by_state[i];
    }
    if (result == 0 && !live_only) {
        counts->states[GOR__V1__JOB_STATE__TERMINATED] = totals.terminated;
        memcpy(counts->outcomes, totals.ended, sizeof(counts->outcomes));
        add_uncommitted(service, totals.last_seq, counts);
    }
    return result;
}

static void answer_counts(struct rpc_call *call, const struct counts *counts, uint64_t next)
{
    Gor__V1__CountReply reply = GOR__V1__COUNT_REPLY__INIT;
    Gor__V1__CountReply__OfState states[GORD_STATE_COUNT];
    Gor__V1__CountReply__OfState *state_list[GORD_STATE_COUNT];
    Gor__V1__CountReply__OfOutcome outcomes[GORD_OUTCOME_COUNT];
    Gor__V1__CountReply__OfOutcome *outcome_list[GORD_OUTCOME_COUNT];

    for (int i = 0; i < GORD_STATE_COUNT; i++) {
        reply.total += counts->states[i];
        if (counts->states[i] > 0) {
            gor__v1__count_reply__of_state__init(&states[i]);
            states[i].state = (Gor__V1__JobState)i;
            states[i].count = counts->states[i];
            state_list[reply.n_states++] = &states[i];
        }
    }
    for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
        if (counts->outcomes[i] > 0) {
            gor__v1__count_reply__of_outcome__init(&outcomes[i]);
            outcomes[i].outcome = (Gor__V1__Outcome)i;
            outcomes[i].count = counts->outcomes[i];
            outcome_list[reply.n_outcomes++] = &outcomes[i];
        }
    }
    reply.states = state_list;
    reply.outcomes = outcome_list;
    reply.next_before_id = next;
    rpc_call_reply(call, &reply.base);
}

GORD_METHOD(gord_jobs_count)
{
    struct gord_service *service = user;
    const Gor__V1__CountRequest *request = (const Gor__V1__CountRequest *)message;
    struct counts counts = {0};
    struct gord_select select = {0};
    uint64_t next = 0;
    int result;

    if (!gord_selector_says(request->selector)) {
        result = take_counters(service, request->live_only, &counts);
    } else if (!gord_select_init(&select, call, request->selector, request->live_only)) {
        return;
    } else {
        select.filter.before_id = request->before_id;
        result = gord_select_each(&select, service, SIZE_MAX, count_row, &counts);
        next = select.done ? 0 : select.filter.before_id;
    }
    if (result == 0) {
        answer_counts(call, &counts, next);
    } else {
        fail_reading(call, result);
    }
    gord_select_fini(&select);
}
