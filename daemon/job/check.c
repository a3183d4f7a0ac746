/* SPDX-License-Identifier: MIT */
/* check.c - the table looked at as a whole: is it what it should be, and what is in it. */
#include <inttypes.h>
#include <string.h>

#include "daemon/job/table.h"

/* Walk one list and count its jobs into *counts as they are. */
static bool list_is_valid(const struct gord_job_table *table, const struct gord_job_list *list,
                          int id, struct gord_job_counts *counts)
{
    const struct gord_job *prev = NULL;
    size_t count = 0;
    for (const struct gord_job *job = list->first; job != NULL; prev = job, job = job->next) {
        if (job->prev != prev || (int)gord_job_list_of(job) != id ||
            gord_job_find(table, job->id) != job) {
            return false;
        }
        count++;
        counts->by_state[job->state]++;
        if (id == LIST_TAKEN) {
            counts->taken[job->kind]++;
        } else if (id == LIST_QUEUED) {
            counts->queued[job->kind]++;
            counts->specs += job->body != NULL;
        } else if (id == LIST_ENDED && prev != NULL && prev->last_seq >= job->last_seq) {
            return false;
        }
    }
    return list->last == prev && list->count == count;
}

/* Who stands aside has an owner that may run no more, and may not be forgotten when he may. */
static bool is_parked_rightly(const struct gord_lanes *lanes, const struct gord_lane *lane)
{
    const struct gord_resource *owner = &lanes->resources.items[lane->wants[WANT_OWNER].resource];
    return !lane->parked || (owner->what == GORD_OWNER && owner->uid == lane->uid &&
                             owner->used >= owner->capacity && owner->parked != NULL);
}

/* The lanes: their jobs, their place in the heap, and what their jobs use of each resource. */
static bool lanes_are_valid(const struct gord_job_table *table, struct gord_job_counts *counts,
                            size_t *total)
{
    const struct gord_lanes *lanes = &table->lanes;
    size_t heaped = 0, lines, seated, sitting = 0;
    if (!gord_heap_is_valid(&lanes->heap) ||
        !gord_shares_is_valid(&lanes->shares, &lines, &seated)) {
        return false;
    }
    for (size_t i = 0; i < lanes->count; i++) {
        const struct gord_lane *lane = lanes->items[i];
        if (lane == NULL) {
            continue;
        }
        if (!list_is_valid(table, &lane->jobs, LIST_QUEUED, counts) || lane->index != i ||
            (lane->turn.item.at == 0 && lane->jobs.count > 0 && !lanes->in_round &&
             !lane->parked) ||
            ((lane->turn.item.at != 0 || lane->parked) && lane->jobs.count == 0) ||
            (lane->turn.item.at != 0 && lane->parked) || !is_parked_rightly(lanes, lane) ||
            lane->stands != (lane->jobs.count > 0)) {
            return false;
        }
        heaped += lane->turn.item.at != 0 && lane->seat == NULL;
        sitting += lane->turn.item.at != 0 && lane->seat != NULL;
        *total += lane->jobs.count;
    }
    return heaped + lines == lanes->heap.count && sitting == seated;
}

/* Jobs of the list that want it, but for groups. */
static uint64_t count_of(const struct gord_job_table *table, const struct gord_job_list *list,
                         size_t owner)
{
    uint64_t count = 0;
    for (const struct gord_job *job = list->first; job != NULL; job = job->next) {
        count += job->kind != GORD_GROUP &&
                 gord_job_lane(table, job)->wants[WANT_OWNER].resource == owner;
    }
    return count;
}

static bool owners_are_valid(const struct gord_job_table *table)
{
    const struct gord_lanes *lanes = &table->lanes;
    for (size_t i = 0; i < lanes->resources.count; i++) {
        if (lanes->resources.items[i].what != GORD_OWNER) {
            continue;
        }
        uint64_t waiting = count_of(table, &table->lists[LIST_PARKED], i);
        for (size_t j = 0; j < lanes->count; j++) {
            waiting += lanes->items[j] != NULL ? count_of(table, &lanes->items[j]->jobs, i) : 0;
        }
        if (waiting != lanes->resources.items[i].waiting) {
            return false;
        }
    }
    return true;
}

static bool use_is_valid(const struct gord_job_table *table)
{
    const struct gord_resources *resources = &table->lanes.resources;
    for (size_t i = 0; i < resources->count; i++) {
        uint64_t used = 0;
        for (const struct gord_job *job = table->lists[LIST_TAKEN].first; job != NULL;
             job = job->next) {
            const struct gord_lane *lane = gord_job_lane(table, job);
            for (size_t j = 0; j < lane->want_count; j++) {
                used += lane->wants[j].resource == i ? lane->wants[j].amount : 0;
            }
        }
        if (used != resources->items[i].used) {
            return false;
        }
    }
    return true;
}

bool gord_job_table_is_valid(const struct gord_job_table *table)
{
    struct gord_job_counts counts = {0};
    size_t total = 0;
    for (int i = 0; i < LIST_COUNT; i++) {
        if (!list_is_valid(table, &table->lists[i], i, &counts)) {
            return false;
        }
        total += table->lists[i].count;
    }
    return lanes_are_valid(table, &counts, &total) && use_is_valid(table) &&
           owners_are_valid(table) && total == table->count &&
           counts.specs == table->counts.specs &&
           memcmp(counts.by_state, table->counts.by_state, sizeof counts.by_state) == 0 &&
           memcmp(counts.queued, table->counts.queued, sizeof counts.queued) == 0 &&
           memcmp(counts.taken, table->counts.taken, sizeof counts.taken) == 0;
}

static const char *state_name(int state)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&gor__v1__job_state__descriptor, state);
    return value != NULL ? value->name : "?";
}

static void dump_job(const struct gord_job *job, FILE *out)
{
    fprintf(out, "  job %" PRIu64 " %s seq %" PRIu64, job->id, state_name(job->state),
            job->last_seq);
    if (job->body != NULL) {
        fprintf(out, " name \"%s\" pid %d goroutine %" PRIu64 " reason \"%s\"",
                job->body->spec != NULL ? job->body->spec->name : "", (int)job->body->pid,
                job->body->goroutine, gord_job_reason(job));
    }
    fputc('\n', out);
}

static void dump_list(const struct gord_job_list *list, const char *name, const char *asks,
                      FILE *out)
{
    enum { SHOWN = 20 }; /* of each list; there may be a million */
    if (list->count == 0) {
        return;
    }
    fprintf(out, " %s%s%s: %zu\n", name, asks[0] != '\0' ? " for " : "", asks, list->count);
    int shown = 0;
    for (const struct gord_job *job = list->first; job != NULL && shown < SHOWN;
         job = job->next, shown++) {
        dump_job(job, out);
    }
}

void gord_job_table_dump(const struct gord_job_table *table, FILE *out)
{
    static const char *const names[LIST_COUNT] = {
        "parked",
        "taken",
        "ended",
        "kept",
    };
    fprintf(out,
            "jobs: %zu in memory, %" PRIu64 " queued with specs, next id %" PRIu64
            ", next seq %" PRIu64 ", committed %" PRIu64 "\n",
            table->count, table->counts.specs, table->next_id, table->next_seq, table->committed);
    for (int i = 0; i < LIST_COUNT; i++) {
        dump_list(&table->lists[i], names[i], "", out);
    }
    for (size_t i = 0; i < table->lanes.count; i++) {
        const struct gord_lane *lane = table->lanes.items[i];
        if (lane != NULL) {
            dump_list(&lane->jobs, "queued", lane->text, out);
        }
    }
}
