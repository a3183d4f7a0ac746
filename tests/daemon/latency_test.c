/* SPDX-License-Identifier: MIT */
/* How long jobs of queues wait and run: what is counted, where, and which queues are shown. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job/latency.h"
#include "daemon/job/queues.h"
#include "daemon/service/queue_figures.h"
#include "tests/daemon/specs.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define DAY (86400 * SECOND)
#define START (1000 * DAY)

static void happens(struct gord_job_table *table, struct gord_event *event, int64_t at_ns)
{
    CHECK(event != NULL);
    event->at_ns = at_ns;
    apply(table, event);
    commit_all(table);
}

static uint64_t enqueue(struct gord_job_table *table, const char *queue, int64_t at_ns)
{
    struct gord_spec *spec = native_spec_in(queue);
    uint64_t id = gord_job_next_id(table);
    happens(table, gord_event_submitted(id, spec, 1000), at_ns - 5 * SECOND);
    happens(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL), at_ns);
    gord_spec_unref(spec);
    return id;
}

static void begin(struct gord_job_table *table, uint64_t id, int64_t at_ns)
{
    struct gord_job *job = gord_job_take(table, GORD_NATIVE);
    CHECK(job != NULL);
    CHECK_EQ(job->id, id);
    happens(table, gord_event_started(id, 1, 0, 0), at_ns);
}

static void end(struct gord_job_table *table, uint64_t id, int64_t at_ns)
{
    happens(table, gord_event_finished(id, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL), at_ns);
}

/* A job of that queue waits and runs for so long. */
static void run(struct gord_job_table *table, const char *queue, int64_t wait_ns, int64_t run_ns)
{
    uint64_t id = enqueue(table, queue, START);
    begin(table, id, START + wait_ns);
    end(table, id, START + wait_ns + run_ns);
}

/* What is told of that queue, or of the rest (""). false: nothing. */
static bool look(const struct gord_job_table *table, const char *name,
                 struct gord_queue_figures *out)
{
    struct gord_queue_figures *queues = NULL;
    int count = gord_latency_gather(table, &queues);
    bool found = false;
    CHECK(count > 0);
    for (int i = 0; i < count; i++) {
        if (strcmp(queues[i].name, name) == 0) {
            CHECK(!found);
            *out = queues[i];
            found = true;
        }
    }
    free(queues);
    return found;
}

static uint64_t total(const struct gord_histogram *histogram)
{
    uint64_t count = 0;
    for (int i = 0; i <= GORD_LATENCY_BOUNDS; i++) {
        count += histogram->counts[i];
    }
    return count;
}

TEST(latency_bounds_rise_from_a_millisecond_to_a_day)
{
    CHECK_EQ(gord_latency_bound_ns(0), MS);
    for (int i = 1; i < GORD_LATENCY_BOUNDS; i++) {
        CHECK(gord_latency_bound_ns(i) > gord_latency_bound_ns(i - 1));
    }
    CHECK_EQ(gord_latency_bound_ns(GORD_LATENCY_BOUNDS - 1), DAY);
}

TEST(latency_counts_waits_and_runs_in_the_buckets_they_belong_to)
{
    struct gord_job_table *table = new_table(0);
    struct gord_queue_figures queue;
    CHECK(look(table, "default", &queue));
    CHECK(!queue.has_latency); /* it has had no job, so there is no memory for it */
    for (int i = 0; i < GORD_LATENCY_BOUNDS; i++) {
        run(table, "", gord_latency_bound_ns(i), gord_latency_bound_ns(i) + 1);
    }
    run(table, "", -SECOND, -2 * SECOND); /* the clock was set back */
    CHECK(look(table, "default", &queue));
    CHECK(queue.has_latency);
    CHECK_EQ(queue.latency.since_ns, START + MS);
    CHECK_EQ(queue.latency.wait.counts[0], 2);
    CHECK_EQ(queue.latency.run.counts[0], 1);
    for (int i = 1; i <= GORD_LATENCY_BOUNDS; i++) {
        CHECK_EQ(queue.latency.wait.counts[i], i < GORD_LATENCY_BOUNDS);
        CHECK_EQ(queue.latency.run.counts[i], 1);
    }
    double sum_ns = 0;
    for (int i = 0; i < GORD_LATENCY_BOUNDS; i++) {
        sum_ns += (double)gord_latency_bound_ns(i);
    }
    CHECK(queue.latency.wait.sum_ns == sum_ns);
    CHECK(queue.latency.run.sum_ns == sum_ns + GORD_LATENCY_BOUNDS);
    gord_job_table_free(table);
}

TEST(latency_counts_each_attempt_and_not_what_never_ran)
{
    struct gord_job_table *table = new_table(0);
    struct gord_queue_figures queue;
    uint64_t id = enqueue(table, "", START);
    begin(table, id, START + 2 * SECOND);
    happens(table, gord_event_started(id, 1, 4711, 1), START + 3 * SECOND); /* its process */
    happens(table, gord_event_new(GORD_EVENT_RETRYING, id, "exit code 1"), START + 5 * SECOND);
    happens(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL), START + 60 * SECOND);
    begin(table, id, START + 61 * SECOND);
    happens(table, gord_event_new(GORD_EVENT_REQUEUED, id, "again"), START + 71 * SECOND);
    begin(table, id, START + 72 * SECOND);
    end(table, id, START + 73 * SECOND);
    CHECK(look(table, "default", &queue));
    CHECK_EQ(total(&queue.latency.wait), 3);
    CHECK(queue.latency.wait.sum_ns == (double)(4 * SECOND));
    CHECK_EQ(total(&queue.latency.run), 3);
    CHECK(queue.latency.run.sum_ns == (double)(14 * SECOND));

    id = enqueue(table, "", START); /* ended while it is queued, and while it is being started */
    end(table, id, START + SECOND);
    id = enqueue(table, "", START);
    CHECK(gord_job_take(table, GORD_NATIVE) != NULL);
    end(table, id, START + SECOND);
    CHECK(look(table, "default", &queue));
    CHECK_EQ(total(&queue.latency.wait), 3);
    CHECK_EQ(total(&queue.latency.run), 3);
    gord_job_table_free(table);
}

