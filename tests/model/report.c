/* SPDX-License-Identifier: MIT */
/* report.c - the steps of an order, for people. */
#include <stdio.h>

#include "tests/model/engine.h"

enum { NAMES = 64 };

struct name {
    const char *object;
    size_t bytes;
    const char *text;
};

bool report_on;
static struct name names[NAMES];
static int count;

void report_reset(void)
{
    count = 0;
}

void model_name(const void *object, size_t bytes, const char *text)
{
    if (count < NAMES) {
        names[count++] = (struct name){object, bytes, text};
    }
}

const char *report_name(const void *address)
{
    static char text[128];
    const struct name *best = NULL;
    for (int i = 0; i < count; i++) {
        const struct name *n = &names[i];
        if ((const char *)address >= n->object && (const char *)address < n->object + n->bytes &&
            (best == NULL || n->bytes < best->bytes)) {
            best = n;
        }
    }
    if (best == NULL) {
        (void)snprintf(text, sizeof text, "%p", address);
    } else if ((const char *)address == best->object) {
        (void)snprintf(text, sizeof text, "%s", best->text);
    } else {
        (void)snprintf(text, sizeof text, "%s+%ld", best->text,
                       (long)((const char *)address - best->object));
    }
    return text;
}

static const char *const kinds[] = {
    [STEP_NONE] = "-",
    [STEP_LOAD] = "load",
    [STEP_STORE] = "store",
    [STEP_ENTER] = "store into the buffer",
    [STEP_FLUSH] = "  store becomes visible:",
    [STEP_RMW] = "change",
    [STEP_FENCE] = "fence",
    [STEP_FENCE_OTHER] = "fence on thread",
    [STEP_AWAIT] = "wait for a change of",
    [STEP_LOCK] = "lock",
    [STEP_FUTEX_WAIT] = "futex wait on",
    [STEP_FUTEX_SLEEP] = "is woken on",
    [STEP_FUTEX_WAKE] = "futex wake on",
};

void report_step(int process, const struct step *step, uint64_t answer)
{
    if (!report_on) {
        return;
    }
    int thread = process < MODEL_THREADS ? process : (process - MODEL_THREADS) / LINES;
    fprintf(stderr, "  %*s[%d] %s", thread * 4, "", thread, kinds[step->kind]);
    if (step->kind == STEP_FENCE_OTHER) {
        fprintf(stderr, " %d", step->target);
    } else if (step->kind != STEP_FENCE) {
        fprintf(stderr, " %s", report_name(step->address));
    }
    if (step->kind == STEP_RMW && step->rmw == RMW_CAS) {
        fprintf(stderr, ": if it is %ld then %ld; it is", (long)step->expected, (long)step->value);
    } else if (step->kind == STEP_RMW || step->kind == STEP_ENTER || step->kind == STEP_STORE) {
        fprintf(stderr, " %ld", (long)step->value);
    }
    if (step->kind != STEP_FENCE && step->kind != STEP_FENCE_OTHER && step->kind != STEP_ENTER &&
        step->kind != STEP_STORE) {
        fprintf(stderr, ": %ld", (long)answer);
    }
    fprintf(stderr, "\n");
}
