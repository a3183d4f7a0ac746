/* SPDX-License-Identifier: MIT */
/* Jobs that hand in others and wait for them: who gives up leaves nothing behind, while what was waited for
 * runs on. */
#include <errno.h>
#include <sched.h>

#include "daemon/runner/job_ask.h"
#include "daemon/runner/runner_inside.h"
#include "tests/daemon/specs.h"

enum { TURNS = 50 };

/* The linker has calls of gor_go_with() come here first (--wrap): there may be no memory for a goroutine. */
static atomic_bool no_memory;
/* Its names. NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
int __real_gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg);
int __wrap_gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg);
int __wrap_gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg)
{
    return atomic_load(&no_memory) ? -ENOMEM : __real_gor_go_with(opts, fn, arg);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */

/* A loop, as far as it hears of those who wait, and a job that does not end. */
struct fixture {
    uv_loop_t loop;
    struct gord_runner runner;
    struct gord_spec *spec;
    uint64_t child;
    struct list_link waiting; /* asks, all that there are: nobody is answered */
    int asked;
};

static void line_up(void *arg, struct gord_job_ask *ask)
{
    struct fixture *f = arg;
    list_append(&f->waiting, &ask->link);
    f->asked++;
}

static void begin(struct fixture *f)
{
    char text[GORD_STORE_TEXT];
    struct gord_bus_opts opts = {.loop = &f->loop, .state_dir = test_tmpdir(), .memory = true};
    *f = (struct fixture){0};
    CHECK_EQ(uv_loop_init(&f->loop), 0);
    CHECK_EQ(gord_bus_open(&opts, text, &f->runner.bus), 0);
    CHECK_EQ(gord_runner_open_inboxes(&f->runner), 0);
    CHECK_EQ(gor_start(NULL), 0);
    list_init(&f->waiting);
    gord_runner_on_ask(&f->runner, line_up, f);
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
    struct gord_job_answer answer;
    int result;
    atomic_bool over;
};

static void wait_for_child(void *arg)
{
    struct waiter *waiter = arg;
    waiter->result =
        gord_job_ask_wait(waiter->run, false, waiter->f->child, GOR_NEVER, &waiter->answer);
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
    gord_job_answer_fini(&waiter->answer);
}

/* All that the loop has to do until so many have asked. */
static void await_asks(struct fixture *f, int count)
{
    while (f->asked < count) {
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    CHECK_EQ(f->asked, count);
}

static struct gord_job_ask *first_ask(struct fixture *f)
{
    return list_is_empty(&f->waiting) ? NULL
                                      : CONTAINER_OF(f->waiting.next, struct gord_job_ask, link);
}

static int count_waiting(const struct fixture *f)
{
    int count = 0;
    for (const struct list_link *link = f->waiting.next; link != &f->waiting; link = link->next) {
        count++;
    }
    return count;
}

/* A scene in which one waits already; what it asks. */
static struct gord_job_ask *begin_with(struct fixture *f, struct waiter *patient)
{
    begin(f);
    start(f, patient, wait_for_child);
    await_asks(f, 1);
    return first_ask(f);
}

TEST(who_gives_up_waiting_leaves_nothing_behind)
{
    struct fixture f;
    struct waiter patient, waiter;
    struct gord_job_ask *first = begin_with(&f, &patient);
    for (int turn = 0; turn < TURNS; turn++) {
        start(&f, &waiter, wait_for_child);
        await_asks(&f, 2 + turn);
        gord_run_cancel(waiter.run, "enough");
        await_end(&f, &waiter);
        CHECK_EQ(waiter.result, -ECANCELED);
        CHECK(first_ask(&f) == first && count_waiting(&f) == 1);
        check_gone(&waiter);
    }
    CHECK(!atomic_load(&patient.over));
    first->answer.exit_code = 3;
    first->answer.detail = strdup("as expected");
    gord_job_ask_answer(first);
    CHECK_EQ(count_waiting(&f), 0);
    await_end(&f, &patient);
    CHECK_EQ(patient.result, 0);
    CHECK_EQ(patient.answer.exit_code, 3);
    CHECK_STR(patient.answer.detail, "as expected");
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
        start(&f, &waiters[i], wait_for_child);
        await_asks(&f, i + 1);
    }
    for (int left = COUNT; left > 0; left--) {
        struct waiter *waiter = &waiters[order[COUNT - left]];
        gord_run_cancel(waiter->run, "enough");
        await_end(&f, waiter);
        CHECK_EQ(waiter->result, -ECANCELED);
        for (struct list_link *link = f.waiting.next; link != &f.waiting; link = link->next) {
            CHECK(CONTAINER_OF(link, struct gord_job_ask, link)->run != waiter->run);
        }
        CHECK_EQ(count_waiting(&f), left - 1);
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
    for (int turn = 0; turn < TURNS; turn++) {
        start(&f, &waiter, wait_for_child);
        for (int i = 0; i < turn && first_ask(&f) == NULL; i++) {
            (void)uv_run(&f.loop, UV_RUN_NOWAIT);
        }
        gord_run_cancel(waiter.run, "enough");
        if (first_ask(&f) != NULL) {
            gord_job_ask_answer(first_ask(&f));
        }
        await_end(&f, &waiter);
        CHECK(waiter.result == -ECANCELED || waiter.result == 0);
        CHECK_EQ(count_waiting(&f), 0);
        check_gone(&waiter);
    }
    end(&f);
}

static void submit_child(void *arg)
{
    struct waiter *waiter = arg;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    waiter->result = gord_job_ask_submit(waiter->run, false, &spec, &waiter->answer);
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

/* A job that hands in another, and the loop that has heard of that. */
static struct gord_job_ask *hand_in(struct fixture *f, struct waiter *waiter)
{
    start(f, waiter, submit_child);
    await_asks(f, 1);
    struct gord_job_ask *ask = first_ask(f);
    CHECK_EQ(ask->spec->parent_id, waiter->run->id);
    list_remove(&ask->link); /* as what waits for the disk, it is in no list of asks */
    return ask;
}

TEST(who_hands_in_hears_of_it)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_job_ask *ask = hand_in(&f, &waiter);
    ask->answer.id = 12;
    gord_job_ask_answer(ask);
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, 0);
    CHECK_EQ(waiter.answer.error, 0);
    CHECK_EQ(waiter.answer.id, 12);
    check_gone(&waiter);
    end(&f);
}

