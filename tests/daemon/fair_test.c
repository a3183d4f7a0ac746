/* SPDX-License-Identifier: MIT */
/* Shares of a queue: who has many jobs does not hold up who has few. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/daemon/turns.h"

TEST(ten_thousand_jobs_do_not_hold_up_one_of_another)
{
    struct gord_job_table *table = one_slot();
    uint64_t first = enter(table, "1000", 0);
    for (int i = 1; i < 10000; i++) {
        enter(table, "1000", 0);
    }
    CHECK_EQ(run_one(table), first);
    uint64_t lone = enter(table, "1001", 0);
    CHECK_EQ(run_one(table), first + 1); /* whose turn it has been since before that came */
    CHECK_EQ(run_one(table), lone);
    CHECK_EQ(run_one(table), first + 2);
    CHECK(gord_job_table_is_valid(table));
    while (run_one(table) != 0) {
    }
    gord_job_table_free(table);
}

TEST(shares_take_turns_and_each_its_own_in_order)
{
    static const char *const names[] = {"a", "b", "c"};
    struct gord_job_table *table = one_slot();
    uint64_t ids[3][4];
    for (int share = 0; share < 3; share++) {
        for (int i = 0; i < 4; i++) {
            ids[share][i] = enter(table, names[share], 0);
        }
    }
    for (int i = 0; i < 4; i++) {
        for (int share = 0; share < 3; share++) {
            CHECK_EQ(run_one(table), ids[share][i]);
        }
    }
    CHECK_EQ(run_one(table), 0);
    gord_job_table_free(table);
}

TEST(priority_comes_before_shares)
{
    struct gord_job_table *table = one_slot();
    uint64_t low = enter(table, "a", 0), high = enter(table, "b", 10), more = enter(table, "b", 10);
    CHECK_EQ(run_one(table), high);
    CHECK_EQ(run_one(table), more);
    CHECK_EQ(run_one(table), low);
    gord_job_table_free(table);
}

TEST(without_shares_first_come_is_first_served)
{
    struct gord_job_table *table = one_slot();
    uint64_t first = enter(table, "", 0), second = enter(table, "", 0), third = enter(table, "", 0);
    CHECK_EQ(run_one(table), first);
    CHECK_EQ(run_one(table), second);
    CHECK_EQ(run_one(table), third);
    gord_job_table_free(table);
}

TEST(share_names_and_texts)
{
    char name[GORD_WORD_MAX + 1], text[GORD_ASK_BYTES];
    struct gord_ask ask;
    CHECK(strcmp(gord_share_name("Ann@example.org", name), "Ann@example.org") == 0);
    CHECK_EQ(strlen(gord_share_name("two words", name)), 16);
    CHECK_EQ(strlen(gord_share_name("", name)), 16);
    static const char *const good[] = {"default 0 1 &1000", "build 2 1 g=1 ~api=2 %7=4 &Ann@x"};
    static const char *const bad[] = {"default 0 1 &", "default 0 1 &a b", "default 0 1 &a %7=4"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_EQ(gord_ask_parse(good[i], &ask), 0);
        CHECK(strcmp(gord_ask_text(&ask, text), good[i]) == 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(gord_ask_parse(bad[i], &ask), -EBADMSG);
    }
}
