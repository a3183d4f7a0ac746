/* SPDX-License-Identifier: MIT */
/* select_queue_test.c - selects that stand in one line several times, and leave it from the middle.
 */
#include "tests/runtime/help.h"

/* --------------------------------------------- one channel named twice, others in line */

struct duplicate {
    struct gor_chan *c; /* named twice by the select */
    struct gor_chan *d;
    struct gor_chan *done;
    enum gor_case_op op;
};

static void select_duplicate(void *arg)
{
    struct duplicate *dup = arg;
    int values[3] = {71, 72, 73};
    struct gor_case cases[] = {{dup->c, &values[0], dup->op, 0},
                               {dup->c, &values[1], dup->op, 0},
                               {dup->d, &values[2], GOR_RECV, 0}};
    CHECK_EQ(gor_select(cases, 3), 2);
    CHECK_EQ(values[2], 7);
    send_int(dup->done, 9);
}

static void meet_on_c(void *arg)
{
    struct duplicate *dup = arg;
    if (dup->op == GOR_RECV) {
        CHECK_EQ(recv_int(dup->c), 8);
    } else {
        send_int(dup->c, 8);
    }
    send_int(dup->done, 10);
}

static void check_duplicate(enum gor_case_op op, bool others_before, bool others_behind)
{
    struct duplicate dup = {new_chan(sizeof(int), 0), new_chan(sizeof(int), 0),
                            new_chan(sizeof(int), 4), op};
    enum gor_wait_reason reason = op == GOR_RECV ? GOR_WAIT_CHAN_RECV : GOR_WAIT_CHAN_SEND;
    int others = others_before + others_behind;
    if (others_before) {
        spawn_parked(meet_on_c, &dup, reason);
    }
    spawn_parked(select_duplicate, &dup, GOR_WAIT_SELECT);
    if (others_behind) {
        spawn_parked(meet_on_c, &dup, reason);
    }
    /* The select goes by the other channel, and takes both its places in the line with it. */
    send_int(dup.d, 7);
    CHECK_EQ(recv_int(dup.done), 9);
    for (int i = 0; i < others; i++) {
        if (op == GOR_RECV) {
            send_int(dup.c, 8);
        } else {
            CHECK_EQ(recv_int(dup.c), 8);
        }
        CHECK_EQ(recv_int(dup.done), 10);
    }
    CHECK_EQ(gor_chan_try_send(dup.c, &others), -EAGAIN);
    CHECK_EQ(gor_chan_try_recv(dup.c, NULL), -EAGAIN);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(dup.c);
    gor_chan_unref(dup.d);
    gor_chan_unref(dup.done);
}

GO_TEST(select_queue_is_left_by_both_cases_of_one_channel)
{
    for (int round = 0; round < 20; round++) {
        for (int places = 0; places < 4; places++) {
            check_duplicate(GOR_RECV, (places & 1) != 0, (places & 2) != 0);
            check_duplicate(GOR_SEND, (places & 1) != 0, (places & 2) != 0);
        }
    }
}

/* ------------------------------------------------ leaving costs the same from everywhere */

enum { WIDTH = SCALED(65536, 20000, 5000) };

struct wide {
    struct gor_case *cases;
    struct gor_chan *done;
};

/* WIDTH - 1 places in the line of `line`, and one on a channel of its own, the first case. */
static struct gor_case *new_wide(struct gor_chan *line)
{
    struct gor_case *cases = calloc(WIDTH, sizeof *cases);
    cases[0] = (struct gor_case){new_chan(0, 0), NULL, GOR_RECV, 0};
    for (int i = 1; i < WIDTH; i++) {
        cases[i] = (struct gor_case){line, NULL, GOR_RECV, 0};
    }
    return cases;
}

static void stay_in_line(void *arg)
{
    struct wide *w = arg;
    CHECK_EQ(gor_select(w->cases, WIDTH), 0);
    CHECK_EQ(gor_chan_send(w->done, NULL), 0);
}

