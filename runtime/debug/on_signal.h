/* SPDX-License-Identifier: MIT */
/* on_signal.h - dumps on a signal, and the end of the runtime.
 *
 * Threads     any.
 */
#ifndef GOR_DEBUG_ON_SIGNAL_H
#define GOR_DEBUG_ON_SIGNAL_H

#include <stdbool.h>

/* While it is held no dump begins on a signal; none is under way when this returns. */
void gor__on_signal_hold(bool hold);

#endif
