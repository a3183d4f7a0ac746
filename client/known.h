/* SPDX-License-Identifier: MIT */
/* known.h - the jobs that an import need not take, and by which ids they are here: those of the file that
 * --resume names, and those that were taken since.
 *
 * There may be more of them than fit into a message, so they are sent in portions.
 * Ownership   a zeroed struct is empty; fini.
 */
#ifndef GOR_CLIENT_KNOWN_H
#define GOR_CLIENT_KNOWN_H

#include <stddef.h>
#include <stdint.h>

#include "gor/v1/store.pb-c.h"

struct gorctl_known {
    Gor__V1__ImportedJob **pairs; /* owned, as are those */
    size_t count, room;
};

void gorctl_known_add(struct gorctl_known *known, uint64_t old_id, uint64_t id);

/* What an import printed before: two ids a line. An exit code, explained. */
int gorctl_known_read(struct gorctl_known *known, const char *path);

/* The next portion from *at on, which moves behind it: how many, and in *out_pairs. 0: that was all. */
size_t gorctl_known_portion(const struct gorctl_known *known, size_t *at,
                            Gor__V1__ImportedJob ***out_pairs);

void gorctl_known_fini(struct gorctl_known *known);

#endif
