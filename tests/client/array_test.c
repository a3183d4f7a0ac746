/* SPDX-License-Identifier: MIT */
/* The indices of arrays, as people write them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/array.h"
#include "tests/test.h"

static Gor__V1__JobSpec *new_message(void)
{
    Gor__V1__JobSpec *message = malloc(sizeof(*message));
    CHECK(message != NULL);
    gor__v1__job_spec__init(message);
    return message;
}

static void check_reads(const char *text, size_t ranges, uint32_t at_once, const char *again)
{
    char why[GORCTL_ARRAY_WHY] = "";
    Gor__V1__JobSpec *message = new_message();
    CHECK_EQ(gorctl_array_add(message, text, why), 0);
    CHECK_EQ(message->array->n_indices, ranges);
    CHECK_EQ(message->array->at_once, at_once);
    char *shown = gorctl_array_text(message->array);
    CHECK_STR(shown, again);
    free(shown);
    gor__v1__job_spec__free_unpacked(message, NULL);
}

TEST(array_add_reads_what_text_shows)
{
    check_reads("0-99%4", 1, 4, "0-99%4");
    check_reads("7", 1, 0, "7");
    check_reads("1,3,7-9", 3, 0, "1,3,7-9");
    check_reads("0-100:10%1", 1, 1, "0-100:10%1");
    check_reads("5-5:1", 1, 0, "5");
    check_reads("0-999999999:999999999", 1, 0, "0-999999999:999999999");
    check_reads("0-99999", 1, 0, "0-99999");
}

TEST(array_add_keeps_numbers)
{
    char why[GORCTL_ARRAY_WHY];
    Gor__V1__JobSpec *message = new_message();
    CHECK_EQ(gorctl_array_add(message, "12-40:7,3", why), 0);
    CHECK_EQ(message->array->indices[0]->first, 12);
    CHECK_EQ(message->array->indices[0]->last, 40);
    CHECK_EQ(message->array->indices[0]->step, 7);
    CHECK_EQ(message->array->indices[1]->first, 3);
    CHECK_EQ(message->array->indices[1]->last, 3);
    gor__v1__job_spec__free_unpacked(message, NULL);
}

static const struct {
    const char *text;
    const char *why; /* a part of it */
} bad[] = {
    {"", "neither an index"},
    {"%4", "neither an index"},
    {"a", "'a' is neither"},
    {"-", "neither an index"},
    {"1-", "neither an index"},
    {"-1", "neither an index"},
    {"1--2", "neither an index"},
    {"1-2-3", "neither an index"},
    {"1,", "'' is neither"},
    {",1", "'' is neither"},
    {"1,,2", "'' is neither"},
    {"1:2", "neither an index"},
    {"1:2-3", "neither an index"},
    {"1-9:0", "neither an index"},
    {"1-9:", "neither an index"},
    {"1-9:2:3", "neither an index"},
    {"1 -9", "neither an index"},
    {"+1", "neither an index"},
    {"0x10", "neither an index"},
    {"1000000000", "neither an index"},
    {"99999999999999999999", "neither an index"},
    {"9-1", "goes backwards"},
    {"1,2,1", "index 1 is there twice"},
    {"0-10,5", "index 5 is there twice"},
    {"0-10:5,3-8:2,5", "index 5 is there twice"},
    {"0-100000", "at most 100000 tasks"},
    {"0-99999,100000", "at most 100000 tasks"},
    {"0-999999999", "at most 100000 tasks"},
    {"1%0", "how many may run"},
    {"1%", "how many may run"},
    {"1%x", "how many may run"},
    {"1%-1", "how many may run"},
    {"1%4%4", "how many may run"},
    {"1%4,2", "how many may run"},
    {"1\x1b[31m", "is neither"},
};

TEST(array_add_refuses_and_says_what)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char why[GORCTL_ARRAY_WHY] = "";
        Gor__V1__JobSpec *message = new_message();
        CHECK_EQ(gorctl_array_add(message, bad[i].text, why), -EINVAL);
        if (strstr(why, bad[i].why) == NULL) {
            CHECK_STR(why, bad[i].why); /* shows both */
        }
        CHECK(strchr(why, '\x1b') == NULL);
        gor__v1__job_spec__free_unpacked(message, NULL);
    }
}
