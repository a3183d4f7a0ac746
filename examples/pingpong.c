/* SPDX-License-Identifier: MIT */
/* pingpong.c - two goroutines hand a ball to each other over two channels.
 *
 * Shows  goroutines, unbuffered channels, a loop that ends when its channel is closed, and a wait
 *        group to learn that somebody is done: whoever frees a channel must know that.
 * Try    pingpong 1000000
 *        GOMAXPROCS=1 pingpong 1000000
 */
#include <errno.h>
#include <gor.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: pingpong [ROUNDS]\n"
                            "Pass a ball to and fro between two goroutines, and say how long one\n"
                            "round takes. ROUNDS is 1000000 unless given.\n";

struct table {
    struct gor_chan *left;  /* balls that come back */
    struct gor_chan *right; /* balls that go out; closed when the game is over */
    struct gor_waitgroup players;
    uint64_t rounds;
};

/* Send back whatever comes, one higher, until the other side closes its channel. */
static void return_balls(void *arg)
{
    struct table *table = arg;
    uint64_t ball;
    while (gor_chan_recv(table->right, &ball) == 1) {
        ball++;
        gor_chan_send(table->left, &ball);
    }
}

/* Play all rounds from this side; answers the last ball. */
static uint64_t serve(struct table *table)
{
    uint64_t ball = 0;
    for (uint64_t i = 0; i < table->rounds; i++) {
        gor_chan_send(table->right, &ball);
        gor_chan_recv(table->left, &ball);
    }
    return ball;
}

static int play(void *arg)
{
    struct table *table = arg;
    int rc = -ENOMEM;
    table->left = gor_chan_new(sizeof(uint64_t), 0);
    table->right = gor_chan_new(sizeof(uint64_t), 0);
    if (table->left == NULL || table->right == NULL) {
        goto unref_channels;
    }
    rc = gor_waitgroup_go(&table->players, return_balls, table);
    if (rc != 0) {
        goto unref_channels;
    }

    int64_t begun = gor_now();
    uint64_t ball = serve(table);
    int64_t took_ns = gor_now() - begun;

    gor_chan_close(table->right);
    gor_waitgroup_wait(&table->players);
    printf("%" PRIu64 " rounds, %.0f ns each\n", ball, (double)took_ns / (double)table->rounds);

unref_channels:
    gor_chan_unref(table->left);
    gor_chan_unref(table->right);
    return rc;
}

int main(int argc, char **argv)
{
    struct table table = {.rounds = 1000000};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc == 2) {
        char *end;
        table.rounds = strtoull(argv[1], &end, 10);
        if (*end != '\0' || argv[1][0] == '-') {
            table.rounds = 0;
        }
    }
    if (argc > 2 || table.rounds == 0) {
        fprintf(stderr, "pingpong: one number, 1 or more, is all it takes\n%s", usage);
        return 2;
    }
    int rc = gor_run(NULL, play, &table);
    if (rc != 0) {
        fprintf(stderr, "pingpong: %s\n", strerror(-rc));
    }
    return rc == 0 ? 0 : 1;
}
