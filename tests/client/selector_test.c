/* SPDX-License-Identifier: MIT */
/* A selector's form on the wire. */
#include "client/selector.h"
#include "tests/test.h"

TEST(selector_message_joins_ids_that_follow_each_other)
{
    struct gorctl_selector selector = {0};
    CHECK(gorctl_selector_is_empty(&selector));
    CHECK_EQ(gorctl_ids_add(&selector.ids, "9,3-5,6,1"), 0);
    CHECK(gorctl_selector_is_ids(&selector));
    Gor__V1__Selector *message = gorctl_selector_message(&selector);
    CHECK_EQ(message->n_ids, 3);
    CHECK_EQ(message->ids[1]->first, 3);
    CHECK_EQ(message->ids[1]->last, 6);
    gor__v1__selector__free_unpacked(message, NULL);
    gorctl_selector_fini(&selector);
}

TEST(selector_message_tells_a_label_from_a_label_with_a_value)
{
    struct gorctl_selector selector = {.labels = {"team", "team=", "team=x=y"}, .label_count = 3};
    CHECK(!gorctl_selector_is_empty(&selector) && !gorctl_selector_is_ids(&selector));
    Gor__V1__Selector *message = gorctl_selector_message(&selector);
    CHECK_EQ(message->n_labels, 3);
    CHECK_STR(message->labels[0]->key, "team");
    CHECK(message->labels[0]->any_value);
    CHECK_STR(message->labels[1]->key, "team");
    CHECK(!message->labels[1]->any_value);
    CHECK_STR(message->labels[1]->value, "");
    CHECK_STR(message->labels[2]->value, "x=y");
    gor__v1__selector__free_unpacked(message, NULL);
    gorctl_selector_fini(&selector);
}

TEST(selector_message_tells_whose)
{
    struct gorctl_selector selector = {.owner_plus_1 = 1}; /* root */
    Gor__V1__Selector *message = gorctl_selector_message(&selector);
    CHECK_EQ(message->owner_plus_1, 1);
    CHECK(!message->mine);
    gor__v1__selector__free_unpacked(message, NULL);
    gorctl_selector_fini(&selector);
}

TEST(selector_message_tells_kinds_and_the_parent)
{
    struct gorctl_selector selector = {
        .parent_id = 7,
        .kinds = {GOR__V1__SELECTOR__KIND__LUA, GOR__V1__SELECTOR__KIND__ARRAY},
        .kind_count = 2};
    Gor__V1__Selector *message = gorctl_selector_message(&selector);
    CHECK_EQ(message->parent_id, 7);
    CHECK_EQ(message->n_kinds, 2);
    CHECK_EQ(message->kinds[0], GOR__V1__SELECTOR__KIND__LUA);
    CHECK_EQ(message->kinds[1], GOR__V1__SELECTOR__KIND__ARRAY);
    gor__v1__selector__free_unpacked(message, NULL);
    gorctl_selector_fini(&selector);
}

TEST(selector_is_empty_until_anything_is_said)
{
    const struct gorctl_selector said[] = {
        {.queue = "q"},      {.name = "n"},         {.mine = true},        {.all = true},
        {.since_ns = 1},     {.until_ns = 1},       {.state_count = 1},    {.outcome_count = 1},
        {.label_count = 1},  {.ended_since_ns = 1}, {.ended_until_ns = 1}, {.exit_code_count = 1},
        {.owner_plus_1 = 1}, {.parent_id = 1},      {.kind_count = 1},
    };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        CHECK(!gorctl_selector_is_empty(&said[i]) && !gorctl_selector_is_ids(&said[i]));
    }
}
