/* SPDX-License-Identifier: MIT */
/* ids.h - which jobs a command is about: "7", "3-9", "3,5,8-10".
 *
 * Ownership   `ids` belongs to the struct; gorctl_ids_fini() frees it, a zeroed one is empty.
 */
#ifndef GOR_CLIENT_IDS_H
#define GOR_CLIENT_IDS_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

/* As many as one request carries without strain. */
enum { GORCTL_IDS_MOST = 100000 };

struct gorctl_ids {
    uint64_t *ids;
    size_t count;
};

/* Add what `text` names. -EINVAL: not a selection; -ERANGE: a range that runs backwards or holds
 * too much. Nothing is added on failure. */
int gorctl_ids_add(struct gorctl_ids *ids, const char *text);

/* The same for a command line: a failure ends the program with GORCTL_EXIT_USAGE. */
void gorctl_ids_argument(struct argp_state *state, struct gorctl_ids *ids, const char *text);

void gorctl_ids_fini(struct gorctl_ids *ids);

#endif
