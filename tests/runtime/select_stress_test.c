/* SPDX-License-Identifier: MIT */
/* select_stress_test.c - selects against selects: nothing is lost, doubled or missed. */
#include "tests/runtime/help.h"

/* ------------------------- four channels, senders and receivers of both kinds */

enum { LANES = 4 };

struct lanes {
    struct gor_chan *c[LANES];
    struct gor_waitgroup wg;
    int each;
    int lane_of_next;
};

struct lane {
    struct lanes *lanes;
    int index;
};

static void send_lane(void *arg)
{
    struct lane *lane = arg;
    for (int i = 0; i < lane->lanes->each; i++) {
        send_int(lane->lanes->c[lane->index], i);
    }
    gor_waitgroup_done(&lane->lanes->wg);
}

static void recv_lane(void *arg)
{
    struct lane *lane = arg;
    for (int i = 0; i < lane->lanes->each; i++) {
        (void)recv_int(lane->lanes->c[lane->index]);
    }
    gor_waitgroup_done(&lane->lanes->wg);
}

/* Serve every lane `each` times, switching off the lanes that are through. */
static void select_lanes(struct lanes *lanes, enum gor_case_op op)
{
    struct gor_case cases[LANES];
    int left[LANES];
    int value[LANES] = {0};
    for (int i = 0; i < LANES; i++) {
        cases[i] = (struct gor_case){lanes->c[i], &value[i], op, 0};
        left[i] = lanes->each;
    }
    for (int i = 0; i < LANES * lanes->each; i++) {
        int chosen = gor_select(cases, LANES);
        CHECK(chosen >= 0 && chosen < LANES);
        CHECK_EQ(cases[chosen].result, op == GOR_RECV ? 1 : 0);
        if (--left[chosen] == 0) {
            cases[chosen].chan = NULL;
        }
    }
    gor_waitgroup_done(&lanes->wg);
}

static void select_send_lanes(void *arg)
{
    select_lanes(arg, GOR_SEND);
}

static void select_recv_lanes(void *arg)
{
    select_lanes(arg, GOR_RECV);
}

GO_TEST(select_stress_mixed_with_plain_sends_and_receives)
{
    struct lanes lanes = {.each = SCALED(10000, 2000, 1000)};
    struct lane lane[LANES];
    for (int i = 0; i < LANES; i++) {
        lanes.c[i] = new_chan(sizeof(int), i % 2 == 0 ? 0 : (size_t)i);
        lane[i] = (struct lane){&lanes, i};
    }
    gor_waitgroup_add(&lanes.wg, 2 * LANES + 2);
    for (int i = 0; i < LANES; i++) {
        spawn(send_lane, &lane[i]);
        spawn(recv_lane, &lane[i]);
    }
    spawn(select_send_lanes, &lanes);
    spawn(select_recv_lanes, &lanes);
    gor_waitgroup_wait(&lanes.wg);
    for (int i = 0; i < LANES; i++) {
        CHECK_EQ(gor_chan_len(lanes.c[i]), 0);
        gor_chan_unref(lanes.c[i]);
    }
}

/* -------------- one select offers a value to four channels; one of them gets it */

struct offer {
    struct gor_chan *in[LANES];
    struct gor_chan *merged;
    int count;
};

struct forwarder {
    struct gor_chan *from;
    struct gor_chan *to;
    struct gor_waitgroup *wg;
};

static void offer_numbers(void *arg)
{
    struct offer *o = arg;
    for (int i = 0; i < o->count; i++) {
        struct gor_case cases[LANES];
        for (int k = 0; k < LANES; k++) {
            cases[k] = (struct gor_case){o->in[k], &i, GOR_SEND, 0};
        }
        CHECK(gor_select(cases, LANES) >= 0);
    }
    for (int k = 0; k < LANES; k++) {
        CHECK_EQ(gor_chan_close(o->in[k]), 0);
    }
}

