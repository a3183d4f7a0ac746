/* SPDX-License-Identifier: MIT */
/* export_counts.h - how sending metrics to a collector goes, for the page of metrics.
 *
 * Threads     any; each number stands for itself, so the order of none matters (relaxed).
 */
#ifndef GORD_SERVICE_EXPORT_COUNTS_H
#define GORD_SERVICE_EXPORT_COUNTS_H

#include <stdatomic.h>

struct gord_export_counts {
    atomic_bool on;                /* there is a collector */
    atomic_ullong sent;            /* exports that it took */
    atomic_ullong dropped;         /* that it never took */
    atomic_ullong failed;          /* attempts, of which an export may have several */
    atomic_ullong rejected_points; /* of exports that it took */
};

#endif
