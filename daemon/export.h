/* SPDX-License-Identifier: MIT */
/* export.h - sends gord's metrics to an OpenTelemetry collector, every now and then.
 *
 * The loop gathers the figures when it is time and hands them to a thread of its own, which makes a
 * message of them and sends that: no collector, however slow, is in anybody's way. What it holds is one
 * message that it could not send yet; newer figures take its place, which loses a point of a curve and no
 * count, since counts are from the start.
 *
 * Threads     loop thread.
 * Ownership   start/stop/free; what it is given is borrowed until stop.
 * See also    docs/metrics.md; daemon/otlp
 */
#ifndef GORD_EXPORT_H
#define GORD_EXPORT_H

#include <uv.h>

#include "daemon/base/config.h"
#include "daemon/base/fault.h"
#include "daemon/service/service.h"

/* What a stop waits for the last export, at most. */
enum { GORD_EXPORT_LAST_MS = 2000 };

struct gord_export;

/* What the options say is checked: the headers can be read, and are some. */
void gord_export_check(const struct gord_config *config, struct gord_faults *faults);

/* Begin, if there is an endpoint; else a later change may name one. 0, or the error, which has been
 * logged; *out_export is to be stopped and freed in any case. */
int gord_export_start(const struct gord_config *config, uv_loop_t *loop,
                      struct gord_service *service, struct gord_export **out_export);

/* The configuration has changed, or what is in its files. What cannot be is logged, and goes on as it was.
 * NULL is fine. */
void gord_export_change(struct gord_export *export);

/* Send a last time, without waiting for it. NULL is fine; once is enough. */
void gord_export_finish(struct gord_export *export);

/* The end, before the service's and the runtime's; waits for the last export, at most
 * GORD_EXPORT_LAST_MS since finish. NULL is fine. */
void gord_export_stop(struct gord_export *export);

/* Once the loop has run after the stop. NULL is fine. */
void gord_export_free(struct gord_export *export);

#endif
