/* SPDX-License-Identifier: MIT */
/* fault.c - see fault.h. */
#include "daemon/base/fault.h"

#include <stdarg.h>
#include <stdio.h>

enum { FAULT_BYTES = 2048 }; /* longer than any, but for paths that are mad */

void gord_fault(struct gord_faults *faults, const char *format, ...)
{
    char text[FAULT_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    faults->count++;
    faults->tell(faults->arg, text);
}
