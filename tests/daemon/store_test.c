/* SPDX-License-Identifier: MIT */
/* The store: what goes in comes out again, now and after a restart. */
#include <errno.h>
#include <sched.h>

#include <sqlite3.h>

#include "tests/daemon/stores.h"

static int64_t ask(const char *dir, const char *sql)
{
    char path[256];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    snprintf(path, sizeof path, "%s/gord.db", dir);
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQ(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

TEST(fresh_store_starts_at_one)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    CHECK_EQ(box.start.next_id, 1);
    CHECK_EQ(box.start.next_seq, 1);
    CHECK(!box.start.paused);
    struct stat st;
    CHECK_EQ(stat(gord_store_path(box.store), &st), 0);
    CHECK_EQ(st.st_mode & 0777, 0600);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(gord_store_close(NULL), 0);
}

struct seen {
    unsigned count;
    uint8_t kinds[16];
    uint64_t seqs[16];
    char name[32];
    char text[64];
};

static int see(void *arg, struct gord_event *event, const char *name)
{
    struct seen *seen = arg;
    CHECK(seen->count < 16);
    seen->kinds[seen->count] = event->kind;
    seen->seqs[seen->count++] = event->seq;
    snprintf(seen->name, sizeof seen->name, "%s", name);
    snprintf(seen->text, sizeof seen->text, "%s", event->text);
    return 0;
}

TEST(life_of_a_process_is_found_after_a_restart)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    uint64_t id = box_submit(&box, exec_spec("list files", "PATH=/bin"));
    box_settle(&box);
    CHECK(gord_job_take(box.table, GORD_EXEC) != NULL);
    box_put(&box, gord_event_started(id, 7, 0, 0));
    box_put(&box, gord_event_started(id, 7, 4321, 99));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    struct gord_row row;
    CHECK_EQ(gord_reader_job(reader, id, true, &row), 0);
    CHECK_EQ(row.state, GOR__V1__JOB_STATE__RUNNING);
    CHECK_EQ(row.pid, 4321);
    CHECK_EQ(row.pid_start, 99);
    CHECK_EQ(row.goroutine, 7);
    gord_row_fini(&row);
    gord_reader_close(reader);
    box_put(&box, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, id, "by hand"));
    struct gord_event *end =
        gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 15, "cancelled: by hand");
    end->stdout_bytes = 10;
    end->stderr_bytes = 20;
    box_put(&box, end);
    CHECK_EQ(box_close(&box), 0);

    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(box.start.next_id, 2);
    CHECK_EQ(box.start.next_seq, 7);
    reader = box_reader(&box);
    CHECK_EQ(gord_reader_job(reader, id, true, &row), 0);
    CHECK_EQ(row.state, GOR__V1__JOB_STATE__TERMINATED);
    CHECK_EQ(row.outcome, GOR__V1__OUTCOME__CANCELLED);
    CHECK_EQ(row.signal, 15);
    CHECK_EQ(row.stdout_bytes, 10);
    CHECK_EQ(row.stderr_bytes, 20);
    CHECK_EQ(row.uid, 1000);
    CHECK_EQ(row.kind, GORD_EXEC);
    CHECK_EQ(row.last_seq, 6);
    CHECK(row.created_ns <= row.started_ns && row.started_ns <= row.finished_ns);
    CHECK_STR(row.detail, "cancelled: by hand");
    CHECK_STR(row.spec->name, "list files");
    Gor__V1__JobSpec *wire = gord_spec_to_wire(row.spec, 1);
    CHECK_EQ(wire->exec->n_env, 1);
    CHECK(wire->exec->env[0].len == 9 && memcmp(wire->exec->env[0].data, "PATH=/bin", 9) == 0);
    gor__v1__job_spec__free_unpacked(wire, NULL);
    gord_row_fini(&row);
    static const uint8_t kinds[] = {GORD_EVENT_SUBMITTED,        GORD_EVENT_QUEUED,
                                    GORD_EVENT_STARTED,          GORD_EVENT_STARTED,
                                    GORD_EVENT_CANCEL_REQUESTED, GORD_EVENT_FINISHED};
    struct seen seen = {0};
    CHECK_EQ(gord_reader_job_events(reader, id, 100, see, &seen), 0);
    CHECK_EQ(seen.count, 6);
    CHECK(memcmp(seen.kinds, kinds, sizeof kinds) == 0);
    CHECK_STR(seen.name, "list files");
    CHECK_STR(seen.text, "cancelled: by hand");
    CHECK_EQ(gord_reader_job(reader, 2, false, &row), -ENOENT);
    CHECK_EQ(gord_reader_job(reader, 0, false, &row), -ENOENT);
    CHECK_EQ(gord_reader_job(reader, UINT64_MAX, false, &row), -ENOENT);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

