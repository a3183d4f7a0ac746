/* SPDX-License-Identifier: MIT */
/* The job table and gord_job_apply(): every legal step, every illegal one. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/job/job.h"
#include "tests/daemon/specs.h"

enum { FRESH = 0 };

/* A table with job 1 in the state. */
static struct gord_job_table *table_in(int state)
{
    struct gord_job_table *table = new_table(0);
    if (state == FRESH) {
        return table;
    }
    struct gord_spec *spec = native_spec("one", 0);
    uint64_t id = gord_job_next_id(table);
    apply(table, gord_event_submitted(id, spec, 1000));
    gord_spec_unref(spec);
    if (state >= GOR__V1__JOB_STATE__RUNNABLE) {
        apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    }
    if (state >= GOR__V1__JOB_STATE__RUNNABLE) {
        commit_all(table);
        CHECK(gord_job_take(table, GORD_NATIVE) == gord_job_find(table, id));
    }
    if (state >= GOR__V1__JOB_STATE__RUNNING) {
        apply(table, gord_event_started(id, 5, 0, 0));
    }
    if (state == GOR__V1__JOB_STATE__WAITING) {
        apply(table, gord_event_state(id, GOR__V1__JOB_STATE__WAITING, "sleep"));
    }
    if (state == GOR__V1__JOB_STATE__TERMINATED) {
        apply(table, gord_event_finished(id, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL));
    }
    return table;
}

/* Job 1 lives again, submitted then, whose last event was `prev_seq`. */
static struct gord_event *revived(struct gord_spec *spec, uint64_t prev_seq, int64_t created_ns)
{
    struct gord_event *event =
        gord_event_standing(GORD_EVENT_REVIVED, 1, gord_standing_copy(NULL), "by user 1");
    event->spec = gord_spec_ref(spec);
    event->job_kind = (uint8_t)spec->kind;
    event->uid = 1000;
    event->prev_seq = prev_seq;
    event->started_ns = created_ns;
    return event;
}

/* The job is to do that. */
static struct gord_event *updated(struct gord_spec *spec, uint64_t id)
{
    struct gord_standing *standing = gord_standing_copy(NULL);
    standing->version = 1;
    struct gord_event *event = gord_event_standing(GORD_EVENT_UPDATED, id, standing, "why");
    event->spec = gord_spec_ref(spec);
    return event;
}

static struct gord_event *event_of(enum gord_event_kind kind, struct gord_spec *spec)
{
    switch (kind) {
    case GORD_EVENT_SUBMITTED:
        return gord_event_submitted(1, spec, 1000);
    case GORD_EVENT_STARTED:
        return gord_event_started(1, 9, 0, 0);
    case GORD_EVENT_STATE:
        return gord_event_state(1, GOR__V1__JOB_STATE__WAITING, "chan receive");
    case GORD_EVENT_FINISHED:
        return gord_event_finished(1, GOR__V1__OUTCOME__FAILED, 3, 0, "no luck");
    case GORD_EVENT_REVIVED:
        return revived(spec, 0, 0);
    case GORD_EVENT_UPDATED:
        return updated(spec, 1);
    default:
        return gord_event_new(kind, 1, "why");
    }
}

/* The state after each kind from each state; 0: illegal. */
static const uint8_t after[GORD_EVENT_KIND_COUNT][GORD_STATE_COUNT] = {
    /*                   none C  R  r  W  T */
    [GORD_EVENT_SUBMITTED] = {1, 0, 0, 0, 0, 0},
    [GORD_EVENT_QUEUED] = {0, 2, 0, 0, 0, 0},
    [GORD_EVENT_STARTED] = {0, 0, 3, 3, 0, 0},
    [GORD_EVENT_STATE] = {0, 0, 0, 4, 4, 0},
    [GORD_EVENT_CANCEL_REQUESTED] = {0, 1, 2, 3, 4, 0},
    [GORD_EVENT_FINISHED] = {0, 5, 5, 5, 5, 0},
    [GORD_EVENT_RECOVERED] = {0, 0, 0, 3, 4, 0},
    [GORD_EVENT_GATED] = {0, 1, 0, 0, 0, 0},
    [GORD_EVENT_TERMINATE_REQUESTED] = {0, 1, 2, 3, 4, 0},
    [GORD_EVENT_RETRYING] = {0, 0, 0, 4, 4, 0},
    [GORD_EVENT_REQUEUED] = {0, 0, 0, 2, 2, 0},
    [GORD_EVENT_UPDATED] = {0, 1, 0, 0, 0, 0},
    [GORD_EVENT_REVIVED] = {1, 0, 0, 0, 0, 0},
    [GORD_EVENT_USED] = {0, 0, 0, 3, 4, 0},
    [GORD_EVENT_SIGNALLED] = {0, 0, 0, 3, 4, 0},
    [GORD_EVENT_STUCK] = {0, 0, 0, 3, 4, 0},
    [GORD_EVENT_ALIVE] = {0, 0, 0, 3, 4, 0},
};

