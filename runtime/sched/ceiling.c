/* SPDX-License-Identifier: MIT */
/* ceiling.c - see ceiling.h.
 *
 * What a goroutine may cost is not known when it starts: the reserve of its stack is address space, of
 * which it uses a page or all. Counting the reserve was rejected: a million goroutines of 128 KiB are
 * 128 GB then, and take 5 in truth. So each is charged what it costs at least, and what stacks have grown
 * beyond that is found out while they live (grown.h). Stacks that exist may always be used again, however
 * large they have become: those who end and those who come take no more than there is already.
 *
 * One count of places for everybody, taken and given back by each spawn and end, was rejected too: it is
 * a cache line that all Ps write.
 */
#include "runtime/sched/ceiling.h"

#include <errno.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/allowance.h"
#include "runtime/sched/grown.h"
#include "runtime/sched/sched.h"

enum {
    PLACES_AT_ONCE = 64,  /* a P takes so many in advance at most, ... */
    PLACES_SHARE = 64,    /* ... and all Ps together such a part of the ceiling */
    TABLE_SPAN = 2 << 20, /* what a page of the kernel's page tables maps */
    TABLE_BYTES = 4096,
    MAPPINGS_OF_HOST = 4096, /* that are left to others where each guard takes one */
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
    };
}

/* Bytes behind the stacks that exist. */
static uint64_t stack_bytes(uint64_t made)
{
    int64_t bytes = (int64_t)(made * gor__memory_page()) + gor__grown_bytes();
    return bytes > 0 ? (uint64_t)bytes : 0;
}

uint64_t gor__ceiling_now(void)
{
    uint64_t made = gor__stacks_made();
    uint64_t used = stack_bytes(made);
    uint64_t left = gor__ceiling.bytes > used ? gor__ceiling.bytes - used : 0;
    return least(gor__ceiling.most, made + left / gor__ceiling.goroutine_bytes);
}

uint64_t gor__ceiling_used_bytes(void)
{
    uint64_t made = gor__stacks_made();
    uint64_t live = gor_num_goroutine();
    uint64_t promised = live > made ? live - made : 0;
    return stack_bytes(made) + promised * gor__ceiling.goroutine_bytes;
}

/* ---- counting */

static uint32_t procs_made(void)
{
    return __atomic_load_n(&gor__sched.procs_made, __ATOMIC_ACQUIRE);
}

/* Goroutines that live and those that have a place. Read in this order, whoever comes or goes meanwhile
 * is counted too much rather than too little: a place is used up after its goroutine is counted. */
static uint64_t taken(void)
{
    uint64_t sum = __atomic_load_n(&gor__ceiling.promised, __ATOMIC_ACQUIRE);
    uint32_t procs = procs_made();
    for (uint32_t i = 0; i < procs; i++) {
        const struct gor__p *p = gor__sched.procs[i];
        sum += __atomic_load_n(&p->places, __ATOMIC_ACQUIRE) - gor__counted(&p->ended);
    }
    gor__fence();
    sum += gor__counted(&gor__sched.foreign_created);
    procs = procs_made();
    for (uint32_t i = 0; i < procs; i++) {
        sum += gor__counted(&gor__sched.procs[i]->created);
    }
    return sum;
}

static uint64_t room(void)
{
    uint64_t most = gor__ceiling_now();
    uint64_t used = taken();
    return most > used ? most - used : 0;
}

/* Places a P may take at once, of `left`. */
static uint32_t advance(uint64_t left)
{
    uint64_t procs = __atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED);
    uint64_t ceiling = least(gor__ceiling.most, gor__ceiling.bytes / gor__ceiling.goroutine_bytes);
    uint64_t places = least(ceiling / PLACES_SHARE / procs, PLACES_AT_ONCE);
    return (uint32_t)least(places > 0 ? places : 1, left);
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
    while (left > 0 && !gor__line_is_empty(&gor__ceiling.line) &&
           gor__line_take(&gor__ceiling.line, served)) {
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

/* With the lock held, which is released: a place without waiting, if nobody does. */
static bool take_at_once(struct gor__p *p, enum gor__place_kind *out_place)
{
    struct gor__line_taken served = {NULL, NULL};
    uint64_t left = serve(&served);
    bool found = left > 0 && gor__line_is_empty(&gor__ceiling.line);
    if (found && p != NULL) {
        *out_place = GOR__PLACE_OF_P;
        __atomic_store_n(&p->places, advance(left), __ATOMIC_RELEASE);
    } else if (found) {
        *out_place = GOR__PLACE_PROMISED;
        add_promised(1);
    }
    if (served.first != NULL) {
        gor__spin_unlock(&gor__ceiling.line.lock);
        gor__line_wake(&served);
        gor__spin_lock(&gor__ceiling.line.lock);
    }
    return found;
}

int gor__ceiling_take(struct gor__p *p, const struct gor__patience *patience,
                      enum gor__place_kind *out_place)
{
    gor__spin_lock(&gor__ceiling.line.lock);
    if (take_at_once(p, out_place)) {
        gor__spin_unlock(&gor__ceiling.line.lock);
        return 0;
    }
    if (!patience->waits) {
        return gor__line_refuse(&gor__ceiling.line);
    }
    *out_place = GOR__PLACE_PROMISED;
    int result = gor__line_wait(&gor__ceiling.line, gor_num_goroutine(), patience->limit);
    if (result != 0 && result != -ESRCH) {
        /* Those behind us were held up as long as we were the first. */
        gor__ceiling_serve();
    }
    return result;
}

void gor__ceiling_use_promised(void)
{
    add_promised(-1);
}

void gor__ceiling_put_back(enum gor__place_kind place)
{
    if (place == GOR__PLACE_PROMISED) {
        add_promised(-1);
        gor__ceiling_note_end();
    }
}

void gor__ceiling_look(int64_t now)
{
    gor__grown_look(now, gor__ceiling.bytes);
    gor__ceiling_note_end();
}

void gor__ceiling_fini(void)
{
    gor__line_close(&gor__ceiling.line);
}
