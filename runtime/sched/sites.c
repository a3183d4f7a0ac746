/* SPDX-License-Identifier: MIT */
/* sites.c - see sites.h.
 *
 * Asking for each stack that is put back was rejected: it takes as long as starting a goroutine. So was
 * painting stacks with a pattern: it would touch the very memory that is to be saved. */
#include "runtime/sched/sites.h"

#include <string.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/goroutine.h"

enum { PAGES_AT_ONCE = 2048 };

static struct gor__site sites[GOR__SITES_MAX];

static uint32_t place_of(const void *created_at)
{
    uint64_t hash = (uint64_t)(uintptr_t)created_at * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 32) % (GOR__SITES_MAX - 1);
}

struct gor__site *gor__site_at(uint32_t number)
{
    return &sites[number];
}

struct gor__site *gor__site_of(const void *created_at, bool add)
{
    uint32_t place = place_of(created_at);
    for (uint32_t i = 0; i < GOR__SITES_MAX - 1; i++) {
        struct gor__site *site = &sites[(place + i) % (GOR__SITES_MAX - 1)];
        const void *there = __atomic_load_n(&site->created_at, __ATOMIC_RELAXED);
        if (there == created_at) {
            return site;
        }
        if (there != NULL) {
            continue;
        }
        if (!add) {
            return NULL;
        }
        if (__atomic_compare_exchange_n(&site->created_at, &there, created_at, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
            there == created_at) {
            return site;
        }
    }
    return &sites[GOR__SITES_MAX - 1];
}

size_t gor__stack_depth(const struct gor__stack *stack, int class)
{
    unsigned char here[PAGES_AT_ONCE];
    size_t grain = gor__memory_grain();
    size_t bytes = gor__stack_class_bytes(class);
    size_t pages = bytes / grain;
    if (pages > PAGES_AT_ONCE || gor__memory_resident(gor__stack_low(stack), bytes, here) < 0) {
        return 0;
    }
    for (size_t i = 0; i < pages; i++) {
        if ((here[i] & 1U) != 0) {
            return bytes - i * grain;
        }
    }
    return 0;
}

static void raise_to(uint64_t *most, uint64_t bytes)
{
    uint64_t former = __atomic_load_n(most, __ATOMIC_RELAXED);
    while (former < bytes && !__atomic_compare_exchange_n(most, &former, bytes, true,
                                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

void gor__site_raise(struct gor__site *site, size_t depth_bytes, size_t reserve_bytes)
{
    raise_to(&site->most_bytes, depth_bytes);
    raise_to(&site->reserve_bytes, reserve_bytes);
}

static struct gor__site *note(const struct gor__g *g, const struct gor__stack *stack)
{
    struct gor__site *site = gor__site_of(g->created_at, true);
    gor__site_raise(site, gor__stack_depth(stack, g->stack_class),
                    gor__stack_class_bytes(g->stack_class));
    return site;
}

void gor__sites_note(const struct gor__g *g, const struct gor__stack *stack)
{
    (void)note(g, stack);
}

__attribute__((noinline)) void gor__sites_note_end(struct gor__g *g)
{
    __atomic_add_fetch(&note(g, g->stack)->measured, 1, __ATOMIC_RELAXED);
    gor__g_clear_flag(g, GOR__G_SAMPLE);
}

void gor__sites_fini(void)
{
    memset(sites, 0, sizeof sites);
}
