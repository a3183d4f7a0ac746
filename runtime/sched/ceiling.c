/* SPDX-License-Identifier: MIT */
/* ceiling.c - see ceiling.h.
 *
 * What a goroutine may cost is not known when it starts: the reserve of its stack is address space, of
 * which it uses a page or all. Counting the reserve was rejected: a million goroutines of 96 KiB are
 * 98 GB then, and take 5 in truth. So each is charged what it costs at least, and what stacks have grown
 * beyond that is found out while they live (grown.h).
 *
 * One count of places for everybody, taken and given back by each spawn and end, was rejected too: it is
 * a cache line that all Ps write. So was counting stacks as they are made, in place of goroutines: one that
 * was let in must have its stack, and whoever makes another stack in advance makes room for nobody.
 */
#include "runtime/sched/ceiling.h"

#include <errno.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/allowance.h"
#include "runtime/sched/grown.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/sched.h"

enum {
    PLACES_AT_ONCE = 64,  /* a P takes so many in advance at most, ... */
    PLACES_SHARE = 64,    /* ... and all Ps together such a part of the ceiling */
    TABLE_SPAN = 2 << 20, /* what a page of the kernel's page tables maps */
    TABLE_BYTES = 4096,
    MAPPINGS_OF_HOST = 4096, /* that are left to others where each guard takes one */
    KEPT_SHARE = 64, /* free stacks that all Ps keep of a class are such a part of the ceiling */
    KEPT_OTHERS = 8, /* and such a part of that of another class than the usual one */
};

struct gor__ceiling gor__ceiling;

/* ---- what there may be */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Its record, the first page of its stack, and its part of the kernel's page tables. */
static uint64_t goroutine_bytes(int stack_class)
{
    uint64_t page = gor__memory_page();
    uint64_t table = TABLE_BYTES * (uint64_t)gor__stack_class_bytes(stack_class) / TABLE_SPAN;
    return sizeof(struct gor__g) + page + least(table, TABLE_BYTES);
}

/* Three quarters of what the process may have: the rest is for everything else. */
static uint64_t default_bytes(void)
{
    return gor__allowance_bytes() / 4 * 3;
}

/* Goroutines for whose stacks there are address space and mappings. */
static uint64_t most_stacks(int stack_class)
{
    uint64_t most = gor__stacks_most(stack_class);
    uint64_t address_bytes = gor__allowance_address_bytes();
    if (address_bytes != UINT64_MAX) {
        most = least(most, address_bytes / 2 / gor__stack_class_bytes(stack_class));
    }
    if (gor__memory_guards_split()) {
        uint64_t mappings = gor__allowance_mappings();
        most = least(most, mappings > MAPPINGS_OF_HOST ? (mappings - MAPPINGS_OF_HOST) / 2 : 1);
    }
    return most;
}

void gor__ceiling_init(const struct gor_opts *opts, int stack_class)
{
    uint64_t asked = opts->max_goroutines != 0 ? opts->max_goroutines : UINT64_MAX;
    gor__ceiling = (struct gor__ceiling){
        .most = least(asked, most_stacks(stack_class)),
        .bytes = opts->max_stack_bytes != 0 ? opts->max_stack_bytes : default_bytes(),
        .goroutine_bytes = goroutine_bytes(stack_class),
        .stack_class = stack_class,
        .watched = !gor__fences_work(),
    };
    gor__ceiling_resize();
}

/* Goroutines that all have room if none grows. */
static uint64_t most_of_all(void)
{
    return least(gor__ceiling.most, gor__ceiling.bytes / gor__ceiling.goroutine_bytes);
}

void gor__ceiling_resize(void)
{
    uint64_t procs = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
    /* By memory alone: the fewer a P may keep, the more often all meet at the common lists. */
    uint64_t fit = gor__ceiling.bytes / gor__ceiling.goroutine_bytes;
    uint32_t most = (uint32_t)least(fit / KEPT_SHARE / procs, GOR__STACKS_LOCAL_MAX);
    uint64_t kept = 0;
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        uint32_t of_class = class == gor__ceiling.stack_class ? most : most / KEPT_OTHERS;
        gor__stacks_set_local(class, of_class);
        kept += procs * of_class;
    }
    __atomic_store_n(&gor__ceiling.kept, kept, __ATOMIC_RELAXED);
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t stack_bytes(uint64_t warm)
{
    return warm * gor__memory_page() + gor__grown_bytes();
}

