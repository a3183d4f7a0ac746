/* SPDX-License-Identifier: MIT */
/* sink.h - writes to stdout or stderr that never block the loop.
 *
 * A pipe that nobody reads would stop the loop and with it ctrl-C, so a write that cannot be taken
 * at once is kept here and finished when there is room. The descriptor is shared with other
 * programs: it is never made non-blocking.
 * Ownership   new/free; the callbacks are not called after free.
 */
#ifndef GOR_CLIENT_SINK_H
#define GOR_CLIENT_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct gorctl_sink;

/* `on_drained` tells that what was kept back has been written (0), or why it cannot be (-errno). */
typedef void gorctl_on_drained(struct gorctl_sink *sink, int error, void *user);

struct gorctl_sink *gorctl_sink_new(uv_loop_t *loop, int fd, gorctl_on_drained *on_drained,
                                    void *user);

/* Its memory goes when the loop has run. What was kept back is lost. */
void gorctl_sink_free(struct gorctl_sink *sink);

/* 1: written. 0: some is kept back; write no more until on_drained. Else -errno, such as -EPIPE. */
int gorctl_sink_write(struct gorctl_sink *sink, const void *bytes, size_t length);

bool gorctl_sink_is_full(const struct gorctl_sink *sink);

#endif
