/* SPDX-License-Identifier: MIT */
/* place.h - whether the database's files are still where they were opened.
 *
 * A file that was removed or replaced takes every write and every fsync, and is gone with the
 * process: what is acknowledged must not rest on that.
 *
 * Threads     one at a time.
 */
#ifndef GORD_STORE_PLACE_H
#define GORD_STORE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

struct gord_place {
    const char *path; /* borrowed: the database */
    dev_t device;
    ino_t file;
    ino_t journal; /* of "path-wal"; 0: there was none */
};

/* Look where they are now. 0 or -errno; `path` must outlive the place. */
int gord_place_init(struct gord_place *place, const char *path);

/* Are these still the same files? */
bool gord_place_is_kept(const struct gord_place *place);

#endif
