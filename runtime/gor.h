/* SPDX-License-Identifier: MIT */
/* gor.h - goroutines, channels and everything around them, for C.
 *
 * Units       every time is in nanoseconds. A *deadline* is a point on CLOCK_MONOTONIC as gor_now()
 *             tells it; GOR_NEVER waits for ever, a deadline in the past polls once.
 * Contexts    a call whose name ends in _ctx waits until its context ends, and answers gor_ctx_err
 *             then; one that has ended before polls once. NULL, and a context that never ends, wait
 *             for ever. The caller's reference must last for the call.
 * Errors      an int result is 0 (or a useful positive number), else a negative errno such as
 *             -ETIMEDOUT. errno itself is never part of the answer.
 * Blocking    "parks" means: this goroutine waits, its thread goes on with others.
 * Callers     unless a function says [any thread], only a goroutine may call it; from elsewhere it
 *             answers -EPERM, or fails an assertion where it has no result to answer with.
 * Ownership   new/unref pairs are reference counted; structs that are plain memory (gor_mutex,
 *             gor_waitgroup, ...) belong to the caller, are ready when zeroed, and must not move
 *             or be copied while in use.
 * Threads     a goroutine stays on its thread between two calls into this library; across a call
 *             it may move. errno is carried along, but a compiler may keep its address: do not use
 *             it on both sides of a call in one function. Keep no addresses of thread-locals.
 * Foreign     a goroutine may call anything. While it blocks there its P serves others; when it has
 *             computed for 10 ms and others wait, its thread is stopped until it is its turn again.
 * Signals     the runtime's threads block all but those of faults, SIGPROF, and the highest real-time
 *             signal nobody used at the start, which is the runtime's own (gor_stats.preempt_signal):
 *             leave its handler alone. A child process started from a goroutine inherits that, unless
 *             it is given a mask of its own (posix_spawnattr_setsigmask); gor_proc_spawn does so.
 * Processes   exit(3) may be called by a goroutine while others go on. A child of fork() has no
 *             runtime: it may exec or _exit, and not call the library.
 * Stacks      end in one guard page. A function with a larger frame can step over it into another
 *             goroutine's stack, unless it is compiled with -fstack-clash-protection.
 */
#ifndef GOR_H
#define GOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GOR_API __attribute__((visibility("default")))
#define GOR_NORETURN __attribute__((noreturn))
#else
#define GOR_API
#define GOR_NORETURN
#endif

#define GOR_VERSION "0.1.0"

/* ------------------------------------------------------------------ time */

#define GOR_NEVER INT64_MAX

#define GOR_MICROSECOND INT64_C(1000)
#define GOR_MILLISECOND INT64_C(1000000)
#define GOR_SECOND INT64_C(1000000000)

/* Nanoseconds of CLOCK_MONOTONIC. [any thread] */
GOR_API int64_t gor_now(void);

/* The deadline `ns` from now; saturates at GOR_NEVER, a negative `ns` gives one in the past.
 * [any thread] */
GOR_API int64_t gor_after(int64_t ns);

/* ------------------------------------------------------------- life cycle */

/* What is done about leaks (see gor_leak_check) when the root of gor_run has returned, or by gor_stop. */
enum gor_leaks {
    GOR_LEAKS_DEFAULT, /* as $GOR_LEAKS says: on: report; exit: exit; off, or not set: nothing */
    GOR_LEAKS_OFF,
    GOR_LEAKS_REPORT, /* dump them to standard error */
    GOR_LEAKS_EXIT,   /* and then, if there are any, end the process: exit(GOR_LEAKS_EXIT_CODE) */
};

enum { GOR_LEAKS_EXIT_CODE = 23 };

/* How the runtime starts. Zero every field you do not set. */
struct gor_opts {
    unsigned gomaxprocs;      /* 0: $GOMAXPROCS, else CPUs by affinity and cgroup quota */
    size_t stack_bytes;       /* reserve of a goroutine that asks for none; 0: 96 KiB */
    uint64_t max_goroutines;  /* see "ceilings" below; 0: as many as there is memory for */
    uint64_t max_stack_bytes; /* for stacks; 0: three quarters of what the process may have */
    bool wait_at_ceiling;     /* gor_go waits there, rather than answer -EAGAIN */
    bool panic_on_misuse; /* what Go panics at panics, where it else answers an error or ends the
                              * process: sending on a closed channel, also in a select; closing a
                              * closed or NULL channel; sizes of a channel, periods of a ticker and
                              * counts of a wait group out of range */
    uint64_t seed;     /* not 0: take the same course each time; 0: $GOR_SEED, if set. See below */
    bool virtual_time; /* the clock is ours; with a seed, or 1 for one. See below */
    int64_t stack_idle_ns; /* how long stacks keep memory they do not use; 0: 2 s; GOR_NEVER: until
                            * gor_stacks_release */
    bool hibernate;        /* goroutines may hibernate unless they say no; see gor_hibernate */
    int64_t hibernate_after_ns; /* how long one waits before it does; 0: 10 s */
    enum gor_leaks leaks; /* what to do about goroutines that have leaked, when the runtime stops */
    int64_t thread_idle_ns; /* how long threads that are more than GOMAXPROCS needs, for there were
                             * goroutines that blocked, sleep before they end; 0: 60 s; GOR_NEVER:
                             * they stay, as in Go */
};

/* The seeded mode, for tests: of all goroutines that can run, the next one is drawn by a generator that
 * starts from the seed, and at each call into the library the running one may have to let another go
 * first; selects draw from it too. One processor and one thread run everything, whatever GOMAXPROCS
 * says, and nothing is preempted. So the same seed makes the same program do the same, as long as it
 * depends on nothing else that varies: its input, other threads, the clock.
 * With virtual_time (or $GOR_VIRTUAL_TIME=1 beside $GOR_SEED) gor_now() starts at 1000 s, stands still
 * while anything can run, and jumps to the next timer when everything waits: a year passes at once, and
 * whoever polls the clock without waiting does so for ever. Nothing waits for a descriptor while a timer
 * is left, so its deadline passes first unless it is ready at once.
 * gor_blocking() stops everything until its function has returned; gor_lock_os_thread() does nothing.
 * Keep no lock of the C library's across a call into this one: another goroutine may want it, on this
 * very thread. When no goroutine of a gor_run() can ever run again, that is reported with a dump and
 * the process ends, as in Go, unless threads of the host have called in. */

/* Start the runtime, run fn(arg) as the root goroutine, and return its result once it returns.
 * As in Go, goroutines that still live then are not waited for: they never run again. Blocks the
 * calling thread. `opts` may be NULL. One runtime per process at a time.
 * -EBUSY: the runtime runs already. -EINVAL: stack_bytes above 8 MiB. -ENOMEM, -EAGAIN, -EMFILE:
 * no memory, no thread or no descriptor to be had. -ECANCELED: the root goroutine ended by
 * gor_exit, or by a panic that was handled.
 * [any thread outside the runtime] */
GOR_API int gor_run(const struct gor_opts *opts, int (*fn)(void *arg), void *arg);

/* Start the runtime on threads of its own and return; for host programs with their own main loop.
 * Errors as gor_run. [any thread outside the runtime] */
GOR_API int gor_start(const struct gor_opts *opts);

/* Stop a runtime started by gor_start. Goroutines are not waited for: each stops at its next call
 * into the runtime, or keeps its thread if it never makes one (-EBUSY then, after a second; the
 * memory stays mapped and gor_start is refused from then on). 0 when nothing runs. No other
 * thread of the host may call the library meanwhile, not even what is marked [any thread], but for those
 * that are starting a goroutine: wherever they are then, be it in line at a ceiling, they are told -ESRCH.
 * A channel or lock that goroutines still wait on is of no use to the next runtime; a quota is.
 * [any thread outside the runtime] */
GOR_API int gor_stop(void);

/* ------------------------------------------------------------- goroutines */

typedef uint64_t gor_id_t; /* never reused in one process; 0 is nobody */

/* The name of a goroutine, with its end. */
enum { GOR_NAME_BYTES = 32 };

/* Ceilings. There are at most gor_opts.max_goroutines, and as many as have room in
 * gor_opts.max_stack_bytes: each is charged the first page of its stack, its record and its part of the
 * page tables (4.4 KiB as a rule) from its start on, and what stacks are found to have grown to beyond
 * that, as far as it matters, some milliseconds later. By default that is three quarters of the machine's
 * memory, or of the control group's. At a ceiling whoever starts a goroutine is told -EAGAIN, or waits:
 * parked, or if it is a thread of the host asleep, first come, first served, until one ends. With large
 * ceilings a 64th of it may be kept back. gor_run's root is let in under any ceiling. So are the goroutines
 * that the library runs for itself, of which there are few: for a context's deadline, or its cancelling from
 * elsewhere, for signals, for the output of a process and its end. They count in no ceiling on goroutines
 * and in no quota, only in the memory that is left.
 * Where stacks have grown so far that no memory is left, those that exist may be used again.
 * In the seeded mode it is not found out how far stacks grow, unless by gor_stacks_release.
 * Whoever waits for a place keeps one: when nobody is left that could end, that is a deadlock. The last
 * of those who wait without a limit is told -EDEADLK, if they are all that live; but they may as well
 * wait for goroutines that wait for them otherwise, of which nobody is told unless it is a deadlock of
 * all. */
enum gor_at_ceiling {
    GOR_CEILING_DEFAULT, /* as gor_opts.wait_at_ceiling says */
    GOR_CEILING_REFUSE,  /* -EAGAIN */
    GOR_CEILING_WAIT,
    GOR_CEILING_EXEMPT, /* it is started all the same, and counts in no quota: for the few that others
                         * depend on */
};

