/* SPDX-License-Identifier: MIT */
/* sites.c - the places that goroutines are started at, and how much stack they need:
 *
 *          stack    reserve       live   measured  started by
 *        212 KiB    256 KiB          3         17  serve (server.c:81)
 */
#include "runtime/sched/sites.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/debug/stream.h"
#include "runtime/debug/symbol.h"
#include "runtime/gor.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"

struct census {
    uint64_t live[GOR__SITES_MAX];
};

/* Where what is read may be about to change: it counts if `id` is the same afterwards. */
__attribute__((noinline, no_sanitize_thread)) static const void *created_at(const struct gor__g *g)
{
    return *(const void *const volatile *)&g->created_at;
}

static void measure(const struct gor__g *g, struct gor__site *site)
{
    gor_id_t id = __atomic_load_n(&g->id, __ATOMIC_ACQUIRE);
    const struct gor__stack *stack = __atomic_load_n(&g->stack, __ATOMIC_ACQUIRE);
    if (stack == NULL || (__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & GOR__G_SAMPLE) == 0) {
        return;
    }
    size_t depth = gor__stack_depth(stack, g->stack_class);
    if (gor__stack_g(stack) == g && __atomic_load_n(&g->id, __ATOMIC_ACQUIRE) == id &&
        (__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & GOR__G_SAMPLE) != 0) {
        gor__site_raise(site, depth, gor__stack_class_bytes(g->stack_class));
    }
}

static int count_one(void *arg, struct gor__g *g)
{
    struct census *census = arg;
    enum gor_state state = gor__g_state(g);
    if (state == GOR_TERMINATED || state == GOR_CREATED) {
        return 0;
    }
    struct gor__site *site = gor__site_of(created_at(g), true);
    census->live[site - gor__site_at(0)]++;
    measure(g, site);
    return 0;
}

static struct gor_site as_seen(uint32_t number, uint64_t live)
{
    const struct gor__site *site = gor__site_at(number);
    return (struct gor_site){
        .created_at = __atomic_load_n(&site->created_at, __ATOMIC_RELAXED),
        .live = live,
        .measured = __atomic_load_n(&site->measured, __ATOMIC_RELAXED),
        .stack_most_bytes = (size_t)__atomic_load_n(&site->most_bytes, __ATOMIC_RELAXED),
        .stack_bytes = (size_t)__atomic_load_n(&site->reserve_bytes, __ATOMIC_RELAXED),
    };
}

int gor_each_site(int (*visit)(void *arg, const struct gor_site *site), void *arg)
{
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return -ESRCH;
    }
    struct census *census = calloc(1, sizeof *census);
    if (census == NULL) {
        return -ENOMEM;
    }
    int result = gor__pool_each(count_one, census);
    for (uint32_t i = 0; i < GOR__SITES_MAX && result == 0; i++) {
        struct gor_site site = as_seen(i, census->live[i]);
        if (site.live > 0 || site.measured > 0 || site.stack_most_bytes > 0) {
            result = visit(arg, &site);
        }
    }
    free(census);
    return result;
}

/* ---- as text */

struct listing {
    struct gor_site *sites;
    size_t count;
    size_t room;
};

static int keep(void *arg, const struct gor_site *site)
{
    struct listing *listing = arg;
    if (listing->count == listing->room) {
        size_t room = listing->room == 0 ? 64 : 2 * listing->room;
        struct gor_site *sites = realloc(listing->sites, room * sizeof *sites);
        if (sites == NULL) {
            return -ENOMEM;
        }
        listing->sites = sites;
        listing->room = room;
    }
    listing->sites[listing->count++] = *site;
    return 0;
}

static int deepest_first(const void *a, const void *b)
{
    const struct gor_site *left = a;
    const struct gor_site *right = b;
    if (left->stack_most_bytes != right->stack_most_bytes) {
        return left->stack_most_bytes > right->stack_most_bytes ? -1 : 1;
    }
    return left->live > right->live ? -1 : left->live < right->live;
}

static void print_place(FILE *out, const void *created_at)
{
    struct gor__symbol symbol;
    if (created_at == NULL) {
        fputs("others\n", out);
    } else if (!gor__symbol_find((const char *)created_at - 1, &symbol)) {
        fprintf(out, "0x%" PRIxPTR "\n", (uintptr_t)created_at);
    } else if (symbol.file != NULL) {
        fprintf(out, "%s (%s:%u)\n", symbol.function != NULL ? symbol.function : "?", symbol.file,
                symbol.line);
    } else {
        fprintf(out, "%s+0x%" PRIxPTR "\n", symbol.function != NULL ? symbol.function : "?",
                (uintptr_t)created_at - symbol.start);
    }
}

static void print(FILE *out, const struct gor_site *site)
{
    char depth[32] = "?";
    char reserve[32] = "?";
    if (site->stack_most_bytes > 0) {
        (void)snprintf(depth, sizeof depth, "%zu KiB", site->stack_most_bytes / 1024);
        (void)snprintf(reserve, sizeof reserve, "%zu KiB", site->stack_bytes / 1024);
    }
    fprintf(out, "%10s %10s %10" PRIu64 " %10" PRIu64 "  ", depth, reserve, site->live,
            site->measured);
    print_place(out, site->created_at);
}

int gor_dump_sites(FILE *out)
{
    struct listing listing = {NULL, 0, 0};
    int result = gor_each_site(keep, &listing);
    if (result == 0) {
        fprintf(out, "%10s %10s %10s %10s  %s\n", "stack", "reserve", "live", "measured",
                "started by");
        if (listing.count > 0) {
            qsort(listing.sites, listing.count, sizeof *listing.sites, deepest_first);
        }
        for (size_t i = 0; i < listing.count; i++) {
            print(out, &listing.sites[i]);
        }
        result = gor__stream_end(out);
    }
    free(listing.sites);
    return result;
}
