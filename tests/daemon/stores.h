/* SPDX-License-Identifier: MIT */
/* stores.h - a store with its loop and job table, for tests that write and look. */
#ifndef GOR_TESTS_DAEMON_STORES_H
#define GOR_TESTS_DAEMON_STORES_H

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/reader.h"
#include "daemon/store/store.h"
#include "tests/daemon/specs.h"

struct box {
    uv_loop_t loop;
    struct gord_store *store;
    struct gord_store_start start;
    struct gord_job_table *table;
    uint64_t committed; /* seq, as the callbacks said */
    unsigned health_calls;
    int health; /* what the last one said */
    char health_text[GORD_STORE_TEXT];
    char text[GORD_STORE_TEXT]; /* of a failed open */
};

static inline void box_committed(void *arg, struct gord_event *const *events, size_t count)
{
    struct box *box = arg;
    CHECK(count > 0);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(events[i]->seq, box->committed + 1); /* in order, without gaps */
        box->committed = events[i]->seq;
    }
    if (box->table != NULL) {
        gord_job_committed(box->table, box->committed);
    }
}

static inline void box_health(void *arg, int error, const char *text)
{
    struct box *box = arg;
    box->health_calls++;
    box->health = error;
    snprintf(box->health_text, sizeof box->health_text, "%s", text);
}

/* What gord_store_open answers to these, which need no loop and no callbacks. On success also a table that
 * goes on where the store stands. */
static inline int box_open_by(struct box *box, const struct gord_store_opts *wanted)
{
    memset(box, 0, sizeof *box);
    CHECK_EQ(uv_loop_init(&box->loop), 0);
    struct gord_store_opts opts = *wanted;
    opts.loop = &box->loop;
    opts.committed = box_committed;
    opts.health = box_health;
    opts.arg = box;
    int err = gord_store_open(&opts, &box->start, box->text, &box->store);
    if (err != 0) {
        (void)uv_run(&box->loop, UV_RUN_DEFAULT);
        CHECK_EQ(uv_loop_close(&box->loop), 0);
        return err;
    }
    box->committed = box->start.next_seq - 1;
    struct gord_job_opts job_opts = {.next_id = box->start.next_id,
                                     .next_seq = box->start.next_seq,
                                     .committed = box->committed};
    box->table = gord_job_table_new(&job_opts);
    CHECK(box->table != NULL);
    return 0;
}

static inline int box_open_with(struct box *box, const char *dir, bool memory,
                                const struct gord_keep *keep)
{
    struct gord_store_opts opts = {
        .dir = dir, .memory = memory, .keep = keep != NULL ? *keep : (struct gord_keep){0}};
    return box_open_by(box, &opts);
}

static inline int box_open(struct box *box, const char *dir, bool memory)
{
    return box_open_with(box, dir, memory, NULL);
}

/* What gord_store_close answers. */
static inline int box_close(struct box *box)
{
    int err = gord_store_close(box->store);
    (void)uv_run(&box->loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(&box->loop), 0);
    gord_job_table_free(box->table);
    return err;
}

static inline void box_put(struct box *box, struct gord_event *event)
{
    CHECK(event != NULL);
    CHECK_EQ(gord_job_apply(box->table, event), 0);
    gord_store_put(box->store, event);
    gord_event_unref(event);
}

static inline uint64_t box_submit(struct box *box, struct gord_spec *spec)
{
    uint64_t id = gord_job_next_id(box->table);
    box_put(box, gord_event_submitted(id, spec, 1000));
    box_put(box, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    gord_spec_unref(spec);
    return id;
}

/* Run the loop until everything that was put is committed. */
static inline void box_settle(struct box *box)
{
    while (box->committed + 1 < gord_job_next_seq(box->table)) {
        (void)uv_run(&box->loop, UV_RUN_ONCE);
    }
}

static inline struct gord_reader *box_reader(struct box *box)
{
    struct gord_reader *reader;
    CHECK_EQ(gord_reader_open(gord_store_path(box->store), &reader), 0);
    return reader;
}

/* A fresh folder; the text stays valid. */
static inline const char *fresh_dir(void)
{
    static char dir[128];
    static unsigned count;
    snprintf(dir, sizeof dir, "%s/store-%u", test_tmpdir(), count++);
    CHECK_EQ(mkdir(dir, 0700), 0);
    return dir;
}

/* Let committed job `id` run to its end. */
static inline void box_run(struct box *box, uint64_t id, Gor__V1__Outcome outcome, int code)
{
    struct gord_job *job = gord_job_find(box->table, id);
    if (!job->taken) {
        CHECK(gord_job_take(box->table, job->kind) == job);
    }
    box_put(box, gord_event_started(id, 100 + id, 0, 0));
    box_put(box, gord_event_finished(id, outcome, code, 0, code != 0 ? "it failed" : ""));
}

#endif
