/* SPDX-License-Identifier: MIT */
/* explore.c - all orders, one after the other: a stack of the choices made, and for each the
 * processes that must still be tried there.
 *
 * A run starts from the beginning, repeats the choices on the stack and goes on from there. When a
 * step turns out to touch what an earlier one of another process has touched, and nothing orders the
 * two, the other order is noted at the earlier one's place (the backtrack set). What has been tried at
 * a place need not be tried below its later siblings before something touches it (the sleep set).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/engine.h"

/* One choice. */
struct place {
    uint64_t enabled;
    uint64_t backtrack;
    uint64_t tried;
    uint64_t sleep;
    int process; /* chosen last */
    struct step step;
    uint16_t clock[PROCESSES]; /* places + 1 of what came before by causality, the step included */
};

static struct place places[DEPTH_MAX];
static unsigned depth;   /* steps of this run */
static unsigned kept;    /* places to repeat */
static int last_process; /* chosen in this run */

/* By causality, up to the last step of a process, and to all that have left a thread's buffer. */
static uint16_t so_far[PROCESSES][PROCESSES];
static uint16_t flushed[MODEL_THREADS][PROCESSES];

unsigned explore_depth(void)
{
    return depth;
}

static int owner(int process)
{
    return process < MODEL_THREADS ? process : (process - MODEL_THREADS) / LINES;
}

static uint64_t bit(int process)
{
    return UINT64_C(1) << process;
}

/* ---- which steps have anything to do with each other */

static bool touches_memory(const struct step *step)
{
    return step->kind != STEP_NONE && step->kind != STEP_FENCE && step->kind != STEP_FENCE_OTHER &&
           step->kind != STEP_ENTER;
}

static bool only_reads(const struct step *step)
{
    return step->kind == STEP_LOAD || step->kind == STEP_AWAIT || step->kind == STEP_FUTEX_SLEEP;
}

static bool fences(const struct step *fence, int process, const struct step *step)
{
    return fence->kind == STEP_FENCE_OTHER && fence->target == owner(process) &&
           (step->kind == STEP_ENTER || step->kind == STEP_FLUSH);
}

static bool dependent(int a_process, const struct step *a, int b_process, const struct step *b)
{
    if (fences(a, b_process, b) || fences(b, a_process, a)) {
        return true;
    }
    return touches_memory(a) && touches_memory(b) && a->address < b->address + b->size &&
           b->address < a->address + a->size && !(only_reads(a) && only_reads(b));
}

/* ---- causality */

static void join(uint16_t *clock, const uint16_t *other)
{
    for (int i = 0; i < PROCESSES; i++) {
        if (other[i] > clock[i]) {
            clock[i] = other[i];
        }
    }
}

/* Whether the buffer had to be empty for it. Too few ways to wait only cost time. */
static bool drains(const struct step *step)
{
    return step->kind == STEP_STORE || step->kind == STEP_FENCE || step->kind == STEP_AWAIT ||
           step->kind == STEP_LOCK || step->kind == STEP_FUTEX_WAIT ||
           step->kind == STEP_FUTEX_WAKE ||
           (step->kind == STEP_RMW && run.scenario->memory == MODEL_TSO);
}

/* What comes before the next step of a process whatever happens now. */
static void inherit(int process, uint16_t *clock)
{
    memcpy(clock, so_far[process], sizeof so_far[process]);
    if (process >= MODEL_THREADS) {
        unsigned cause = memory_line_cause(owner(process), (process - MODEL_THREADS) % LINES);
        if (cause > 0) {
            join(clock, places[cause - 1].clock);
        }
    }
}

/* The clock of the step about to be taken, at the place `at`. */
static void note_causes(unsigned at)
{
    struct place *place = &places[at];
    int process = place->process;
    inherit(process, place->clock);
    for (unsigned i = 0; i < at; i++) {
        if (places[i].clock[places[i].process] > place->clock[places[i].process] &&
            dependent(places[i].process, &places[i].step, process, &place->step)) {
            join(place->clock, places[i].clock);
        }
    }
    if (process < MODEL_THREADS && drains(&place->step)) {
        join(place->clock, flushed[process]);
    }
    place->clock[process] = (uint16_t)(at + 1);
}

/* ---- the other order */