TEST(who_is_refused_hears_why)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    gord_job_ask_refuse(hand_in(&f, &waiter), -EINVAL, "there is no '%s'", "zoo.none");
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, 0);
    CHECK_EQ(waiter.answer.error, -EINVAL);
    CHECK_STR(waiter.answer.text, "there is no 'zoo.none'");
    check_gone(&waiter);
    end(&f);
}

TEST(who_is_cancelled_as_he_hands_in_waits_for_no_answer)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_job_ask *ask = hand_in(&f, &waiter);
    gord_run_cancel(waiter.run, "enough");
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, -ECANCELED);
    gord_job_ask_answer(ask);
    check_gone(&waiter);
    end(&f);
}

/* The runtime goes on, and so does the job until it is cancelled. */
TEST(who_can_not_be_told_for_want_of_memory_ends_with_his_context)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    struct gord_job_ask *ask = hand_in(&f, &waiter);
    atomic_store(&no_memory, true);
    gord_job_ask_answer(ask);
    atomic_store(&no_memory, false);
    CHECK(!atomic_load(&waiter.over));
    gord_run_cancel(waiter.run, "enough");
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, -ECANCELED);
    check_gone(&waiter);
    end(&f);
}

TEST(who_asks_when_nobody_listens_is_refused)
{
    struct fixture f;
    struct waiter waiter;
    begin(&f);
    gord_runner_on_ask(&f.runner, NULL, NULL);
    start(&f, &waiter, wait_for_child);
    await_end(&f, &waiter);
    CHECK_EQ(waiter.result, 0);
    CHECK_EQ(waiter.answer.error, -ECANCELED);
    check_gone(&waiter);
    end(&f);
}

/* ---------------------------------------------------------------- with no time at all */

/* Waits for it so again and again. */
static void poll_child(void *arg)
{
    struct waiter *waiter = arg;
    for (int turn = 0; turn < TURNS; turn++) {
        waiter->answer.error = 0;
        waiter->result =
            gord_job_ask_wait(waiter->run, true, waiter->f->child, gor_now(), &waiter->answer);
        if (waiter->result != -ETIMEDOUT && waiter->answer.error != -ETIMEDOUT) {
            break;
        }
    }
    atomic_store(&waiter->over, true);
}

/* By the loop's answer, or without one. */
static bool timed_out(const struct waiter *waiter)
{
    return (waiter->result != 0 ? waiter->result : waiter->answer.error) == -ETIMEDOUT;
}

TEST(who_only_looks_leaves_nothing_behind)
{
    struct fixture f;
    struct waiter patient, poller;
    struct gord_job_ask *first = begin_with(&f, &patient);
    start(&f, &poller, poll_child);
    await_end(&f, &poller);
    CHECK(timed_out(&poller));
    CHECK_EQ(f.asked, 1 + TURNS);
    CHECK(first_ask(&f) == first && count_waiting(&f) == 1);
    gord_job_ask_answer(first);
    await_end(&f, &patient);
    CHECK_EQ(patient.result, 0);
    check_gone(&patient);
    check_gone(&poller);
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
    struct waiter poller;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &f->runner.env.root), 0);
    gord_runner_on_ask(&f->runner, line_up, f);
    start(f, &poller, poll_child);
    for (int turn = 0; turn < TURNS; turn++) {
        CHECK_EQ(gor_sleep(GOR_SECOND), 0);
        CHECK(!atomic_load(&poller.over));
        CHECK_EQ(f->asked, turn);
        gord_inbox_drain(&f->runner.errands);
        CHECK_EQ(count_waiting(f), 0);
    }
    CHECK_EQ(gor_sleep(GOR_SECOND), 0);
    CHECK(atomic_load(&poller.over));
    CHECK(timed_out(&poller));
    check_gone(&poller);
    gor_ctx_unref(f->runner.env.root);
    return 0;
}

TEST(nobody_asks_faster_than_the_loop_hears_it)
{
    struct gor_opts opts = {.seed = 1, .virtual_time = true};
    struct fixture f = {.child = 1, .spec = native_spec("child", 0)};
    list_init(&f.waiting);
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
