/* SPDX-License-Identifier: MIT */
/* panic.h - a goroutine cannot go on: where it was, and what becomes of it.
 *
 * Threads     the goroutine itself, outside, unless said otherwise.
 * Ownership   a panic lies on a stack of the goroutine's, to its end.
 */
#ifndef GOR_SCHED_PANIC_H
#define GOR_SCHED_PANIC_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/cpu/redirect.h"

struct gor__g;
struct gor__stack;

enum { GOR__PANIC_FRAMES = 32 };

struct gor__panic {
    struct gor__panic *next; /* list link of all under way */
    struct gor__g *g;
    unsigned count;    /* of frames[] */
    unsigned left_out; /* frames further out */
    bool called;       /* the first frame is a return address, too: somebody called gor_panic */
    const void *frames[GOR__PANIC_FRAMES]; /* return addresses, innermost first */
};

/* Where it was, by the chain of frame pointers on `stack`. Any context. */
void gor__panic_note_frames(struct gor__panic *panic, const struct gor__stack *stack,
                            struct gor__origin place);

/* Run the deferred calls, tell the handler, and end the goroutine; without a handler, the process. */
void gor__panic_now(struct gor__panic *panic, struct gor__g *g, const char *message)
    __attribute__((noreturn));

/* That of the calling goroutine; false: there is none. */
bool gor__panic_get(struct gor__panic *out_panic);

/* `g` ends; inside. */
void gor__panic_forget(struct gor__g *g);

/* No goroutine exists any more. */
void gor__panics_fini(void);

#endif
