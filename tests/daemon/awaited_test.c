/* SPDX-License-Identifier: MIT */
/* Jobs whose followers have said that they come: each owner has his share. */
#include "daemon/service/awaited.h"
#include "tests/test.h"

enum { ALICE = 1000, BOB, CAROL };

static bool is_awaited(struct gord_awaited *awaited, uint64_t id)
{
    bool is = gord_awaited_take(awaited, id);

    gord_awaited_give_back(awaited, id);
    return is;
}

static void add_many(struct gord_awaited *awaited, uint64_t first, unsigned count, uint32_t owner)
{
    for (unsigned i = 0; i < count; i++) {
        gord_awaited_add(awaited, first + i, owner);
    }
}

TEST(each_run_expects_a_follower_once_until_it_comes)
{
    struct gord_awaited awaited = {0};

    CHECK(!gord_awaited_take(&awaited, 7));
    gord_awaited_drop(&awaited, 7);
    gord_awaited_add(&awaited, 7, ALICE);
    CHECK(!gord_awaited_take(&awaited, 8));
    CHECK(gord_awaited_take(&awaited, 7));
    CHECK(!gord_awaited_take(&awaited, 7));
    gord_awaited_give_back(&awaited, 7); /* its run could not be started */
    CHECK(gord_awaited_take(&awaited, 7));
    gord_awaited_drop(&awaited, 7);
    gord_awaited_give_back(&awaited, 7);
    CHECK(!gord_awaited_take(&awaited, 7));
    gord_awaited_fini(&awaited);
}

TEST(an_owner_of_many_takes_nobody_elses_place)
{
    struct gord_awaited awaited = {0};
    uint64_t many = 10 * GORD_AWAITED_MAX;

    gord_awaited_add(&awaited, 1, ALICE);
    gord_awaited_add(&awaited, 2, BOB);
    add_many(&awaited, many, 3 * GORD_AWAITED_MAX, CAROL);
    gord_awaited_add(&awaited, 3, ALICE);
    CHECK(is_awaited(&awaited, 1) && is_awaited(&awaited, 2) && is_awaited(&awaited, 3));
    /* Of hers the newest are there. */
    uint64_t first = many + 2 * GORD_AWAITED_MAX + 3;
    CHECK(!is_awaited(&awaited, first - 1));
    for (uint64_t id = first; id < many + 3 * GORD_AWAITED_MAX; id++) {
        CHECK(is_awaited(&awaited, id));
    }
    gord_awaited_fini(&awaited);
}

TEST(two_of_many_share)
{
    struct gord_awaited awaited = {0};
    uint64_t his = 10 * GORD_AWAITED_MAX;

    add_many(&awaited, 1, GORD_AWAITED_MAX, ALICE);
    add_many(&awaited, his, 2 * GORD_AWAITED_MAX, BOB);
    unsigned left = 0;
    for (uint64_t id = 1; id <= GORD_AWAITED_MAX; id++) {
        left += is_awaited(&awaited, id);
    }
    CHECK_EQ(left, GORD_AWAITED_MAX / 2);
    CHECK(is_awaited(&awaited, GORD_AWAITED_MAX)); /* her newest */
    CHECK(is_awaited(&awaited, his + 2 * GORD_AWAITED_MAX - 1));
    gord_awaited_fini(&awaited);
}

TEST(of_as_many_owners_as_there_are_places_one_makes_room)
{
    struct gord_awaited awaited = {0};

    for (uint32_t owner = 0; owner <= GORD_AWAITED_MAX; owner++) {
        gord_awaited_add(&awaited, 1 + owner, owner);
    }
    CHECK(is_awaited(&awaited, 1 + GORD_AWAITED_MAX));
    unsigned count = 0;
    for (uint64_t id = 1; id <= 1 + GORD_AWAITED_MAX; id++) {
        count += is_awaited(&awaited, id);
    }
    CHECK_EQ(count, GORD_AWAITED_MAX);
    for (uint64_t id = 1; id <= 1 + GORD_AWAITED_MAX; id++) {
        gord_awaited_drop(&awaited, id);
    }
    add_many(&awaited, 1, GORD_AWAITED_MAX, ALICE);
    CHECK(is_awaited(&awaited, 1));
    gord_awaited_fini(&awaited);
}
