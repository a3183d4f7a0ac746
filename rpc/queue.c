/* SPDX-License-Identifier: MIT */
/* queue.c - see queue.h. */
#include "rpc/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "proto/gzip.h"

/* A message with less than that is not worth the head and tail that gzip puts around it. */
enum { FIRST_CAPACITY = 256, KEPT_CAPACITY = 4096, GZIP_MIN_BYTES = 128 };

void rpc_queue_fini(struct rpc_queue *queue)
{
    free(queue->data);
    memset(queue, 0, sizeof *queue);
}

size_t rpc_queue_size(const struct rpc_queue *queue)
{
    return queue->tail - queue->head;
}

bool rpc_queue_at_boundary(const struct rpc_queue *queue)
{
    return queue->message_left == 0;
}

void rpc_queue_drop(struct rpc_queue *queue)
{
    rpc_queue_fini(queue);
}

void rpc_queue_reset(struct rpc_queue *queue)
{
    queue->gzip = false;
    if (queue->capacity > KEPT_CAPACITY) {
        rpc_queue_fini(queue);
        return;
    }
    queue->head = 0;
    queue->tail = 0;
    queue->message_left = 0;
}

/* Room for `size` more bytes at the tail. */
static int reserve(struct rpc_queue *queue, size_t size)
{
    if (size <= queue->capacity - queue->tail) {
        return 0;
    }
    size_t used = rpc_queue_size(queue);
    if (queue->head > 0) {
        memmove(queue->data, queue->data + queue->head, used);
        queue->head = 0;
        queue->tail = used;
    }
    if (size <= queue->capacity - used) {
        return 0;
    }
    size_t capacity = queue->capacity > 0 ? queue->capacity : FIRST_CAPACITY;
    while (capacity - used < size) {
        capacity *= 2;
    }
    uint8_t *data = realloc(queue->data, capacity);
    if (data == NULL) {
        return -ENOMEM;
    }
    queue->data = data;
    queue->capacity = capacity;
    return 0;
}

static int add_prefix(struct rpc_queue *queue, size_t size)
{
    if (size > UINT32_MAX) {
        return -EMSGSIZE;
    }
    int error = reserve(queue, WIRE_PREFIX_BYTES + size);
    if (error == 0) {
        wire_prefix_write(queue->data + queue->tail, (uint32_t)size);
        queue->tail += WIRE_PREFIX_BYTES;
    }
    return error;
}

static int add_bytes(struct rpc_queue *queue, const void *data, size_t size, bool compressed)
{
    int error = add_prefix(queue, size);
    if (error == 0) {
        queue->data[queue->tail - WIRE_PREFIX_BYTES] = compressed;
        if (size > 0) {
            memcpy(queue->data + queue->tail, data, size);
        }
        queue->tail += size;
    }
    return error;
}

/* Compressed, if that makes it smaller. */
static int add_gzip(struct rpc_queue *queue, const void *data, size_t size)
{
    uint8_t *packed;
    size_t packed_size;
    int error = wire_gzip(data, size, &packed, &packed_size);
    if (error != 0) {
        return error;
    }
    bool smaller = packed_size < size;
    error = add_bytes(queue, smaller ? packed : data, smaller ? packed_size : size, smaller);
    free(packed);
    return error;
}

static int add_message_gzip(struct rpc_queue *queue, const ProtobufCMessage *message, size_t size)
{
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        return -ENOMEM;
    }
    protobuf_c_message_pack(message, bytes);
    int error = add_gzip(queue, bytes, size);
    free(bytes);
    return error;
}

int rpc_queue_add(struct rpc_queue *queue, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (queue->gzip && size >= GZIP_MIN_BYTES) {
        return add_message_gzip(queue, message, size);
    }
    int error = add_prefix(queue, size);
    if (error == 0) {
        protobuf_c_message_pack(message, queue->data + queue->tail);
        queue->tail += size;
    }
    return error;
}

int rpc_queue_add_packed(struct rpc_queue *queue, const void *data, size_t size)
{
    return queue->gzip && size >= GZIP_MIN_BYTES ? add_gzip(queue, data, size)
                                                 : add_bytes(queue, data, size, false);
}

/* Keep message_left right while `size` bytes from the head on are taken. */
static void count_messages(struct rpc_queue *queue, size_t size)
{
    size_t at = queue->head;
    size_t end = queue->head + size;
    while (at < end) {
        if (queue->message_left == 0) {
            queue->message_left = WIRE_PREFIX_BYTES + wire_prefix_size(queue->data + at);
        }
        size_t step = queue->message_left < end - at ? queue->message_left : end - at;
        queue->message_left -= step;
        at += step;
    }
}

size_t rpc_queue_read(struct rpc_queue *queue, uint8_t *out, size_t size)
{
    size_t used = rpc_queue_size(queue);
    size_t taken = size < used ? size : used;
    if (taken == 0) {
        return 0;
    }
    memcpy(out, queue->data + queue->head, taken);
    count_messages(queue, taken);
    queue->head += taken;
    if (queue->head == queue->tail) {
        queue->head = 0;
        queue->tail = 0;
        if (queue->capacity > KEPT_CAPACITY) {
            free(queue->data);
            queue->data = NULL;
            queue->capacity = 0;
        }
    }
    return taken;
}
