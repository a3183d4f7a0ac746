/* SPDX-License-Identifier: MIT */
/* queue_figures.h - the part of the figures that is told of each queue, in Prometheus' text format.
 *
 * Threads     any.
 * See also    daemon/job/latency.h, which counts; figures.h, for the whole.
 */
#ifndef GORD_SERVICE_QUEUE_FIGURES_H
#define GORD_SERVICE_QUEUE_FIGURES_H

#include <stddef.h>
#include <stdio.h>

#include "daemon/job/latency.h"

/* The label of those queues that are not shown by themselves; no queue can be called so. */
#define GORD_QUEUE_OTHERS "_other"

void gord_queue_figures_write(const struct gord_queue_figures *queues, size_t count, FILE *out);

#endif