static void check_legal(int kind, int state)
{
    struct gord_job_table *table = table_in(state);
    struct gord_job *job = gord_job_find(table, 1);
    uint64_t seq = gord_job_next_seq(table), former = job != NULL ? job->last_seq : 0;
    struct gord_spec *spec = native_spec("one", 0);
    CHECK(gord_job_allows(job, kind));
    struct gord_event *event = event_of(kind, spec);
    CHECK_EQ(gord_job_apply(table, event), 0);
    job = gord_job_find(table, 1);
    CHECK_EQ(job->state, after[kind][state]);
    CHECK_EQ(event->state, job->state);
    CHECK_EQ(event->seq, seq);
    CHECK_EQ(event->prev_seq, former);
    CHECK_EQ(event->job_kind, GORD_NATIVE);
    CHECK(event->spec != NULL);
    CHECK_STR(event->spec->name, "one");
    CHECK_EQ(job->last_seq, seq);
    CHECK_EQ(gord_job_next_seq(table), seq + 1);
    if (GORD_EVENT_IS_ASIDE(kind)) {
        CHECK(strcmp(gord_job_reason(job), "why") != 0);
    } else {
        CHECK_STR(gord_job_reason(job), event->text);
    }
    CHECK_EQ(gord_job_counts(table)->by_state[job->state], 1);
    CHECK(gord_job_table_is_valid(table));
    gord_event_unref(event);
    gord_spec_unref(spec);
    gord_job_table_free(table);
}

/* The step must end the process by an assertion, so it is taken by a child. */
static void check_illegal(int kind, int state)
{
    struct gord_job_table *table = table_in(state);
    CHECK(!gord_job_allows(gord_job_find(table, 1), kind));
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        (void)!freopen("/dev/null", "w", stderr);
        struct gord_spec *spec = native_spec("one", 0);
        (void)gord_job_apply(table, event_of(kind, spec));
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    gord_job_table_free(table);
}

TEST(every_step_is_legal_or_an_assertion)
{
    for (int kind = 0; kind < GORD_EVENT_KIND_COUNT; kind++) {
        for (int state = 0; state < GORD_STATE_COUNT; state++) {
            if (after[kind][state] != 0) {
                check_legal(kind, state);
            } else {
                check_illegal(kind, state);
            }
        }
    }
}

TEST(life_of_a_process_fills_the_job)
{
    struct gord_job_table *table = new_table(0);
    uint64_t id = submit(table, exec_spec("list", "A=b"));
    struct gord_job *job = gord_job_find(table, id);
    CHECK_EQ(job->kind, GORD_EXEC);
    CHECK_EQ(job->body->uid, 1000);
    commit_all(table);
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    CHECK(gord_job_take(table, GORD_EXEC) == job);
    CHECK(job->taken);
    apply(table, gord_event_started(id, 12, 0, 0));
    int64_t started = job->body->started_ns;
    CHECK(started >= job->body->created_ns);
    apply(table, gord_event_started(id, 12, 4321, 99));
    CHECK_EQ(job->body->started_ns, started);
    CHECK_EQ(job->body->pid, 4321);
    CHECK_EQ(job->body->pid_start, 99);
    CHECK_EQ(job->body->goroutine, 12);
    apply(table, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, id, "first"));
    apply(table, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, id, "second"));
    CHECK_STR(job->body->cancel->text, "first");
    CHECK_STR(gord_job_reason(job), "second");
    struct gord_event *end =
        gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 15, "cancelled: first");
    CHECK_EQ(gord_job_apply(table, end), 0);
    CHECK_EQ(end->started_ns, started);
    CHECK_EQ(end->pid, 4321);
    gord_event_unref(end);
    CHECK_EQ(job->outcome, GOR__V1__OUTCOME__CANCELLED);
    CHECK_EQ(gord_job_counts(table)->taken[GORD_EXEC], 0);
    CHECK_EQ(gord_job_counts(table)->ended[GOR__V1__OUTCOME__CANCELLED], 1);
    commit_all(table);
    CHECK(gord_job_find(table, id) == NULL);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

