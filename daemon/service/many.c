/* SPDX-License-Identifier: MIT */
/* many.c - see many.h. */
#include "daemon/service/many.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/order.h"
#include "daemon/service/check.h"
#include "daemon/service/owner.h"

#define IDS_MAX 100000

/* ------------------------------------------------------------------ the results */

static int make_room(struct gord_many *many, size_t room)
{
    size_t bytes = many->kind->result_bytes;

    /* Where they are first: should there be no memory for the results, that still says where those are
     * that there are. */
    ProtobufCMessage **results = realloc(many->results, (room + 1) * sizeof(ProtobufCMessage *));
    if (results == NULL) {
        return -ENOMEM;
    }
    many->results = results;
    char *table = realloc(many->table, (room + 1) * bytes);
    if (table == NULL) {
        return -ENOMEM;
    }
    many->table = table;
    for (size_t i = 0; i < many->count; i++) {
        results[i] = (ProtobufCMessage *)(void *)(table + i * bytes);
    }
    many->room = room;
    return 0;
}

int gord_many_expect(struct gord_many *many, size_t count)
{
    size_t room = many->count + count;

    return room > many->room ? make_room(many, room) : 0;
}

void *gord_many_result(struct gord_many *many)
{
    size_t bytes = many->kind->result_bytes;

    if (many->count == GORD_MANY_RESULTS || many->count == many->room) {
        return NULL;
    }
    void *result = (char *)many->table + many->count * bytes;
    memset(result, 0, bytes);
    many->results[many->count++] = result;
    return result;
}

/* ------------------------------------------------------------------ portions */

static void committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_many *many = ack->data;

    (void)service;
    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE, "the daemon stops");
    } else if (many->kind->rest != NULL && many->kind->rest(many)) {
        return;
    } else {
        /* With a store that refuses it is done all the same, only not on record yet. */
        many->kind->reply(many);
    }
    gord_many_free(many);
}

/* Every job has had its turn: answer once that is on disk. */
static void finish(struct gord_many *many, int error)
{
    struct gord_service *service = many->service;
    struct gord_ack ack = {.seq = service->store_error == 0 ? many->seq : 0,
                           .call = many->call,
                           .fn = committed,
                           .data = many};

    if (error == 0) {
        error = gord_acks_add(service, &ack);
    }
    if (error != 0) {
        gord_fail(many->call, wire_status_from_errno(error), "cannot %s: %s", many->what,
                  strerror(-error));
        gord_many_free(many);
    }
}

static bool is_picked(const struct gord_many *many, uint64_t id)
{
    if (many->picks == NULL) {
        return true;
    }
    const struct gord_job *job = gord_job_find(gord_bus_table(many->service->bus), id);

    return job != NULL && many->picks(job);
}

static int add_selected(void *arg, struct gord_row *row)
{
    struct gord_many *many = arg;

    if (!many->in_order || is_picked(many, row->id)) {
        many->ids[many->id_count++] = row->id;
    }
    return 0;
}

static bool is_selecting(const struct gord_many *many)
{
    return many->select.selector != NULL && !many->select.done;
}

static bool has_more(const struct gord_many *many)
{
    return many->done < many->id_count || is_selecting(many);
}

/* A portion more of a selection, which comes newest first; once all are there they are put in order. */
static int gather_ids(struct gord_many *many)
{
    size_t portion = many->kind->portion;

    if (!is_selecting(many)) {
        return 0;
    }
    if (many->id_count + portion > many->id_room) {
        size_t room = 2 * many->id_room + portion;
        uint64_t *ids = realloc(many->ids, room * sizeof(*ids));
        if (ids == NULL) {
            return -ENOMEM;
        }
        many->ids = ids;
        many->id_room = room;
    }
    int error = gord_select_each(&many->select, many->service, portion, add_selected, many);
    if (error == 0 && many->select.done) {
        qsort(many->ids, many->id_count, sizeof(uint64_t), gord_by_rising_id);
    }
    return error;
}

/* The next portion of a selection takes the place of the last one. */
static int more_ids(struct gord_many *many)
{
    if (many->done < many->id_count || !has_more(many)) {
        return 0;
    }
    many->done = many->id_count = 0;
    return gord_select_each(&many->select, many->service, many->kind->portion, add_selected, many);
}

static int do_one(struct gord_many *many, uint64_t id)
{
    return is_picked(many, id) ? many->kind->one(many, id) : 0;
}

/* A portion; true: finished, and gone. */
static bool go_on(struct gord_many *many)
{
    int error = many->in_order ? gather_ids(many) : more_ids(many);
    size_t left = many->in_order && is_selecting(many) ? 0 : many->id_count - many->done;
    size_t stop = left > many->kind->portion ? many->done + many->kind->portion : many->done + left;

    while (many->done < stop && error == 0) {
        uint64_t id = many->ids[many->done++];
        /* Jobs that were picked, and not named, are one's own. */
        error = gord_owner_check(many->service, many->call, id);
        error = error == -EPERM ? 0 : error != 0 ? error : do_one(many, id);
    }
    if (error != 0 || !has_more(many)) {
        finish(many, error);
        return true;
    }
    gord_bus_wake(many->service->bus);
    return false;
}

static void take_turn(struct gord_many *many)
{
    if (!go_on(many)) {
        list_append(&many->service->manys, &many->link);
    }
}

