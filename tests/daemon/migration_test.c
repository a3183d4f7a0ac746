/* SPDX-License-Identifier: MIT */
/* Databases of every former version: brought to this one, with their jobs, which go on. */
#include <inttypes.h>

#include <sqlite3.h>

#include "daemon/store/audit.h"
#include "daemon/store/pack.h"
#include "daemon/store/schema.h"
#include "tests/daemon/stores.h"

/* Jobs of the first version: one has ended, one is queued, one runs. */
enum { ENDED = 1, QUEUED = 2, RUNS = 3, NEXT_ID = 4, NEXT_SEQ = 9 };

static sqlite3 *db;

static void run(const char *sql)
{
    char *said = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK) {
        test_fail(__FILE__, __LINE__, "%s: %s", sql, said);
    }
}

/* A row with a blob for its only parameter. */
static void run_with(const char *sql, const void *bytes, size_t count)
{
    sqlite3_stmt *stmt;
    CHECK_EQ(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_bind_blob64(stmt, 1, bytes, count, SQLITE_STATIC), SQLITE_OK);
    CHECK_EQ(sqlite3_step(stmt), SQLITE_DONE);
    CHECK_EQ(sqlite3_finalize(stmt), SQLITE_OK);
}

static struct gord_spec *labelled_spec(void)
{
    Gor__V1__JobSpec__LabelsEntry label = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *labels[] = {&label};
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    native.function = (char *)(uintptr_t) "builtin.echo";
    label.key = (char *)(uintptr_t) "team";
    label.value = (char *)(uintptr_t) "blue";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.n_labels = 1;
    wire.labels = labels;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

/* One event at the end of the run, as the first version wrote it; takes the event. */
static size_t pack(struct gord_pack_state *state, struct gord_event *event, const uint64_t seqs[2],
                   uint8_t *out)
{
    event->seq = seqs[0];
    event->prev_seq = seqs[1];
    size_t bytes = gord_pack_event(state, event, out);
    gord_event_unref(event);
    return bytes;
}

static void insert_log(struct gord_spec *spec)
{
    uint8_t run[2048];
    struct gord_pack_state state = {0, 0};
    size_t used = 0;
    const uint64_t seqs[NEXT_SEQ - 1][2] = {{1, 0}, {2, 1}, {3, 0}, {4, 3},
                                            {5, 0}, {6, 5}, {7, 6}, {8, 2}};
    for (uint64_t job = ENDED; job <= RUNS; job++) {
        struct gord_event *event = gord_event_submitted(job, spec, 1000);
        event->state = GOR__V1__JOB_STATE__CREATED;
        used += pack(&state, event, seqs[2 * (job - 1)], run + used);
        event = gord_event_new(GORD_EVENT_QUEUED, job, NULL);
        event->state = GOR__V1__JOB_STATE__RUNNABLE;
        used += pack(&state, event, seqs[2 * (job - 1) + 1], run + used);
    }
    struct gord_event *event = gord_event_started(RUNS, 77, 0, 0);
    event->state = GOR__V1__JOB_STATE__RUNNING;
    used += pack(&state, event, seqs[6], run + used);
    event = gord_event_finished(ENDED, GOR__V1__OUTCOME__CANCELLED, 0, 0, "enough");
    event->state = GOR__V1__JOB_STATE__TERMINATED;
    used += pack(&state, event, seqs[7], run + used);
    run_with("INSERT INTO log VALUES (1, ?)", run, used);
}

/* Had that version the table? */
static bool had(int version, const char *table)
{
    char text[64];
    bool found = false;
    snprintf(text, sizeof text, "TABLE %s ", table);
    for (int step = 0; step < version; step++) {
        found = found || strstr(gord_schema_step(step), text) != NULL;
    }
    return found;
}

/* A store that has taken so many steps, the rows put in after the first one. */
static void make_store(const char *dir, int version)
{
    char path[256], mark[64];
    snprintf(path, sizeof path, "%s/gord.db", dir);
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    run("PRAGMA page_size = 4096; PRAGMA journal_mode = WAL");
    run(gord_schema_step(0));
    struct gord_spec *spec = labelled_spec();
    run_with("INSERT INTO jobs SELECT value, value, 1000, 1, NULL, NULL, 'job ' || value, ?1"
             " FROM (SELECT 1 AS value UNION SELECT 2 UNION SELECT 3)",
             spec->packed, spec->packed_bytes);
    insert_log(spec);
    gord_spec_unref(spec);
    run("INSERT INTO ended VALUES (1, 5, 8, NULL, 20, NULL, NULL, NULL, NULL, 'enough');"
        "INSERT INTO live VALUES (2, 2, 4, NULL, NULL, NULL, NULL), (3, 3, 7, 15, 77, NULL, NULL);"
        "UPDATE meta SET value = 4 WHERE key = 'next_id';"
        "UPDATE meta SET value = 9 WHERE key = 'next_seq';"
        "UPDATE meta SET value = 2 WHERE key = 'live';"
        "INSERT INTO meta VALUES ('ended.5', 1)");
    for (int step = 1; step < version; step++) {
        run(gord_schema_step(step));
    }
    if (had(version, "resources")) {
        run("INSERT INTO resources (what, name, capacity, paused, paused_until_ns)"
            " VALUES (1, 'build', 2, 0, 0)");
    }
    if (had(version, "shares")) {
        run("INSERT INTO shares VALUES (1, 'build', 'ann', 3), (1, 'build', 'bob', 2)");
    }
    snprintf(mark, sizeof mark, "PRAGMA user_version = %d", version);
    run(mark);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static int count_row(void *arg, struct gord_row *row)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

static int restore(void *arg, struct gord_event *event)
{
    struct box *box = arg;
    return gord_job_apply(box->table, event);
}

static void check_jobs(struct gord_reader *reader, int version)
{
    struct gord_row row;
    CHECK_EQ(gord_reader_job(reader, ENDED, true, &row), 0);
    CHECK_EQ(row.outcome, GOR__V1__OUTCOME__CANCELLED);
    CHECK_STR(row.detail, "enough");
    CHECK_STR(row.spec->name, "job 1");
    gord_row_fini(&row);
    struct gord_label_match label = {.key = "team", .value = "blue"};
    struct gord_filter filter = {.labels = &label, .label_count = 1, .limit = 10};
    uint64_t next;
    int found = 0;
    CHECK_EQ(gord_reader_list(reader, &filter, count_row, &found, &next), 0);
    /* Where there was the table, labels were put there when their job came, not later. */
    CHECK_EQ(found, had(version, "labels") ? 0 : 3);
}

/* ---------------------------------------------------------------- shares */

static int add_weight(void *arg, const char *name, const struct gord_weight *weight)
{
    char *text = arg;
    size_t used = strlen(text);
    CHECK_STR(name, "build");
    snprintf(text + used, 64 - used, "%s=%" PRIu32 " ", weight->key, weight->weight);
    return 0;
}

static void check_weights(struct box *box, const char *expected)
{
    char text[64] = "";
    struct gord_reader *reader = box_reader(box);
    CHECK_EQ(gord_reader_weights(reader, 1, add_weight, text), 0);
    CHECK_STR(text, expected);
    gord_reader_close(reader);
}

static void is_kept(void *arg, int error)
{
    CHECK_EQ(error, 0);
    *(bool *)arg = true;
}

static void keep(struct box *box, const struct gord_setting *setting)
{
    bool kept = false;
    CHECK_EQ(gord_store_set(box->store, setting, is_kept, &kept), 0);
    while (!kept) {
        (void)uv_run(&box->loop, UV_RUN_ONCE);
    }
}

/* What there was of weights is there, and they can be changed; they go with their queue, not with a pool
 * of its name. */
static void change_weights(struct box *box, int version)
{
    const struct gord_weight weights[] = {{"ann", 1000}, {"bob", 0}, {"", 2}};
    struct gord_setting queue = {
        .what = 1, .name = "build", .capacity = 2, .weights = weights, .weight_count = 3};
    struct gord_setting pool = {.what = 2, .name = "build", .gone = true};
    check_weights(box, had(version, "shares") ? "ann=3 bob=2 " : "");
    keep(box, &queue);
    check_weights(box, "=2 ann=1000 ");
    queue.weight_count = 0;
    keep(box, &queue);
    keep(box, &pool);
    check_weights(box, "=2 ann=1000 ");
    queue.gone = true;
    keep(box, &queue);
    check_weights(box, "");
}

static void go_on(struct box *box, struct gord_reader *reader)
{
    CHECK_EQ(gord_reader_recover(reader, 100, restore, box), 0);
    struct gord_job *job = gord_job_find(box->table, RUNS);
    CHECK(job != NULL && job->state == GOR__V1__JOB_STATE__RUNNING);
    gord_reader_close(reader);
    box_put(box, gord_event_finished(RUNS, GOR__V1__OUTCOME__LOST, 0, 0, NULL));
    box_run(box, QUEUED, GOR__V1__OUTCOME__SUCCEEDED, 0);
    CHECK_EQ(box_submit(box, labelled_spec()), NEXT_ID);
    box_settle(box);
}

static void check_sound(const char *dir)
{
    char path[256], outputs[256];
    struct gord_audit audit;
    snprintf(path, sizeof path, "%s/gord.db", dir);
    snprintf(outputs, sizeof outputs, "%s/logs", dir);
    struct gord_audit_opts opts = {.path = path, .outputs = outputs};
    CHECK_EQ(gord_audit(&opts, &audit), 0);
    CHECK_EQ(audit.problems, 0);
    CHECK_EQ(audit.jobs, 4);
    CHECK_EQ(audit.live, 1);
}

TEST(database_of_each_former_version_is_brought_to_this_one)
{
    for (int version = 1; version <= gord_schema_version(); version++) {
        const char *dir = fresh_dir();
        struct box box;
        printf("from version %d\n", version);
        make_store(dir, version);
        if (box_open(&box, dir, false) != 0) {
            test_fail(__FILE__, __LINE__, "version %d: %s", version, box.text);
        }
        CHECK_EQ(box.start.next_id, NEXT_ID);
        CHECK_EQ(box.start.next_seq, NEXT_SEQ);
        struct gord_reader *reader = box_reader(&box);
        check_jobs(reader, version);
        change_weights(&box, version);
        go_on(&box, reader);
        CHECK_EQ(box_close(&box), 0);
        check_sound(dir);
    }
}

TEST(schema_steps_end_with_the_version)
{
    CHECK(gord_schema_step(gord_schema_version() - 1) != NULL);
    CHECK(gord_schema_step(gord_schema_version()) == NULL);
    CHECK(gord_schema_step(-1) == NULL);
}
