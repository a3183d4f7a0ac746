/* SPDX-License-Identifier: MIT */
/* process_metrics.h - what the system says of the process, under the names that Prometheus' client
 * libraries give it: process_cpu_seconds_total, process_open_fds, ...
 *
 * What cannot be read, since /proc is not mounted say, is left out, as those libraries do.
 */
#ifndef GOR_DEBUG_PROCESS_METRICS_H
#define GOR_DEBUG_PROCESS_METRICS_H

#include "runtime/debug/text.h"

void gor__process_metrics_write(struct gor__text *text);

#endif
