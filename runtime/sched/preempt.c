/* SPDX-License-Identifier: MIT */
/* preempt.c - see preempt.h. */
#include "runtime/sched/preempt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/sched/handoff.h"
#include "runtime/sched/seeded.h"

enum { SOON_NS = 1000 }; /* not 0, which would be now, whatever the thread does */

static struct {
    int signal; /* 0: none */
    bool fences;
    struct sigaction former;
} preempt;

/* Outside no lock of the runtime is held, so this may take one. */
static void on_signal(int signal)
{
    int error = errno;
    struct gor__m *m = gor__m_self();
    (void)signal;
    if (m != NULL && !__atomic_load_n(&m->inside, __ATOMIC_RELAXED)) {
        gor__stop_here(m);
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
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    (void)sigaction(preempt.signal, &action, NULL);
}

void gor__preempt_fini(void)
{
    if (preempt.signal != 0) {
        (void)sigaction(preempt.signal, &preempt.former, NULL);
    }
    preempt.signal = 0;
}

bool gor__preempt_works(void)
{
    return preempt.fences && preempt.signal != 0 && !gor__seeded_on();
}

int gor__preempt_signal(void)
{
    return preempt.signal;
}

void gor__preempt_thread_init(struct gor__m *m)
{
    struct sigevent event;
    memset(&event, 0, sizeof event);
    m->tid = (int)syscall(SYS_gettid);
    m->preempt_timer = -1;
    (void)pthread_getcpuclockid(pthread_self(), &m->cpu_clock);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = preempt.signal;
    event._sigev_un._tid = m->tid; /* sigev_notify_thread_id, which glibc 2.36 does not name */
    /* The C library's own keeps a list of its timers, which wants memory. */
    if (preempt.signal == 0 ||
        syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &m->preempt_timer) != 0) {
        m->preempt_timer = -1;
    }
}

void gor__preempt_thread_fini(struct gor__m *m)
{
    if (m->preempt_timer != -1) {
        (void)syscall(SYS_timer_delete, m->preempt_timer);
        m->preempt_timer = -1;
    }
}

void gor__fence_all_threads(void)
{
    (void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

void gor__preempt_send(struct gor__m *m)
{
    struct itimerspec soon = {.it_value = {.tv_nsec = SOON_NS}};
    if (m->preempt_timer != -1) {
        (void)syscall(SYS_timer_settime, m->preempt_timer, 0, &soon, NULL);
    }
}

bool gor__preempt_is_runnable(const struct gor__m *m)
{
    char path[64];
    char text[128];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", m->tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    /* "TID (NAME) STATE ..."; the name may hold anything. */
    const char *end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' && end[2] == 'R';
}
