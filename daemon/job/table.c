/* SPDX-License-Identifier: MIT */
/* table.c - the job table: memory, hash, lists; see job.h and table.h. What changes a job's state
 * is in apply.c. */
#include "daemon/job/table.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/assert.h"
#include "daemon/job/quota.h"

enum { FIRST_BUCKETS = 1024, LOAD = 4 };

_Static_assert(sizeof(struct gord_job) <= 56, "a million queued jobs must stay cheap");

struct gord_job_table *gord_job_table_new(const struct gord_job_opts *opts)
{
    GORD_ASSERT(opts->next_id > 0 && opts->next_seq > opts->committed);
    struct gord_job_table *table = calloc(1, sizeof *table);
    if (table == NULL) {
        return NULL;
    }
    table->buckets = calloc(FIRST_BUCKETS, sizeof(struct gord_job *));
    if (table->buckets == NULL || gord_lanes_init(&table->lanes) != 0) {
        free(table->buckets);
        free(table);
        return NULL;
    }
    table->bucket_count = FIRST_BUCKETS;
    gord_pool_init(&table->pool, sizeof(struct gord_job));
    table->next_id = opts->next_id;
    table->next_seq = opts->next_seq;
    table->committed = opts->committed;
    table->spec_window = opts->spec_window != 0 ? opts->spec_window : GORD_JOB_SPEC_WINDOW;
    return table;
}

static void free_body(struct gord_job_body *body)
{
    if (body != NULL) {
        gord_spec_unref(body->spec);
        gord_event_unref(body->last);
        gord_event_unref(body->cancel);
        gord_event_unref(body->stuck);
        gord_standing_unref(body->standing);
        free(body->tasks);
        free(body);
    }
}

void gord_job_table_free(struct gord_job_table *table)
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < gord_job_list_count(table); i++) {
        struct gord_job_list *list = gord_job_list_at(table, i);
        for (struct gord_job *job = list != NULL ? list->first : NULL, *next; job != NULL;
             job = next) {
            next = job->next;
            free_body(job->body);
            gord_pool_put(&table->pool, job);
        }
    }
    gord_lanes_fini(&table->lanes);
    gord_pool_fini(&table->pool);
    gord_kin_fini(&table->kin);
    free(table->buckets);
    free(table);
}

uint64_t gord_job_next_id(struct gord_job_table *table)
{
    return table->next_id++;
}

uint64_t gord_job_peek_id(const struct gord_job_table *table)
{
    return table->next_id;
}

void gord_job_skip_to_id(struct gord_job_table *table, uint64_t id)
{
    table->next_id = id > table->next_id ? id : table->next_id;
}

uint64_t gord_job_next_seq(const struct gord_job_table *table)
{
    return table->next_seq;
}

const struct gord_job_counts *gord_job_counts(const struct gord_job_table *table)
{
    return &table->counts;
}

/* ----------------------------------------------------------------- hash */

static struct gord_job **bucket_of(const struct gord_job_table *table, uint64_t id)
{
    return &table->buckets[id & (table->bucket_count - 1)];
}

struct gord_job *gord_job_find(const struct gord_job_table *table, uint64_t id)
{
    struct gord_job *job = *bucket_of(table, id);
    while (job != NULL && job->id != id) {
        job = job->hash_next;
    }
    return job;
}

static void link_hash(struct gord_job_table *table, struct gord_job *job)
{
    struct gord_job **bucket = bucket_of(table, job->id);
    job->hash_next = *bucket;
    *bucket = job;
}

static void unlink_hash(struct gord_job_table *table, struct gord_job *job)
{
    struct gord_job **link = bucket_of(table, job->id);
    while (*link != job) {
        link = &(*link)->hash_next;
    }
    *link = job->hash_next;
}

/* Keep about four jobs a bucket: ids come one by one, so no chain is longer than that. Without memory for more buckets the old ones do, a bit slower. */
static void resize(struct gord_job_table *table, size_t bucket_count)
{
    struct gord_job **buckets = calloc(bucket_count, sizeof *buckets);
    if (buckets == NULL) {
        return;
    }
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_count = bucket_count;
    for (size_t i = 0; i < gord_job_list_count(table); i++) {
        const struct gord_job_list *list = gord_job_list_at(table, i);
        for (struct gord_job *job = list != NULL ? list->first : NULL; job != NULL;
             job = job->next) {
            link_hash(table, job);
        }
    }
}

struct gord_job *gord_job_insert(struct gord_job_table *table, uint64_t id)
{
    if (table->count >= LOAD * table->bucket_count) {
        resize(table, 2 * table->bucket_count);
    }
    struct gord_job *job = gord_pool_get(&table->pool);
    if (job != NULL) {
        job->id = id;
        link_hash(table, job);
        table->count++;
    }
    return job;
}

void gord_job_forget(struct gord_job_table *table, struct gord_job *job)
{
    gord_job_list_remove(table, job);
    gord_lanes_unref(&table->lanes, gord_job_lane(table, job));
    unlink_hash(table, job);
    free_body(job->body);
    gord_pool_put(&table->pool, job);
    table->count--;
    if (table->bucket_count > FIRST_BUCKETS && table->count < LOAD * table->bucket_count / 8) {
        resize(table, table->bucket_count / 4);
    }
}