static bool is_stuck(const struct gord_job *job)
{
    return job->body->stuck != NULL;
}

TEST(job_is_stuck_until_it_is_alive_or_its_run_has_ended)
{
    struct gord_job_table *table = new_table(0);
    uint64_t id = submit(table, native_spec("quiet", 0));
    struct gord_job *job = gord_job_find(table, id);
    commit_all(table);
    CHECK(gord_job_take(table, GORD_NATIVE) == job);
    apply(table, gord_event_started(id, 12, 0, 0));
    apply(table, gord_event_new(GORD_EVENT_STUCK, id, "silent"));
    CHECK(is_stuck(job));
    apply(table, gord_event_state(id, GOR__V1__JOB_STATE__WAITING, "sleep"));
    CHECK(is_stuck(job));
    CHECK_STR(job->body->stuck->text, "silent");
    CHECK_STR(gord_job_reason(job), "sleep");
    apply(table, gord_event_new(GORD_EVENT_ALIVE, id, "back"));
    CHECK(!is_stuck(job));
    apply(table, gord_event_new(GORD_EVENT_STUCK, id, "silent again"));
    CHECK(is_stuck(job));
    apply(table,
          gord_event_standing(GORD_EVENT_REQUEUED, id, gord_standing_copy(NULL), "once more"));
    CHECK(!is_stuck(job));
    CHECK_EQ(gord_job_counts(table)->stuck, 2);
    CHECK(!gord_job_allows(job, GORD_EVENT_STUCK));
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(jobs_start_in_order_and_only_when_committed)
{
    struct gord_job_table *table = new_table(0);
    uint64_t a = submit(table, native_spec("a", 0));
    uint64_t x = submit(table, exec_spec("x", "A=b"));
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    gord_job_committed(table, 1); /* submitted, but not yet queued */
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    gord_job_committed(table, 2);
    uint64_t b = submit(table, native_spec("b", 0));
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, a);
    CHECK(gord_job_peek(table, GORD_NATIVE) == NULL);
    commit_all(table);
    CHECK_EQ(gord_job_peek(table, GORD_NATIVE)->id, b);
    CHECK_EQ(gord_job_counts(table)->queued[GORD_NATIVE], 1);
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, b);
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    CHECK_EQ(gord_job_take(table, GORD_EXEC)->id, x);
    CHECK_EQ(gord_job_counts(table)->taken[GORD_NATIVE], 2);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(job_that_ends_before_its_turn_leaves_the_queue)
{
    struct gord_job_table *table = new_table(0);
    uint64_t a = submit(table, native_spec("a", 0));
    uint64_t b = submit(table, native_spec("b", 0));
    commit_all(table);
    apply(table, gord_event_finished(a, GOR__V1__OUTCOME__CANCELLED, 0, 0, "not needed"));
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, b);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(terminated_job_stays_until_committed_and_unpinned)
{
    struct gord_job_table *table = table_in(GOR__V1__JOB_STATE__TERMINATED);
    struct gord_job *job = gord_job_find(table, 1);
    gord_job_pin(job);
    gord_job_pin(job);
    gord_job_committed(table, job->last_seq - 1);
    CHECK(gord_job_find(table, 1) == job);
    commit_all(table);
    CHECK(gord_job_find(table, 1) == job && job->kept);
    CHECK(gord_job_table_is_valid(table));
    gord_job_unpin(table, job);
    CHECK(gord_job_find(table, 1) == job);
    gord_job_unpin(table, job);
    CHECK(gord_job_find(table, 1) == NULL);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(specs_beyond_the_window_are_dropped_and_given_back)
{
    struct gord_job_table *table = new_table(3);
    uint64_t ids[10];
    for (int i = 0; i < 10; i++) {
        ids[i] = submit(table, native_spec("job", i == 8 ? ids[0] : 0));
    }
    CHECK_EQ(gord_job_counts(table)->specs, 10);
    commit_all(table);
    CHECK_EQ(gord_job_counts(table)->specs, 3);
    CHECK(gord_job_table_is_valid(table));
    int kept = 0;
    for (int i = 0; i < 10; i++) {
        kept += gord_job_has_spec(gord_job_find(table, ids[i]));
    }
    CHECK_EQ(kept, 3);
    CHECK(gord_job_has_spec(gord_job_find(table, ids[8]))); /* it has a parent */
    uint64_t dropped = gord_job_has_spec(gord_job_find(table, ids[1])) ? ids[2] : ids[1];
    struct gord_spec *spec = native_spec("job", 0);
    CHECK_EQ(gord_job_give_spec(table, dropped, spec, 77, 88), 0);
    CHECK_EQ(gord_job_give_spec(table, dropped, spec, 0, 0), 0); /* it has it already */
    CHECK_EQ(gord_job_find(table, dropped)->body->uid, 77);
    CHECK_EQ(gord_job_find(table, dropped)->body->created_ns, 88);
    CHECK_EQ(gord_job_give_spec(table, 999, spec, 0, 0), -ENOENT);
    gord_spec_unref(spec);
    CHECK_EQ(gord_job_counts(table)->specs, 4);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(dropped_job_can_be_cancelled)
{
    struct gord_job_table *table = new_table(1);
    for (int i = 0; i < 4; i++) {
        submit(table, native_spec("job", 0));
    }
    commit_all(table);
    uint64_t id = 0;
    for (uint64_t i = 1; i <= 4; i++) {
        id = gord_job_has_spec(gord_job_find(table, i)) ? id : i;
    }
    CHECK(id != 0);
    apply(table, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, id, "enough"));
    struct gord_event *end = gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, "enough");
    CHECK_EQ(gord_job_apply(table, end), 0);
    CHECK(end->spec == NULL);
    CHECK_STR(gord_job_reason(gord_job_find(table, id)), "enough");
    gord_event_unref(end);
    CHECK(gord_job_table_is_valid(table));
    commit_all(table);
    CHECK(gord_job_find(table, id) == NULL);
    gord_job_table_free(table);
}

