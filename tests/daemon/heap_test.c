/* SPDX-License-Identifier: MIT */
/* The heap: whatever comes, goes and moves, the least is first and each knows its place. */
#include <stdlib.h>

#include "daemon/base/heap.h"
#include "tests/test.h"

enum { ITEMS = 300, STEPS = 20000 };

struct fixture {
    struct gord_heap heap;
    struct gord_heap_item items[ITEMS];
    size_t in; /* of them are in the heap */
};

/* Few values, so that many are equal in the first parts. */
static struct gord_heap_key draw_key(void)
{
    return (struct gord_heap_key){rand() % 8 - 4, rand() % 4, (uint64_t)(rand() % 4)};
}

/* The least by looking at all of them. */
static const struct gord_heap_key *least(const struct fixture *f)
{
    const struct gord_heap_key *found = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        const struct gord_heap_item *item = &f->items[i];
        if (item->at != 0 && (found == NULL || gord_heap_before(&item->key, found))) {
            found = &item->key;
        }
    }
    return found;
}

static void check(const struct fixture *f)
{
    const struct gord_heap_item *first = gord_heap_first(&f->heap);
    CHECK(gord_heap_is_valid(&f->heap));
    CHECK_EQ(f->heap.count, f->in);
    CHECK_EQ(first == NULL, f->in == 0);
    CHECK(first == NULL || !gord_heap_before(least(f), &first->key));
}

static void put(struct fixture *f, size_t which)
{
    f->in += f->items[which].at == 0;
    CHECK_EQ(gord_heap_reserve(&f->heap, f->in), 0);
    gord_heap_put(&f->heap, &f->items[which], draw_key());
}

static void take_out(struct fixture *f, size_t which)
{
    f->in -= f->items[which].at != 0;
    gord_heap_remove(&f->heap, &f->items[which]);
    CHECK_EQ(f->items[which].at, 0);
}

TEST(heap_of_what_comes_goes_and_moves_has_the_least_first)
{
    static struct fixture f;
    srand((unsigned)test_seed());
    for (int step = 0; step < STEPS; step++) {
        size_t which = (size_t)rand() % ITEMS;
        if (rand() % 3 == 0) {
            take_out(&f, which);
        } else {
            put(&f, which);
        }
        check(&f);
    }
    gord_heap_fini(&f.heap);
    CHECK_EQ(f.heap.room, 0);
}

TEST(heap_emptied_from_its_top_is_in_order)
{
    static struct fixture f;
    srand((unsigned)test_seed());
    for (size_t i = 0; i < ITEMS; i++) {
        put(&f, i);
    }
    struct gord_heap_key last = gord_heap_first(&f.heap)->key;
    while (f.in > 0) {
        struct gord_heap_item *first = gord_heap_first(&f.heap);
        CHECK(!gord_heap_before(&first->key, &last));
        last = first->key;
        take_out(&f, (size_t)(first - f.items));
        check(&f);
    }
    gord_heap_fini(&f.heap);
}

TEST(heap_reserves_room_once)
{
    static struct fixture f;
    CHECK_EQ(gord_heap_reserve(&f.heap, ITEMS), 0);
    const struct gord_heap_entry *entries = f.heap.entries;
    for (size_t i = 0; i < ITEMS; i++) {
        put(&f, i);
    }
    CHECK(f.heap.entries == entries);
    gord_heap_fini(&f.heap);
}
