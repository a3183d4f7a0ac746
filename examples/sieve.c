/* SPDX-License-Identifier: MIT */
/* sieve.c - the primes, by a chain of goroutines: each takes its first number as a prime and hands
 * on what that prime does not divide.
 *
 *   sieve [COUNT]      how many primes to print; default: 100
 */
#include <gor.h>
#include <stdio.h>
#include <stdlib.h>

struct sieve {
    int count;
    struct gor_chan *first; /* borrowed by the root; closing it ends the chain */
    struct gor_waitgroup running;
};

struct filter {
    struct sieve *sieve;
    struct gor_chan *in;  /* owned reference */
    struct gor_chan *out; /* owned reference */
    int prime;
};

/* Send 2, 3, 4, ... until somebody closes the channel. */
static void generate(void *arg)
{
    struct filter *self = arg;
    for (int n = 2; gor_chan_send(self->out, &n) == 0; n++) {
    }
    gor_chan_unref(self->out);
    gor_waitgroup_done(&self->sieve->running);
    free(self);
}

static void pass_on(void *arg)
{
    struct filter *self = arg;
    int n;
    while (gor_chan_recv(self->in, &n) == 1) {
        if (n % self->prime != 0) {
            gor_chan_send(self->out, &n);
        }
    }
    gor_chan_close(self->out);
    gor_chan_unref(self->in);
    gor_chan_unref(self->out);
    gor_waitgroup_done(&self->sieve->running);
    free(self);
}

/* Start `fn` between `in`, which becomes its own, and a new channel. Answers that channel, which
 * becomes the caller's, or NULL when out of memory. */
static struct gor_chan *extend(struct sieve *sieve, struct gor_chan *in, int prime,
                               void (*fn)(void *arg))
{
    struct gor_chan *out = gor_chan_new(sizeof(int), 0);
    struct filter *filter = malloc(sizeof(*filter));
    if (out == NULL || filter == NULL) {
        goto free_both;
    }
    *filter = (struct filter){sieve, in, gor_chan_ref(out), prime};
    gor_waitgroup_add(&sieve->running, 1);
    if (gor_go(fn, filter) == 0) {
        return out;
    }
    gor_waitgroup_done(&sieve->running);
    gor_chan_unref(out);
free_both:
    free(filter);
    gor_chan_unref(out);
    return NULL;
}

static int print_primes(void *arg)
{
    struct sieve *sieve = arg;
    struct gor_chan *last = extend(sieve, NULL, 0, generate);
    if (last == NULL) {
        return 1;
    }
    sieve->first = gor_chan_ref(last);
    for (int i = 0; i < sieve->count; i++) {
        int prime;
        gor_chan_recv(last, &prime);
        printf("%d\n", prime);
        last = extend(sieve, last, prime, pass_on);
        if (last == NULL) {
            fprintf(stderr, "sieve: out of memory\n");
            return 1; /* as in Go, what still runs is dropped when the root returns */
        }
    }

    /* Take the chain down from its head, and let what is on its way run out. */
    gor_chan_close(sieve->first);
    while (gor_chan_recv(last, NULL) == 1) {
    }
    gor_waitgroup_wait(&sieve->running);
    gor_chan_unref(sieve->first);
    gor_chan_unref(last);
    return 0;
}

int main(int argc, char **argv)
{
    struct sieve sieve = {.count = argc > 1 ? atoi(argv[1]) : 100};
    return gor_run(NULL, print_primes, &sieve) == 0 ? 0 : 1;
}