/* Have `process`, or what leads to its next step, tried at the place `at` too. */
static void backtrack(unsigned at, int process, const uint16_t *clock)
{
    struct place *place = &places[at];
    if (place->enabled & bit(process)) {
        /* One that sleeps is not tried there, and what it would have shown stays unknown: then all. */
        place->backtrack |= place->sleep & bit(process) ? place->enabled : bit(process);
        return;
    }
    uint64_t leads = 0;
    for (int q = 0; q < PROCESSES; q++) {
        if ((place->enabled & bit(q)) && clock[q] > at + 1) {
            leads |= bit(q);
        }
    }
    leads &= ~place->sleep;
    if ((leads & place->backtrack) == 0) {
        place->backtrack |= leads != 0 ? leads & -leads : place->enabled;
    }
}

static bool races(unsigned at, int process, const struct step *step, const uint16_t *clock)
{
    const struct place *place = &places[at];
    return place->process != process && clock[place->process] <= at &&
           dependent(place->process, &place->step, process, step);
}

/* The step that `process` has come to: the last step taken that it races with. */
static void look_back(int process)
{
    uint16_t clock[PROCESSES];
    struct step step = run_next(process);
    if (step.kind == STEP_NONE) {
        return;
    }
    inherit(process, clock);
    for (unsigned i = depth; i-- > 0;) {
        if (races(i, process, &step, clock)) {
            backtrack(i, process, clock);
            return;
        }
    }
}

/* The step just taken: who is about to take one that races with it. */
static void look_around(void)
{
    const struct place *place = &places[depth - 1];
    for (int q = 0; q < PROCESSES; q++) {
        uint16_t clock[PROCESSES];
        struct step step = run_next(q);
        if (q == place->process || !dependent(place->process, &place->step, q, &step)) {
            continue;
        }
        inherit(q, clock);
        if (races(depth - 1, q, &step, clock)) {
            backtrack(depth - 1, q, clock);
        }
    }
}

/* ---- one run */

static uint64_t enabled_now(void)
{
    uint64_t enabled = 0;
    for (int i = 0; i < PROCESSES; i++) {
        if (run_enabled(i)) {
            enabled |= bit(i);
        }
    }
    return enabled;
}

static uint64_t sleep_below(const struct place *above)
{
    uint64_t sleep = (above->sleep | above->tried) & ~bit(above->process);
    for (int i = 0; i < PROCESSES; i++) {
        if (sleep & bit(i)) {
            struct step step = run_next(i);
            if (dependent(i, &step, above->process, &above->step)) {
                sleep &= ~bit(i);
            }
        }
    }
    return sleep;
}

/* The one that went last goes on, for such orders are the easiest to read. */
static int choose(uint64_t candidates)
{
    if (candidates & bit(last_process)) {
        return last_process;
    }
    return __builtin_ctzll(candidates);
}

/* False: all that could be done here is asleep. */
static bool open_place(uint64_t enabled, bool reduce)
{
    struct place *place = &places[depth];
    memset(place, 0, sizeof *place);
    place->enabled = enabled;
    if (reduce && depth > 0) {
        place->sleep = sleep_below(&places[depth - 1]);
    }
    if ((enabled & ~place->sleep) == 0) {
        return false;
    }
    place->process = choose(enabled & ~place->sleep);
    place->backtrack = reduce ? bit(place->process) : enabled;
    kept = depth + 1;
    return true;
}

static void start_clocks(void)
{
    memset(so_far, 0, sizeof so_far);
    memset(flushed, 0, sizeof flushed);
}

static void pass_on(int process)
{
    const uint16_t *clock = places[depth - 1].clock;
    memcpy(so_far[process], clock, sizeof so_far[process]);
    if (process >= MODEL_THREADS) {
        join(flushed[owner(process)], clock);
    }
}

static void take_step(bool reduce)
{
    struct place *place = &places[depth];
    int process = place->process;
    bool fresh = depth + 1 == kept; /* its consequences are not noted yet */
    place->step = run_next(process);
    place->tried |= bit(process);
    if (fresh) {
        note_causes(depth);
    }
    last_process = process;
    depth++;
    run_step(process);
    pass_on(process);
    if (!reduce || !fresh) {
        return;
    }
    look_around();
    look_back(process);
    for (int line = 0; process < MODEL_THREADS && line < LINES; line++) {
        look_back(MODEL_THREADS + process * LINES + line);
    }
}

enum outcome { ENDED, FAULT, CUT };

static enum outcome run_once(const struct model_scenario *scenario)
{
    bool reduce = !scenario->all_orders;
    depth = 0;
    last_process = 0;
    start_clocks();
    run_start(scenario);
    while (!run.fault) {
        uint64_t enabled = enabled_now();
        if (enabled == 0) {
            run_finish();
            break;
        }
        if (depth == DEPTH_MAX) {
            run_fault("more than %d steps", DEPTH_MAX);
            break;
        }
        if (depth >= kept && !open_place(enabled, reduce)) {
            return CUT;
        }
        take_step(reduce);
    }
    return run.fault ? FAULT : ENDED;
}