/* ---------------------------------------------------------------- lists */

enum gord_job_list_id gord_job_list_of(const struct gord_job *job)
{
    switch ((int)job->state) {
    case GOR__V1__JOB_STATE__CREATED:
        return LIST_PARKED;
    case GOR__V1__JOB_STATE__WAITING:
        return job->taken ? LIST_TAKEN : LIST_PARKED;
    case GOR__V1__JOB_STATE__TERMINATED:
        return job->kept ? LIST_KEPT : LIST_ENDED;
    default:
        return job->taken ? LIST_TAKEN : LIST_QUEUED;
    }
}

size_t gord_job_list_count(const struct gord_job_table *table)
{
    return LIST_COUNT + table->lanes.count;
}

struct gord_job_list *gord_job_list_at(struct gord_job_table *table, size_t i)
{
    if (i < LIST_COUNT) {
        return &table->lists[i];
    }
    struct gord_lane *lane = table->lanes.items[i - LIST_COUNT];
    return lane != NULL ? &lane->jobs : NULL;
}

struct gord_lane *gord_job_lane(const struct gord_job_table *table, const struct gord_job *job)
{
    return table->lanes.items[job->lane];
}

/* Count the job in or out (by = 1 or -1, as unsigned). */
static void count_job(struct gord_job_table *table, const struct gord_job *job, uint64_t by)
{
    struct gord_job_counts *counts = &table->counts;
    enum gord_job_list_id id = gord_job_list_of(job);
    counts->by_state[job->state] += by;
    if (gord_quota_counts(job)) {
        gord_lanes_count_waiting(&table->lanes, gord_job_lane(table, job), by);
    }
    switch (id) {
    case LIST_TAKEN:
        counts->taken[job->kind] += by;
        break;
    case LIST_PARKED:
    case LIST_ENDED:
    case LIST_KEPT:
        break;
    default:
        counts->queued[job->kind] += by;
        counts->specs += job->body != NULL ? by : 0;
        gord_lanes_count(&table->lanes, gord_job_lane(table, job), by);
    }
}

static void link_job(struct gord_job_list *list, struct gord_job *job)
{
    job->next = NULL;
    job->prev = list->last;
    *(list->last != NULL ? &list->last->next : &list->first) = job;
    list->last = job;
    list->count++;
}

static void unlink_job(struct gord_job_list *list, struct gord_job *job)
{
    *(job->prev != NULL ? &job->prev->next : &list->first) = job->next;
    *(job->next != NULL ? &job->next->prev : &list->last) = job->prev;
    list->count--;
}

static void append_queued(struct gord_job_table *table, struct gord_job *job)
{
    struct gord_lane *lane = gord_job_lane(table, job);
    bool first = lane->jobs.first == NULL;
    if (first) {
        gord_lanes_touch(&table->lanes);
    }
    link_job(&lane->jobs, job);
    if (first) {
        gord_lanes_rekey(&table->lanes, lane);
    }
    lane->fresh = lane->fresh != NULL ? lane->fresh : job;
    if (!lane->fresh_listed) {
        lane->fresh_listed = true;
        lane->fresh_next = table->lanes.fresh;
        table->lanes.fresh = lane;
    }
}

/* `starts`: it is its turn, so nothing new comes free by it. */
static void remove_queued(struct gord_job_table *table, struct gord_job *job, bool starts)
{
    struct gord_lane *lane = gord_job_lane(table, job);
    bool first = job->prev == NULL;
    if (first && !starts) {
        gord_lanes_touch(&table->lanes);
    }
    lane->fresh = lane->fresh == job ? job->next : lane->fresh;
    unlink_job(&lane->jobs, job);
    if (first) {
        gord_lanes_rekey(&table->lanes, lane);
    }
}

void gord_job_list_append(struct gord_job_table *table, struct gord_job *job)
{
    enum gord_job_list_id id = gord_job_list_of(job);
    if (id == LIST_QUEUED) {
        append_queued(table, job);
    } else {
        link_job(&table->lists[id], job);
    }
    if (id == LIST_TAKEN) {
        gord_lanes_acquire(&table->lanes, gord_job_lane(table, job));
    }
    count_job(table, job, 1);
}

void gord_job_list_remove(struct gord_job_table *table, struct gord_job *job)
{
    enum gord_job_list_id id = gord_job_list_of(job);
    if (id == LIST_QUEUED) {
        remove_queued(table, job, false);
    } else {
        unlink_job(&table->lists[id], job);
    }
    if (id == LIST_TAKEN) {
        gord_lanes_release(&table->lanes, gord_job_lane(table, job));
    }
    count_job(table, job, (uint64_t)-1);
}

/* --------------------------------------------------------------- bodies */

int gord_job_need_body(struct gord_job_table *table, struct gord_job *job)
{
    if (job->body != NULL) {
        return 0;
    }
    job->body = calloc(1, sizeof *job->body);
    if (job->body == NULL) {
        return -ENOMEM;
    }
    if (job->state == GOR__V1__JOB_STATE__RUNNABLE && !job->taken) {
        table->counts.specs++;
    }
    return 0;
}

