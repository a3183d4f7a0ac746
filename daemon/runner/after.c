/* SPDX-License-Identifier: MIT */
/* after.c - see after.h. */
#include "daemon/runner/after.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"

enum { FIRST_BUCKETS = 64 };

struct gord_dependency {
    uint64_t id; /* of the job waited for */
    struct gord_after *owner;
    struct gord_dependency *next; /* list link of its bucket */
    uint64_t array_id;            /* as in the facts */
    uint32_t array_index;
    uint32_t clause;
    uint8_t condition; /* Gor__V1__Dependency__Condition */
    uint8_t verdict;   /* enum gord_after_verdict */
    uint8_t outcome;   /* Gor__V1__Outcome, once it ended; 0: it is not known any more */
};

struct gord_after {
    uint64_t job_id;
    size_t count;
    struct gord_dependency list[]; /* clause by clause */
};

/* ------------------------------------------------------------------ index */

static struct gord_dependency **bucket_of(const struct gord_after_index *index, uint64_t id)
{
    return &index->buckets[id & (index->bucket_count - 1)];
}

static void link_up(struct gord_after_index *index, struct gord_dependency *dependency)
{
    struct gord_dependency **bucket = bucket_of(index, dependency->id);

    dependency->next = *bucket;
    *bucket = dependency;
}

static int make_room(struct gord_after_index *index, size_t more)
{
    size_t buckets = index->bucket_count != 0 ? index->bucket_count : FIRST_BUCKETS;

    while (buckets < index->count + more) {
        buckets *= 2;
    }
    if (buckets == index->bucket_count) {
        return 0;
    }
    struct gord_after_index wider = {calloc(buckets, sizeof(struct gord_dependency *)), buckets,
                                     index->count};
    if (wider.buckets == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < index->bucket_count; i++) {
        for (struct gord_dependency *d = index->buckets[i], *next; d != NULL; d = next) {
            next = d->next;
            link_up(&wider, d);
        }
    }
    free(index->buckets);
    *index = wider;
    return 0;
}

static void unlink_from(struct gord_after_index *index, struct gord_dependency *dependency)
{
    struct gord_dependency **link = bucket_of(index, dependency->id);

    while (*link != dependency) {
        link = &(*link)->next;
    }
    *link = dependency->next;
}

size_t gord_after_waiting(const struct gord_after_index *index, uint64_t id, uint64_t *out_ids,
                          size_t room)
{
    size_t count = 0;

    if (index->count == 0) {
        return 0;
    }
    for (const struct gord_dependency *d = *bucket_of(index, id); d != NULL; d = d->next) {
        if (d->id == id) {
            if (count < room) {
                out_ids[count] = d->owner->job_id;
            }
            count++;
        }
    }
    return count;
}

void gord_after_index_fini(struct gord_after_index *index)
{
    GORD_ASSERT(index->count == 0);
    free(index->buckets);
    *index = (struct gord_after_index){NULL, 0, 0};
}

/* ------------------------------------------------------------------ verdicts */

static enum gord_after_verdict judge(uint8_t condition, const struct gord_after_facts *facts)
{
    bool succeeded = facts->outcome == GOR__V1__OUTCOME__SUCCEEDED;

    if (condition == GOR__V1__DEPENDENCY__CONDITION__CORR) {
        return GORD_AFTER_HOLDS; /* for the array as a whole: its tasks wait, each for one */
    }
    if (!facts->exists) {
        return GORD_AFTER_NEVER;
    }
    if (condition == GOR__V1__DEPENDENCY__CONDITION__START && facts->started) {
        return GORD_AFTER_HOLDS;
    }
    if (!facts->ended) {
        return GORD_AFTER_PENDING;
    }
    switch ((Gor__V1__Dependency__Condition)condition) {
    case GOR__V1__DEPENDENCY__CONDITION__OK:
        return succeeded ? GORD_AFTER_HOLDS : GORD_AFTER_NEVER;
    case GOR__V1__DEPENDENCY__CONDITION__NOTOK:
        return succeeded ? GORD_AFTER_NEVER : GORD_AFTER_HOLDS;
    case GOR__V1__DEPENDENCY__CONDITION__ANY:
        return GORD_AFTER_HOLDS;
    default:
        return GORD_AFTER_NEVER; /* it ended without a start */
    }
}

