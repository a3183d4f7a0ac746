/* SPDX-License-Identifier: MIT */
/* contexts_test.c - the text of the file of contexts: read, changed, refused. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/contexts.h"
#include "tests/test.h"

static const char TEXT[] = "# mine\n"
                           "current = near\n"
                           "\n"
                           "[near]\n"
                           "host = /run/a b.sock\n"
                           "# what it is for\n"
                           "token-file=/t\n"
                           "\n"
                           "# elsewhere\n"
                           "[far.2]\n"
                           "  host =  build1:7070  \n";

static void parse(const char *text, struct gorctl_contexts *contexts)
{
    char why[GORCTL_CONTEXTS_WHY] = "";
    CHECK_EQ(gorctl_contexts_parse(text, strlen(text), contexts, why), 0);
    CHECK_STR(why, "");
}

static void check_text(struct gorctl_contexts *contexts, const char *expected)
{
    char *text = gorctl_contexts_text(contexts);
    CHECK_STR(text, expected);
    free(text);
    gorctl_contexts_fini(contexts);
}

TEST(contexts_are_read)
{
    struct gorctl_contexts contexts;
    parse(TEXT, &contexts);
    CHECK_EQ(contexts.count, 2);
    CHECK_STR(contexts.current, "near");
    const struct gorctl_context *near = gorctl_contexts_find(&contexts, "near");
    CHECK(near != NULL);
    CHECK_STR(near->values[GORCTL_CONTEXT_HOST], "/run/a b.sock");
    CHECK_STR(near->values[GORCTL_CONTEXT_TOKEN_FILE], "/t");
    const struct gorctl_context *far = gorctl_contexts_find(&contexts, "far.2");
    CHECK(far != NULL);
    CHECK_STR(far->values[GORCTL_CONTEXT_HOST], "build1:7070");
    CHECK(far->values[GORCTL_CONTEXT_TOKEN_FILE] == NULL);
    CHECK(gorctl_contexts_find(&contexts, "fa") == NULL);
    check_text(&contexts, TEXT);
}

TEST(contexts_empty_text_has_none)
{
    struct gorctl_contexts contexts;
    parse("", &contexts);
    CHECK_EQ(contexts.count, 0);
    CHECK(contexts.current == NULL);
    check_text(&contexts, "");
}

TEST(contexts_last_line_without_newline_is_read)
{
    struct gorctl_contexts contexts;
    parse("[a]\nhost = x", &contexts);
    CHECK_STR(contexts.all[0].values[GORCTL_CONTEXT_HOST], "x");
    check_text(&contexts, "[a]\nhost = x\n");
}

TEST(contexts_put_adds_at_the_end)
{
    const char *const values[GORCTL_CONTEXT_KEYS] = {"/s"};
    struct gorctl_contexts contexts;
    parse("# mine\n[a]\nhost = x\n", &contexts);
    gorctl_contexts_put(&contexts, "b", values);
    check_text(&contexts, "# mine\n[a]\nhost = x\n\n[b]\nhost = /s\n");
}

TEST(contexts_put_replaces_in_place_and_keeps_comments_around)
{
    const char *const values[GORCTL_CONTEXT_KEYS] = {"/s", "/u"};
    struct gorctl_contexts contexts;
    parse(TEXT, &contexts);
    gorctl_contexts_put(&contexts, "near", values);
    CHECK_STR(contexts.current, "near");
    check_text(&contexts, "# mine\ncurrent = near\n\n[near]\nhost = /s\ntoken-file = /u\n\n"
                          "# elsewhere\n[far.2]\n  host =  build1:7070  \n");
}

TEST(contexts_use_changes_one_line)
{
    struct gorctl_contexts contexts;
    parse("# mine\ncurrent = a\n[a]\nhost = x\n[b]\nhost = y\n", &contexts);
    gorctl_contexts_use(&contexts, "b");
    CHECK_STR(contexts.current, "b");
    gorctl_contexts_use(&contexts, NULL);
    CHECK(contexts.current == NULL);
    gorctl_contexts_use(&contexts, "a");
    check_text(&contexts, "current = a\n# mine\n[a]\nhost = x\n[b]\nhost = y\n");
}

TEST(contexts_rename_follows_with_current)
{
    struct gorctl_contexts contexts;
    parse("current = a\n[a]\nhost = x\n", &contexts);
    gorctl_contexts_rename(&contexts, "a", "b");
    check_text(&contexts, "current = b\n[b]\nhost = x\n");
}

TEST(contexts_remove_of_the_current_leaves_none)
{
    struct gorctl_contexts contexts;
    parse(TEXT, &contexts);
    gorctl_contexts_remove(&contexts, "near");
    CHECK(contexts.current == NULL);
    CHECK_EQ(contexts.count, 1);
    check_text(&contexts, "# mine\n\n# elsewhere\n[far.2]\n  host =  build1:7070  \n");
}

static void refuse_bytes(const char *text, size_t length, const char *expected)
{
    char why[GORCTL_CONTEXTS_WHY] = "";
    struct gorctl_contexts contexts;
    CHECK_EQ(gorctl_contexts_parse(text, length, &contexts, why), -EINVAL);
    if (strstr(why, expected) == NULL) {
        CHECK_STR(why, expected);
    }
}

static void refuse(const char *text, const char *expected)
{
    refuse_bytes(text, strlen(text), expected);
}

TEST(contexts_what_is_not_understood_is_named_with_its_line)
{
    refuse("[a]\nhost = x\ntls-pin = /c\n", "line 3: 'tls-pin' is no key that this gorctl knows");
    refuse("[a]\nhost = x\nnonsense\n", "line 3: 'nonsense' is neither");
    refuse("host = x\n", "line 1: 'host' stands before the first [NAME]");
    refuse("\n[a]\n[b]\nhost = x\n", "line 2: 'a' has no line `host = ADDRESS`");
    refuse("[b]\nhost = x\n[a]\n", "line 3: 'a' has no line");
    refuse("[a]\nhost = x\n[a]\nhost = y\n", "line 3: 'a' is the name of an earlier context");
    refuse("[a]\nhost = x\nhost = y\n", "line 3: 'host' is said a second time");
    refuse("[a]\nhost =\n", "line 2: 'host' has no value");
    refuse("[a b]\nhost = x\n", "line 1: 'a b' is no name");
    refuse("[a\n", "line 1: '[a' lacks its ]");
    refuse("[a]\nhost = x\n\x1b[2J\n", "line 3: '\\x1b[2J' is neither");
    refuse("[a]\nhost = \xff\n", "no UTF-8");
    refuse_bytes("[a]\nhost = x\0y\n", 15, "no UTF-8");
}

TEST(contexts_names_and_values_are_checked)
{
    CHECK(gorctl_context_name_valid("a"));
    CHECK(gorctl_context_name_valid("Build-1.example_org"));
    CHECK(!gorctl_context_name_valid(""));
    CHECK(!gorctl_context_name_valid("-a"));
    CHECK(!gorctl_context_name_valid("a/b"));
    CHECK(!gorctl_context_name_valid("a]"));
    CHECK(gorctl_context_value_valid("a b"));
    CHECK(!gorctl_context_value_valid(""));
    CHECK(!gorctl_context_value_valid(" a"));
    CHECK(!gorctl_context_value_valid("a\nhost = b"));
}
