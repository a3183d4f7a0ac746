/* SPDX-License-Identifier: MIT */
/* Arrays that grow by doubling. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/base/grow.h"
#include "tests/test.h"

struct item {
    uint64_t number;
    char text[40];
};

TEST(array_grows_seldom_and_keeps_its_items)
{
    struct item *items = NULL;
    size_t room = 0;
    int times = 0;
    for (size_t count = 0; count < 10000; count++) {
        size_t before = room;
        CHECK_EQ(gord_grow(&items, count, &room, sizeof *items), 0);
        CHECK(count < room);
        times += room != before;
        items[count] = (struct item){.number = count};
    }
    CHECK(times <= 14);
    for (size_t i = 0; i < 10000; i++) {
        CHECK_EQ(items[i].number, i);
    }
    free(items);
}

TEST(array_with_room_left_stays_where_it_is)
{
    int *numbers = NULL;
    size_t room = 0;
    CHECK_EQ(gord_grow(&numbers, 0, &room, sizeof *numbers), 0);
    const int *before = numbers;
    size_t room_before = room;
    CHECK_EQ(gord_grow(&numbers, room - 1, &room, sizeof *numbers), 0);
    CHECK(numbers == before);
    CHECK_EQ(room, room_before);
    CHECK_EQ(gord_grow(&numbers, room, &room, sizeof *numbers), 0);
    CHECK_EQ(room, 2 * room_before);
    free(numbers);
}

/* Sizes are counted in size_t, where twice as much may be next to nothing. */
TEST(array_that_no_memory_could_hold_is_left_as_it_is)
{
    static struct item some;
    static const size_t rooms[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / sizeof(struct item),
                                   SIZE_MAX / 2 / sizeof(struct item) + 1};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        struct item *items = &some; /* not from malloc(): nobody may touch it */
        size_t room = rooms[i];
        CHECK_EQ(gord_grow(&items, room, &room, sizeof *items), -ENOMEM);
        CHECK(items == &some);
        CHECK(room == rooms[i]);
    }
}
