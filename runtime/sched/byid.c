/* SPDX-License-Identifier: MIT */
/* byid.c - see byid.h. Four places a bucket, so that a few long-lived goroutines do not push each
 * other out for ever. */
#include "runtime/sched/byid.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/sched/goroutine.h"
#include "runtime/sched/pool.h"

enum { BUCKETS = 8192, WAYS = 4 };

static struct gor__g *hints[BUCKETS][WAYS];

static gor_id_t id_of(const struct gor__g *g)
{
    return __atomic_load_n(&g->id, __ATOMIC_RELAXED);
}

static bool is_free(const struct gor__g *g)
{
    return g == NULL || gor__g_state(g) == GOR_TERMINATED;
}

/* Put the hint where it displaces none of use; false when there is no such place. */
static bool note_in_free_way(struct gor__g *g, gor_id_t id)
{
    struct gor__g **ways = hints[id % BUCKETS];
    for (int i = 0; i < WAYS; i++) {
        struct gor__g *hint = __atomic_load_n(&ways[i], __ATOMIC_RELAXED);
        if (hint == g || is_free(hint) || id_of(hint) % BUCKETS != id % BUCKETS) {
            __atomic_store_n(&ways[i], g, __ATOMIC_RELAXED);
            return true;
        }
    }
    return false;
}

void gor__byid_note(struct gor__g *g, gor_id_t id)
{
    if (!note_in_free_way(g, id)) {
        __atomic_store_n(&hints[id % BUCKETS][id / BUCKETS % WAYS], g, __ATOMIC_RELAXED);
    }
}

static struct gor__g *find_hint(gor_id_t id)
{
    struct gor__g **ways = hints[id % BUCKETS];
    for (int i = 0; i < WAYS; i++) {
        struct gor__g *g = __atomic_load_n(&ways[i], __ATOMIC_RELAXED);
        if (g != NULL && id_of(g) == id) {
            return g;
        }
    }
    return NULL;
}

struct search {
    gor_id_t id;
    struct gor__g *found;
};

/* The walk is long: note whom it passes, since others may be asked for next. */
static int compare_id(void *arg, struct gor__g *g)
{
    struct search *search = arg;
    gor_id_t id = id_of(g);
    if (id == search->id) {
        search->found = g;
        return 1;
    }
    if (!is_free(g)) {
        (void)note_in_free_way(g, id);
    }
    return 0;
}

struct gor__g *gor__byid_find(gor_id_t id)
{
    struct search search = {id, find_hint(id)};
    if (search.found == NULL && id != 0 && gor__pool_each(compare_id, &search) != 0) {
        gor__byid_note(search.found, id);
    }
    return search.found;
}

void gor__byid_fini(void)
{
    memset(hints, 0, sizeof hints);
}
