/* SPDX-License-Identifier: MIT */
/* What is removed, what stays, and that nothing is left over: by count, age and size. */
#include <errno.h>
#include <inttypes.h>

#include "daemon/store/audit.h"
#include "daemon/store/output.h"
#include "tests/daemon/stores.h"

#define SECOND ((int64_t)1000000000)
#define HOUR (3600 * SECOND)

static void say(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "audit: %s\n", text);
}

/* The store agrees with itself; what it counted. */
static struct gord_audit check_store(const char *dir, const char *database)
{
    char path[256], outputs[256];
    struct gord_audit audit;
    snprintf(path, sizeof path, "%s/%s", dir, database);
    snprintf(outputs, sizeof outputs, "%s/logs", dir);
    struct gord_audit_opts opts = {.path = path, .outputs = outputs, .say = say};
    CHECK_EQ(gord_audit(&opts, &audit), 0);
    CHECK_EQ(audit.problems, 0);
    return audit;
}

static void write_output(const char *dir, uint64_t id, size_t bytes)
{
    char path[300], text[512];
    snprintf(path, sizeof path, "%s/logs", dir);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/logs/%" PRIu64, dir, id / GORD_OUTPUT_FOLDER_JOBS);
    (void)mkdir(path, 0700);
    snprintf(text, sizeof text, "%s/logs", dir);
    CHECK_EQ(gord_output_path(text, id, GORD_OUTPUT_HEAD, path, sizeof path), 0);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    for (size_t i = 0; i < bytes; i++) {
        putc('x', file);
    }
    CHECK_EQ(fclose(file), 0);
}

/* Submit a job and let it end as it likes, `ago_ns` ago. */
static uint64_t end_job(struct box *box, struct gord_spec *spec, Gor__V1__Outcome outcome,
                        int64_t ago_ns)
{
    uint64_t id = gord_job_next_id(box->table);
    struct gord_event *events[] = {gord_event_submitted(id, spec, 1000),
                                   gord_event_new(GORD_EVENT_QUEUED, id, NULL),
                                   gord_event_finished(id, outcome, 0, 0, "")};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        events[i]->at_ns -= ago_ns;
        box_put(box, events[i]);
    }
    gord_spec_unref(spec);
    return id;
}

static bool is_there(struct box *box, uint64_t id)
{
    struct gord_reader *reader = box_reader(box);
    struct gord_row row;
    int err = gord_reader_job(reader, id, true, &row);
    if (err == 0) {
        gord_row_fini(&row);
    }
    gord_reader_close(reader);
    CHECK(err == 0 || err == -ENOENT);
    return err == 0;
}

static uint64_t terminated(struct box *box, uint64_t *out_kept_from)
{
    struct gord_reader *reader = box_reader(box);
    struct gord_reader_totals totals;
    CHECK_EQ(gord_reader_totals(reader, &totals), 0);
    gord_reader_close(reader);
    *out_kept_from = totals.kept_from;
    return totals.terminated;
}

/* Until so many that have ended are left; removing goes on by itself. */
static void wait_until_kept(struct box *box, uint64_t count)
{
    uint64_t kept_from;
    struct timespec breath = {0, 1000000};
    while (terminated(box, &kept_from) != count) {
        (void)uv_run(&box->loop, UV_RUN_NOWAIT);
        (void)nanosleep(&breath, NULL); /* the writer's own step makes no event */
    }
}

TEST(count_keeps_the_last_that_ended)
{
    struct gord_keep keep = {.jobs = 100};
    const char *dir = fresh_dir();
    struct box box;
    uint64_t kept_from = 0;
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t waits = box_submit(&box, native_spec("in a year", 0));
    for (int i = 0; i < 3000; i++) {
        end_job(&box, i % 2 == 0 ? native_spec("n", 0) : exec_spec("e", "A=1"),
                i % 3 == 0 ? GOR__V1__OUTCOME__FAILED : GOR__V1__OUTCOME__SUCCEEDED, 0);
        if (i % 100 == 0) {
            box_settle(&box);
        }
    }
    box_settle(&box);
    wait_until_kept(&box, 100);
    CHECK(is_there(&box, waits));
    CHECK(!is_there(&box, waits + 2900));
    CHECK(is_there(&box, waits + 2901));
    CHECK_EQ(terminated(&box, &kept_from), 100);
    CHECK_INT(kept_from, >, 8000);
    CHECK_EQ(box_close(&box), 0);
    struct gord_audit audit = check_store(dir, "gord.db");
    CHECK_EQ(audit.jobs, 101);
    CHECK_EQ(audit.envs, 1);
    CHECK_INT(audit.events, <, 1200); /* those kept, and what shares a run with them */
    /* Ids go on. */
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    CHECK_EQ(box.start.next_id, waits + 3001);
    CHECK_EQ(box_close(&box), 0);
}

