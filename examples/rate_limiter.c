/* SPDX-License-Identifier: MIT */
/* rate_limiter.c - clients share a limiter that lets through a burst, then so many a second.
 *
 * Shows  a token bucket of three parts: a channel whose capacity is the burst, a ticker, and a
 *        goroutine that puts a token into the channel at each tick, or drops it when the bucket is
 *        full (gor_chan_try_send, Go's select with default). Waiting for a token is a receive,
 *        which the end of a context ends.
 * Try    rate_limiter --requests 20 --per-second 50 --burst 5
 *        GOR_SEED=1 GOR_VIRTUAL_TIME=1 rate_limiter --requests 3000     (a minute, at once)
 */
#include <errno.h>
#include <getopt.h>
#include <gor.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: rate_limiter [--requests N] [--per-second N] [--burst N] [--clients N]\n"
    "Let N clients (3) make N requests (20) in all, as fast as a limiter allows: a burst of\n"
    "N (5) at once, then N (50) a second.\n";

struct limiter {
    struct gor_chan *tokens; /* of 0 bytes: only their number counts */
    struct gor_chan *stop;   /* closed by limiter_free */
    struct gor_timer *ticker;
    struct gor_waitgroup refiller;
};

/* Put a token into the bucket at every tick. A ticker drops ticks that nobody reads in time, and a
 * full bucket drops tokens: what was not used is not saved up beyond the burst. */
static void refill(void *arg)
{
    struct limiter *limiter = arg;
    struct gor_case cases[] = {
        {.chan = gor_timer_chan(limiter->ticker), .op = GOR_RECV},
        {.chan = limiter->stop, .op = GOR_RECV},
    };
    while (gor_select(cases, 2) == 0) {
        gor_chan_try_send(limiter->tokens, NULL);
    }
}

/* Takes NULL and what limiter_new left half done. */
static void limiter_free(struct limiter *limiter)
{
    if (limiter == NULL) {
        return;
    }
    if (limiter->stop != NULL) {
        gor_chan_close(limiter->stop);
    }
    gor_waitgroup_wait(&limiter->refiller);
    gor_timer_free(limiter->ticker);
    gor_chan_unref(limiter->tokens);
    gor_chan_unref(limiter->stop);
    free(limiter);
}

static struct limiter *limiter_new(int per_second, int burst)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));
    if (limiter == NULL) {
        return NULL;
    }
    limiter->tokens = gor_chan_new(0, (size_t)burst);
    limiter->stop = gor_chan_new(0, 0);
    limiter->ticker = gor_ticker_new(GOR_SECOND / per_second);
    if (limiter->tokens == NULL || limiter->stop == NULL || limiter->ticker == NULL) {
        goto free_limiter;
    }
    while (gor_chan_try_send(limiter->tokens, NULL) == 0) { /* begin with a full bucket */
    }
    if (gor_waitgroup_go(&limiter->refiller, refill, limiter) == 0) {
        return limiter;
    }
free_limiter:
    limiter_free(limiter);
    return NULL;
}

/* Park until there is a token: 0, or what gor_ctx_err says when the context ends before. */
static int limiter_wait(struct limiter *limiter, struct gor_ctx *ctx)
{
    int got = gor_chan_recv_ctx(limiter->tokens, NULL, ctx);
    return got == 1 ? 0 : got;
}

struct run {
    struct limiter *limiter;
    struct gor_ctx *ctx; /* ends when all requests have been made */
    struct gor_waitgroup clients;
    int64_t begun;
    atomic_int made;
    int requests, per_second, burst, client_count;
};

/* Make requests until all have been made. The last one ends the context, which sends the clients
 * home that still wait for a token. */
static void be_client(void *arg)
{
    struct run *run = arg;
    while (limiter_wait(run->limiter, run->ctx) == 0) {
        int number = atomic_fetch_add(&run->made, 1) + 1;
        if (number > run->requests) {
            break;
        }
        printf("request %d at %lld ms\n", number,
               (long long)((gor_now() - run->begun) / GOR_MILLISECOND));
        if (number == run->requests) {
            gor_ctx_cancel(run->ctx, "all requests have been made");
        }
    }
}

static int make_requests(void *arg)
{
    struct run *run = arg;
    int rc = gor_ctx_with_cancel(gor_ctx_background(), &run->ctx);
    if (rc != 0) {
        return rc;
    }
    run->begun = gor_now();
    run->limiter = limiter_new(run->per_second, run->burst);
    if (run->limiter == NULL) {
        rc = -ENOMEM;
        goto unref_ctx;
    }
    for (int i = 0; i < run->client_count && rc == 0; i++) {
        rc = gor_waitgroup_go(&run->clients, be_client, run);
        if (rc != 0) {
            gor_ctx_cancel(run->ctx, "not all clients could be started");
        }
    }
    gor_waitgroup_wait(&run->clients);
    if (rc == 0) {
        printf("%d requests, a burst of %d, then %d a second: took %.3f s\n", run->requests,
               run->burst, run->per_second, (double)(gor_now() - run->begun) / (double)GOR_SECOND);
    }
    limiter_free(run->limiter);
unref_ctx:
    gor_ctx_unref(run->ctx);
    return rc;
}

/* A number from 1 to a hundred thousand; false if the text is none. */
static bool read_number(const char *text, int *out_number)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > 100000) {
        fprintf(stderr, "rate_limiter: '%s' is not a number from 1 to 100000\n", text);
        return false;
    }
    *out_number = (int)number;
    return true;
}

/* 0 to go on, else the exit code and one. */
static int read_arguments(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {
        {"requests", required_argument, NULL, 'r'}, {"per-second", required_argument, NULL, 'p'},
        {"burst", required_argument, NULL, 'b'},    {"clients", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    bool good = true;
    int option;
    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int *number = option == 'r'   ? &run->requests
                      : option == 'p' ? &run->per_second
                      : option == 'b' ? &run->burst
                      : option == 'c' ? &run->client_count
                                      : NULL;
        if (option == 'h') {
            fputs(usage, stdout);
            return 1;
        }
        good = number != NULL && read_number(optarg, number);
    }
    if (!good || optind < argc) {
        fputs(usage, stderr);
        return 3;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct run run = {.requests = 20, .per_second = 50, .burst = 5, .client_count = 3};
    int stop = read_arguments(&run, argc, argv);
    if (stop != 0) {
        return stop - 1;
    }
    int rc = gor_run(NULL, make_requests, &run);
    if (rc != 0) {
        fprintf(stderr, "rate_limiter: %s\n", strerror(-rc));
    }
    return rc == 0 ? 0 : 1;
}
