/* SPDX-License-Identifier: MIT */
/* chan_fifo_test.c - order: of values, of those who wait, and after some of them left. */
#include "tests/runtime/help.h"

enum { WAITERS = 12 };

struct waiter {
    struct gor_chan *c;
    struct gor_chan *order; /* where a receiver reports its number */
    int number;
    int64_t deadline;
};

static void send_number(void *arg)
{
    struct waiter *w = arg;
    int64_t deadline = w->deadline; /* once the value is sent, `w` may be gone */
    int result = gor_chan_send_until(w->c, &w->number, deadline);
    CHECK_EQ(result, deadline == GOR_NEVER ? 0 : -ETIMEDOUT);
}

static void recv_and_report(void *arg)
{
    struct waiter *w = arg;
    int value;
    int result = gor_chan_recv_until(w->c, &value, w->deadline);
    if (w->deadline != GOR_NEVER) {
        CHECK_EQ(result, -ETIMEDOUT);
        return;
    }
    CHECK_EQ(result, 1);
    /* Only the first waiter in line may get the next value. */
    CHECK_EQ(value, w->number);
    send_int(w->order, w->number);
}

static void park_in_order(struct waiter *waiters, struct gor_chan *c, struct gor_chan *order,
                          bool senders)
{
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){c, order, i, GOR_NEVER};
        spawn_parked(senders ? send_number : recv_and_report, &waiters[i],
                     senders ? GOR_WAIT_CHAN_SEND : GOR_WAIT_CHAN_RECV);
    }
}

GO_TEST(fifo_unbuffered_senders_are_served_in_order)
{
    struct waiter waiters[WAITERS];
    struct gor_chan *c = new_chan(sizeof(int), 0);
    park_in_order(waiters, c, NULL, true);
    for (int i = 0; i < WAITERS; i++) {
        CHECK_EQ(recv_int(c), i);
    }
    gor_chan_unref(c);
}

GO_TEST(fifo_receivers_are_served_in_order)
{
    struct waiter waiters[WAITERS];
    struct gor_chan *c = new_chan(sizeof(int), 0);
    struct gor_chan *order = new_chan(sizeof(int), WAITERS);
    park_in_order(waiters, c, order, false);
    for (int i = 0; i < WAITERS; i++) {
        send_int(c, i);
    }
    unsigned seen = 0;
    for (int i = 0; i < WAITERS; i++) {
        seen |= 1u << recv_int(order);
    }
    CHECK_EQ(seen, (1u << WAITERS) - 1);
    gor_chan_unref(c);
    gor_chan_unref(order);
}

GO_TEST(fifo_full_buffer_moves_the_first_sender_to_its_tail)
{
    struct waiter waiters[WAITERS];
    struct gor_chan *c = new_chan(sizeof(int), 3);
    for (int i = -3; i < 0; i++) {
        send_int(c, i);
    }
    park_in_order(waiters, c, NULL, true);
    for (int i = -3; i < WAITERS; i++) {
        CHECK_EQ(gor_chan_len(c), i < WAITERS - 3 ? 3 : WAITERS - i);
        CHECK_EQ(recv_int(c), i);
    }
    CHECK_EQ(gor_chan_len(c), 0);
    gor_chan_unref(c);
}

GO_TEST(fifo_waiting_receiver_is_handed_the_value_past_the_buffer)
{
    struct waiter w = {new_chan(sizeof(int), 4), new_chan(sizeof(int), 1), 0, GOR_NEVER};
    spawn_parked(recv_and_report, &w, GOR_WAIT_CHAN_RECV);
    CHECK_EQ(gor_chan_try_send(w.c, &w.number), 0);
    CHECK_EQ(gor_chan_len(w.c), 0);
    CHECK_EQ(recv_int(w.order), 0);
    gor_chan_unref(w.c);
    gor_chan_unref(w.order);
}

