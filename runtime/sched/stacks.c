/* SPDX-License-Identifier: MIT */
/* stacks.c - see stacks.h. */
#include "runtime/sched/stacks.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/memory.h"
#include "runtime/cpu/valgrind.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/proc.h"
#include "runtime/sched/sched.h"

enum {
    SMALL_PAGE = 4096,
    SLAB = 32, /* slots prepared at once, at most ... */
    SLAB_BYTES =
        8 << 20,  /* ... and as long as they lie within so much: a large stack comes alone */
    COLOURS = 16, /* places a stack may begin at in its first page */
    COLOUR_BYTES = GOR__STACK_ALIGNED, /* a cache line */
    PLACES = 1 << 20, /* for arenas, in the addresses a program can have: 48 bits */
};
_Static_assert((int)SLAB <= (int)GOR__RANGES_MAX, "a slab is prepared in one vectored call");
_Static_assert(COLOURS *COLOUR_BYTES <= SMALL_PAGE, "gor__stack_end finds the end by the top");
_Static_assert((int)GOR__STACK_CLASSES < (int)GOR__STACK_ALIGNED, "the class has room in the top");

const uint32_t gor__stack_kib[GOR__STACK_CLASSES] = {64, 96, 128, 256, 512, 1024, 2048, 4096, 8192};

struct arena {
    char *memory;
    struct gor__stack *table;
    size_t slot_bytes;
    int class;
    uint32_t slots;
    uint32_t claimed; /* slots that somebody has prepared or is about to; atomic for readers */
};

static struct {
    struct gor__mutex lock;
    struct arena arenas[GOR__ARENAS_MAX];
    uint32_t arena_count; /* atomic for readers: an arena is complete before it is counted */
    uint64_t made;        /* prepared slots of all arenas; atomic, as are the next two */
    uint64_t warm;        /* of them, those with memory */
    uint64_t warm_within; /* of those, see gor__stacks_warm_within */
    uint32_t local_most[GOR__STACK_CLASSES];
    struct arena *current[GOR__STACK_CLASSES];
    struct gor__stack_list free[GOR__STACK_CLASSES];
    struct gor__stack_list empty[GOR__STACK_CLASSES]; /* without memory */
} all;

/* The number, plus one, of the arena at each multiple of its size; atomic. Hardly any of it is ever
 * touched. */
static uint32_t places[PLACES];

int gor__stack_class(size_t bytes)
{
    /* The lowest page is the guard. A small one hardly counts; a large one must come on top, but for
     * the largest class, since there is none above. Slots have to begin where a page does. */
    size_t smallest = gor__stack_class_bytes(0);
    size_t wanted = (bytes > smallest ? bytes : smallest) + gor__memory_page() - SMALL_PAGE;
    if (bytes > gor__stack_class_bytes(GOR__STACK_CLASSES - 1)) {
        return -EINVAL;
    }
    for (int class = 0; class < GOR__STACK_CLASSES - 1; class ++) {
        size_t has = gor__stack_class_bytes(class);
        if (wanted <= has && has % gor__memory_page() == 0) {
            return class;
        }
    }
    return GOR__STACK_CLASSES - 1;
}

static size_t table_bytes(const struct arena *arena)
{
    return arena->slots * sizeof(struct gor__stack);
}

static uint32_t *place_of(const void *address)
{
    return &places[(uintptr_t)address / GOR__ARENA_BYTES % PLACES];
}

static struct arena *open_arena(int class)
{
    if (all.arena_count == GOR__ARENAS_MAX) {
        return NULL;
    }
    struct arena *arena = &all.arenas[all.arena_count];
    arena->class = class;
    arena->slot_bytes = gor__stack_class_bytes(class);
    arena->slots = (uint32_t)(GOR__ARENA_BYTES / arena->slot_bytes);
    arena->claimed = 0;
    arena->memory = gor__memory_reserve(GOR__ARENA_BYTES, GOR__ARENA_BYTES);
    if (arena->memory == NULL) {
        return NULL;
    }
    arena->table = gor__memory_reserve(table_bytes(arena), 1);
    if (arena->table == NULL) {
        gor__memory_release(arena->memory, GOR__ARENA_BYTES);
        return NULL;
    }
    __atomic_store_n(&all.arena_count, all.arena_count + 1, __ATOMIC_RELEASE);
    __atomic_store_n(place_of(arena->memory), all.arena_count, __ATOMIC_RELEASE);
    return arena;
}