bool gor__ceiling_has_memory_for(uint64_t warm_stacks)
{
    return stack_bytes(warm_stacks) <= gor__ceiling.bytes;
}

/* The most goroutines there is memory for, the library's own among them. */
static uint64_t most_by_memory(void)
{
    uint64_t kept = __atomic_load_n(&gor__ceiling.kept, __ATOMIC_RELAXED);
    uint64_t fit = less(gor__ceiling.bytes, stack_bytes(kept)) / gor__ceiling.goroutine_bytes;
    uint64_t again = less(gor__stacks_warm_within(), kept);
    return fit > again ? fit : again;
}

uint64_t gor__ceiling_now(void)
{
    uint64_t own = gor__counted(&gor__ceiling.own);
    return least(gor__ceiling.most, less(most_by_memory(), own));
}

uint64_t gor__ceiling_used_bytes(void)
{
    uint64_t warm = gor__stacks_warm();
    uint64_t live = gor_num_goroutine();
    return stack_bytes(warm) + less(live, warm) * gor__ceiling.goroutine_bytes;
}

/* ---- counting */

static uint32_t procs_made(void)
{
    return __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
}

/* Goroutines that live and those that have a place. */
struct count {
    uint64_t all;
    uint64_t own;    /* of them, the library's */
    uint64_t places; /* that Ps have in advance */
};

/* Read in this order, whoever comes or goes meanwhile is counted too much rather than too little: a place
 * is used up after its goroutine is counted, and then room is noted. One of our own becomes that after it
 * is counted, and is that no more before its end is. */
static struct count taken(void)
{
    uint64_t sum = __atomic_load_n(&gor__ceiling.promised, __ATOMIC_ACQUIRE);
    uint64_t places = 0;
    uint32_t procs = procs_made();
    for (uint32_t i = 0; i < procs; i++) {
        places += gor__counted(&gor__sched.procs[i]->places);
        sum -= gor__counted(&gor__sched.procs[i]->ended);
    }
    uint64_t own = gor__counted(&gor__ceiling.own);
    gor__fence();
    sum += gor__counted(&gor__sched.foreign_created);
    procs = procs_made();
    for (uint32_t i = 0; i < procs; i++) {
        sum += gor__counted(&gor__sched.procs[i]->created);
    }
    return (struct count){.all = sum + places, .own = own, .places = places};
}

static uint64_t room_beside(const struct count *count)
{
    return least(less(gor__ceiling.most, count->all - count->own),
                 less(most_by_memory(), count->all));
}

static uint64_t room(void)
{
    struct count count = taken();
    return room_beside(&count);
}

/* Places a P may take at once, of `left`, which is not 0: half of its share, and so one at last. */
static uint32_t advance(uint64_t left)
{
    uint64_t procs = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
    uint64_t places = least(most_of_all() / PLACES_SHARE / procs, PLACES_AT_ONCE);
    places = least(places, left / procs / 2);
    return places > 0 ? (uint32_t)places : 1;
}

static void add_promised(int64_t places)
{
    /* Release: pairs with taken(), which must see the goroutine that the place was for. */
    __atomic_add_fetch(&gor__ceiling.promised, (uint64_t)places, __ATOMIC_RELEASE);
}

/* ---- giving and taking */

/* With the lock held: those who wait, as far as there is room; what is left of it. */
static uint64_t serve(struct gor__line_taken *served)
{
    uint64_t left = room();
    while (left > 0 && gor__line_take(&gor__ceiling.line, served)) {
        add_promised(1);
        left--;
    }
    return left;
}

void gor__ceiling_serve(void)
{
    struct gor__line_taken served = {NULL, NULL};
    gor__spin_lock(&gor__ceiling.line.lock);
    (void)serve(&served);
    gor__spin_unlock(&gor__ceiling.line.lock);
    gor__line_wake(&served);
}

void gor__ceiling_came_room(void)
{
    gor__fence(); /* pairs with that of gor__line_announce */
    if (!gor__line_is_empty(&gor__ceiling.line)) {
        gor__ceiling_serve();
    }
}

