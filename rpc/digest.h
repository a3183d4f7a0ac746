/* SPDX-License-Identifier: MIT */
/* digest.h - SHA-256, and a comparison that takes the same time wherever two digests differ.
 *
 * Threads     any.
 */
#ifndef GOR_RPC_DIGEST_H
#define GOR_RPC_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RPC_DIGEST_BYTES = 32 };

void rpc_digest(const void *data, size_t size, uint8_t out[RPC_DIGEST_BYTES]);

bool rpc_digest_equal(const uint8_t left[RPC_DIGEST_BYTES], const uint8_t right[RPC_DIGEST_BYTES]);

#endif