/* ---- free lists */

static inline void set_owner(struct gor__stack *stack, uintptr_t owner)
{
    __atomic_store_n(&stack->owner, owner, __ATOMIC_RELAXED);
}

static inline uintptr_t owner_of(const struct gor__stack *stack)
{
    return __atomic_load_n(&stack->owner, __ATOMIC_RELAXED);
}

static inline struct gor__stack *next_of(const struct gor__stack *stack)
{
    return (struct gor__stack *)(owner_of(stack) & ~(uintptr_t)GOR__STACK_NOBODYS);
}

/* It stays as clean as it is: of one that was in use, the owner was a G. */
static inline void set_next(struct gor__stack *stack, struct gor__stack *next)
{
    set_owner(stack, (uintptr_t)next | GOR__STACK_FREE | (owner_of(stack) & GOR__STACK_CLEAN));
}

static inline void set_clean(struct gor__stack *stack, bool clean)
{
    set_owner(stack,
              (owner_of(stack) & ~(uintptr_t)GOR__STACK_CLEAN) | (clean ? GOR__STACK_CLEAN : 0));
}

static void init_slot(struct arena *arena, uint32_t slot)
{
    struct gor__stack *stack = &arena->table[slot];
    size_t colour = slot % COLOURS * COLOUR_BYTES;
    char *low = arena->memory + slot * arena->slot_bytes;
    gor__stack_place(stack, low + arena->slot_bytes - colour, arena->class);
    set_clean(stack, slot % SLAB == 0); /* a sample will do */
    (void)VALGRIND_STACK_REGISTER(low + gor__memory_page(), low + arena->slot_bytes);
}

static inline void set_count(struct gor__stack_list *list, uint32_t count)
{
    __atomic_store_n(&list->count, count, __ATOMIC_RELAXED);
}

static inline void push(struct gor__stack_list *list, struct gor__stack *stack)
{
    set_next(stack, list->first);
    list->first = stack;
    set_count(list, list->count + 1);
}

static inline struct gor__stack *pop(struct gor__stack_list *list)
{
    struct gor__stack *stack = list->first;
    list->first = next_of(stack);
    set_count(list, list->count - 1);
    list->least = list->count < list->least ? list->count : list->least;
    return stack;
}

static void move(struct gor__stack_list *from, struct gor__stack_list *to, uint32_t count)
{
    while (count-- > 0 && from->count > 0) {
        push(to, pop(from));
    }
}

/* Slots of one arena, to be prepared by whoever claimed them. */
struct slab {
    struct arena *arena;
    uint32_t first;
    uint32_t count;
};

/* Under the lock: `most` slots, if there are so many; false: no address space left. */
static bool claim_slab(int class, uint32_t most, struct slab *out_slab)
{
    struct arena *arena = all.current[class];
    if (arena == NULL || arena->claimed == arena->slots) {
        arena = open_arena(class);
        if (arena == NULL) {
            return false;
        }
        all.current[class] = arena;
    }
    uint32_t left = arena->slots - arena->claimed;
    uint32_t count = (uint32_t)(SLAB_BYTES / arena->slot_bytes);
    count = count < most ? count : most;
    count = count > 0 ? count : 1;
    *out_slab = (struct slab){arena, arena->claimed, count < left ? count : left};
    __atomic_store_n(&arena->claimed, arena->claimed + out_slab->count, __ATOMIC_RELAXED);
    return true;
}

/* ---- counting memory */