TEST(latency_of_jobs_beyond_the_window_is_about_right)
{
    struct gord_job_table *table = new_table(1);
    struct gord_queue_figures queue;
    uint64_t first = enqueue(table, "", START);
    (void)enqueue(table, "", START);
    for (uint64_t id = first; id < first + 2; id++) {
        struct gord_job *job = gord_job_take(table, GORD_NATIVE);
        CHECK(job != NULL);
        CHECK_EQ(job->id, id);
        CHECK_EQ(gord_job_has_spec(job), id == first);
        if (!gord_job_has_spec(job)) {
            struct gord_spec *spec = native_spec_in("");
            CHECK_EQ(gord_job_give_spec(table, id, spec, 1000, START), 0);
            gord_spec_unref(spec);
        }
        happens(table, gord_event_started(id, 1, 0, 0), START + 100 * SECOND);
        end(table, id, START + 100 * SECOND);
    }
    CHECK(look(table, "default", &queue));
    CHECK_EQ(total(&queue.latency.wait), 2);
    CHECK(queue.latency.wait.sum_ns >= (double)(199 * SECOND));
    CHECK(queue.latency.wait.sum_ns <= (double)(206 * SECOND));
    gord_job_table_free(table);
}

TEST(latency_of_restored_events_is_not_counted_again)
{
    struct gord_job_table *table = new_table(0);
    struct gord_queue_figures queue;
    uint64_t id = enqueue(table, "", START);
    struct gord_event *started = gord_event_started(id, 1, 0, 0);
    started->seq = gord_job_next_seq(table); /* as the store gives it */
    apply(table, started);
    CHECK(look(table, "default", &queue));
    CHECK(!queue.has_latency);
    gord_job_table_free(table);
}

static void make_queue(struct gord_job_table *table, int number, char name[16])
{
    snprintf(name, 16, "q%d", number);
    CHECK_EQ(gord_queues_set(table, GORD_QUEUE, name, 1), 0);
}

TEST(latency_shows_a_bounded_number_of_queues_and_the_rest_together)
{
    struct gord_job_table *table = new_table(0);
    struct gord_queue_figures queue;
    char name[16];
    for (int i = 1; i < GORD_LATENCY_QUEUES; i++) { /* beside the default queue */
        make_queue(table, i, name);
        CHECK(look(table, name, &queue));
        CHECK_EQ(queue.slots, 1);
    }
    CHECK(!look(table, "", &queue));
    make_queue(table, 1000, name);
    make_queue(table, 1001, name);
    CHECK(!look(table, name, &queue));
    CHECK(look(table, "", &queue));
    CHECK_EQ(queue.slots, 2);
    CHECK(!queue.has_latency);
    run(table, "q1000", SECOND, SECOND);
    run(table, "q5", SECOND, SECOND);
    (void)enqueue(table, "q1001", START);
    CHECK(look(table, "", &queue));
    CHECK_EQ(queue.queued, 1);
    CHECK_EQ(total(&queue.latency.run), 1);

    /* A place that one leaves goes to another, whose count begins then; what was counted of it stays. */
    CHECK_EQ(gord_queues_remove(table, GORD_QUEUE, "q5"), 0);
    CHECK(!look(table, "q5", &queue));
    CHECK(look(table, "q1000", &queue));
    CHECK(!queue.has_latency);
    CHECK(look(table, "", &queue));
    CHECK_EQ(queue.slots, 1);
    CHECK_EQ(total(&queue.latency.run), 1);
    make_queue(table, 5, name); /* made again, it is none of the first */
    CHECK(!look(table, "q5", &queue));
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(latency_goes_with_its_queue)
{
    struct gord_job_table *table = new_table(0);
    struct gord_queue_figures queue;
    char name[16];
    make_queue(table, 1, name);
    run(table, "q1", SECOND, SECOND);
    CHECK(look(table, "q1", &queue));
    CHECK(queue.has_latency);
    CHECK_EQ(gord_queues_remove(table, GORD_QUEUE, "q1"), 0);
    CHECK(!look(table, "q1", &queue));
    CHECK(!look(table, "", &queue)); /* there is nothing else to tell */
    make_queue(table, 1, name);
    CHECK(look(table, "q1", &queue));
    CHECK(!queue.has_latency);
    gord_job_table_free(table);
}

TEST(queue_figures_escape_what_labels_cannot_hold)
{
    struct gord_queue_figures queue = {.name = "a\"b\\c\nd", .queued = 3, .slots = GORD_UNLIMITED};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    CHECK(out != NULL);
    gord_queue_figures_write(&queue, 1, out);
    CHECK_EQ(fclose(out), 0);
    CHECK(strstr(text, "gord_queue_jobs{queue=\"a\\\"b\\\\c\\nd\",state=\"queued\"} 3\n") != NULL);
    CHECK(strstr(text, "gord_queue_slots") == NULL);
    CHECK(strstr(text, "_seconds") == NULL);
    free(text);
}
