/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h. */
#include "runtime/sched/pool.h"

#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/proc.h"

enum {
    TABLE_BYTES = 4 << 20,
    SLAB_BYTES = 65536, /* populated at once */
    TABLES_MAX = 8192,  /* 179 million Gs */
    SMALL_TABLES = 8,   /* without large pages, of which the last one is mostly empty: 174,760 Gs */
    LOCAL_MAX = 2048,   /* free Gs a P keeps */
    BATCH = 256,        /* Gs that go between a P and the common list at a time */
    PER_TABLE = TABLE_BYTES / sizeof(struct gor__g),
    /* Names, labels and side records lie behind the table, for few goroutines have any. A table is
     * aligned to its size, so that its Gs find it. */
    NAMES_BYTES = PER_TABLE * GOR_NAME_BYTES,
    LABELS_AT = (NAMES_BYTES + 63) / 64 * 64, /* this far behind the table */
    LABELS_BYTES = PER_TABLE * sizeof(struct gor__labels *),
    SIDES_AT = (LABELS_AT + LABELS_BYTES + 63) / 64 * 64,
    ALL_BYTES = TABLE_BYTES + SIDES_AT + PER_TABLE * sizeof(struct gor__g_side),
};
_Static_assert(SIDES_AT % _Alignof(struct gor__g_side) == 0, "they are where a line begins");

static struct {
    struct gor__mutex lock;
    struct gor__g *tables[TABLES_MAX];
    uint32_t table_count;
    uint32_t made;    /* Gs in all tables; only grows; atomic for readers, who need no more */
    size_t populated; /* bytes of the last table with memory behind them */
    struct gor__free_list free;
} pool;

static inline void push(struct gor__free_list *list, struct gor__g *g)
{
    g->next = list->first;
    list->first = g;
    list->count++;
}

static inline struct gor__g *pop(struct gor__free_list *list)
{
    struct gor__g *g = list->first;
    list->first = g->next;
    list->count--;
    return g;
}

static void move(struct gor__free_list *from, struct gor__free_list *to, uint32_t count)
{
    while (count-- > 0 && from->count > 0) {
        push(to, pop(from));
    }
}

static bool open_table(void)
{
    if (pool.table_count == TABLES_MAX) {
        return false;
    }
    struct gor__g *table = gor__memory_reserve(ALL_BYTES, TABLE_BYTES);
    if (table == NULL) {
        return false;
    }
    if (pool.table_count >= SMALL_TABLES) {
        gor__memory_enlarge(table, TABLE_BYTES);
    }
    pool.tables[pool.table_count++] = table;
    pool.populated = 0;
    return true;
}

/* One more G; under the lock. */
static struct gor__g *make(void)
{
    if (pool.made == pool.table_count * (uint32_t)PER_TABLE && !open_table()) {
        return NULL;
    }
    char *table = (char *)pool.tables[pool.table_count - 1];
    struct gor__g *g = &pool.tables[pool.table_count - 1][pool.made % PER_TABLE];
    if ((size_t)((char *)(g + 1) - table) > pool.populated) {
        struct iovec range = {table + pool.populated, SLAB_BYTES};
        gor__memory_populate(&range, 1);
        pool.populated += SLAB_BYTES;
    }
    g->state = GOR_TERMINATED;
    __atomic_store_n(&pool.made, pool.made + 1, __ATOMIC_RELEASE);
    return g;
}

static void refill(struct gor__p *p)
{
    move(&pool.free, &p->free, BATCH);
    for (int i = 0; i < BATCH && p->free.count < BATCH; i++) {
        struct gor__g *g = make();
        if (g != NULL) {
            push(&p->free, g);
        }
    }
}

struct gor__g *gor__pool_get(struct gor__p *p)
{
    if (GOR_LIKELY(p != NULL && p->free.count > 0)) {
        return pop(&p->free);
    }
    struct gor__g *g = NULL;
    gor__mutex_lock(&pool.lock);
    if (p != NULL) {
        refill(p);
        g = p->free.count > 0 ? pop(&p->free) : NULL;
    } else {
        g = pool.free.count > 0 ? pop(&pool.free) : make();
    }
    gor__mutex_unlock(&pool.lock);
    return g;
}