static inline void set_atomic(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void note_warmed(uint32_t count)
{
    gor__mutex_lock(&all.lock);
    set_atomic(&all.warm, all.warm + count);
    if (gor__ceiling_has_memory_for(all.warm)) {
        set_atomic(&all.warm_within, all.warm_within + count);
    }
    gor__mutex_unlock(&all.lock);
}

/* Under the lock. Those that there was no memory for are the first to have lost theirs: else each that is
 * emptied would make room for one that counts. */
static void note_emptied(uint32_t count)
{
    set_atomic(&all.warm, all.warm - count);
    if (all.warm_within > all.warm) {
        set_atomic(&all.warm_within, all.warm);
    }
}

uint64_t gor__stacks_warm(void)
{
    return gor__counted(&all.warm);
}

uint64_t gor__stacks_warm_within(void)
{
    return gor__counted(&all.warm_within);
}

/* ---- warm ones */

/* Make its slots usable and `list` hold them. Without the lock: the kernel takes a while for it, and
 * lets several Ps do so at a time. False: no mappings left; then the slots are lost. */
static bool prepare_slab(const struct slab *slab, struct gor__stack_list *list)
{
    struct iovec guards[SLAB] = {{0}};
    struct iovec pages[SLAB] = {{0}};
    struct arena *arena = slab->arena;
    size_t page = gor__memory_page();
    for (uint32_t i = 0; i < slab->count; i++) {
        char *low = arena->memory + (slab->first + i) * arena->slot_bytes;
        guards[i] = (struct iovec){low, page};
        pages[i] = (struct iovec){low + arena->slot_bytes - page, page};
    }
    if (gor__memory_guard(guards, slab->count) < 0) {
        return false;
    }
    gor__memory_populate(pages, slab->count);
    for (uint32_t i = slab->count; i-- > 0;) {
        init_slot(arena, slab->first + i);
        push(list, &arena->table[slab->first + i]);
    }
    __atomic_add_fetch(&all.made, slab->count, __ATOMIC_RELEASE);
    note_warmed(slab->count);
    return true;
}

/* All of them lack memory. */
static void fill(const struct gor__stack_list *list)
{
    struct iovec pages[SLAB] = {{0}};
    size_t page = gor__memory_page();
    size_t count = 0;
    for (struct gor__stack *stack = list->first; stack != NULL; stack = next_of(stack)) {
        set_clean(stack, count == 0); /* a sample will do */
        pages[count++] = (struct iovec){gor__stack_end(stack) - page, page};
    }
    gor__memory_populate(pages, count);
    note_warmed((uint32_t)count);
}

/* Up to GOR__RANGES_MAX of the common free ones; how many. */
static uint32_t empty_some(int class, uint32_t most)
{
    struct iovec ranges[GOR__RANGES_MAX] = {{0}};
    struct gor__stack_list some = {0};
    size_t page = gor__memory_page();
    uint32_t count = 0;
    gor__mutex_lock(&all.lock);
    move(&all.free[class], &some, most < GOR__RANGES_MAX ? most : GOR__RANGES_MAX);
    gor__mutex_unlock(&all.lock);
    for (struct gor__stack *stack = some.first; stack != NULL; stack = next_of(stack)) {
        set_clean(stack, false);
        ranges[count++] = gor__stack_part(gor__stack_low(stack) + page, gor__stack_end(stack));
    }
    if (count > 0) {
        gor__memory_discard(ranges, count);
        gor__mutex_lock(&all.lock);
        move(&some, &all.empty[class], count);
        note_emptied(count);
        gor__mutex_unlock(&all.lock);
    }
    return count;
}

/* `count` stacks of a class are about to get memory: if there is none left, free ones of others give up
 * theirs. */
static void make_room(int class, uint32_t count)
{
    if (gor__ceiling_has_memory_for(gor__stacks_warm() + count)) {
        return;
    }
    for (int other = 0; other < GOR__STACK_CLASSES && count > 0; other++) {
        if (other != class) {
            count -= empty_some(other, count);
        }
    }
}

/* Up to `most` into the list of the P, which is empty; SLAB at most. */
static bool refill(struct gor__p *p, int class, uint32_t most)
{
    struct gor__stack_list *list = &p->stacks[class];
    struct gor__stack_list empty = {0};
    struct slab slab = {.count = 0};
    gor__mutex_lock(&all.lock);
    if (all.free[class].count > 0) {
        move(&all.free[class], list, most);
    } else if (all.empty[class].count > 0) {
        move(&all.empty[class], &empty, most);
    } else if (!claim_slab(class, most, &slab)) {
        slab.count = 0;
    }
    gor__mutex_unlock(&all.lock);
    if (empty.count + slab.count > 0) {
        make_room(class, empty.count + slab.count);
    }
    if (empty.count > 0) {
        fill(&empty);
        move(&empty, list, empty.count);
    }
    return slab.count > 0 ? prepare_slab(&slab, list) : list->count > 0;
}

/* Stacks a P gets at a time, if it gets any. */
static inline uint32_t batch(int class)
{
    return all.local_most[class] < SLAB ? all.local_most[class] : SLAB;
}

struct gor__stack *gor__stack_get(struct gor__p *p, int class)
{
    struct gor__stack_list *list = &p->stacks[class];
    if (GOR_UNLIKELY(list->count == 0) && !refill(p, class, batch(class) > 0 ? batch(class) : 1)) {
        return NULL;
    }
    struct gor__stack *stack = pop(list);
    if (GOR_UNLIKELY(list->count == 0)) {
        list->ran_out = true;
        __atomic_store_n(&p->attention, true, __ATOMIC_RELEASE);
    }
    return stack;
}

/* All but one may go, and the coldest are last. */
static void trim(struct gor__stack_list *list, struct gor__stack_list *common)
{
    uint32_t idle = list->least < list->count || list->count == 0 ? list->least : list->count - 1;
    struct gor__stack *last = NULL;
    struct gor__stack *stack = list->first;
    for (uint32_t keep = list->count - idle; keep > 0; keep--) {
        last = stack;
        stack = next_of(stack);
    }
    if (last != NULL) {
        set_next(last, NULL);
    } else {
        list->first = NULL;
    }
    while (stack != NULL) {
        struct gor__stack *next = next_of(stack);
        push(common, stack);
        stack = next;
    }
    set_count(list, list->count - idle);
    list->least = list->count;
}

/* The next goroutine on this stack finds it as if it were new. */
static void clean(struct gor__stack *stack)
{
    size_t page = gor__memory_page();
    struct iovec range =
        gor__stack_part(gor__stack_low(stack) + page, gor__stack_end(stack) - page);
    if (range.iov_len > 0) {
        gor__memory_discard(&range, 1);
        set_clean(stack, true);
    }
}

void gor__stacks_trim(struct gor__p *p)
{
    gor__mutex_lock(&all.lock);
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        trim(&p->stacks[class], &all.free[class]);
    }
    gor__mutex_unlock(&all.lock);
}