/* Whether one goroutine may hibernate. */
enum gor_hibernation {
    GOR_HIBERNATE_DEFAULT, /* as gor_opts.hibernate says */
    GOR_HIBERNATE_MAY,
    GOR_HIBERNATE_NEVER,
};

struct gor_ctx;   /* see "context" */
struct gor_quota; /* see "quotas" */

/* Options of one goroutine. Zero every field you do not set. */
struct gor_go_opts {
    size_t stack_bytes; /* stack reserve, rounded up to a class from 64 KiB to 8 MiB; 0: default */
    const char *name;   /* shown in dumps; the first GOR_NAME_BYTES - 1 are copied; NULL: none */
    void *local;        /* first value of gor_local() */
    gor_id_t *out_id;   /* filled before the goroutine can run; NULL if not wanted */
    enum gor_at_ceiling at_ceiling;   /* what to do where there is no place for it */
    struct gor_quota *quota;          /* borrowed: it counts in this one; NULL: in its parent's */
    bool no_quota;                    /* with NULL: in none, not even in its parent's */
    enum gor_hibernation hibernation; /* see gor_hibernate */
};

/* Run fn(arg) as a new goroutine. Blocks at a ceiling only, and if that is asked for. It gets its stack
 * when it first runs: if the kernel refuses it then, the process ends with a report, as in Go.
 * -ENOMEM: no memory to note it. -EAGAIN: at a ceiling, or the quota is used up; -EDEADLK: likewise, and
 * nobody is left to wait for. -ESRCH: the runtime does not run, or stops. [any thread] */
GOR_API int gor_go(void (*fn)(void *arg), void *arg);

/* The same with options; `opts` may be NULL. -EINVAL: stack_bytes above 8 MiB. [any thread] */
GOR_API int gor_go_with(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg);

/* The same, waiting at a ceiling until the deadline at most, whatever the options say: -ETIMEDOUT.
 * [any thread] */
GOR_API int gor_go_until(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg,
                         int64_t deadline);
GOR_API int gor_go_ctx(const struct gor_go_opts *opts, void (*fn)(void *arg), void *arg,
                       struct gor_ctx *ctx);

/* Quotas. A ceiling for some goroutines of their own, below that for all: those started with it, and
 * those they start in turn, unless told another, or none (no_quota); but not what timers and contexts start.
 * At its ceiling gor_go does as at the other one. Goroutines hold references themselves, until they end or
 * the runtime stops. */

/* At most so many at a time; 0: nobody, ever. The caller owns one reference. NULL: out of memory. [any thread] */
GOR_API struct gor_quota *gor_quota_new(uint64_t max_goroutines);
/* The same below another one: who gets a place in it has one above, too, or waits for it, or is refused. It
 * holds a reference to `above`, which may be NULL. NULL: out of memory. [any thread] */
GOR_API struct gor_quota *gor_quota_new_below(struct gor_quota *above, uint64_t max_goroutines);
GOR_API struct gor_quota *gor_quota_ref(struct gor_quota *quota); /* [any thread] */
GOR_API void gor_quota_unref(struct gor_quota *quota);            /* NULL is fine [any thread] */

struct gor_quota_stats {
    uint64_t max_goroutines;
    uint64_t goroutines; /* that count in it now */
    uint64_t
        paused; /* of these, with those of quotas below, that would go on but for a pause here */
    uint64_t waiting;  /* for a place, now */
    uint64_t refused;  /* times that gor_go answered an error for want of a place */
    uint64_t waits;    /* times that one waited, and got a place */
    int64_t waited_ns; /* all waits that are over together */
};
/* [any thread] */
GOR_API void gor_quota_stats_get(struct gor_quota *quota, struct gor_quota_stats *out_stats);

/* Have those that count in the quota, or in one below it, not go on for now: each stops at its next call
 * that parks, yields or ends a wait, and is "paused" until the quota is resumed; what is paused above stays so.
 * One that computes without such a call goes on, and so does one that is locked to its thread. Goroutines
 * started in it meanwhile begin when it is resumed; contexts and timers go on. It holds over the end
 * of the runtime. While anything is paused all goroutines switch more slowly. 0; -EALREADY: it is so.
 * [any thread] */
GOR_API int gor_quota_pause(struct gor_quota *quota);
GOR_API int gor_quota_resume(struct gor_quota *quota);

/* A goroutine that may hibernate, and has waited for gor_opts.hibernate_after_ns, has what it needs of its
 * stack put away, mostly less than half a KiB, and all pages of the stack given back. It notices nothing,
 * nor does who holds a pointer to a variable of its: the first access brings the stack back, at the same
 * address. Who is woken sooner is left alone. There is a limit:
 *
 *     A system call does not bring a stack back: it answers EFAULT. So memory on the stack of a goroutine
 *     that may hibernate must not be given to a system call while that goroutine waits: no read(2) into it
 *     by another, no futex, semaphore or pthread mutex there, nothing asynchronous as io_uring. All calls
 *     of this library may be given it; and a goroutine does not hibernate while it waits in gor_blocking.
 *
 * Hence it must be asked for: by gor_opts.hibernate for the program, by gor_go_opts.hibernation for one
 * goroutine, or here. Nobody hibernates where the kernel or its administrator does not let us do it; see
 * gor_stats.hibernation_error, and gor_hibernate(3).
 *
 * Whether the calling goroutine may from now on; answers whether it might before. */
GOR_API bool gor_hibernate(bool may);

/* Let others run; this goroutine goes to the tail of its queue. */
GOR_API void gor_yield(void);

/* End the calling goroutine here. Its deferred calls run, newest first. */
GOR_API GOR_NORETURN void gor_exit(void);

/* One deferred call; the memory is the caller's and lives until it ran or was taken back. */
struct gor_defer {
    void (*fn)(void *arg);
    void *arg;
    struct gor_defer *next; /* list link of the goroutine's deferred calls */
};

/* Have fn(arg) called when this goroutine ends, by return, gor_exit or gor_panic. */
GOR_API void gor_defer(struct gor_defer *d, void (*fn)(void *arg), void *arg);

/* Take back the newest deferred call, which must be `d`, and call it if `run`. */
GOR_API void gor_undefer(struct gor_defer *d, bool run);

/* Panic: run the deferred calls, then hand `message` to the handler set by gor_on_panic; without
 * one, print a report and abort, as Go does. Does not return. */
GOR_API GOR_NORETURN void gor_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Decide over panics of the calling goroutine and of those it starts from now on: handler(arg,
 * message) runs on the panicking goroutine after its deferred calls; when it returns, only that
 * goroutine ends. NULL restores the default. */
GOR_API void gor_on_panic(void (*handler)(void *arg, const char *message), void *arg);

/* A goroutine that overflows its stack panics, too, and on another stack: deferred calls and handler work
 * as ever, with 256 KiB. But locks that the frames in between hold stay locked. So the process ends with a
 * report where that could be one of the C library's or ours: in their code, so anywhere in a static program,
 * of which nobody can tell what is the C library's; if the other stack is used up as well; and under the
 * sanitizers.
 *
 * In a deferred call or a handler, print where the goroutine panicked, as gor_dump does. -EPERM: the caller
 * does not panic; else 0 or the error of the stream. */
GOR_API int gor_panic_dump(FILE *out);

/* Have so much stack left for what is called next, or overflow here and now: before a lock is taken that
 * others need, or a call into the C library. Touches nothing of it; on a stack that is not the goroutine's it
 * does nothing. [any thread] */
GOR_API void gor_stack_need(size_t bytes);

/* Id of the calling goroutine; 0 outside one. [any thread] */
GOR_API gor_id_t gor_self(void);

/* Name the calling goroutine for dumps, as gor_go_opts.name. */
GOR_API void gor_set_name(const char *name);

/* Keep the calling goroutine on the thread it is on, and that thread for it alone, until unlock was
 * called as often as lock: for libraries that keep state in thread-locals, and for calls that change
 * the thread (setns, sched_setaffinity, ...). A goroutine that ends while locked takes its thread
 * with it. Unlock without a lock does nothing. */
GOR_API void gor_lock_os_thread(void);
GOR_API void gor_unlock_os_thread(void);

/* One pointer-sized goroutine-local slot, inherited by nobody. */
GOR_API void *gor_local(void);
GOR_API void gor_set_local(void *value);

/* A label: what the calling goroutine works on, for profiles. Goroutines it starts from now on have it
 * too, as by Go's pprof.SetGoroutineLabels. `value` NULL takes it back. -EINVAL: no key, or an empty
 * one. -E2BIG: all of its labels would have more than 1,000 bytes, ends counted. -ENOMEM. */
GOR_API int gor_set_label(const char *key, const char *value);

/* Call fn(arg) with one more label, and have the former ones again after, as Go's pprof.Do. Errors as
 * gor_set_label; fn was not called then. */
GOR_API int gor_with_label(const char *key, const char *value, void (*fn)(void *arg), void *arg);

/* The value of a label of the calling goroutine: its length. -ENOENT: it has none of that key;
 * -ENOSPC: `room` is too small. */
GOR_API int gor_label(const char *key, char *out_value, size_t room);

/* Run fn(arg) on a thread kept for calls that block in the kernel or burn CPU without calling the
 * runtime; parks until it returned and answers its result. `fn` is outside any goroutine: it may
 * call only what is marked [any thread]. -EAGAIN: no thread to be had. */