void gor__pool_put(struct gor__p *p, struct gor__g *g)
{
    push(&p->free, g);
    if (GOR_UNLIKELY(p->free.count > LOCAL_MAX)) {
        gor__mutex_lock(&pool.lock);
        move(&p->free, &pool.free, BATCH);
        gor__mutex_unlock(&pool.lock);
    }
}

/* What lies behind the table of `g`, and which of its Gs it is. */
static char *behind_table(const struct gor__g *g, size_t *out_index)
{
    size_t offset = (uintptr_t)g % TABLE_BYTES;
    *out_index = offset / sizeof *g;
    return (char *)(uintptr_t)g - offset + TABLE_BYTES;
}

static char *place_of_name(const struct gor__g *g)
{
    size_t index = 0;
    char *names = behind_table(g, &index);
    return names + index * GOR_NAME_BYTES;
}

struct gor__labels **gor__pool_labels(const struct gor__g *g)
{
    size_t index = 0;
    char *behind = behind_table(g, &index);
    return (struct gor__labels **)(void *)(behind + LABELS_AT) + index;
}

struct gor__g_side *gor__pool_side(const struct gor__g *g)
{
    size_t index = 0;
    char *behind = behind_table(g, &index);
    return (struct gor__g_side *)(void *)(behind + SIDES_AT) + index;
}

/* The owner of `g`, or whoever makes it; others read it of one that does not run, as of its stack. */
void gor__pool_set_handler(struct gor__g *g, void (*handler)(void *arg, const char *message),
                           void *arg)
{
    if (handler == NULL) {
        gor__g_clear_flag(g, GOR__G_HANDLES);
        return;
    }
    struct gor__g_side *side = gor__pool_side(g);
    side->on_panic = handler;
    side->on_panic_arg = arg;
    (void)__atomic_fetch_or(&g->flags, GOR__G_HANDLES, __ATOMIC_RELEASE);
}

void gor__pool_set_name(struct gor__g *g, const char *name)
{
    if (name == NULL) {
        gor__g_clear_flag(g, GOR__G_NAMED);
        return;
    }
    char *kept = place_of_name(g);
    size_t length = strnlen(name, GOR_NAME_BYTES - 1);
    memcpy(kept, name, length);
    kept[length] = '\0';
    (void)__atomic_fetch_or(&g->flags, GOR__G_NAMED, __ATOMIC_RELEASE);
}

const char *gor__pool_name(const struct gor__g *g)
{
    return (__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & GOR__G_NAMED) != 0 ? place_of_name(g)
                                                                              : NULL;
}

void gor__pool_flush(struct gor__p *p)
{
    gor__mutex_lock(&pool.lock);
    move(&p->free, &pool.free, p->free.count);
    gor__mutex_unlock(&pool.lock);
}

int gor__pool_each(int (*visit)(void *arg, struct gor__g *g), void *arg)
{
    /* One number, for two read one after the other may not belong together. */
    uint32_t made = __atomic_load_n(&pool.made, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < made; i++) {
        int result = visit(arg, &pool.tables[i / PER_TABLE][i % PER_TABLE]);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

__attribute__((no_sanitize_thread)) bool gor__pool_table(uint32_t number,
                                                         struct gor__pool_table *out_table)
{
    uint32_t made = __atomic_load_n(&pool.made, __ATOMIC_ACQUIRE);
    uint32_t before = number * (uint32_t)PER_TABLE;
    if (made <= before) {
        return false;
    }
    uint32_t count = made - before;
    *out_table = (struct gor__pool_table){
        pool.tables[number], count < PER_TABLE ? count : (uint32_t)PER_TABLE, ALL_BYTES};
    return true;
}

void gor__pool_fini(void)
{
    for (uint32_t t = 0; t < pool.table_count; t++) {
        gor__memory_release(pool.tables[t], ALL_BYTES);
    }
    memset(&pool, 0, sizeof pool);
}
