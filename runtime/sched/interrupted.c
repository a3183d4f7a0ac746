/* SPDX-License-Identifier: MIT */
/* interrupted.c - see interrupted.h. Memory is read only between the interrupted stack pointer and the
 * end of the stack that is known to hold it, so nothing here can fault. */
#include "runtime/sched/interrupted.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/cpu/frames.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/machine.h"

#define ON_ANY_STACK __attribute__((noinline, no_sanitize_address, no_sanitize_thread))

struct place {
    uintptr_t link; /* where the last call is to return to, if the processor keeps that; else 0 */
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t frame;
};

static struct place place_of(const ucontext_t *context)
{
#if defined(__x86_64__)
    const greg_t *registers = context->uc_mcontext.gregs;
    return (struct place){0, (uintptr_t)registers[REG_RIP], (uintptr_t)registers[REG_RSP],
                          (uintptr_t)registers[REG_RBP]};
#else
    return (struct place){context->uc_mcontext.regs[30], context->uc_mcontext.pc,
                          context->uc_mcontext.sp, context->uc_mcontext.regs[29]};
#endif
}

/* Where the return address lies when the function has not set up its frame yet, or has given it up
 * already; 0: neither is so, as far as its code tells. */
ON_ANY_STACK static uintptr_t find_unframed(const struct place *at)
{
#if defined(__x86_64__)
    static const unsigned char landing[4] = {0xf3, 0x0f, 0x1e, 0xfa};
    enum { PUSH_FRAME = 0x55, RETURN = 0xc3, MOVE_1 = 0x48, MOVE_2 = 0x89, MOVE_3 = 0xe5 };
    const unsigned char *code = (const unsigned char *)at->pc;
    bool lands = true;
    for (size_t i = 0; i < sizeof landing && lands; i++) {
        lands = code[i] == landing[i];
    }
    if (lands || code[0] == PUSH_FRAME || code[0] == RETURN) {
        return at->sp;
    }
    if (code[0] == MOVE_1 && code[1] == MOVE_2 && code[2] == MOVE_3) {
        return at->sp + sizeof(uintptr_t);
    }
#else
    (void)at;
#endif
    return 0;
}

static bool is_on(uintptr_t sp, uintptr_t low, uintptr_t top)
{
    return sp >= low && sp < top;
}

/* The end of the stack that `sp` is on; 0: unknown, or in its guard. In the middle of a switch it is that of
 * the goroutine that is left. */
static uintptr_t top_of_stack(const struct gor__m *m, const struct gor__thread_stack *own,
                              uintptr_t sp)
{
    const struct gor__g *candidates[2] = {m != NULL ? m->g : NULL, m != NULL ? m->after_g : NULL};
    for (int i = 0; i < 2; i++) {
        const struct gor__stack *stack =
            candidates[i] != NULL ? __atomic_load_n(&candidates[i]->stack, __ATOMIC_ACQUIRE) : NULL;
        if (stack != NULL && is_on(sp, gor__stack_floor(stack), (uintptr_t)gor__stack_top(stack))) {
            return (uintptr_t)gor__stack_top(stack);
        }
    }
    return is_on(sp, own->low, own->top) ? own->top : 0;
}

/* Of a stack that nothing is known of: the kernel reads for us, and does not fault. */
static bool read_safely(uintptr_t address, uintptr_t *out_words, size_t count)
{
    struct iovec to = {out_words, count * sizeof *out_words};
    struct iovec from = {(void *)address, to.iov_len};
    return syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0) == (long)to.iov_len;
}

static unsigned walk_unknown(const struct place *at, uintptr_t *out_frames, unsigned room)
{
    unsigned count = 0;
    uintptr_t frame = at->frame;
    uintptr_t sp = at->sp;
    while (count < room && frame >= sp && frame % sizeof(uintptr_t) == 0) {
        uintptr_t words[2];
        if (!read_safely(frame, words, 2) || words[1] == 0) {
            break;
        }
        out_frames[count++] = gor__plain_address(words[1]);
        sp = frame + sizeof(uintptr_t);
        frame = words[0];
    }
    return count;
}

ON_ANY_STACK static uintptr_t read_word(uintptr_t address)
{
    return *(const uintptr_t *)address;
}

ON_ANY_STACK static unsigned walk_known(const struct place *at, uintptr_t top,
                                        uintptr_t *out_frames, unsigned room)
{
    unsigned count = 0;
    uintptr_t unframed = find_unframed(at);
    if (unframed != 0 && unframed <= top - sizeof unframed) {
        uintptr_t address = *(const uintptr_t *)unframed;
        if (gor__is_entry(address)) {
            return 0;
        }
        out_frames[count++] = address;
    }
    return count + gor__walk_frames(at->frame, at->sp, top, out_frames + count, room - count);
}

unsigned gor__interrupted_frames(const void *context, const struct gor__m *m,
                                 const struct gor__thread_stack *own, uintptr_t *out_frames,
                                 unsigned room, uintptr_t *out_leaf)
{
    struct place at = place_of(context);
    uintptr_t top = top_of_stack(m, own, at.sp);
    out_frames[0] = at.pc;
    *out_leaf = gor__plain_address(at.link);
    if (top != 0) {
        if (at.link == 0 && at.sp % sizeof at.sp == 0) {
            *out_leaf = read_word(at.sp);
        }
        return 1 + walk_known(&at, top, out_frames + 1, room - 1);
    }
    if (at.link == 0 && own->top == 0 && !read_safely(at.sp, out_leaf, 1)) {
        *out_leaf = 0;
    }
    /* On a thread of the runtime's an unknown stack is one that somebody switches on his own. */
    return own->top != 0 ? 1 : 1 + walk_unknown(&at, out_frames + 1, room - 1);
}