/* First come, first served. What joins the list meanwhile has its turn in the next flush. */
void gord_manys_flush(struct gord_service *service)
{
    struct list_link waiting;
    struct list_link *link;

    list_move(&service->manys, &waiting);
    while ((link = list_pop(&waiting)) != NULL) {
        take_turn(CONTAINER_OF(link, struct gord_many, link));
    }
}

void gord_manys_end(struct gord_service *service)
{
    struct list_link *next;

    for (struct list_link *link = service->manys.next; link != &service->manys; link = next) {
        struct gord_many *many = CONTAINER_OF(link, struct gord_many, link);
        next = link->next;
        gord_fail(many->call, WIRE_UNAVAILABLE, "the daemon stops; not all have been %s",
                  many->kind->reached);
        gord_many_free(many);
    }
    list_init(&service->manys);
}

/* ------------------------------------------------------------------ the request */

/* If not, the call has been answered. */
static bool is_right(struct rpc_call *call, const struct gord_many_request *request)
{
    bool selects = gord_selector_says(request->selector);
    bool all = request->all || (selects && request->selector->all);

    if (request->n_ids == 0 && !request->all && !selects) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "ids is empty, 'all' is not set, and there is no selector");
    } else if ((request->n_ids > 0) + request->all + selects > 1) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids, 'all' and a selector exclude each other");
    } else if (all && request->fits == NULL) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "'all' is not for this: name the jobs");
    } else if (request->n_ids > IDS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries, at most %d are taken",
                  request->n_ids, IDS_MAX);
    } else if (strlen(request->cause) > GORD_CAUSE_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "cause has %zu bytes, at most %d are kept",
                  strlen(request->cause), GORD_CAUSE_MAX);
    } else {
        return true;
    }
    return false;
}

/* How many results there may be. */
static size_t expected(const struct gord_service *service, const struct gord_many_request *request)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    size_t live = 0;

    for (int state = 0; state < GORD_STATE_COUNT; state++) {
        live += counts->by_state[state];
    }
    if (request->n_ids > 0) {
        return request->n_ids;
    }
    if (!gord_selector_says(request->selector)) {
        return live;
    }
    return request->fits != NULL ? live + GORD_SELECT_IDS_MAX : GORD_MANY_RESULTS;
}

static int init(struct gord_many *many, size_t room)
{
    size_t portion = many->kind->portion;

    many->id_room = room > portion ? room : portion;
    many->ids = calloc(many->id_room + 1, sizeof(*many->ids));
    return many->ids != NULL ? make_room(many, room) : -ENOMEM;
}

struct gord_many *gord_many_new(const struct gord_many_kind *kind, struct gord_service *service,
                                struct rpc_call *call, const char *what,
                                const struct gord_many_request *request)
{
    if (!is_right(call, request)) {
        return NULL;
    }
    struct gord_many *many = calloc(1, kind->size);
    if (many != NULL) {
        many->kind = kind;
        many->service = service;
        many->call = call;
        many->what = what;
    }
    if (many == NULL || init(many, expected(service, request)) != 0) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        gord_many_free(many);
        return NULL;
    }
    return many;
}

void gord_many_free(struct gord_many *many)
{
    if (many == NULL) {
        return;
    }
    if (many->kind->fini != NULL) {
        many->kind->fini(many);
    }
    gord_select_fini(&many->select);
    free(many->ids);
    free(many->results);
    free(many->table);
    free(many);
}

bool gord_many_lives(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED;
}

static int add_live(void *arg, struct gord_job *job)
{
    struct gord_many *many = arg;

    if (many->picks(job)) {
        many->ids[many->id_count++] = job->id;
    }
    return 0;
}

static int add_unknown(void *arg, uint64_t id)
{
    struct gord_many *many = arg;

    many->ids[many->id_count++] = id;
    return 0;
}

/* The selector's ids that are unknown come first. False: the call is answered, and `many` gone. */
static bool select_ids(struct gord_many *many, const struct gord_many_request *request)
{
    if (!gord_select_init(&many->select, many->call, request->selector, request->fits != NULL)) {
        gord_many_free(many);
        return false;
    }
    int error = gord_select_unknown(&many->select, many->service, add_unknown, many);
    if (error != 0) {
        finish(many, error);
    }
    return error == 0;
}

void gord_many_begin(struct gord_many *many, const struct gord_many_request *request)
{
    struct gord_service *service = many->service;

    if (!gord_owners_ok(service, many->call, request->ids, request->n_ids, many->what)) {
        gord_many_free(many);
        return;
    }
    if (request->all) {
        many->picks = request->fits;
        gord_job_each(gord_bus_table(service->bus), add_live, many);
        qsort(many->ids, many->id_count, sizeof(uint64_t), gord_by_rising_id);
    } else if (request->n_ids > 0) {
        memcpy(many->ids, request->ids, request->n_ids * sizeof(uint64_t));
        many->id_count = request->n_ids;
    } else {
        many->picks = request->selector->n_ids == 0 ? request->fits : NULL;
        many->in_order = request->in_order;
        if (!select_ids(many, request)) {
            return;
        }
    }
    take_turn(many);
}

void gord_many_again(struct gord_many *many, uint64_t *ids, size_t count)
{
    gord_select_fini(&many->select);
    free(many->ids);
    many->ids = ids;
    many->id_count = count;
    many->id_room = count;
    many->done = 0;
    many->picks = NULL;
    /* Not at once: this may be its turn, and each time anew would be a frame more on the stack. */
    list_append(&many->service->manys, &many->link);
    gord_bus_wake(many->service->bus);
}
