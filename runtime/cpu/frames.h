/* SPDX-License-Identifier: MIT */
/* frames.h - return addresses along the chain of frame pointers, for code that must not fault: it
 * leads towards the top of the stack, never out of it; code without frame pointers ends it or bends it.
 *
 * Threads     any, also a signal handler, as long as the stack between `low` and `top` is mapped.
 */
#ifndef GOR_CPU_FRAMES_H
#define GOR_CPU_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cpu/switch.h"

/* Where the stack pointer was before the function that says this, which is not in line, was called: what it
 * keeps itself lies below, whichever end of its frame the compiler has it begin at. */
#if defined(__x86_64__)
#define GOR__CALLERS_SP ((uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t))
#else
#define GOR__CALLERS_SP ((uintptr_t)__builtin_dwarf_cfa())
#endif

/* Whether `address` is in the code every goroutine begins in. */
static inline bool gor__is_entry(uintptr_t address)
{
    enum { ENTRY_BYTES = 64 }; /* more than gor__entry has */
    return address - (uintptr_t)gor__entry < ENTRY_BYTES;
}

/* Those of the frames from `frame` on, innermost first, at most `room`; how many. The last two, of the
 * runtime's own entry, are left out. */
__attribute__((noinline, no_sanitize_address, no_sanitize_thread, unused)) static unsigned
gor__walk_frames(uintptr_t frame, uintptr_t low, uintptr_t top, uintptr_t *out_frames,
                 unsigned room)
{
    unsigned count = 0;
    while (count < room && frame >= low && frame <= top - 2 * sizeof(uintptr_t) &&
           frame % sizeof(uintptr_t) == 0) {
        const uintptr_t *words = (const uintptr_t *)frame;
        uintptr_t address = gor__plain_address(words[1]);
        if (gor__is_entry(address)) {
            return count > 0 ? count - 1 : 0;
        }
        if (address == 0) {
            break;
        }
        out_frames[count++] = address;
        low = frame + sizeof(uintptr_t);
        frame = words[0];
    }
    return count;
}

#endif