static void decide(struct gord_dependency *dependency, const struct gord_after_facts *facts)
{
    if (dependency->verdict == GORD_AFTER_PENDING) {
        dependency->array_id = facts->array_id;
        dependency->array_index = facts->array_index;
        dependency->verdict = (uint8_t)judge(dependency->condition, facts);
        dependency->outcome = facts->ended ? (uint8_t)facts->outcome : 0;
    }
}

void gord_after_tell(struct gord_after *after, uint64_t id, const struct gord_after_facts *facts)
{
    for (size_t i = 0; i < after->count; i++) {
        if (after->list[i].id == id) {
            decide(&after->list[i], facts);
        }
    }
}

/* Of the clause that begins at *at, which is moved behind it. */
static enum gord_after_verdict judge_clause(const struct gord_after *after, size_t *at)
{
    uint32_t clause = after->list[*at].clause;
    enum gord_after_verdict verdict = GORD_AFTER_NEVER;

    for (; *at < after->count && after->list[*at].clause == clause; ++*at) {
        enum gord_after_verdict one = (enum gord_after_verdict)after->list[*at].verdict;
        if (one == GORD_AFTER_HOLDS || (one == GORD_AFTER_PENDING && verdict == GORD_AFTER_NEVER)) {
            verdict = one;
        }
    }
    return verdict;
}

enum gord_after_verdict gord_after_verdict(const struct gord_after *after)
{
    enum gord_after_verdict verdict = GORD_AFTER_HOLDS;

    for (size_t at = 0; after != NULL && at < after->count;) {
        enum gord_after_verdict clause = judge_clause(after, &at);
        if (clause == GORD_AFTER_NEVER) {
            return clause;
        }
        verdict = clause == GORD_AFTER_PENDING ? clause : verdict;
    }
    return verdict;
}

int gord_after_each(const struct gord_after *after,
                    int (*visit)(void *arg, uint64_t id, Gor__V1__Dependency__Condition condition),
                    void *arg)
{
    int result = 0;

    for (size_t i = 0; after != NULL && i < after->count && result == 0; i++) {
        result =
            visit(arg, after->list[i].id, (Gor__V1__Dependency__Condition)after->list[i].condition);
    }
    return result;
}

/* ------------------------------------------------------------------ making */

static size_t count_all(const Gor__V1__JobSpec *wire)
{
    size_t count = 0;

    for (size_t i = 0; i < wire->n_after; i++) {
        count += wire->after[i]->n_of;
    }
    return count;
}

static int fill(struct gord_after *after, const Gor__V1__JobSpec *wire,
                int (*facts)(void *arg, uint64_t id, struct gord_after_facts *out), void *arg)
{
    int result = 0;

    for (size_t i = 0; i < wire->n_after; i++) {
        for (size_t k = 0; k < wire->after[i]->n_of && result == 0; k++) {
            const Gor__V1__Dependency *of = wire->after[i]->of[k];
            struct gord_dependency *dependency = &after->list[after->count++];
            struct gord_after_facts known = {0};
            *dependency = (struct gord_dependency){.id = of->id,
                                                   .owner = after,
                                                   .clause = (uint32_t)i,
                                                   .condition = (uint8_t)of->condition};
            result = facts(arg, of->id, &known);
            decide(dependency, &known);
        }
    }
    return result;
}

