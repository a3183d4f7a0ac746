/* SPDX-License-Identifier: MIT */
/* archive.h - a store as one tar stream: a copy of the database as of one moment, then all output.
 *
 * The copy is a database that is complete by itself: no journal, and no processes on record, which
 * whoever unpacks it has not got. Output of jobs that came later is left out; of one that is being
 * written there is as much as there was when its turn came.
 * Threads     open: any, blocks as long as the copy takes. read, close: one at a time.
 */
#ifndef GORD_STORE_ARCHIVE_H
#define GORD_STORE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct gord_archive;

struct gord_archive_opts {
    const char *database; /* a writer may work on it */
    const char *scratch;  /* a folder with room for a copy, which has no name there */
    const char *outputs;  /* the folder of all output; NULL: leave it out */
};

/* -ENOSPC, -EIO, ...: the copy could not be made. */
int gord_archive_open(const struct gord_archive_opts *opts, struct gord_archive **out_archive);

/* The next bytes: how many, 0 at the end, or -errno. */
ssize_t gord_archive_read(struct gord_archive *archive, void *out, size_t bytes);

void gord_archive_close(struct gord_archive *archive); /* NULL is fine */

#endif
