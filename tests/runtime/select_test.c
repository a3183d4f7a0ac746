/* SPDX-License-Identifier: MIT */
/* select_test.c - which case a select may do, what it leaves behind, what it answers. */
#include "tests/runtime/help.h"

/* ------------------------------------------------- blocks, or does not */

enum { BLOCKS = -1000 };

struct attempt {
    struct gor_case one;
    gor_id_t id;
    _Atomic int answer;
};

static void attempt_select(void *arg)
{
    struct attempt *a = arg;
    if (a->one.chan == NULL) {
        leak_on_purpose();
    }
    int answer = gor_select(&a->one, 1);
    atomic_store(&a->answer, answer);
}

/* Select on a goroutine of its own: the answer, or BLOCKS once it is parked. */
static int answer_of(struct attempt *a)
{
    struct gor_info info;
    atomic_store(&a->answer, BLOCKS);
    a->id = spawn_id(attempt_select, a);
    while (gor_lookup(a->id, &info) == 0) {
        if (info.state == GOR_WAITING) {
            return BLOCKS;
        }
        gor_yield();
    }
    return atomic_load(&a->answer);
}

/* Let a parked attempt go on by being its partner. */
static void meet(struct attempt *a)
{
    if (a->one.op == GOR_SEND) {
        CHECK_EQ(recv_int(a->one.chan), *(int *)a->one.value);
    } else {
        send_int(a->one.chan, 21);
    }
    await_end(a->id);
    CHECK_EQ(atomic_load(&a->answer), 0);
    CHECK_EQ(a->one.result, a->one.op == GOR_SEND ? 0 : 1);
}

GO_TEST(select_blocks_exactly_when_no_case_can_proceed)
{
    struct gor_chan *empty = new_chan(sizeof(int), 1);
    struct gor_chan *full = new_chan(sizeof(int), 1);
    struct gor_chan *sync = new_chan(sizeof(int), 0);
    struct gor_chan *closed = new_chan(sizeof(int), 0);
    static int value = 4;
    static int got;
    CHECK_EQ(gor_chan_close(closed), 0);
    const struct row {
        struct gor_case one;
        int answer;
        int result;
    } rows[] = {
        {{NULL, &value, GOR_SEND, 9}, BLOCKS, 9},   {{NULL, &got, GOR_RECV, 9}, BLOCKS, 9},
        {{sync, &value, GOR_SEND, 9}, BLOCKS, 9},   {{sync, &got, GOR_RECV, 9}, BLOCKS, 9},
        {{full, &value, GOR_SEND, 9}, BLOCKS, 9},   {{full, &got, GOR_RECV, 9}, 0, 1},
        {{empty, &value, GOR_SEND, 9}, 0, 0},       {{empty, &got, GOR_RECV, 9}, BLOCKS, 9},
        {{closed, &value, GOR_SEND, 9}, 0, -EPIPE}, {{closed, &got, GOR_RECV, 9}, 0, 0},
    };
    /* Attempts on NULL stay parked after the test. */
    static struct attempt attempts[sizeof(rows) / sizeof(rows[0])];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)gor_chan_try_send(full, &value);
        (void)gor_chan_try_recv(empty, NULL);
        attempts[i].one = rows[i].one;
        if (rows[i].answer == BLOCKS) {
            CHECK_EQ(gor_select_try(&attempts[i].one, 1), -EAGAIN);
            CHECK_EQ(gor_select_until(&attempts[i].one, 1, 0), -ETIMEDOUT);
        }
        CHECK_EQ(answer_of(&attempts[i]), rows[i].answer);
        if (rows[i].answer == BLOCKS) {
            if (rows[i].one.chan != NULL) {
                meet(&attempts[i]);
            }
        } else {
            CHECK_EQ(attempts[i].one.result, rows[i].result);
        }
    }
    gor_chan_unref(empty);
    gor_chan_unref(full);
    gor_chan_unref(sync);
    gor_chan_unref(closed);
}

