/* SPDX-License-Identifier: MIT */
/* unwind.h - follows a stack from where its goroutine stands to where it began.
 *
 * By the tables compilers make for that (cfi.h), so that code without frame pointers is no obstacle;
 * where there are none, by frame pointers. The stack is read through the kernel, a page at a time, and
 * may change, or vanish, meanwhile: the frames are wrong or missing then, nothing else. One that
 * hibernates is read where it is kept, and goes on doing so.
 *
 * Threads     any, outside the door.
 */
#ifndef GOR_DEBUG_UNWIND_H
#define GOR_DEBUG_UNWIND_H

#include "runtime/cpu/registers.h"
#include "runtime/gor.h"

struct gor__stack;

enum { GOR__WINDOW_BYTES = 2048 };

/* The part of a stack that was read last. */
struct gor__window {
    uintptr_t top;                  /* of the stack */
    uintptr_t low;                  /* nothing below is read */
    const struct gor__stack *stack; /* its record: it may hibernate; NULL: it does not */
    uintptr_t at;                   /* what was read begins here */
    size_t bytes;
    const char *copy; /* of what was read, which is all there will be; NULL: `data` */
    char data[GOR__WINDOW_BYTES];
};

void gor__window_init(struct gor__window *window, uintptr_t top);

/* The word at `address`; false: there is none. */
bool gor__window_word(struct gor__window *window, uintptr_t address, uintptr_t *out_word);

/* Call visit(arg, frame) for each return address, innermost first, until it answers false; an exact address
 * counts as the one behind it. Those of the runtime's own entry are left out. */
enum gor_frames_end gor__unwind_each(struct gor__window *window,
                                     const struct gor__registers *registers,
                                     bool (*visit)(void *arg, const void *frame), void *arg);

/* Return addresses, innermost first, `room` of them at most. */
unsigned gor__unwind(struct gor__window *window, const struct gor__registers *registers,
                     const void **frames, unsigned room, enum gor_frames_end *out_end);

#endif
