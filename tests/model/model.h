/* SPDX-License-Identifier: MIT */
/* model.h - an exhaustive interleaver: runs a few threads through every order of their accesses to
 * shared memory, and through every order in which weak hardware may make their stores visible.
 *
 * What is checked is the runtime's own source, unchanged: it is compiled with the compiler's
 * instrumentation for ThreadSanitizer, and hooks.c answers in place of ThreadSanitizer. Every atomic
 * access is a step at which any other thread may go first; plain accesses are not, but two that no
 * synchronization orders are reported as a data race. So, as the C11 model says, nothing is missed
 * by it.
 *
 * The threads are stacks of one real thread, switched by the runtime's own switch. A scenario is run
 * again and again from its start; before each run `setup` must bring all memory into the same state,
 * and everything it shares must lie at the same address every time (static, or on the threads'
 * stacks). Orders that differ only in steps that do not touch each other count as one (dynamic
 * partial-order reduction, Flanagan and Godefroid 2005, with sleep sets); no other bound is set.
 *
 * Memory      MODEL_SC: as if steps happened one after the other.
 *             MODEL_TSO: x86: stores wait in a buffer of their thread, in order; atomic
 *             read-modify-writes, fences and sequentially consistent stores empty it.
 *             MODEL_WEAK: the buffer lets stores to different addresses overtake each other, but for
 *             a release; only a full fence, or a sequentially consistent load after a sequentially
 *             consistent store, waits for it. Loads happen in program order: what an ARM or POWER
 *             may do beyond that is not modelled, but a missing acquire still shows as a data race.
 */
#ifndef GOR_TESTS_MODEL_MODEL_H
#define GOR_TESTS_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 4 };

enum model_memory { MODEL_SC, MODEL_TSO, MODEL_WEAK };

struct model_scenario {
    const char *name;
    enum model_memory memory;
    void (*setup)(void);
    void (*threads[MODEL_THREADS])(void); /* the first NULL ends the list */
    void (*resume)(int thread);           /* before a thread goes on; NULL: nothing to do */
    void (*check)(void);                  /* when all have ended; NULL: nothing to check */
    void (*stuck)(void); /* when none can go on, but not all have ended; NULL: that is a fault */
    bool all_orders;     /* without the reduction; to check the checker */
    uint64_t most;       /* runs for model_hold to stop after, which it then says; 0: no limit */
};

struct model_result {
    bool fault;
    bool stopped;       /* at the limit, so not everything was seen */
    char text[512];     /* the fault */
    char choices[4096]; /* the order that leads to it, for model_replay */
    uint64_t runs;      /* that came to their end */
    uint64_t cut;       /* that turned out to repeat others */
    uint64_t steps;
    uint64_t deepest;
};

/* Run it through all orders, or until the first fault, or through `limit` runs (0: no limit). */
void model_explore(const struct model_scenario *scenario, uint64_t limit,
                   struct model_result *out_result);

/* Explore and report: a fault is printed with its order, step by step, and ends the process. By default
 * under MODEL_WEAK, which can do whatever the others can; with $GOR_LONG under all three. */
void model_hold(struct model_scenario *const *scenarios, size_t count);

/* Run once in the order of `choices` and print each step. */
void model_replay(const struct model_scenario *scenario, const char *choices);

/* ---- mutants: the same source with one access done wrong */

enum model_mutation {
    MODEL_NONE,
    MODEL_DROP,  /* a fence goes away */
    MODEL_RELAX, /* the order becomes relaxed */
    MODEL_SPLIT, /* a read-modify-write becomes a load and a store */
    MODEL_MUTATIONS,
};

/* What became of the mutants, by kind of mutation. */
struct model_mutants {
    unsigned made[MODEL_MUTATIONS];
    unsigned survived[MODEL_MUTATIONS]; /* no scenario has found a fault */
};

/* Explore the scenarios, which hold, with each access of theirs done wrong in turn, until one finds a
 * fault, and print a line for each. In all ways up to `most`, in the order of the list above. */
void model_mutate(struct model_scenario *const *scenarios, size_t count, enum model_mutation most,
                  struct model_mutants *out_mutants);

/* Whether to take the time: $GOR_LONG. */
bool model_long(void);

/* ---- for setup */

/* Name an object for reports; `text` stays valid. */
void model_name(const void *object, size_t bytes, const char *text);

/* ---- for threads, check and stuck */

int model_thread(void);

/* A fault; the run ends here. */
void model_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define MODEL_CHECK(condition)                                                     \
    do {                                                                           \
        if (!(condition)) {                                                        \
            model_fail("%s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
        }                                                                          \
    } while (0)

/* Wait until *word is not `value`. */
void model_await(const uint32_t *word, uint32_t value);

/* Every thread passes a full fence, one after the other: the kernel's membarrier. */
void model_fence_all(void);

/* A scenario that uses model_fence_all says so in setup: where a store enters its thread's buffer
 * then is a step of its own. */
void model_uses_fence_all(void);

#endif
