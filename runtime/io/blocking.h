/* SPDX-License-Identifier: MIT */
/* blocking.h - calls on threads of their own that may outlive the goroutine's interest in them; and
 * the end of those threads. */
#ifndef GOR_IO_BLOCKING_H
#define GOR_IO_BLOCKING_H

#include <stdbool.h>
#include <stdint.h>

struct gor__limit;

struct gor__detached {
    int (*fn)(void *arg);
    void *arg;
    void (*dispose)(void *arg);
    bool is_lookup; /* see workers.h */
};

/* As gor_blocking_until and gor_blocking_ctx. */
int gor__blocking_within(const struct gor__detached *what, const struct gor__limit *limit,
                         int *out_result);

/* As gor__workers_stop. */
bool gor__blocking_stop(void);

#endif
