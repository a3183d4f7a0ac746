/* SPDX-License-Identifier: MIT */
#include "daemon/service/select.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 16
#define EXIT_CODES_MAX 16
#define LIVE_STATES                                                           \
    (1U << GOR__V1__JOB_STATE__CREATED | 1U << GOR__V1__JOB_STATE__RUNNABLE | \
     1U << GOR__V1__JOB_STATE__RUNNING | 1U << GOR__V1__JOB_STATE__WAITING)

bool gord_selector_says(const Gor__V1__Selector *selector)
{
    return selector != NULL &&
           (selector->all || selector->mine || selector->owner_plus_1 != 0 ||
            selector->parent_id != 0 || selector->n_kinds > 0 || selector->n_ids > 0 ||
            selector->n_labels > 0 || selector->n_states > 0 || selector->n_outcomes > 0 ||
            selector->n_exit_codes > 0 || selector->queue[0] != '\0' ||
            selector->name_contains[0] != '\0' || selector->created_from_ns != 0 ||
            selector->created_to_ns != 0 || selector->finished_from_ns != 0 ||
            selector->finished_to_ns != 0);
}

/* ------------------------------------------------------------------ from the wire */

static int compare_ranges(const void *a, const void *b)
{
    const struct gord_id_range *x = a;
    const struct gord_id_range *y = b;

    return x->first > y->first ? -1 : x->first < y->first;
}

/* Descending by their firsts: join those that touch. */
static size_t join_ranges(struct gord_id_range *ranges, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct gord_id_range *upper = kept > 0 ? &ranges[kept - 1] : NULL;
        if (upper != NULL && ranges[i].last >= upper->first - 1) {
            upper->first = ranges[i].first;
            upper->last = ranges[i].last > upper->last ? ranges[i].last : upper->last;
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    return kept;
}

/* -EINVAL: the call is answered. */
static int take_ranges(struct gord_select *select, struct rpc_call *call)
{
    const Gor__V1__Selector *selector = select->selector;
    uint64_t held = 0;

    for (size_t i = 0; i < selector->n_ids; i++) {
        uint64_t first = selector->ids[i]->first;
        uint64_t last = selector->ids[i]->last != 0 ? selector->ids[i]->last : first;
        if (first == 0 || last < first) {
            gord_fail(call, WIRE_INVALID_ARGUMENT,
                      "selector.ids[%zu]: ids begin at 1 and a range goes upwards", i);
            return -EINVAL;
        }
        held += last - first >= GORD_SELECT_IDS_MAX ? GORD_SELECT_IDS_MAX : last - first;
        if (++held > GORD_SELECT_IDS_MAX) {
            gord_fail(call, WIRE_INVALID_ARGUMENT, "selector.ids: more than %d ids",
                      GORD_SELECT_IDS_MAX);
            return -EINVAL;
        }
        select->ranges[i] = (struct gord_id_range){first, last};
    }
    if (selector->n_ids > 0) {
        qsort(select->ranges, selector->n_ids, sizeof(*select->ranges), compare_ranges);
    }
    select->filter.ranges = select->ranges;
    select->filter.range_count = join_ranges(select->ranges, selector->n_ids);
    return 0;
}

static int take_labels(struct gord_select *select, struct rpc_call *call)
{
    const Gor__V1__Selector *selector = select->selector;

    if (selector->n_labels > LABELS_MAX || selector->n_exit_codes > EXIT_CODES_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "selector: at most %d labels and %d exit codes are taken", LABELS_MAX,
                  EXIT_CODES_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < selector->n_labels; i++) {
        const Gor__V1__LabelMatch *label = selector->labels[i];
        if (label->key[0] == '\0') {
            gord_fail(call, WIRE_INVALID_ARGUMENT, "selector.labels[%zu] has no key", i);
            return -EINVAL;
        }
        select->labels[i] =
            (struct gord_label_match){label->key, label->any_value ? NULL : label->value};
    }
    select->filter.labels = selector->n_labels > 0 ? select->labels : NULL;
    select->filter.label_count = selector->n_labels;
    return 0;
}

/* Bits of an enumeration's values from 1 to below `count`. */
static int take_bits(struct rpc_call *call, const char *what, const int *values, size_t value_count,
                     int count, uint32_t *out_bits)
{
    for (size_t i = 0; i < value_count; i++) {
        if (values[i] <= 0 || values[i] >= count) {
            gord_fail(call, WIRE_INVALID_ARGUMENT, "selector.%s: %d is none", what, values[i]);
            return -EINVAL;
        }
        *out_bits |= 1U << values[i];
    }
    return 0;
}

static int take_enums(struct gord_select *select, struct rpc_call *call)
{
    const Gor__V1__Selector *selector = select->selector;
    int result = take_bits(call, "states", (const int *)selector->states, selector->n_states,
                           GORD_STATE_COUNT, &select->filter.states);

    if (result == 0) {
        result = take_bits(call, "outcomes", (const int *)selector->outcomes, selector->n_outcomes,
                           GORD_OUTCOME_COUNT, &select->filter.outcomes);
    }
    return result;
}

/* -EINVAL: the call is answered. */
static int take_kinds(struct gord_select *select, struct rpc_call *call)
{
    const Gor__V1__Selector *selector = select->selector;

    for (size_t i = 0; i < selector->n_kinds; i++) {
        switch (selector->kinds[i]) {
        case GOR__V1__SELECTOR__KIND__EXEC:
            select->filter.kinds |= 1U << GORD_EXEC;
            break;
        case GOR__V1__SELECTOR__KIND__NATIVE:
            select->filter.kinds |= 1U << GORD_NATIVE;
            break;
        case GOR__V1__SELECTOR__KIND__LUA:
            select->filter.kinds |= 1U << GORD_LUA;
            break;
        case GOR__V1__SELECTOR__KIND__ARRAY:
            select->filter.kinds |= 1U << GORD_GROUP;
            break;
        default:
            gord_fail(call, WIRE_INVALID_ARGUMENT,
                      "selector.kinds: %d is none; they are EXEC, NATIVE, LUA and ARRAY",
                      (int)selector->kinds[i]);
            return -EINVAL;
        }
    }
    return 0;
}

static int take_user(struct gord_select *select, struct rpc_call *call)
{
    const struct rpc_peer *peer = rpc_call_peer(call);
    uint64_t owner_plus_1 = select->selector->owner_plus_1;

    if (owner_plus_1 > UINT32_MAX || (owner_plus_1 != 0 && select->selector->mine)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "selector.owner_plus_1: %s",
                  select->selector->mine ? "excludes mine" : "there is no user of that number");
        return -EINVAL;
    }
    if (select->selector->mine && !peer->local) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "selector.mine: over TCP nobody knows who you are; use the Unix socket");
        return -EINVAL;
    }
    select->filter.of_uid = select->selector->mine || owner_plus_1 != 0;
    select->filter.uid = owner_plus_1 != 0 ? (uint32_t)(owner_plus_1 - 1) : peer->uid;
    return 0;
}