TEST(children_are_known_while_they_live)
{
    struct gord_job_table *table = new_table(0);
    uint64_t parent = submit(table, native_spec("parent", 0)), ids[300], children[200];
    for (int i = 0; i < 200; i++) {
        children[i] = submit(table, native_spec("child", parent));
    }
    submit(table, native_spec("other", children[0]));
    CHECK_EQ(gord_job_children(table, parent, ids, 300), 200);
    CHECK_EQ(gord_job_children(table, parent, ids, 5), 200);
    CHECK_EQ(gord_job_children(table, 12345, ids, 5), 0);
    for (int i = 0; i < 200; i += 2) {
        apply(table, gord_event_finished(children[i], GOR__V1__OUTCOME__CANCELLED, 0, 0, ""));
    }
    CHECK_EQ(gord_job_children(table, parent, ids, 300), 100);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gord_job_find(table, ids[i])->state, GOR__V1__JOB_STATE__RUNNABLE);
    }
    commit_all(table);
    for (int i = 1; i < 200; i += 2) {
        apply(table, gord_event_finished(children[i], GOR__V1__OUTCOME__CANCELLED, 0, 0, ""));
    }
    CHECK_EQ(gord_job_children(table, parent, ids, 300), 0);
    CHECK_EQ(gord_job_children(table, children[0], ids, 300), 1);
    gord_job_table_free(table);
}

