/* SPDX-License-Identifier: MIT */
/* Which jobs: ids, ranges, lists. */
#include <errno.h>

#include "client/ids.h"
#include "tests/test.h"

TEST(ids_add_reads_ids_ranges_and_lists)
{
    static const uint64_t expected[] = {7, 3, 4, 5, 1, 9, 10};
    struct gorctl_ids ids = {0};
    CHECK_EQ(gorctl_ids_add(&ids, "7"), 0);
    CHECK_EQ(gorctl_ids_add(&ids, "3-5"), 0);
    CHECK_EQ(gorctl_ids_add(&ids, "1,9-10"), 0);
    CHECK_EQ(ids.count, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < ids.count; i++) {
        CHECK_EQ(ids.ids[i], expected[i]);
    }
    gorctl_ids_fini(&ids);
    CHECK_EQ(ids.count, 0);
}

TEST(ids_add_takes_the_largest_id)
{
    struct gorctl_ids ids = {0};
    CHECK_EQ(gorctl_ids_add(&ids, "18446744073709551614-18446744073709551615"), 0);
    CHECK_EQ(ids.count, 2);
    CHECK(ids.ids[1] == UINT64_MAX);
    gorctl_ids_fini(&ids);
}

TEST(ids_add_refuses_and_adds_nothing)
{
    static const char *const bad[] = {"",     "0",   "a",   "-3",  "3-",
                                      "3--5", "3,",  ",3",  "3 4", " 3",
                                      "+3",   "0x3", "3-b", "0-4", "18446744073709551616",
                                      "1,2,x"};
    struct gorctl_ids ids = {0};
    CHECK_EQ(gorctl_ids_add(&ids, "42"), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(gorctl_ids_add(&ids, bad[i]), -EINVAL);
        CHECK_EQ(ids.count, 1);
    }
    gorctl_ids_fini(&ids);
}

TEST(ids_add_bounds_ranges)
{
    struct gorctl_ids ids = {0};
    CHECK_EQ(gorctl_ids_add(&ids, "5-3"), -ERANGE);
    CHECK_EQ(gorctl_ids_add(&ids, "1-1000000000000"), -ERANGE);
    CHECK_EQ(gorctl_ids_add(&ids, "1-100000"), 0);
    CHECK_EQ(ids.count, GORCTL_IDS_MOST);
    CHECK_EQ(gorctl_ids_add(&ids, "1"), -ERANGE);
    CHECK_EQ(ids.count, GORCTL_IDS_MOST);
    gorctl_ids_fini(&ids);
}
