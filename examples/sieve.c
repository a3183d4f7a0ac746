/* SPDX-License-Identifier: MIT */
/* sieve.c - the primes, by a chain of goroutines: each takes its first number as a prime and hands
 * on what that prime does not divide.
 *
 * Shows  a network of goroutines that grows while it runs; references: each goroutine owns one of
 *        the channels it uses, so a channel lives as long as somebody needs it; and how a chain is
 *        taken down from its head: close the first channel, and every link closes the next one.
 * Try    sieve 20
 */
#include <errno.h>
#include <gor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: sieve [COUNT]\n"
    "Print the first COUNT primes (100 unless given, at most 10000), each found by a goroutine.\n";

struct sieve {
    long count;
    struct gor_waitgroup running;
};

/* One link of the chain. */
struct filter {
    struct gor_chan *in;  /* owned reference; NULL for the first link */
    struct gor_chan *out; /* owned reference */
    int prime;
};

static void free_filter(struct filter *self)
{
    gor_chan_unref(self->in);
    gor_chan_unref(self->out);
    free(self);
}

/* Send 2, 3, 4, ... until somebody closes the channel: a send says so by -EPIPE. */
static void generate(void *arg)
{
    struct filter *self = arg;
    for (int n = 2; gor_chan_send(self->out, &n) == 0; n++) {
    }
    free_filter(self);
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
    free_filter(self);
}

/* Start `fn` between `in`, which becomes its own, and a new channel. That channel, which becomes the
 * caller's, or NULL when out of memory; `in` is still the caller's then. */
static struct gor_chan *extend(struct sieve *sieve, struct gor_chan *in, int prime,
                               void (*fn)(void *arg))
{
    struct gor_chan *out = gor_chan_new(sizeof(int), 0);
    struct filter *filter = malloc(sizeof(*filter));
    if (out == NULL || filter == NULL) {
        goto free_both;
    }
    *filter = (struct filter){in, gor_chan_ref(out), prime};
    if (gor_waitgroup_go(&sieve->running, fn, filter) == 0) {
        return out;
    }
    gor_chan_unref(out); /* what would have been the filter's */
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
        return -ENOMEM;
    }
    int rc = 0;
    struct gor_chan *first = gor_chan_ref(last);
    for (long i = 0; i < sieve->count && rc == 0; i++) {
        int prime;
        gor_chan_recv(last, &prime);
        printf("%d\n", prime);
        struct gor_chan *next = extend(sieve, last, prime, pass_on);
        if (next == NULL) {
            rc = -ENOMEM;
        } else {
            last = next;
        }
    }

    /* Take the chain down from its head, and let what is on its way run out. */
    gor_chan_close(first);
    while (gor_chan_recv(last, NULL) == 1) {
    }
    gor_waitgroup_wait(&sieve->running);
    gor_chan_unref(first);
    gor_chan_unref(last);
    return rc;
}

int main(int argc, char **argv)
{
    struct sieve sieve = {.count = 100};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc == 2) {
        char *end;
        sieve.count = strtol(argv[1], &end, 10);
        if (*end != '\0') {
            sieve.count = 0;
        }
    }
    if (argc > 2 || sieve.count < 1 || sieve.count > 10000) {
        fprintf(stderr, "sieve: one number from 1 to 10000 is all it takes\n%s", usage);
        return 2;
    }
    int rc = gor_run(NULL, print_primes, &sieve);
    if (rc != 0) {
        fprintf(stderr, "sieve: %s\n", strerror(-rc));
    }
    return rc == 0 ? 0 : 1;
}
