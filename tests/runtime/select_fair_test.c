/* SPDX-License-Identifier: MIT */
/* select_fair_test.c - a select chooses uniformly among the cases that can proceed.
 *
 * Each count is binomial: over 10,000 trials of one half its standard deviation is 0.5 %, so the
 * 2.4 % allowed here are almost five of them; a fair select fails once in a million runs.
 */
#include "tests/runtime/help.h"

enum { TRIALS = 10000, TOLERANCE = TRIALS * 24 / 1000 };

static void check_share(int count, int numerator, int denominator)
{
    int expected = TRIALS * numerator / denominator;
    CHECK_INT(count, >=, expected - TOLERANCE);
    CHECK_INT(count, <=, expected + TOLERANCE);
}

GO_TEST(select_fair_between_two_ready_receivers)
{
    struct gor_chan *a = new_chan(1, TRIALS);
    struct gor_chan *b = new_chan(1, TRIALS);
    int counts[2] = {0, 0};
    for (int i = 0; i < TRIALS; i++) {
        CHECK_EQ(gor_chan_send(a, "a"), 0);
        CHECK_EQ(gor_chan_send(b, "b"), 0);
    }
    struct gor_case cases[] = {{a, NULL, GOR_RECV, 0}, {b, NULL, GOR_RECV, 0}};
    for (int i = 0; i < TRIALS; i++) {
        counts[gor_select(cases, 2)]++;
    }
    check_share(counts[0], 1, 2);
    check_share(counts[1], 1, 2);
    gor_chan_unref(a);
    gor_chan_unref(b);
}

GO_TEST(select_fair_between_sending_and_receiving)
{
    struct gor_chan *in = new_chan(1, TRIALS);
    struct gor_chan *out = new_chan(1, TRIALS);
    int counts[2] = {0, 0};
    char byte = 'x';
    for (int i = 0; i < TRIALS; i++) {
        CHECK_EQ(gor_chan_send(in, &byte), 0);
    }
    struct gor_case cases[] = {{in, &byte, GOR_RECV, 0}, {out, &byte, GOR_SEND, 0}};
    for (int i = 0; i < TRIALS; i++) {
        counts[gor_select_try(cases, 2)]++;
    }
    check_share(counts[0], 1, 2);
    check_share(counts[1], 1, 2);
    gor_chan_unref(in);
    gor_chan_unref(out);
}

/* A start that rotates over all cases would give case 3 the share of the gap before it. */
GO_TEST(select_fair_beside_cases_that_are_not_ready)
{
    struct gor_chan *idle = new_chan(0, 0);
    struct gor_chan *closed = new_chan(0, 0);
    int counts[6] = {0};
    CHECK_EQ(gor_chan_close(closed), 0);
    struct gor_case cases[] = {
        {closed, NULL, GOR_RECV, 0}, {idle, NULL, GOR_RECV, 0},   {NULL, NULL, GOR_SEND, 0},
        {closed, NULL, GOR_RECV, 0}, {closed, NULL, GOR_RECV, 0}, {idle, NULL, GOR_SEND, 0},
    };
    for (int i = 0; i < TRIALS; i++) {
        counts[gor_select(cases, 6)]++;
    }
    check_share(counts[0], 1, 3);
    check_share(counts[3], 1, 3);
    check_share(counts[4], 1, 3);
    gor_chan_unref(idle);
    gor_chan_unref(closed);
}

GO_TEST(select_fair_to_a_channel_named_twice)
{
    struct gor_chan *a = new_chan(0, 0);
    struct gor_chan *b = new_chan(0, 0);
    int counts[3] = {0};
    CHECK_EQ(gor_chan_close(a), 0);
    CHECK_EQ(gor_chan_close(b), 0);
    struct gor_case cases[] = {
        {a, NULL, GOR_RECV, 0}, {b, NULL, GOR_RECV, 0}, {a, NULL, GOR_RECV, 0}};
    for (int i = 0; i < TRIALS; i++) {
        counts[gor_select(cases, 3)]++;
    }
    for (int i = 0; i < 3; i++) {
        check_share(counts[i], 1, 3);
    }
    gor_chan_unref(a);
    gor_chan_unref(b);
}

