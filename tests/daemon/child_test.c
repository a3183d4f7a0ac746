/* SPDX-License-Identifier: MIT */
/* Jobs that hand in others and wait for them: who gives up leaves nothing behind, while what was waited for
 * runs on. */
#include <errno.h>
#include <sched.h>

#include "daemon/runner/child.h"
#include "daemon/runner/runner_inside.h"
#include "daemon/runner/subjob.h"
#include "tests/daemon/specs.h"

enum { TURNS = 50 };

/* The linker has calls of gor_go_with() come here first (--wrap): there may be no memory for a goroutine. */
static atomic_bool no_memory;
/* Its names. NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
int __real_gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg);
int __wrap_gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg);
int __wrap_gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg)
{
    return no_memory ? -ENOMEM : __real_gor_go_with(opts, fn, arg);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

/* A loop, as far as it hears of those who wait, and a job that does not end. */
struct fixture {
    uv_loop_t loop;
    struct gord_runner runner;
    struct gord_spec *spec;
    uint64_t child;
};

static void begin(struct fixture *f)
{
    char text[GORD_STORE_TEXT];
    struct gord_bus_opts opts = {.loop = &f->loop, .state_dir = test_tmpdir(), .memory = true};
    *f = (struct fixture){0};
    CHECK_EQ(uv_loop_init(&f->loop), 0);
    CHECK_EQ(gord_bus_open(&opts, text, &f->runner.bus), 0);
    CHECK_EQ(gord_runner_open_inboxes(&f->runner), 0);
    CHECK_EQ(gor_start(NULL), 0);
    f->runner.env.bus = f->runner.bus;
    f->runner.env.errands = &f->runner.errands;
    f->runner.env.log_root = test_tmpdir();
    f->runner.env.log_cap_bytes = GORD_LOGFILE_CAP_MIN;
    CHECK_EQ(gord_run_env_open(&f->runner.env), 0);
    f->spec = native_spec("child", 0);
    f->child = gord_job_next_id(gord_bus_table(f->runner.bus));
    CHECK_EQ(gord_bus_emit(f->runner.bus, gord_event_submitted(f->child, f->spec, 1000), NULL), 0);
}