static void forward(void *arg)
{
    struct forwarder *f = arg;
    int value;
    while (gor_chan_recv(f->from, &value) == 1) {
        send_int(f->to, value);
    }
    gor_waitgroup_done(f->wg);
}

static void close_when_done(void *arg)
{
    struct forwarder *f = arg;
    gor_waitgroup_wait(f->wg);
    CHECK_EQ(gor_chan_close(f->to), 0);
}

GO_TEST(select_stress_one_offer_is_never_taken_twice)
{
    struct offer o = {.merged = new_chan(sizeof(int), 0), .count = SCALED(20000, 5000, 3000)};
    struct forwarder f[LANES];
    struct gor_waitgroup wg = {0};
    unsigned char *seen = calloc((size_t)o.count, 1);
    gor_waitgroup_add(&wg, LANES);
    for (int k = 0; k < LANES; k++) {
        o.in[k] = new_chan(sizeof(int), 0);
        f[k] = (struct forwarder){o.in[k], o.merged, &wg};
        spawn(forward, &f[k]);
    }
    spawn(offer_numbers, &o);
    gor_id_t closer = spawn_id(close_when_done, &f[0]);
    int value;
    int received = 0;
    while (gor_chan_recv(o.merged, &value) == 1) {
        CHECK_EQ(seen[value], 0);
        seen[value] = 1;
        received++;
    }
    CHECK_EQ(received, o.count);
    await_end(closer);
    for (int k = 0; k < LANES; k++) {
        gor_chan_unref(o.in[k]);
    }
    gor_chan_unref(o.merged);
    free(seen);
}

/* ------------------ selects on both ends, crossing several channels at once */

struct crossing {
    struct gor_chan *c[3];
    struct gor_waitgroup wg;
    int each;
    _Atomic int64_t sent_sum;
    _Atomic int64_t received_sum;
};

static void cross_send(void *arg)
{
    struct crossing *x = arg;
    for (int i = 1; i <= x->each; i++) {
        /* Cases in a rotating order: address-ordered locking must not mind. */
        struct gor_case cases[3];
        for (int k = 0; k < 3; k++) {
            cases[k] = (struct gor_case){x->c[(i + k) % 3], &i, GOR_SEND, 0};
        }
        CHECK(gor_select(cases, 3) >= 0);
        atomic_fetch_add(&x->sent_sum, i);
    }
    gor_waitgroup_done(&x->wg);
}

static void cross_recv(void *arg)
{
    struct crossing *x = arg;
    for (int i = 1; i <= x->each; i++) {
        struct gor_case cases[3];
        int got = 0;
        for (int k = 0; k < 3; k++) {
            cases[k] = (struct gor_case){x->c[(i * 2 + k) % 3], &got, GOR_RECV, 0};
        }
        CHECK(gor_select(cases, 3) >= 0);
        atomic_fetch_add(&x->received_sum, got);
    }
    gor_waitgroup_done(&x->wg);
}

GO_TEST(select_stress_crossing_selects_finish_with_equal_sums)
{
    struct crossing x = {.each = SCALED(5000, 1000, 500)};
    for (int i = 0; i < 3; i++) {
        x.c[i] = new_chan(sizeof(int), i == 1 ? 1 : 0);
    }
    gor_waitgroup_add(&x.wg, 12);
    for (int i = 0; i < 6; i++) {
        spawn(cross_send, &x);
        spawn(cross_recv, &x);
    }
    gor_waitgroup_wait(&x.wg);
    CHECK_EQ(atomic_load(&x.sent_sum), atomic_load(&x.received_sum));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_chan_len(x.c[i]), 0);
        gor_chan_unref(x.c[i]);
    }
}

/* ------------------------- a try on something that is always ready, to a race */

/* One value moves from `a` to `b` by turns, so one of the two is ready at every moment. */
struct juggle {
    struct gor_chan *a;
    struct gor_chan *b;
    struct gor_chan *done;
};

