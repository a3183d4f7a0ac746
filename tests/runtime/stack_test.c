/* SPDX-License-Identifier: MIT */
/* stack_test.c - deep stacks, warm and cold ones, alignment, and the floating point modes. */
#include <fenv.h>
#include <sys/mman.h>

#include "tests/runtime/help.h"

enum { FRAME = SCALED(512, 256, 256) };

/* Go down `depth` frames of at least FRAME bytes, parking at the bottom, and check each on the way
 * back. */
__attribute__((noinline)) static long go_down(int depth, struct gor_chan *turn)
{
    volatile unsigned char frame[FRAME];
    for (int i = 0; i < FRAME; i += 64) {
        frame[i] = (unsigned char)(depth + i);
    }
    long below = 0;
    if (depth > 0) {
        below = go_down(depth - 1, turn);
    } else if (turn != NULL) {
        CHECK_EQ(gor_chan_recv(turn, NULL), 1);
    } else {
        gor_yield();
    }
    for (int i = 0; i < FRAME; i += 64) {
        CHECK_EQ(frame[i], (unsigned char)(depth + i));
    }
    return below + 1;
}

struct dive {
    int depth;
    struct gor_chan *turn;
    struct gor_waitgroup *wg;
};

static void dive(void *arg)
{
    struct dive *d = arg;
    CHECK_EQ(go_down(d->depth, d->turn), d->depth + 1);
    gor_waitgroup_done(d->wg);
}

GO_TEST(stack_by_default_takes_eighty_kib)
{
    struct gor_waitgroup wg = {0};
    struct dive d = {SCALED(80 * 1024 / 640, 100, 100), NULL, &wg};
    for (int round = 0; round < 20; round++) {
        gor_waitgroup_add(&wg, 10);
        for (int i = 0; i < 10; i++) {
            spawn(dive, &d);
        }
        gor_waitgroup_wait(&wg);
    }
}

GO_TEST(stack_of_eight_mib_takes_seven)
{
    struct gor_waitgroup wg = {0};
    struct dive d = {SCALED(7 * 1024 * 1024 / 640, 5000, 5000), NULL, &wg};
    gor_waitgroup_add(&wg, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.stack_bytes = 8 << 20}, dive, &d), 0);
    }
    gor_waitgroup_wait(&wg);
}

GO_TEST(stack_parked_deep_down_is_kept_whole)
{
    enum { DIVERS = 40 };
    struct gor_waitgroup wg = {0};
    struct dive dives[DIVERS];
    struct gor_chan *turn = new_chan(0, 0);
    gor_waitgroup_add(&wg, DIVERS);
    for (int i = 0; i < DIVERS; i++) {
        dives[i] = (struct dive){3 * i, turn, &wg};
        gor_id_t id = spawn_parked(dive, &dives[i], GOR_WAIT_CHAN_RECV);
        struct gor_info info;
        /* Nothing is known of its stack until it has been left. */
        YIELD_UNTIL(gor_lookup(id, &info) == 0 && info.stack_used_bytes > 0)
        CHECK_INT(info.stack_used_bytes, >=, 3 * i * FRAME);
        CHECK_INT(info.stack_used_bytes, <, info.stack_bytes);
    }
    for (int i = 0; i < DIVERS; i++) {
        CHECK_EQ(gor_chan_send(turn, NULL), 0);
    }
    gor_waitgroup_wait(&wg);
    gor_chan_unref(turn);
}

/* Stacks of 96 KiB do not fill an arena: a few thousand of them, used all the way down, lie in two, and the
 * last of the first one is as good as any other. */
struct full_house {
    struct gor_chan *gate;
    struct gor_waitgroup arrived;
};

static void touch_and_park(void *arg)
{
    struct full_house *house = arg;
    volatile char frame[SCALED(80 << 10, 4096, 4096)];
    frame[0] = 1;
    gor_waitgroup_done(&house->arrived);
    CHECK_EQ(gor_chan_recv(house->gate, NULL), 0);
    CHECK_EQ(frame[0], 1);
}

GO_TEST(stack_of_96_kib_lies_in_its_arena)
{
    enum { COUNT = SCALED(3000, 100, 100) };
    struct full_house house = {.gate = new_chan(0, 0)};
    struct gor_go_opts opts = {.stack_bytes = 96 << 10};
    gor_waitgroup_add(&house.arrived, COUNT);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(gor_go_with(&opts, touch_and_park, &house), 0);
    }
    gor_waitgroup_wait(&house.arrived);
    CHECK_EQ(gor_chan_close(house.gate), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(house.gate);
}

