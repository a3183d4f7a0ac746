/* SPDX-License-Identifier: MIT */
/* expected_test.c - which argument can come next, by the lines that --help shows. */
#include <stdio.h>
#include <string.h>

#include "client/expected.h"
#include "tests/test.h"

/* "A B" of what can come after these words. */
static const char *next(const char *doc, const char *option, const char *const *words)
{
    static char text[128];
    struct gorctl_expected expected;
    gorctl_expected_init(&expected, doc);
    if (option != NULL) {
        gorctl_expected_option(&expected, option, option[0]);
    }
    for (; words != NULL && *words != NULL; words++) {
        gorctl_expected_pass(&expected, *words);
    }
    size_t count = gorctl_expected_now(&expected);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", expected.now[i]);
    }
    gorctl_expected_fini(&expected);
    return text;
}

#define AFTER(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }

TEST(expected_one_and_many)
{
    CHECK_STR(next(NULL, NULL, NULL), "");
    CHECK_STR(next("ID", NULL, NULL), "ID");
    CHECK_STR(next("ID", NULL, AFTER("1")), "");
    CHECK_STR(next("[ID...]", NULL, AFTER("1", "2", "3")), "ID");
    CHECK_STR(next("SIGNAL ID...", NULL, NULL), "SIGNAL");
    CHECK_STR(next("SIGNAL ID...", NULL, AFTER("INT", "1")), "ID");
}

TEST(expected_alternatives)
{
    CHECK_STR(next("bash|zsh|fish", NULL, NULL), "bash zsh fish");
    CHECK_STR(next("FILE|- [ARGUMENT...]", NULL, NULL), "FILE");
    CHECK_STR(next("NAME|EXPRESSION", NULL, NULL), "NAME EXPRESSION");
    CHECK_STR(next("ID TEXT\nID -\nID --close", NULL, NULL), "ID");
    CHECK_STR(next("ID TEXT\nID -\nID --close", NULL, AFTER("1")), "TEXT");
}

TEST(expected_words_choose_their_line)
{
    static const char doc[] = "create QUEUE [SLOTS]\nset QUEUE SLOTS\nrm QUEUE\nls";
    CHECK_STR(next(doc, NULL, NULL), "create set rm ls");
    CHECK_STR(next(doc, NULL, AFTER("set")), "QUEUE");
    CHECK_STR(next(doc, NULL, AFTER("rm", "x")), "");
    CHECK_STR(next(doc, NULL, AFTER("ls")), "");
    CHECK_STR(next(doc, NULL, AFTER("nonsense")), "");
}

TEST(expected_options_choose_their_line)
{
    static const char doc[] = "[--] COMMAND [ARGUMENT...]\n--lua FILE [ARGUMENT...]\n--from FILE";
    CHECK_STR(next(doc, NULL, NULL), "COMMAND");
    CHECK_STR(next(doc, "queue", NULL), "COMMAND");
    CHECK_STR(next(doc, "lua", NULL), "ARGUMENT");
    CHECK_STR(next(doc, "from", NULL), "");
    CHECK_STR(next("\n-q QUEUE\nID...", "queue", NULL), "");
    CHECK_STR(next("\n-q QUEUE\nID...", NULL, NULL), "ID");
}

TEST(expected_more_words_than_are_kept)
{
    struct gorctl_expected expected;
    gorctl_expected_init(&expected, "ls ID...");
    gorctl_expected_pass(&expected, "ls");
    for (int i = 0; i < 3 * GORCTL_EXPECTED_MOST; i++) {
        gorctl_expected_pass(&expected, "1");
    }
    CHECK_EQ(gorctl_expected_now(&expected), 1);
    CHECK_STR(expected.now[0], "ID");
    gorctl_expected_fini(&expected);
}
