/* SPDX-License-Identifier: MIT */
/* engine.h - the parts of the interleaver, for each other.
 *
 * A *process* is what takes steps: a thread, or one line of a thread's store buffer, whose steps make
 * its oldest store visible. Processes are numbered: threads first, then the lines.
 *
 * hooks.c turns accesses into steps; execute.c runs threads from step to step; memory.c does the
 * steps; explore.c decides who is next; report.c tells people; mutate.c spoils accesses.
 */
#ifndef GOR_TESTS_MODEL_ENGINE_H
#define GOR_TESTS_MODEL_ENGINE_H

#include "tests/model/model.h"

enum {
    LINES = 14, /* addresses a thread's buffer can hold at one time */
    PROCESSES = MODEL_THREADS + MODEL_THREADS * LINES,
    DEPTH_MAX = 20000,
};

enum step_kind {
    STEP_NONE, /* the thread has ended, or the line is empty */
    STEP_LOAD,
    STEP_STORE,
    STEP_ENTER, /* a store enters the buffer */
    STEP_FLUSH, /* ... and leaves it */
    STEP_RMW,
    STEP_FENCE,
    STEP_FENCE_OTHER, /* of thread `target` */
    STEP_AWAIT,
    STEP_LOCK, /* waits until the word is 0 */
    STEP_FUTEX_WAIT,
    STEP_FUTEX_SLEEP, /* goes on when woken */
    STEP_FUTEX_WAKE,
};

enum rmw_kind { RMW_EXCHANGE, RMW_CAS, RMW_ADD, RMW_SUB, RMW_AND, RMW_OR, RMW_XOR };

struct step {
    uint8_t kind;
    uint8_t rmw;
    uint8_t size;
    uint8_t order; /* __ATOMIC_x */
    uint8_t fail_order;
    int8_t target;
    char *address;
    uint64_t value;
    uint64_t expected;
    const void *site; /* in the code */
};

/* How often each thread had acted when something was done; of C11's happens-before. */
struct clock {
    uint32_t of[MODEL_THREADS];
};

/* ---- execute.c */

struct thread {
    struct step next;
    uint64_t answer; /* of the step done last */
    bool asleep;     /* on a futex, since `sleeps` of the run */
    uint64_t slept;
};

struct run {
    const struct model_scenario *scenario;
    int threads;
    int current; /* the thread whose code runs; -1: none */
    bool fence_all;
    bool fault;
    uint64_t sleeps;
    char text[512];
    struct thread thread[MODEL_THREADS];
};

extern struct run run;

/* Set up and bring every thread to its first step. */
void run_start(const struct model_scenario *scenario);

/* Have the step of `process` done, and its thread go on to its next one. */
void run_step(int process);

/* The next step of a process; kind STEP_NONE: there is none. */
struct step run_next(int process);

/* Whether it could be done now. */
bool run_enabled(int process);

/* Call check or stuck, as a fault may come from there too. */
void run_finish(void);

/* The calling thread's next step; answers what it results in. */
uint64_t run_take(const struct step *step);

/* A fault that a step has found: on the stack of a thread, or of the engine. */
void run_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- memory.c */

void memory_reset(void);

/* Show the buffered stores of `thread` in memory, for its own plain loads, and hide them again. */
void memory_show(int thread);
void memory_hide(int thread);

/* Do the step of a thread; the loaded value. */
uint64_t memory_do(int thread, const struct step *step);
bool memory_enabled(int thread, const struct step *step);

/* A store into the buffer of the thread that runs. */
void memory_enter(int thread, const struct step *step);

struct step memory_line(int thread, int line);
bool memory_line_enabled(int thread, int line);
void memory_flush(int thread, int line);

/* The steps that had been taken when the line's oldest store entered the buffer. */
unsigned memory_line_cause(int thread, int line);

/* A plain access of the thread that runs. */
void memory_plain(int thread, char *address, size_t bytes, bool writes);

/* ---- explore.c */

/* Steps taken so far in this run. */
unsigned explore_depth(void);

/* ---- report.c */

void report_reset(void);
void report_step(int process, const struct step *step, uint64_t answer);
const char *report_name(const void *address);
extern bool report_on;

/* ---- mutate.c */

/* Make the mutation of this run, if `step` is at its site. */
void mutate_step(struct step *step);
bool mutate_splits(const struct step *step);

#endif
