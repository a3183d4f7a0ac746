/* SPDX-License-Identifier: MIT */
/* base64.h - the value of a metadata key that ends in "-bin".
 *
 * Threads     any; pure functions.
 */
#ifndef GOR_PROTO_BASE64_H
#define GOR_PROTO_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decode one value, padded or not, into out, which has room for size * 3 / 4 bytes; out may be NULL
 * to check only. False: not base64 (a foreign character, a length of 4n + 1, padding that is wrong,
 * or bits set that belong to no byte). */
bool wire_base64_decode(const char *text, size_t size, uint8_t *out, size_t *out_size);

/* Encode without padding; out has room for size / 3 * 4 + 4 characters, no NUL is added. Returns how many
 * there are. */
size_t wire_base64_encode(const void *data, size_t size, char *out);

#endif
