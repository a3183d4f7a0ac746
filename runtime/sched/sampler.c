/* SPDX-License-Identifier: MIT */
/* sampler.c - see sampler.h.
 *
 * A timer for each thread, as Go has them, since one for the process (setitimer) sends its signal to
 * whatever thread takes it, seldom the one that used the time.
 *
 * One ring for all, for host threads take part that have none of their own. Cell i is free for the
 * sample number n (n % CELLS == i) while its turn is n, and full when it is n + 1: whoever moves `next`
 * from n on writes the cell.
 *
 * The handler blocks all signals, our own for preemption above all: a thread that is stopped in here
 * would keep its cell from the reader, and so the whole ring.
 */
#include "runtime/sched/sampler.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/interrupted.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/pool.h"

enum { CELLS = 4096, NO_TIMER = -1 };

/* A thread of the runtime's; lies in its thread-locals. */
struct sampled {
    struct sampled *next; /* list link of all; under sampler.lock, as is the next */
    struct sampled *prev;
    pthread_t thread;
    int tid;
    int timer;                      /* of the kernel; NO_TIMER: none; under sampler.lock */
    struct gor__thread_stack stack; /* atomic; found before the timer is started */
};

/* A timer for a thread of the host's. */
struct host_timer {
    int tid;
    int timer; /* NO_TIMER: the thread turned out to be the runtime's */
};

static struct {
    struct gor__mutex lock;
    /* Under the lock. */
    struct sampled *threads;
    int64_t period_ns;              /* 0: off */
    struct host_timer *host_timers; /* owned */
    size_t host_timer_count;

    struct sigaction former; /* before begin, and again after end */

    /* Atomic. */
    struct gor__cpu_sample *ring; /* owned; NULL: handlers do nothing */
    uint32_t handlers;            /* that run now */
    uint64_t next;                /* number of the sample to come */
    uint64_t first;               /* the reader's */
    uint64_t lost;
} sampler;

static __thread struct sampled self __attribute__((tls_model("initial-exec")));

/* ---- the handler */

static struct gor__cpu_sample *take_cell(struct gor__cpu_sample *ring, uint64_t *out_number)
{
    uint64_t number = __atomic_load_n(&sampler.next, __ATOMIC_RELAXED);
    for (;;) {
        struct gor__cpu_sample *cell = &ring[number % CELLS];
        uint64_t turn = __atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE);
        if (turn < number) {
            return NULL; /* not read yet */
        }
        if (turn > number) {
            number = __atomic_load_n(&sampler.next, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(&sampler.next, &number, number + 1, true,
                                               __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            *out_number = number;
            return cell;
        }
    }
}

/* A name that is being written is cut anywhere. */
static void copy_name(const struct gor__g *g, char *out)
{
    const volatile char *name = gor__pool_name(g);
    size_t length = 0;
    while (name != NULL && length < GOR_NAME_BYTES - 1 && name[length] != '\0') {
        out[length] = name[length];
        length++;
    }
    memset(out + length, 0, GOR_NAME_BYTES - length);
}

static void note_goroutine(struct gor__cpu_sample *sample, struct gor__g *g)
{
    sample->labels = g != NULL ? gor__labels_get(g) : NULL;
    sample->created_at = g != NULL ? g->created_at : NULL;
    if (g != NULL) {
        copy_name(g, sample->name);
    } else {
        sample->name[0] = '\0';
    }
}

static void take_sample(struct gor__cpu_sample *ring, const siginfo_t *info, const void *context)
{
    uint64_t number = 0;
    uint32_t weight = 1;
    if (info->si_code == SI_TIMER && info->si_overrun > 0) {
        weight += (uint32_t)info->si_overrun;
    }
    struct gor__cpu_sample *sample = take_cell(ring, &number);
    if (sample == NULL) {
        (void)__atomic_fetch_add(&sampler.lost, weight, __ATOMIC_RELAXED);
        return;
    }
    const struct gor__m *m = gor__m_self();
    struct gor__thread_stack stack = {__atomic_load_n(&self.stack.low, __ATOMIC_RELAXED),
                                      __atomic_load_n(&self.stack.top, __ATOMIC_RELAXED)};
    sample->weight = weight;
    note_goroutine(sample, m != NULL ? m->g : NULL);
    sample->frame_count = gor__interrupted_frames(context, m, &stack, sample->frames,
                                                  GOR__SAMPLER_FRAMES, &sample->leaf);
    /* Release: pairs with gor__sampler_first. */
    __atomic_store_n(&sample->turn, number + 1, __ATOMIC_RELEASE);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    (void)signal;
    /* Sequential, as in gor__sampler_end: one of the two sees the other. */
    (void)__atomic_fetch_add(&sampler.handlers, 1, __ATOMIC_SEQ_CST);
    struct gor__cpu_sample *ring = __atomic_load_n(&sampler.ring, __ATOMIC_SEQ_CST);
    if (ring != NULL) {
        take_sample(ring, info, context);
    }
    (void)__atomic_fetch_sub(&sampler.handlers, 1, __ATOMIC_SEQ_CST);
    errno = error;
}

/* ---- reading */

/* What is in there stays when handlers have stopped, hence not sampler.ring. */
static struct gor__cpu_sample *cells;

const struct gor__cpu_sample *gor__sampler_first(void)
{
    const struct gor__cpu_sample *cell = cells != NULL ? &cells[sampler.first % CELLS] : NULL;
    bool full = cell != NULL && __atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE) == sampler.first + 1;
    return full ? cell : NULL;
}