GOR_API int gor_blocking(int (*fn)(void *arg), void *arg);

/* The same, but waiting until the deadline, or the end of the context, at most. 0 with *out_result,
 * what fn returned; -ETIMEDOUT or -ECANCELED: fn goes on behind our back, or was never begun, and
 * dispose(arg) is called once nobody needs `arg` any more, on whatever thread. After any other error
 * `arg` is the caller's, as it is after 0.
 * -EAGAIN: no thread to be had. -ENOMEM. gor_stop does not wait for what goes on behind. */
GOR_API int gor_blocking_until(int (*fn)(void *arg), void *arg, void (*dispose)(void *arg),
                               int64_t deadline, int *out_result);
GOR_API int gor_blocking_ctx(int (*fn)(void *arg), void *arg, void (*dispose)(void *arg),
                             struct gor_ctx *ctx, int *out_result);

/* Park until `ns` nanoseconds passed; zero and less yields. 0. */
GOR_API int gor_sleep(int64_t ns);

/* Park until the deadline. 0, or -EINVAL for GOR_NEVER. */
GOR_API int gor_sleep_until(int64_t deadline);

/* --------------------------------------------------------------- channels */

/* A typed queue between goroutines with Go's semantics. A NULL channel blocks for ever in send and
 * receive, and is never ready in a select. */
struct gor_chan;

/* A channel for elements of `elem_bytes` (0 allowed) that holds `capacity` of them (0: unbuffered).
 * The caller owns one reference. NULL when out of memory, or when the sizes overflow or elem_bytes
 * exceeds 64 KiB. [any thread] */
GOR_API struct gor_chan *gor_chan_new(size_t elem_bytes, size_t capacity);

/* Share and give up a reference; the last one frees the channel and whatever it still holds. Nobody
 * may wait on it then. NULL is fine for unref. [any thread] */
GOR_API struct gor_chan *gor_chan_ref(struct gor_chan *c);
GOR_API void gor_chan_unref(struct gor_chan *c);

/* Send *elem (copied); parks while nobody receives and the buffer is full.
 * 0 sent; -EPIPE the channel is, or meanwhile was, closed; -ETIMEDOUT deadline passed; -EAGAIN
 * (try) it would park. */
GOR_API int gor_chan_send(struct gor_chan *c, const void *elem);
GOR_API int gor_chan_try_send(struct gor_chan *c, const void *elem);
GOR_API int gor_chan_send_until(struct gor_chan *c, const void *elem, int64_t deadline);
GOR_API int gor_chan_send_ctx(struct gor_chan *c, const void *elem, struct gor_ctx *ctx);

/* Receive into *elem, which may be NULL to drop the value; parks while there is nothing.
 * 1 received; 0 closed and drained (*elem is zeroed); -ETIMEDOUT; -EAGAIN (try). */
GOR_API int gor_chan_recv(struct gor_chan *c, void *elem);
GOR_API int gor_chan_try_recv(struct gor_chan *c, void *elem);
GOR_API int gor_chan_recv_until(struct gor_chan *c, void *elem, int64_t deadline);
GOR_API int gor_chan_recv_ctx(struct gor_chan *c, void *elem, struct gor_ctx *ctx);

/* Close: receivers drain the buffer, then get zeroes; senders get -EPIPE.
 * 0; -EPIPE closed already; -EINVAL NULL. */
GOR_API int gor_chan_close(struct gor_chan *c);

/* Elements buffered now, and the most there can be; 0 for NULL. [any thread] */
GOR_API size_t gor_chan_len(const struct gor_chan *c);
GOR_API size_t gor_chan_cap(const struct gor_chan *c);

/* ----------------------------------------------------------------- select */

enum gor_case_op { GOR_RECV = 1, GOR_SEND = 2 };

/* One case of a select. */
struct gor_case {
    struct gor_chan *chan; /* borrowed; NULL is never ready */
    void *value;           /* GOR_SEND: the element to send; GOR_RECV: where it goes, or NULL */
    enum gor_case_op op;
    int result; /* out, chosen case only: as gor_chan_send / gor_chan_recv answer */
};

/* Do exactly one of the cases, chosen uniformly at random among those that can proceed; parks while
 * none can. A send on a closed channel can proceed; its result is -EPIPE. Answers the index of the
 * case done; -EAGAIN (try): none could proceed, Go's `default`; -ETIMEDOUT; -EINVAL: an op that is
 * none. With no case, or NULL channels only, it parks until the deadline, or for ever.
 * -E2BIG: more than 65,536 cases, Go's own limit (reflect.Select). -ENOMEM: never with up to 32. */
GOR_API int gor_select(struct gor_case *cases, size_t count);
GOR_API int gor_select_try(struct gor_case *cases, size_t count);
GOR_API int gor_select_until(struct gor_case *cases, size_t count, int64_t deadline);
GOR_API int gor_select_ctx(struct gor_case *cases, size_t count, struct gor_ctx *ctx);

/* ------------------------------------------------------------------- sync */

/* Mutual exclusion with Go's two modes: normal (whoever comes is let in) and, once somebody waited
 * a millisecond, starving (strict FIFO hand-off). Not recursive, not bound to an owner. */
struct gor_mutex {
    uint64_t opaque[4];
};
GOR_API void gor_mutex_lock(struct gor_mutex *m);
/* 0, or -ETIMEDOUT; the context's error. */
GOR_API int gor_mutex_lock_until(struct gor_mutex *m, int64_t deadline);
GOR_API int gor_mutex_lock_ctx(struct gor_mutex *m, struct gor_ctx *ctx);
/* 0, or -EBUSY without waiting. */
GOR_API int gor_mutex_try_lock(struct gor_mutex *m);
/* Unlocking what is not locked aborts the process, as in Go. */
GOR_API void gor_mutex_unlock(struct gor_mutex *m);

/* Many readers or one writer; a waiting writer stops new readers. */
struct gor_rwmutex {
    uint64_t opaque[8];
};
GOR_API void gor_rwmutex_rlock(struct gor_rwmutex *rw);
GOR_API void gor_rwmutex_runlock(struct gor_rwmutex *rw);
GOR_API void gor_rwmutex_lock(struct gor_rwmutex *rw);
GOR_API void gor_rwmutex_unlock(struct gor_rwmutex *rw);
/* 0, or -ETIMEDOUT; the context's error. A writer that gives up lets in whom it held up. */
GOR_API int gor_rwmutex_rlock_until(struct gor_rwmutex *rw, int64_t deadline);
GOR_API int gor_rwmutex_lock_until(struct gor_rwmutex *rw, int64_t deadline);
GOR_API int gor_rwmutex_rlock_ctx(struct gor_rwmutex *rw, struct gor_ctx *ctx);
GOR_API int gor_rwmutex_lock_ctx(struct gor_rwmutex *rw, struct gor_ctx *ctx);

/* Wait for a number of things to be done; may be used anew, or freed, once every wait has returned. Misuse
 * aborts the process when it is noticed: a counter below zero; an add from zero while a wait is being
 * woken; use before the last wait has returned. */
struct gor_waitgroup {
    uint64_t opaque[4];
};
GOR_API void gor_waitgroup_add(struct gor_waitgroup *wg, int64_t delta);
GOR_API void gor_waitgroup_done(struct gor_waitgroup *wg);
/* Add one and run fn(arg) as a goroutine, which counts down at its end, however it ends. 0, or the
 * errors of gor_go with nothing added; and as that it waits at a ceiling under wait_at_ceiling. */
GOR_API int gor_waitgroup_go(struct gor_waitgroup *wg, void (*fn)(void *arg), void *arg);
/* Parks until the counter is zero. */
GOR_API void gor_waitgroup_wait(struct gor_waitgroup *wg);
/* 0, or -ETIMEDOUT; the context's error. */
GOR_API int gor_waitgroup_wait_until(struct gor_waitgroup *wg, int64_t deadline);
GOR_API int gor_waitgroup_wait_ctx(struct gor_waitgroup *wg, struct gor_ctx *ctx);

/* Run fn(arg) for the first caller only; the others park until it is done. */
struct gor_once {
    uint64_t opaque[6];
};
GOR_API void gor_once_do(struct gor_once *o, void (*fn)(void *arg), void *arg);

/* Condition variable over a gor_mutex the caller holds; signal wakes in the order of wait. */
struct gor_cond {
    uint64_t opaque[4];
};
GOR_API void gor_cond_wait(struct gor_cond *c, struct gor_mutex *m);
/* 0, or -ETIMEDOUT; the context's error. The mutex is held again either way. If there is no time left,
 * others are let run once, with the mutex free. */
GOR_API int gor_cond_wait_until(struct gor_cond *c, struct gor_mutex *m, int64_t deadline);
GOR_API int gor_cond_wait_ctx(struct gor_cond *c, struct gor_mutex *m, struct gor_ctx *ctx);
GOR_API void gor_cond_signal(struct gor_cond *c);
GOR_API void gor_cond_broadcast(struct gor_cond *c);

/* Weighted semaphore, FIFO: a large request is not overtaken by small ones behind it. The count it
 * starts with is given by release. */
struct gor_sem {
    uint64_t opaque[4];
};
/* 0, or -ETIMEDOUT, or the context's error, with nothing taken. */
GOR_API int gor_sem_acquire(struct gor_sem *s, int64_t count, int64_t deadline);
GOR_API int gor_sem_acquire_ctx(struct gor_sem *s, int64_t count, struct gor_ctx *ctx);
GOR_API void gor_sem_release(struct gor_sem *s, int64_t count);