TEST(restored_events_change_no_sequence)
{
    struct gord_job_opts opts = {.next_id = 50, .next_seq = 100, .committed = 99};
    struct gord_job_table *table = gord_job_table_new(&opts);
    struct gord_spec *spec = native_spec("old", 0);
    struct gord_event *submitted = gord_event_submitted(7, spec, 5);
    struct gord_event *queued = gord_event_new(GORD_EVENT_QUEUED, 7, NULL);
    struct gord_event *started = gord_event_started(7, 3, 44, 55);
    submitted->seq = queued->seq = started->seq = 60;
    apply(table, submitted);
    apply(table, queued);
    apply(table, started);
    struct gord_job *job = gord_job_find(table, 7);
    CHECK_EQ(job->state, GOR__V1__JOB_STATE__RUNNING);
    CHECK_EQ(job->last_seq, 60);
    CHECK(job->taken);
    CHECK_EQ(job->body->pid, 44);
    CHECK_EQ(gord_job_next_seq(table), 100);
    CHECK_EQ(gord_job_counts(table)->submitted, 0);
    /* Beyond the window they come without spec. */
    submitted = gord_event_new(GORD_EVENT_SUBMITTED, 8, NULL);
    queued = gord_event_new(GORD_EVENT_QUEUED, 8, NULL);
    submitted->seq = queued->seq = 61;
    submitted->job_kind = GORD_NATIVE;
    apply(table, submitted);
    apply(table, queued);
    CHECK(gord_job_find(table, 8)->body == NULL);
    CHECK(gord_job_peek(table, GORD_NATIVE) == gord_job_find(table, 8));
    CHECK_EQ(gord_job_next_id(table), 50);
    CHECK(gord_job_table_is_valid(table));
    gord_spec_unref(spec);
    gord_job_table_free(table);
}

static int end_job(void *arg, struct gord_job *job)
{
    apply(arg, gord_event_finished(job->id, GOR__V1__OUTCOME__LOST, 0, 0, "the daemon died"));
    return 0;
}

static int count_three(void *arg, struct gord_job *job)
{
    (void)job;
    return ++*(int *)arg == 3 ? 42 : 0;
}

