/* SPDX-License-Identifier: MIT */
/* numbers.h - the numbers that a client gives its streams.
 *
 * They only grow, and to begin one closes all lower ones that never began (RFC 9113, 5.1.1): a
 * header block for such a number is an error of the connection. nghttp2 remembers no stream that is
 * over, so it cannot tell one that never began from one that did, whose late trailers are to be
 * ignored. The gaps tell. Clients rarely leave any; of those of one that leaves many, only the last
 * ones are kept, and what comes for the others is ignored.
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_NUMBERS_H
#define GOR_RPC_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

enum { RPC_NUMBERS_GAPS = 8 };

struct rpc_numbers {
    int32_t last; /* the highest that began; 0: none did */
    struct rpc_gap {
        int32_t from, to; /* odd, both in it; 0: none */
    } gaps[RPC_NUMBERS_GAPS];
    unsigned next_gap; /* where the next one goes */
};

/* A header block has come for a stream of the client's. Returns whether it may. */
bool rpc_numbers_take(struct rpc_numbers *numbers, int32_t stream_id);

#endif
