/* SPDX-License-Identifier: MIT */
/* Entries of the calendar in the store: kept, brought forward together with their jobs, never back. */
#include "tests/daemon/stores.h"

static void note_done(void *arg, int error)
{
    CHECK_EQ(error, 0);
    ++*(int *)arg;
}

/* Put the row and wait until it is there. */
static void keep(struct box *box, const struct gord_cron_row *row)
{
    int done = 0;
    CHECK_EQ(gord_store_put_cron(box->store, row, note_done, &done), 0);
    while (done == 0) {
        (void)uv_run(&box->loop, UV_RUN_ONCE);
    }
}

static struct gord_cron_row row_of(const char *name, uint64_t version)
{
    struct gord_cron_row row = {.name = (char *)(uintptr_t)name,
                                .uid = 1000,
                                .made_ns = 77,
                                .spec = (uint8_t *)(uintptr_t) "spec",
                                .spec_bytes = 4,
                                .state = {.version = version, .covered_s = 5, .missed = 2}};
    snprintf(row.state.why, sizeof row.state.why, "because");
    return row;
}

struct seen {
    unsigned count;
    char name[32];
    struct gord_cron_state state;
    uint32_t uid;
    char spec[8];
};

static int look(void *arg, const struct gord_cron_row *row)
{
    struct seen *seen = arg;
    seen->count++;
    snprintf(seen->name, sizeof seen->name, "%s", row->name);
    seen->state = row->state;
    seen->uid = row->uid;
    CHECK_EQ(row->spec_bytes, 4);
    memcpy(seen->spec, row->spec, 4);
    return 0;
}

/* What the store has; the last one, by name. */
static struct seen read_back(struct box *box)
{
    struct seen seen = {0};
    struct gord_reader *reader = box_reader(box);
    CHECK_EQ(gord_reader_crons(reader, look, &seen), 0);
    gord_reader_close(reader);
    return seen;
}

/* A job that the entry has made. */
static uint64_t fire(struct box *box, const char *name, uint64_t version)
{
    struct gord_spec *spec = native_spec("", 0);
    uint64_t id = gord_job_next_id(box->table);
    struct gord_event *event = gord_event_submitted(id, spec, 1000);
    event->request = calloc(1, sizeof *event->request);
    event->request->count = 1;
    memcpy(event->request->id, &version, sizeof version);
    event->request->cron = calloc(1, sizeof *event->request->cron);
    snprintf(event->request->cron->name, sizeof event->request->cron->name, "%s", name);
    event->request->cron->state =
        (struct gord_cron_state){.version = version, .covered_s = 9, .last_s = 9, .fired = version};
    box_put(box, event);
    box_put(box, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    gord_spec_unref(spec);
    return id;
}

TEST(crons_are_there_after_a_restart)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    struct gord_cron_row row = row_of("nightly", 1);
    keep(&box, &row);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    struct seen seen = read_back(&box);
    CHECK_EQ(seen.count, 1);
    CHECK_STR(seen.name, "nightly");
    CHECK_STR(seen.state.why, "because");
    CHECK_STR(seen.spec, "spec");
    CHECK_EQ(seen.state.covered_s, 5);
    CHECK_EQ(seen.state.missed, 2);
    CHECK_EQ(seen.uid, 1000);
    row.is_gone = true;
    keep(&box, &row);
    CHECK_EQ(read_back(&box).count, 0);
    CHECK_EQ(box_close(&box), 0);
}

TEST(cron_comes_forward_with_its_job)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    struct gord_cron_row row = row_of("nightly", 1);
    keep(&box, &row);
    uint64_t id = fire(&box, "nightly", 2);
    box_settle(&box);
    struct seen seen = read_back(&box);
    CHECK_EQ(seen.state.version, 2);
    CHECK_EQ(seen.state.last_job, id);
    CHECK_EQ(seen.state.last_s, 9);
    CHECK_STR(seen.state.why, "");
    fire(&box, "gone", 5); /* was deleted meanwhile */
    box_settle(&box);
    CHECK_EQ(read_back(&box).count, 1);
    CHECK_EQ(box_close(&box), 0);
}

TEST(cron_never_goes_back)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    struct gord_cron_row row = row_of("nightly", 1);
    keep(&box, &row);
    fire(&box, "nightly", 8);
    box_settle(&box);
    row.spec = NULL;
    row.state.version = 7;
    keep(&box, &row);
    CHECK_EQ(read_back(&box).state.version, 8);
    CHECK_EQ(read_back(&box).state.covered_s, 9);
    row.state.version = 9;
    row.state.covered_s = 11;
    keep(&box, &row);
    CHECK_EQ(read_back(&box).state.covered_s, 11);
    CHECK_STR(read_back(&box).spec, "spec");
    CHECK_EQ(box_close(&box), 0);
}

TEST(cron_is_not_kept_before_the_events_put_before_it)
{
    enum { JOBS = 40000 }; /* more than one transaction */
    struct box box;
    int done = 0;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    for (int i = 0; i < JOBS; i++) {
        box_submit(&box, native_spec("", 0));
    }
    uint64_t last = gord_job_next_seq(box.table) - 1;
    struct gord_cron_row row = row_of("nightly", 1);
    CHECK_EQ(gord_store_put_cron(box.store, &row, note_done, &done), 0);
    while (done == 0) {
        (void)uv_run(&box.loop, UV_RUN_ONCE);
    }
    CHECK(box.committed >= last);
    CHECK_EQ(box_close(&box), 0);
}

TEST(cron_of_a_store_in_memory_ends_with_it)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, true), 0);
    struct gord_cron_row row = row_of("nightly", 1);
    keep(&box, &row);
    CHECK_EQ(read_back(&box).count, 1);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, true), 0);
    CHECK_EQ(read_back(&box).count, 0);
    CHECK_EQ(box_close(&box), 0);
}
