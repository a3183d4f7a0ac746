/* SPDX-License-Identifier: MIT */
/* The indices of arrays on the wire: their number, their order, what is wrong with them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/event/array.h"
#include "tests/test.h"

enum { RANGES = 4 };

/* An array in the caller's memory. */
struct ranges {
    Gor__V1__Array array;
    Gor__V1__Array__Range ranges[RANGES];
    Gor__V1__Array__Range *pointers[RANGES];
};

static void add(struct ranges *ranges, uint32_t first, uint32_t last, uint32_t step)
{
    Gor__V1__Array__Range *range = &ranges->ranges[ranges->array.n_indices];
    gor__v1__array__range__init(range);
    range->first = first;
    range->last = last;
    range->step = step;
    ranges->pointers[ranges->array.n_indices++] = range;
}

static void init(struct ranges *ranges)
{
    gor__v1__array__init(&ranges->array);
    ranges->array.indices = ranges->pointers;
}

static void check_refused(struct ranges *ranges, const char *part)
{
    char error[200] = "";
    CHECK_EQ(gord_array_check(&ranges->array, error, sizeof error), -EINVAL);
    if (strstr(error, part) == NULL) {
        CHECK_STR(error, part); /* shows both */
    }
}

TEST(array_next_walks_ranges_in_their_order)
{
    static const uint32_t expected[] = {7, 3, 5, 0, 10, 20};
    struct gord_array_walk walk = {0, 0};
    struct ranges ranges;
    char error[200];
    uint32_t index;
    init(&ranges);
    add(&ranges, 7, 7, 0);
    add(&ranges, 3, 6, 2);
    add(&ranges, 0, 29, 10);
    CHECK_EQ(gord_array_size(&ranges.array), 6);
    CHECK_EQ(gord_array_check(&ranges.array, error, sizeof error), 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        CHECK(gord_array_next(&ranges.array, &walk, &index));
        CHECK_EQ(index, expected[i]);
    }
    CHECK(!gord_array_next(&ranges.array, &walk, &index));
}

TEST(array_check_bounds_size_and_indices)
{
    struct ranges ranges;
    char error[200];
    init(&ranges);
    check_refused(&ranges, "at least one index");
    add(&ranges, 0, GORD_ARRAY_MAX - 1, 1);
    CHECK_EQ(gord_array_check(&ranges.array, error, sizeof error), 0);
    add(&ranges, GORD_ARRAY_MAX, GORD_ARRAY_MAX, 1);
    check_refused(&ranges, "more than the 100000 tasks");
    init(&ranges);
    add(&ranges, 0, GORD_ARRAY_INDEX_MAX, 1);
    check_refused(&ranges, "more than the 100000 tasks");
    init(&ranges);
    add(&ranges, 0, UINT32_MAX, UINT32_MAX);
    check_refused(&ranges, "above the largest index");
    init(&ranges);
    add(&ranges, 0, GORD_ARRAY_INDEX_MAX, UINT32_MAX);
    CHECK_EQ(gord_array_size(&ranges.array), 1);
    CHECK_EQ(gord_array_check(&ranges.array, error, sizeof error), 0);
}

TEST(array_check_refuses_backwards_and_doubles)
{
    struct ranges ranges;
    init(&ranges);
    add(&ranges, 1, 3, 1);
    add(&ranges, 5, 4, 1);
    check_refused(&ranges, "indices[1]: it ends with 4, which is before its first, 5");
    init(&ranges);
    add(&ranges, 0, 10, 5);
    add(&ranges, 3, 7, 2);
    check_refused(&ranges, "5 is there twice");
}

static void check_text(struct ranges *ranges, size_t bytes, const char *expected)
{
    char text[64];
    CHECK_STR(gord_array_text(&ranges->array, text, bytes), expected);
}

TEST(array_text_is_as_it_was_given_or_cut)
{
    struct ranges ranges;
    init(&ranges);
    check_text(&ranges, 64, "");
    add(&ranges, 0, 9, 1);
    add(&ranges, 20, 30, 2);
    add(&ranges, 7, 7, 3);
    check_text(&ranges, 64, "0-9,20-30:2,7");
    check_text(&ranges, 16, "0-9,20-30:2,...");
    check_text(&ranges, 15, "0-9,...");
    check_text(&ranges, 8, "0-9,...");
    check_text(&ranges, 7, "...");
}

TEST(array_places_find_every_index_and_no_other)
{
    struct ranges ranges;
    init(&ranges);
    add(&ranges, 20, 30, 5);
    add(&ranges, 3, 3, 0);
    add(&ranges, 0, 2, 0);
    struct gord_array_place *places = gord_array_places(&ranges.array);
    uint32_t size = gord_array_size(&ranges.array);
    struct gord_array_walk walk = {0, 0};
    uint32_t index;
    for (uint32_t place = 0; gord_array_next(&ranges.array, &walk, &index); place++) {
        const struct gord_array_place *found = gord_array_find(places, size, index);
        CHECK(found != NULL);
        CHECK_EQ(found->place, place);
    }
    CHECK(gord_array_find(places, size, 4) == NULL);
    CHECK(gord_array_find(places, size, 21) == NULL);
    CHECK(gord_array_find(places, size, UINT32_MAX) == NULL);
    free(places);
}

TEST(array_index_is_read_from_a_stored_task)
{
    static char *labels[] = {(char *)"key=value"};
    Gor__V1__ArrayTask task = GOR__V1__ARRAY_TASK__INIT;
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    uint32_t index = 77;
    task.array_id = 300;
    task.count = 20;
    native.function = labels[0];
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.timeout_ns = -1; /* ten bytes */
    wire.unique_key = labels[0];
    for (uint32_t i = 0; i < 3; i++) {
        static const uint32_t indices[] = {0, 200, GORD_ARRAY_INDEX_MAX};
        task.index = indices[i];
        wire.task = &task;
        size_t bytes = gor__v1__job_spec__get_packed_size(&wire);
        uint8_t *packed = malloc(bytes);
        CHECK(packed != NULL);
        gor__v1__job_spec__pack(&wire, packed);
        CHECK(gord_array_index_of(packed, bytes, &index));
        CHECK_EQ(index, indices[i]);
        for (size_t cut = 0; cut < bytes; cut++) { /* no byte behind the end is looked at */
            uint8_t *part = malloc(cut + (cut == 0));
            CHECK(part != NULL);
            memcpy(part, packed, cut);
            (void)gord_array_index_of(part, cut, &index);
            free(part);
        }
        wire.task = NULL;
        bytes = gor__v1__job_spec__pack(&wire, packed);
        CHECK(!gord_array_index_of(packed, bytes, &index));
        free(packed);
    }
    CHECK(!gord_array_index_of("\x7b", 1, &index)); /* field 15, as a group */
    CHECK(!gord_array_index_of("\x7a\x05\x10", 3, &index));
    CHECK(!gord_array_index_of("\x78\x05", 2, &index)); /* as a number */
}