void gor__sampler_drop(void)
{
    struct gor__cpu_sample *cell = &cells[sampler.first % CELLS];
    gor__labels_unref(cell->labels);
    __atomic_store_n(&cell->turn, sampler.first + CELLS, __ATOMIC_RELEASE);
    sampler.first++;
}

uint64_t gor__sampler_take_lost(void)
{
    return __atomic_exchange_n(&sampler.lost, 0, __ATOMIC_RELAXED);
}

/* ---- timers */

static clockid_t cpu_clock_of(int tid)
{
    /* The kernel's numbers for them; the C library has them for its own threads only. */
    enum { PER_THREAD = 4, SCHEDULED = 2 };
    return (clockid_t)(~(unsigned)tid << 3 | PER_THREAD | SCHEDULED);
}

/* NO_TIMER when there is none to be had, or no such thread any more. The C library's own functions keep
 * a list, which wants memory. */
static int start_timer(int tid)
{
    int timer = NO_TIMER;
    struct sigevent event;
    struct timespec period = {sampler.period_ns / GOR_SECOND, sampler.period_ns % GOR_SECOND};
    struct itimerspec times = {period, period};
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = tid;
    if (syscall(SYS_timer_create, cpu_clock_of(tid), &event, &timer) != 0) {
        return NO_TIMER;
    }
    (void)syscall(SYS_timer_settime, timer, 0, &times, NULL);
    return timer;
}

static void stop_timer(int *timer)
{
    if (*timer != NO_TIMER) {
        (void)syscall(SYS_timer_delete, *timer);
        *timer = NO_TIMER;
    }
}

/* The C library asks for memory to answer that, and a thread's first memory may have it open a file: a number
 * that the program may be about to get. So it is asked only while somebody is profiled. */
static void find_stack(struct sampled *thread)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(thread->thread, &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &low, &bytes) == 0) {
            __atomic_store_n(&thread->stack.low, (uintptr_t)low, __ATOMIC_RELAXED);
            __atomic_store_n(&thread->stack.top, (uintptr_t)low + bytes, __ATOMIC_RELAXED);
        }
        (void)pthread_attr_destroy(&attributes);
    }
}

/* Under the lock. */
static void sample(struct sampled *thread)
{
    find_stack(thread);
    thread->timer = start_timer(thread->tid);
}

/* Under the lock. */
static bool is_runtimes(int tid)
{
    for (const struct sampled *thread = sampler.threads; thread != NULL; thread = thread->next) {
        if (thread->tid == tid) {
            return true;
        }
    }
    return false;
}

/* Under the lock. */
static void start_host_timer(int tid)
{
    size_t count = sampler.host_timer_count;
    struct host_timer *timers = realloc(sampler.host_timers, (count + 1) * sizeof *timers);
    if (timers != NULL) {
        sampler.host_timers = timers;
        timers[count] = (struct host_timer){tid, start_timer(tid)};
        sampler.host_timer_count += timers[count].timer != NO_TIMER;
    }
}

/* Under the lock. Of a thread that was taken for one of the host's since it had not come to
 * gor__sampler_thread_init yet. */