static void clean_some(struct gor__p *p)
{
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        if (p->stacks[class].first != NULL) {
            clean(p->stacks[class].first);
        }
    }
}

void gor__stacks_restock(struct gor__p *p)
{
    if (GOR_UNLIKELY(__atomic_load_n(&p->trim_stacks, __ATOMIC_RELAXED))) {
        __atomic_store_n(&p->trim_stacks, false, __ATOMIC_RELAXED);
        gor__stacks_trim(p);
        clean_some(p);
    }
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        struct gor__stack_list *list = &p->stacks[class];
        if (list->ran_out) {
            list->ran_out = false;
            /* Without success for now: whoever needs one will be told. */
            (void)(list->count > 0 || batch(class) == 0 || refill(p, class, batch(class)));
        }
    }
}

void gor__stacks_empty_idle(bool whole)
{
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        gor__mutex_lock(&all.lock);
        uint32_t idle = whole ? all.free[class].count : all.free[class].least;
        gor__mutex_unlock(&all.lock);
        for (uint32_t done = 1; idle > 0 && done > 0; idle -= done) {
            done = empty_some(class, idle);
        }
        gor__mutex_lock(&all.lock);
        all.free[class].least = all.free[class].count;
        gor__mutex_unlock(&all.lock);
    }
}

bool gor__stacks_arena(uint32_t number, struct gor__stacks_span *out_span)
{
    if (number >= __atomic_load_n(&all.arena_count, __ATOMIC_ACQUIRE)) {
        return false;
    }
    const struct arena *arena = &all.arenas[number];
    *out_span = (struct gor__stacks_span){
        .memory = arena->memory,
        .table = arena->table,
        .slot_bytes = arena->slot_bytes,
        .slots = __atomic_load_n(&arena->claimed, __ATOMIC_RELAXED),
        .bytes = GOR__ARENA_BYTES,
        .table_bytes = table_bytes(arena),
    };
    return true;
}

/* Answers the pages of one slot that have memory, and the first of them. */
static size_t count_pages(const unsigned char *here, size_t pages, size_t *out_lowest)
{
    size_t count = 0;
    for (size_t i = pages; i-- > 0;) {
        if ((here[i] & 1U) != 0) {
            *out_lowest = i;
            count++;
        }
    }
    return count;
}

