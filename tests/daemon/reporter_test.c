/* SPDX-License-Identifier: MIT */
/* Where jobs leave progress and results, and in which order they are looked at. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/container.h"
#include "daemon/runner/reporter.h"
#include "daemon/runner/run.h"
#include "tests/test.h"

enum { RUNS = 3 };

/* Some runs as far as they report, and a loop that hears of their first words. */
struct fixture {
    uv_loop_t loop;
    struct gord_inbox errands;
    struct gord_run_env env;
    struct gord_spec *spec; /* without a heartbeat */
    struct gord_run runs[RUNS];
    struct gord_reporters reporters;
    uint64_t cursor;
    uint64_t seen[16]; /* ids, as visited */
    size_t count;
    size_t room; /* visits before one is refused */
};

static void on_errand(void *arg, struct gord_inbox_item *item)
{
    struct fixture *f = arg;
    struct gord_reporter *reporter = CONTAINER_OF(item, struct gord_reporter, announce.link);
    gord_reporters_add(&f->reporters, reporter);
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    CHECK_EQ(uv_loop_init(&f->loop), 0);
    CHECK_EQ(gord_inbox_init(&f->errands, &f->loop, on_errand, f), 0);
    f->env.errands = &f->errands;
    f->spec = calloc(1, sizeof *f->spec);
    CHECK(f->spec != NULL);
    gord_reporters_init(&f->reporters);
    f->room = 16;
    for (uint64_t i = 0; i < RUNS; i++) {
        f->runs[i].id = i + 1;
        f->runs[i].env = &f->env;
        f->runs[i].spec = f->spec;
        atomic_init(&f->runs[i].refs, 1000); /* they are never freed */
    }
}

static void end(struct fixture *f)
{
    gord_inbox_close(&f->errands);
    for (int i = 0; i < RUNS; i++) {
        gord_reporter_free(atomic_load(&f->runs[i].reporter));
    }
    CHECK_EQ(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&f->loop), 0);
    free(f->spec);
}

static int visit(void *arg, const struct gord_run *run, const struct gord_report *report)
{
    struct fixture *f = arg;
    CHECK(report->has_progress);
    if (f->count == f->room) {
        return 1;
    }
    f->seen[f->count++] = run->id;
    return 0;
}

/* Look, and visit what is new: the ids as one number, 321 for 3, 2, 1. */
static uint64_t look(struct fixture *f)
{
    uint64_t ids = 0;
    gord_inbox_drain(&f->errands);
    gord_reporters_look(&f->reporters);
    f->count = 0;
    (void)gord_reporters_each(&f->reporters, &f->cursor, visit, f);
    for (size_t i = 0; i < f->count; i++) {
        ids = ids * 10 + f->seen[i];
    }
    return ids;
}

static void tell(struct fixture *f, int id)
{
    CHECK_EQ(gord_run_tell(&f->runs[id - 1], 1, 2, "text"), 0);
}

TEST(progress_is_seen_once_and_in_the_order_of_looks)
{
    struct fixture f;
    begin(&f);
    CHECK_EQ(look(&f), 0);
    tell(&f, 2);
    tell(&f, 2);
    CHECK_EQ(look(&f), 2);
    CHECK_EQ(look(&f), 0);
    tell(&f, 1);
    CHECK_EQ(look(&f), 1);
    tell(&f, 3);
    tell(&f, 2);
    CHECK_EQ(look(&f) % 10 + f.seen[0], 5); /* both, in any order */
    CHECK_EQ(f.count, 2);
    f.cursor = 0; /* somebody new */
    CHECK_EQ(look(&f) > 100, true);
    CHECK_EQ(f.seen[0], 1);
    end(&f);
}

TEST(progress_not_taken_is_offered_again)
{
    struct fixture f;
    begin(&f);
    for (int id = 1; id <= RUNS; id++) {
        tell(&f, id);
        (void)look(&f);
    }
    f.cursor = 0;
    f.room = 1;
    CHECK_EQ(look(&f), 1);
    CHECK_EQ(look(&f), 2);
    f.room = 16;
    CHECK_EQ(look(&f), 3);
    CHECK_EQ(look(&f), 0);
    end(&f);
}

TEST(progress_of_ended_jobs_is_not_looked_at)
{
    struct fixture f;
    begin(&f);
    tell(&f, 1);
    tell(&f, 2);
    gord_inbox_drain(&f.errands);
    gord_reporters_remove(atomic_load(&f.runs[0].reporter));
    gord_reporters_remove(atomic_load(&f.runs[0].reporter));
    gord_reporters_remove(NULL);
    CHECK_EQ(look(&f), 2);
    end(&f);
}

TEST(result_is_set_extended_refused_and_dropped)
{
    static const char much[GORD_RESULT_BYTES + 1];
    struct fixture f;
    begin(&f);
    struct gord_run *run = &f.runs[0];
    CHECK(gord_run_report(run) == NULL);
    CHECK_EQ(gord_run_add_result(run, "ab", 2), 0);
    CHECK_EQ(gord_run_add_result(run, "c", 1), 0);
    CHECK_EQ(gord_run_add_result(run, much, GORD_RESULT_BYTES), -EMSGSIZE);
    struct gord_report *report = gord_run_report(run);
    CHECK(report != NULL && !report->has_progress);
    CHECK_EQ(report->result_bytes, 3);
    CHECK(memcmp(report->result, "abc", 3) == 0);
    gord_report_unref(report);
    CHECK_EQ(gord_run_set_result(run, much, sizeof much), -EMSGSIZE);
    CHECK_EQ(gord_run_set_result(run, "", 0), 0);
    report = gord_run_report(run);
    CHECK(report->has_result && report->result_bytes == 0);
    gord_report_unref(report);
    gord_run_drop_result(run);
    report = gord_run_report(run);
    CHECK(!report->has_result);
    gord_report_unref(report);
    gord_run_drop_result(&f.runs[1]);
    CHECK(gord_run_progress(run) == NULL && gord_run_progress(&f.runs[1]) == NULL);
    end(&f);
}

static void *tell_much(void *arg)
{
    for (uint64_t i = 0; i < 10000; i++) {
        CHECK_EQ(gord_run_tell(arg, i, 10000, "much"), 0);
    }
    return NULL;
}

/* All begin at once, so that they race for the first word, too. */
TEST(progress_from_many_threads)
{
    struct fixture f;
    pthread_t threads[4];
    begin(&f);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, tell_much, &f.runs[0]), 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)look(&f);
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    (void)look(&f);
    struct gord_report *report = gord_run_progress(&f.runs[0]);
    CHECK_STR(report->progress.text, "much");
    gord_report_unref(report);
    CHECK(f.reporters.list.next == f.reporters.list.prev);
    end(&f);
}