/* Objects to be used again, kept near the processor that gave them back. At most 129 are kept for each
 * CPU; what is given back beyond that is destroyed, so is what gor_pool_trim finds: a program calls
 * that when it has been idle. Nothing is said about which object comes when. */
struct gor_pool;
/* make(arg) makes an object when none is kept (it may answer NULL; NULL: gor_pool_get does), and
 * destroy(object, arg) ends one (NULL: nothing is done). Both run on the goroutine that calls. NULL:
 * out of memory. [any thread] */
GOR_API struct gor_pool *gor_pool_new(void *(*make)(void *arg),
                                      void (*destroy)(void *object, void *arg), void *arg);
GOR_API void *gor_pool_get(struct gor_pool *pool);
/* NULL is fine. */
GOR_API void gor_pool_put(struct gor_pool *pool, void *object);
/* Destroy what is kept now. */
GOR_API void gor_pool_trim(struct gor_pool *pool);
/* Destroys what is kept, too; nobody may use it any more. NULL is fine. [any thread] */
GOR_API void gor_pool_free(struct gor_pool *pool);

/* ----------------------------------------------------------------- timers */

/* A one-shot timer or a ticker, delivering to a channel of capacity 1 whose elements are int64_t
 * (the gor_now() of the firing), or calling a function on a goroutine of its own. */
struct gor_timer;

/* Fires once after `ns`, into gor_timer_chan(). NULL: out of memory. */
GOR_API struct gor_timer *gor_timer_new(int64_t ns);
/* Fires once after `ns` by running fn(arg) as a goroutine. */
GOR_API struct gor_timer *gor_timer_new_func(int64_t ns, void (*fn)(void *arg), void *arg);
/* Fires every `ns`; ticks a slow reader misses are dropped. NULL also when ns <= 0. */
GOR_API struct gor_timer *gor_ticker_new(int64_t ns);
/* Borrowed channel of a timer or ticker; NULL for a function timer. */
GOR_API struct gor_chan *gor_timer_chan(struct gor_timer *t);
/* 1 when the call kept it from firing, also when what it fired lay unreceived in its channel and is
 * taken back; 0 when it had fired or was stopped. After it, no stale value is in the channel. */
GOR_API int gor_timer_stop(struct gor_timer *t);
/* Stop, then start anew with `ns` (the new period of a ticker). Result as stop;
 * -EINVAL: a ticker's period <= 0. */
GOR_API int gor_timer_reset(struct gor_timer *t, int64_t ns);
/* Stops and frees; NULL is fine. */
GOR_API void gor_timer_free(struct gor_timer *t);

/* ---------------------------------------------------------------- context */

/* A cancellation scope, struct gor_ctx: a tree in which cancelling a node cancels everything below
 * it. */

/* The root that is never cancelled; needs no unref. [any thread] */
GOR_API struct gor_ctx *gor_ctx_background(void);

/* A child of `parent` in *out_ctx, with one reference that the caller owns. Born cancelled when the
 * parent is. A deadline later than the parent's is the parent's. -ENOMEM. */
GOR_API int gor_ctx_with_cancel(struct gor_ctx *parent, struct gor_ctx **out_ctx);
GOR_API int gor_ctx_with_deadline(struct gor_ctx *parent, int64_t deadline,
                                  struct gor_ctx **out_ctx);
GOR_API int gor_ctx_with_timeout(struct gor_ctx *parent, int64_t ns, struct gor_ctx **out_ctx);
/* The same with what gor_ctx_cause is to say once the deadline has ended it (copied, at most 255
 * bytes; NULL: the usual). */
GOR_API int gor_ctx_with_deadline_cause(struct gor_ctx *parent, int64_t deadline, const char *cause,
                                        struct gor_ctx **out_ctx);
GOR_API int gor_ctx_with_timeout_cause(struct gor_ctx *parent, int64_t ns, const char *cause,
                                       struct gor_ctx **out_ctx);
/* `key` is compared by address. `value` is borrowed and must outlive the context. */
GOR_API int gor_ctx_with_value(struct gor_ctx *parent, const void *key, void *value,
                               struct gor_ctx **out_ctx);
/* Keeps the parent's values, but not its cancellation nor its deadline. */
GOR_API int gor_ctx_without_cancel(struct gor_ctx *parent, struct gor_ctx **out_ctx);

/* [any thread] Giving up the last reference of a context that is not cancelled cancels nothing; it
 * only leaves the tree. */
GOR_API struct gor_ctx *gor_ctx_ref(struct gor_ctx *ctx);
GOR_API void gor_ctx_unref(struct gor_ctx *ctx);

/* Cancel with -ECANCELED and an optional cause (copied, at most 255 bytes; NULL: none). Before it
 * returns, ctx and every context below it are cancelled. Later calls change nothing. A context of
 * gor_ctx_with_value is one with the context it was made from and is cancelled together with it;
 * the background and what gor_ctx_without_cancel made stay as they are. */
GOR_API void gor_ctx_cancel(struct gor_ctx *ctx, const char *cause);

/* The same, done soon by a goroutine. -ENOMEM, -ESRCH as gor_go. [any thread] */
GOR_API int gor_ctx_cancel_async(struct gor_ctx *ctx, const char *cause);

/* Borrowed channel (elements of 0 bytes) that is closed on cancellation; NULL for a context that
 * cannot be cancelled, which a select never finds ready. */
GOR_API struct gor_chan *gor_ctx_done(struct gor_ctx *ctx);

/* 0 while live; -ECANCELED; -ETIMEDOUT when the deadline ended it. [any thread] */
GOR_API int gor_ctx_err(struct gor_ctx *ctx);
/* Why: the cause given to what ended it, be that its own end or that of a context above, else a text
 * for gor_ctx_err; "" while live. Borrowed from ctx, never changes once set. [any thread] */
GOR_API const char *gor_ctx_cause(struct gor_ctx *ctx);
/* The deadline in force, or GOR_NEVER. [any thread] */
GOR_API int64_t gor_ctx_deadline(struct gor_ctx *ctx);
/* The nearest value under `key`, or NULL. [any thread] */
GOR_API void *gor_ctx_value(struct gor_ctx *ctx, const void *key);

/* Run fn(arg) as a goroutine once ctx is cancelled. *out_handle takes it back: gor_ctx_after_stop
 * answers 1 when fn will not run, 0 when it has started, and frees the handle. -ENOMEM. -EAGAIN: ctx is
 * cancelled already, and a ceiling keeps fn from running at once. */
struct gor_ctx_after;
GOR_API int gor_ctx_after_func(struct gor_ctx *ctx, void (*fn)(void *arg), void *arg,
                               struct gor_ctx_after **out_handle);
GOR_API int gor_ctx_after_stop(struct gor_ctx_after *handle);

/* Park until ctx is cancelled or the deadline passes: gor_ctx_err(ctx), or 0 for the deadline. The
 * cancellable sleep. */
GOR_API int gor_ctx_sleep_until(struct gor_ctx *ctx, int64_t deadline);

/* ------------------------------------------------------------------ group */

/* Goroutines with one task in common (Go's errgroup): the first that fails cancels the others'
 * context, and the wait answers its error. */
struct gor_group;

/* Its context is a child of `parent` (NULL: the background). -ENOMEM. */
GOR_API int gor_group_new(struct gor_ctx *parent, struct gor_group **out_group);
/* Cancels the context. Members that still run go on, and what they need of the group lasts as long.
 * NULL is fine. */
GOR_API void gor_group_free(struct gor_group *group);
/* Borrowed. Its cause, once a member has failed, names the error. */
GOR_API struct gor_ctx *gor_group_ctx(struct gor_group *group);
/* At most so many members at a time; below zero any number, as in the beginning. Only while there are
 * none: anything else aborts the process. */
GOR_API void gor_group_set_limit(struct gor_group *group, int limit);
/* Run fn(ctx, arg) as a goroutine; parks while the limit is reached, and those that do are served in
 * their order. A result other than 0 is an error. One that ends by gor_exit, or by a panic that is
 * handled, counts as done without one. 0, or the errors of gor_go; and as that it waits at a ceiling under
 * wait_at_ceiling. */
GOR_API int gor_group_go(struct gor_group *group, int (*fn)(struct gor_ctx *ctx, void *arg),
                         void *arg);
/* -EAGAIN at the limit; else the same, at a ceiling too. */
GOR_API int gor_group_try_go(struct gor_group *group, int (*fn)(struct gor_ctx *ctx, void *arg),
                             void *arg);
/* Park until all members have ended, and cancel the context: 0, or the first error. */
GOR_API int gor_group_wait(struct gor_group *group);

/* -------------------------------------------------------------------- I/O */

/* Every call takes any descriptor; it is made non-blocking on first use and must then be closed by
 * gor_close, which wakes with -ECANCELED whoever waits on it and returns once no call on it is
 * under way any more. -ETIMEDOUT after the deadline; other errors as the system call of the same name.
 * Regular files never park on the poller: what is not in the page cache is read on a thread of
 * gor_blocking. Nothing here raises SIGPIPE: a goroutine's thread has it blocked. */
GOR_API ssize_t gor_read(int fd, void *buf, size_t len, int64_t deadline);
GOR_API ssize_t gor_read_ctx(int fd, void *buf, size_t len, struct gor_ctx *ctx);
GOR_API ssize_t gor_write(int fd, const void *buf, size_t len, int64_t deadline);
GOR_API ssize_t gor_write_ctx(int fd, const void *buf, size_t len, struct gor_ctx *ctx);
/* All of it or an error; *out_written, if not NULL, tells how far it came. */
GOR_API int gor_write_all(int fd, const void *buf, size_t len, int64_t deadline,
                          size_t *out_written);
