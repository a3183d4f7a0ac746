/* SPDX-License-Identifier: MIT */
/* goroutine.c - see goroutine.h. */
#include "runtime/sched/goroutine.h"

uint64_t gor__wake_arm(struct gor__g *g)
{
    /* Only the goroutine itself arms, and only when the former wait is over. */
    uint64_t token = (__atomic_load_n(&g->wake, __ATOMIC_RELAXED) | 1) + 1;
    __atomic_store_n(&g->wake, token, __ATOMIC_RELEASE);
    return token;
}

bool gor__wake_claim(struct gor__g *g, uint64_t token)
{
    /* Never the solo short cut: the poller claims without a P. */
    return __atomic_compare_exchange_n(&g->wake, &token, token + 1, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

#define STATE_NAME(id, text) [GOR_##id] = text,
static const char *const state_names[GOR_STATE_COUNT] = {GOR_STATES(STATE_NAME)};

#define REASON_NAME(id, text) [GOR_WAIT_##id] = text,
static const char *const reason_names[GOR_WAIT_COUNT] = {GOR_WAIT_REASONS(REASON_NAME)};

const char *gor_state_name(enum gor_state state)
{
    return (unsigned)state < GOR_STATE_COUNT ? state_names[state] : "?";
}

const char *gor_wait_reason_name(enum gor_wait_reason reason)
{
    return (unsigned)reason < GOR_WAIT_COUNT ? reason_names[reason] : "?";
}
