/* SPDX-License-Identifier: MIT */
/* gates.h - when a job may start: the options of `submit` and `run` that say so.
 *
 * Ownership   borrows from argv.
 */
#ifndef GOR_CLIENT_GATES_H
#define GOR_CLIENT_GATES_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"

struct gorctl_gates {
    bool held;
    int64_t delay_ns;
    const char *at;           /* NULL: no such */
    const char *start_before; /* likewise */
    const char *deadline;     /* likewise */
    const char **after;       /* owned array of texts */
    size_t after_count;
    const char *zone; /* of these; NULL: the local one */
};

/* The input is a struct gorctl_gates, zeroed. */
extern const struct argp gorctl_gates_argp;

/* GORCTL_EXIT_OK with the message filled, or an exit code with a word on stderr. */
int gorctl_gates_fill(const struct gorctl_gates *gates, Gor__V1__JobSpec *message);

void gorctl_gates_fini(struct gorctl_gates *gates);

/* A moment to come: as gorctl_time_parse, or "14:30[:15]" for the next time it is that, or a duration
 * from now on. It is meant in `zone` (a name such as "Europe/Berlin"; NULL: the local one) unless
 * the text names an offset. -EINVAL: not a moment; -ENOENT: no such zone. */
int gorctl_moment_parse(const char *text, const char *zone, int64_t now_ns, int64_t *out_ns);

#endif