TEST(job_that_lasted_long_is_kept_by_its_end)
{
    struct gord_keep keep = {.jobs = 10};
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t slow = box_submit(&box, native_spec("slow", 0));
    box_settle(&box);
    for (int i = 0; i < 1000; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    CHECK(gord_job_take(box.table, GORD_NATIVE) != NULL);
    box_run(&box, slow, GOR__V1__OUTCOME__SUCCEEDED, 0);
    for (int i = 0; i < 5; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    box_settle(&box);
    wait_until_kept(&box, 10);
    CHECK(is_there(&box, slow)); /* the oldest id, but the sixth to end from the end */
    for (int i = 0; i < 10; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    box_settle(&box);
    wait_until_kept(&box, 10);
    CHECK(!is_there(&box, slow));
    CHECK_EQ(box_close(&box), 0);
    CHECK_INT(check_store(dir, "gord.db").events, <, 500);
}

TEST(age_removes_what_is_older_and_failures_by_their_own)
{
    struct gord_keep keep = {.age_ns = HOUR, .failed_age_ns = 3 * HOUR};
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open_with(&box, dir, false, NULL), 0);
    uint64_t first = 0;
    /* Four hours ago, three and a half, ..., now; of each a success and a failure. */
    for (int i = 8; i >= 0; i--) {
        uint64_t id = end_job(&box, exec_spec("ok", "A=1"), GOR__V1__OUTCOME__SUCCEEDED,
                              i * HOUR / 2 + SECOND);
        first = first == 0 ? id : first;
        end_job(&box, exec_spec("not", "A=2"), GOR__V1__OUTCOME__FAILED, i * HOUR / 2 + SECOND);
    }
    box_settle(&box);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    wait_until_kept(&box, 2 + 6);
    for (int i = 0; i < 9; i++) {
        CHECK_EQ(is_there(&box, first + 2 * (uint64_t)i), i >= 7);
        CHECK_EQ(is_there(&box, first + 2 * (uint64_t)i + 1), i >= 3);
    }
    CHECK_EQ(box_close(&box), 0);
    check_store(dir, "gord.db");
}

TEST(age_removes_by_itself_when_the_time_has_come)
{
    struct gord_keep keep = {.age_ns = SECOND / 4};
    struct box box;
    CHECK_EQ(box_open_with(&box, fresh_dir(), false, &keep), 0);
    end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    box_settle(&box);
    wait_until_kept(&box, 0);
    CHECK_EQ(box_close(&box), 0);
}

TEST(size_counts_output_and_database)
{
    struct gord_keep keep = {.bytes = 2 << 20};
    char dir[128];
    struct box box;
    snprintf(dir, sizeof dir, "%s", fresh_dir());
    /* Half of it was there before. */
    CHECK_EQ(box_open_with(&box, dir, false, NULL), 0);
    for (int i = 0; i < 40; i++) {
        uint64_t id = gord_job_next_seq(box.table) / 3 + 1;
        write_output(dir, id, 100000);
        CHECK_EQ(end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0), id);
    }
    box_settle(&box);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t kept_from, kept;
    struct timespec breath = {0, 1000000};
    while (terminated(&box, &kept_from) > 20) {
        (void)nanosleep(&breath, NULL);
    }
    for (int i = 0; i < 40; i++) {
        uint64_t id = box.start.next_id + (uint64_t)i;
        write_output(dir, id, 100000);
        CHECK_EQ(end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0), id);
        box_settle(&box);
    }
    while ((kept = terminated(&box, &kept_from)) > 20) {
        (void)nanosleep(&breath, NULL);
    }
    CHECK_INT(kept, >, 15); /* 2 MiB less some pages, by 104 KiB on disk */
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(check_store(dir, "gord.db").outputs, kept);
}

