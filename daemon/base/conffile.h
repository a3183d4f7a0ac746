/* SPDX-License-Identifier: MIT */
/* conffile.h - the form of a configuration file: lines of "key = value", and comments.
 *
 *   # a comment
 *   exec-slots = 8   # another: '#' begins one at the start of a line and after a blank
 *
 * What keys and values mean is the caller's business. There are no sections, no quotes and no
 * continued lines; a value is what stands between '=' and the end of the line or the comment, without
 * the blanks around it.
 * Threads     any; pure but for gord_conffile_read.
 */
#ifndef GORD_BASE_CONFFILE_H
#define GORD_BASE_CONFFILE_H

#include <stddef.h>

#include "daemon/base/fault.h"

enum { GORD_CONFFILE_BYTES = 1 << 20, GORD_CONFFILE_LINE = 4096 };

/* A line with a key; the texts are good for the call only. */
typedef void gord_conffile_fn(void *arg, const char *key, const char *value, unsigned line);

/* Have each(arg, ...) called for each line of `text` that has a key; of every other line that is not
 * empty tell what is wrong, as "NAME:LINE: ...". `text` need not end in a 0. */
void gord_conffile_parse(const char *text, size_t bytes, const char *name,
                         struct gord_faults *faults, gord_conffile_fn *each, void *arg);

/* The whole file as a new text. 0; -ENOENT: there is no such file, which is not told; -EINVAL: told;
 * -ENOMEM. */
int gord_conffile_read(const char *path, struct gord_faults *faults, char **out_text,
                       size_t *out_bytes);

#endif
