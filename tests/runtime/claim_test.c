/* SPDX-License-Identifier: MIT */
/* claim_test.c - goroutines that go on and wait while a thread claims them, again and again, and writes
 * below their stack pointers. */
#include <pthread.h>
#include <string.h>

#include "runtime/sched/claim.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/preempt.h"
#include "tests/runtime/help.h"

enum { PAIRS = 16, ROUNDS = SCALED(20000, 4000, 2000), BELOW = 256, RED_ZONE = 128, SOIL = 0x5a };

static _Atomic bool over;
static _Atomic uint64_t claims_held;

struct batch {
    struct gor__claim claims[GOR__CLAIMS_MAX];
    uint32_t count;
};

static int note(void *arg, struct gor__g *g)
{
    struct batch *batch = arg;
    batch->count += gor__claim_note(&batch->claims[batch->count], g);
    return batch->count == GOR__CLAIMS_MAX;
}

static void soil(const struct gor__claim *claim)
{
    memset(claim->sp - RED_ZONE - BELOW, SOIL, BELOW);
}

/* It may have been counted as resumed, but does not run. */
static void check_soil(const struct gor__claim *claim)
{
    const char *soiled = claim->sp - RED_ZONE - BELOW;
    for (int i = 0; i < BELOW; i++) {
        CHECK_EQ(soiled[i], SOIL);
    }
    CHECK(claim->g->context.sp == claim->sp);
}

static void *claim_all_the_time(void *unused)
{
    (void)unused;
    while (!over) {
        struct batch batch = {.count = 0};
        (void)gor__pool_each(note, &batch);
        uint32_t held = gor__claim(batch.claims, batch.count);
        for (uint32_t i = 0; i < held; i++) {
            soil(&batch.claims[i]);
        }
        for (uint32_t i = 0; i < held; i++) {
            check_soil(&batch.claims[i]);
        }
        gor__unclaim(batch.claims, held);
        claims_held += held;
    }
    return NULL;
}

struct pair {
    struct gor_chan *there;
    struct gor_chan *back;
    struct gor_waitgroup *wg;
};

/* Waits with a frame above that must stay, and uses much below in between. */
__attribute__((noinline)) static int use_stack(int value)
{
    volatile unsigned char frame[1024];
    for (size_t i = 0; i < sizeof frame; i += 32) {
        frame[i] = (unsigned char)(value + (int)i);
    }
    for (size_t i = 0; i < sizeof frame; i += 32) {
        CHECK_EQ(frame[i], (unsigned char)(value + (int)i));
    }
    return value + 1;
}

static void answer(void *arg)
{
    struct pair *pair = arg;
    int value;
    while (gor_chan_recv(pair->there, &value) == 1) {
        send_int(pair->back, use_stack(value));
    }
    gor_waitgroup_done(pair->wg);
}

static void ask(void *arg)
{
    struct pair *pair = arg;
    gor_set_name("asks");
    for (int i = 0; i < ROUNDS; i++) {
        send_int(pair->there, i);
        CHECK_EQ(recv_int(pair->back), use_stack(i));
        if (i % 64 == 0) {
            /* Names and claims share a byte. */
            gor_set_name(i % 128 == 0 ? NULL : "asks again");
        }
    }
    CHECK_EQ(gor_chan_close(pair->there), 0);
    gor_waitgroup_done(pair->wg);
}

GO_TEST(claims_keep_goroutines_from_going_on_and_then_let_them)
{
    struct gor_waitgroup wg = {0};
    struct pair pairs[PAIRS];
    pthread_t claimer;
    if (!gor__fences_work()) {
        test_skip("the kernel has no membarrier");
        return;
    }
    atomic_store(&over, false);
    CHECK_EQ(pthread_create(&claimer, NULL, claim_all_the_time, NULL), 0);
    gor_waitgroup_add(&wg, 2 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){new_chan(sizeof(int), 0), new_chan(sizeof(int), 0), &wg};
        spawn(answer, &pairs[i]);
        spawn(ask, &pairs[i]);
    }
    gor_waitgroup_wait(&wg);
    /* One that waits for good is claimed for certain. */
    uint64_t before = claims_held;
    struct pair last = {new_chan(sizeof(int), 0), NULL, &wg};
    gor_waitgroup_add(&wg, 1);
    spawn(answer, &last);
    YIELD_UNTIL(claims_held > before)
    over = true;
    CHECK_EQ(pthread_join(claimer, NULL), 0);
    CHECK_EQ(gor_chan_close(last.there), 0);
    gor_waitgroup_wait(&wg);
    gor_chan_unref(last.there);
    for (int i = 0; i < PAIRS; i++) {
        gor_chan_unref(pairs[i].there);
        gor_chan_unref(pairs[i].back);
    }
}

GO_TEST(claims_refuse_who_runs_and_who_is_claimed)
{
    struct gor__claim claim;
    struct gor__claim again;
    struct gor_waitgroup wg = {0};
    struct pair pair = {new_chan(sizeof(int), 0), new_chan(sizeof(int), 1), &wg};
    if (!gor__fences_work()) {
        test_skip("the kernel has no membarrier");
        return;
    }
    CHECK(!gor__claim_note(&claim, gor__g_self()));
    gor_id_t id = 0;
    gor_waitgroup_add(&wg, 1);
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, answer, &pair), 0);
    await_waiting(id, GOR_WAIT_CHAN_RECV);
    struct batch batch = {.count = 0};
    YIELD_UNTIL((batch.count = 0, gor__pool_each(note, &batch), batch.count == 1))
    claim = batch.claims[0];
    again = claim;
    CHECK_EQ(claim.g->id, id);
    /* It cannot go on meanwhile, so neither can whoever has its turn on the same P: no waiting here. */
    CHECK_EQ(gor__claim(&claim, 1), 1);
    CHECK_EQ(gor__claim(&again, 1), 0);
    gor__unclaim(&claim, 1);
    /* What was noted is void once it has run. */
    send_int(pair.there, 1);
    CHECK_EQ(recv_int(pair.back), 2);
    CHECK_EQ(gor__claim(&again, 1), 0);
    CHECK_EQ(again.g->flags & GOR__G_CLAIMED, 0);
    CHECK_EQ(gor_chan_close(pair.there), 0);
    gor_waitgroup_wait(&wg);
    gor_chan_unref(pair.there);
    gor_chan_unref(pair.back);
}
