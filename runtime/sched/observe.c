/* SPDX-License-Identifier: MIT */
/* observe.c - see observe.h. */
#include "runtime/sched/observe.h"

uint32_t gor__observed;

void gor__observe(uint32_t bits, bool on)
{
    if (on) {
        (void)__atomic_fetch_or(&gor__observed, bits, __ATOMIC_SEQ_CST);
    } else {
        (void)__atomic_fetch_and(&gor__observed, ~bits, __ATOMIC_SEQ_CST);
    }
}
