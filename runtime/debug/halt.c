/* SPDX-License-Identifier: MIT */
/* halt.c - see halt.h.
 *
 * Only ptrace shows the registers of a thread that blocks in the kernel, and a process cannot trace
 * its own threads. So a child is made that shares our memory, the tracer; it attaches to every thread
 * but the caller, which waits for it, and lets them go when told. LeakSanitizer does the same. A
 * signal to each thread was rejected: hosts block signals, ThreadSanitizer puts them off, and system
 * calls that foreign code does not expect to fail would end with EINTR.
 *
 * The tracer runs in our memory on a stack of its own, but with the thread pointer of the caller. So it
 * makes plain system calls only, and this file is compiled without sanitizers.
 *
 * Should the caller die meanwhile, so does the tracer, and the kernel lets all threads go.
 */
#include "runtime/debug/halt.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/cpu/clone.h"
#include "runtime/cpu/valgrind.h"
#include "runtime/debug/raw.h"

enum {
    THREADS_MAX = 16384,
    STACK_BYTES = 65536,
    PATIENCE_ROUNDS = 20000, /* of waiting for a thread, ... */
    ROUND_NS = 50000,        /* ... a second in all */
    LOOK_NS = 100000000,     /* between looks at whether the other side lives */
};

/* The stack pointer, of the registers as the kernel tells them. */
#if defined(__x86_64__)
enum { SP_AT = offsetof(struct user_regs_struct, rsp) };
#else
enum { SP_AT = offsetof(struct user_regs_struct, sp) };
#endif

enum step { WORKING, ANSWERED };

struct tracer {
    struct gor__halted *threads;
    size_t count;
    int pid;    /* of the process that is traced */
    int caller; /* the thread that is not */
    int child;
    int error;
    uint32_t step; /* futex: enum step, the tracer's answer */
    uint32_t go;   /* futex: set to 1 by the caller to begin, to 2 to let go */
    char *stack;
};

static long trace(long request, int tid, uintptr_t address, const void *data)
{
    return gor__syscall(SYS_ptrace, (uintptr_t)request, (uintptr_t)tid, address, (uintptr_t)data);
}

static void pause_briefly(void)
{
    struct timespec round = {0, ROUND_NS};
    (void)gor__syscall(SYS_nanosleep, (uintptr_t)&round, 0, 0, 0);
}

/* 0: not yet; else `child`, or a negative errno. */
static long wait_child(int child, int *status, int options)
{
    return gor__syscall(SYS_wait4, (uintptr_t)child, (uintptr_t)status,
                        (uintptr_t)(__WALL | options), 0);
}

/* ---- one thread */

static bool is_known(const struct tracer *t, int tid)
{
    for (size_t i = t->count; i-- > 0;) {
        if (t->threads[i].tid == tid) {
            return true;
        }
    }
    return false;
}

/* The end of what was put. memcpy is a sanitizer's. */
static char *put_words(char *to, const char *words)
{
    while (*words != '\0') {
        *to++ = *words++;
    }
    *to = '\0';
    return to;
}

static char *put_number(char *to, unsigned number)
{
    char digits[12];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    *to = '\0';
    return to;
}

/* "/proc/PID/task" or, if `tid` is not 0, "/proc/PID/task/TID/stat". */
static void task_path(char path[64], int pid, int tid)
{
    char *end = put_words(path, "/proc/");
    end = put_words(put_number(end, (unsigned)pid), "/task");
    if (tid != 0) {
        end = put_number(put_words(end, "/"), (unsigned)tid);
        (void)put_words(end, "/stat");
    }
}

/* It has ended, though it is still listed: the first thread of a process may be so for long. */
static bool has_ended(const struct tracer *t, int tid)
{
    char path[64];
    char text[256];
    task_path(path, t->pid, tid);
    int fd = gor__raw_open(path, O_RDONLY);
    if (fd < 0) {
        return true;
    }
    long got = gor__raw_read(fd, text, sizeof text - 1);
    gor__raw_close(fd);
    while (got > 0 && text[got - 1] != ')') {
        got--;
    }
    char state = '?';
    if (got > 0 && (size_t)got + 1 < sizeof text) {
        state = text[got + 1];
    }
    return state == 'Z' || state == 'X';
}

/* Begin to stop it. 1: wait for that; 0: it is gone. */
static int attach(struct tracer *t, int tid)
{
    int error = (int)trace(PTRACE_SEIZE, tid, 0, NULL);
    if (error < 0) {
        return error == -ESRCH || has_ended(t, tid) ? 0 : error;
    }
    (void)trace(PTRACE_INTERRUPT, tid, 0, NULL);
    return 1;
}

