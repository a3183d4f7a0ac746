/* SPDX-License-Identifier: MIT */
/* gzip.h - whole messages, compressed and back.
 *
 * Threads     any; pure functions.
 * Ownership   what is put out is the caller's to free().
 */
#ifndef GOR_PROTO_GZIP_H
#define GOR_PROTO_GZIP_H

#include <stddef.h>
#include <stdint.h>

/* -EMSGSIZE: it would have more than max_bytes, of which no more are made; -EPROTO: it is not gzip,
 * or cut short, or there is more behind it; -ENOMEM. */
int wire_gunzip(const uint8_t *data, size_t size, size_t max_bytes, uint8_t **out_data,
                size_t *out_size);

/* -ENOMEM. */
int wire_gzip(const uint8_t *data, size_t size, uint8_t **out_data, size_t *out_size);

#endif
