/* SPDX-License-Identifier: MIT */
/* chan_nil_test.c - a NULL channel: never ready, never closed, waited for without end. */
#include "tests/runtime/help.h"

static void send_to_null(void *arg)
{
    (void)arg;
    int value = 1;
    leak_on_purpose();
    (void)gor_chan_send(NULL, &value);
    CHECK(!"a send on NULL returned");
}

static void recv_from_null(void *arg)
{
    (void)arg;
    leak_on_purpose();
    (void)gor_chan_recv(NULL, NULL);
    CHECK(!"a receive from NULL returned");
}

static void select_nothing(void *arg)
{
    (void)arg;
    leak_on_purpose();
    (void)gor_select(NULL, 0);
    CHECK(!"an empty select returned");
}

static void select_only_null(void *arg)
{
    (void)arg;
    int value = 1;
    struct gor_case cases[] = {{NULL, &value, GOR_SEND, 0}, {NULL, NULL, GOR_RECV, 0}};
    leak_on_purpose();
    (void)gor_select(cases, 2);
    CHECK(!"a select of NULL channels returned");
}

GO_TEST(nil_chan_parks_for_ever_with_a_reason_of_its_own)
{
    gor_id_t send_id = spawn_parked(send_to_null, NULL, GOR_WAIT_CHAN_SEND_NIL);
    gor_id_t recv_id = spawn_parked(recv_from_null, NULL, GOR_WAIT_CHAN_RECV_NIL);
    gor_id_t empty_id = spawn_parked(select_nothing, NULL, GOR_WAIT_SELECT_EMPTY);
    gor_id_t null_id = spawn_id(select_only_null, NULL);
    struct gor_info info;
    do {
        gor_yield();
        CHECK_EQ(gor_lookup(null_id, &info), 0);
    } while (info.state != GOR_WAITING);
    /* Time alone wakes none of them. */
    gor_sleep(2 * GOR_MILLISECOND);
    const gor_id_t ids[] = {send_id, recv_id, empty_id, null_id};
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(gor_lookup(ids[i], &info), 0);
        CHECK_EQ(info.state, GOR_WAITING);
    }
    CHECK_EQ(gor_num_goroutine(), 5);
}

GO_TEST(nil_chan_is_never_ready_for_a_try)
{
    int value = 3;
    CHECK_EQ(gor_chan_try_send(NULL, &value), -EAGAIN);
    CHECK_EQ(gor_chan_try_recv(NULL, &value), -EAGAIN);
    CHECK_EQ(value, 3);
    struct gor_case cases[] = {{NULL, &value, GOR_SEND, 9}, {NULL, &value, GOR_RECV, 9}};
    CHECK_EQ(gor_select_try(cases, 2), -EAGAIN);
    CHECK_EQ(gor_select_try(NULL, 0), -EAGAIN);
    CHECK_EQ(cases[0].result, 9);
    CHECK_EQ(cases[1].result, 9);
}

GO_TEST(nil_chan_times_out_at_the_deadline)
{
    int value = 3;
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_chan_send_until(NULL, &value, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_chan_recv_until(NULL, &value, 0), -ETIMEDOUT);
    struct gor_case one = {NULL, &value, GOR_RECV, 0};
    deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_select_until(&one, 1, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_select_until(NULL, 0, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_select_until(NULL, 0, 0), -ETIMEDOUT);
}

/* With nothing but NULL there is no lock that would hold back a deadline that passes at once. */
static void time_out_often(void *arg)
{
    struct gor_case cases[3] = {
        {NULL, NULL, GOR_RECV, 0}, {NULL, NULL, GOR_RECV, 0}, {NULL, NULL, GOR_RECV, 0}};
    for (int i = 0; i < SCALED(5000, 1500, 500); i++) {
        int64_t deadline = gor_after(i % 9 * GOR_MICROSECOND);
        CHECK_EQ(gor_select_until(cases, (size_t)(i % 4), deadline), -ETIMEDOUT);
        CHECK_EQ(gor_chan_recv_until(NULL, NULL, gor_after(i % 7 * GOR_MICROSECOND)), -ETIMEDOUT);
    }
    gor_waitgroup_done(arg);
}

GO_TEST(nil_chan_deadlines_that_pass_at_once)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 8);
    for (int i = 0; i < 8; i++) {
        spawn(time_out_often, &wg);
    }
    gor_waitgroup_wait(&wg);
}

TEST(nil_chan_has_no_length)
{
    CHECK_EQ(gor_chan_len(NULL), 0);
    CHECK_EQ(gor_chan_cap(NULL), 0);
}

/* Two feeds of different length are merged; a feed that ended is switched off by NULL. */
struct feed {
    struct gor_chan *c;
    int count;
};

static void run_feed(void *arg)
{
    struct feed *feed = arg;
    for (int i = 1; i <= feed->count; i++) {
        send_int(feed->c, i);
    }
    CHECK_EQ(gor_chan_close(feed->c), 0);
}

GO_TEST(nil_chan_switches_a_case_off)
{
    struct feed feeds[2] = {{new_chan(sizeof(int), 0), 300}, {new_chan(sizeof(int), 2), 700}};
    struct gor_chan *kept[2] = {feeds[0].c, feeds[1].c};
    spawn(run_feed, &feeds[0]);
    spawn(run_feed, &feeds[1]);
    int last[2] = {0, 0};
    int value;
    struct gor_case cases[] = {{kept[0], &value, GOR_RECV, 0}, {kept[1], &value, GOR_RECV, 0}};
    while (cases[0].chan != NULL || cases[1].chan != NULL) {
        int i = gor_select(cases, 2);
        CHECK(i == 0 || i == 1);
        if (cases[i].result == 0) {
            cases[i].chan = NULL;
            continue;
        }
        CHECK_EQ(value, last[i] + 1);
        last[i] = value;
    }
    CHECK_EQ(last[0], 300);
    CHECK_EQ(last[1], 700);
    gor_chan_unref(kept[0]);
    gor_chan_unref(kept[1]);
}
