/* SPDX-License-Identifier: MIT */
/* chan_memory_test.c - values that lie on stacks while their owners are parked, and answers through
 * channels that live for one request.
 */
#include "tests/runtime/help.h"

enum { ELEMENT = 4000, DEPTH = 60 };

struct element {
    unsigned char bytes[ELEMENT];
};

static void fill(struct element *e, int salt)
{
    for (int i = 0; i < ELEMENT; i++) {
        e->bytes[i] = (unsigned char)(i * 7 + salt);
    }
}

static void check_filled(const struct element *e, int salt)
{
    for (int i = 0; i < ELEMENT; i++) {
        CHECK_EQ(e->bytes[i], (unsigned char)(i * 7 + salt));
    }
}

/* ------------------------------------------------ deep down on the stack of a parked one */

struct diver {
    struct gor_chan *c;
    struct gor_chan *never;
    struct gor_waitgroup *wg;
    int number;
    bool sends;
    bool selects;
};

static void meet_at_the_bottom(struct diver *d)
{
    struct element e;
    fill(&e, d->sends ? d->number : 99);
    if (d->selects) {
        struct gor_case cases[] = {{d->never, NULL, GOR_RECV, 0},
                                   {d->c, &e, d->sends ? GOR_SEND : GOR_RECV, 0}};
        CHECK_EQ(gor_select(cases, 2), 1);
    } else if (d->sends) {
        CHECK_EQ(gor_chan_send(d->c, &e), 0);
    } else {
        CHECK_EQ(gor_chan_recv(d->c, &e), 1);
    }
    check_filled(&e, d->number);
}

__attribute__((noinline)) static int dive(struct diver *d, int depth)
{
    volatile unsigned char frame[256];
    frame[0] = (unsigned char)depth;
    frame[255] = (unsigned char)(depth + d->number);
    int below = 0;
    if (depth == 0) {
        meet_at_the_bottom(d);
    } else {
        below = dive(d, depth - 1);
    }
    CHECK_EQ(frame[0], (unsigned char)depth);
    CHECK_EQ(frame[255], (unsigned char)(depth + d->number));
    return below + 1;
}

static void be_diver(void *arg)
{
    struct diver *d = arg;
    CHECK_EQ(dive(d, DEPTH), DEPTH + 1);
    gor_waitgroup_done(d->wg);
}

/* Stacks come and go, are cleaned and given to others. */
static void churn_once(void *arg)
{
    struct element e;
    fill(&e, 1);
    gor_yield();
    check_filled(&e, 1);
    gor_waitgroup_done(arg);
}

static void churn(int waves)
{
    struct gor_waitgroup wg = {0};
    for (int wave = 0; wave < waves; wave++) {
        gor_waitgroup_add(&wg, 200);
        for (int i = 0; i < 200; i++) {
            spawn(churn_once, &wg);
        }
        (void)gor_gomaxprocs(1 + wave % 4);
        gor_waitgroup_wait(&wg);
    }
}

GO_TEST(chan_memory_on_a_parked_stack_stays_whole)
{
    enum { DIVERS = 40 };
    struct gor_waitgroup wg = {0};
    struct diver divers[DIVERS];
    struct element *e = malloc(sizeof *e);
    struct gor_chan *never = new_chan(0, 0);
    for (int round = 0; round < SCALED(20, 8, 2); round++) {
        gor_waitgroup_add(&wg, DIVERS);
        for (int i = 0; i < DIVERS; i++) {
            divers[i] = (struct diver){new_chan(ELEMENT, 0), never, &wg, i, i % 2 == 0, i % 4 >= 2};
            spawn_parked(be_diver, &divers[i],
                         divers[i].selects ? GOR_WAIT_SELECT
                         : divers[i].sends ? GOR_WAIT_CHAN_SEND
                                           : GOR_WAIT_CHAN_RECV);
        }
        churn(3);
        for (int i = 0; i < DIVERS; i++) {
            if (divers[i].sends) {
                CHECK_EQ(gor_chan_recv(divers[i].c, e), 1);
                check_filled(e, i);
            } else {
                fill(e, i);
                CHECK_EQ(gor_chan_send(divers[i].c, e), 0);
            }
        }
        gor_waitgroup_wait(&wg);
        for (int i = 0; i < DIVERS; i++) {
            gor_chan_unref(divers[i].c);
        }
    }
    gor_chan_unref(never);
    free(e);
}

/* ------------------------------------------------- a channel and an answer for each request */

struct answer {
    struct gor_chan *to;
    struct gor_chan *gone; /* closed when nobody wants the answer any more; NULL: a plain send */
    struct gor_waitgroup *wg;
};

/* The answer is made by one goroutine, handed on as a pointer, and freed by the other. */
static void give_answer(void *arg)
{
    struct answer *a = arg;
    struct element *e = malloc(sizeof *e);
    struct gor_chan *to = a->to;
    struct gor_chan *gone = a->gone;
    struct gor_waitgroup *wg = a->wg;
    free(a);
    fill(e, 5);
    if (gone == NULL) {
        CHECK_EQ(gor_chan_send(to, &e), 0);
    } else {
        struct gor_case cases[] = {{to, (void *)&e, GOR_SEND, 0}, {gone, NULL, GOR_RECV, 0}};
        if (gor_select(cases, 2) == 1) {
            free(e);
        }
    }
    gor_chan_unref(to);
    gor_chan_unref(gone);
    gor_waitgroup_done(wg);
}

struct asker {
    struct gor_waitgroup wg;
    struct gor_waitgroup answers;
    bool selects;
};

static void ask(void *arg)
{
    struct asker *asker = arg;
    for (int i = 0; i < SCALED(500, 150, 30); i++) {
        struct gor_chan *to = new_chan(sizeof(struct element *), 0);
        struct gor_chan *gone = asker->selects ? new_chan(0, 0) : NULL;
        struct answer *a = malloc(sizeof *a);
        *a = (struct answer){gor_chan_ref(to), gone != NULL ? gor_chan_ref(gone) : NULL,
                             &asker->answers};
        gor_waitgroup_add(&asker->answers, 1);
        spawn(give_answer, a);
        if (gone != NULL && i % 4 == 3) {
            CHECK_EQ(gor_chan_close(gone), 0);
        } else {
            struct element *e = NULL;
            CHECK_EQ(gor_chan_recv(to, &e), 1);
            gor_yield();
            check_filled(e, 5);
            free(e);
        }
        gor_chan_unref(to);
        gor_chan_unref(gone);
    }
    gor_waitgroup_done(&asker->wg);
}

static void run_askers(bool selects)
{
    enum { ASKERS = 20 };
    struct asker asker = {.selects = selects};
    gor_waitgroup_add(&asker.wg, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        spawn(ask, &asker);
    }
    gor_waitgroup_wait(&asker.wg);
    gor_waitgroup_wait(&asker.answers);
}

GO_TEST(chan_memory_of_an_answer_is_whole_and_handed_over)
{
    run_askers(false);
    run_askers(true);
}
