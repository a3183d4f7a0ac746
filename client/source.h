/* SPDX-License-Identifier: MIT */
/* source.h - bytes from stdin or a file as they come, without ever blocking the loop.
 *
 * The descriptor is shared with other programs: it is never made non-blocking (see sink.h).
 * Ownership   new/free; the callback is not called after free.
 */
#ifndef GOR_CLIENT_SOURCE_H
#define GOR_CLIENT_SOURCE_H

#include <stdbool.h>
#include <sys/types.h>

#include <uv.h>

struct gorctl_source;

/* `length` bytes; 0: the end; -errno: it cannot be read any further. Neither is told twice. */
typedef void gorctl_on_bytes(const char *bytes, ssize_t length, void *user);

struct gorctl_source *gorctl_source_new(uv_loop_t *loop, int fd, gorctl_on_bytes *on_bytes,
                                        void *user);

/* Its memory goes when the loop has run. NULL is fine. */
void gorctl_source_free(struct gorctl_source *source);

/* Whether to read; it begins with false. */
void gorctl_source_want(struct gorctl_source *source, bool wanted);

#endif