/* Its events lie in thousands of runs; it is removed in many steps, and they with it. */
TEST(job_with_a_long_history_goes_step_by_step)
{
    struct gord_keep keep = {.jobs = 1};
    const char *dir = fresh_dir();
    struct box box;
    uint64_t kept_from;
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t id = box_submit(&box, native_spec("restless", 0));
    box_settle(&box);
    CHECK(gord_job_take(box.table, GORD_NATIVE) != NULL);
    box_put(&box, gord_event_started(id, 7, 0, 0));
    for (int i = 0; i < 400; i++) {
        box_put(&box, gord_event_state(id,
                                       i % 2 == 0 ? GOR__V1__JOB_STATE__WAITING
                                                  : GOR__V1__JOB_STATE__RUNNING,
                                       "a reason"));
        box_settle(&box); /* a run each */
    }
    box_put(&box, gord_event_finished(id, GOR__V1__OUTCOME__FAILED, 1, 0, ""));
    for (int i = 0; i < 300; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    box_settle(&box);
    wait_until_kept(&box, 1);
    while (terminated(&box, &kept_from) != 1 || kept_from < 700) {
    }
    CHECK_EQ(box_close(&box), 0);
    /* What a step left is looked at in the next ones, at the latest after a restart. */
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    for (int i = 0; i < 10; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
        box_settle(&box);
    }
    CHECK_EQ(box_close(&box), 0);
    CHECK_INT(check_store(dir, "gord.db").events, <, 320);
}

static struct gord_spec *spec_after(uint64_t id)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__Dependency of = GOR__V1__DEPENDENCY__INIT;
    Gor__V1__AnyOf clause = GOR__V1__ANY_OF__INIT;
    Gor__V1__Dependency *ofs[] = {&of};
    Gor__V1__AnyOf *clauses[] = {&clause};
    struct gord_spec *spec;
    native.function = (char *)(uintptr_t) "builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    of.id = id;
    clause.n_of = 1;
    clause.of = ofs;
    wire.n_after = 1;
    wire.after = clauses;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

/* A job that another waits for stays, and counts for nothing, until that one has ended. */
TEST(job_that_another_waits_for_is_spared)
{
    struct gord_keep keep = {.jobs = 10};
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t first = end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    uint64_t one = box_submit(&box, spec_after(first));
    uint64_t other = box_submit(&box, spec_after(first));
    box_settle(&box);
    for (int i = 0; i < 1000; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    box_settle(&box);
    wait_until_kept(&box, 11);
    CHECK(is_there(&box, first));
    box_run(&box, one, GOR__V1__OUTCOME__SUCCEEDED, 0);
    box_settle(&box);
    wait_until_kept(&box, 11);
    CHECK(is_there(&box, first));
    CHECK_EQ(check_store(dir, "gord.db").jobs, 12);
    box_run(&box, other, GOR__V1__OUTCOME__SUCCEEDED, 0);
    box_settle(&box);
    wait_until_kept(&box, 10);
    CHECK(!is_there(&box, first));
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(check_store(dir, "gord.db").jobs, 10);
}

/* Committed, and queued behind all others. */
static void update_after(struct box *box, uint64_t id, struct gord_spec *spec)
{
    struct gord_event *event =
        gord_event_standing(GORD_EVENT_UPDATED, id, gord_standing_copy(NULL), "after");
    CHECK(event != NULL);
    event->spec = spec;
    box_put(box, event);
    box_put(box, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
}

TEST(job_that_waits_for_others_now_spares_those_instead)
{
    struct gord_keep keep = {.jobs = 10};
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t first = end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    uint64_t second = end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    uint64_t third = end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    uint64_t waits = box_submit(&box, spec_after(first));
    uint64_t meant = box_submit(&box, spec_after(third));
    update_after(&box, meant, spec_after(first)); /* in the transaction it was entered by */
    box_settle(&box);
    for (int i = 0; i < 1000; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
        if (i == 0) {
            update_after(&box, waits, spec_after(second));
            box_settle(&box);
        }
    }
    box_settle(&box);
    wait_until_kept(&box, 12);
    CHECK(is_there(&box, first) && is_there(&box, second) && !is_there(&box, third));
    /* What was spared for it alone goes at once. */
    update_after(&box, waits, native_spec("n", 0));
    box_settle(&box);
    wait_until_kept(&box, 11);
    CHECK(is_there(&box, first) && !is_there(&box, second));
    /* The same once more, and for its end in the same transaction. */
    update_after(&box, meant, spec_after(first));
    box_settle(&box);
    CHECK(is_there(&box, first));
    box_run(&box, waits, GOR__V1__OUTCOME__SUCCEEDED, 0);
    update_after(&box, meant, native_spec("n", 0));
    box_put(&box, gord_event_finished(meant, GOR__V1__OUTCOME__CANCELLED, 0, 0, ""));
    box_settle(&box);
    wait_until_kept(&box, 10);
    CHECK(!is_there(&box, first));
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(check_store(dir, "gord.db").jobs, 10);
}

TEST(environments_go_with_their_last_job)
{
    struct gord_keep keep = {.jobs = 5};
    const char *dir = fresh_dir();
    struct box box;
    char variable[32];
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    for (int i = 0; i < 500; i++) {
        snprintf(variable, sizeof variable, "A=%d", i % 300);
        end_job(&box, exec_spec("e", variable), GOR__V1__OUTCOME__SUCCEEDED, 0);
        if (i % 7 == 0) {
            box_settle(&box);
        }
    }
    box_settle(&box);
    wait_until_kept(&box, 5);
    CHECK(is_there(&box, 500));
    CHECK_EQ(box_close(&box), 0);
    CHECK_INT(check_store(dir, "gord.db").envs, <=, 6);
}

TEST(file_stays_small_when_many_come_and_go)
{
    uint64_t jobs = getenv("GOR_LONG") != NULL ? 200000 : 20000;
    struct gord_keep keep = {.jobs = 1000};
    const char *dir = fresh_dir();
    char path[256];
    struct stat half, end;
    struct box box;
    CHECK_EQ(box_open_with(&box, dir, false, &keep), 0);
    uint64_t waits = box_submit(&box, native_spec("in a year", 0));
    snprintf(path, sizeof path, "%s/gord.db", dir);
    for (uint64_t i = 0; i < jobs; i++) {
        end_job(&box, exec_spec("short", "A=1"), GOR__V1__OUTCOME__SUCCEEDED, 0);
        if (i % 500 == 0) {
            box_settle(&box);
        }
        if (i == jobs / 2) {
            CHECK_EQ(stat(path, &half), 0);
        }
    }
    box_settle(&box);
    wait_until_kept(&box, 1000);
    CHECK(is_there(&box, waits));
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(stat(path, &end), 0);
    struct gord_audit audit = check_store(dir, "gord.db");
    CHECK_EQ(audit.jobs, 1001);
    CHECK_INT(end.st_size, <, 3 << 20);
    CHECK_INT(audit.events, <, 8000);
}

TEST(memory_mode_keeps_to_its_limits_too)
{
    struct gord_keep keep = {.jobs = 10};
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open_with(&box, dir, true, &keep), 0);
    for (int i = 0; i < 1000; i++) {
        end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    box_settle(&box);
    wait_until_kept(&box, 10);
    CHECK_EQ(box_close(&box), 0);
    check_store(dir, "gord-memory.db");
}

/* --------------------------------------------------------- by somebody's wish */

static void on_removed(void *arg, int error)
{
    CHECK_EQ(error, 0);
    *(bool *)arg = true;
}

static void remove_jobs(struct box *box, struct gord_removal_item *items, size_t count)
{
    struct gord_removal removal = {items, count};
    bool done = false;
    CHECK_EQ(gord_store_remove(box->store, &removal, on_removed, &done), 0);
    while (!done) {
        (void)uv_run(&box->loop, UV_RUN_ONCE);
    }
}

TEST(asked_removal_tells_what_became_of_each)
{
    const char *dir = fresh_dir();
    struct box box;
    uint64_t kept_from = 0;
    CHECK_EQ(box_open(&box, dir, false), 0);
    uint64_t ended = end_job(&box, exec_spec("e", "A=1"), GOR__V1__OUTCOME__FAILED, 0);
    uint64_t lives = box_submit(&box, native_spec("n", 0));
    box_settle(&box);
    struct gord_removal_item items[] = {{.id = ended}, {.id = lives}, {.id = 999}, {.id = ended}};
    remove_jobs(&box, items, 4);
    CHECK_EQ(items[0].what, GORD_REMOVED);
    CHECK_EQ(items[1].what, GORD_REMOVED_LIVES);
    CHECK_EQ(items[2].what, GORD_REMOVED_NONE);
    CHECK_EQ(items[3].what, GORD_REMOVED_NONE);
    CHECK(!is_there(&box, ended));
    CHECK(is_there(&box, lives));
    CHECK_EQ(terminated(&box, &kept_from), 0);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(check_store(dir, "gord.db").jobs, 1);
}

TEST(asked_removal_without_limits_frees_the_log_from_its_front)
{
    enum { JOBS = 3000 };
    const char *dir = fresh_dir();
    struct box box;
    uint64_t kept_from = 0;
    struct gord_removal_item items[JOBS];
    CHECK_EQ(box_open(&box, dir, false), 0);
    for (int i = 0; i < JOBS; i++) {
        items[i] = (struct gord_removal_item){
            .id = end_job(&box, native_spec("n", 0), GOR__V1__OUTCOME__SUCCEEDED, 0)};
    }
    box_settle(&box);
    /* What is newer stays with all that came after the first job that is there. */
    remove_jobs(&box, items + 1, JOBS - 1);
    CHECK_EQ(terminated(&box, &kept_from), 1);
    CHECK_EQ(kept_from, 1);
    struct gord_removal_item first = items[0];
    remove_jobs(&box, &first, 1);
    CHECK_EQ(terminated(&box, &kept_from), 0);
    CHECK_INT(kept_from, >, 2 * JOBS);
    CHECK_EQ(box_close(&box), 0);
    CHECK_INT(check_store(dir, "gord.db").events, <, JOBS);
}