/* With the lock held: a place without waiting. If there is room after those who wait have been served,
 * nobody waits any more. */
static bool take_at_once(struct gor__p *p, struct gor__line_taken *served,
                         enum gor__place_kind *out_place)
{
    uint64_t left = serve(served);
    if (left == 0) {
        return false;
    }
    if (p != NULL) {
        *out_place = GOR__PLACE_OF_P;
        __atomic_store_n(&p->places, advance(left), __ATOMIC_RELEASE);
    } else {
        *out_place = GOR__PLACE_PROMISED;
        add_promised(1);
    }
    return true;
}

/* Without the lock: from now on who makes room looks at the line. What he has counted before is seen by
 * whoever counts after this. */
static void watch(void)
{
    __atomic_store_n(&gor__ceiling.watched, true, __ATOMIC_SEQ_CST);
    gor__fence_all_threads();
}

/* With the lock held, while `watched` is set: wait, or 1: there is room after all, and the lock is still
 * held. */
static int wait_in_line(const struct gor__limit *limit)
{
    struct gor__line *line = &gor__ceiling.line;
    const struct gor__g *g = gor__g_self();
    gor__line_announce(line);
    struct count count = taken();
    if (room_beside(&count) > 0) {
        gor__line_withdraw(line);
        return 1;
    }
    if (count.places > 0) {
        gor__call_attention(); /* they are not to be kept back while somebody waits */
    }
    gor__ceiling.waited_at = gor__coarse_now();
    bool own = g != NULL && gor__g_is_own(g);
    return gor__line_wait(line, own ? 0 : count.all - count.own, limit);
}

int gor__ceiling_take(struct gor__p *p, const struct gor__patience *patience,
                      enum gor__place_kind *out_place)
{
    struct gor__line *line = &gor__ceiling.line;
    int result = 1;
    gor__spin_lock(&line->lock);
    while (result > 0) {
        struct gor__line_taken served = {NULL, NULL};
        bool found = take_at_once(p, &served, out_place);
        bool watched = __atomic_load_n(&gor__ceiling.watched, __ATOMIC_RELAXED);
        if (!found && !patience->waits && served.first == NULL) {
            result = gor__line_refuse(line);
        } else if (!found && watched && served.first == NULL) {
            *out_place = GOR__PLACE_PROMISED;
            result = wait_in_line(patience->limit);
        } else {
            gor__spin_unlock(&line->lock);
            gor__line_wake(&served);
            if (found) {
                return 0;
            }
            if (!watched) {
                watch();
            }
            gor__spin_lock(&line->lock);
        }
    }
    return result;
}

void gor__ceiling_use_promised(void)
{
    add_promised(-1);
    gor__ceiling_note_room();
}

void gor__ceiling_put_back(enum gor__place_kind place)
{
    if (place == GOR__PLACE_PROMISED) {
        gor__ceiling_use_promised();
    }
}

void gor__ceiling_attend(struct gor__p *p)
{
    if (p->places != 0 && !gor__line_is_empty(&gor__ceiling.line)) {
        __atomic_store_n(&p->places, 0, __ATOMIC_RELEASE);
        gor__ceiling_note_room();
    }
}

/* Fences are for when somebody waits now and then. */
static void stop_watching(int64_t now)
{
    enum { PATIENCE_NS = 1000000000 };
    if (!__atomic_load_n(&gor__ceiling.watched, __ATOMIC_RELAXED) || !gor__fences_work()) {
        return;
    }
    gor__spin_lock(&gor__ceiling.line.lock);
    if (gor__line_is_empty(&gor__ceiling.line) && now - gor__ceiling.waited_at > PATIENCE_NS) {
        __atomic_store_n(&gor__ceiling.watched, false, __ATOMIC_RELAXED);
    }
    gor__spin_unlock(&gor__ceiling.line.lock);
}

void gor__ceiling_look(int64_t now)
{
    gor__grown_look(now, gor__ceiling.bytes);
    gor__ceiling_note_room();
    stop_watching(now);
}

void gor__ceiling_stop(void)
{
    gor__line_stop(&gor__ceiling.line);
}
