/* SPDX-License-Identifier: MIT */
/* misuse_test.c - gor_opts.panic_on_misuse: what Go panics at panics here, with Go's words; without
 * it, the same is an error. */
#include "tests/runtime/help.h"
#include "tests/runtime/said.h"

static struct gor_chan *closed;
static struct gor_chan *open_chan;
static struct gor_timer *ticker;
static struct gor_waitgroup wg;

static void send_on_closed(void *arg)
{
    (void)arg;
    (void)gor_chan_send(closed, "12345678");
}

static void try_send_on_closed(void *arg)
{
    (void)arg;
    (void)gor_chan_try_send(closed, "12345678");
}

static void send_on_closed_with_deadline(void *arg)
{
    (void)arg;
    (void)gor_chan_send_until(closed, "12345678", gor_after(GOR_SECOND));
}

static void send_on_closed_with_context(void *arg)
{
    (void)arg;
    (void)gor_chan_send_ctx(closed, "12345678", gor_ctx_background());
}

static void select_send_on_closed(void *arg)
{
    struct gor_case cases[] = {{.chan = NULL, .op = GOR_RECV},
                               {.chan = closed, .value = &closed, .op = GOR_SEND}};
    (void)arg;
    (void)gor_select(cases, 2);
}

/* So many that the select needs memory. */
static void select_among_many(void *arg)
{
    enum { MANY = 100 };
    struct gor_case cases[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        cases[i] = (struct gor_case){.chan = i == 50 ? closed : NULL, .op = GOR_SEND};
        cases[i].value = &closed;
    }
    (void)gor_select_try(cases, MANY);
}

static void close_closed(void *arg)
{
    (void)arg;
    (void)gor_chan_close(closed);
}

static void close_nil(void *arg)
{
    (void)arg;
    (void)gor_chan_close(NULL);
}

static void count_below_zero(void *arg)
{
    (void)arg;
    gor_waitgroup_done(&wg);
}

static void make_too_large(void *arg)
{
    (void)arg;
    (void)gor_chan_new(8, SIZE_MAX / 2);
}

static void make_still_ticker(void *arg)
{
    (void)arg;
    (void)gor_ticker_new(0);
}

static void reset_ticker_to_nothing(void *arg)
{
    (void)arg;
    (void)gor_timer_reset(ticker, -1);
}

static const struct {
    void (*misuse)(void *arg);
    const char *message;
} misuses[] = {
    {send_on_closed, "send on closed channel"},
    {try_send_on_closed, "send on closed channel"},
    {send_on_closed_with_deadline, "send on closed channel"},
    {send_on_closed_with_context, "send on closed channel"},
    {select_send_on_closed, "send on closed channel"},
    {select_among_many, "send on closed channel"},
    {close_closed, "close of closed channel"},
    {close_nil, "close of nil channel"},
    {count_below_zero, "sync: negative WaitGroup counter"},
    {make_too_large, "makechan: size out of range"},
    {make_still_ticker, "non-positive interval for NewTicker"},
    {reset_ticker_to_nothing, "non-positive interval for Ticker.Reset"},
};

static _Atomic int panics;

struct misuser {
    void (*misuse)(void *arg);
    void *arg;
    bool survived;
    char said[128]; /* what it panicked with */
};

static void keep(void *arg, const char *message)
{
    struct misuser *misuser = arg;
    strncpy(misuser->said, message, sizeof misuser->said - 1);
    atomic_fetch_add(&panics, 1);
}

static void run_misuse(void *arg)
{
    struct misuser *misuser = arg;
    gor_on_panic(keep, misuser);
    misuser->misuse(misuser->arg);
    misuser->survived = true;
}

static void prepare(void)
{
    closed = new_chan(sizeof(int64_t), 1);
    open_chan = new_chan(sizeof(int64_t), 0);
    CHECK_EQ(gor_chan_close(closed), 0);
    ticker = gor_ticker_new(GOR_SECOND);
    CHECK(ticker != NULL);
    memset(&wg, 0, sizeof wg);
    atomic_store(&panics, 0);
}

static void clean_up(void)
{
    gor_chan_unref(closed);
    gor_chan_unref(open_chan);
    gor_timer_free(ticker);
}

