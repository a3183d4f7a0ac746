/* SPDX-License-Identifier: MIT */
/* exposition.h - metrics as text, in the format Prometheus reads, version 0.0.4.
 *
 * A family is its head and then its samples, one a line. Names and helps are ours, so they need no
 * escaping; the value of a label may be anything.
 *
 * Threads     one at a time.
 */
#ifndef GOR_DEBUG_EXPOSITION_H
#define GOR_DEBUG_EXPOSITION_H

#include <stdint.h>

#include "runtime/debug/text.h"
#include "runtime/gor.h"

/* `type` is "counter", "gauge" or "histogram"; the help is one line without a backslash. */
void gor__metric_head(struct gor__text *text, const char *name, const char *type, const char *help);

void gor__metric_count(struct gor__text *text, const char *name, uint64_t value);

/* Of nanoseconds: exactly, as a decimal fraction. */
void gor__metric_seconds(struct gor__text *text, const char *name, int64_t ns);

/* A sample of value 1 that says something by its label. */
void gor__metric_info(struct gor__text *text, const char *name, const char *label,
                      const char *value);

/* The samples of a histogram, in the buckets that Go's client library makes of those of
 * gor_histogram_bound, by powers of ten: series of both kinds of programs can be added up. */
void gor__metric_histogram(struct gor__text *text, const char *name,
                           const struct gor_histogram *histogram);

#endif
