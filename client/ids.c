/* SPDX-License-Identifier: MIT */
/* ids.c - see ids.h. */
#include "client/ids.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "client/alloc.h"
#include "client/exits.h"

static int take_id(const char **text, uint64_t *out_id)
{
    if (!isdigit((unsigned char)**text)) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    *out_id = strtoull(*text, &end, 10);
    if (errno == ERANGE || *out_id == 0) {
        return -EINVAL;
    }
    *text = end;
    return 0;
}

/* "7" or "3-9" at `*text`, which is moved behind it. */
static int take_range(const char **text, struct gorctl_ids *ids)
{
    uint64_t first, last;
    int rc = take_id(text, &first);
    if (rc != 0) {
        return rc;
    }
    last = first;
    if (**text == '-') {
        (*text)++;
        rc = take_id(text, &last);
        if (rc != 0) {
            return rc;
        }
    }
    if (last < first || last - first >= GORCTL_IDS_MOST - ids->count) {
        return -ERANGE;
    }
    ids->ids = gorctl_grow(ids->ids, ids->count + (last - first) + 1, sizeof(*ids->ids));
    for (uint64_t id = first;; id++) {
        ids->ids[ids->count++] = id;
        if (id == last) {
            return 0;
        }
    }
}

int gorctl_ids_add(struct gorctl_ids *ids, const char *text)
{
    size_t before = ids->count;
    for (;;) {
        int rc = take_range(&text, ids);
        if (rc == 0 && *text == '\0') {
            return 0;
        }
        if (rc == 0 && *text != ',') {
            rc = -EINVAL;
        }
        if (rc != 0) {
            ids->count = before;
            return rc;
        }
        text++;
    }
}

void gorctl_ids_argument(struct argp_state *state, struct gorctl_ids *ids, const char *text)
{
    int rc = gorctl_ids_add(ids, text);
    if (rc == -ERANGE) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s': a range goes upwards, and at most %d jobs can be named at once", text,
                     GORCTL_IDS_MOST);
    } else if (rc != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s' names no job; write an id such as 7, or 3-9, or 3,5,8", text);
    }
}

void gorctl_ids_fini(struct gorctl_ids *ids)
{
    free(ids->ids);
    *ids = (struct gorctl_ids){0};
}
