/* SPDX-License-Identifier: MIT */
/* lend.h - memory is lent to the kernel for one system call.
 *
 * It may lie on the stack of another goroutine, which may hibernate (sched/cold.h), and then the kernel
 * would answer EFAULT, perhaps with a datagram lost. So it is brought back first, and kept for the time
 * of the call. Where nothing ever hibernates, that is the look at a word.
 *
 *     bool lent = gor__lend(buf);
 *     ... the call, and its errno ...
 *     gor__take_back(buf, lent);
 *
 * Threads     any; no park between the two.
 */
#ifndef GOR_IO_LEND_H
#define GOR_IO_LEND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "runtime/sched/cold.h"

static inline bool gor__lend(const void *memory)
{
    return GOR_UNLIKELY(__atomic_load_n(&gor__cold_used, __ATOMIC_RELAXED)) &&
           gor__cold_pin(memory);
}

static inline void gor__take_back(const void *memory, bool lent)
{
    if (GOR_UNLIKELY(lent)) {
        gor__cold_unpin(memory);
    }
}

/* The array too. */
static inline bool gor__lend_parts(const struct iovec *parts, int count)
{
    if (GOR_LIKELY(!__atomic_load_n(&gor__cold_used, __ATOMIC_RELAXED))) {
        return false;
    }
    bool lent = gor__cold_pin(parts);
    for (int i = 0; i < count; i++) {
        lent |= gor__cold_pin(parts[i].iov_base);
    }
    return lent;
}

static inline void gor__take_back_parts(const struct iovec *parts, int count, bool lent)
{
    if (GOR_LIKELY(!lent)) {
        return;
    }
    for (int i = 0; i < count; i++) {
        gor__cold_unpin(parts[i].iov_base);
    }
    gor__cold_unpin(parts);
}

/* The array, and all strings up to the NULL. */
static inline bool gor__lend_strings(char *const *strings)
{
    if (GOR_LIKELY(!__atomic_load_n(&gor__cold_used, __ATOMIC_RELAXED))) {
        return false;
    }
    bool lent = gor__cold_pin(strings);
    for (char *const *string = strings; *string != NULL; string++) {
        lent |= gor__cold_pin(*string);
    }
    return lent;
}

static inline void gor__take_back_strings(char *const *strings, bool lent)
{
    if (GOR_LIKELY(!lent)) {
        return;
    }
    for (char *const *string = strings; *string != NULL; string++) {
        gor__cold_unpin(*string);
    }
    gor__cold_unpin(strings);
}

/* All that a message points to. */
static inline bool gor__lend_message(const struct msghdr *message)
{
    if (GOR_LIKELY(!__atomic_load_n(&gor__cold_used, __ATOMIC_RELAXED))) {
        return false;
    }
    bool lent = gor__cold_pin(message);
    lent |= gor__cold_pin(message->msg_name);
    lent |= gor__cold_pin(message->msg_control);
    return gor__lend_parts(message->msg_iov, (int)message->msg_iovlen) || lent;
}

static inline void gor__take_back_message(const struct msghdr *message, bool lent)
{
    if (GOR_LIKELY(!lent)) {
        return;
    }
    gor__take_back_parts(message->msg_iov, (int)message->msg_iovlen, true);
    gor__cold_unpin(message->msg_control);
    gor__cold_unpin(message->msg_name);
    gor__cold_unpin(message);
}

#endif
