/* SPDX-License-Identifier: MIT */
/* powser_test.c - power series as networks of goroutines: each coefficient is asked for, each
 * answer is exact.
 *
 * A series is a goroutine that answers a request with its next coefficient. Sums, products and
 * integrals are goroutines that ask other series; the product splits both its operands, so a few
 * coefficients already take hundreds of rendezvous over a network that grows with each of them.
 */
#include "tests/runtime/help.h"

struct fraction {
    int64_t num;
    int64_t den;
};

/* A stream of coefficients; closing `ask` ends whoever answers, and so on down the network. */
struct series {
    struct gor_chan *ask;
    struct gor_chan *answer;
};

struct network {
    struct gor_waitgroup wg;
};

struct op {
    struct network *net;
    struct series *out;
    struct series *a;
    struct series *b;
    struct fraction constant;
};

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static struct fraction reduced(int64_t num, int64_t den)
{
    int64_t g = gcd(num, den);
    if (den < 0) {
        g = -g;
    }
    return (struct fraction){num / g, den / g};
}

static struct fraction plus(struct fraction x, struct fraction y)
{
    return reduced(x.num * y.den + y.num * x.den, x.den * y.den);
}

static struct fraction times(struct fraction x, struct fraction y)
{
    return reduced(x.num * y.num, x.den * y.den);
}

static struct series *new_series(void)
{
    struct series *s = calloc(1, sizeof *s);
    s->ask = new_chan(0, 0);
    s->answer = new_chan(sizeof(struct fraction), 0);
    return s;
}

/* Wait for a request: false when nobody will ask again. */
static bool is_asked(struct series *s)
{
    return gor_chan_recv(s->ask, NULL) == 1;
}

static void give(struct series *s, struct fraction f)
{
    CHECK_EQ(gor_chan_send(s->answer, &f), 0);
}

static struct fraction get(struct series *s)
{
    struct fraction f = {0, 0};
    CHECK_EQ(gor_chan_send(s->ask, NULL), 0);
    CHECK_EQ(gor_chan_recv(s->answer, &f), 1);
    return f;
}

static void stop_series(struct series *s)
{
    if (s != NULL) {
        CHECK_EQ(gor_chan_close(s->ask), 0);
    }
}

/* The answering side owns the memory: it is the last to touch it. */
static void end_op(struct op *op)
{
    stop_series(op->a);
    stop_series(op->b);
    gor_chan_unref(op->out->ask);
    gor_chan_unref(op->out->answer);
    free(op->out);
    gor_waitgroup_done(&op->net->wg);
    free(op);
}

static struct series *start_op(struct network *net, void (*fn)(void *), struct series *a,
                               struct series *b, struct fraction constant)
{
    struct op *op = calloc(1, sizeof *op);
    struct series *out = new_series();
    *op = (struct op){net, out, a, b, constant};
    gor_waitgroup_add(&net->wg, 1);
    spawn(fn, op);
    return out;
}

static void answer_constant(void *arg)
{
    struct op *op = arg;
    while (is_asked(op->out)) {
        give(op->out, op->constant);
    }
    end_op(op);
}

static void answer_sum(void *arg)
{
    struct op *op = arg;
    while (is_asked(op->out)) {
        struct fraction x = get(op->a);
        give(op->out, plus(x, get(op->b)));
    }
    end_op(op);
}

static void answer_derivative(void *arg)
{
    struct op *op = arg;
    (void)get(op->a);
    for (int64_t i = 1; is_asked(op->out); i++) {
        give(op->out, times(get(op->a), (struct fraction){i, 1}));
    }
    end_op(op);
}

static void answer_integral(void *arg)
{
    struct op *op = arg;
    for (int64_t i = 0; is_asked(op->out); i++) {
        give(op->out, i == 0 ? op->constant : times(get(op->a), (struct fraction){1, i}));
    }
    end_op(op);
}

