/* SPDX-License-Identifier: MIT */
/* queue.h - messages of one call on their way out, each with its prefix, as one run of bytes.
 *
 * Invariants  message_left counts the bytes that a message begun by rpc_queue_read() still has.
 * Threads     the loop's.
 * Ownership   zeroed memory of the caller's is an empty queue; rpc_queue_fini() frees.
 */
#ifndef GOR_RPC_QUEUE_H
#define GOR_RPC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct rpc_queue {
    uint8_t *data; /* owned */
    size_t head;
    size_t tail;
    size_t capacity;
    size_t message_left;
    bool gzip; /* messages that gain by it are compressed */
};

void rpc_queue_fini(struct rpc_queue *queue);

/* -ENOMEM; -EMSGSIZE: more than 4 GiB. */
int rpc_queue_add(struct rpc_queue *queue, const ProtobufCMessage *message);
int rpc_queue_add_packed(struct rpc_queue *queue, const void *data, size_t size);

/* Take at most `size` bytes; returns how many. */
size_t rpc_queue_read(struct rpc_queue *queue, uint8_t *out, size_t size);

size_t rpc_queue_size(const struct rpc_queue *queue);

/* Between two messages: the rest could be dropped and the stream would still be well-formed. */
bool rpc_queue_at_boundary(const struct rpc_queue *queue);

void rpc_queue_drop(struct rpc_queue *queue);

/* Empty it for another call: memory is kept unless it is much. */
void rpc_queue_reset(struct rpc_queue *queue);

#endif
