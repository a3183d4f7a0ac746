/* SPDX-License-Identifier: MIT */
/* timeout.h - the grpc-timeout header: up to eight digits and a unit.
 *
 * Threads     any; pure functions.
 */
#ifndef GOR_PROTO_TIMEOUT_H
#define GOR_PROTO_TIMEOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_TIMEOUT_BYTES = 16 };

/* "100m" is 100 ms. What does not fit an int64_t is INT64_MAX. False: malformed. */
bool wire_timeout_parse(const char *text, size_t size, int64_t *out_ns);

/* The finest unit that holds it in eight digits, rounded up; ns < 0 is "0n". Returns the length. */
size_t wire_timeout_format(int64_t ns, char out_text[WIRE_TIMEOUT_BYTES]);

#endif