void gord_job_drop_body(struct gord_job_table *table, struct gord_job *job)
{
    GORD_ASSERT(job->state == GOR__V1__JOB_STATE__RUNNABLE && !job->taken);
    free_body(job->body);
    job->body = NULL;
    table->counts.specs--;
}

bool gord_job_has_spec(const struct gord_job *job)
{
    return job->body != NULL && job->body->spec != NULL;
}

uint64_t gord_job_parent_id(const struct gord_job *job)
{
    return gord_job_has_spec(job) ? job->body->spec->parent_id : 0;
}

int gord_job_give_spec(struct gord_job_table *table, uint64_t id, struct gord_spec *spec,
                       uint32_t uid, int64_t created_ns)
{
    struct gord_job *job = gord_job_find(table, id);
    if (job == NULL || job->state == GOR__V1__JOB_STATE__TERMINATED) {
        return -ENOENT;
    }
    if (gord_job_has_spec(job)) {
        return 0;
    }
    int err = gord_job_need_body(table, job);
    if (err != 0) {
        return err;
    }
    job->body->spec = gord_spec_ref(spec);
    job->body->uid = uid;
    job->body->created_ns = created_ns;
    return 0;
}

/* ------------------------------------------------------ taking, looking */

struct gord_job *gord_job_peek(const struct gord_job_table *table, enum gord_job_kind kind)
{
    struct gord_job *first = NULL;
    for (size_t i = 0; i < table->lanes.count; i++) {
        const struct gord_lane *lane = table->lanes.items[i];
        struct gord_job *job = lane != NULL ? lane->jobs.first : NULL;
        if (job != NULL && lane->kind == kind && lane->text[0] == '\0' &&
            job->last_seq <= table->committed &&
            (first == NULL || job->last_seq < first->last_seq)) {
            first = job;
        }
    }
    return first;
}

static void take(struct gord_job_table *table, struct gord_lane *lane, struct gord_job *job,
                 bool in_turn)
{
    gord_lanes_spend(&table->lanes, lane);
    remove_queued(table, job, in_turn);
    count_job(table, job, (uint64_t)-1);
    job->taken = true;
    gord_job_list_append(table, job);
}

struct gord_job *gord_job_take_of(struct gord_job_table *table, unsigned kinds)
{
    struct gord_lane *lane = gord_lanes_next(&table->lanes, kinds, table->committed);
    if (lane == NULL) {
        return NULL;
    }
    struct gord_job *job = lane->jobs.first;
    take(table, lane, job, true);
    return job;
}

void gord_job_leave_turns(struct gord_job_table *table)
{
    gord_lanes_touch(&table->lanes);
    table->lanes.ready_ns = 0;
}

bool gord_job_take_this(struct gord_job_table *table, struct gord_job *job)
{
    struct gord_lane *lane = gord_job_lane(table, job);
    if (gord_job_list_of(job) != LIST_QUEUED || job->last_seq > table->committed ||
        !gord_lanes_has_all(&table->lanes, lane)) {
        return false;
    }
    gord_lanes_touch(&table->lanes);
    take(table, lane, job, false);
    if (lane->jobs.first != NULL) {
        gord_lanes_rekey(&table->lanes, lane); /* its share has paid, whoever is its first */
    }
    return true;
}

struct gord_job *gord_job_take(struct gord_job_table *table, enum gord_job_kind kind)
{
    return gord_job_take_of(table, 1U << kind);
}

void gord_job_pin(struct gord_job *job)
{
    GORD_ASSERT(job->pins < UINT16_MAX);
    job->pins++;
}

void gord_job_unpin(struct gord_job_table *table, struct gord_job *job)
{
    GORD_ASSERT(job->pins > 0);
    if (--job->pins == 0 && job->kept) {
        gord_job_forget(table, job);
    }
}

const char *gord_job_reason(const struct gord_job *job)
{
    return job->body != NULL && job->body->last != NULL ? job->body->last->text : "";
}

int gord_job_each(struct gord_job_table *table, int (*visit)(void *arg, struct gord_job *job),
                  void *arg)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        for (struct gord_job *job = table->buckets[i], *next; job != NULL; job = next) {
            next = job->hash_next;
            int err = job->state != GOR__V1__JOB_STATE__TERMINATED ? visit(arg, job) : 0;
            if (err != 0) {
                return err;
            }
        }
    }
    return 0;
}

int gord_job_each_taken(struct gord_job_table *table, int (*visit)(void *arg, struct gord_job *job),
                        void *arg)
{
    for (struct gord_job *job = table->lists[LIST_TAKEN].first, *next; job != NULL; job = next) {
        next = job->next;
        int err = visit(arg, job);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

size_t gord_job_children(const struct gord_job_table *table, uint64_t id, uint64_t *out_ids,
                         size_t room)
{
    size_t count = 0;
    for (struct gord_job *child = gord_kin_first(&table->kin, id); child != NULL;
         child = child->body->older_child) {
        if (count < room) {
            out_ids[count] = child->id;
        }
        count++;
    }
    return count;
}
