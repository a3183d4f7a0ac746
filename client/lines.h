/* SPDX-License-Identifier: MIT */
/* lines.h - the lines of stdin or a file as they come, each when there is room for it.
 *
 * Ownership   new/free; nothing is called after free.
 */
#ifndef GOR_CLIENT_LINES_H
#define GOR_CLIENT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/gorctl.h"

struct gorctl_lines;

struct gorctl_lines_opts {
    int fd;
    const char *name;  /* for messages; borrowed */
    size_t most_bytes; /* of one line */
    /* Line `number`, from 1, without its newline. */
    void (*on_line)(const char *line, size_t length, uint64_t number, void *user);
    bool (*has_room)(void *user);
    /* Once, after the last: an exit code, which has been explained. */
    void (*on_end)(int code, void *user);
    void *user;
};

/* After gorctl_connect(); reads inside gorctl_stream(). */
struct gorctl_lines *gorctl_lines_new(struct gorctl *ctl, const struct gorctl_lines_opts *opts);

/* There may be room again. */
void gorctl_lines_go_on(struct gorctl_lines *lines);

/* How many lines there have been. */
uint64_t gorctl_lines_count(const struct gorctl_lines *lines);

void gorctl_lines_free(struct gorctl_lines *lines); /* NULL is fine */

#endif