GO_TEST(select_does_what_a_send_or_receive_would)
{
    struct gor_chan *c = new_chan(sizeof(int), 2);
    int value = 1;
    int got = 0;
    struct gor_case send = {c, &value, GOR_SEND, 9};
    struct gor_case recv = {c, &got, GOR_RECV, 9};
    CHECK_EQ(gor_select(&send, 1), 0);
    CHECK_EQ(send.result, 0);
    value = 2;
    CHECK_EQ(gor_select_try(&send, 1), 0);
    CHECK_EQ(gor_select_try(&send, 1), -EAGAIN);
    CHECK_EQ(gor_chan_len(c), 2);
    CHECK_EQ(gor_select(&recv, 1), 0);
    CHECK_EQ(recv.result, 1);
    CHECK_EQ(got, 1);
    recv.value = NULL;
    CHECK_EQ(gor_select_until(&recv, 1, GOR_NEVER), 0);
    CHECK_EQ(recv.result, 1);
    CHECK_EQ(got, 1);
    CHECK_EQ(gor_select_try(&recv, 1), -EAGAIN);
    gor_chan_unref(c);
}

GO_TEST(select_touches_only_the_chosen_case)
{
    struct gor_chan *ready = new_chan(sizeof(int), 1);
    struct gor_chan *idle = new_chan(sizeof(int), 0);
    int values[4] = {10, 11, 12, 13};
    struct gor_case cases[] = {
        {idle, &values[0], GOR_RECV, 70},
        {NULL, &values[1], GOR_RECV, 71},
        {ready, &values[2], GOR_RECV, 72},
        {idle, &values[3], GOR_SEND, 73},
    };
    send_int(ready, 5);
    CHECK_EQ(gor_select(cases, 4), 2);
    CHECK_EQ(values[2], 5);
    CHECK_EQ(cases[2].result, 1);
    CHECK_EQ(values[0], 10);
    CHECK_EQ(values[1], 11);
    CHECK_EQ(values[3], 13);
    CHECK_EQ(cases[0].result, 70);
    CHECK_EQ(cases[1].result, 71);
    CHECK_EQ(cases[3].result, 73);
    gor_chan_unref(ready);
    gor_chan_unref(idle);
}

GO_TEST(select_with_bad_arguments_is_refused)
{
    enum { TOO_MANY = 65537 };
    struct gor_chan *c = new_chan(sizeof(int), 1);
    int value = 1;
    struct gor_case bad[] = {{c, &value, GOR_SEND, 9}, {c, &value, (enum gor_case_op)0, 9}};
    CHECK_EQ(gor_select(bad, 2), -EINVAL);
    CHECK_EQ(gor_select_try(bad, 2), -EINVAL);
    CHECK_EQ(gor_select_until(bad, 2, 0), -EINVAL);
    bad[1].op = (enum gor_case_op)3;
    CHECK_EQ(gor_select(bad, 2), -EINVAL);
    bad[1].chan = NULL;
    CHECK_EQ(gor_select(bad, 2), -EINVAL);
    CHECK_EQ(gor_chan_len(c), 0);
    struct gor_case *many = calloc(TOO_MANY, sizeof *many);
    for (int i = 0; i < TOO_MANY; i++) {
        many[i] = (struct gor_case){c, NULL, GOR_RECV, 0};
    }
    CHECK_EQ(gor_select(many, TOO_MANY), -E2BIG);
    CHECK_EQ(gor_select_try(many, TOO_MANY), -E2BIG);
    CHECK_EQ(gor_select_try(many, TOO_MANY - 1), -EAGAIN);
    send_int(c, 3);
    int chosen = gor_select(many, TOO_MANY - 1);
    CHECK(chosen >= 0 && chosen < TOO_MANY - 1);
    free(many);
    gor_chan_unref(c);
}

TEST(select_outside_a_goroutine_is_refused)
{
    CHECK_EQ(gor_select(NULL, 0), -EPERM);
    CHECK_EQ(gor_select_try(NULL, 0), -EPERM);
    CHECK_EQ(gor_select_until(NULL, 0, 0), -EPERM);
}

/* ---------------------------------------------------- many cases parked */

struct wide {
    struct gor_case *cases;
    size_t count;
    struct gor_chan *done;
};

static void select_wide(void *arg)
{
    struct wide *w = arg;
    send_int(w->done, gor_select(w->cases, w->count));
}

GO_TEST(select_of_a_thousand_cases_wakes_by_any_of_them)
{
    enum { WIDTH = 1000 };
    static struct gor_case cases[WIDTH];
    static int got[WIDTH];
    struct wide w = {cases, WIDTH, new_chan(sizeof(int), 0)};
    for (int i = 0; i < WIDTH; i++) {
        cases[i] = (struct gor_case){new_chan(sizeof(int), 0), &got[i], GOR_RECV, 0};
    }
    for (int i = 0; i < WIDTH; i += 111) {
        spawn_parked(select_wide, &w, GOR_WAIT_SELECT);
        send_int(cases[i].chan, i + 1);
        CHECK_EQ(recv_int(w.done), i);
        CHECK_EQ(got[i], i + 1);
        CHECK_EQ(cases[i].result, 1);
    }
    for (int i = 0; i < WIDTH; i++) {
        CHECK_EQ(gor_chan_try_send(cases[i].chan, &i), -EAGAIN);
        gor_chan_unref(cases[i].chan);
    }
    gor_chan_unref(w.done);
}

