/* SPDX-License-Identifier: MIT */
/* fault.h - what is wrong with what somebody wrote, told one sentence at a time, all of it.
 *
 * Who reads something tells every fault and goes on; who asked for it decides where the sentences go,
 * and whether there were any.
 */
#ifndef GORD_BASE_FAULT_H
#define GORD_BASE_FAULT_H

#include <stddef.h>

struct gord_faults {
    void (*tell)(void *arg, const char *text);
    void *arg;
    size_t count; /* told so far */
};

/* Tell one, without a newline at its end. */
void gord_fault(struct gord_faults *faults, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