/* A stack that was used deeply serves the next goroutine, shallow or deep, of any class. */
GO_TEST(stack_used_again_serves_deep_and_shallow_alike)
{
    static const size_t classes[] = {65536, 262144, 1 << 20, 8 << 20};
    struct gor_waitgroup wg = {0};
    struct dive deep[4];
    struct dive shallow = {0, NULL, &wg};
    for (int i = 0; i < 4; i++) {
        deep[i] = (struct dive){(int)(classes[i] / (size_t)SCALED(1024, 4096, 2048)), NULL, &wg};
    }
    for (int round = 0; round < SCALED(200, 50, 30); round++) {
        size_t class = classes[round % 4];
        struct gor_go_opts opts = {.stack_bytes = class};
        gor_waitgroup_add(&wg, 2);
        CHECK_EQ(gor_go_with(&opts, dive, &deep[round % 4]), 0);
        CHECK_EQ(gor_go_with(&opts, dive, &shallow), 0);
        gor_waitgroup_wait(&wg);
    }
}

/* --------------------------------------------------------- alignment, modes */

typedef double wide __attribute__((vector_size(16)));

static void use_aligned(void *arg)
{
    /* The ABI promises 16-byte alignment; vector spills fault without it. */
    volatile wide v = {1.0, 2.0};
    _Alignas(16) volatile char local[16];
    CHECK_EQ((uintptr_t)&v % 16, 0);
    CHECK_EQ((uintptr_t)local % 16, 0);
    gor_yield();
    CHECK(v[0] == 1.0 && v[1] == 2.0);
    char text[64];
    snprintf(text, sizeof text, "%.3f %g", 0.125, 1e100);
    CHECK_STR(text, "0.125 1e+100");
    gor_waitgroup_done(arg);
}

GO_TEST(stack_is_aligned_as_the_abi_asks)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 10);
    for (int i = 0; i < 10; i++) {
        spawn(use_aligned, &wg);
    }
    gor_waitgroup_wait(&wg);
}

struct rounding {
    struct gor_waitgroup *wg;
    int mode;
};

static void keep_rounding(void *arg)
{
    struct rounding *r = arg;
    CHECK_EQ(fesetround(r->mode), 0);
    for (int i = 0; i < 100; i++) {
        volatile double one = 1.0;
        volatile double three = 3.0;
        double third = one / three;
        gor_yield();
        CHECK_EQ(fegetround(), r->mode);
        CHECK(one / three == third);
    }
    gor_waitgroup_done(r->wg);
}

GO_TEST(stack_switch_keeps_each_goroutines_rounding_mode)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    struct gor_waitgroup wg = {0};
    struct rounding r[8];
    gor_waitgroup_add(&wg, 8);
    for (int i = 0; i < 8; i++) {
        r[i] = (struct rounding){&wg, modes[i % 4]};
        spawn(keep_rounding, &r[i]);
    }
    gor_waitgroup_wait(&wg);
    CHECK_EQ(fegetround(), FE_TONEAREST);
}

static void look_at_rounding(void *arg)
{
    CHECK_EQ(fegetround(), FE_TONEAREST);
    gor_waitgroup_done(arg);
}

static void change_rounding(void *arg)
{
    CHECK_EQ(fesetround(FE_UPWARD), 0);
    gor_waitgroup_done(arg);
}

GO_TEST(stack_of_a_new_goroutine_starts_with_the_default_rounding)
{
    struct gor_waitgroup wg = {0};
    for (int round = 0; round < 100; round++) {
        gor_waitgroup_add(&wg, 2);
        spawn(change_rounding, &wg);
        spawn(look_at_rounding, &wg);
        gor_waitgroup_wait(&wg);
    }
}

/* ---------------------------------------------------------- numbers by Peano */

/* Arithmetic by recursion only: thousands of small frames, again and again. */
struct number {
    struct number *less;
};

__attribute__((noinline)) static struct number *add(struct number *pool, int *used,
                                                    const struct number *x, struct number *y)
{
    if (x == NULL) {
        return y;
    }
    struct number *sum = &pool[(*used)++];
    sum->less = add(pool, used, x->less, y);
    return sum;
}

__attribute__((noinline)) static int count(const struct number *x)
{
    return x == NULL ? 0 : 1 + count(x->less);
}

enum { PEANO = SCALED(1500, 300, 300) };

static void count_by_peano(void *arg)
{
    struct number *pool = calloc(PEANO * 4, sizeof *pool);
    struct number *x = NULL;
    int used = 0;
    for (int i = 0; i < PEANO; i++) {
        pool[used].less = x;
        x = &pool[used++];
    }
    CHECK_EQ(count(x), PEANO);
    CHECK_EQ(count(add(pool, &used, x, x)), 2 * PEANO);
    free(pool);
    gor_waitgroup_done(arg);
}

GO_TEST(stack_counts_by_recursion)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 20);
    for (int i = 0; i < 20; i++) {
        spawn(count_by_peano, &wg);
    }
    gor_waitgroup_wait(&wg);
}
