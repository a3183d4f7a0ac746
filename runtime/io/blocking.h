/* SPDX-License-Identifier: MIT */
/* blocking.h - the end of the threads behind gor_blocking. */
#ifndef GOR_IO_BLOCKING_H
#define GOR_IO_BLOCKING_H

#include <stdbool.h>

/* End the threads of gor_blocking and join them; called when no M runs any more. Calls that still
 * wait for a thread are dropped. False when one is still busy after a second: it may use the stack
 * of the goroutine that called it, so that memory must stay. */
bool gor__blocking_stop(void);

#endif
