/* SPDX-License-Identifier: MIT */
/* select_shapes_test.c - thousands of selects made by a generator, each checked against a model.
 *
 * A shape is a list of cases, each a direction and a channel in one of nine conditions. The model
 * knows which cases can proceed, what the chosen one answers, and that nothing else is touched:
 * lengths, values, and whoever was parked on the other channels. All shapes of one, two and three
 * cases are made, and random ones of up to forty.
 */
#include "tests/runtime/help.h"

enum kind {
    IS_NULL,
    CLOSED,
    CLOSED_FULL, /* closed with a value inside */
    IDLE,        /* unbuffered, nobody there */
    RECEIVER,    /* unbuffered, a receiver parked */
    SENDER,      /* unbuffered, a sender parked */
    EMPTY,       /* room for two */
    HALF,
    FULL,
    KINDS
};

enum mode { MODE_BLOCK, MODE_TRY, MODE_PAST, MODE_NEVER, MODES };

enum { MAX_CASES = 40, OLDEST = 1000, INSIDE = 2000, PARTNER = 3000, OURS = 4000 };

struct piece {
    enum kind kind;
    enum gor_case_op op;
    struct gor_chan *c;
    gor_id_t partner; /* parked on c, or 0 */
    int partner_value;
    int value; /* of our case */
};

struct shape {
    int count;
    struct piece pieces[MAX_CASES];
    struct gor_case cases[MAX_CASES];
    int chosen;
};

static void partner_receives(void *arg)
{
    struct piece *p = arg;
    CHECK_EQ(gor_chan_recv(p->c, &p->partner_value), 1);
}

static void partner_sends(void *arg)
{
    struct piece *p = arg;
    p->partner_value = PARTNER;
    send_int(p->c, PARTNER);
}

static int values_inside(enum kind kind)
{
    return kind == CLOSED_FULL || kind == HALF ? 1 : kind == FULL ? 2 : 0;
}

static void set_up(struct piece *p)
{
    bool buffered = p->kind == CLOSED_FULL || p->kind >= EMPTY;
    p->partner = 0;
    p->partner_value = -1;
    p->c = p->kind == IS_NULL ? NULL : new_chan(sizeof(int), buffered ? 2 : 0);
    for (int i = 0; i < values_inside(p->kind); i++) {
        send_int(p->c, i == 0 ? OLDEST : INSIDE);
    }
    if (p->kind == CLOSED || p->kind == CLOSED_FULL) {
        CHECK_EQ(gor_chan_close(p->c), 0);
    } else if (p->kind == RECEIVER) {
        p->partner = spawn_parked(partner_receives, p, GOR_WAIT_CHAN_RECV);
    } else if (p->kind == SENDER) {
        p->partner = spawn_parked(partner_sends, p, GOR_WAIT_CHAN_SEND);
    }
}

static bool can_proceed(const struct piece *p)
{
    static const bool can[2][KINDS] = {
        [0] =
            {[CLOSED] = true, [CLOSED_FULL] = true, [SENDER] = true, [HALF] = true, [FULL] = true},
        [1] = {[CLOSED] = true,
               [CLOSED_FULL] = true,
               [RECEIVER] = true,
               [EMPTY] = true,
               [HALF] = true},
    };
    return can[p->op == GOR_SEND][p->kind];
}

/* What the chosen case did, and only it. */
static void check_done(struct piece *p, int result)
{
    if (p->op == GOR_SEND) {
        CHECK_EQ(result, p->kind == CLOSED || p->kind == CLOSED_FULL ? -EPIPE : 0);
        CHECK_EQ(p->value, OURS);
        if (p->kind == RECEIVER) {
            await_end(p->partner);
            CHECK_EQ(p->partner_value, OURS);
            p->partner = 0;
        }
        return;
    }
    CHECK_EQ(result, p->kind == CLOSED ? 0 : 1);
    CHECK_EQ(p->value, p->kind == CLOSED ? 0 : p->kind == SENDER ? PARTNER : OLDEST);
    if (p->kind == SENDER) {
        await_end(p->partner);
        p->partner = 0;
    }
}

static void check_len(const struct piece *p, bool done)
{
    int expected = values_inside(p->kind);
    if (done && p->op == GOR_SEND && (p->kind == EMPTY || p->kind == HALF)) {
        expected++;
    } else if (done && p->op == GOR_RECV && expected > 0) {
        expected--;
    }
    CHECK_EQ(gor_chan_len(p->c), expected);
}

static void check_untouched(const struct piece *p, int result)
{
    struct gor_info info;
    CHECK_EQ(result, 99);
    CHECK_EQ(p->value, p->op == GOR_SEND ? OURS : -1);
    if (p->partner != 0) {
        CHECK_EQ(gor_lookup(p->partner, &info), 0);
        CHECK_EQ(info.state, GOR_WAITING);
    }
}

/* Let a parked partner go, and see that only it stood in the line. */
static void release_partner(struct piece *p)
{
    if (p->partner == 0) {
        return;
    }
    if (p->kind == RECEIVER) {
        send_int(p->c, OURS);
    } else {
        CHECK_EQ(recv_int(p->c), PARTNER);
    }
    await_end(p->partner);
}

static void check_nobody_left(struct piece *p)
{
    int value = OURS;
    if (p->kind == IDLE || p->kind == RECEIVER || p->kind == SENDER) {
        CHECK_EQ(gor_chan_try_send(p->c, &value), -EAGAIN);
        CHECK_EQ(gor_chan_try_recv(p->c, &value), -EAGAIN);
    }
}

