/* SPDX-License-Identifier: MIT */
/* no_memory.c - no memory is left for one event: that of a state whose reason is $GORD_NO_MEMORY_FOR. The
 * linker has calls of gord_event_state() come here first (--wrap). */
#include <stdlib.h>
#include <string.h>

#include "daemon/event/event.h"

/* The linker's names. NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming) */
struct gord_event *__real_gord_event_state(uint64_t job_id, Gor__V1__JobState state,
                                           const char *reason);
struct gord_event *__wrap_gord_event_state(uint64_t job_id, Gor__V1__JobState state,
                                           const char *reason);

struct gord_event *__wrap_gord_event_state(uint64_t job_id, Gor__V1__JobState state,
                                           const char *reason)
{
    const char *what = getenv("GORD_NO_MEMORY_FOR");

    return what != NULL && strcmp(reason, what) == 0
               ? NULL
               : __real_gord_event_state(job_id, state, reason);
}
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming) */