static uint64_t rests(struct box *box)
{
    struct gord_store_status status;
    gord_store_status(box->store, &status);
    return status.rests;
}

static void await_rest(struct box *box)
{
    for (uint64_t before = rests(box); rests(box) == before;) {
        (void)sched_yield();
    }
}

TEST(memory_is_given_back_without_work_and_with_it)
{
    struct box box;
    CHECK_EQ(box_open_by(&box, &(struct gord_store_opts){.dir = fresh_dir(), .stretch_ns = 1}), 0);
    await_rest(&box); /* others have used memory, for all it knows */
    for (int i = 0; i < 10; i++) {
        box_submit(&box, native_spec("job", 0));
        await_rest(&box);
    }
    box_settle(&box);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    CHECK_EQ(rests(&box), 0); /* a minute is not over yet */
    CHECK_EQ(box_close(&box), 0);
}

TEST(what_arrives_together_is_committed_together)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    for (int i = 0; i < 20000; i++) {
        box_submit(&box, native_spec("job", 0));
    }
    box_settle(&box);
    struct gord_store_status status;
    gord_store_status(box.store, &status);
    CHECK_EQ(status.error, 0);
    CHECK_STR(status.text, "");
    CHECK_EQ(status.committed, 40000);
    CHECK_EQ(status.backlog, 0);
    CHECK(status.commits > 0 && status.commits < 2000);
    CHECK(status.rows > 40000 && status.last_commit_ns > 0);
    CHECK_EQ(box_close(&box), 0);
}

TEST(group_is_one_transaction_however_large)
{
    struct box box;
    struct gord_store_status status;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    box_submit(&box, native_spec("before", 0));
    gord_store_begin_group(box.store);
    for (int i = 0; i < 40000; i++) { /* 80,000 events */
        box_submit(&box, native_spec("job", 0));
    }
    while (box.committed < 2) {
        (void)uv_run(&box.loop, UV_RUN_ONCE);
    }
    gord_store_status(box.store, &status);
    CHECK_EQ(status.committed, 2);
    uint64_t commits = status.commits;
    gord_store_end_group(box.store);
    box_settle(&box);
    gord_store_status(box.store, &status);
    CHECK_EQ(status.commits - commits, 1);
    box_submit(&box, native_spec("after", 0));
    box_settle(&box);
    gord_store_status(box.store, &status);
    CHECK_EQ(status.backlog, 0);
    gord_store_begin_group(box.store); /* an empty one is none */
    gord_store_end_group(box.store);
    CHECK_EQ(box_close(&box), 0);
}

TEST(steps_within_one_transaction_leave_one_row)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    uint64_t ids[5];
    for (int i = 0; i < 5; i++) {
        ids[i] = box_submit(&box, native_spec("job", 0));
    }
    box_settle(&box);
    for (int i = 0; i < 3; i++) {
        box_run(&box, ids[i], GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    uint64_t id = gord_job_next_id(box.table); /* submitted and refused at once */
    struct gord_spec *spec = native_spec("refused", 0);
    box_put(&box, gord_event_submitted(id, spec, 1));
    box_put(&box, gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, "no room"));
    gord_spec_unref(spec);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(ask(dir, "SELECT count(*) FROM jobs"), 6);
    CHECK_EQ(ask(dir, "SELECT count(*) FROM live"), 2);
    CHECK_EQ(ask(dir, "SELECT count(*) FROM ended"), 4);
    CHECK_EQ(ask(dir, "SELECT value FROM meta WHERE key = 'live'"), 2);
    CHECK_EQ(ask(dir, "SELECT value FROM meta WHERE key = 'ended.1'"), 3);
    CHECK_EQ(ask(dir, "SELECT value FROM meta WHERE key = 'ended.5'"), 1);
}

TEST(equal_environments_are_stored_once)
{
    const char *dir = fresh_dir();
    for (int round = 0; round < 2; round++) { /* also over a restart */
        struct box box;
        CHECK_EQ(box_open(&box, dir, false), 0);
        for (int i = 0; i < 100; i++) {
            box_submit(&box, exec_spec("job", i % 2 == 0 ? "A=1" : "A=2"));
        }
        CHECK_EQ(box_close(&box), 0);
    }
    CHECK_EQ(ask(dir, "SELECT count(*) FROM envs"), 2);
    CHECK_EQ(ask(dir, "SELECT count(*) FROM jobs"), 200);
}