static int select_in(enum mode mode, struct shape *s)
{
    switch (mode) {
    case MODE_BLOCK:
        return gor_select(s->cases, (size_t)s->count);
    case MODE_TRY:
        return gor_select_try(s->cases, (size_t)s->count);
    case MODE_PAST:
        return gor_select_until(s->cases, (size_t)s->count, 1);
    default:
        return gor_select_until(s->cases, (size_t)s->count, GOR_NEVER);
    }
}

static void select_and_note(void *arg)
{
    struct shape *s = arg;
    s->chosen = gor_select(s->cases, (size_t)s->count);
}

/* A case that a partner of ours can make proceed; -1: none. */
static int find_wakeable(const struct shape *s, uint64_t *random)
{
    int start = random_below(random, s->count);
    for (int i = 0; i < s->count; i++) {
        const struct piece *p = &s->pieces[(start + i) % s->count];
        if (p->kind == IDLE || (p->kind == FULL && p->op == GOR_SEND) ||
            (p->kind == EMPTY && p->op == GOR_RECV)) {
            return (start + i) % s->count;
        }
    }
    return -1;
}

/* No case can proceed: the select parks until one can, and does that one. */
static void check_parked(struct shape *s, uint64_t *random)
{
    int at = find_wakeable(s, random);
    if (at < 0) {
        return;
    }
    struct piece *p = &s->pieces[at];
    gor_id_t id = spawn_parked(select_and_note, s, GOR_WAIT_SELECT);
    if (p->op == GOR_RECV) {
        send_int(p->c, INSIDE);
    } else {
        CHECK_EQ(recv_int(p->c), p->kind == FULL ? OLDEST : OURS);
    }
    await_end(id);
    CHECK_EQ(s->chosen, at);
    CHECK_EQ(s->cases[at].result, p->op == GOR_RECV ? 1 : 0);
    CHECK_EQ(p->value, p->op == GOR_RECV ? INSIDE : OURS);
    if (p->kind == FULL) {
        /* Our value stands behind what was inside already. */
        CHECK_EQ(recv_int(p->c), INSIDE);
        CHECK_EQ(recv_int(p->c), OURS);
        send_int(p->c, OLDEST);
        send_int(p->c, INSIDE);
    }
    s->cases[at].result = 99;
    p->value = p->op == GOR_SEND ? OURS : -1;
}

static void check_shape(struct shape *s, enum mode mode, uint64_t *random)
{
    int ready = 0;
    int chosen;
    for (int i = 0; i < s->count; i++) {
        struct piece *p = &s->pieces[i];
        set_up(p);
        p->value = p->op == GOR_SEND ? OURS : -1;
        s->cases[i] = (struct gor_case){p->c, &p->value, p->op, 99};
        ready += can_proceed(p);
    }
    if (ready == 0) {
        CHECK_EQ(gor_select_try(s->cases, (size_t)s->count), -EAGAIN);
        CHECK_EQ(gor_select_until(s->cases, (size_t)s->count, 1), -ETIMEDOUT);
        check_parked(s, random);
        chosen = -1;
    } else {
        chosen = select_in(mode, s);
        CHECK(chosen >= 0 && chosen < s->count);
        CHECK(can_proceed(&s->pieces[chosen]));
        check_done(&s->pieces[chosen], s->cases[chosen].result);
    }
    for (int i = 0; i < s->count; i++) {
        struct piece *p = &s->pieces[i];
        check_len(p, i == chosen);
        if (i != chosen) {
            check_untouched(p, s->cases[i].result);
        }
        release_partner(p);
        check_nobody_left(p);
        gor_chan_unref(p->c);
    }
}

/* The shape of that number, counted in the base of all conditions times both directions. */
static void decode(struct shape *s, int count, int number)
{
    s->count = count;
    for (int i = 0; i < count; i++) {
        s->pieces[i].kind = (enum kind)(number % KINDS);
        number /= KINDS;
        s->pieces[i].op = number % 2 == 0 ? GOR_SEND : GOR_RECV;
        number /= 2;
    }
}

static void check_all_of(int count, int step)
{
    static struct shape shape; /* too large for a small stack */
    uint64_t random = test_seed();
    int total = 1;
    for (int i = 0; i < count; i++) {
        total *= KINDS * 2;
    }
    for (int number = 0; number < total; number += step) {
        for (int mode = 0; mode < MODES; mode++) {
            if (count < 3 || (number / step) % MODES == mode) {
                decode(&shape, count, number);
                check_shape(&shape, (enum mode)mode, &random);
            }
        }
    }
}

GO_TEST(select_shapes_of_one_and_two_cases_do_as_the_model_says)
{
    check_all_of(1, 1);
    check_all_of(2, 1);
}

GO_TEST(select_shapes_of_three_cases_do_as_the_model_says)
{
    check_all_of(3, SCALED(1, 1, 5));
}

GO_TEST(select_shapes_at_random_do_as_the_model_says)
{
    static struct shape shape;
    uint64_t random = test_seed();
    for (int round = 0; round < SCALED(2000, 400, 150); round++) {
        /* In every other round nothing can proceed at first. */
        bool parks = round % 2 == 0;
        shape.count = 1 + random_below(&random, MAX_CASES);
        for (int i = 0; i < shape.count; i++) {
            struct piece *p = &shape.pieces[i];
            do {
                p->kind = (enum kind)random_below(&random, KINDS);
                p->op = random_below(&random, 2) == 0 ? GOR_SEND : GOR_RECV;
            } while (parks && can_proceed(p));
        }
        check_shape(&shape, (enum mode)random_below(&random, MODES), &random);
    }
}
