/* SPDX-License-Identifier: MIT */
/* foreigns.c - the storm's calls of code that knows nothing of goroutines: it blocks the thread,
 * computes without end, takes locks of threads and memory of the C library.
 */
#include <unistd.h>

#include "tests/runtime/storm/storm.h"

void storm_nap(struct storm_worker *w)
{
    errno = 0;
    CHECK_EQ(usleep((unsigned)storm_below(w, 300)), 0);
}

void storm_spin(struct storm_worker *w)
{
    /* Now and then for longer than a time slice. */
    int64_t us = storm_below(w, 30) == 0 ? 15000 : storm_below(w, 200);
    int64_t until = gor_now() + us * GOR_MICROSECOND;
    volatile long work = 0;
    while (gor_now() < until) {
        for (int i = 0; i < 1000; i++) {
            work = work + i;
        }
    }
}

void storm_memory(struct storm_worker *w)
{
    enum { BLOCKS = 16 };
    unsigned char *blocks[BLOCKS];
    size_t sizes[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        sizes[i] = (size_t)storm_below(w, i == 0 ? 200000 : 2000) + 1;
        blocks[i] = malloc(sizes[i]);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], i, sizes[i]);
        if (i == BLOCKS / 2) {
            gor_yield();
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        CHECK_EQ(blocks[i][0], i);
        CHECK_EQ(blocks[i][sizes[i] - 1], i);
        free(blocks[i]);
    }
}

/* A lock that knows its thread: nothing in between may move the goroutine. */
void storm_foreign_lock(struct storm_worker *w)
{
    struct storm *s = w->s;
    volatile long work = 0;
    CHECK_EQ(pthread_mutex_lock(&s->foreign_lock), 0);
    long before = s->foreign_count;
    for (int i = storm_below(w, 20000); i > 0; i--) {
        work = work + i;
    }
    CHECK_EQ(s->foreign_count, before);
    s->foreign_count = before + 1;
    CHECK_EQ(pthread_mutex_unlock(&s->foreign_lock), 0);
    atomic_fetch_add(&s->foreign_counts, 1);
}

/* Nested, with waits of several kinds between: it is the same thread all the time. */
void storm_lock_thread(struct storm_worker *w)
{
    int64_t value = 0;
    gor_lock_os_thread();
    pid_t thread = gettid();
    gor_lock_os_thread();
    gor_yield();
    CHECK_EQ(gettid(), thread);
    (void)gor_sleep(storm_below(w, 50) * GOR_MICROSECOND);
    CHECK_EQ(gettid(), thread);
    gor_unlock_os_thread();
    if (gor_chan_recv_until(storm_any_chan(w), &value, storm_soon(w)) == 1) {
        atomic_fetch_add(&w->s->received, value);
    }
    CHECK_EQ(gettid(), thread);
    gor_unlock_os_thread();
}

/* Each in a function of its own: a compiler may keep the address of errno. */
__attribute__((noinline)) static void set_errno(int value)
{
    errno = value;
}

__attribute__((noinline)) static int get_errno(void)
{
    return errno;
}

void storm_keep_errno(struct storm_worker *w)
{
    int value = 1000 + storm_below(w, 1000);
    set_errno(value);
    gor_yield();
    CHECK_EQ(get_errno(), value);
    CHECK_EQ(gor_sleep(storm_below(w, 30) * GOR_MICROSECOND), 0);
    CHECK_EQ(get_errno(), value);
}