int gord_after_new(struct gord_after_index *index, uint64_t job_id, const struct gord_spec *spec,
                   int (*facts)(void *arg, uint64_t id, struct gord_after_facts *out), void *arg,
                   struct gord_after **out_after)
{
    *out_after = NULL;
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    if (wire == NULL) {
        return -ENOMEM;
    }
    size_t count = count_all(wire);
    struct gord_after *after = NULL;
    int result = count > 0 ? make_room(index, count) : 0;
    if (count == 0 || result != 0) {
        goto free_wire;
    }
    after = calloc(1, sizeof(*after) + count * sizeof(after->list[0]));
    result = after != NULL ? fill(after, wire, facts, arg) : -ENOMEM;
    if (result != 0) {
        free(after);
        goto free_wire;
    }
    after->job_id = job_id;
    for (size_t i = 0; i < count; i++) {
        link_up(index, &after->list[i]);
    }
    index->count += count;
    *out_after = after;
free_wire:
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return result;
}

void gord_after_free(struct gord_after_index *index, struct gord_after *after)
{
    if (after == NULL) {
        return;
    }
    for (size_t i = 0; i < after->count; i++) {
        unlink_from(index, &after->list[i]);
    }
    index->count -= after->count;
    free(after);
}

/* ------------------------------------------------------------------ telling */

static const char *const wanted[] = {"to succeed", "to end", "to fail", "to start",
                                     "to succeed, task by task"};

static const char *became(uint8_t outcome)
{
    static const char *const words[GORD_OUTCOME_COUNT] = {"is not known any more",
                                                          "succeeded",
                                                          "failed",
                                                          "was killed by a signal",
                                                          "timed out",
                                                          "was cancelled",
                                                          "was lost",
                                                          "could not be started",
                                                          "panicked",
                                                          "ran out of memory",
                                                          "never ran",
                                                          "was not started in time"};

    return outcome < GORD_OUTCOME_COUNT ? words[outcome] : "?";
}

static void append(char *out, size_t bytes, const char *before, const char *text)
{
    size_t used = strlen(out);

    snprintf(out + used, bytes - used, "%s%s", used > 0 ? before : "", text);
}

/* "job 7", or "job 8 (task 2 of array 5)" */
static const char *name_of(const struct gord_dependency *dependency, char *out, size_t bytes)
{
    int used = snprintf(out, bytes, "job %" PRIu64, dependency->id);

    if (dependency->array_id != 0) {
        snprintf(out + used, bytes - (size_t)used, " (task %" PRIu32 " of array %" PRIu64 ")",
                 dependency->array_index, dependency->array_id);
    }
    return out;
}

/* The clause that begins at `at`, as what it waits for, or as what has become of that. */
static void clause_text(const struct gord_after *after, size_t at, bool never, char *out,
                        size_t bytes)
{
    char one[176], name[80];

    for (size_t i = at; i < after->count && after->list[i].clause == after->list[at].clause; i++) {
        const struct gord_dependency *dependency = &after->list[i];
        if (never) {
            snprintf(one, sizeof(one), "it waited for %s %s, which %s",
                     name_of(dependency, name, sizeof(name)), wanted[dependency->condition],
                     became(dependency->outcome));
            append(out, bytes, "; ", one);
        } else if (dependency->verdict == GORD_AFTER_PENDING) {
            snprintf(one, sizeof(one), "%s %s", name_of(dependency, name, sizeof(name)),
                     wanted[dependency->condition]);
            append(out, bytes, i > at ? " or " : "; ", one);
        }
    }
}

void gord_after_text(const struct gord_after *after, char *out, size_t bytes)
{
    enum gord_after_verdict whole = gord_after_verdict(after);

    out[0] = '\0';
    for (size_t at = 0; after != NULL && at < after->count;) {
        size_t begin = at;
        enum gord_after_verdict clause = judge_clause(after, &at);
        if (clause == whole && clause != GORD_AFTER_HOLDS) {
            clause_text(after, begin, clause == GORD_AFTER_NEVER, out, bytes);
        }
    }
}
