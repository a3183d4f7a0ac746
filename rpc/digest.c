/* SPDX-License-Identifier: MIT */
#include "rpc/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

void rpc_digest(const void *data, size_t size, uint8_t out[RPC_DIGEST_BYTES])
{
    (void)SHA256(data, size, out);
}

bool rpc_digest_equal(const uint8_t left[RPC_DIGEST_BYTES], const uint8_t right[RPC_DIGEST_BYTES])
{
    return CRYPTO_memcmp(left, right, RPC_DIGEST_BYTES) == 0;
}