static void take_rest(struct gord_select *select)
{
    const Gor__V1__Selector *selector = select->selector;
    struct gord_filter *filter = &select->filter;

    filter->name_contains = selector->name_contains;
    filter->queue = selector->queue;
    filter->parent_id = selector->parent_id;
    filter->created_from_ns = selector->created_from_ns;
    filter->created_to_ns = selector->created_to_ns;
    filter->finished_from_ns = selector->finished_from_ns;
    filter->finished_to_ns = selector->finished_to_ns;
    filter->exit_codes = selector->exit_codes;
    filter->exit_code_count = selector->n_exit_codes;
}

/* Leave the live states alone in the filter; true: it can match nothing any more. */
static bool narrow_to_live(struct gord_filter *filter)
{
    uint32_t ended_ones = filter->outcomes;

    filter->states = filter->states != 0 ? filter->states & LIVE_STATES : LIVE_STATES;
    filter->outcomes = 0;
    return filter->states == 0 || ended_ones != 0;
}

/* The selector, copied, since the request goes while the cursor moves. -ENOMEM. */
static int copy_selector(struct gord_select *select, const Gor__V1__Selector *selector)
{
    static const Gor__V1__Selector none = GOR__V1__SELECTOR__INIT;
    const Gor__V1__Selector *from = selector != NULL ? selector : &none;
    size_t bytes = gor__v1__selector__get_packed_size(from);
    uint8_t *packed = malloc(bytes + 1);

    if (packed == NULL) {
        return -ENOMEM;
    }
    gor__v1__selector__pack(from, packed);
    select->selector = gor__v1__selector__unpack(NULL, bytes, packed);
    free(packed);
    select->ranges = calloc(from->n_ids + 1, sizeof(*select->ranges));
    select->labels = calloc(from->n_labels + 1, sizeof(*select->labels));
    return select->selector != NULL && select->ranges != NULL && select->labels != NULL ? 0
                                                                                        : -ENOMEM;
}

bool gord_select_init(struct gord_select *select, struct rpc_call *call,
                      const Gor__V1__Selector *selector, bool live_only)
{
    struct gord_select made = {.filter = {.without_spec = true}};
    int result = copy_selector(&made, selector);

    if (result != 0) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    }
    result = result != 0 ? result : take_ranges(&made, call);
    result = result != 0 ? result : take_labels(&made, call);
    result = result != 0 ? result : take_enums(&made, call);
    result = result != 0 ? result : take_kinds(&made, call);
    result = result != 0 ? result : take_user(&made, call);
    if (result != 0) {
        gord_select_fini(&made);
        return false;
    }
    take_rest(&made);
    made.done = live_only && narrow_to_live(&made.filter);
    *select = made;
    return true;
}

void gord_select_fini(struct gord_select *select)
{
    if (select->selector != NULL) {
        gor__v1__selector__free_unpacked(select->selector, NULL);
    }
    free(select->ranges);
    free(select->labels);
    *select = (struct gord_select){0};
}

/* ------------------------------------------------------------------ looking */

int gord_select_each(struct gord_select *select, struct gord_service *service, size_t limit,
                     int (*visit)(void *arg, struct gord_row *row), void *arg)
{
    uint64_t next = 0;

    if (select->done) {
        return 0;
    }
    select->filter.limit = limit;
    int result =
        gord_reader_list(gord_bus_reader(service->bus), &select->filter, visit, arg, &next);
    if (result == 0) {
        select->filter.before_id = next;
        select->done = next == 0;
    }
    return result;
}

/* A job may be in memory already and not yet in the store. */
static int knows(struct gord_service *service, uint64_t id)
{
    return gord_job_find(gord_bus_table(service->bus), id) != NULL
               ? 0
               : gord_reader_knows(gord_bus_reader(service->bus), id);
}

int gord_select_unknown(const struct gord_select *select, struct gord_service *service,
                        int (*visit)(void *arg, uint64_t id), void *arg)
{
    for (size_t i = select->filter.range_count; i-- > 0;) {
        for (uint64_t id = select->ranges[i].first;; id++) {
            int result = knows(service, id);
            result = result == -ENOENT ? visit(arg, id) : result;
            if (result != 0) {
                return result;
            }
            if (id == select->ranges[i].last) {
                break;
            }
        }
    }
    return 0;
}