GOR_API int gor_write_all_ctx(int fd, const void *buf, size_t len, struct gor_ctx *ctx,
                              size_t *out_written);
/* Several parts at once, of which at most 1,024 are looked at; gor_writev_all takes any number. */
GOR_API ssize_t gor_readv(int fd, const struct iovec *parts, int count, int64_t deadline);
GOR_API ssize_t gor_readv_ctx(int fd, const struct iovec *parts, int count, struct gor_ctx *ctx);
GOR_API ssize_t gor_writev(int fd, const struct iovec *parts, int count, int64_t deadline);
GOR_API ssize_t gor_writev_ctx(int fd, const struct iovec *parts, int count, struct gor_ctx *ctx);
GOR_API int gor_writev_all(int fd, const struct iovec *parts, int count, int64_t deadline,
                           size_t *out_written);
GOR_API int gor_writev_all_ctx(int fd, const struct iovec *parts, int count, struct gor_ctx *ctx,
                               size_t *out_written);
/* From `in_fd`, a regular file, to anything; `offset` as in sendfile. The thread waits for the disk. */
GOR_API ssize_t gor_sendfile(int out_fd, int in_fd, off_t *offset, size_t count, int64_t deadline);
GOR_API ssize_t gor_sendfile_ctx(int out_fd, int in_fd, off_t *offset, size_t count,
                                 struct gor_ctx *ctx);
GOR_API int gor_close(int fd);

/* Open on a thread of gor_blocking, since the open of a FIFO or of a file far away may take any time:
 * the new descriptor, close-on-exec. After -ETIMEDOUT the open goes on, and what it opens is closed. */
GOR_API int gor_open(const char *path, int flags, mode_t mode, int64_t deadline);
GOR_API int gor_open_ctx(const char *path, int flags, mode_t mode, struct gor_ctx *ctx);
/* A pipe: fds[0] to read, fds[1] to write; close-on-exec. [any thread] */
GOR_API int gor_pipe(int fds[2]);
/* At an offset of a regular file. */
GOR_API ssize_t gor_pread(int fd, void *buf, size_t len, off_t offset);
GOR_API ssize_t gor_pwrite(int fd, const void *buf, size_t len, off_t offset);
/* On a thread of gor_blocking. */
GOR_API int gor_fsync(int fd);

/* The new descriptor, close-on-exec. */
GOR_API int gor_accept(int fd, struct sockaddr *addr, socklen_t *addr_len, int64_t deadline);
GOR_API int gor_accept_ctx(int fd, struct sockaddr *addr, socklen_t *addr_len, struct gor_ctx *ctx);
GOR_API int gor_connect(int fd, const struct sockaddr *addr, socklen_t addr_len, int64_t deadline);
GOR_API int gor_connect_ctx(int fd, const struct sockaddr *addr, socklen_t addr_len,
                            struct gor_ctx *ctx);
GOR_API int gor_shutdown(int fd, int how);
/* Messages; `addr` may be NULL. Descriptors received are close-on-exec. */
GOR_API ssize_t gor_recvfrom(int fd, void *buf, size_t len, struct sockaddr *addr,
                             socklen_t *addr_len, int64_t deadline);
GOR_API ssize_t gor_recvfrom_ctx(int fd, void *buf, size_t len, struct sockaddr *addr,
                                 socklen_t *addr_len, struct gor_ctx *ctx);
GOR_API ssize_t gor_sendto(int fd, const void *buf, size_t len, const struct sockaddr *addr,
                           socklen_t addr_len, int64_t deadline);
GOR_API ssize_t gor_sendto_ctx(int fd, const void *buf, size_t len, const struct sockaddr *addr,
                               socklen_t addr_len, struct gor_ctx *ctx);
GOR_API ssize_t gor_recvmsg(int fd, struct msghdr *message, int flags, int64_t deadline);
GOR_API ssize_t gor_recvmsg_ctx(int fd, struct msghdr *message, int flags, struct gor_ctx *ctx);
GOR_API ssize_t gor_sendmsg(int fd, const struct msghdr *message, int flags, int64_t deadline);
GOR_API ssize_t gor_sendmsg_ctx(int fd, const struct msghdr *message, int flags,
                                struct gor_ctx *ctx);

enum gor_fd_events { GOR_FD_READ = 1, GOR_FD_WRITE = 2 };
/* Park until the descriptor is ready for one of `events` (or has an error or hang-up, which count
 * as both): the events that are. The descriptor must be pollable: -EPERM for a regular file. */
GOR_API int gor_fd_wait(int fd, int events, int64_t deadline);
GOR_API int gor_fd_wait_ctx(int fd, int events, struct gor_ctx *ctx);

/* -------------------------------------------------------------------- net */

/* Networks and addresses are texts as in Go. "tcp" and "udp" take "host:port" (with "tcp4", "udp6", ...
 * for one family): "127.0.0.1:80", "[::1]:http", "localhost:0", ":8080". "unix" (streams), "unixgram"
 * and "unixpacket" take a path; "@name" is an abstract socket. Names are looked up as by gor_resolve,
 * whose errors these calls pass on; -EINVAL: a text is not of these forms. */
struct gor_net_opts {
    const char *local; /* dial: the address to dial from; NULL: any */
    int backlog;       /* listen: of connections not yet accepted; 0: as many as there may be */
    bool reuse_port;   /* SO_REUSEPORT: several listeners share the port */
    bool nagle;        /* TCP: gather small writes (no TCP_NODELAY) */
    bool no_keepalive; /* TCP: do not ask every 15 seconds whether a silent peer is still there */
};

/* A socket that listens (for "udp" and "unixgram": is bound) there, close-on-exec. Without a host it
 * is open to both families. A stale path is not removed. `opts` may be NULL. */
GOR_API int gor_listen(const char *network, const char *address, const struct gor_net_opts *opts,
                       int64_t deadline);
GOR_API int gor_listen_ctx(const char *network, const char *address,
                           const struct gor_net_opts *opts, struct gor_ctx *ctx);

/* A socket connected to that address, close-on-exec. Without a host it is this machine. A name's
 * addresses are tried a quarter of a second apart, and the first that answers is taken. `opts` may
 * be NULL. Errors as connect: the first address's. */
GOR_API int gor_dial(const char *network, const char *address, const struct gor_net_opts *opts,
                     int64_t deadline);
GOR_API int gor_dial_ctx(const char *network, const char *address, const struct gor_net_opts *opts,
                         struct gor_ctx *ctx);

/* The longest text of an address, with its end. */
enum { GOR_ADDR_BYTES = 128 };

/* The text of an address; "" for a Unix socket without a name. Its length; -ENOSPC: `room` is too
 * small; -ENOTCONN: no peer; -EAFNOSUPPORT. [any thread] */
GOR_API int gor_addr_text(const struct sockaddr *addr, socklen_t addr_len, char *out_text,
                          size_t room);
GOR_API int gor_local_addr(int fd, char *out_text, size_t room);
GOR_API int gor_peer_addr(int fd, char *out_text, size_t room);

/* The addresses of a host and service by getaddrinfo, on a thread of gor_blocking (64 at once, others
 * wait in line); *out_list is to be freed by freeaddrinfo. Numeric ones are answered at once. -ENOENT:
 * no such host (or service, when asked for by name); -EAGAIN: ask again later; -EIO: the server
 * fails; -EINVAL: no such service, or bad hints; -ETIMEDOUT: the look-up goes on behind our back. */
struct addrinfo;
GOR_API int gor_resolve(const char *host, const char *service, const struct addrinfo *hints,
                        int64_t deadline, struct addrinfo **out_list);
GOR_API int gor_resolve_ctx(const char *host, const char *service, const struct addrinfo *hints,
                            struct gor_ctx *ctx, struct addrinfo **out_list);

/* -------------------------------------------------------------- processes */

/* Park until child `pid` ends and reap it: 0 with *out_status as waitpid gives it and, if not NULL,
 * the child's rusage. -ECHILD: no such child. */
struct rusage;
GOR_API int gor_wait_pid(pid_t pid, int *out_status, struct rusage *out_usage, int64_t deadline);
GOR_API int gor_wait_pid_ctx(pid_t pid, int *out_status, struct rusage *out_usage,
                             struct gor_ctx *ctx);

/* A child process, named by a descriptor, not a number that another may have tomorrow. */
struct gor_proc;

enum gor_proc_stream_kind {
    GOR_PROC_NULL,    /* /dev/null */
    GOR_PROC_INHERIT, /* ours of the same number */
    GOR_PROC_PIPE,    /* a pipe, whose other end gor_proc_pipe hands over */
    GOR_PROC_FD,      /* a copy of `fd` */
    GOR_PROC_STDOUT,  /* err only: where its standard output goes */
};

struct gor_proc_stream {
    enum gor_proc_stream_kind kind;
    int fd; /* borrowed */
};

enum { GOR_PROC_FDS_MAX = 64 };

/* How a child is started. Zero every field you do not set. */
struct gor_proc_opts {
    const char *dir;  /* to start in; a relative `file` counts from there; NULL: ours */
    char *const *env; /* NULL: ours */
    struct gor_proc_stream in;
    struct gor_proc_stream out;
    struct gor_proc_stream err;
    const int *fds; /* borrowed: copies of these are its 3, 4, ... */
    size_t fd_count;
    bool new_group;   /* it leads a process group of its own */
    bool new_session; /* it leads a session, and so a group, of its own */
    struct gor_ctx
        *ctx;         /* borrowed until the call returns; its end kills the child (and its group, if
                          * it leads one): SIGTERM, and after the grace SIGKILL; NULL: nothing does */
    int64_t grace_ns; /* 0: SIGKILL at once */
};

