/* SPDX-License-Identifier: MIT */
/* on_signal.h - dumps on a signal, and the end of the runtime.
 *
 * Threads     any.
 */
#ifndef GOR_DEBUG_ON_SIGNAL_H
#define GOR_DEBUG_ON_SIGNAL_H

/* From here on nobody who dumps on a signal looks at goroutines, until the runtime has ended: then a dump
 * that was under way is cut. It waits for moments only, not for whoever reads the dump. */
void gor__on_signal_hold(void);
void gor__on_signal_ended(void);

#endif
