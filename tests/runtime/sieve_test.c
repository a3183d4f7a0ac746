/* SPDX-License-Identifier: MIT */
/* sieve_test.c - the prime sieve: a chain of filters that grows at its end. */
#include "tests/runtime/help.h"

enum { LIMIT = 300 };

struct filter {
    struct gor_chan *in;
    struct gor_chan *out;
    struct gor_waitgroup *wg;
    int prime;
};

static void count_up(void *arg)
{
    struct filter *f = arg;
    int i = 2;
    /* Ends when the channel is closed under it. */
    while (gor_chan_send(f->out, &i) == 0) {
        i++;
    }
    gor_waitgroup_done(f->wg);
}

static void filter_multiples(void *arg)
{
    struct filter *f = arg;
    int value;
    while (gor_chan_recv(f->in, &value) == 1) {
        if (value % f->prime != 0 && gor_chan_send(f->out, &value) != 0) {
            break;
        }
    }
    (void)gor_chan_close(f->out);
    gor_waitgroup_done(f->wg);
}

static bool is_prime(int n)
{
    for (int i = 2; i * i <= n; i++) {
        if (n % i == 0) {
            return false;
        }
    }
    return true;
}

static void run_sieve(size_t capacity, int primes)
{
    static struct filter filters[LIMIT + 1];
    struct gor_waitgroup wg = {0};
    struct gor_chan *source = new_chan(sizeof(int), capacity);
    filters[0] = (struct filter){NULL, source, &wg, 0};
    gor_waitgroup_add(&wg, primes + 1);
    spawn(count_up, &filters[0]);
    int expected = 2;
    for (int i = 1; i <= primes; i++) {
        int prime = recv_int(filters[i - 1].out);
        CHECK_EQ(prime, expected);
        filters[i] =
            (struct filter){filters[i - 1].out, new_chan(sizeof(int), capacity), &wg, prime};
        spawn(filter_multiples, &filters[i]);
        do {
            expected++;
        } while (!is_prime(expected));
    }
    /* Torn down from the source: each filter sees its input closed and closes its output. The last
     * output is closed too, so that nobody is left sending into it. */
    CHECK_EQ(gor_chan_close(source), 0);
    (void)gor_chan_close(filters[primes].out);
    for (int i = 1; i < primes; i++) {
        (void)gor_chan_close(filters[i].out);
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i <= primes; i++) {
        gor_chan_unref(filters[i].out);
    }
}

GO_TEST(sieve_unbuffered_finds_the_primes)
{
    run_sieve(0, SCALED(LIMIT, 120, 60));
}

GO_TEST(sieve_buffered_finds_the_primes)
{
    run_sieve(1, SCALED(LIMIT, 120, 60));
    run_sieve(10, SCALED(LIMIT, 120, 60));
}