/* Start `file`, looked for on $PATH if there is no slash in it, in *out_proc. `opts` may be NULL. The
 * child has the three streams and opts->fds open, nothing else; no signal is blocked in it, SIGPIPE is
 * at its default, others that are ignored stay so. Errors as those of fork and exec (-ENOENT, -EACCES,
 * ...); -EINVAL: bad options; the context's, if that has ended. */
GOR_API int gor_proc_spawn(const char *file, char *const argv[], const struct gor_proc_opts *opts,
                           struct gor_proc **out_proc);

/* Let go of a child; NULL is fine. Pipes not handed over are closed. One that still runs goes on, and
 * is reaped at its end. */
GOR_API void gor_proc_free(struct gor_proc *proc);

/* Park until it ends: 0 with what waitpid would give, to every caller, as often as asked. -ETIMEDOUT.
 * -ECHILD: somebody else has reaped it, or SIGCHLD is ignored. */
GOR_API int gor_proc_wait(struct gor_proc *proc, int *out_status, struct rusage *out_usage,
                          int64_t deadline);
GOR_API int gor_proc_wait_ctx(struct gor_proc *proc, int *out_status, struct rusage *out_usage,
                              struct gor_ctx *ctx);

/* Send a signal to it, or to the whole group it leads; never to anybody else. -ESRCH: it has ended and
 * was waited for. -EINVAL: no such signal; it leads no group. */
GOR_API int gor_proc_kill(struct gor_proc *proc, int signal);
GOR_API int gor_proc_kill_group(struct gor_proc *proc, int signal);

/* Our end of the pipe of stream 0, 1 or 2, to be closed by the caller; -EBADF: there is none, or it was
 * handed over before. */
GOR_API int gor_proc_pipe(struct gor_proc *proc, int stream);

GOR_API pid_t gor_proc_pid(const struct gor_proc *proc);

/* What a process has printed, each text with a zero behind it; NULL for a stream that went elsewhere. */
struct gor_proc_output {
    int status; /* as of waitpid */
    char *out;
    size_t out_bytes;
    char *err;
    size_t err_bytes;
    bool truncated; /* there was more than max_bytes of one */
};

/* Run `file` to its end and keep what it prints to those of its two streams that `opts`, which may be
 * NULL, leaves at GOR_PROC_NULL. The deadline ends it as the end of opts->ctx does. */
GOR_API int gor_proc_output(const char *file, char *const argv[], const struct gor_proc_opts *opts,
                            size_t max_bytes, int64_t deadline, struct gor_proc_output *out_output);
GOR_API void gor_proc_output_free(struct gor_proc_output *output);

/* ---------------------------------------------------------------- signals */

/* As Go's os/signal: signals come as values of channels, from whichever thread they reach. A handler
 * of the host's is replaced meanwhile, and put back by stop, reset, or the end of the runtime. Naming
 * no signal means all that can be had; -EINVAL: one that cannot be (SIGKILL, SIGSTOP, those of faults,
 * the one the runtime uses). The first call starts a goroutine and a thread. -ENOMEM, -EAGAIN. */

/* Send each of `signals` to `chan` (elements of type int) as well, from now on, if there is room then:
 * a channel that is full misses it. -EINVAL: also for elements that are no int. */
GOR_API int gor_signal_notify(struct gor_chan *chan, const int *signals, size_t count);
/* No more of it: once this returns nothing is sent any more. */
GOR_API void gor_signal_stop(struct gor_chan *chan);

/* Undo notify and ignore of these signals for everybody. */
GOR_API int gor_signal_reset(const int *signals, size_t count);
/* Ignore them; nobody is told of them any more. While SIGCHLD is ignored no child can be waited for. */
GOR_API int gor_signal_ignore(const int *signals, size_t count);
GOR_API bool gor_signal_ignored(int signal);

/* A child of `parent` that the first of these signals cancels, with a cause that names it. It is given
 * up by gor_signal_ctx_stop, which cancels it and lets the signals go, and gor_ctx_unref. */
GOR_API int gor_signal_ctx(struct gor_ctx *parent, const int *signals, size_t count,
                           struct gor_ctx **out_ctx);
GOR_API void gor_signal_ctx_stop(struct gor_ctx *ctx);

/* ------------------------------------------------------------- looking in */

/* Goroutines alive, the root included. [any thread] */
GOR_API uint64_t gor_num_goroutine(void);

/* The number of processors goroutines run on; n > 0 sets it (at most 1,024), 0 only asks. Answers
 * the former setting. The world is stopped for it: goroutines that compute on surplus Ps go on only
 * when it is their turn on one that is left. [any thread] */
GOR_API int gor_gomaxprocs(int n);

/* CPUs this process may use: affinity and cgroup quota, at least 1. [any thread] */
GOR_API int gor_num_cpu(void);

#define GOR_STATES(X)       \
    X(CREATED, "created")   \
    X(RUNNABLE, "runnable") \
    X(RUNNING, "running")   \
    X(WAITING, "waiting")   \
    X(TERMINATED, "terminated")

enum gor_state {
#define GOR_STATE_ENUM(id, text) GOR_##id,
    GOR_STATES(GOR_STATE_ENUM)
#undef GOR_STATE_ENUM
        GOR_STATE_COUNT
};

/* "created", ... [any thread] */
GOR_API const char *gor_state_name(enum gor_state state);

/* What a waiting goroutine waits for; the texts are Go's where Go has the same wait. */
#define GOR_WAIT_REASONS(X)                     \
    X(NONE, "")                                 \
    X(CHAN_SEND, "chan send")                   \
    X(CHAN_RECV, "chan receive")                \
    X(CHAN_SEND_NIL, "chan send (nil chan)")    \
    X(CHAN_RECV_NIL, "chan receive (nil chan)") \
    X(SELECT, "select")                         \
    X(SELECT_EMPTY, "select (no cases)")        \
    X(SLEEP, "sleep")                           \
    X(IO, "IO wait")                            \
    X(PROCESS, "process wait")                  \
    X(MUTEX, "sync.Mutex.Lock")                 \
    X(RWMUTEX_READ, "sync.RWMutex.RLock")       \
    X(RWMUTEX_WRITE, "sync.RWMutex.Lock")       \
    X(WAITGROUP, "sync.WaitGroup.Wait")         \
    X(COND, "sync.Cond.Wait")                   \
    X(ONCE, "sync.Once.Do")                     \
    X(SEMAPHORE, "semacquire")                  \
    X(SPAWN, "goroutine ceiling")               \
    X(BLOCKING, "blocking call")                \
    X(PAUSED, "paused")

enum gor_wait_reason {
#define GOR_WAIT_ENUM(id, text) GOR_WAIT_##id,
    GOR_WAIT_REASONS(GOR_WAIT_ENUM)
#undef GOR_WAIT_ENUM
        GOR_WAIT_COUNT
};

/* "chan receive", ...; "" for none. [any thread] */
GOR_API const char *gor_wait_reason_name(enum gor_wait_reason reason);

/* Where the frames of a goroutine end. */
enum gor_frames_end {
    GOR_FRAMES_WHOLE, /* at its function; there are none before it has run */
    GOR_FRAMES_CUT,   /* at the last one there was room for */
    GOR_FRAMES_LOST, /* in code that has neither unwind tables nor frame pointers, or at once: it runs
                       * on a thread, or did not hold still */
};

/* One goroutine as seen at one moment. */
struct gor_info {
    gor_id_t id;
    gor_id_t parent; /* who started it; 0: a foreign thread */
    enum gor_state state;
    enum gor_wait_reason reason; /* while waiting */
    int64_t waiting_ns;          /* since when, while waiting; else 0 */
    char name[GOR_NAME_BYTES];   /* "" if it has none */
    void (*fn)(void *arg);       /* its function */
    const void *created_at;      /* return address of the gor_go that made it */
    size_t stack_bytes;          /* reserve */
    size_t stack_used_bytes;     /* from the saved stack pointer; 0 while it runs, or has not yet */
    unsigned frame_count;        /* of frames[]; none while it runs on a thread */
    const void *frames[32];      /* return addresses, innermost first */
    enum gor_frames_end frames_end;
    bool thread_locked; /* by gor_lock_os_thread */
    bool hibernated;    /* see gor_hibernate */
};

/* Call visit(arg, info) for every goroutine until it answers non-zero; answers that, else 0. The
 * world goes on meanwhile: each goroutine is shown as it was at some moment of the call. `visit`
 * may not call the runtime. -ECANCELED: the caller is a goroutine, and the runtime stops; this holds for
 * whatever walks over all goroutines. [any thread] */
GOR_API int gor_each(int (*visit)(void *arg, const struct gor_info *info), void *arg);

/* What goroutine `id` does now; -ESRCH: it has ended. [any thread] */
GOR_API int gor_lookup(gor_id_t id, struct gor_info *out_info);

/* Which goroutines a dump shows, and how. Zero every field you do not set. */
struct gor_dump_opts {
    bool merged;      /* each stack once, with how many stand there for the same reason, the most
                          * frequent first */
    bool no_running;  /* ask none of those that compute where they are; else they are interrupted
                          * for some microseconds */
    uint32_t states;  /* those in these states: 1 << GOR_WAITING, ...; 0: in any */
    uint64_t reasons; /* those that wait for these: 1 << GOR_WAIT_CHAN_RECV, ...; 0: for anything */
    const char *name; /* those of that name; NULL: of any, or none */
    gor_id_t id;      /* that one; 0: all */
    int64_t min_wait_ns; /* those that have waited at least as long */
    uint64_t limit;      /* as many at most; of stacks, if merged; 0: no limit */
};