/* ------------------------------------------------------ what stays behind */

GO_TEST(select_cannot_meet_itself)
{
    struct gor_chan *c = new_chan(sizeof(int), 0);
    int value = 1;
    int got = 0;
    struct gor_case cases[] = {{c, &value, GOR_SEND, 9}, {c, &got, GOR_RECV, 9}};
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gor_select_try(cases, 2), -EAGAIN);
        CHECK_EQ(gor_select_until(cases, 2, gor_after(20 * GOR_MICROSECOND)), -ETIMEDOUT);
    }
    CHECK_EQ(got, 0);
    gor_chan_unref(c);
}

/* Two goroutines that both select send and receive on one channel: each step pairs two of them. */
struct twin {
    struct gor_chan *c;
    struct gor_waitgroup *wg;
    int sent;
    int received;
};

static void meet_twin(void *arg)
{
    struct twin *t = arg;
    int value = 1;
    int got;
    struct gor_case cases[] = {{t->c, &value, GOR_SEND, 0}, {t->c, &got, GOR_RECV, 0}};
    for (int i = 0; i < SCALED(5000, 2000, 1000); i++) {
        int chosen = gor_select(cases, 2);
        CHECK(chosen == 0 || chosen == 1);
        *(chosen == 0 ? &t->sent : &t->received) += 1;
    }
    gor_waitgroup_done(t->wg);
}

GO_TEST(select_of_both_directions_pairs_with_another_goroutine)
{
    struct gor_waitgroup wg = {0};
    struct gor_chan *c = new_chan(sizeof(int), 0);
    struct twin twins[2] = {{c, &wg, 0, 0}, {c, &wg, 0, 0}};
    gor_waitgroup_add(&wg, 2);
    spawn(meet_twin, &twins[0]);
    spawn(meet_twin, &twins[1]);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(twins[0].sent, twins[1].received);
    CHECK_EQ(twins[1].sent, twins[0].received);
    gor_chan_unref(c);
}

GO_TEST(select_that_timed_out_leaves_nothing_in_line)
{
    struct gor_chan *a = new_chan(sizeof(int), 0);
    struct gor_chan *b = new_chan(sizeof(int), 0);
    int value = 1;
    struct gor_case cases[] = {{a, &value, GOR_SEND, 9}, {b, NULL, GOR_RECV, 9}};
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_select_until(cases, 2, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_chan_try_recv(a, NULL), -EAGAIN);
    CHECK_EQ(gor_chan_try_send(b, &value), -EAGAIN);
    gor_chan_unref(a);
    gor_chan_unref(b);
}

/* A loser is taken out of a line in which others stand before and behind it. */
struct mixed {
    struct gor_chan *c;
    struct gor_chan *other;
    struct gor_chan *done;
    bool selects;
};

static void wait_mixed(void *arg)
{
    struct mixed *m = arg;
    int got = 0;
    if (m->selects) {
        struct gor_case cases[] = {{m->c, &got, GOR_RECV, 0}, {m->other, &got, GOR_RECV, 0}};
        CHECK_EQ(gor_select(cases, 2), 1);
    } else {
        CHECK_EQ(gor_chan_recv(m->c, &got), 1);
    }
    send_int(m->done, got);
}

GO_TEST(select_loser_leaves_the_middle_of_a_line)
{
    for (int round = 0; round < 50; round++) {
        struct gor_chan *c = new_chan(sizeof(int), 0);
        struct gor_chan *done = new_chan(sizeof(int), 8);
        struct mixed mixed[5];
        for (int i = 0; i < 5; i++) {
            mixed[i] = (struct mixed){c, new_chan(sizeof(int), 0), done, i % 2 == 1};
            spawn_parked(wait_mixed, &mixed[i], i % 2 ? GOR_WAIT_SELECT : GOR_WAIT_CHAN_RECV);
        }
        /* Wake the selects through their other channels, in an order that varies. */
        send_int(mixed[round % 2 ? 1 : 3].other, 100);
        send_int(mixed[round % 2 ? 3 : 1].other, 100);
        CHECK_EQ(recv_int(done) + recv_int(done), 200);
        for (int i = 0; i < 3; i++) {
            send_int(c, i);
        }
        CHECK_EQ(recv_int(done) + recv_int(done) + recv_int(done), 3);
        CHECK_EQ(gor_chan_try_send(c, &round), -EAGAIN);
        for (int i = 0; i < 5; i++) {
            gor_chan_unref(mixed[i].other);
        }
        gor_chan_unref(c);
        gor_chan_unref(done);
    }
}