static void read_registers(struct gor__halted *thread)
{
    struct iovec part = {thread->words, sizeof(struct user_regs_struct)};
    size_t words = 0;
    if (trace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &part) == 0) {
        words = part.iov_len / sizeof(uint64_t);
        thread->sp = (uintptr_t)thread->words[SP_AT / sizeof(uint64_t)];
    }
    /* A pointer may be in there while memory is copied. */
    part = (struct iovec){&thread->words[words], sizeof thread->words - words * sizeof(uint64_t)};
    if (trace(PTRACE_GETREGSET, thread->tid, NT_PRFPREG, &part) == 0) {
        words += part.iov_len / sizeof(uint64_t);
    }
    thread->word_count = words;
}

/* 1: it stands; 0: it has ended. */
static int wait_for(struct gor__halted *thread)
{
    int status = 0;
    for (int round = 0; round < PATIENCE_ROUNDS; round++) {
        long got = wait_child(thread->tid, &status, WNOHANG);
        if (got < 0) {
            return got == -ECHILD ? 0 : (int)got;
        }
        if (got == thread->tid) {
            if (!WIFSTOPPED(status)) {
                return 0;
            }
            /* A signal came first: it is handed on when the thread is let go. */
            thread->signal = (status >> 16) == 0 ? WSTOPSIG(status) : 0;
            read_registers(thread);
            return 1;
        }
        pause_briefly();
    }
    return -ETIMEDOUT;
}

/* ---- all of them */

static int add(struct tracer *t, int tid)
{
    if (t->count == THREADS_MAX) {
        return -ENOMEM;
    }
    int result = attach(t, tid);
    if (result > 0) {
        t->threads[t->count++].tid = tid;
    }
    return result;
}

/* All those since `first`, which were told to stop together: one that computes does not stop before it
 * is its turn on a CPU. */
static int wait_for_all(struct tracer *t, size_t first)
{
    for (size_t i = first; i < t->count; i++) {
        int result = wait_for(&t->threads[i]);
        if (result < 0) {
            return result;
        }
        if (result == 0) {
            t->threads[i].tid = 0;
        }
    }
    return 0;
}

static int parse_number(const char *text)
{
    int number = 0;
    while (*text >= '0' && *text <= '9') {
        number = number * 10 + (*text++ - '0');
    }
    return number;
}

struct entry { /* linux_dirent64 */
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

/* Attach to those that are listed and not known yet: how many there were. */
static int add_listed(struct tracer *t, int folder)
{
    char buffer[4096] __attribute__((aligned(8)));
    int added = 0;
    (void)gor__syscall(SYS_lseek, (uintptr_t)folder, 0, SEEK_SET, 0);
    for (;;) {
        long got =
            gor__syscall(SYS_getdents64, (uintptr_t)folder, (uintptr_t)buffer, sizeof buffer, 0);
        if (got <= 0) {
            return got < 0 ? (int)got : added;
        }
        const struct entry *entry = NULL;
        for (long at = 0; at < got; at += entry->bytes) {
            entry = (const struct entry *)(void *)(buffer + at);
            int tid = parse_number(entry->name);
            if (tid == 0 || tid == t->caller || is_known(t, tid)) {
                continue;
            }
            int result = add(t, tid);
            if (result < 0) {
                return result;
            }
            added += result;
        }
    }
}

/* A thread that was not yet stopped may have made another: until a look finds none. */
static int add_all(struct tracer *t)
{
    char path[64];
    task_path(path, t->pid, 0);
    int folder = gor__raw_open(path, O_RDONLY | O_DIRECTORY);
    if (folder < 0) {
        return folder;
    }
    int result = 0;
    do {
        size_t first = t->count;
        result = add_listed(t, folder);
        int error = wait_for_all(t, first);
        result = error < 0 ? error : result;
    } while (result > 0);
    gor__raw_close(folder);
    return result;
}

static void let_go(const struct tracer *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct gor__halted *thread = &t->threads[i];
        if (thread->tid == 0) {
            continue;
        }
        (void)trace(PTRACE_DETACH, thread->tid, 0, (const void *)(uintptr_t)thread->signal);
    }
}

/* The tracer's side. False: the process has died, and nobody will ever tell us anything. */
static bool wait_for_go(struct tracer *t, uint32_t go)
{
    uint32_t value = 0;
    while ((value = __atomic_load_n(&t->go, __ATOMIC_ACQUIRE)) < go) {
        if (gor__syscall(SYS_getppid, 0, 0, 0, 0) != t->pid) {
            return false;
        }
        gor__raw_futex_wait(&t->go, value, LOOK_NS);
    }
    return true;
}

