/* SPDX-License-Identifier: MIT */
/* change.c - see change.h. */
#include "daemon/service/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/event/clock.h"
#include "daemon/service/check.h"

/* ------------------------------------------------------------------ fields */

static void take_name(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.name = from->name;
}

static void take_timeout(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.timeout_ns = from->timeout_ns;
}

static void take_grace(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.grace_ns = from->grace_ns;
}

static void take_heartbeat(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.heartbeat_ns = from->heartbeat_ns;
}

static void take_on_stuck(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.on_stuck = from->on_stuck;
}

static void take_queue(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.queue = from->queue;
}

static void take_priority(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.priority = from->priority;
}

static void take_slots(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.slots = from->slots;
}

static void take_tokens(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.n_tokens = from->n_tokens;
    change->spec.tokens = from->tokens;
}

static void take_rates(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.n_rates = from->n_rates;
    change->spec.rates = from->rates;
}

/* The two times exclude each other, so one takes the place of the other. */
static void take_not_before(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.not_before_ns = from->not_before_ns;
    change->spec.zone = from->zone;
    change->spec.delay_ns = 0;
    change->standing->due_ns = from->not_before_ns;
    change->standing->due_boot = 0;
    change->standing->boot = 0;
}

static void take_delay(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.delay_ns = from->delay_ns;
    change->spec.not_before_ns = 0;
    change->standing->due_ns = 0;
    change->standing->due_boot = 0;
    change->standing->boot = 0;
    if (from->delay_ns > 0) {
        gord_clock_delay(change->standing, from->delay_ns);
    }
}

static void take_start_before(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.start_before_ns = from->start_before_ns;
    change->standing->expires_ns = from->start_before_ns;
}

static void take_retries(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    if (change->spec.retry != NULL) {
        change->retry = *change->spec.retry;
    } else {
        gor__v1__retry_policy__init(&change->retry);
    }
    change->retry.retries = from->retry != NULL ? from->retry->retries : 0;
    change->spec.retry = &change->retry;
}

static void take_after(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    change->spec.n_after = from->n_after;
    change->spec.after = from->after;
    change->after = true;
}

/* Labels are put together apart: see put_labels. */
static void take_labels(struct gord_change *change, const Gor__V1__JobSpec *from)
{
    (void)change;
    (void)from;
}

