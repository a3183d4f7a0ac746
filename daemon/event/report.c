/* SPDX-License-Identifier: MIT */
/* report.c - see report.h. */
#include "daemon/event/report.h"

#include <stdlib.h>
#include <string.h>

/* How much of `text` is kept: all, or what fits without splitting a UTF-8 character. */
static size_t kept_bytes(const char *text)
{
    size_t bytes = strnlen(text, GORD_PROGRESS_TEXT_BYTES + 1);
    if (bytes > GORD_PROGRESS_TEXT_BYTES) {
        bytes = GORD_PROGRESS_TEXT_BYTES;
        while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80) {
            bytes--;
        }
    }
    return bytes;
}

struct gord_report *gord_report_new(const struct gord_progress *progress, const void *result,
                                    size_t result_bytes)
{
    size_t text_bytes = progress != NULL ? kept_bytes(progress->text) : 0;
    struct gord_report *report = calloc(1, sizeof *report + text_bytes + 1 + result_bytes);
    if (report == NULL) {
        return NULL;
    }
    char *text = (char *)(report + 1);
    atomic_init(&report->refs, 1);
    if (progress != NULL) {
        report->has_progress = true;
        report->progress = *progress;
        memcpy(text, progress->text, text_bytes);
    }
    report->progress.text = text;
    if (result != NULL) {
        report->has_result = true;
        report->result_bytes = result_bytes;
        report->result = memcpy(text + text_bytes + 1, result, result_bytes);
    }
    return report;
}

struct gord_report *gord_report_ref(struct gord_report *report)
{
    /* Relaxed: the caller has a reference, so nobody frees it meanwhile. */
    atomic_fetch_add_explicit(&report->refs, 1, memory_order_relaxed);
    return report;
}

void gord_report_unref(struct gord_report *report)
{
    /* Release and acquire: every user's last look comes before the free. */
    if (report != NULL && atomic_fetch_sub_explicit(&report->refs, 1, memory_order_acq_rel) == 1) {
        free(report);
    }
}