/* Whether the tracer has answered; false: it has died, and the kernel has let all threads go. */
static bool has_answered(struct tracer *t)
{
    while (__atomic_load_n(&t->step, __ATOMIC_ACQUIRE) == WORKING) {
        gor__raw_futex_wait(&t->step, WORKING, LOOK_NS);
        if (__atomic_load_n(&t->step, __ATOMIC_ACQUIRE) == WORKING &&
            wait_child(t->child, NULL, WNOHANG) == t->child) {
            return __atomic_load_n(&t->step, __ATOMIC_ACQUIRE) != WORKING;
        }
    }
    return true;
}

static void set_word(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
    gor__raw_futex_wake(word);
}

static int tracer_main(void *arg)
{
    struct tracer *t = arg;
    (void)gor__syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
    if (!wait_for_go(t, 1)) {
        return 0;
    }
    t->error = add_all(t);
    if (t->error < 0) {
        let_go(t);
        set_word(&t->step, ANSWERED);
        return 0;
    }
    set_word(&t->step, ANSWERED);
    (void)wait_for_go(t, 2);
    let_go(t);
    return 0;
}

/* ---- the caller's side */

static size_t threads_bytes(void)
{
    return THREADS_MAX * sizeof(struct gor__halted);
}

static void release(struct tracer *t)
{
    gor__raw_unmap(t->threads, threads_bytes());
    gor__raw_unmap(t->stack, STACK_BYTES);
    gor__raw_unmap(t, sizeof *t);
}

static void set_mask(const uint64_t *mask, uint64_t *out_former)
{
    (void)gor__syscall(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)mask, (uintptr_t)out_former,
                       sizeof *mask);
}

/* With descriptors of its own, for the program may count on the order of its; and with no signal for us
 * at the other end: the process has its own children to wait for. */
static int start(struct tracer *t)
{
    uint64_t all = ~UINT64_C(0);
    uint64_t former = 0;
    set_mask(&all, &former);
    t->child = (int)gor__clone(CLONE_VM | CLONE_FS | CLONE_UNTRACED, t->stack + STACK_BYTES,
                               tracer_main, t);
    int error = t->child < 0 ? t->child : 0;
    set_mask(&former, NULL);
    return error;
}

static void reap(const struct tracer *t)
{
    while (wait_child(t->child, NULL, 0) == -EINTR) {
        /* Once more. */
    }
}

static struct tracer *make_tracer(void)
{
    struct tracer *t = gor__raw_map(sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    t->pid = getpid();
    t->caller = (int)gor__syscall(SYS_gettid, 0, 0, 0, 0);
    t->stack = gor__raw_map(STACK_BYTES);
    t->threads = gor__raw_map(threads_bytes());
    if (t->stack == NULL || t->threads == NULL) {
        release(t);
        return NULL;
    }
    return t;
}

int gor__halt(struct gor__halt *halt)
{
    if (RUNNING_ON_VALGRIND) {
        return -ENOSYS;
    }
    struct tracer *t = make_tracer();
    if (t == NULL) {
        return -ENOMEM;
    }
    int error = start(t);
    if (error < 0) {
        release(t);
        return error == -EINVAL ? -ENOSYS : error;
    }
    /* Where only ancestors may trace (Yama), a child needs leave. */
    (void)prctl(PR_SET_PTRACER, (unsigned long)t->child, 0, 0, 0);
    set_word(&t->go, 1);
    error = has_answered(t) ? t->error : -EIO;
    if (error < 0) {
        reap(t);
        release(t);
        return error;
    }
    *halt = (struct gor__halt){t->threads, t->count, t};
    return 0;
}

void gor__halt_memory(const struct gor__halt *halt,
                      void (*visit)(void *arg, const void *memory, size_t bytes), void *arg)
{
    const struct tracer *t = halt->tracer;
    if (t != NULL) {
        visit(arg, t->threads, threads_bytes());
        visit(arg, t->stack, STACK_BYTES);
    }
}

void gor__halt_end(struct gor__halt *halt)
{
    struct tracer *t = halt->tracer;
    set_word(&t->go, 2);
    reap(t);
    (void)prctl(PR_SET_PTRACER, 0, 0, 0, 0);
    release(t);
    *halt = (struct gor__halt){NULL, 0, NULL};
}