static const struct field {
    const char *name;
    void (*take)(struct gord_change *change, const Gor__V1__JobSpec *from);
} fields[] = {
    {"name", take_name},
    {"timeout_ns", take_timeout},
    {"grace_ns", take_grace},
    {"heartbeat_ns", take_heartbeat},
    {"on_stuck", take_on_stuck},
    {"labels", take_labels},
    {"queue", take_queue},
    {"priority", take_priority},
    {"slots", take_slots},
    {"tokens", take_tokens},
    {"rates", take_rates},
    {"not_before_ns", take_not_before},
    {"delay_ns", take_delay},
    {"start_before_ns", take_start_before},
    {"retry.retries", take_retries},
    {"after", take_after},
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const struct field *find_field(const char *name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static int names(const Gor__V1__UpdateRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_fields; i++) {
        if (strcmp(request->fields[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

int gord_change_check(const Gor__V1__UpdateRequest *request, char *error, size_t error_bytes)
{
    if (request->n_fields == 0 && request->n_unset_labels == 0) {
        return gord_check_refuse(error, error_bytes, "fields is empty: nothing would change");
    }
    if (request->n_fields > 0 && request->spec == NULL) {
        return gord_check_refuse(error, error_bytes, "spec, with the new values, is not there");
    }
    for (size_t i = 0; i < request->n_fields; i++) {
        if (find_field(request->fields[i]) == NULL) {
            return gord_check_refuse(
                error, error_bytes,
                "fields: '%.60s' is none that can be changed: name, timeout_ns, grace_ns, "
                "heartbeat_ns, on_stuck, labels, queue, priority, slots, tokens, rates, "
                "not_before_ns, delay_ns, start_before_ns, retry.retries, after are",
                request->fields[i]);
        }
    }
    if (names(request, "not_before_ns") && names(request, "delay_ns")) {
        return gord_check_refuse(error, error_bytes,
                                 "fields: not_before_ns and delay_ns exclude each other");
    }
    return 0;
}

bool gord_change_names(const Gor__V1__UpdateRequest *request, const char *field)
{
    return names(request, field) != 0;
}

/* ------------------------------------------------------------------ labels */

static int is_unset(const Gor__V1__UpdateRequest *request, const char *key)
{
    for (size_t i = 0; i < request->n_unset_labels; i++) {
        if (strcmp(request->unset_labels[i], key) == 0) {
            return 1;
        }
    }
    return 0;
}

static int has_label(const Gor__V1__JobSpec *spec, const char *key)
{
    for (size_t i = 0; i < spec->n_labels; i++) {
        if (strcmp(spec->labels[i]->key, key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Those there were, without those that go and those that are set, then the latter. */
static int put_labels(struct gord_change *change, const Gor__V1__JobSpec *former,
                      const Gor__V1__UpdateRequest *request)
{
    static const Gor__V1__JobSpec none = GOR__V1__JOB_SPEC__INIT;
    const Gor__V1__JobSpec *set = names(request, "labels") ? request->spec : &none;
    size_t count = 0;

    change->labels = calloc(former->n_labels + set->n_labels + 1, sizeof(*change->labels));
    if (change->labels == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < former->n_labels; i++) {
        if (!is_unset(request, former->labels[i]->key) && !has_label(set, former->labels[i]->key)) {
            change->labels[count++] = former->labels[i];
        }
    }
    for (size_t i = 0; i < set->n_labels; i++) {
        change->labels[count++] = set->labels[i];
    }
    change->spec.n_labels = count;
    change->spec.labels = change->labels;
    return 0;
}

/* ------------------------------------------------------------------ dependencies */

static bool is_among(uint64_t id, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* Does the clause name one of them alone, as those do that a unique key brings? */
static bool is_of_key(const Gor__V1__AnyOf *clause, const uint64_t *ids, size_t count)
{
    return clause->n_of == 1 && clause->of[0]->condition == GOR__V1__DEPENDENCY__CONDITION__ANY &&
           is_among(clause->of[0]->id, ids, count);
}

/* Twice is no better than once. */
static bool is_there(Gor__V1__AnyOf *const *clauses, size_t count, uint64_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (is_of_key(clauses[i], &id, 1)) {
            return true;
        }
    }
    return false;
}

int gord_change_keep(struct gord_change *change, const Gor__V1__JobSpec *former,
                     const uint64_t *ids, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; change->after && i < former->n_after; i++) {
        kept += is_of_key(former->after[i], ids, count);
    }
    if (kept == 0) {
        return 0;
    }
    change->clauses = calloc(change->spec.n_after + kept, sizeof(*change->clauses));
    if (change->clauses == NULL) {
        return -ENOMEM;
    }
    size_t used = change->spec.n_after;
    for (size_t i = 0; i < used; i++) {
        change->clauses[i] = change->spec.after[i];
    }
    for (size_t i = 0; i < former->n_after; i++) {
        const Gor__V1__AnyOf *clause = former->after[i];
        if (is_of_key(clause, ids, count) && !is_there(change->clauses, used, clause->of[0]->id)) {
            change->clauses[used++] = former->after[i];
        }
    }
    change->spec.n_after = used;
    change->spec.after = change->clauses;
    return 0;
}

/* ------------------------------------------------------------------ the whole */

int gord_change_make(struct gord_change *change, const Gor__V1__JobSpec *former,
                     struct gord_standing *standing, const Gor__V1__UpdateRequest *request)
{
    *change = (struct gord_change){.spec = *former, .standing = standing};
    standing->version++;
    for (size_t i = 0; i < request->n_fields; i++) {
        find_field(request->fields[i])->take(change, request->spec);
    }
    if (change->spec.heartbeat_ns == 0 && !names(request, "on_stuck")) {
        /* What to do about silence goes with the heartbeat, unless somebody asks for it by name. */
        change->spec.on_stuck = GOR__V1__ON_STUCK__ON_STUCK_REPORT;
    }
    return put_labels(change, former, request);
}

void gord_change_fini(struct gord_change *change)
{
    free(change->labels);
    free(change->clauses);
}