static void stop_host_timers_of(int tid)
{
    for (size_t i = 0; i < sampler.host_timer_count; i++) {
        if (sampler.host_timers[i].tid == tid) {
            stop_timer(&sampler.host_timers[i].timer);
        }
    }
}

/* Under the lock. */
static void stop_host_timers(void)
{
    for (size_t i = 0; i < sampler.host_timer_count; i++) {
        stop_timer(&sampler.host_timers[i].timer);
    }
    free(sampler.host_timers);
    sampler.host_timers = NULL;
    sampler.host_timer_count = 0;
}

/* Best effort: threads come and go. */
static void start_host_timers(void)
{
    DIR *folder = opendir("/proc/self/task");
    const struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        int tid = (int)strtol(entry->d_name, NULL, 10);
        gor__mutex_lock(&sampler.lock);
        if (tid > 0 && !is_runtimes(tid)) {
            start_host_timer(tid);
        }
        gor__mutex_unlock(&sampler.lock);
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

/* ---- on and off */

static int take_signal(void)
{
    struct sigaction action;
    (void)sigaction(SIGPROF, NULL, &sampler.former);
    if ((sampler.former.sa_flags & SA_SIGINFO) != 0 ||
        (sampler.former.sa_handler != SIG_DFL && sampler.former.sa_handler != SIG_IGN)) {
        return -EBUSY;
    }
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    (void)sigaction(SIGPROF, &action, NULL);
    return 0;
}

/* One that was raised and has not come yet would end the process: ignoring the signal drops it. */
static void give_signal_back(void)
{
    struct sigaction ignore;
    memset(&ignore, 0, sizeof ignore);
    ignore.sa_handler = SIG_IGN;
    (void)sigaction(SIGPROF, &ignore, NULL);
    (void)sigaction(SIGPROF, &sampler.former, NULL);
}

static bool make_ring(void)
{
    cells = gor__memory_reserve(CELLS * sizeof *cells, 1);
    for (uint64_t i = 0; cells != NULL && i < CELLS; i++) {
        cells[i].turn = i;
    }
    sampler.next = 0;
    sampler.first = 0;
    sampler.lost = 0;
    return cells != NULL;
}

int gor__sampler_begin(int64_t period_ns, bool all_threads)
{
    if (!make_ring()) {
        return -ENOMEM;
    }
    int result = take_signal();
    if (result < 0) {
        gor__sampler_fini();
        return result;
    }
    gor__mutex_lock(&sampler.lock);
    __atomic_store_n(&sampler.ring, cells, __ATOMIC_SEQ_CST);
    sampler.period_ns = period_ns;
    for (struct sampled *thread = sampler.threads; thread != NULL; thread = thread->next) {
        sample(thread);
    }
    gor__mutex_unlock(&sampler.lock);
    if (all_threads) {
        start_host_timers();
    }
    return 0;
}

void gor__sampler_end(void)
{
    gor__mutex_lock(&sampler.lock);
    sampler.period_ns = 0;
    for (struct sampled *thread = sampler.threads; thread != NULL; thread = thread->next) {
        stop_timer(&thread->timer);
    }
    stop_host_timers();
    gor__mutex_unlock(&sampler.lock);
    give_signal_back();
    __atomic_store_n(&sampler.ring, NULL, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&sampler.handlers, __ATOMIC_SEQ_CST) != 0) {
        (void)sched_yield();
    }
}

void gor__sampler_fini(void)
{
    gor__memory_release(cells, CELLS * sizeof *cells);
    cells = NULL;
}

/* ---- threads */

void gor__sampler_thread_init(void)
{
    self.thread = pthread_self();
    self.tid = (int)syscall(SYS_gettid);
    gor__mutex_lock(&sampler.lock);
    stop_host_timers_of(self.tid);
    self.timer = NO_TIMER;
    if (sampler.period_ns != 0) {
        sample(&self);
    }
    self.next = sampler.threads;
    self.prev = NULL;
    if (self.next != NULL) {
        self.next->prev = &self;
    }
    sampler.threads = &self;
    gor__mutex_unlock(&sampler.lock);
}

void gor__sampler_thread_fini(void)
{
    gor__mutex_lock(&sampler.lock);
    if (self.next != NULL) {
        self.next->prev = self.prev;
    }
    if (self.prev != NULL) {
        self.prev->next = self.next;
    } else {
        sampler.threads = self.next;
    }
    stop_timer(&self.timer);
    gor__mutex_unlock(&sampler.lock);
}
