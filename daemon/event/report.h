/* SPDX-License-Identifier: MIT */
/* report.h - what a job tells of itself: how far it has come, and what came out of it.
 *
 * Threads     immutable; ref and unref from any thread.
 * Ownership   counted references; text and result lie in the same allocation.
 */
#ifndef GORD_EVENT_REPORT_H
#define GORD_EVENT_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GORD_PROGRESS_TEXT_BYTES = 200, GORD_RESULT_BYTES = 64 * 1024 };

/* `done` of `total`; a total of 0 is not known. */
struct gord_progress {
    uint64_t done;
    uint64_t total;
    int64_t at_ns;    /* wall clock, since 1970 */
    const char *text; /* UTF-8; never NULL */
};

struct gord_report {
    atomic_uint refs;
    bool has_progress;
    bool has_result;
    struct gord_progress progress; /* with has_progress */
    size_t result_bytes;           /* with has_result */
    const uint8_t *result;         /* NULL: none, or not read from the store */
};

/* `progress` and `result` are copied, and may each be NULL: the job told none. More text than there
 * is room for is cut. NULL: out of memory. */
struct gord_report *gord_report_new(const struct gord_progress *progress, const void *result,
                                    size_t result_bytes);

struct gord_report *gord_report_ref(struct gord_report *report);
void gord_report_unref(struct gord_report *report); /* NULL is fine */

#endif
