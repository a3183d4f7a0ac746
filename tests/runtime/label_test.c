/* SPDX-License-Identifier: MIT */
/* label_test.c - labels of goroutines: set, replaced, taken back, inherited. */
#include "tests/runtime/help.h"

static void check_label(const char *key, const char *value)
{
    char found[1024];
    int length = gor_label(key, found, sizeof found);
    if (value == NULL) {
        CHECK_EQ(length, -ENOENT);
        return;
    }
    CHECK_EQ(length, strlen(value));
    CHECK_STR(found, value);
}

GO_TEST(label_set_replace_take_back)
{
    check_label("job", NULL);
    CHECK_EQ(gor_set_label("job", NULL), 0);
    CHECK_EQ(gor_set_label("job", "7"), 0);
    CHECK_EQ(gor_set_label("attempt", "1"), 0);
    CHECK_EQ(gor_set_label("queue", ""), 0);
    check_label("job", "7");
    check_label("attempt", "1");
    check_label("queue", "");
    CHECK_EQ(gor_set_label("job", "a longer one than before"), 0);
    check_label("job", "a longer one than before");
    check_label("attempt", "1");
    CHECK_EQ(gor_set_label("attempt", NULL), 0);
    check_label("attempt", NULL);
    CHECK_EQ(gor_set_label("job", NULL), 0);
    CHECK_EQ(gor_set_label("queue", NULL), 0);
    check_label("job", NULL);
    check_label("queue", NULL);
}

GO_TEST(label_refusals)
{
    char room[4];
    char longest[1000];
    CHECK_EQ(gor_set_label(NULL, "x"), -EINVAL);
    CHECK_EQ(gor_set_label("", "x"), -EINVAL);
    memset(longest, 'x', sizeof longest);
    longest[997] = '\0';
    CHECK_EQ(gor_set_label("k", longest), 0);
    check_label("k", longest);
    CHECK_EQ(gor_set_label("l", ""), -E2BIG);
    check_label("l", NULL);
    check_label("k", longest);
    CHECK_EQ(gor_set_label("k", "four"), 0);
    CHECK_EQ(gor_label("k", room, sizeof room), -ENOSPC);
    CHECK_EQ(gor_set_label("k", "six"), 0);
    CHECK_EQ(gor_label("k", room, sizeof room), 3);
}

TEST(label_calls_from_elsewhere_are_refused)
{
    char room[4];
    CHECK_EQ(gor_set_label("k", "v"), -EPERM);
    CHECK_EQ(gor_label("k", room, sizeof room), -EPERM);
}

struct child {
    const char *job;
    struct gor_waitgroup done;
};

static void check_grandchild(void *arg)
{
    struct child *child = arg;
    check_label("job", child->job);
    gor_waitgroup_done(&child->done);
}

static void check_child(void *arg)
{
    struct child *child = arg;
    check_label("job", child->job);
    spawn(check_grandchild, child);
    /* What it does to its own is its own. */
    CHECK_EQ(gor_set_label("job", "mine"), 0);
    gor_waitgroup_done(&child->done);
}

GO_TEST(label_goes_on_to_whom_one_starts)
{
    struct child child = {.job = "parent's"};
    CHECK_EQ(gor_set_label("job", "parent's"), 0);
    gor_waitgroup_add(&child.done, 2);
    spawn(check_child, &child);
    CHECK_EQ(gor_set_label("job", "another"), 0);
    gor_waitgroup_wait(&child.done);
    check_label("job", "another");
    /* The next one may have the place of one that had labels. */
    CHECK_EQ(gor_set_label("job", NULL), 0);
    child.job = NULL;
    gor_waitgroup_add(&child.done, 2);
    spawn(check_child, &child);
    gor_waitgroup_wait(&child.done);
}

static void check_within(void *arg)
{
    check_label("request", "42");
    check_label("job", arg);
    CHECK_EQ(gor_set_label("left", "behind"), 0);
}

GO_TEST(label_with_is_taken_back_after)
{
    char before[] = "before";
    char longest[1000];
    CHECK_EQ(gor_with_label("request", "42", check_within, NULL), 0);
    check_label("request", NULL);
    check_label("left", NULL);
    CHECK_EQ(gor_set_label("job", before), 0);
    CHECK_EQ(gor_with_label("request", "42", check_within, before), 0);
    check_label("request", NULL);
    check_label("left", NULL);
    check_label("job", "before");
    memset(longest, 'x', sizeof longest);
    longest[999] = '\0';
    CHECK_EQ(gor_with_label("request", longest, check_within, NULL), -E2BIG);
    check_label("job", "before");
}

static void set_and_end(void *arg)
{
    char value[16];
    (void)snprintf(value, sizeof value, "%d", (int)(intptr_t)arg);
    CHECK_EQ(gor_set_label("number", value), 0);
    check_label("number", value);
    check_label("of", "all");
    gor_yield();
    check_label("number", value);
}

GO_TEST(label_sets_are_used_again)
{
    CHECK_EQ(gor_set_label("of", "all"), 0);
    for (int round = 0; round < SCALED(2000, 200, 20); round++) {
        for (int i = 0; i < 50; i++) {
            spawn(set_and_end, (void *)(intptr_t)(round * 50 + i));
        }
        YIELD_UNTIL(gor_num_goroutine() == 1)
    }
}