static int misuse_all(void *arg)
{
    (void)arg;
    prepare();
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        struct misuser misuser = {.misuse = misuses[i].misuse};
        await_end(spawn_id(run_misuse, &misuser));
        CHECK(!misuser.survived);
        CHECK_STR(misuser.said, misuses[i].message);
        CHECK_EQ(atomic_load(&panics), (int)i + 1);
    }
    clean_up();
    return 0;
}

static const struct gor_opts as_go = {.panic_on_misuse = true};

TEST(misuse_panics_with_the_words_of_go)
{
    CHECK_EQ(gor_run(&as_go, misuse_all, NULL), 0);
}

static void send_and_wait(void *arg)
{
    (void)gor_chan_send(arg, "12345678");
}

static void select_and_wait(void *arg)
{
    struct gor_case cases[] = {{.chan = arg, .value = &closed, .op = GOR_SEND}};
    (void)gor_select(cases, 1);
}

static int close_under_senders(void *arg)
{
    (void)arg;
    prepare();
    struct misuser sender = {.misuse = send_and_wait, .arg = open_chan};
    struct misuser selecting = {.misuse = select_and_wait, .arg = open_chan};
    gor_id_t first = spawn_parked(run_misuse, &sender, GOR_WAIT_CHAN_SEND);
    gor_id_t second = spawn_parked(run_misuse, &selecting, GOR_WAIT_SELECT);
    CHECK_EQ(gor_chan_close(open_chan), 0);
    await_end(first);
    await_end(second);
    CHECK(!sender.survived && !selecting.survived);
    CHECK_EQ(atomic_load(&panics), 2);
    clean_up();
    return 0;
}

TEST(misuse_closing_makes_waiting_senders_panic)
{
    CHECK_EQ(gor_run(&as_go, close_under_senders, NULL), 0);
}

/* With another case ready, whether it panics is the toss of a coin. */
static void toss(void *arg)
{
    int64_t value = 0;
    struct gor_case cases[] = {{.chan = closed, .value = &value, .op = GOR_SEND},
                               {.chan = arg, .value = &value, .op = GOR_RECV}};
    CHECK_EQ(gor_select(cases, 2), 1);
}

static int toss_often(void *arg)
{
    enum { TOSSES = SCALED(10000, 4000, 2000) };
    struct gor_chan *ready = new_chan(sizeof(int64_t), 0);
    int survivors = 0;
    (void)arg;
    prepare();
    CHECK_EQ(gor_chan_close(ready), 0);
    for (int i = 0; i < TOSSES; i++) {
        struct misuser misuser = {.misuse = toss, .arg = ready};
        await_end(spawn_id(run_misuse, &misuser));
        survivors += misuser.survived ? 1 : 0;
    }
    CHECK_EQ(survivors + atomic_load(&panics), TOSSES);
    /* Ten standard deviations of the smallest number. */
    CHECK_INT(survivors, >, TOSSES * 39 / 100);
    CHECK_INT(survivors, <, TOSSES * 61 / 100);
    gor_chan_unref(ready);
    clean_up();
    return 0;
}

TEST(misuse_in_a_select_is_a_toss)
{
    CHECK_EQ(gor_run(&as_go, toss_often, NULL), 0);
}

static int send_unhandled(void *arg)
{
    (void)arg;
    prepare();
    send_on_closed(NULL);
    return 0;
}

TEST(misuse_unhandled_ends_the_process_with_a_report)
{
    char report[8192];
    int status = status_of_root(send_unhandled, &as_go, report, sizeof report);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    CHECK(strstr(report, "panic: send on closed channel") != NULL);
}

GO_TEST(misuse_is_an_error_by_default)
{
    int64_t value = 0;
    prepare();
    struct gor_case cases[] = {{.chan = closed, .value = &value, .op = GOR_SEND}};
    CHECK_EQ(gor_chan_send(closed, &value), -EPIPE);
    CHECK_EQ(gor_chan_try_send(closed, &value), -EPIPE);
    CHECK_EQ(gor_select(cases, 1), 0);
    CHECK_EQ(cases[0].result, -EPIPE);
    CHECK_EQ(gor_chan_close(closed), -EPIPE);
    CHECK_EQ(gor_chan_close(NULL), -EINVAL);
    CHECK(gor_chan_new(8, SIZE_MAX / 2) == NULL);
    CHECK(gor_ticker_new(0) == NULL);
    CHECK_EQ(gor_timer_reset(ticker, -1), -EINVAL);
    clean_up();
}
