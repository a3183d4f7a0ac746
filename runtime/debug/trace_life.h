/* SPDX-License-Identifier: MIT */
/* trace_life.h - traces begun by the environment, and ended by the end of the runtime. */
#ifndef GOR_DEBUG_TRACE_LIFE_H
#define GOR_DEBUG_TRACE_LIFE_H

#include <stdbool.h>

/* What $GOR_TRACE and $GOR_TRACE_FLIGHT ask for; what cannot be had is said on standard error. The
 * runtime runs, and no goroutine yet. */
void gor__trace_from_environment(void);

/* The runtime has stopped: write what is left. `quiet`: and no thread of it is left, either. */
void gor__trace_fini(bool quiet);

#endif
