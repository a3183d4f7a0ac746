/* SPDX-License-Identifier: MIT */
/* pingpong.c - two goroutines hand a ball to each other over two channels.
 *
 *   pingpong [ROUNDS]      default: 1000000
 */
#include <gor.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct table {
    struct gor_chan *left;
    struct gor_chan *right;
    struct gor_waitgroup players;
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
    gor_waitgroup_done(&table->players);
}

static int play(void *arg)
{
    uint64_t rounds = *(const uint64_t *)arg;
    struct table table = {.left = gor_chan_new(sizeof(uint64_t), 0),
                          .right = gor_chan_new(sizeof(uint64_t), 0)};
    gor_waitgroup_add(&table.players, 1);
    if (table.left == NULL || table.right == NULL || gor_go(return_balls, &table) != 0) {
        fprintf(stderr, "pingpong: out of memory\n");
        return 1;
    }

    uint64_t ball = 0;
    int64_t begun = gor_now();
    for (uint64_t i = 0; i < rounds; i++) {
        gor_chan_send(table.right, &ball);
        gor_chan_recv(table.left, &ball);
    }
    int64_t took_ns = gor_now() - begun;

    /* Not before the other side is done may its channels go. */
    gor_chan_close(table.right);
    gor_waitgroup_wait(&table.players);
    gor_chan_unref(table.left);
    gor_chan_unref(table.right);

    printf("%" PRIu64 " rounds, %.0f ns each\n", ball,
           rounds > 0 ? (double)took_ns / (double)rounds : 0.0);
    return ball == rounds ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    return gor_run(NULL, play, &rounds) == 0 ? 0 : 1;
}
