/* SPDX-License-Identifier: MIT */
/* chans.c - the storm's channels: every value that was accepted is received, or left over. */
#include "tests/runtime/storm/storm.h"

void storm_send(struct storm_worker *w)
{
    int64_t value = storm_below(w, 1000) + 1;
    int result = gor_chan_send_until(storm_any_chan(w), &value, storm_soon(w));
    CHECK(result == 0 || result == -ETIMEDOUT);
    atomic_fetch_add(&w->s->sent, result == 0 ? value : 0);
}

void storm_recv(struct storm_worker *w)
{
    int64_t value = 0;
    int result = gor_chan_recv_until(storm_any_chan(w), &value, storm_soon(w));
    CHECK(result == 1 || result == -ETIMEDOUT);
    atomic_fetch_add(&w->s->received, result == 1 ? value : 0);
}

void storm_try(struct storm_worker *w)
{
    int64_t value = 7;
    if (gor_chan_try_send(storm_any_chan(w), &value) == 0) {
        atomic_fetch_add(&w->s->sent, 7);
    }
    if (gor_chan_try_recv(storm_any_chan(w), &value) == 1) {
        atomic_fetch_add(&w->s->received, value);
    }
}

void storm_select(struct storm_worker *w)
{
    enum { MOST = 5 };
    struct gor_case cases[MOST];
    int64_t values[MOST];
    size_t count = (size_t)storm_below(w, MOST) + 1;
    for (size_t i = 0; i < count; i++) {
        bool sends = storm_below(w, 2) == 0;
        values[i] = sends ? storm_below(w, 1000) + 1 : 0;
        cases[i] = (struct gor_case){storm_below(w, 8) == 0 ? NULL : storm_any_chan(w), &values[i],
                                     sends ? GOR_SEND : GOR_RECV, 99};
    }
    int chosen = storm_below(w, 3) == 0 ? gor_select_try(cases, count)
                                        : gor_select_until(cases, count, storm_soon(w));
    if (chosen < 0) {
        CHECK(chosen == -EAGAIN || chosen == -ETIMEDOUT);
        return;
    }
    CHECK(cases[chosen].chan != NULL);
    CHECK_EQ(cases[chosen].result, cases[chosen].op == GOR_SEND ? 0 : 1);
    atomic_fetch_add(cases[chosen].op == GOR_SEND ? &w->s->sent : &w->s->received, values[chosen]);
}

/* ---- a channel of one's own, closed among its users */

struct party {
    struct gor_chan *c;
    struct gor_waitgroup wg;
    _Atomic long sent;
    _Atomic long received;
};

static void send_until_closed(void *arg)
{
    struct party *p = arg;
    int64_t value = 1;
    while (gor_chan_send(p->c, &value) == 0) {
        atomic_fetch_add(&p->sent, 1);
    }
    gor_waitgroup_done(&p->wg);
}

static void recv_until_closed(void *arg)
{
    struct party *p = arg;
    int64_t value;
    while (gor_chan_recv(p->c, &value) == 1) {
        CHECK_EQ(value, 1);
        atomic_fetch_add(&p->received, 1);
    }
    CHECK_EQ(value, 0);
    gor_waitgroup_done(&p->wg);
}

void storm_close(struct storm_worker *w)
{
    struct party p = {.c = new_chan(sizeof(int64_t), (size_t)storm_below(w, 3))};
    int senders = storm_below(w, 3);
    int receivers = 1 + storm_below(w, 3);
    gor_waitgroup_add(&p.wg, senders + receivers);
    for (int i = 0; i < senders; i++) {
        spawn(send_until_closed, &p);
    }
    for (int i = 0; i < receivers; i++) {
        spawn(recv_until_closed, &p);
    }
    for (int i = storm_below(w, 4); i > 0; i--) {
        gor_yield();
    }
    CHECK_EQ(gor_chan_close(p.c), 0);
    gor_waitgroup_wait(&p.wg);
    CHECK_EQ(atomic_load(&p.sent), atomic_load(&p.received));
    gor_chan_unref(p.c);
}