/* Closed is neither looked at first nor last: with another ready case it is a coin toss. */
GO_TEST(select_fair_between_a_closed_send_and_a_ready_receive)
{
    struct gor_chan *closed = new_chan(1, 0);
    struct gor_chan *ready = new_chan(1, TRIALS);
    int refused = 0;
    char byte = 'x';
    CHECK_EQ(gor_chan_close(closed), 0);
    for (int i = 0; i < TRIALS; i++) {
        CHECK_EQ(gor_chan_send(ready, &byte), 0);
    }
    struct gor_case cases[] = {{closed, &byte, GOR_SEND, 0}, {ready, &byte, GOR_RECV, 0}};
    for (int i = 0; i < TRIALS; i++) {
        int chosen = gor_select(cases, 2);
        CHECK_EQ(cases[chosen].result, chosen == 0 ? -EPIPE : 1);
        refused += chosen == 0;
    }
    check_share(refused, 1, 2);
    gor_chan_unref(closed);
    gor_chan_unref(ready);
}

/* Nine ready cases: chi-square with 8 degrees of freedom exceeds 39.3 once in 230,000. */
GO_TEST(select_fair_among_many)
{
    enum { WIDTH = 9 };
    struct gor_chan *closed = new_chan(0, 0);
    struct gor_case cases[WIDTH];
    double counts[WIDTH] = {0};
    double expected = (double)TRIALS / WIDTH;
    double chi_square = 0;
    CHECK_EQ(gor_chan_close(closed), 0);
    for (int i = 0; i < WIDTH; i++) {
        cases[i] = (struct gor_case){closed, NULL, GOR_RECV, 0};
    }
    for (int i = 0; i < TRIALS; i++) {
        counts[gor_select(cases, WIDTH)] += 1;
    }
    for (int i = 0; i < WIDTH; i++) {
        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    CHECK(chi_square < 39.3);
    gor_chan_unref(closed);
}

/* Successive choices are independent: equal neighbours are as frequent as different ones. */
GO_TEST(select_fair_without_a_pattern)
{
    struct gor_chan *closed = new_chan(0, 0);
    int same = 0;
    int last = 0;
    CHECK_EQ(gor_chan_close(closed), 0);
    struct gor_case cases[] = {{closed, NULL, GOR_RECV, 0}, {closed, NULL, GOR_RECV, 0}};
    for (int i = 0; i < TRIALS; i++) {
        int chosen = gor_select(cases, 2);
        same += chosen == last;
        last = chosen;
    }
    check_share(same, 1, 2);
    gor_chan_unref(closed);
}

/* A sender that selects between two hungry receivers must feed both. */
struct hungry {
    struct gor_chan *c;
    struct gor_chan *stop;
    struct gor_waitgroup *wg;
};

static void eat_until_stopped(void *arg)
{
    struct hungry *h = arg;
    struct gor_case cases[] = {{h->c, NULL, GOR_RECV, 0}, {h->stop, NULL, GOR_RECV, 0}};
    while (gor_select(cases, 2) == 0) {
    }
    gor_waitgroup_done(h->wg);
}

GO_TEST(select_fair_sender_starves_neither_receiver)
{
    struct gor_waitgroup wg = {0};
    struct gor_chan *stop = new_chan(0, 0);
    struct hungry hungry[2] = {{new_chan(1, 0), stop, &wg}, {new_chan(1, 0), stop, &wg}};
    int counts[2] = {0, 0};
    char byte = 'x';
    gor_waitgroup_add(&wg, 2);
    spawn(eat_until_stopped, &hungry[0]);
    spawn(eat_until_stopped, &hungry[1]);
    struct gor_case cases[] = {{hungry[0].c, &byte, GOR_SEND, 0},
                               {hungry[1].c, &byte, GOR_SEND, 0}};
    /* Which receivers are ready is up to the scheduler, which lets a pair go on for most of a
     * millisecond; none may be forgotten. */
    while (counts[0] < TRIALS || counts[1] < TRIALS) {
        counts[gor_select(cases, 2)]++;
    }
    CHECK_EQ(gor_chan_close(stop), 0);
    gor_waitgroup_wait(&wg);
    gor_chan_unref(hungry[0].c);
    gor_chan_unref(hungry[1].c);
    gor_chan_unref(stop);
}
