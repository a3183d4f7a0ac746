/* SPDX-License-Identifier: MIT */
/* cases.h - small programs of known outcome for the leak finder.
 *
 * LEAK_CASE(name) { ... } is the body of a goroutine that sets a scene and returns. Goroutines of it
 * that must be found are started by leaks(), others that may still be there by lives(), those that
 * end by ends(). Who looks waits until nothing runs any more.
 */
#ifndef GOR_TESTS_RUNTIME_LEAK_CASES_H
#define GOR_TESTS_RUNTIME_LEAK_CASES_H

#include <errno.h>
#include <stdlib.h>

#include "runtime/gor.h"
#include "tests/test.h"

enum outcome {
    FINDS,    /* exactly those started by leaks() have leaked */
    DEADLOCK, /* the process dies of it */
};

struct leak_case {
    const char *name;
    enum outcome outcome;
    void (*body)(void);
    struct leak_case *next;
};

void leak_case_register(struct leak_case *one);

void leaks(void (*fn)(void *arg), void *arg);
void lives(void (*fn)(void *arg), void *arg);
void ends(void (*fn)(void *arg), void *arg);

/* So many goroutines that the library starts by itself leak as well. */
void unnamed_leaks(unsigned count);

/* Memory that nobody frees: who has leaked will not. */
void *lasting(size_t bytes);
struct gor_chan *channel(size_t capacity); /* of int */

/* Two things for a goroutine. */
struct pair {
    void *a;
    void *b;
};
struct pair *pair_of(void *a, void *b);

#define LEAK_CASE_OF(case_name, outcome)                                             \
    static void case_##case_name(void);                                              \
    __attribute__((constructor)) static void register_##case_name(void)              \
    {                                                                                \
        static struct leak_case one = {#case_name, outcome, case_##case_name, NULL}; \
        leak_case_register(&one);                                                    \
    }                                                                                \
    static void case_##case_name(void)

#define LEAK_CASE(case_name) LEAK_CASE_OF(case_name, FINDS)
#define DEADLOCK_CASE(case_name) LEAK_CASE_OF(case_name, DEADLOCK)

/* What many scenes need. */
void send_one(void *chan);
void recv_one(void *chan);
void recv_until_closed(void *chan);
void wait_for_group(void *waitgroup);
void wait_for_context(void *ctx);
void lock_and_unlock(void *mutex);

#endif
