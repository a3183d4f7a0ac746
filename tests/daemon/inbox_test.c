/* SPDX-License-Identifier: MIT */
/* The inbox, alone and under many threads. */
#include <pthread.h>
#include <stdlib.h>

#include "daemon/base/inbox.h"
#include "tests/test.h"

struct message {
    struct gord_inbox_item item; /* first, so that a pointer to one is a pointer to the other */
    unsigned sender;
    unsigned number;
};

enum { SENDERS = 4, EACH = 20000 };

struct receiver {
    struct gord_inbox inbox;
    unsigned next[SENDERS];
    unsigned count;
    unsigned expected;
};

static void take(void *arg, struct gord_inbox_item *item)
{
    struct receiver *receiver = arg;
    struct message *message = (struct message *)item;
    CHECK_EQ(message->number, receiver->next[message->sender]);
    receiver->next[message->sender]++;
    free(message);
    if (++receiver->count == receiver->expected) {
        uv_stop(receiver->inbox.wake.loop);
    }
}

/* Close the inbox and with it the loop. */
static void finish(struct receiver *receiver, uv_loop_t *loop)
{
    gord_inbox_close(&receiver->inbox);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    CHECK_EQ(uv_loop_close(loop), 0);
}

static void post(struct receiver *receiver, unsigned sender, unsigned number)
{
    struct message *message = malloc(sizeof *message);
    CHECK(message != NULL);
    message->sender = sender;
    message->number = number;
    gord_inbox_post(&receiver->inbox, &message->item);
}

TEST(items_come_out_in_order)
{
    uv_loop_t loop;
    struct receiver receiver = {.expected = 3};
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(gord_inbox_init(&receiver.inbox, &loop, take, &receiver), 0);
    for (unsigned i = 0; i < 3; i++) {
        post(&receiver, 0, i);
    }
    CHECK_EQ(receiver.count, 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQ(receiver.count, 3);
    finish(&receiver, &loop);
}

TEST(drain_takes_without_waiting_for_the_loop)
{
    uv_loop_t loop;
    struct receiver receiver = {.expected = 100};
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(gord_inbox_init(&receiver.inbox, &loop, take, &receiver), 0);
    post(&receiver, 1, 0);
    gord_inbox_drain(&receiver.inbox);
    CHECK_EQ(receiver.count, 1);
    post(&receiver, 1, 1);
    finish(&receiver, &loop); /* drains */
    CHECK_EQ(receiver.count, 2);
}

struct sender {
    struct receiver *receiver;
    unsigned number;
    pthread_t thread;
};

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    for (unsigned i = 0; i < EACH; i++) {
        post(sender->receiver, sender->number, i);
    }
    return NULL;
}

TEST(many_threads_lose_nothing_and_keep_their_order)
{
    uv_loop_t loop;
    struct receiver receiver = {.expected = SENDERS * EACH};
    struct sender senders[SENDERS];
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(gord_inbox_init(&receiver.inbox, &loop, take, &receiver), 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&receiver, i, 0};
        CHECK_EQ(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT); /* until all came */
    for (unsigned i = 0; i < SENDERS; i++) {
        CHECK_EQ(pthread_join(senders[i].thread, NULL), 0);
        CHECK_EQ(receiver.next[i], EACH);
    }
    finish(&receiver, &loop);
}