GO_TEST(select_may_name_one_channel_many_times)
{
    struct gor_chan *c = new_chan(sizeof(int), 0);
    struct gor_case cases[8];
    int got[8] = {0};
    struct wide w = {cases, 8, new_chan(sizeof(int), 0)};
    for (int i = 0; i < 8; i++) {
        cases[i] = (struct gor_case){c, &got[i], GOR_RECV, 0};
    }
    for (int round = 1; round <= 50; round++) {
        spawn_parked(select_wide, &w, GOR_WAIT_SELECT);
        send_int(c, round);
        int chosen = recv_int(w.done);
        CHECK(chosen >= 0 && chosen < 8);
        CHECK_EQ(got[chosen], round);
        CHECK_EQ(gor_chan_try_send(c, &round), -EAGAIN);
    }
    gor_chan_unref(c);
    gor_chan_unref(w.done);
}

/* Whoever received the last value may free the channel, while the select that sent it is still on
 * its way out. */
struct parting {
    struct gor_chan *c;
    struct gor_chan *idle;
    struct gor_waitgroup *wg;
};

static void send_parting(void *arg)
{
    struct parting *p = arg;
    int value = 1;
    struct gor_case cases[] = {{p->c, &value, GOR_SEND, 0}, {p->idle, NULL, GOR_RECV, 0}};
    CHECK_EQ(gor_select(cases, 2), 0);
    gor_waitgroup_done(p->wg);
}

GO_TEST(select_lets_its_partner_free_the_channel_they_met_on)
{
    struct gor_waitgroup wg = {0};
    struct gor_chan *idle = new_chan(sizeof(int), 0);
    for (int round = 0; round < SCALED(3000, 2000, 500); round++) {
        struct parting p = {new_chan(sizeof(int), 0), idle, &wg};
        gor_waitgroup_add(&wg, 1);
        spawn(send_parting, &p);
        CHECK_EQ(recv_int(p.c), 1);
        gor_chan_unref(p.c);
        gor_waitgroup_wait(&wg);
    }
    gor_chan_unref(idle);
}

/* Memory does not grow with the number of selects done. */
static void feed_both(void *arg)
{
    struct parting *p = arg;
    int value = 0;
    for (int i = 0; i < SCALED(100000, 20000, 5000); i++) {
        struct gor_case cases[] = {{p->c, &value, GOR_SEND, 0}, {p->idle, &value, GOR_SEND, 0}};
        CHECK(gor_select(cases, 2) >= 0);
    }
    gor_waitgroup_done(p->wg);
}

static long resident_pages(void)
{
    long total = 0;
    long resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CHECK(f != NULL);
    CHECK_EQ(fscanf(f, "%ld %ld", &total, &resident), 2);
    fclose(f);
    return resident;
}

GO_TEST(select_uses_no_more_memory_the_longer_it_goes)
{
    struct gor_waitgroup wg = {0};
    struct parting p = {new_chan(sizeof(int), 0), new_chan(sizeof(int), 0), &wg};
    int count = SCALED(100000, 20000, 5000);
    int got;
    struct gor_case cases[] = {{p.c, &got, GOR_RECV, 0}, {p.idle, &got, GOR_RECV, 0}};
    long before = 0;
    gor_waitgroup_add(&wg, 1);
    spawn(feed_both, &p);
    for (int i = 0; i < count; i++) {
        CHECK(gor_select(cases, 2) >= 0);
        if (i == count / 10) {
            before = resident_pages();
        }
    }
    gor_waitgroup_wait(&wg);
    /* 1 MiB of slack for what the C library and a sanitizer do meanwhile; a leak of one wait record
     * per select would be several times that. */
    CHECK_INT(resident_pages() - before, <, SCALED(256, 2048, 4096));
    gor_chan_unref(p.c);
    gor_chan_unref(p.idle);
}