static void end(struct fixture *f)
{
    while (gor_num_goroutine() > 0) { /* who cancels or wakes others holds them until he ends */
        sched_yield();
    }
    CHECK_EQ(gor_stop(), 0);
    gord_runner_close_inboxes(&f->runner);
    CHECK_EQ(gord_bus_close(f->runner.bus), 0);
    CHECK_EQ(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
    gord_bus_free(f->runner.bus);
    gord_run_env_close(&f->runner.env);
    gord_spec_unref(f->spec);
    CHECK_EQ(uv_loop_close(&f->loop), 0);
}

/* A job that waits for it. */
struct waiter {
    struct fixture *f;
    struct gord_run *run;
    struct gord_child_end end;
    uint64_t id; /* of what it handed in */
    int result;
    atomic_bool over;
};

static void wait_for_child(void *arg)
{
    struct waiter *waiter = arg;
    waiter->result = gord_run_await(waiter->run, waiter->f->child, &waiter->end);
    atomic_store(&waiter->over, true);
}

static void start(struct fixture *f, struct waiter *waiter, void (*wait)(void *arg))
{
    struct gord_job_body body = {.spec = f->spec};
    struct gord_job job = {.id = f->child + 1, .body = &body};
    *waiter = (struct waiter){.f = f, .run = gord_run_new(&f->runner.env, &job, NULL)};
    CHECK(waiter->run != NULL);
    CHECK_EQ(gor_go(wait, waiter), 0);
}

/* All that it has posted is heard of then. */
static void await_end(struct fixture *f, struct waiter *waiter)
{
    while (!atomic_load(&waiter->over)) {
        (void)uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    gord_inbox_drain(&f->runner.errands);
}

static void check_gone(struct waiter *waiter)
{
    while (atomic_load(&waiter->run->refs) > 1) { /* of who woke it */
        sched_yield();
    }
    gord_run_unref(waiter->run);
    gord_child_end_fini(&waiter->end);
}

TEST(who_gives_up_waiting_leaves_nothing_behind)
{
    struct fixture f;
    struct waiter patient, waiter;
    begin(&f);
    start(&f, &patient, wait_for_child);
    while (f.runner.waiting == NULL) {
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    }
    struct gord_child_request *first = f.runner.waiting;
    for (int turn = 0; turn < TURNS; turn++) {
        start(&f, &waiter, wait_for_child);
        while (f.runner.waiting == first) {
            (void)uv_run(&f.loop, UV_RUN_ONCE);
        }
        gord_run_cancel(waiter.run, "enough");
        await_end(&f, &waiter);
        CHECK_EQ(waiter.result, -ECANCELED);
        CHECK(f.runner.waiting == first && first->next == NULL);
        check_gone(&waiter);
    }
    CHECK(!atomic_load(&patient.over));
    struct gord_event *event =
        gord_event_finished(f.child, GOR__V1__OUTCOME__FAILED, 3, 0, "as expected");
    CHECK(event != NULL);
    gord_child_ended(&f.runner.waiting, event);
    gord_event_unref(event);
    CHECK(f.runner.waiting == NULL);
    await_end(&f, &patient);
    CHECK_EQ(patient.result, 0);
    CHECK_EQ(patient.end.exit_code, 3);
    CHECK_STR(patient.end.detail, "as expected");
    check_gone(&patient);
    end(&f);
}

/* Of several, those in the middle and at both ends. */
TEST(who_gives_up_leaves_the_others_waiting)
{
    enum { COUNT = 5 };
    static const int order[COUNT] = {2, 4, 0, 1, 3};
    struct fixture f;
    struct waiter waiters[COUNT];
    begin(&f);
    for (int i = 0; i < COUNT; i++) {
        const struct gord_child_request *before = f.runner.waiting;
        start(&f, &waiters[i], wait_for_child);
        while (f.runner.waiting == before) {
            (void)uv_run(&f.loop, UV_RUN_ONCE);
        }
    }
    for (int left = COUNT; left > 0; left--) {
        struct waiter *waiter = &waiters[order[COUNT - left]];
        int count = 0;
        gord_run_cancel(waiter->run, "enough");
        await_end(&f, waiter);
        CHECK_EQ(waiter->result, -ECANCELED);
        for (const struct gord_child_request *at = f.runner.waiting; at != NULL; at = at->next) {
            CHECK(at->run != waiter->run);
            count++;
        }
        CHECK_EQ(count, left - 1);
        check_gone(waiter);
    }
    end(&f);
}

/* The answer is on its way to who gives up, or he gives up before the loop has heard that he waits. */
TEST(who_gives_up_as_he_is_answered_leaves_nothing_behind)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_event *event = gord_event_finished(f.child, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, "");
    CHECK(event != NULL);
    for (int turn = 0; turn < TURNS; turn++) {
        start(&f, &waiter, wait_for_child);
        for (int i = 0; i < turn && f.runner.waiting == NULL; i++) {
            (void)uv_run(&f.loop, UV_RUN_NOWAIT);
        }
        gord_run_cancel(waiter.run, "enough");
        gord_child_ended(&f.runner.waiting, event);
        await_end(&f, &waiter);
        CHECK(waiter.result == -ECANCELED || waiter.result == 0);
        CHECK(f.runner.waiting == NULL);
        check_gone(&waiter);
    }
    gord_event_unref(event);
    end(&f);
}

static void submit_child(void *arg)
{
    struct waiter *waiter = arg;
    char text[GORD_CHILD_TEXT] = "";
    uint64_t id = 0;
    waiter->result = gord_run_submit(waiter->run, gord_spec_to_wire(waiter->f->spec, 0), &id, text);
    waiter->id = id;
    atomic_store(&waiter->over, true);
}

static void wait_for_nothing(void *arg)
{
    struct waiter *waiter = arg;
    gor_ctx_cancel(gord_run_ctx(waiter->run), "enough");
    wait_for_child(waiter);
}

static void submit_nothing(void *arg)
{
    struct waiter *waiter = arg;
    gor_ctx_cancel(gord_run_ctx(waiter->run), "enough");
    submit_child(waiter);
}

TEST(who_is_to_end_asks_for_nothing_any_more)
{
    void (*const asks[])(void *arg) = {wait_for_nothing, submit_nothing};
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        start(&f, &waiter, asks[i]);
        while (!atomic_load(&waiter.over)) {
            sched_yield();
        }
        CHECK_EQ(waiter.result, -ECANCELED);
        CHECK(atomic_load(&f.runner.errands.newest) == NULL);
        check_gone(&waiter);
    }
    end(&f);
}

static void keep(void *arg, struct gord_child_request *request)
{
    *(struct gord_child_request **)arg = request;
}

/* A job that hands in another, and the loop that has heard of that. */
static struct gord_child_request *hand_in(struct fixture *f, struct waiter *waiter)
{
    struct gord_child_request *kept = NULL;
    gord_runner_on_child(&f->runner, keep, &kept);
    start(f, waiter, submit_child);
    while (kept == NULL) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    CHECK_EQ(kept->spec->parent_id, waiter->run->id);
    return kept;
}

TEST(who_hands_in_hears_of_it)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_child_request *request = hand_in(&f, &waiter);
    request->id = 12;
    gord_child_answer(request, 0);
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, 0);
    CHECK_EQ(waiter.id, 12);
    check_gone(&waiter);
    end(&f);
}

TEST(who_is_cancelled_as_he_hands_in_waits_for_no_answer)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_child_request *request = hand_in(&f, &waiter);
    gord_run_cancel(waiter.run, "enough");
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, -ECANCELED);
    gord_child_answer(request, 0);
    check_gone(&waiter);
    end(&f);
}

