/* SPDX-License-Identifier: MIT */
/* percent.h - the grpc-message header: UTF-8 text in printable ASCII.
 *
 * Threads     any; pure functions.
 */
#ifndef GOR_PROTO_PERCENT_H
#define GOR_PROTO_PERCENT_H

#include <stddef.h>

/* Encode text into out, at most out_size bytes, no NUL at the end; returns the length. What does
 * not fit is cut at the end of a character. A byte that is not UTF-8 becomes U+FFFD, since clients
 * fail a call whose message is not text. */
size_t wire_percent_encode(const char *text, size_t size, char *out, size_t out_size);

/* Decode into out with a NUL at the end; never fails: a broken escape stays as it is, "%00" too.
 * Returns the length; out_size must be at least 1. */
size_t wire_percent_decode(const char *text, size_t size, char *out, size_t out_size);

#endif
