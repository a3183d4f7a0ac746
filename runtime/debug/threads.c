/* SPDX-License-Identifier: MIT */
/* threads.c - see threads.h. They are counted, for nothing else is known of all of them alike. */
#include "runtime/debug/threads.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/debug/raw.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"

/* From "Threads:" of /proc/self/status; -1: not known. */
static long count_all(void)
{
    static const char label[] = "\nThreads:";
    char text[4096];
    int fd = gor__raw_open("/proc/self/status", O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    long got = gor__raw_read(fd, text, sizeof text - 1);
    gor__raw_close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *found = strstr(text, label);
    return found != NULL ? strtol(found + sizeof label - 1, NULL, 10) : -1;
}

#if defined(__SANITIZE_THREAD__)
enum { OTHERS = 1 }; /* the sanitizer's own */
#else
enum { OTHERS = 0 };
#endif

/* One that is being made may not have a thread yet, and must not stand for somebody else's. */
static long machines(void)
{
    long count = 0;
    gor__mutex_lock(&gor__sched.lock);
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        count += __atomic_load_n(&m->made, __ATOMIC_ACQUIRE) ? 1 : 0;
    }
    gor__mutex_unlock(&gor__sched.lock);
    return count;
}

bool gor__threads_are_ours(void)
{
    bool maker = pthread_equal(pthread_self(), gor__sched.maker) != 0;
    bool caller_waits = __atomic_load_n(&gor__seeded.root_done, __ATOMIC_ACQUIRE) != NULL;
    bool is_m = gor__m_self() != NULL;
    long ours = 1 + OTHERS + (gor__seeded_on() ? 0 : 1); /* the maker, and sysmon */
    ours += machines();
    ours += (long)__atomic_load_n(&gor__sched.blocking_threads, __ATOMIC_RELAXED);
    ours += caller_waits ? 1 : 0;
    /* A thread of the host's that asks; not the one of gor_run, which waits. */
    ours += maker || is_m ? 0 : 1;
    return count_all() <= ours;
}
