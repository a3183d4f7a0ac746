/* SPDX-License-Identifier: MIT */
/* status.h - the status codes of gRPC, and what other kinds of errors mean in them.
 *
 * Invariants  the numbers are the wire's; the list below is the only one in the house.
 * Threads     any; pure functions.
 */
#ifndef GOR_PROTO_STATUS_H
#define GOR_PROTO_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, number) */
#define WIRE_STATUS_LIST(X)   \
    X(OK, 0)                  \
    X(CANCELLED, 1)           \
    X(UNKNOWN, 2)             \
    X(INVALID_ARGUMENT, 3)    \
    X(DEADLINE_EXCEEDED, 4)   \
    X(NOT_FOUND, 5)           \
    X(ALREADY_EXISTS, 6)      \
    X(PERMISSION_DENIED, 7)   \
    X(RESOURCE_EXHAUSTED, 8)  \
    X(FAILED_PRECONDITION, 9) \
    X(ABORTED, 10)            \
    X(OUT_OF_RANGE, 11)       \
    X(UNIMPLEMENTED, 12)      \
    X(INTERNAL, 13)           \
    X(UNAVAILABLE, 14)        \
    X(DATA_LOSS, 15)          \
    X(UNAUTHENTICATED, 16)

enum wire_status {
#define WIRE_STATUS_ENUM(name, number) WIRE_##name = number,
    WIRE_STATUS_LIST(WIRE_STATUS_ENUM)
#undef WIRE_STATUS_ENUM
};

/* "NOT_FOUND"; "UNKNOWN" for a number outside the list. Static text. */
const char *wire_status_name(enum wire_status status);

/* The value of a grpc-status header: decimal without leading zeros, in the list. A number outside
 * the list is WIRE_UNKNOWN, as the specification asks. False: not a number at all. */
bool wire_status_parse(const char *text, size_t size, enum wire_status *out_status);

/* What a negative errno of ours means to a caller; 0 is OK, what is not in the table INTERNAL. */
enum wire_status wire_status_from_errno(int error);

/* What an HTTP status other than 200 means, where the answer has no grpc-status. */
enum wire_status wire_status_from_http(int http_status);

/* What the error code of an HTTP/2 RST_STREAM means. */
enum wire_status wire_status_from_reset(uint32_t http2_error);

#endif
