/* SPDX-License-Identifier: MIT */
/* grown.c - see grown.h.
 *
 * Counting at the page faults themselves, by userfaultfd, was rejected: each would cost ten times as
 * much. So was taking the memory of the whole process for that of the stacks: a large heap would leave
 * no room for goroutines.
 */
#include "runtime/sched/grown.h"

#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/memory.h"
#include "runtime/gor.h"

enum { CALM_NS = 10000000 }; /* between looks at an arena; each takes a tenth of a millisecond */

static struct {
    int64_t looked_at;                /* when sysmon last did */
    uint64_t bytes;                   /* atomic; the sum of beyond[] */
    struct gor__mutex lock;           /* guards what follows */
    uint32_t next;                    /* arena to be looked at */
    uint32_t seen;                    /* arenas that ever were */
    uint64_t beyond[GOR__ARENAS_MAX]; /* of each arena as of the last look */
} grown;

/* ---- asking */

static void add_stack(void *arg, struct gor__stack *stack, uint64_t resident_bytes,
                      const char *lowest)
{
    struct gor__grown_memory *memory = arg;
    size_t page = gor__memory_page();
    (void)stack;
    (void)lowest;
    memory->bytes += resident_bytes;
    memory->grown_bytes += resident_bytes > page ? resident_bytes - page : 0;
}

struct gor__grown_memory gor__grown_ask(const struct gor__stacks_span *span)
{
    struct gor__grown_memory memory = {0, 0};
    /* Without success it is what could be seen. */
    (void)gor__stacks_ask(span, add_stack, &memory);
    return memory;
}

/* ---- when to ask */

/* The most memory this process has ever had: what it has now would take a descriptor to ask for, and the
 * lowest free one is the program's. */
static uint64_t peak_bytes(void)
{
    struct rusage used;
    return getrusage(RUSAGE_SELF, &used) == 0 ? (uint64_t)used.ru_maxrss * 1024 : UINT64_MAX;
}

/* With the lock. */
static void look_at(uint32_t number, const struct gor__stacks_span *span)
{
    uint64_t bytes = gor__grown_ask(span).grown_bytes;
    uint64_t sum = gor__grown_bytes() - grown.beyond[number] + bytes;
    grown.beyond[number] = bytes;
    grown.seen = number >= grown.seen ? number + 1 : grown.seen;
    __atomic_store_n(&grown.bytes, sum, __ATOMIC_RELAXED);
}

/* Whether the stacks could have more than they may: whatever each has grown to, and by what the process
 * has. */
static bool can_matter(uint64_t ceiling_bytes)
{
    struct gor__stacks_span span;
    uint64_t most = 0;
    for (uint32_t i = 0; gor__stacks_arena(i, &span); i++) {
        most += span.slots * span.slot_bytes;
    }
    return most > ceiling_bytes && peak_bytes() > ceiling_bytes / 2;
}

/* With the lock. */
static void look_at_next(void)
{
    struct gor__stacks_span span;
    if (!gor__stacks_arena(grown.next, &span)) {
        grown.next = 0;
    }
    if (gor__stacks_arena(grown.next, &span)) {
        look_at(grown.next++, &span);
    }
}

void gor__grown_look(int64_t now, uint64_t ceiling_bytes)
{
    if (now - grown.looked_at < CALM_NS) {
        return;
    }
    grown.looked_at = now;
    /* Who has the lock may be a goroutine that was stopped, and goes on only if we see to it: sysmon waits
     * for nobody, and looks another time. */
    if (can_matter(ceiling_bytes) && gor__mutex_try_lock(&grown.lock)) {
        look_at_next();
        gor__mutex_unlock(&grown.lock);
    }
}

void gor__grown_look_at_all(void)
{
    struct gor__stacks_span span;
    gor__mutex_lock(&grown.lock);
    for (uint32_t i = 0; gor__stacks_arena(i, &span); i++) {
        look_at(i, &span);
    }
    gor__mutex_unlock(&grown.lock);
}

uint64_t gor__grown_bytes(void)
{
    return __atomic_load_n(&grown.bytes, __ATOMIC_RELAXED);
}

void gor__grown_fini(void)
{
    memset(grown.beyond, 0, grown.seen * sizeof grown.beyond[0]);
    grown.seen = 0;
    grown.next = 0;
    grown.looked_at = 0;
    grown.bytes = 0;
}
