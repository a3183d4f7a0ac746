/* SPDX-License-Identifier: MIT */
/* chan.c - see chan.h.
 *
 * A sender that finds a receiver waiting copies straight into the receiver's memory and makes it
 * run next; the buffer is bypassed. A receiver that finds the buffer full with senders waiting
 * takes the oldest element and puts the first sender's behind the rest, so that order is kept. One
 * lock for each channel; a lock-free ring was rejected, since it cannot hand off without a second
 * protocol, and on a single P the lock is free anyway.
 */
#include "runtime/sync/chan.h"

#include <stdlib.h>

#include "runtime/sched/cold.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/misuse.h"
#include "runtime/sync/wakes.h"

enum { ELEM_MAX = 65536 };

struct gor_chan *gor_chan_new(size_t elem_bytes, size_t capacity)
{
    size_t bytes = 0;
    if (elem_bytes > ELEM_MAX || __builtin_mul_overflow(elem_bytes, capacity, &bytes) ||
        bytes > PTRDIFF_MAX - sizeof(struct gor_chan) || capacity > PTRDIFF_MAX) {
        (void)gor__misuse(0, "makechan: size out of range");
        return NULL;
    }
    struct gor_chan *c = aligned_alloc(64, (sizeof *c + bytes + 63) / 64 * 64);
    if (c != NULL) {
        memset(c, 0, sizeof *c);
        c->elem_bytes = (uint32_t)elem_bytes;
        c->capacity = capacity;
        c->refs = 1;
    }
    return c;
}

