/* SPDX-License-Identifier: MIT */
/* Weights of shares as options give them. */
#include <errno.h>
#include <string.h>

#include "client/exits.h"
#include "client/shares.h"
#include "tests/test.h"

TEST(share_option_is_a_key_and_a_weight)
{
    static const struct {
        const char *text, *key;
        uint32_t weight;
    } good[] = {{"ann=3", "ann", 3},
                {"=1", "", 1},
                {"a=b=1000", "a=b", 1000},
                {"bob smith=none", "bob smith", 0},
                {"==2", "=", 2}};
    static const char *const bad[] = {"",      "ann",    "ann=",   "ann=0",  "ann=1001",
                                      "ann=x", "ann=-1", "ann=1 ", "ann= 1", "\xff=1"};
    struct gorctl_shares shares = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK_EQ(gorctl_shares_add(&shares, good[i].text), 0);
        CHECK_EQ(shares.count, i + 1);
        CHECK_STR(shares.items[i]->key, good[i].key);
        CHECK_EQ(shares.items[i]->weight, good[i].weight);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(gorctl_shares_add(&shares, bad[i]), -EINVAL);
    }
    gorctl_shares_fini(&shares);
    CHECK_EQ(shares.count, 0);
}

TEST(share_names_of_owners_become_numbers)
{
    struct gorctl_shares shares = {0};
    CHECK_EQ(gorctl_shares_add(&shares, "root=3"), 0);
    CHECK_EQ(gorctl_shares_add(&shares, "1000=2"), 0);
    CHECK_EQ(gorctl_shares_resolve(NULL, &shares, "build", "label:user"), GORCTL_EXIT_OK);
    CHECK_STR(shares.items[0]->key, "root");
    CHECK_EQ(gorctl_shares_resolve(NULL, &shares, "build", "owner"), GORCTL_EXIT_OK);
    CHECK_STR(shares.items[0]->key, "0");
    CHECK_STR(shares.items[1]->key, "1000");
    gorctl_shares_fini(&shares);
    CHECK_EQ(gorctl_shares_add(&shares, "no-such-user=3"), 0);
    CHECK_EQ(gorctl_shares_resolve(NULL, &shares, "build", "owner"), GORCTL_EXIT_USAGE);
    gorctl_shares_fini(&shares);
}