/* Waiters in the middle give up; the others keep their places. */
static void leave_from_the_middle(bool senders)
{
    struct waiter waiters[WAITERS];
    struct waiter leavers[WAITERS];
    gor_id_t leaver_ids[WAITERS];
    struct gor_chan *c = new_chan(sizeof(int), 0);
    struct gor_chan *order = new_chan(sizeof(int), WAITERS);
    int64_t deadline = gor_after(20 * GOR_MILLISECOND);
    for (int i = 0; i < WAITERS; i++) {
        leavers[i] = (struct waiter){c, order, 1000 + i, deadline};
        waiters[i] = (struct waiter){c, order, i, GOR_NEVER};
        leaver_ids[i] = spawn_id(senders ? send_number : recv_and_report, &leavers[i]);
        spawn_parked(senders ? send_number : recv_and_report, &waiters[i],
                     senders ? GOR_WAIT_CHAN_SEND : GOR_WAIT_CHAN_RECV);
    }
    for (int i = 0; i < WAITERS; i++) {
        await_end(leaver_ids[i]);
    }
    for (int i = 0; i < WAITERS; i++) {
        if (senders) {
            CHECK_EQ(recv_int(c), i);
        } else {
            send_int(c, i);
        }
    }
    for (int i = 0; !senders && i < WAITERS; i++) {
        (void)recv_int(order);
    }
    CHECK_EQ(gor_chan_try_recv(c, NULL), -EAGAIN);
    gor_chan_unref(c);
    gor_chan_unref(order);
}

GO_TEST(fifo_keeps_its_order_when_senders_in_the_middle_leave)
{
    leave_from_the_middle(true);
}

GO_TEST(fifo_keeps_its_order_when_receivers_in_the_middle_leave)
{
    leave_from_the_middle(false);
}

/* A relay: runner i waits for its predecessor, takes one number and frees its successor. */
struct runner {
    struct gor_chan *c;
    struct gor_chan *in;
    struct gor_chan *out;
    int expected;
};

static void run_relay(void *arg)
{
    struct runner *r = arg;
    CHECK_EQ(gor_chan_recv(r->in, NULL), 1);
    CHECK_EQ(recv_int(r->c), r->expected);
    CHECK_EQ(gor_chan_send(r->out, NULL), 0);
}

static void relay(size_t capacity)
{
    enum { RUNNERS = 100 };
    static struct runner runners[RUNNERS];
    struct gor_chan *links[RUNNERS + 1];
    struct gor_chan *c = new_chan(sizeof(int), capacity);
    links[0] = new_chan(0, 1);
    for (int i = 0; i < RUNNERS; i++) {
        links[i + 1] = new_chan(0, i + 1 == RUNNERS ? 1 : 0);
        runners[i] = (struct runner){c, links[i], links[i + 1], i};
        spawn(run_relay, &runners[i]);
    }
    CHECK_EQ(gor_chan_send(links[0], NULL), 0);
    for (int i = 0; i < RUNNERS; i++) {
        send_int(c, i);
    }
    CHECK_EQ(gor_chan_recv(links[RUNNERS], NULL), 1);
    for (int i = 0; i <= RUNNERS; i++) {
        gor_chan_unref(links[i]);
    }
    gor_chan_unref(c);
}

GO_TEST(fifo_relay_passes_numbers_in_order)
{
    relay(0);
    relay(1);
    relay(10);
}

/* Leaving the line costs the same wherever one stands: 20,000 waiters leave newest first. With a
 * search from the head this takes minutes instead of a moment. */
struct leaver {
    struct gor_chan *c;
    struct gor_chan *quit;
    struct gor_waitgroup *wg;
};

static void wait_or_quit(void *arg)
{
    struct leaver *l = arg;
    struct gor_case cases[] = {{l->c, NULL, GOR_RECV, 0}, {l->quit, NULL, GOR_RECV, 0}};
    CHECK_EQ(gor_select(cases, 2), 1);
    gor_waitgroup_done(l->wg);
}

GO_TEST(fifo_leaving_a_long_line_is_cheap)
{
    int count = SCALED(20000, 4000, 1000);
    struct leaver *leavers = calloc((size_t)count, sizeof *leavers);
    struct gor_chan *c = new_chan(0, 0);
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        leavers[i] = (struct leaver){c, new_chan(0, 0), &wg};
        spawn(wait_or_quit, &leavers[i]);
    }
    for (int i = count - 1; i >= 0; i--) {
        CHECK_EQ(gor_chan_close(leavers[i].quit), 0);
    }
    gor_waitgroup_wait(&wg);
    CHECK_EQ(gor_chan_try_send(c, NULL), -EAGAIN);
    for (int i = 0; i < count; i++) {
        gor_chan_unref(leavers[i].quit);
    }
    gor_chan_unref(c);
    free(leavers);
}