TEST(each_visits_the_living_and_may_end_them)
{
    struct gord_job_table *table = new_table(0);
    for (int i = 0; i < 3000; i++) {
        submit(table, native_spec("job", 0));
    }
    int seen = 0;
    CHECK_EQ(gord_job_each(table, count_three, &seen), 42);
    commit_all(table);
    for (int i = 0; i < 10; i++) {
        apply(table, gord_event_started(gord_job_take(table, GORD_NATIVE)->id, 1, 0, 0));
    }
    CHECK_EQ(gord_job_each_taken(table, end_job, table), 0);
    CHECK_EQ(gord_job_counts(table)->ended[GOR__V1__OUTCOME__LOST], 10);
    CHECK_EQ(gord_job_each(table, end_job, table), 0);
    CHECK_EQ(gord_job_counts(table)->ended[GOR__V1__OUTCOME__LOST], 3000);
    CHECK(gord_job_table_is_valid(table));
    commit_all(table);
    CHECK_EQ(gord_job_counts(table)->by_state[GOR__V1__JOB_STATE__TERMINATED], 0);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(table_prints_itself)
{
    struct gord_job_table *table = table_in(GOR__V1__JOB_STATE__WAITING);
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    gord_job_table_dump(table, out);
    fclose(out);
    CHECK(strstr(text, "job 1 WAITING") != NULL && strstr(text, "reason \"sleep\"") != NULL);
    free(text);
    gord_job_table_free(table);
}

/* A job without a run goes to and fro between its gate and the queue; one with a run does not. */
TEST(gated_job_is_parked_and_keeps_its_standing)
{
    struct gord_job_table *table = new_table(1);
    uint64_t id = submit(table, native_spec("a", 0)), other = submit(table, native_spec("b", 0));
    struct gord_standing *standing = gord_standing_copy(NULL);
    standing->held = true;
    apply(table, gord_event_standing(GORD_EVENT_GATED, id, standing, "held"));
    struct gord_job *job = gord_job_find(table, id);
    CHECK_EQ(job->state, GOR__V1__JOB_STATE__CREATED);
    CHECK(job->body->standing->held);
    commit_all(table);
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, other);
    CHECK(gord_job_take(table, GORD_NATIVE) == NULL);
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    CHECK(job->body->standing->held); /* until an event says otherwise */
    commit_all(table);
    CHECK(gord_job_has_spec(job)); /* whatever the window */
    CHECK(gord_job_take(table, GORD_NATIVE) == job);
    CHECK(!gord_job_allows(job, GORD_EVENT_GATED));
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(retrying_job_gives_its_slot_back_and_is_queued_again)
{
    struct gord_job_table *table = new_table(0);
    uint64_t id = submit(table, native_spec("a", 0));
    struct gord_job *job = gord_job_find(table, id);
    commit_all(table);
    CHECK(gord_job_take(table, GORD_NATIVE) == job);
    apply(table, gord_event_started(id, 7, 0, 0));
    struct gord_standing *standing = gord_standing_copy(NULL);
    standing->attempt = 1;
    apply(table, gord_event_standing(GORD_EVENT_RETRYING, id, standing, "again"));
    CHECK_EQ(job->state, GOR__V1__JOB_STATE__WAITING);
    CHECK_EQ(gord_job_counts(table)->taken[GORD_NATIVE], 0);
    CHECK_EQ(job->body->started_ns, 0);
    CHECK(!gord_job_allows(job, GORD_EVENT_STATE));
    CHECK(gord_job_allows(job, GORD_EVENT_GATED));
    CHECK(gord_job_table_is_valid(table));
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    commit_all(table);
    CHECK(gord_job_take(table, GORD_NATIVE) == job);
    CHECK_EQ(job->body->standing->attempt, 1);
    gord_job_table_free(table);
}

TEST(revived_job_goes_on_where_it_ended)
{
    struct gord_job_table *table = table_in(GOR__V1__JOB_STATE__TERMINATED);
    CHECK(!gord_job_allows(gord_job_find(table, 1), GORD_EVENT_REVIVED)); /* not on record yet */
    uint64_t ended = gord_job_find(table, 1)->last_seq;
    commit_all(table);
    CHECK(gord_job_find(table, 1) == NULL);
    struct gord_spec *spec = native_spec("one", 0);
    struct gord_event *event = revived(spec, ended, 77);
    CHECK_EQ(gord_job_apply(table, event), 0);
    const struct gord_job *job = gord_job_find(table, 1);
    CHECK_EQ(event->prev_seq, ended);
    CHECK_EQ(event->started_ns, 0);
    CHECK_EQ(job->body->created_ns, 77);
    CHECK_EQ(job->body->started_ns, 0);
    CHECK_EQ(gord_job_counts(table)->submitted, 1);
    apply(table, gord_event_new(GORD_EVENT_QUEUED, 1, NULL));
    commit_all(table);
    CHECK(gord_job_take(table, GORD_NATIVE) == job);
    CHECK(gord_job_table_is_valid(table));
    gord_event_unref(event);
    gord_spec_unref(spec);
    gord_job_table_free(table);
}

TEST(updated_job_leaves_its_lane_for_that_of_its_new_spec)
{
    struct gord_job_table *table = new_table(0);
    uint64_t id = submit(table, native_spec("a", 0)), other = submit(table, native_spec("b", 0));
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    struct gord_spec *spec;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.priority = 10;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    commit_all(table);
    struct gord_job *job = gord_job_find(table, id);
    uint32_t lane = job->lane;
    apply(table, updated(spec, id));
    CHECK(gord_job_table_is_valid(table));
    CHECK_EQ(job->state, GOR__V1__JOB_STATE__CREATED);
    CHECK(job->body->spec == spec);
    CHECK(job->lane != lane);
    CHECK_EQ(job->body->standing->version, 1);
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    commit_all(table);
    CHECK(gord_job_table_is_valid(table));
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, id); /* ten minutes before the other */
    CHECK(!gord_job_allows(job, GORD_EVENT_UPDATED));
    CHECK_EQ(gord_job_take(table, GORD_NATIVE)->id, other);
    gord_spec_unref(spec);
    gord_job_table_free(table);
}
