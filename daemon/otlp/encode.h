/* SPDX-License-Identifier: MIT */
/* encode.h - a page of metrics as a message for OpenTelemetry collectors.
 *
 * A counter becomes a Sum, monotonic and cumulative; a gauge a Gauge; a histogram a Histogram with the same
 * bounds, cumulative. Names stay as they are, _total too. A gauge NAME_created is not told as such: it says
 * when the series NAME with its labels began. In this it is done as OpenTelemetry's specification has it
 * for what collectors read from such pages.
 * Threads     pure functions.
 */
#ifndef GORD_OTLP_ENCODE_H
#define GORD_OTLP_ENCODE_H

#include <stddef.h>
#include <stdint.h>

/* Whom and when it is of; texts are borrowed. */
struct gord_otlp_source {
    const char *version;  /* service.version */
    const char *instance; /* service.instance.id */
    const char *host;     /* host.name */
    int64_t start_ns;     /* wall clock, as the next: what counts began with 0 then */
    int64_t at_ns;
};

/* `page` is text in Prometheus' format, which is changed. 0 with a message that the caller frees;
 * -EBADMSG: it is no page of ours; -ENOMEM. */
int gord_otlp_encode(const struct gord_otlp_source *source, char *page, void **out_message,
                     size_t *out_bytes);

/* What a collector has answered: how many points it did not take, and its words, cut to `bytes`. 0;
 * -EBADMSG: it is no answer. */
int gord_otlp_read_reply(const void *reply, size_t reply_bytes, uint64_t *out_rejected,
                         char *out_text, size_t bytes);

#endif
