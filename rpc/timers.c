/* SPDX-License-Identifier: MIT */
/* timers.c - see timers.h. */
#include "rpc/timers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t rpc_now(void)
{
    return (int64_t)uv_hrtime();
}

int64_t rpc_after(int64_t duration_ns)
{
    int64_t now = rpc_now();
    return duration_ns > INT64_MAX - now ? INT64_MAX : now + duration_ns;
}

static void put(struct rpc_timers *timers, size_t at, struct rpc_timer *timer)
{
    timers->heap[at] = timer;
    timer->slot = at + 1;
}

static void sift_up(struct rpc_timers *timers, size_t at, struct rpc_timer *timer)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (timers->heap[parent]->at_ns <= timer->at_ns) {
            break;
        }
        put(timers, at, timers->heap[parent]);
        at = parent;
    }
    put(timers, at, timer);
}

static void sift_down(struct rpc_timers *timers, size_t at, struct rpc_timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= timers->count) {
            break;
        }
        if (child + 1 < timers->count &&
            timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns) {
            child++;
        }
        if (timer->at_ns <= timers->heap[child]->at_ns) {
            break;
        }
        put(timers, at, timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

/* Put the timer at its place, from any place. */
static void settle(struct rpc_timers *timers, size_t at, struct rpc_timer *timer)
{
    sift_up(timers, at, timer);
    if (timer->slot == at + 1) {
        sift_down(timers, at, timer);
    }
}

static void on_timer(uv_timer_t *handle);

static void arm(struct rpc_timers *timers)
{
    if (timers->count == 0 || timers->heap[0]->at_ns >= timers->armed_ns) {
        return;
    }
    int64_t wait_ns = timers->heap[0]->at_ns - rpc_now();
    /* Rounded up: waking before the time would arm again with 0 and spin. */
    uint64_t wait_ms = wait_ns > 0 ? ((uint64_t)wait_ns + 999999) / 1000000 : 0;
    /* The loop's own clock may be behind by as long as this iteration has taken. */
    uv_update_time(timers->timer.loop);
    uv_timer_start(&timers->timer, on_timer, wait_ms, 0);
    timers->armed_ns = timers->heap[0]->at_ns;
}

static void on_timer(uv_timer_t *handle)
{
    struct rpc_timers *timers = handle->data;
    timers->armed_ns = INT64_MAX;
    int64_t now = rpc_now();
    while (timers->count > 0 && timers->heap[0]->at_ns <= now) {
        struct rpc_timer *timer = timers->heap[0];
        rpc_timer_clear(timers, timer);
        timer->fire(timer);
    }
    arm(timers);
}

int rpc_timers_init(struct rpc_timers *timers, uv_loop_t *loop)
{
    memset(timers, 0, sizeof *timers);
    timers->armed_ns = INT64_MAX;
    int error = uv_timer_init(loop, &timers->timer);
    timers->timer.data = timers;
    return error;
}

void rpc_timers_fini(struct rpc_timers *timers)
{
    free(timers->heap);
    timers->heap = NULL;
}

static int add(struct rpc_timers *timers, struct rpc_timer *timer)
{
    if (timers->count == timers->capacity) {
        size_t capacity = timers->capacity > 0 ? 2 * timers->capacity : 16;
        struct rpc_timer **heap = reallocarray(timers->heap, capacity, sizeof *heap);
        if (heap == NULL) {
            return -ENOMEM;
        }
        timers->heap = heap;
        timers->capacity = capacity;
    }
    sift_up(timers, timers->count++, timer);
    return 0;
}

int rpc_timer_set(struct rpc_timers *timers, struct rpc_timer *timer, int64_t at_ns)
{
    timer->at_ns = at_ns;
    if (timer->slot != 0) {
        settle(timers, timer->slot - 1, timer);
    } else {
        int error = add(timers, timer);
        if (error != 0) {
            return error;
        }
    }
    arm(timers);
    return 0;
}

void rpc_timer_clear(struct rpc_timers *timers, struct rpc_timer *timer)
{
    if (timer->slot == 0) {
        return;
    }
    size_t at = timer->slot - 1;
    timer->slot = 0;
    struct rpc_timer *last = timers->heap[--timers->count];
    if (last != timer) {
        settle(timers, at, last);
    }
}
