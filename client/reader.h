/* SPDX-License-Identifier: MIT */
/* reader.h - notice that whoever reads our stdout has gone, while there is nothing to write.
 *
 * `gorctl watch | grep -q running` should end with grep, not with the next event, which may be hours
 * away. When it happens the process ends by SIGPIPE, as a write would have ended it.
 * Ownership   start/stop; a NULL reader is fine.
 */
#ifndef GOR_CLIENT_READER_H
#define GOR_CLIENT_READER_H

#include <uv.h>

struct gorctl_reader;

/* NULL when stdout is nothing that can lose its reader. Does not keep the loop alive. With on_gone that is
 * called, once, and the rest is its own. */
struct gorctl_reader *gorctl_reader_start(uv_loop_t *loop, void (*on_gone)(void *user), void *user);

/* Its memory goes when the loop has run. */
void gorctl_reader_stop(struct gorctl_reader *reader);

#endif