static void try_both(void *arg)
{
    struct juggle *j = arg;
    struct gor_case cases[] = {{j->a, NULL, GOR_RECV, 0}, {j->b, NULL, GOR_RECV, 0}};
    send_int(j->done, gor_select_try(cases, 2));
}

static void race_try_with(bool closes)
{
    for (int round = 0; round < SCALED(20000, 3000, 2000); round++) {
        struct juggle j = {new_chan(sizeof(int), 1), new_chan(sizeof(int), 1),
                           new_chan(sizeof(int), 1)};
        send_int(j.a, 1);
        spawn(try_both, &j);
        if (closes) {
            CHECK_EQ(gor_chan_close(j.b), 0);
        } else {
            send_int(j.b, 1);
        }
        (void)gor_chan_try_recv(j.a, NULL);
        CHECK(recv_int(j.done) >= 0);
        gor_chan_unref(j.a);
        gor_chan_unref(j.b);
        gor_chan_unref(j.done);
    }
}

GO_TEST(select_stress_try_never_misses_while_one_case_is_ready)
{
    race_try_with(false);
}

GO_TEST(select_stress_try_never_misses_a_close)
{
    race_try_with(true);
}

/* A plain try: what was sent before the channel closed is found before the close is. */
static void send_then_close(void *arg)
{
    struct gor_chan *c = arg;
    send_int(c, 5);
    CHECK_EQ(gor_chan_close(c), 0);
    gor_chan_unref(c);
}

GO_TEST(select_stress_try_recv_sees_the_value_before_the_close)
{
    for (int round = 0; round < SCALED(20000, 3000, 2000); round++) {
        struct gor_chan *c = new_chan(sizeof(int), 1);
        spawn(send_then_close, gor_chan_ref(c));
        int value = 0;
        int result;
        while ((result = gor_chan_try_recv(c, &value)) == -EAGAIN) {
            gor_yield();
        }
        CHECK_EQ(result, 1);
        CHECK_EQ(value, 5);
        gor_chan_unref(c);
    }
}

/* ------------------------------------------------- timeouts against partners */

struct hasty {
    struct gor_chan *c;
    struct gor_chan *never;
    struct gor_waitgroup wg;
    _Atomic long sent;
    _Atomic long received;
    _Atomic bool stop;
    int each;
};

static void send_hastily(void *arg)
{
    struct hasty *h = arg;
    for (int i = 0; i < h->each; i++) {
        struct gor_case cases[] = {{h->never, NULL, GOR_RECV, 0}, {h->c, &i, GOR_SEND, 0}};
        int chosen = gor_select_until(cases, 2, gor_after((i % 23) * GOR_MICROSECOND));
        CHECK(chosen == 1 || chosen == -ETIMEDOUT);
        atomic_fetch_add(&h->sent, chosen == 1);
    }
    gor_waitgroup_done(&h->wg);
}

static void recv_hastily(void *arg)
{
    struct hasty *h = arg;
    int got;
    for (int i = 0; i < h->each; i++) {
        struct gor_case cases[] = {{h->c, &got, GOR_RECV, 0}, {h->never, NULL, GOR_RECV, 0}};
        int chosen = gor_select_until(cases, 2, gor_after((i % 19) * GOR_MICROSECOND));
        CHECK(chosen == 0 || chosen == -ETIMEDOUT);
        atomic_fetch_add(&h->received, chosen == 0);
    }
    gor_waitgroup_done(&h->wg);
}

GO_TEST(select_stress_timeouts_and_partners_never_disagree)
{
    struct hasty h = {.c = new_chan(sizeof(int), 0), .each = SCALED(3000, 800, 500)};
    h.never = new_chan(0, 0);
    gor_waitgroup_add(&h.wg, 8);
    for (int i = 0; i < 4; i++) {
        spawn(send_hastily, &h);
        spawn(recv_hastily, &h);
    }
    gor_waitgroup_wait(&h.wg);
    CHECK_EQ(atomic_load(&h.sent), atomic_load(&h.received));
    gor_chan_unref(h.c);
    gor_chan_unref(h.never);
}
