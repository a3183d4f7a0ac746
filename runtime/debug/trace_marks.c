/* SPDX-License-Identifier: MIT */
/* trace_marks.c - what a program marks in a trace itself: moments and regions. */
#include <string.h>

#include "runtime/gor.h"
#include "runtime/sched/trace.h"

bool gor_trace_on(void)
{
    return gor__observes(GOR__OBSERVE_TRACE);
}

void gor_trace_log(const char *category, const char *text)
{
    if (!gor_trace_on()) {
        return;
    }
    char both[GOR__TRACE_TEXT_MAX];
    size_t first = category != NULL ? strnlen(category, sizeof both / 2) : 0;
    size_t second = strnlen(text, sizeof both - first);
    if (first > 0) {
        memcpy(both, category, first);
    }
    memcpy(both + first, text, second);
    gor__trace_outside(GOR__TRACE_LOG, gor_self(), first, both, first + second);
}

void gor_trace_begin(const char *name)
{
    gor_id_t self = gor_trace_on() ? gor_self() : 0;
    if (self != 0) {
        gor__trace_outside(GOR__TRACE_REGION_BEGAN, self, 0, name,
                           strnlen(name, GOR__TRACE_TEXT_MAX));
    }
}

void gor_trace_end(void)
{
    gor_id_t self = gor_trace_on() ? gor_self() : 0;
    if (self != 0) {
        gor__trace_outside(GOR__TRACE_REGION_ENDED, self, 0, "", 0);
    }
}
