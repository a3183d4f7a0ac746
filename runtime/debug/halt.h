/* SPDX-License-Identifier: MIT */
/* halt.h - hold every other thread of the process, whatever it does, and see its registers.
 *
 * A stop of the world (sched/world.h) holds goroutines at their next call; here also threads that
 * compute or block in foreign code stand still, and those of the host program. What a thread was
 * doing goes on afterwards as if nothing had been, but for the few system calls that answer EINTR
 * when a debugger attaches (epoll_wait and some of System V; see signal(7), "Interruption of system
 * calls by stop signals").
 *
 * Threads     any, one at a time. In between only what raw.h allows.
 */
#ifndef GOR_DEBUG_HALT_H
#define GOR_DEBUG_HALT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GOR__FREEZE_WORDS = 112 };

/* A thread that stands still. */
struct gor__halted {
    int tid;    /* 0: it has ended */
    int signal; /* that was on its way to it; the tracer's */
    uintptr_t sp;
    size_t word_count; /* of words[]: general and floating-point registers */
    uint64_t words[GOR__FREEZE_WORDS];
};

struct gor__halt {
    struct gor__halted *threads; /* all but the caller; owned */
    size_t count;
    void *tracer; /* halt.c's */
};

/* 0; -EPERM: tracing is not allowed here, or a debugger is at it; -ETIMEDOUT: a thread did not stop
 * within a second; -ENOMEM; -ENOSYS: an emulator; -EIO: the tracer was killed. Then nothing stands still. */
int gor__halt(struct gor__halt *halt);
/* What it uses itself: there are copies of all registers in it. */
void gor__halt_memory(const struct gor__halt *halt,
                      void (*visit)(void *arg, const void *memory, size_t bytes), void *arg);

void gor__halt_end(struct gor__halt *halt);

#endif
