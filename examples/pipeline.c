/* SPDX-License-Identifier: MIT */
/* pipeline.c - counts the primes among the numbers of a file: one goroutine reads lines, several
 * look at them, one adds up.
 *
 * Shows  stages joined by channels, all in one group (Go's errgroup): when one fails, the group's
 *        context ends, and with it every wait of the other stages, and gor_group_wait answers the
 *        error; the last worker to leave closes the channel to the next stage; memory that is
 *        handed on through a channel belongs to whoever receives it.
 * Try    seq 100000 | pipeline
 *        printf '7\n8\neight\n' | pipeline
 */
#include <errno.h>
#include <getopt.h>
#include <gor.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: pipeline [--workers N] [FILE]\n"
    "Count the primes in FILE, or in standard input: one number a line. N goroutines (4) look\n"
    "at them. A line that is no number ends it all.\n";

struct line {
    unsigned long number; /* from 1 on */
    char *text;           /* owned by whoever has the line */
};

struct pipeline {
    FILE *input;
    int workers;
    struct gor_chan *lines;    /* of struct line; unbuffered, so none is left behind in it */
    struct gor_chan *verdicts; /* of bool: was it a prime? */
    atomic_int workers_left;
    unsigned long numbers, primes;
};

/* End everything, for a reason; whoever comes first here decides what is told. */
static int give_up(struct gor_ctx *ctx, unsigned long line, const char *what, int error)
{
    char cause[160];
    snprintf(cause, sizeof(cause), "line %lu: %.*s", line, (int)strcspn(what, "\n"), what);
    gor_ctx_cancel(ctx, cause);
    return error;
}

/* ---- the stages */

/* Waiting for a terminal or a pipe in stdio blocks the thread; the scheduler sees to it that the
 * others go on meanwhile. */
static int read_lines(struct gor_ctx *ctx, void *arg)
{
    struct pipeline *p = arg;
    int rc = 0;
    for (unsigned long number = 1; rc == 0; number++) {
        struct line line = {number, NULL};
        size_t room = 0;
        if (getline(&line.text, &room, p->input) < 0) {
            if (ferror(p->input)) {
                rc = give_up(ctx, number, strerror(errno), -EIO);
            }
            free(line.text);
            break;
        }
        rc = gor_chan_send_ctx(p->lines, &line, ctx);
        if (rc != 0) {
            free(line.text); /* it is still ours */
        }
    }
    gor_chan_close(p->lines);
    return rc;
}

static bool is_prime(unsigned long long number)
{
    for (unsigned long long d = 2; d * d <= number; d++) {
        if (number % d == 0) {
            return false;
        }
    }
    return number > 1;
}

/* The line in *out_number, and its memory freed. */
static int parse(struct gor_ctx *ctx, struct line *line, unsigned long long *out_number)
{
    char *end;
    int rc = 0;
    errno = 0;
    *out_number = strtoull(line->text, &end, 10);
    if (errno != 0 || end == line->text || line->text[0] == '-' || (*end != '\n' && *end != '\0')) {
        char what[128];
        snprintf(what, sizeof(what), "not a number: %s", line->text);
        rc = give_up(ctx, line->number, what, -EINVAL);
    }
    free(line->text);
    return rc;
}

static int look(struct gor_ctx *ctx, void *arg)
{
    struct pipeline *p = arg;
    struct line line;
    int rc;
    while ((rc = gor_chan_recv_ctx(p->lines, &line, ctx)) == 1) {
        unsigned long long number;
        rc = parse(ctx, &line, &number);
        if (rc != 0) {
            break;
        }
        bool prime = is_prime(number);
        rc = gor_chan_send_ctx(p->verdicts, &prime, ctx);
        if (rc != 0) {
            break;
        }
    }
    if (atomic_fetch_sub(&p->workers_left, 1) == 1) {
        gor_chan_close(p->verdicts);
    }
    return rc;
}

static int add_up(struct gor_ctx *ctx, void *arg)
{
    struct pipeline *p = arg;
    bool prime;
    int rc;
    while ((rc = gor_chan_recv_ctx(p->verdicts, &prime, ctx)) == 1) {
        p->numbers++;
        p->primes += prime;
    }
    return rc;
}

/* ---- all of them */

static int start_stages(struct pipeline *p, struct gor_group *group)
{
    int rc = gor_group_go(group, read_lines, p);
    for (int i = 0; i < p->workers && rc == 0; i++) {
        rc = gor_group_go(group, look, p);
    }
    return rc != 0 ? rc : gor_group_go(group, add_up, p);
}

static int run_pipeline(void *arg)
{
    struct pipeline *p = arg;
    struct gor_group *group;
    int rc = gor_group_new(gor_ctx_background(), &group);
    if (rc != 0) {
        return rc;
    }
    rc = -ENOMEM;
    p->lines = gor_chan_new(sizeof(struct line), 0);
    p->verdicts = gor_chan_new(sizeof(bool), 64);
    struct gor_ctx *ctx = gor_group_ctx(group);
    atomic_store(&p->workers_left, p->workers);
    if (p->lines != NULL && p->verdicts != NULL) {
        rc = start_stages(p, group);
    }
    if (rc != 0) {
        gor_ctx_cancel(ctx, strerror(-rc));
    }
    int first_error = gor_group_wait(group);
    rc = rc != 0 ? rc : first_error;
    if (rc == 0) {
        printf("%lu numbers, %lu primes\n", p->numbers, p->primes);
    } else {
        fprintf(stderr, "pipeline: %s\n", gor_ctx_cause(ctx));
    }
    gor_chan_unref(p->lines);
    gor_chan_unref(p->verdicts);
    gor_group_free(group);
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct pipeline pipeline = {.input = stdin, .workers = 4};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        pipeline.workers = option == 'w' ? atoi(optarg) : 0;
    }
    if (pipeline.workers < 1 || pipeline.workers > 10000 || argc - optind > 1) {
        fprintf(stderr, "pipeline: from 1 to 10000 workers, and at most one file\n%s", usage);
        return 2;
    }
    if (optind < argc) {
        pipeline.input = fopen(argv[optind], "r");
        if (pipeline.input == NULL) {
            fprintf(stderr, "pipeline: %s: %s\n", argv[optind], strerror(errno));
            return 1;
        }
    }
    int rc = gor_run(NULL, run_pipeline, &pipeline);
    fclose(pipeline.input);
    return rc == 0 ? 0 : 1;
}
