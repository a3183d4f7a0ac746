/* SPDX-License-Identifier: MIT */
/* Looking into the store: pages, filters, events, what a restart needs. */
#include <errno.h>

#include "tests/daemon/stores.h"

enum { JOBS = 500 };

/* 500 jobs, committed: every tenth exec; of each ten one waits in the queue, one runs, four
 * succeed, three fail, one is cancelled. Names "a0".."a9" by the last digit of the id. */
static void fill(struct box *box)
{
    char name[8];
    for (unsigned i = 1; i <= JOBS; i++) {
        snprintf(name, sizeof name, "a%u", i % 10);
        CHECK_EQ(box_submit(box, i % 10 == 0 ? exec_spec(name, "A=1") : native_spec(name, 0)), i);
    }
    box_settle(box);
    for (int kind = 0; kind < GORD_KIND_COUNT; kind++) {
        struct gord_job *job;
        while ((job = gord_job_take(box->table, (enum gord_job_kind)kind)) != NULL) {
            unsigned digit = (unsigned)(job->id % 10);
            if (digit == 1) {
                continue; /* stays Runnable in the store */
            }
            if (digit == 2) {
                box_put(box, gord_event_started(job->id, job->id, 0, 0));
            } else if (digit > 2 && digit < 7) {
                box_run(box, job->id, GOR__V1__OUTCOME__SUCCEEDED, 0);
            } else if (digit != 0) {
                box_run(box, job->id, GOR__V1__OUTCOME__FAILED, 1);
            } else {
                box_run(box, job->id, GOR__V1__OUTCOME__CANCELLED, 0);
            }
        }
    }
    box_settle(box);
}

struct got {
    uint64_t ids[JOBS + 1];
    size_t count;
};

static int get(void *arg, struct gord_row *row)
{
    struct got *got = arg;
    CHECK(got->count < JOBS + 1 && row->spec != NULL);
    CHECK(got->count == 0 || row->id < got->ids[got->count - 1]);
    got->ids[got->count++] = row->id;
    return 0;
}

/* All pages of the filter, `limit` at a time. */
static struct got *list_all(struct gord_reader *reader, struct gord_filter filter, size_t limit)
{
    static struct got got;
    uint64_t next = 0;
    got.count = 0;
    filter.limit = limit;
    do {
        size_t before = got.count;
        filter.before_id = next;
        CHECK_EQ(gord_reader_list(reader, &filter, get, &got, &next), 0);
        CHECK_INT(got.count - before, <=, limit);
    } while (next != 0);
    return &got;
}

static void check_digits(const struct got *got, const char *digits)
{
    CHECK_EQ(got->count, strlen(digits) * JOBS / 10);
    for (size_t i = 0; i < got->count; i++) {
        CHECK(strchr(digits, (char)('0' + got->ids[i] % 10)) != NULL);
    }
}

#define BIT(x) (1U << GOR__V1__##x)