/* Print all goroutines in the form of Go's tracebacks, with functions, files and lines as far as they
 * are known: from symbol tables and DWARF, in the program and the libraries or in separate debug files.
 * 0 or the error of the stream; -ECANCELED as of gor_each. [any thread] */
GOR_API int gor_dump(FILE *out);

/* The same for some; `opts` may be NULL. -ENOMEM: merged only. [any thread] */
GOR_API int gor_dump_with(FILE *out, const struct gor_dump_opts *opts);

/* The same in pieces of some KiB to write(arg, text, bytes), until it answers non-zero, which is then
 * the answer. `write` may not call the library. [any thread] */
GOR_API int gor_dump_to(int (*write)(void *arg, const char *text, size_t bytes), void *arg,
                        const struct gor_dump_opts *opts);

/* Have all goroutines dumped to standard error whenever `signal` comes, as Go does for SIGQUIT: by a
 * thread of its own that waits for no lock a goroutine may keep, so also when all others are stuck; it does
 * wait for whoever reads standard error, and gor_stop does not: that cuts the dump. With an exit code of 0 or
 * more the process ends with it afterwards (Go's is 2); -1: it goes on. Replaces the handler there was,
 * for good. Calls of the host's that no handler lets go on, such as poll and sleep, answer EINTR on the
 * thread that the signal comes to. SIGABRT is dumped for if it is sent, as by a watchdog: abort() ends the
 * process at once. -EINVAL: it cannot be had (SIGKILL, SIGSTOP, those of faults, the one the runtime
 * uses). -EAGAIN: no thread to be had. [any thread] */
GOR_API int gor_dump_on_signal(int signal, int exit_code);

/* For a debugger: call (void)gor_debug_dump(2). Dumps all goroutines to a descriptor, without waiting
 * for any lock or thread, so that all of them may be halted; only for whoever reads there. [any thread] */
GOR_API void gor_debug_dump(int fd);

/* ------------------------------------------------- leaks and deadlocks */

/* A goroutine has leaked when it can never run again: it waits, without a deadline, on things that
 * nobody who could wake it knows how to get at, be it a goroutine that runs or may yet run, a thread of
 * the host's, a timer or a global. What knows what is guessed from the memory of the process, so some
 * leaks are not found, but who is said to have leaked has; docs/leaks.md says how. All threads stand
 * still meanwhile, for some milliseconds and a second per gigabyte. See also gor_opts.leaks. */
struct gor_leak {
    struct gor_info info;
    const char *why; /* why nothing can wake it, in words; lasts */
};

/* Call visit(arg, leak) for each that has leaked, until it answers non-zero; they do not stand still for
 * it. `visit` may be NULL. How many have leaked, less those of gor_leak_ignore. -ESRCH: the runtime does
 * not run. It cannot be told: -EPERM: threads run code of others, and their registers may not be looked
 * at here (no ptrace, or a debugger is at it); -ETIMEDOUT: one did not stop; -ENOSYS: an emulator, or
 * valgrind. -ENOMEM. [any thread] */
GOR_API int gor_leak_check(int (*visit)(void *arg, const struct gor_leak *leak), void *arg);

/* Dump them, each stack once, with the reason; nothing if there are none; or why it cannot be told.
 * Answers as gor_leak_check, or the error of the stream. [any thread] */
GOR_API int gor_leak_dump(FILE *out);

/* From now on, say nothing of goroutines that run `fn` (NULL: any) and have this name (NULL: any; the
 * text is copied): they wait for ever on purpose. -ENOMEM. -EINVAL: both are NULL. [any thread] */
GOR_API int gor_leak_ignore(void (*fn)(void *arg), const char *name);

/* Have handler(arg, message) called when no goroutine can ever run again, on a thread of the runtime: it
 * may call what is marked [any thread], and must not block for long. Without one, the default and NULL,
 * gor_run prints the message and a dump, and ends the process with code 2, as Go does; after gor_start
 * nothing is said. It is said only where it is certain: nobody waits for a timer, a descriptor or
 * another thread, and the process has no threads but the runtime's, or they cannot get at what the
 * goroutines wait on. Such threads may still start goroutines: without a handler nothing is said beside
 * them once they have, or while somebody waits who is excused by gor_leak_ignore. $GOR_DEADLOCK=off:
 * nothing is looked for. [any thread] */
GOR_API void gor_on_deadlock(void (*handler)(void *arg, const char *message), void *arg);

/* Counters since the start and gauges of now. */
struct gor_stats {
    uint64_t goroutines;                /* alive */
    uint64_t goroutines_created;        /* total */
    uint64_t by_state[GOR_STATE_COUNT]; /* alive, counted by gor_each's view; see gor_stats_get */
    uint64_t switches;                  /* times a goroutine was resumed */
    uint64_t steals;                    /* goroutines taken from another P's queue */
    uint64_t parks;                     /* times a thread went to sleep for want of work */
    uint64_t wakeups;                   /* times a sleeping thread was woken */
    uint64_t polls;                     /* calls of the network poller */
    uint64_t handoffs;                  /* Ps taken from goroutines that blocked in foreign code */
    uint64_t preemptions;    /* goroutines stopped for having computed for a whole slice */
    int preempt_signal;      /* that stops them; 0: none is free, or the host has taken it */
    uint64_t timers;         /* armed now */
    uint64_t blocking_calls; /* total of gor_blocking */
    unsigned gomaxprocs;
    unsigned num_cpu;
    unsigned threads;                /* Ms, without those of gor_blocking */
    unsigned threads_blocking;       /* threads of gor_blocking */
    unsigned idle_procs;             /* Ps without work */
    uint64_t global_queue;           /* goroutines in the global queue */
    uint64_t local_queues;           /* goroutines in all local queues */
    uint64_t stacks_reserved_bytes;  /* address space */
    uint64_t stacks_in_use;          /* stacks of live goroutines, and those just being emptied */
    uint64_t stacks_cached;          /* kept warm for the next */
    uint64_t stacks_empty;           /* kept without memory */
    uint64_t stacks_committed_bytes; /* memory behind all of them, as the kernel says: now if asked
                                      * `by_state`, else at the last look, see gor_stacks_release */
    int64_t uptime_ns;
    /* Hibernation: see gor_hibernate. */
    uint64_t hibernated;             /* goroutines whose stacks are put away now */
    uint64_t hibernated_bytes;       /* what is kept of those */
    uint64_t hibernated_memory;      /* and the memory it lies in, with what is free there */
    uint64_t hibernations;           /* times one was put away */
    uint64_t hibernations_ended;     /* times one went on, and was brought back for that */
    uint64_t hibernations_disturbed; /* times one was brought back because another used its stack */
    int hibernation_error; /* why nobody hibernates though some may: -EPERM, -EOPNOTSUPP, ...; else 0 */
    /* Pressure at the ceilings: that for all, not those of quotas. */
    uint64_t goroutines_max; /* the most there may be just now */
    uint64_t stack_bytes;    /* behind stacks, and promised to goroutines that have none yet */
    uint64_t stack_bytes_max;
    uint64_t spawns_waiting; /* for a place, now */
    uint64_t spawns_waited;  /* times that one waited, and got a place */
    uint64_t spawns_refused; /* times that gor_go answered an error for want of a place */
    int64_t spawn_wait_ns;   /* all waits that are over together */
};

/* Fill *out_stats; with `by_state` also count the goroutines by state, which walks them all.
 * -ESRCH: the runtime does not run. [any thread] */
GOR_API int gor_stats_get(struct gor_stats *out_stats, bool by_state);

/* Durations, counted by how long they were: buckets[i] counts those from gor_histogram_bound(i) to just
 * below gor_histogram_bound(i + 1); the last one also all that are longer. The bounds are those of Go's
 * runtime/metrics: steps of a quarter of a power of two, and of 64 ns below 256 ns. */
enum { GOR_HISTOGRAM_BUCKETS = 161 };

struct gor_histogram {
    uint64_t count; /* of all buckets */
    int64_t sum_ns; /* of all durations */
    uint64_t buckets[GOR_HISTOGRAM_BUCKETS];
};

/* Where a bucket begins, in ns; GOR_NEVER when there is none of that number. [any thread] */
GOR_API int64_t gor_histogram_bound(unsigned bucket);

/* How long goroutines were runnable before they ran, since the start. A sample, for a look at the clock
 * costs as much as a switch: some hundred a second are timed, drawn by lot, and each is counted as often
 * as there were switches since the one before, so that the total is that of all switches, nearly, and
 * busy times count as such. Threads that wait for a P, back from foreign code or stopped for having
 * computed for a whole slice, are all timed. The seeded mode times nothing. -ESRCH: the runtime does not
 * run. [any thread] */
GOR_API int gor_sched_latencies(struct gor_histogram *out_histogram);

/* How much stack the goroutines use that are started at one place: to choose stack_bytes by. */
struct gor_site {
    const void *created_at; /* return address of the gor_go; NULL: all for which there is no room */
    uint64_t live;          /* goroutines alive */
    uint64_t measured;      /* that have ended and were measured */
    size_t stack_most_bytes; /* of any that was or is measured, in whole pages; 0: none was */
    size_t stack_bytes;      /* reserve */
};

