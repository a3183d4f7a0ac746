/* SPDX-License-Identifier: MIT */
/* order.h - the order of job ids, and of what begins with one, for qsort and bsearch.
 *
 * Threads     any.
 */
#ifndef GORD_BASE_ORDER_H
#define GORD_BASE_ORDER_H

/* Both point at a uint64_t, or at a struct whose first member is one. */
int gord_by_rising_id(const void *a, const void *b);
int gord_by_falling_id(const void *a, const void *b);

#endif
