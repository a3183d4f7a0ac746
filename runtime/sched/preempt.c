/* SPDX-License-Identifier: MIT */
/* preempt.c - see preempt.h. */
#include "runtime/sched/preempt.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sched/capture.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/seeded.h"

enum { SOON_NS = 1000 }; /* not 0, which would be now, whatever the thread does */

static struct {
    int signal; /* 0: none */
    bool fences;
    bool lost; /* atomic: the handler is not ours any more */
    struct sigaction former;
} preempt;

/* Outside no lock of the runtime is held, so this may take one. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
    int error = errno;
    struct gor__m *m = gor__m_self();
    (void)signal;
    (void)info;
    if (m != NULL) {
        gor__capture_answer(m, context);
    }
    if (m != NULL && !__atomic_load_n(&m->inside, __ATOMIC_RELAXED)) {
        m->stopped_at = gor__registers_of(context);
        /* Release: whoever sees that it is stopped sees where. */
        __atomic_store_n(&m->stopped, m->stopped + 1, __ATOMIC_RELEASE);
        gor__stop_here(m);
        __atomic_store_n(&m->stopped, m->stopped + 1, __ATOMIC_RELEASE);
    }
    errno = error;
}

/* A real-time signal nobody uses, from the upper end, which libraries use least. */
static int choose_signal(struct sigaction *former)
{
    for (int signal = SIGRTMAX; signal >= SIGRTMIN; signal--) {
        if (sigaction(signal, NULL, former) == 0 && (former->sa_flags & SA_SIGINFO) == 0 &&
            former->sa_handler == SIG_DFL) {
            return signal;
        }
    }
    return 0;
}

void gor__preempt_init(void)
{
    struct sigaction action;
    preempt.fences = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
    preempt.signal = choose_signal(&preempt.former);
    if (preempt.signal == 0) {
        return;
    }
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    (void)sigaction(preempt.signal, &action, NULL);
}

/* The default of a real-time signal ends the process, and another handler knows nothing of us. */
static bool is_ours(void)
{
    struct sigaction now;
    return sigaction(preempt.signal, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0 &&
           now.sa_sigaction == on_signal;
}

void gor__preempt_fini(void)
{
    if (preempt.signal != 0 && is_ours()) {
        (void)sigaction(preempt.signal, &preempt.former, NULL);
    }
    preempt.signal = 0;
    preempt.lost = false;
}

static bool is_lost(void)
{
    return __atomic_load_n(&preempt.lost, __ATOMIC_RELAXED);
}

bool gor__preempt_works(void)
{
    return preempt.fences && preempt.signal != 0 && !is_lost() && !gor__seeded_on();
}

static void set_timer(const struct gor__m *m, long ns)
{
    struct itimerspec when = {.it_value = {.tv_nsec = ns}};
    int timer = __atomic_load_n(&m->preempt_timer, __ATOMIC_RELAXED);
    if (timer != -1) {
        (void)syscall(SYS_timer_settime, timer, 0, &when, NULL);
    }
}

void gor__preempt_call_off(void)
{
    gor__mutex_lock(&gor__sched.lock);
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        set_timer(m, 0);
    }
    gor__mutex_unlock(&gor__sched.lock);
}

void gor__preempt_renew(void)
{
    if (!is_ours()) {
        return;
    }
    gor__mutex_lock(&gor__sched.lock);
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        if (m->lack == GOR__LACK_HOG) {
            set_timer(m, SOON_NS);
        }
    }
    gor__mutex_unlock(&gor__sched.lock);
}

void gor__preempt_look(void)
{
    bool lost = preempt.signal != 0 && !is_ours();
    if (lost && !is_lost()) {
        gor__preempt_call_off();
    }
    __atomic_store_n(&preempt.lost, lost, __ATOMIC_RELAXED);
}

int gor__preempt_signal(void)
{
    return preempt.signal;
}

void gor__preempt_thread_init(struct gor__m *m)
{
    struct sigevent event;
    int timer = -1;
    memset(&event, 0, sizeof event);
    __atomic_store_n(&m->tid, (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
    (void)pthread_getcpuclockid(pthread_self(), &m->cpu_clock);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = preempt.signal;
    event._sigev_un._tid = m->tid; /* sigev_notify_thread_id, which glibc 2.36 does not name */
    /* The C library's own keeps a list of its timers, which wants memory. */
    if (preempt.signal != 0 &&
        syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0) {
        __atomic_store_n(&m->preempt_timer, timer, __ATOMIC_RELAXED);
    }
}

void gor__preempt_thread_fini(struct gor__m *m)
{
    int timer = __atomic_exchange_n(&m->preempt_timer, -1, __ATOMIC_RELAXED);
    if (timer != -1) {
        (void)syscall(SYS_timer_delete, timer);
    }
}

void gor__fence_all_threads(void)
{
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

bool gor__fences_work(void)
{
    return preempt.fences;
}

void gor__preempt_send(struct gor__m *m)
{
    if (is_ours()) {
        set_timer(m, SOON_NS);
    }
}
