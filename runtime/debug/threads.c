/* SPDX-License-Identifier: MIT */
/* threads.c - see threads.h. They are counted, for nothing else is known of all of them alike. */
#include "runtime/debug/threads.h"

#include <pthread.h>
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

/* Of the runtime's threads that come and go. */
struct census {
    long threads;
    uint32_t machines; /* listed */
    uint32_t made;     /* that ever were */
    uint32_t workers;
};

/* An M that is being made may not have a thread yet, and must not stand for somebody else's. */
static struct census count_own(void)
{
    struct census census = {0};
    gor__mutex_lock(&gor__sched.lock);
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        census.threads += __atomic_load_n(&m->made, __ATOMIC_ACQUIRE) ? 1 : 0;
    }
    census.machines = gor__sched.machine_count;
    census.made = gor__sched.machines_made;
    gor__mutex_unlock(&gor__sched.lock);
    census.workers = __atomic_load_n(&gor__sched.blocking_threads, __ATOMIC_RELAXED);
    census.threads += (long)census.workers;
    return census;
}

static bool is_same(const struct census *a, const struct census *b)
{
    return a->machines == b->machines && a->made == b->made && a->workers == b->workers;
}

/* One that is counted and ends before all are would stand for a stranger, so there must be no other number
 * of them afterwards. Workers are made for goroutines that run, of which there are none when this is asked;
 * so if they are as many as before, they are the same. */
bool gor__threads_are_ours(void)
{
    bool maker = pthread_equal(pthread_self(), gor__sched.maker) != 0;
    bool caller_waits = __atomic_load_n(&gor__seeded.root_done, __ATOMIC_ACQUIRE) != NULL;
    bool is_m = gor__m_self() != NULL;
    long others = 1 + OTHERS + (gor__seeded_on() ? 0 : 1); /* the maker, and sysmon */
    others += caller_waits ? 1 : 0;
    /* A thread of the host's that asks; not the one of gor_run, which waits. */
    others += maker || is_m ? 0 : 1;
    struct census before = count_own();
    long all = count_all();
    struct census after = count_own();
    return all > 0 && all <= before.threads + others && is_same(&before, &after);
}

uintptr_t gor__thread_stack_end(uintptr_t sp)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return 0;
    }
    bool known = pthread_attr_getstack(&attributes, &low, &bytes) == 0;
    (void)pthread_attr_destroy(&attributes);
    return known && sp - (uintptr_t)low < bytes ? (uintptr_t)low : 0;
}
