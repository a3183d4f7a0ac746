/* SPDX-License-Identifier: MIT */
/* preempt.h - what it takes to stop a thread that computes in foreign code: a fence on all threads,
 * a look at what a thread does, and a signal that cannot disturb a system call.
 *
 * The signal comes from a timer on the CPU time of the thread itself. It expires only while the
 * thread computes, and the kernel then raises it on the way back to user mode: a call that blocks
 * meanwhile is not interrupted, and one that has just ended keeps its result. (Linux does so where
 * it is built with CONFIG_POSIX_CPU_TIMERS_TASK_WORK, x86-64 since 5.10; elsewhere there is a window
 * of some instructions at a system call's beginning.) A tgkill was rejected for that reason: between the look
 * at the thread and the signal, it may have begun a system call.
 *
 * Threads     init and fini while nothing runs; the thread's functions on that thread; the others by
 *             any, those that name an M under gor__sched.lock.
 */
#ifndef GOR_SCHED_PREEMPT_H
#define GOR_SCHED_PREEMPT_H

#include <signal.h>
#include <stdbool.h>

struct gor__m;

/* Where the kernel has no membarrier (before Linux 4.14), or no signal is free, Ps are not taken
 * from anybody; nor while the host has put a handler of its own in the place of ours. */
void gor__preempt_init(void);
void gor__preempt_fini(void);
bool gor__preempt_works(void);

/* The signal that must not be blocked on the runtime's threads; 0: none. */
int gor__preempt_signal(void);

/* Sysmon's look at whether the handler is still ours; if it is not, nobody is sent the signal any more,
 * not even by a timer that is set already. */
void gor__preempt_look(void);

void gor__preempt_thread_init(struct gor__m *m);
void gor__preempt_thread_fini(struct gor__m *m);

/* Every thread of the process passes a full fence before this returns, if the kernel can do that. */
void gor__fence_all_threads(void);
bool gor__fences_work(void);

/* No thread is sent the signal any more for what was asked for until now. For those who are about to wake
 * threads out of system calls: a timer that expired at the beginning of the call would then raise it
 * amid the call, and what could have been begun again ends with EINTR. */
void gor__preempt_call_off(void);

/* Ask anew for those who are to stop since their P was taken. One that has stopped already is only
 * interrupted once more when it goes on. */
void gor__preempt_renew(void);

/* Stop the thread, from which the P was taken, as soon as it computes. */
void gor__preempt_send(struct gor__m *m);

#endif