/* As many slots at a time as there is room for the answer. */
int gor__stacks_ask(const struct gor__stacks_span *span,
                    void (*visit)(void *arg, struct gor__stack *stack, uint64_t resident_bytes,
                                  const char *lowest),
                    void *arg)
{
    enum { PAGES_AT_ONCE = 4096 };
    unsigned char here[PAGES_AT_ONCE];
    size_t grain = gor__memory_grain();
    size_t pages = span->slot_bytes / grain;
    uint32_t at_once = (uint32_t)(PAGES_AT_ONCE / pages);
    for (uint32_t slot = 0; slot < span->slots; slot += at_once) {
        uint32_t left = span->slots - slot;
        uint32_t count = left < at_once ? left : at_once;
        char *memory = span->memory + slot * span->slot_bytes;
        int result = gor__memory_resident(memory, count * span->slot_bytes, here);
        if (result < 0) {
            return result;
        }
        for (uint32_t i = 0; i < count; i++) {
            size_t lowest = 0;
            size_t resident = count_pages(here + i * pages, pages, &lowest);
            visit(arg, &span->table[slot + i], resident * grain,
                  memory + i * span->slot_bytes + lowest * grain);
        }
    }
    return 0;
}

struct gor__stack *gor__stack_at(const void *address)
{
    uint32_t number = __atomic_load_n(place_of(address), __ATOMIC_ACQUIRE);
    if (number == 0) {
        return NULL;
    }
    const struct arena *arena = &all.arenas[number - 1];
    size_t offset = (uintptr_t)address - (uintptr_t)arena->memory;
    size_t slot = offset / arena->slot_bytes;
    if (slot >= arena->slots) {
        return NULL;
    }
    struct gor__stack *stack = &arena->table[slot];
    /* Slots are prepared side by side, and need not be finished in order. */
    return __atomic_load_n(&stack->place, __ATOMIC_ACQUIRE) != 0 ? stack : NULL;
}

void gor__stack_put(struct gor__p *p, struct gor__stack *stack, int class)
{
    struct gor__stack_list *list = &p->stacks[class];
    push(list, stack);
    if (GOR_UNLIKELY(list->count > all.local_most[class])) {
        gor__mutex_lock(&all.lock);
        move(list, &all.free[class], list->count - all.local_most[class] / 2);
        gor__mutex_unlock(&all.lock);
    }
}

void gor__stacks_flush(struct gor__p *p)
{
    gor__mutex_lock(&all.lock);
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        move(&p->stacks[class], &all.free[class], p->stacks[class].count);
    }
    gor__mutex_unlock(&all.lock);
}

void gor__stacks_set_local(int class, uint32_t most)
{
    all.local_most[class] = most;
}

uint64_t gor__stacks_most(int class)
{
    return (uint64_t)GOR__ARENAS_MAX * (GOR__ARENA_BYTES / gor__stack_class_bytes(class));
}

static uint64_t cached_in(const struct gor__stack_list *lists)
{
    uint64_t sum = 0;
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        sum += __atomic_load_n(&lists[class].count, __ATOMIC_RELAXED);
    }
    return sum;
}

void gor__stacks_stats(struct gor__stacks_stats *out_stats)
{
    uint32_t arenas = __atomic_load_n(&all.arena_count, __ATOMIC_ACQUIRE);
    uint32_t procs = __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
    out_stats->reserved_bytes = (uint64_t)arenas * GOR__ARENA_BYTES;
    out_stats->made = gor__counted(&all.made);
    out_stats->cached = cached_in(all.free);
    out_stats->empty = cached_in(all.empty);
    for (uint32_t i = 0; i < procs; i++) {
        out_stats->cached += cached_in(gor__sched.procs[i]->stacks);
    }
}

void gor__stacks_fini(void)
{
    for (uint32_t a = 0; a < all.arena_count; a++) {
        struct arena *arena = &all.arenas[a];
        for (uint32_t slot = 0; slot < arena->claimed; slot++) {
            gor__fiber_fini(gor__stack_fiber(&arena->table[slot]));
        }
        __atomic_store_n(place_of(arena->memory), 0, __ATOMIC_RELEASE);
        gor__memory_release(arena->memory, GOR__ARENA_BYTES);
        gor__memory_release(arena->table, table_bytes(arena));
    }
    memset(all.current, 0, sizeof all.current);
    memset(all.free, 0, sizeof all.free);
    memset(all.empty, 0, sizeof all.empty);
    all.arena_count = 0;
    all.made = 0;
    all.warm = 0;
    all.warm_within = 0;
}