TEST(long_texts_survive)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    char *text = malloc(60001);
    memset(text, 'x', 60000);
    text[60000] = '\0';
    uint64_t id = box_submit(&box, native_spec("job", 0));
    box_put(&box, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, id, text));
    box_put(&box, gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, text));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    struct gord_row row;
    CHECK_EQ(gord_reader_job(reader, id, false, &row), 0);
    CHECK_STR(row.detail, text);
    gord_row_fini(&row);
    struct seen seen = {0};
    CHECK_EQ(gord_reader_job_events(reader, id, 100, see, &seen), 0);
    CHECK_EQ(seen.count, 4);
    gord_reader_close(reader);
    free(text);
    CHECK_EQ(box_close(&box), 0);
}

static void count_done(void *arg, int error)
{
    CHECK_EQ(error, 0);
    ++*(int *)arg;
}

TEST(paused_is_remembered)
{
    const char *dir = fresh_dir();
    struct box box;
    int done = 0;
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(gord_store_set_paused(box.store, true, count_done, &done), 0);
    while (done == 0) {
        (void)uv_run(&box.loop, UV_RUN_ONCE);
    }
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK(box.start.paused);
    CHECK_EQ(gord_store_set_paused(box.store, true, count_done, &done), 0);
    CHECK_EQ(gord_store_set_paused(box.store, false, count_done, &done), 0);
    CHECK_EQ(box_close(&box), 0); /* delivers */
    CHECK_EQ(done, 3);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK(!box.start.paused);
    CHECK_EQ(box_close(&box), 0);
}

TEST(memory_mode_forgets_all_but_the_numbers)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, true), 0);
    uint64_t id = box_submit(&box, native_spec("job", 0));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    struct gord_row row;
    CHECK_EQ(gord_reader_job(reader, id, false, &row), 0);
    gord_row_fini(&row);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, true), 0);
    CHECK_EQ(box.start.next_id, id + 1);
    CHECK_EQ(box.start.next_seq, 3);
    reader = box_reader(&box);
    CHECK_EQ(gord_reader_job(reader, id, false, &row), -ENOENT);
    gord_reader_close(reader);
    id = box_submit(&box, native_spec("job", 0));
    CHECK_EQ(id, 2);
    CHECK_EQ(box_close(&box), 0);
    /* What a crash left broken was ours to lose. */
    char path[256];
    snprintf(path, sizeof path, "%s/gord-memory.db", dir);
    FILE *file = fopen(path, "w");
    fputs("not a database, and long enough not to look like an empty one", file);
    fclose(file);
    CHECK_EQ(box_open(&box, dir, true), 0);
    CHECK_EQ(box.start.next_id, 1);
    CHECK_EQ(box_close(&box), 0);
    snprintf(path, sizeof path, "%s/gord.db", dir);
    CHECK(access(path, F_OK) != 0);
}

TEST(progress_and_result_are_kept_with_the_end)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    uint64_t told = box_submit(&box, native_spec("told", 0));
    uint64_t silent = box_submit(&box, native_spec("silent", 0));
    struct gord_progress progress = {17, UINT64_MAX, 99, "resizing"};
    struct gord_event *end = gord_event_finished(told, GOR__V1__OUTCOME__FAILED, 3, 0, "");
    end->report = gord_report_new(&progress, "", 0);
    box_put(&box, end);
    box_put(&box, gord_event_finished(silent, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, ""));
    CHECK_EQ(box_close(&box), 0);

    CHECK_EQ(ask(dir, "SELECT count(*) FROM reports"), 1);
    CHECK_EQ(box_open(&box, dir, false), 0);
    struct gord_reader *reader = box_reader(&box);
    struct gord_row row;
    CHECK_EQ(gord_reader_job(reader, told, false, &row), 0);
    CHECK(row.report != NULL && row.report->has_progress && row.report->has_result);
    CHECK_EQ(row.report->progress.done, 17);
    CHECK(row.report->progress.total == UINT64_MAX);
    CHECK_STR(row.report->progress.text, "resizing");
    CHECK(row.report->result == NULL);
    gord_row_fini(&row);
    CHECK_EQ(gord_reader_job(reader, silent, false, &row), 0);
    CHECK(row.report == NULL);
    gord_row_fini(&row);
    struct gord_report *report = NULL;
    CHECK_EQ(gord_reader_report(reader, told, &report), 0);
    CHECK(report->result != NULL && report->result_bytes == 0);
    gord_report_unref(report);
    CHECK_EQ(gord_reader_report(reader, silent, &report), -ENOENT);
    CHECK_EQ(gord_reader_report(reader, UINT64_MAX, &report), -ENOENT);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}
