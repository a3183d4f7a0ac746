/* SPDX-License-Identifier: MIT */
/* select.h - what a parked select waits on, for those who look in. */
#ifndef GOR_SYNC_SELECT_H
#define GOR_SYNC_SELECT_H

#include <stdbool.h>

struct gor__g;
struct gor__waitq;

/* Tell visit(arg, queue) of each queue that `g`, parked in a select, stands on. False: it is being
 * woken. While the world stands; also with threads frozen in the middle of ThreadSanitizer. */
bool gor__select_queues(const struct gor__g *g,
                        void (*visit)(void *arg, const struct gor__waitq *queue), void *arg);

#endif