/* Product by Cauchy: it keeps what it was told, and asks both operands at once. */
static void answer_product(void *arg)
{
    enum { MOST = 64 };
    struct op *op = arg;
    struct fraction x[MOST];
    struct fraction y[MOST];
    for (int n = 0; is_asked(op->out); n++) {
        struct fraction sum = {0, 1};
        CHECK_INT(n, <, MOST);
        /* Both questions are out before either answer is in; the order of answers is open. */
        struct gor_case ask[] = {{op->a->ask, NULL, GOR_SEND, 0}, {op->b->ask, NULL, GOR_SEND, 0}};
        for (int i = 0; i < 2; i++) {
            ask[gor_select(ask, 2)].chan = NULL;
        }
        struct gor_case hear[] = {{op->a->answer, &x[n], GOR_RECV, 0},
                                  {op->b->answer, &y[n], GOR_RECV, 0}};
        for (int i = 0; i < 2; i++) {
            hear[gor_select(hear, 2)].chan = NULL;
        }
        for (int i = 0; i <= n; i++) {
            sum = plus(sum, times(x[i], y[n - i]));
        }
        give(op->out, sum);
    }
    end_op(op);
}

static const struct fraction one = {1, 1};

static void check_next(struct series *s, int64_t num, int64_t den)
{
    struct fraction f = get(s);
    CHECK_EQ(f.num, num);
    CHECK_EQ(f.den, den);
}

GO_TEST(powser_sum_and_product_are_exact)
{
    struct network net = {{{0}}};
    struct series *a = start_op(&net, answer_constant, NULL, NULL, one);
    struct series *b = start_op(&net, answer_constant, NULL, NULL, (struct fraction){-1, 3});
    struct series *sum = start_op(&net, answer_sum, a, b, one);
    struct series *c = start_op(&net, answer_constant, NULL, NULL, one);
    struct series *product = start_op(&net, answer_product, sum, c, one);
    for (int i = 1; i <= 30; i++) {
        struct fraction expected = reduced(2 * i, 3);
        check_next(product, expected.num, expected.den);
    }
    stop_series(product);
    gor_waitgroup_wait(&net.wg);
}

/* 1/(1-x) multiplied with itself k times has binomial coefficients. */
GO_TEST(powser_deep_products_give_binomials)
{
    struct network net = {{{0}}};
    struct series *s = start_op(&net, answer_constant, NULL, NULL, one);
    for (int k = 1; k <= 5; k++) {
        struct series *factor = start_op(&net, answer_constant, NULL, NULL, one);
        s = start_op(&net, answer_product, s, factor, one);
    }
    int64_t expected = 1;
    for (int64_t n = 0; n < 25; n++) {
        check_next(s, expected, 1);
        expected = expected * (n + 6) / (n + 1);
    }
    stop_series(s);
    gor_waitgroup_wait(&net.wg);
}

GO_TEST(powser_derivative_undoes_integral)
{
    struct network net = {{{0}}};
    struct series *s = start_op(&net, answer_constant, NULL, NULL, (struct fraction){2, 7});
    for (int k = 0; k < 20; k++) {
        s = start_op(&net, answer_integral, s, NULL, (struct fraction){k, 1});
        s = start_op(&net, answer_derivative, s, NULL, one);
    }
    for (int i = 0; i < 20; i++) {
        check_next(s, 2, 7);
    }
    stop_series(s);
    gor_waitgroup_wait(&net.wg);
}

GO_TEST(powser_many_networks_at_once)
{
    struct network net = {{{0}}};
    struct series *integrals[50];
    for (int i = 0; i < 50; i++) {
        struct series *s = start_op(&net, answer_constant, NULL, NULL, one);
        integrals[i] = start_op(&net, answer_integral, s, NULL, (struct fraction){i, 1});
    }
    for (int n = 0; n < 15; n++) {
        for (int i = 0; i < 50; i++) {
            check_next(integrals[i], n == 0 ? i : 1, n == 0 ? 1 : n);
        }
    }
    for (int i = 0; i < 50; i++) {
        stop_series(integrals[i]);
    }
    gor_waitgroup_wait(&net.wg);
}
