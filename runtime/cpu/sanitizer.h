/* SPDX-License-Identifier: MIT */
/* sanitizer.h - telling AddressSanitizer and ThreadSanitizer about stack switches.
 *
 * Every stack that is switched to owns a gor__fiber. Before a switch call gor__fiber_leave on the
 * stack that is left, after it gor__fiber_arrive on the stack that goes on. Without a sanitizer all
 * of it is nothing, nor need there be a fiber: GOR__HAS_FIBERS is 0.
 */
#ifndef GOR_CPU_SANITIZER_H
#define GOR_CPU_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

/* A function that reads what others may be writing, of frames that may be anybody's: what it has read counts
 * only if a look afterwards says so. The sanitizers would report that. */
#define GOR__RACY_BY_DESIGN __attribute__((noinline, no_sanitize_address, no_sanitize_thread))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GOR__HAS_FIBERS 1
#else
#define GOR__HAS_FIBERS 0
#endif

struct gor__fiber {
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom; /* lowest address of the stack */
    size_t bytes;
    void *fake_stack; /* ASan's, kept while the fiber is not running */
#elif defined(__SANITIZE_THREAD__)
    void *tsan;
    unsigned uses; /* goroutines that ran on it */
#endif
    char unused; /* an empty struct would not be C */
};

/* For a stack of our own. */
static inline void gor__fiber_init(struct gor__fiber *fiber, void *bottom, size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    fiber->bottom = bottom;
    fiber->bytes = bytes;
    fiber->fake_stack = NULL;
#elif defined(__SANITIZE_THREAD__)
    if (fiber->tsan == NULL) {
        fiber->tsan = __tsan_create_fiber(0);
    }
#endif
    (void)fiber;
    (void)bottom;
    (void)bytes;
}

/* The stack will never be used again; its owner may still be on it. The address may be, and ASan would
 * take what it has marked there for marks of the next owner. */
static inline void gor__fiber_fini(struct gor__fiber *fiber)
{
#if defined(__SANITIZE_ADDRESS__)
    if (fiber->bottom != NULL) {
        __asan_unpoison_memory_region(fiber->bottom, fiber->bytes);
        fiber->bottom = NULL;
    }
#endif
#if defined(__SANITIZE_THREAD__)
    if (fiber->tsan != NULL) {
        __tsan_destroy_fiber(fiber->tsan);
        fiber->tsan = NULL;
    }
#endif
    (void)fiber;
}

/* For the stack the calling thread runs on now. */
static inline void gor__fiber_init_thread(struct gor__fiber *fiber)
{
#if defined(__SANITIZE_ADDRESS__)
    /* The bounds are learned by the first gor__fiber_arrive on another stack. */
    fiber->bottom = NULL;
    fiber->bytes = 0;
    fiber->fake_stack = NULL;
#elif defined(__SANITIZE_THREAD__)
    fiber->tsan = __tsan_get_current_fiber();
#endif
    (void)fiber;
}

/* Just before the switch from `from` to `to`; `dies`: `from` will never run again as it is. */
static inline __attribute__((always_inline)) void gor__fiber_leave(struct gor__fiber *from,
                                                                   struct gor__fiber *to, bool dies)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(dies ? NULL : &from->fake_stack, to->bottom, to->bytes);
#elif defined(__SANITIZE_THREAD__)
    __tsan_release(from); /* see gor__fiber_stored() */
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    (void)from;
    (void)to;
    (void)dies;
}

/* Just after a switch, on the stack of `self`; `from`, if known, is the one that was left. */
static inline __attribute__((always_inline)) void gor__fiber_arrive(struct gor__fiber *self,
                                                                    struct gor__fiber *from)
{
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom = NULL;
    size_t bytes = 0;
    __sanitizer_finish_switch_fiber(self->fake_stack, &bottom, &bytes);
    if (from != NULL && from->bottom == NULL) {
        from->bottom = bottom;
        from->bytes = bytes;
    }
#endif
    (void)self;
    (void)from;
}

/* The stack of `self` was found stored by a thread that did not switch: what was written before it was left
 * has been written. The switch stores its stack in assembly, which ThreadSanitizer does not see. */
static inline void gor__fiber_stored(struct gor__fiber *self)
{
#if defined(__SANITIZE_THREAD__)
    __tsan_acquire(self);
#endif
    (void)self;
}

/* The stack is free for another goroutine: whatever ASan has marked on it is void. TSan keeps the
 * calls that never return, such as gor_exit, on a stack of its own with room for 65,536; making a new
 * fiber for each goroutine would empty it too, but takes half a millisecond. */
static inline void gor__fiber_clear(struct gor__fiber *fiber, void *bottom, size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(bottom, bytes);
    fiber->bottom = NULL;
#endif
#if defined(__SANITIZE_THREAD__)
    if (++fiber->uses % 512 == 0) {
        gor__fiber_fini(fiber);
    }
#endif
    (void)fiber;
    (void)bottom;
    (void)bytes;
}

#endif