/* The runtime goes on, and so does the job until it is cancelled. */
TEST(who_can_not_be_told_for_want_of_memory_ends_with_his_context)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_child_request *request = hand_in(&f, &waiter);
    no_memory = true;
    gord_child_answer(request, 0);
    no_memory = false;
    CHECK(!atomic_load(&waiter.over));
    gord_run_cancel(waiter.run, "enough");
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, -ECANCELED);
    check_gone(&waiter);
    end(&f);
}

/* ---------------------------------------------------------------- of scripts */

/* Waits for it with no time at all, again and again. */
static void poll_child(void *arg)
{
    struct waiter *waiter = arg;
    struct gord_lua_answer answer = {0};
    for (int turn = 0; turn < TURNS; turn++) {
        gord_subjob_wait(waiter->run, waiter->f->child, gor_now(), &answer);
        waiter->result = answer.error;
        if (answer.error != -ETIMEDOUT) {
            break;
        }
    }
    atomic_store(&waiter->over, true);
}

static void ask_child(void *arg)
{
    struct waiter *waiter = arg;
    struct gord_lua_answer answer = {0};
    gord_subjob_wait(waiter->run, waiter->f->child, GOR_NEVER, &answer);
    waiter->result = answer.error;
    atomic_store(&waiter->over, true);
}

/* Who answers: whoever asks waits. */
struct asked {
    struct gord_subjob *waiting;
    int count;
};

static void line_up(void *arg, struct gord_subjob *subjob)
{
    struct asked *asked = arg;
    gord_subjob_line_up(&asked->waiting, subjob);
    asked->count++;
}

TEST(script_that_gives_up_waiting_leaves_nothing_behind)
{
    struct fixture f;
    struct asked asked = {0};
    struct waiter patient, poller, cancelled;
    begin(&f);
    gord_runner_on_subjob(&f.runner, &(struct gord_subjob_handler){line_up, &asked});
    start(&f, &patient, ask_child);
    while (asked.count == 0) {
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    }
    struct gord_subjob *first = asked.waiting;
    start(&f, &poller, poll_child);
    await_end(&f, &poller);
    CHECK_EQ(poller.result, -ETIMEDOUT);
    CHECK_EQ(asked.count, 1 + TURNS);
    CHECK(asked.waiting == first && first->next == NULL);
    start(&f, &cancelled, ask_child);
    while (asked.waiting == first) {
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    }
    gord_run_cancel(cancelled.run, "enough");
    await_end(&f, &cancelled);
    CHECK_EQ(cancelled.result, -ECANCELED);
    CHECK(asked.waiting == first && first->next == NULL);
    gord_subjob_answer(first);
    CHECK(asked.waiting == NULL);
    await_end(&f, &patient);
    CHECK_EQ(patient.result, 0);
    check_gone(&patient);
    check_gone(&poller);
    check_gone(&cancelled);
    end(&f);
}

/* As little of a loop as it takes, on a goroutine. */
static void do_errand(void *arg, struct gord_inbox_item *item)
{
    struct fixture *f = arg;
    struct gord_errand *errand =
        (struct gord_errand *)((char *)item - offsetof(struct gord_errand, link));
    errand->fn(&f->runner, errand);
}

/* Virtual time passes when all others wait. */
static int see_poller_wait(void *arg)
{
    struct fixture *f = arg;
    struct asked asked = {0};
    struct waiter poller;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &f->runner.env.root), 0);
    gord_runner_on_subjob(&f->runner, &(struct gord_subjob_handler){line_up, &asked});
    start(f, &poller, poll_child);
    for (int turn = 0; turn < TURNS; turn++) {
        CHECK_EQ(gor_sleep(GOR_SECOND), 0);
        CHECK(!atomic_load(&poller.over));
        CHECK_EQ(asked.count, turn);
        gord_inbox_drain(&f->runner.errands);
        CHECK(asked.waiting == NULL);
    }
    CHECK_EQ(gor_sleep(GOR_SECOND), 0);
    CHECK(atomic_load(&poller.over));
    CHECK_EQ(poller.result, -ETIMEDOUT);
    check_gone(&poller);
    gor_ctx_unref(f->runner.env.root);
    return 0;
}

TEST(script_asks_no_faster_than_the_loop_hears_it)
{
    struct gor_opts opts = {.seed = 1, .virtual_time = true};
    struct fixture f = {.child = 1, .spec = native_spec("child", 0)};
    CHECK_EQ(uv_loop_init(&f.loop), 0);
    CHECK_EQ(gord_inbox_init(&f.runner.errands, &f.loop, do_errand, &f), 0);
    f.runner.env.errands = &f.runner.errands;
    f.runner.env.log_root = test_tmpdir();
    f.runner.env.log_cap_bytes = GORD_LOGFILE_CAP_MIN;
    CHECK_EQ(gor_run(&opts, see_poller_wait, &f), 0);
    gord_inbox_close(&f.runner.errands);
    CHECK_EQ(uv_run(&f.loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&f.loop), 0);
    gord_spec_unref(f.spec);
}
