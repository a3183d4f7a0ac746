/* SPDX-License-Identifier: MIT */
/* execute.c - the threads of one run: stacks that are left before each step and gone on with after
 * it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/cpu/switch.h"
#include "tests/model/engine.h"

enum { STACK_BYTES = 256 << 10, LAST = MODEL_THREADS };

struct run run = {.current = -1};

/* One more than there are threads: for what is called at the end. */
static char stacks[MODEL_THREADS + 1][STACK_BYTES] __attribute__((aligned(64)));
static struct gor__context contexts[MODEL_THREADS + 1];
static struct gor__context engine;
static int running; /* the stack, from 0 */

static void leave(void)
{
    gor__switch(&contexts[running], &engine, gor__float_control());
}

/* Go on with a stack until it leaves. */
static void go_on(int stack)
{
    running = stack;
    gor__switch(&engine, &contexts[stack], gor__float_control());
}

void gor__entry_c(void)
{
    if (running < LAST) {
        run.scenario->threads[running]();
        run.thread[running].next = (struct step){.kind = STEP_NONE};
    } else {
        bool all = true;
        for (int i = 0; i < run.threads; i++) {
            all = all && run.thread[i].next.kind == STEP_NONE;
        }
        void (*act)(void) = all ? run.scenario->check : run.scenario->stuck;
        if (act != NULL) {
            act();
        } else if (!all) {
            model_fail("nobody can go on");
        }
    }
    leave();
    __builtin_unreachable();
}

static void prepare(int stack)
{
    gor__context_init(&contexts[stack], stacks[stack] + STACK_BYTES);
}

/* Let a thread run to its next step. */
static void advance(int thread)
{
    if (run.scenario->resume != NULL) {
        run.scenario->resume(thread);
    }
    memory_show(thread);
    run.current = thread;
    go_on(thread);
    run.current = -1;
    memory_hide(thread);
}

void run_start(const struct model_scenario *scenario)
{
    memset(&run, 0, sizeof run);
    run.scenario = scenario;
    run.current = -1;
    memory_reset();
    report_reset();
    scenario->setup();
    while (run.threads < MODEL_THREADS && scenario->threads[run.threads] != NULL) {
        run.threads++;
    }
    for (int i = 0; i < run.threads && !run.fault; i++) {
        prepare(i);
        advance(i);
    }
}

static int line_thread(int process)
{
    return (process - MODEL_THREADS) / LINES;
}

static int line_index(int process)
{
    return (process - MODEL_THREADS) % LINES;
}

struct step run_next(int process)
{
    if (process >= MODEL_THREADS) {
        return memory_line(line_thread(process), line_index(process));
    }
    return run.thread[process].next;
}

bool run_enabled(int process)
{
    if (process >= MODEL_THREADS) {
        return memory_line_enabled(line_thread(process), line_index(process));
    }
    return memory_enabled(process, &run.thread[process].next);
}

void run_step(int process)
{
    struct step step = run_next(process);
    if (process >= MODEL_THREADS) {
        report_step(process, &step, step.value);
        memory_flush(line_thread(process), line_index(process));
        return;
    }
    struct thread *thread = &run.thread[process];
    thread->answer = memory_do(process, &step);
    report_step(process, &step, thread->answer);
    if (!run.fault) {
        advance(process);
    }
}

void run_finish(void)
{
    prepare(LAST);
    go_on(LAST);
}

/* Whether the step is a matter of the thread alone, and no other could go first. */
static bool is_local(const struct step *step)
{
    if (step->kind == STEP_ENTER) {
        return !run.fence_all;
    }
    return step->kind == STEP_FENCE && memory_enabled(run.current, step);
}

uint64_t run_take(const struct step *step)
{
    struct thread *thread = &run.thread[run.current];
    struct step next = *step;
    enum model_memory memory = run.scenario->memory;
    if (next.kind == STEP_STORE && memory != MODEL_SC &&
        !(memory == MODEL_TSO && next.order == __ATOMIC_SEQ_CST)) {
        next.kind = STEP_ENTER;
    }
    if (is_local(&next)) {
        uint64_t answer = memory_do(run.current, &next);
        report_step(run.current, &next, answer);
        return answer;
    }
    thread->next = next;
    leave();
    return thread->answer;
}

int model_thread(void)
{
    return run.current;
}

void model_uses_fence_all(void)
{
    run.fence_all = true;
}

static void note_fault(const char *format, va_list args)
{
    if (!run.fault) {
        (void)vsnprintf(run.text, sizeof run.text, format, args);
        run.fault = true;
    }
}

void run_fault(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note_fault(format, args);
    va_end(args);
    if (run.current >= 0) {
        leave();
    }
}

void model_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note_fault(format, args);
    va_end(args);
    leave();
    __builtin_unreachable();
}
