/* SPDX-License-Identifier: MIT */
/* numbers.c - which numbers a client has skipped. */
#include "rpc/numbers.h"

static void note_gap(struct rpc_numbers *numbers, int32_t from, int32_t to)
{
    numbers->gaps[numbers->next_gap] = (struct rpc_gap){.from = from, .to = to};
    numbers->next_gap = (numbers->next_gap + 1) % RPC_NUMBERS_GAPS;
}

bool rpc_numbers_take(struct rpc_numbers *numbers, int32_t stream_id)
{
    if (stream_id <= 0 || stream_id % 2 == 0) {
        return true; /* no number for a client: nghttp2 says so */
    }
    if (stream_id <= numbers->last) {
        for (int i = 0; i < RPC_NUMBERS_GAPS; i++) {
            if (stream_id >= numbers->gaps[i].from && stream_id <= numbers->gaps[i].to) {
                return false;
            }
        }
        return true;
    }
    int32_t expected = numbers->last == 0 ? 1 : numbers->last + 2;
    if (stream_id > expected) {
        note_gap(numbers, expected, stream_id - 2);
    }
    numbers->last = stream_id;
    return true;
}