/* Two wide selects stand in line; a third comes and goes between them and behind them. Were a place
 * looked for from either end of the line, each time would cost WIDTH * WIDTH steps: minutes. */
GO_TEST(select_queue_is_left_at_the_same_cost_from_the_middle)
{
    struct gor_chan *line = new_chan(0, 0);
    struct gor_chan *done = new_chan(0, 0);
    struct wide before = {new_wide(line), done};
    struct wide behind = {new_wide(line), done};
    struct gor_case *cases = new_wide(line);
    for (int round = 0; round < SCALED(60, 30, 30); round++) {
        struct wide middle = {cases, done};
        if (round == 0) {
            spawn_parked(stay_in_line, &before, GOR_WAIT_SELECT);
        }
        spawn_parked(stay_in_line, &middle, GOR_WAIT_SELECT);
        if (round == 0) {
            spawn_parked(stay_in_line, &behind, GOR_WAIT_SELECT);
        }
        CHECK_EQ(gor_chan_send(cases[0].chan, NULL), 0);
        CHECK_EQ(gor_chan_recv(done, NULL), 1);
        /* Also by a deadline. */
        CHECK_EQ(gor_select_until(cases, WIDTH, gor_after(1)), -ETIMEDOUT);
    }
    CHECK_EQ(gor_chan_send(before.cases[0].chan, NULL), 0);
    CHECK_EQ(gor_chan_recv(done, NULL), 1);
    CHECK_EQ(gor_chan_send(behind.cases[0].chan, NULL), 0);
    CHECK_EQ(gor_chan_recv(done, NULL), 1);
    CHECK_EQ(gor_chan_try_send(line, NULL), -EAGAIN);
    struct gor_case *all[] = {before.cases, behind.cases, cases};
    for (int i = 0; i < 3; i++) {
        gor_chan_unref(all[i][0].chan);
        free(all[i]);
    }
    gor_chan_unref(line);
    gor_chan_unref(done);
}

/* ---------------------------------------------------- a line of goroutines, not of cases */

struct request {
    struct gor_chan *ask;
    struct gor_chan *quit;
    struct gor_waitgroup *wg;
    _Atomic int *served;
};

static void ask_or_quit(void *arg)
{
    struct request *r = arg;
    struct gor_case cases[] = {{r->ask, NULL, GOR_SEND, 0}, {r->quit, NULL, GOR_RECV, 0}};
    int chosen = gor_select(cases, 2);
    CHECK_EQ(cases[chosen].result, 0);
    atomic_fetch_add(r->served, chosen == 0);
    gor_waitgroup_done(r->wg);
}

/* Every second one is served, the others leave from between them: all are accounted for. */
GO_TEST(select_queue_serves_some_and_loses_the_others)
{
    int count = SCALED(4000, 2000, 500);
    struct gor_waitgroup wg = {0};
    _Atomic int served = 0;
    struct gor_chan *ask = new_chan(0, 0);
    struct request *requests = calloc((size_t)count, sizeof *requests);
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        requests[i] = (struct request){ask, new_chan(0, 0), &wg, &served};
        spawn(ask_or_quit, &requests[i]);
    }
    int quit = 0;
    for (int i = 1; i < count; i += 2) {
        CHECK_EQ(gor_chan_close(requests[i].quit), 0);
        quit++;
    }
    for (int i = 0; i < count - quit; i++) {
        struct gor_case one = {ask, NULL, GOR_RECV, 0};
        CHECK_EQ(gor_select(&one, 1), 0);
    }
    /* Whoever met the close could have been served before: then one that stays is left over. */
    for (int i = 0; i < count; i += 2) {
        CHECK_EQ(gor_chan_close(requests[i].quit), 0);
    }
    gor_waitgroup_wait(&wg);
    CHECK_EQ(atomic_load(&served), count - quit);
    CHECK_EQ(gor_chan_try_recv(ask, NULL), -EAGAIN);
    for (int i = 0; i < count; i++) {
        gor_chan_unref(requests[i].quit);
    }
    gor_chan_unref(ask);
    free(requests);
}
