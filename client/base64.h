/* SPDX-License-Identifier: MIT */
/* base64.h - bytes in JSON strings where they are not UTF-8 (RFC 4648, padded). Decoding
 * is proto/base64.h's. Pure functions.
 */
#ifndef GOR_CLIENT_BASE64_H
#define GOR_CLIENT_BASE64_H

#include <stddef.h>

/* The caller's, to be given to free(). */
char *gorctl_base64_encode(const void *bytes, size_t length);

#endif