/* ---- from run to run */

/* Choose anew at the deepest place that has something left; false: there is none. */
static bool next_order(void)
{
    while (kept > 0) {
        struct place *place = &places[kept - 1];
        uint64_t left = place->backtrack & ~place->tried & ~place->sleep;
        if (left != 0) {
            place->process = __builtin_ctzll(left);
            return true;
        }
        kept--;
    }
    return false;
}

static void write_choices(struct model_result *result)
{
    size_t used = 0;
    for (unsigned i = 0; i < depth; i++) {
        int wrote = snprintf(result->choices + used, sizeof result->choices - used, "%s%d",
                             i > 0 ? "." : "", places[i].process);
        if (wrote < 0 || (size_t)wrote >= sizeof result->choices - used) {
            break;
        }
        used += (size_t)wrote;
    }
}

static void count(struct model_result *result, enum outcome outcome)
{
    result->runs += outcome != CUT;
    result->cut += outcome == CUT;
    result->steps += depth;
    if (depth > result->deepest) {
        result->deepest = depth;
    }
}

void model_explore(const struct model_scenario *scenario, uint64_t limit,
                   struct model_result *out_result)
{
    struct model_result result = {.fault = false};
    kept = 0;
    do {
        enum outcome outcome = run_once(scenario);
        count(&result, outcome);
        if (outcome == FAULT) {
            result.fault = true;
            (void)snprintf(result.text, sizeof result.text, "%s", run.text);
            write_choices(&result);
            break;
        }
        result.stopped = limit != 0 && result.runs + result.cut >= limit;
    } while (!result.stopped && next_order());
    *out_result = result;
}

void model_replay(const struct model_scenario *scenario, const char *choices)
{
    report_on = true;
    run_start(scenario);
    while (*choices != '\0' && !run.fault) {
        char *end = NULL;
        int process = (int)strtol(choices, &end, 10);
        if (process < 0 || process >= PROCESSES || !run_enabled(process)) {
            fprintf(stderr, "  %d cannot take a step here\n", process);
            break;
        }
        run_step(process);
        choices = *end == '.' ? end + 1 : end;
    }
    if (!run.fault) {
        run_finish();
    }
    fprintf(stderr, "  %s\n", run.fault ? run.text : "no fault");
    report_on = false;
}

bool model_long(void)
{
    static int known = -1;
    if (known < 0) {
        known = getenv("GOR_LONG") != NULL;
    }
    return known != 0;
}

static void hold(const struct model_scenario *scenario)
{
    static const char *const memories[] = {"in order", "TSO", "weak"};
    struct model_result result;
    model_explore(scenario, scenario->most, &result);
    fprintf(stderr, "%s (%s): %lu orders, %lu cut short, %lu steps, at most %lu in one%s\n",
            scenario->name, memories[scenario->memory], (unsigned long)result.runs,
            (unsigned long)result.cut, (unsigned long)result.steps, (unsigned long)result.deepest,
            result.stopped ? "; not all" : "");
    if (result.fault) {
        fprintf(stderr, "%s: %s, in this order:\n", scenario->name, result.text);
        model_replay(scenario, result.choices);
        fprintf(stderr, "again: GOR_MODEL_REPLAY=%s:%d:%s\n", scenario->name, (int)scenario->memory,
                result.choices);
        exit(1);
    }
}

/* $GOR_MODEL_REPLAY, if it is of this scenario: "name:memory:choices". */
static const char *wanted_again(const struct model_scenario *scenario)
{
    const char *again = getenv("GOR_MODEL_REPLAY");
    size_t length = strlen(scenario->name);
    if (again == NULL || strncmp(again, scenario->name, length) != 0 || again[length] != ':' ||
        again[length + 1] != '0' + (char)scenario->memory || again[length + 2] != ':') {
        return NULL;
    }
    return again + length + 3;
}

void model_hold(struct model_scenario *const *scenarios, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct model_scenario scenario = *scenarios[i];
        enum model_memory memory = model_long() ? MODEL_SC : MODEL_WEAK;
        for (; memory <= MODEL_WEAK; memory++) {
            scenario.memory = memory;
            const char *again = wanted_again(&scenario);
            if (again != NULL) {
                model_replay(&scenario, again);
            } else if (getenv("GOR_MODEL_REPLAY") == NULL) {
                hold(&scenario);
            }
        }
    }
}
