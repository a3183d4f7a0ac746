/* SPDX-License-Identifier: MIT */
/* target.h - where metrics are sent, and with what: an endpoint's address, headers, who may sign for it.
 *
 * Threads     a target never changes.
 * Ownership   new/free.
 */
#ifndef GORD_OTLP_TARGET_H
#define GORD_OTLP_TARGET_H

#include <stdbool.h>
#include <stddef.h>

enum { GORD_OTLP_HEADERS_MAX = 32, GORD_OTLP_WHY = 512 };

struct gord_otlp_target {
    char *url; /* owned, as what follows: the endpoint's, with the path of metrics */
    char *headers[GORD_OTLP_HEADERS_MAX]; /* "Name: value" */
    size_t header_count;
    char *ca; /* a file; NULL: as the system has it */
};

/* `headers`: the file they are in, a line each; empty lines and those that begin with # are not meant.
 * `headers` and `ca` may be NULL. 0; -EINVAL, -EACCES or the file's error, with what is wrong in `why`;
 * -ENOMEM. */
int gord_otlp_target_new(const char *endpoint, const char *headers, const char *ca,
                         char why[GORD_OTLP_WHY], struct gord_otlp_target **out_target);

void gord_otlp_target_free(struct gord_otlp_target *target);

bool gord_otlp_target_equal(const struct gord_otlp_target *one,
                            const struct gord_otlp_target *other);

#endif
