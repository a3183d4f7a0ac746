/* SPDX-License-Identifier: MIT */
/* signals.h - the end of gor_signal_notify and its like. */
#ifndef GOR_OS_SIGNALS_H
#define GOR_OS_SIGNALS_H

/* Every signal is as it was before the runtime's start, every channel and context is let go; called
 * when no goroutine runs any more. */
void gor__signals_stop(void);

#endif
