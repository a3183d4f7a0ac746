/* SPDX-License-Identifier: MIT */
/* kill -9 at random moments: what was acknowledged is there, nothing is there twice, ids go on. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/daemon/stores.h"

enum { ROUNDS = 25, BURST = 200 };

/* What the child tells after each commit. */
struct report {
    uint64_t next_id;   /* ids below it were given */
    uint64_t committed; /* acknowledged */
};

/* Submit, run and finish jobs for ever, reporting each commit. */
static void write_for_ever(const char *dir, int out)
{
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    uint64_t told = box.committed;
    for (;;) {
        for (int i = 0; i < BURST; i++) {
            box_submit(&box, exec_spec("job", i % 2 == 0 ? "A=1" : "A=2"));
        }
        struct gord_job *job;
        while ((job = gord_job_take(box.table, GORD_EXEC)) != NULL) {
            box_run(&box, job->id, GOR__V1__OUTCOME__FAILED, 3);
        }
        (void)uv_run(&box.loop, UV_RUN_ONCE);
        if (box.committed > told) {
            struct report report = {gord_job_next_id(box.table), box.committed};
            told = box.committed;
            CHECK_EQ(write(out, &report, sizeof report), (ssize_t)sizeof report);
        }
    }
}

/* Start the writer, kill it after `reports` commits and a random while; the last it reported. */
static struct report run_and_kill(const char *dir, int reports, long delay_us)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        write_for_ever(dir, ends[1]);
    }
    close(ends[1]);
    struct report last = {0, 0}, report;
    for (int i = 0; i < reports; i++) {
        CHECK_EQ(read(ends[0], &report, sizeof report), (ssize_t)sizeof report);
        last = report;
    }
    /* The moment itself is what this is about: anywhere within the next transactions. */
    struct timespec delay = {0, delay_us * 1000};
    (void)nanosleep(&delay, NULL);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    while (read(ends[0], &report, sizeof report) == (ssize_t)sizeof report) {
        last = report;
    }
    close(ends[0]);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return last;
}

struct census {
    uint64_t seq;
    uint64_t submitted;
    uint64_t finished;
    uint64_t last_id;
};

static int count_event(void *arg, struct gord_event *event, const char *name)
{
    struct census *census = arg;
    (void)name;
    CHECK_EQ(event->seq, ++census->seq);
    if (event->kind == GORD_EVENT_SUBMITTED) {
        CHECK_INT(event->job_id, >, census->last_id); /* no id was given twice */
        census->last_id = event->job_id;
        census->submitted++;
    }
    census->finished += event->kind == GORD_EVENT_FINISHED;
    return 0;
}

static int settle(void *arg, struct gord_job *job)
{
    struct box *box = arg;
    struct gord_event *event =
        gord_event_finished(job->id, GOR__V1__OUTCOME__LOST, 0, 0, "gord was killed");
    box_put(box, event);
    return 0;
}

static int restore(void *arg, struct gord_event *event)
{
    CHECK_EQ(gord_job_apply(((struct box *)arg)->table, event), 0);
    return 0;
}

static void check_store(const char *dir, const struct report *report)
{
    struct box box;
    struct census census = {0};
    struct gord_reader_totals totals;
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_INT(box.start.next_seq, >, report->committed);
    CHECK_INT(box.start.next_id, <=, report->next_id + 1000000);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(gord_reader_events(reader, 0, SIZE_MAX, count_event, &census), 0);
    CHECK_EQ(census.seq, box.start.next_seq - 1);
    CHECK_EQ(census.last_id, box.start.next_id - 1);
    CHECK_EQ(gord_reader_totals(reader, &totals), 0);
    CHECK_EQ(totals.live, census.submitted - census.finished);
    CHECK_EQ(totals.terminated, census.finished);
    /* As the daemon does at its start: what was there goes on, or is settled. */
    CHECK_EQ(gord_reader_recover(reader, 100, restore, &box), 0);
    CHECK(gord_job_table_is_valid(box.table));
    const struct gord_job_counts *counts = gord_job_counts(box.table);
    uint64_t live = 0;
    for (int i = 0; i < GORD_STATE_COUNT; i++) {
        live += counts->by_state[i];
    }
    CHECK_EQ(live, totals.live);
    gord_reader_close(reader);
    CHECK_EQ(gord_job_each(box.table, settle, &box), 0);
    CHECK_EQ(box_close(&box), 0);
}

TEST(acknowledged_events_survive_kill_9)
{
    char dir[128];
    snprintf(dir, sizeof dir, "%s", fresh_dir());
    uint64_t random = test_seed(), acknowledged = 0;
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        struct report report =
            run_and_kill(dir, 1 + (int)(random >> 60), (long)(random >> 40 & 0x3fff));
        CHECK_INT(report.committed, >, acknowledged);
        acknowledged = report.committed;
        check_store(dir, &report);
    }
}
