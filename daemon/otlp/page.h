/* SPDX-License-Identifier: MIT */
/* page.h - a page of metrics in Prometheus' text format, taken apart.
 *
 * What is exported is what the page says, so it has one home: a metric that is added to the page is
 * exported without a word more, and the two never disagree. Read is what gord and libgor write: families
 * that begin with HELP and TYPE, samples behind them, no times.
 * Threads     pure function.
 * Ownership   the page's texts lie in the text it was read from, which reading changes; fini frees the
 *             rest.
 */
#ifndef GORD_OTLP_PAGE_H
#define GORD_OTLP_PAGE_H

#include <stddef.h>

enum gord_metric_type { GORD_METRIC_GAUGE, GORD_METRIC_COUNTER, GORD_METRIC_HISTOGRAM };

struct gord_label {
    const char *name;
    const char *value;
};

struct gord_sample {
    const char *name; /* the family's, or that with _bucket, _sum or _count */
    const char *value;
    size_t labels; /* the first of them, in the page's list */
    size_t label_count;
};

struct gord_family {
    const char *name;
    const char *help;
    enum gord_metric_type type;
    size_t samples; /* as above */
    size_t sample_count;
};

struct gord_page {
    struct gord_family *families; /* owned, as the next two */
    struct gord_sample *samples;
    struct gord_label *labels;
    size_t family_count, sample_count, label_count;
    size_t family_room, sample_room, label_room;
};

/* 0 with a page to be freed; -EBADMSG: it is none of ours; -ENOMEM. */
int gord_page_read(char *text, struct gord_page *out_page);

void gord_page_fini(struct gord_page *page);

/* The family of that name; NULL. */
const struct gord_family *gord_page_find(const struct gord_page *page, const char *name);

#endif
