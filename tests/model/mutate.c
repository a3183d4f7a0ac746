/* SPDX-License-Identifier: MIT */
/* mutate.c - one access of the source done wrong, to see that the check would notice. A site is an
 * address in the code: the sites of a scenario are those its first run comes by, and so on. */
#include <stdio.h>

#include "tests/model/engine.h"

enum { SITES = 256 };

struct site {
    const void *address;
    struct step step; /* as it was first seen */
    char object[64];
};

static struct site sites[SITES];
static int count;
static bool collecting;
static const void *at;
static enum model_mutation mutation;

static void collect(const struct step *step)
{
    for (int i = 0; i < count; i++) {
        if (sites[i].address == step->site) {
            return;
        }
    }
    if (count < SITES) {
        sites[count] = (struct site){.address = step->site, .step = *step};
        (void)snprintf(sites[count].object, sizeof sites[count].object, "%s",
                       report_name(step->address));
        count++;
    }
}

void mutate_step(struct step *step)
{
    if (step->site == NULL) {
        return;
    }
    if (collecting) {
        collect(step);
    }
    if ((mutation == MODEL_DROP || mutation == MODEL_RELAX) && step->site == at) {
        step->order = __ATOMIC_RELAXED;
        step->fail_order = __ATOMIC_RELAXED;
    }
}

bool mutate_splits(const struct step *step)
{
    return mutation == MODEL_SPLIT && step->site == at;
}

static bool applies(const struct site *site, enum model_mutation kind)
{
    bool fence = site->step.kind == STEP_FENCE;
    switch (kind) {
    case MODEL_DROP:
        return fence;
    case MODEL_RELAX:
        return !fence && site->step.order != __ATOMIC_RELAXED;
    default:
        return site->step.kind == STEP_RMW;
    }
}

static const char *order_name(int order)
{
    static const char *const names[] = {"relaxed", "consume", "acquire",
                                        "release", "acq_rel", "seq_cst"};
    return names[order];
}

static const char *verb(enum model_mutation kind)
{
    switch (kind) {
    case MODEL_DROP:
        return "dropped";
    case MODEL_RELAX:
        return "relaxed";
    default:
        return "split";
    }
}

static const char *kind_name(const struct step *step)
{
    switch (step->kind) {
    case STEP_LOAD:
        return "load";
    case STEP_RMW:
        return step->rmw == RMW_CAS ? "compare-and-swap" : "change";
    case STEP_FENCE:
        return "fence";
    default:
        return "store";
    }
}

/* Whether a scenario finds it, and what. */
static bool find_mutant(struct model_scenario *const *scenarios, size_t scenario_count,
                        struct model_result *result)
{
    for (size_t i = 0; i < scenario_count; i++) {
        model_explore(scenarios[i], 0, result);
        if (result->fault) {
            return true;
        }
    }
    return false;
}

static void try_mutant(struct model_scenario *const *scenarios, size_t scenario_count,
                       const struct site *site, enum model_mutation kind,
                       struct model_mutants *mutants)
{
    struct model_result result = {.fault = false};
    at = site->address;
    mutation = kind;
    bool found = find_mutant(scenarios, scenario_count, &result);
    mutation = MODEL_NONE;
    mutants->made[kind]++;
    mutants->survived[kind] += !found;
    fprintf(stderr, "  %s %s %s %s: %s%s\n", verb(kind), order_name(site->step.order),
            kind_name(&site->step), site->step.kind == STEP_FENCE ? "" : site->object,
            found ? "found: " : "NOT FOUND", found ? result.text : "");
}

void model_mutate(struct model_scenario *const *scenarios, size_t scenario_count,
                  enum model_mutation most, struct model_mutants *out_mutants)
{
    struct model_mutants mutants = {{0}, {0}};
    struct model_result result;
    count = 0;
    collecting = true;
    bool faulty = find_mutant(scenarios, scenario_count, &result);
    collecting = false;
    for (int i = 0; i < count && !faulty; i++) {
        for (enum model_mutation kind = MODEL_DROP; kind <= most; kind++) {
            if (applies(&sites[i], kind)) {
                try_mutant(scenarios, scenario_count, &sites[i], kind, &mutants);
            }
        }
    }
    *out_mutants = mutants;
}