struct gor_chan *gor_chan_ref(struct gor_chan *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void gor_chan_unref(struct gor_chan *c)
{
    if (c != NULL && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        /* Once the runtime has stopped, whoever waits here waits no more. */
        GOR_ASSERT((c->receivers.first == NULL && c->senders.first == NULL) ||
                   !__atomic_load_n(&gor__sched.running, __ATOMIC_RELAXED));
        free(c);
    }
}

size_t gor_chan_len(const struct gor_chan *c)
{
    return c != NULL ? __atomic_load_n(&c->count, __ATOMIC_ACQUIRE) : 0;
}

size_t gor_chan_cap(const struct gor_chan *c)
{
    return c != NULL ? c->capacity : 0;
}

/* The place of the i-th element from the oldest on; i <= capacity. */
static inline char *slot(struct gor_chan *c, size_t i)
{
    size_t at = c->head + i;
    if (at >= c->capacity) {
        at -= c->capacity;
    }
    return c->buffer + at * c->elem_bytes;
}

static inline void push_element(struct gor_chan *c, const void *elem)
{
    gor__elem_copy(c, slot(c, c->count), elem);
    __atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
}

static inline void drop_oldest(struct gor_chan *c)
{
    c->head = c->head + 1 == c->capacity ? 0 : c->head + 1;
    __atomic_store_n(&c->count, c->count - 1, __ATOMIC_RELAXED);
}

static inline void pop_element(struct gor_chan *c, void *elem)
{
    gor__elem_give(c, elem, slot(c, 0));
    drop_oldest(c);
}

/* Both leave the goroutine to wake, if any, in *out_wake: it is woken after the unlock, since it
 * may be the one that frees the channel. */
static inline __attribute__((always_inline)) int send_now(struct gor_chan *c, const void *elem,
                                                          struct gor__waiter **out_wake)
{
    if (GOR_UNLIKELY(c->closed)) {
        return -EPIPE;
    }
    struct gor__waiter *receiver = gor__waitq_claim(&c->receivers);
    if (receiver != NULL) {
        gor__cold_expect(receiver);
        gor__elem_give(c, receiver->elem, elem);
        receiver->result = 1;
        *out_wake = receiver;
        return 0;
    }
    if (c->count < c->capacity) {
        push_element(c, elem);
        return 0;
    }
    return -EAGAIN;
}

static inline __attribute__((always_inline)) int recv_now(struct gor_chan *c, void *elem,
                                                          struct gor__waiter **out_wake)
{
    if (c->count > 0) {
        pop_element(c, elem);
        struct gor__waiter *sender = gor__waitq_claim(&c->senders);
        if (sender != NULL) {
            gor__cold_expect(sender);
            push_element(c, sender->elem);
            sender->result = 0;
            *out_wake = sender;
        }
        return 1;
    }
    if (GOR_UNLIKELY(c->closed)) {
        gor__elem_clear(c, elem);
        return 0;
    }
    struct gor__waiter *sender = gor__waitq_claim(&c->senders);
    if (sender != NULL) {
        gor__cold_expect(sender);
        gor__elem_give(c, elem, sender->elem);
        sender->result = 0;
        *out_wake = sender;
        return 1;
    }
    return -EAGAIN;
}

int gor__chan_send_locked(struct gor_chan *c, const void *elem, struct gor__waiter **out_wake)
{
    return send_now(c, elem, out_wake);
}

int gor__chan_recv_locked(struct gor_chan *c, void *elem, struct gor__waiter **out_wake)
{
    return recv_now(c, elem, out_wake);
}

int gor__chan_try_send(struct gor_chan *c, const void *elem)
{
    struct gor__waiter *wake = NULL;
    gor__lock(&c->lock);
    int result = send_now(c, elem, &wake);
    gor__unlock(&c->lock);
    if (wake != NULL) {
        gor__waiter_wake(wake);
    }
    return result;
}

int gor__chan_try_recv(struct gor_chan *c, void *elem)
{
    struct gor__waiter *wake = NULL;
    gor__lock(&c->lock);
    int result = recv_now(c, elem, &wake);
    gor__unlock(&c->lock);
    if (wake != NULL) {
        gor__waiter_wake(wake);
    }
    return result;
}

int gor__chan_close_and_set(struct gor_chan *c, int *word, int value)
{
    struct gor__wakes woken = {NULL, NULL};
    gor__lock(&c->lock);
    if (c->closed) {
        gor__unlock(&c->lock);
        return -EPIPE;
    }
    __atomic_store_n(&c->closed, true, __ATOMIC_RELEASE);
    if (word != NULL) {
        __atomic_store_n(word, value, __ATOMIC_RELEASE);
    }
    gor__wakes_add_all(&woken, &c->receivers, 0);
    for (struct gor__waiter *w = woken.first; w != NULL; w = w->next) {
        gor__cold_expect(w);
        gor__elem_clear(c, w->elem);
    }
    gor__wakes_add_all(&woken, &c->senders, -EPIPE);
    gor__unlock(&c->lock);
    gor__wakes_do(&woken);
    return 0;
}

int gor__chan_close(struct gor_chan *c)
{
    return gor__chan_close_and_set(c, NULL, 0);
}

/* ---- through the door
 *
 * Most often there is room in the buffer, or something in it, and nobody waits: that is done here, on
 * the spot, and calls nothing; so it needs no registers saved. All else is for functions that take
 * over where it turned out. */

static inline int check_sent(int result)
{
    return GOR_LIKELY(result != -EPIPE) ? result : gor__misuse(result, GOR__SEND_ON_CLOSED);
}

/* Inside, with the lock held and nothing to be done at once: wait, and leave. */
static __attribute__((noinline)) int wait_to_send(struct gor_chan *c, const void *elem,
                                                  const struct gor__limit *limit)
{
    /* The receiver only reads it; no waiter has a pointer to const. */
    gor__g_self()->waiter.elem = (void *)(uintptr_t)elem;
    int result = gor__waitq_wait(&c->senders, &c->lock, GOR_WAIT_CHAN_SEND, limit);
    gor__leave();
    return check_sent(result);
}

static __attribute__((noinline)) int wait_to_recv(struct gor_chan *c, void *elem,
                                                  const struct gor__limit *limit)
{
    gor__g_self()->waiter.elem = elem;
    int result = gor__waitq_wait(&c->receivers, &c->lock, GOR_WAIT_CHAN_RECV, limit);
    gor__leave();
    return result;
}

/* Inside, with the lock held: do what can be done, or wait, and leave. */
static __attribute__((noinline)) int send_locked(struct gor_chan *c, const void *elem, bool parks,
                                                 const struct gor__limit *limit)
{
    struct gor__waiter *wake = NULL;
    int result = send_now(c, elem, &wake);
    if (result == -EAGAIN && parks) {
        return wait_to_send(c, elem, limit);
    }
    gor__unlock(&c->lock);
    if (wake != NULL) {
        gor__waiter_wake(wake);
    }
    gor__leave();
    return check_sent(result);
}

static __attribute__((noinline)) int recv_locked(struct gor_chan *c, void *elem, bool parks,
                                                 const struct gor__limit *limit)
{
    struct gor__waiter *wake = NULL;
    int result = recv_now(c, elem, &wake);
    if (result == -EAGAIN && parks) {
        return wait_to_recv(c, elem, limit);
    }
    gor__unlock(&c->lock);
    if (wake != NULL) {
        gor__waiter_wake(wake);
    }
    gor__leave();
    return result;
}

/* The nil channel. */
static int wait_for_nothing(bool parks, const struct gor__limit *limit, enum gor_wait_reason reason)
{
    if (!parks) {
        return -EAGAIN;
    }
    (void)gor__enter();
    int result = gor__limit_wait(limit, reason);
    gor__leave();
    return result;
}

/* From outside. */
static __attribute__((noinline)) int send_slowly(struct gor_chan *c, const void *elem, bool parks,
                                                 const struct gor__limit *limit)
{
    if (gor__m_self() == NULL) {
        return -EPERM;
    }
    if (c == NULL) {
        return wait_for_nothing(parks, limit, GOR_WAIT_CHAN_SEND_NIL);
    }
    (void)gor__enter();
    gor__lock(&c->lock);
    return send_locked(c, elem, parks, limit);
}

static __attribute__((noinline)) int recv_slowly(struct gor_chan *c, void *elem, bool parks,
                                                 const struct gor__limit *limit)
{
    if (gor__m_self() == NULL) {
        return -EPERM;
    }
    if (c == NULL) {
        return wait_for_nothing(parks, limit, GOR_WAIT_CHAN_RECV_NIL);
    }
    (void)gor__enter();
    gor__lock(&c->lock);
    return recv_locked(c, elem, parks, limit);
}

/* In, and the channel locked, at the first attempt; else out. */
static inline bool enter_and_lock(struct gor__m *m, struct gor_chan *c)
{
    if (!gor__try_enter_machine(m)) {
        return false;
    }
    if (!gor__solo && !gor__spin_try_lock(&c->lock.spin)) {
        gor__leave_machine(m);
        return false;
    }
    return true;
}

static inline int refuse(struct gor__m *m, struct gor_chan *c)
{
    gor__unlock(&c->lock);
    gor__leave_machine(m);
    return -EAGAIN;
}

static inline __attribute__((always_inline)) int do_send(struct gor_chan *c, const void *elem,
                                                         bool parks, const struct gor__limit *limit)
{
    struct gor__m *m = gor__m_self();
    if (GOR_UNLIKELY(m == NULL || c == NULL || !enter_and_lock(m, c))) {
        return send_slowly(c, elem, parks, limit);
    }
    if (c->closed || c->receivers.first != NULL || c->elem_bytes != 8) {
        return send_locked(c, elem, parks, limit);
    }
    if (c->count == c->capacity) {
        return parks ? wait_to_send(c, elem, limit) : refuse(m, c);
    }
    memcpy(slot(c, c->count), elem, 8);
    __atomic_store_n(&c->count, c->count + 1, __ATOMIC_RELAXED);
    gor__unlock(&c->lock);
    gor__leave_machine(m);
    return 0;
}

static inline __attribute__((always_inline)) int do_recv(struct gor_chan *c, void *elem, bool parks,
                                                         const struct gor__limit *limit)
{
    struct gor__m *m = gor__m_self();
    if (GOR_UNLIKELY(m == NULL || c == NULL || !enter_and_lock(m, c))) {
        return recv_slowly(c, elem, parks, limit);
    }
    if (c->closed || c->senders.first != NULL || elem == NULL || c->elem_bytes != 8) {
        return recv_locked(c, elem, parks, limit);
    }
    if (c->count == 0) {
        return parks ? wait_to_recv(c, elem, limit) : refuse(m, c);
    }
    memcpy(elem, slot(c, 0), 8);
    drop_oldest(c);
    gor__unlock(&c->lock);
    gor__leave_machine(m);
    return 1;
}

int gor_chan_send(struct gor_chan *c, const void *elem)
{
    return do_send(c, elem, true, NULL);
}

int gor_chan_recv(struct gor_chan *c, void *elem)
{
    return do_recv(c, elem, true, NULL);
}

int gor_chan_send_until(struct gor_chan *c, const void *elem, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return do_send(c, elem, true, &limit);
}

int gor_chan_recv_until(struct gor_chan *c, void *elem, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return do_recv(c, elem, true, &limit);
}

int gor_chan_send_ctx(struct gor_chan *c, const void *elem, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return do_send(c, elem, true, &limit);
}

int gor_chan_recv_ctx(struct gor_chan *c, void *elem, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return do_recv(c, elem, true, &limit);
}

int gor_chan_try_send(struct gor_chan *c, const void *elem)
{
    return do_send(c, elem, false, NULL);
}

int gor_chan_try_recv(struct gor_chan *c, void *elem)
{
    return do_recv(c, elem, false, NULL);
}

int gor_chan_close(struct gor_chan *c)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    if (c == NULL) {
        return gor__misuse(-EINVAL, "close of nil channel");
    }
    gor__enter_machine(m);
    int result = gor__chan_close(c);
    gor__leave_machine(m);
    return result == 0 ? 0 : gor__misuse(result, "close of closed channel");
}