/* Call visit(arg, site) for every place until it answers non-zero; answers that, else 0. What a stack
 * was used for before is not told from what its goroutine does; so only those are measured whose stack
 * was clean: one in 32 of those on new stacks, and one a second on each processor. There are 4,095
 * places. `visit` may not call the runtime. -ENOMEM; -ESRCH: the runtime does not run. [any thread] */
GOR_API int gor_each_site(int (*visit)(void *arg, const struct gor_site *site), void *arg);

/* Print all places, the deepest first. 0 or the error of the stream, or as gor_each_site. [any thread] */
GOR_API int gor_dump_sites(FILE *out);

/* Give all memory of stacks that is not in use back to the system, at once: of those that are free, and
 * what lies below the stack pointers of goroutines that wait; those that may hibernate do. Else that is
 * done in the background, once it has been idle for gor_opts.stack_idle_ns: some free stacks stay warm
 * then, as many as were wanted at a time lately. The world is stopped for a moment. -ESRCH: the runtime
 * does not run. [any thread] */
GOR_API int gor_stacks_release(void);

/* ---------------------------------------------------------------- metrics */

/* What metrics tell. Zero every field you do not set. */
struct gor_metrics_opts {
    bool no_process; /* without process_..., for programs that tell those themselves */
};

/* Write what gor_stats_get and gor_sched_latencies tell, and more, in Prometheus' text format 0.0.4
 * ("text/plain; version=0.0.4"), in pieces of some KiB to write(arg, text, bytes), until it answers
 * non-zero, which is then the answer. What means the same as in Go has the name that Go's client library
 * for Prometheus gives it (go_goroutines, go_sched_latencies_seconds, ...), so that dashboards for Go
 * programs show it; the rest begins with gor_; what the system says of the process, with process_.
 * docs/metrics.md lists all. `opts` may be NULL. Nothing is stopped for it; `write` may call the library
 * as any thread may. -ESRCH: the runtime does not run. [any thread] */
GOR_API int gor_metrics_write_to(const struct gor_metrics_opts *opts,
                                 int (*write)(void *arg, const char *text, size_t bytes),
                                 void *arg);

/* The same to a stream, which is flushed; also the stream's error. [any thread] */
GOR_API int gor_metrics_write(const struct gor_metrics_opts *opts, FILE *out);

/* --------------------------------------------------------------- profiles */

/* Profiles are those of Go's runtime/pprof, in the same form: `go tool pprof` reads them. Samples have
 * the labels of their goroutine (gor_set_label), and "goroutine", its name; "created_by", where it was
 * started; "wait_reason". Stacks go as far as there are frame pointers (-fno-omit-frame-pointer). */
enum gor_profile {
    GOR_PROFILE_GOROUTINE, /* where all goroutines are now */
    GOR_PROFILE_BLOCK,     /* where goroutines waited for others: see gor_set_block_profile_rate */
    GOR_PROFILE_MUTEX,     /* where locks were given up that others waited for */
    GOR_PROFILE_CPU, /* where CPU time went since gor_cpu_profile_start, the runtime's included */
};

/* How a profile is written. Zero every field you do not set. */
struct gor_profile_opts {
    bool uncompressed; /* the bare message, not in the frame of a .gz file */
};

/* Write a profile, in the order of its bytes and in pieces, by write(arg, bytes, count), which answers
 * 0, or what is answered then. `opts` may be NULL. Goroutines go on meanwhile. -EINVAL: no such
 * profile. -ESRCH: the runtime does not run, or CPU time was never sampled. -ENOMEM. [any thread] */
GOR_API int gor_profile_write_to(enum gor_profile profile, const struct gor_profile_opts *opts,
                                 int (*write)(void *arg, const void *bytes, size_t count),
                                 void *arg);

/* The same to a stream, which is flushed; also the stream's error. [any thread] */
GOR_API int gor_profile_write(enum gor_profile profile, const struct gor_profile_opts *opts,
                              FILE *out);

/* Note where goroutines wait for channels, selects, locks, wait groups, conditions, once and semaphores,
 * as in Go: on the average one wait for each `rate_ns` spent so; 1: all of them; 0 and less: none, as at
 * the start. Not time, input and output, or what waits for ever. What was noted adds up until the process
 * ends. [any thread] */
GOR_API void gor_set_block_profile_rate(int64_t rate_ns);

/* Note one in `fraction` unlocks of a mutex or read-write mutex that others waited for: who gave it up, and
 * how long they had waited for that; 1: all of them; 0: none, as at the start; less: only ask. Answers
 * the former fraction. [any thread] */
GOR_API int gor_set_mutex_profile_fraction(int fraction);

/* How CPU time is sampled. Zero every field you do not set. */
struct gor_cpu_profile_opts {
    unsigned hz;      /* samples in a second of CPU time, at most 1,000; 0: 100 */
    bool all_threads; /* the host's threads there are now as well, not only the runtime's */
};

/* Begin to sample CPU time, and forget what was sampled before. Each thread gets a timer on its own CPU
 * time, which raises SIGPROF; no call that blocks is interrupted by that. `opts` may be NULL.
 * -EBUSY: it is on already, or somebody has a handler for SIGPROF. -EINVAL: hz above 1,000. -ESRCH: the
 * runtime does not run. -ENOMEM, -EAGAIN: no memory, no thread to be had. [any thread] */
GOR_API int gor_cpu_profile_start(const struct gor_cpu_profile_opts *opts);

/* No more samples; gor_profile_write(GOR_PROFILE_CPU, ...), which also works meanwhile, writes those
 * there are until the next start. 0, also when it was not on. gor_stop does the same. [any thread] */
GOR_API int gor_cpu_profile_stop(void);

/* ---------------------------------------------------------------- tracing */

/* What the scheduler does, event by event, as a trace for Perfetto (https://ui.perfetto.dev): on which
 * processor and thread each goroutine runs, why it stops, who wakes it; see docs/tracing.md. Either all
 * of it is written while it happens, or a flight recorder keeps the last moments until somebody asks.
 * Programs that are not to be changed: $GOR_TRACE names a file for a trace from gor_run to its return,
 * $GOR_TRACE_FLIGHT one for the last moments before a panic or a deadlock. */

/* Takes `count` bytes of the trace; 0, or a negative errno, after which it is not called again. It is
 * given whole packets: what it got is a trace, wherever it ends. It may block, and call what is marked
 * [any thread]. */
typedef int gor_trace_write(void *arg, const void *bytes, size_t count);

/* A gor_trace_write to a stdio stream: `file` is a FILE *, borrowed, flushed each time. */
GOR_API int gor_trace_to_file(void *file, const void *bytes, size_t count);

/* Zero every field you do not set. */
struct gor_trace_opts {
    size_t
        buffer_bytes; /* for each processor; rounded up to a power of two, at most 1 GiB; 0: 8 MiB,
                             * 1 MiB for the flight recorder. An event takes 32 bytes */
    const char *crash_file; /* flight recorder: where the last moments go when the process panics or
                             * deadlocks; copied; NULL: nowhere */
};

struct gor_trace_summary {
    uint64_t events; /* told of in the trace */
    uint64_t lost; /* overwritten before they could be written, for events came too fast; where they
                      * are missing the trace says so */
    uint64_t bytes; /* handed to gor_trace_write */
};

/* Trace from now on, until gor_trace_stop or the end of the runtime; `write` is called by a thread of
 * the tracer's own. The world is stopped for a moment. `opts` may be NULL; while the flight recorder is
 * on, its buffers are used. -ESRCH: the runtime does not run. -EBUSY: a trace is being written.
 * -EINVAL: no `write`. -ENOMEM, -EAGAIN: no memory, no thread. [any thread] */
GOR_API int gor_trace_start(const struct gor_trace_opts *opts, gor_trace_write *write, void *arg);

/* Write what is left and end the trace: 0, or what `write` answered; -ENOMEM: parts are missing.
 * -ESRCH: no trace is being written. Blocks until it is written; `out_summary` may be NULL.
 * [any thread] */
GOR_API int gor_trace_stop(struct gor_trace_summary *out_summary);

/* Switch the flight recorder on: nothing is written until gor_trace_snapshot, or a crash. It may stay on
 * for good. `opts` may be NULL. -EBUSY: it is on. Else as gor_trace_start. [any thread] */
GOR_API int gor_trace_flight_start(const struct gor_trace_opts *opts);

/* 0; -ESRCH: it is off. [any thread] */
GOR_API int gor_trace_flight_stop(void);

/* Write the last `last_ns` nanoseconds (0: all) that the buffers hold, of the flight recorder or of the
 * trace that is being written, as a trace of its own. Everybody goes on meanwhile; `write` is called
 * on this thread. 0, or what `write` answered; -ESRCH: neither is on; -ENOMEM. [any thread] */
GOR_API int gor_trace_snapshot(int64_t last_ns, gor_trace_write *write, void *arg,
                               struct gor_trace_summary *out_summary);

/* Whether events are noted down: for texts that are dear to make. [any thread] */
GOR_API bool gor_trace_on(void);

/* A mark of the program's own, at this moment, on the track of the calling goroutine; nothing happens
 * while no trace is on. Together the first 700 bytes are kept. [any thread] */
GOR_API void gor_trace_log(const char *category, const char *text);

/* A region, from here to gor_trace_end, on the track of the calling goroutine, whatever it waits for and
 * wherever it runs meanwhile. Regions nest. Outside a goroutine nothing happens. [any thread] */
GOR_API void gor_trace_begin(const char *name);
GOR_API void gor_trace_end(void);

#ifdef __cplusplus
}
#endif
#endif