TEST(pages_and_filters_find_what_they_should)
{
    static const struct {
        struct gord_filter filter;
        const char *digits;
    } cases[] = {
        {{0}, "0123456789"},
        {{.states = BIT(JOB_STATE__RUNNABLE)}, "1"},
        {{.states = BIT(JOB_STATE__RUNNING)}, "2"},
        {{.states = BIT(JOB_STATE__RUNNING) | BIT(JOB_STATE__RUNNABLE)}, "12"},
        {{.states = BIT(JOB_STATE__CREATED)}, ""},
        {{.states = BIT(JOB_STATE__TERMINATED)}, "03456789"},
        {{.states = BIT(JOB_STATE__TERMINATED) | BIT(JOB_STATE__RUNNING)}, "023456789"},
        {{.outcomes = BIT(OUTCOME__SUCCEEDED)}, "3456"},
        {{.outcomes = BIT(OUTCOME__FAILED)}, "789"},
        {{.outcomes = BIT(OUTCOME__FAILED) | BIT(OUTCOME__CANCELLED)}, "7890"},
        {{.outcomes = BIT(OUTCOME__PANICKED)}, ""},
        {{.states = BIT(JOB_STATE__RUNNING), .outcomes = BIT(OUTCOME__FAILED)}, "2"},
        {{.states = BIT(JOB_STATE__RUNNING) | BIT(JOB_STATE__TERMINATED),
          .outcomes = BIT(OUTCOME__FAILED)},
         "2789"},
        {{.name_contains = "a7"}, "7"},
        {{.name_contains = "a7", .outcomes = BIT(OUTCOME__SUCCEEDED)}, ""},
        {{.name_contains = "3"}, "3"},
        {{.name_contains = ""}, "0123456789"},
        {{.name_contains = "A7"}, ""},
        {{.created_from_ns = INT64_MAX}, ""},
        {{.created_to_ns = 1}, ""},
        {{.created_from_ns = 1, .created_to_ns = INT64_MAX}, "0123456789"},
    };
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    struct gord_reader *reader = box_reader(&box);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const size_t limits[] = {1, 7, 50, 1000};
        for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
            check_digits(list_all(reader, cases[i].filter, limits[k]), cases[i].digits);
        }
    }
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(last_page_says_that_it_is)
{
    struct box box;
    struct got got = {.count = 0};
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    struct gord_reader *reader = box_reader(&box);
    struct gord_filter filter = {.limit = JOBS};
    uint64_t next = 1;
    CHECK_EQ(gord_reader_list(reader, &filter, get, &got, &next), 0);
    CHECK_EQ(got.count, JOBS);
    CHECK_EQ(next, 0);
    filter.limit = JOBS - 1;
    got.count = 0;
    CHECK_EQ(gord_reader_list(reader, &filter, get, &got, &next), 0);
    CHECK_EQ(next, 2);
    filter.before_id = 1;
    got.count = 0;
    CHECK_EQ(gord_reader_list(reader, &filter, get, &got, &next), 0);
    CHECK_EQ(got.count, 0);
    CHECK_EQ(next, 0);
    filter.before_id = UINT64_MAX;
    filter.limit = 1;
    CHECK_EQ(gord_reader_list(reader, &filter, get, &got, &next), 0);
    CHECK_EQ(got.ids[0], JOBS);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

static int refuse(void *arg, struct gord_row *row)
{
    (void)arg;
    (void)row;
    return -ECANCELED;
}

TEST(visitor_ends_the_list)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    box_submit(&box, native_spec("job", 0));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    struct gord_filter filter = {.limit = 5};
    uint64_t next = 0;
    CHECK_EQ(gord_reader_list(reader, &filter, refuse, NULL, &next), -ECANCELED);
    CHECK_EQ(gord_reader_list(reader, &filter, refuse, NULL, &next), -ECANCELED);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(totals_agree_with_the_rows)
{
    struct box box;
    struct gord_reader_totals totals;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(gord_reader_totals(reader, &totals), 0);
    CHECK_EQ(totals.live, 100);
    CHECK_EQ(totals.terminated, 400);
    CHECK_EQ(totals.ended[GOR__V1__OUTCOME__SUCCEEDED], 200);
    CHECK_EQ(totals.ended[GOR__V1__OUTCOME__FAILED], 150);
    CHECK_EQ(totals.ended[GOR__V1__OUTCOME__CANCELLED], 50);
    CHECK_EQ(totals.last_seq, box.committed);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

struct trail {
    uint64_t first;
    uint64_t last;
    size_t count;
    uint64_t job_id; /* 0: any */
};

static int follow(void *arg, struct gord_event *event, const char *name)
{
    struct trail *trail = arg;
    char expected[8];
    snprintf(expected, sizeof expected, "a%u", (unsigned)(event->job_id % 10));
    CHECK_STR(name, expected);
    CHECK(trail->job_id == 0 || event->job_id == trail->job_id);
    CHECK_INT(event->seq, >, trail->last);
    trail->first = trail->count == 0 ? event->seq : trail->first;
    trail->last = event->seq;
    trail->count++;
    return 0;
}

TEST(events_come_in_pages_without_gaps)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    struct gord_reader *reader = box_reader(&box);
    for (size_t limit = 1; limit < 3000; limit = limit * 3 + 4) {
        uint64_t after = 0;
        for (;;) {
            struct trail trail = {.last = after};
            CHECK_EQ(gord_reader_events(reader, after, limit, follow, &trail), 0);
            if (trail.count == 0) {
                break;
            }
            CHECK_EQ(trail.first, after + 1);
            CHECK_EQ(trail.last - after, trail.count);
            CHECK_INT(trail.count, <=, limit);
            after = trail.last;
        }
        CHECK_EQ(after, box.committed);
    }
    struct trail trail = {0};
    CHECK_EQ(gord_reader_events(reader, UINT64_MAX, 5, follow, &trail), 0);
    CHECK_EQ(gord_reader_events(reader, 0, 0, follow, &trail), 0);
    CHECK_EQ(trail.count, 0);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(events_of_one_job_are_its_own_and_the_newest)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    for (int i = 0; i < 1000; i++) { /* job 2 runs: give it a long life among others' events */
        box_put(&box, gord_event_state(
                          2, i % 2 == 0 ? GOR__V1__JOB_STATE__WAITING : GOR__V1__JOB_STATE__RUNNING,
                          "chan receive"));
        if (i % 50 == 0) {
            box_settle(&box);
        }
    }
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    for (uint64_t id = 1; id <= JOBS; id++) {
        struct trail trail = {.job_id = id};
        CHECK_EQ(gord_reader_job_events(reader, id, 5000, follow, &trail), 0);
        CHECK_EQ(trail.count, id == 2 ? 1003 : id % 10 == 1 ? 2 : id % 10 == 2 ? 3 : 4);
    }
    struct trail trail = {.job_id = 2};
    CHECK_EQ(gord_reader_job_events(reader, 2, 10, follow, &trail), 0);
    CHECK_EQ(trail.count, 10);
    CHECK_EQ(trail.last, box.committed);
    CHECK_EQ(gord_reader_job_events(reader, JOBS + 1, 10, follow, &trail), -ENOENT);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

struct recovery {
    struct gord_job_table *table;
    size_t events;
};

static int recover(void *arg, struct gord_event *event)
{
    struct recovery *recovery = arg;
    recovery->events++;
    CHECK_EQ(gord_job_apply(recovery->table, event), 0);
    return 0;
}

static int give(void *arg, const struct gord_row *row)
{
    CHECK_EQ(gord_job_give_spec(arg, row->id, row->spec, row->uid, row->created_ns), 0);
    return 0;
}

TEST(restart_finds_every_live_job_as_it_was)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    fill(&box);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    struct gord_reader *reader = box_reader(&box);
    struct recovery recovery = {box.table, 0};
    CHECK_EQ(gord_reader_recover(reader, 10, recover, &recovery), 0);
    CHECK_EQ(recovery.events, 50 * 2 + 50 * 3);
    CHECK(gord_job_table_is_valid(box.table));
    const struct gord_job_counts *counts = gord_job_counts(box.table);
    CHECK_EQ(counts->by_state[GOR__V1__JOB_STATE__RUNNABLE], 50);
    CHECK_EQ(counts->by_state[GOR__V1__JOB_STATE__RUNNING], 50);
    CHECK_EQ(counts->specs, 10);
    for (uint64_t id = 1; id <= JOBS; id++) {
        struct gord_job *job = gord_job_find(box.table, id);
        CHECK_EQ(job != NULL, id % 10 == 1 || id % 10 == 2);
        if (id % 10 == 2) {
            CHECK_EQ(job->body->goroutine, id);
            CHECK_STR(job->body->spec->name, "a2");
        }
    }
    /* The one whose turn it is, beyond the window, gets its spec back with its neighbours'. */
    CHECK(!gord_job_has_spec(gord_job_find(box.table, 101)));
    CHECK_EQ(gord_reader_specs(reader, 101, 20, give, box.table), 0);
    CHECK(gord_job_has_spec(gord_job_find(box.table, 101)));
    CHECK(gord_job_has_spec(gord_job_find(box.table, 191)));
    CHECK(!gord_job_has_spec(gord_job_find(box.table, 201)));
    CHECK(gord_job_table_is_valid(box.table));
    CHECK_EQ(gord_job_take(box.table, GORD_NATIVE)->id, 1);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(long_scans_come_in_short_pages)
{
    struct box box;
    struct got got = {.count = 0};
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    box_submit(&box, native_spec("needle", 0));
    for (int i = 0; i < 45000; i++) {
        box_submit(&box, native_spec("hay", 0));
    }
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    struct gord_filter filter = {.name_contains = "needle", .limit = 10};
    int pages = 0;
    do {
        CHECK_EQ(gord_reader_list(reader, &filter, get, &got, &filter.before_id), 0);
        pages++;
    } while (filter.before_id != 0);
    CHECK_EQ(got.count, 1);
    CHECK_EQ(got.ids[0], 1);
    CHECK_EQ(pages, 3);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

TEST(no_database_is_an_error)
{
    struct gord_reader *reader = NULL;
    CHECK_INT(gord_reader_open("/nowhere/gord.db", &reader), <, 0);
    CHECK(reader == NULL);
    gord_reader_close(NULL);
}

TEST(reader_knows_how_what_has_ended_did_and_nothing_of_the_rest)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    fill(&box);
    struct gord_reader *reader = box_reader(&box);
    Gor__V1__Outcome outcome = GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
    bool started = false;
    CHECK_EQ(gord_reader_ended(reader, 5, &outcome, &started), 0);
    CHECK_EQ(outcome, GOR__V1__OUTCOME__SUCCEEDED);
    CHECK(started);
    CHECK_EQ(gord_reader_ended(reader, 7, &outcome, &started), 0);
    CHECK_EQ(outcome, GOR__V1__OUTCOME__FAILED);
    CHECK_EQ(gord_reader_ended(reader, 1, &outcome, &started), -ENOENT); /* waits */
    CHECK_EQ(gord_reader_ended(reader, 2, &outcome, &started), -ENOENT); /* runs */
    CHECK_EQ(gord_reader_ended(reader, JOBS + 1, &outcome, &started), -ENOENT);
    CHECK_EQ(gord_reader_ended(reader, UINT64_MAX, &outcome, &started), -ENOENT);
    CHECK_EQ(outcome, GOR__V1__OUTCOME__FAILED); /* untouched */
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

static struct gord_spec *task_spec(uint64_t group_id, uint32_t index)
{
    Gor__V1__ArrayTask task = GOR__V1__ARRAY_TASK__INIT;
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    task.array_id = group_id;
    task.index = index;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.task = &task;
    wire.parent_id = group_id;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

enum { TASKS = 5 };

/* Which job has which index. */
static int note_task(void *arg, uint64_t id, uint32_t index)
{
    uint64_t *ids = arg;
    CHECK_INT(index, <, TASKS);
    ids[index] = id;
    return 0;
}

static int stop_there(void *arg, uint64_t id, uint32_t index)
{
    (void)arg, (void)id, (void)index;
    return 7;
}

TEST(reader_tells_which_job_is_which_task_of_a_group)
{
    struct box box;
    uint64_t first = 0, ids[TASKS] = {0};
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    uint64_t group = box_submit(&box, native_spec("g", 0));
    uint64_t other = box_submit(&box, native_spec("o", 0));
    for (uint32_t i = 0; i < TASKS; i++) {
        (void)box_submit(&box, task_spec(i == 2 ? other : group, TASKS - 1 - i));
    }
    uint64_t no_task = box_submit(&box, native_spec("c", other));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(gord_reader_first_task(reader, group, &first), 0);
    CHECK_EQ(first, other + 1);
    CHECK_EQ(gord_reader_tasks(reader, group, note_task, ids), 0);
    for (uint32_t i = 0; i < TASKS; i++) {
        CHECK_EQ(ids[i], i == 2 ? 0 : first + TASKS - 1 - i); /* one is another's */
    }
    CHECK_EQ(gord_reader_tasks(reader, group, stop_there, NULL), 7);
    CHECK_EQ(gord_reader_tasks(reader, first, stop_there, NULL), 0);
    CHECK_EQ(gord_reader_tasks(reader, UINT64_MAX, stop_there, NULL), 0);
    CHECK_EQ(gord_reader_tasks(reader, other, note_task, ids), -EBADMSG);
    CHECK_EQ(no_task, other + TASKS + 1);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}
