/* SPDX-License-Identifier: MIT */
/* capture.h - what a thread that computes does just now: asked for by another one, answered in the
 * handler of the signal that also stops hogs (preempt.h), so that no blocked call is disturbed.
 *
 * Threads     ask and take back under gor__sched.lock, which keeps the M; gor__capture_answer on the
 *             thread asked, in the handler.
 * Ownership   the request is the asker's until it has asked; and again once it is `done`, or was taken
 *             back.
 */
#ifndef GOR_SCHED_CAPTURE_H
#define GOR_SCHED_CAPTURE_H

#include <stddef.h>

#include "runtime/cpu/registers.h"
#include "runtime/gor.h"

struct gor__m;

enum { GOR__CAPTURE_BYTES = 32 << 10 };

struct gor__capture {
    struct gor__capture *next; /* list link of those asked for and not answered yet */
    uint32_t done;             /* futex */
    gor_id_t id;               /* of the goroutine; 0: it ran none */
    struct gor__registers registers;
    uintptr_t top; /* of its stack */
    size_t bytes;  /* of the stack that were copied, from registers.sp on */
    char stack[GOR__CAPTURE_BYTES];
};

/* Ask `m`, beside whoever else does. False: the thread cannot be sent the signal. */
bool gor__capture_ask(struct gor__m *m, struct gor__capture *capture);

/* True: it will not be answered any more. False: it is, or is just about to be. */
bool gor__capture_take_back(struct gor__m *m, struct gor__capture *capture);

/* Answer whoever asks. */
void gor__capture_answer(struct gor__m *m, const ucontext_t *context);

#endif
