/* SPDX-License-Identifier: MIT */
/* profile_reader.h - reads profiles of google/pprof's form, for tests: who is on which stack, with
 * which labels and numbers. Each reference within is checked to name something that is there. */
#ifndef GOR_TESTS_RUNTIME_PROFILE_READER_H
#define GOR_TESTS_RUNTIME_PROFILE_READER_H

#include <stdlib.h>

#include "runtime/gor.h"
#include "tests/runtime/wire_reader.h"

enum { PROFILE_STACK_MAX = 256, PROFILE_LABELS_MAX = 16, PROFILE_TYPES_MAX = 2 };

struct profile_line {
    const char *function;
    const char *file;
    uint64_t line;
};

struct profile_location {
    uint64_t id;
    uint64_t mapping;
    uint64_t address;
    size_t line_count;
    struct profile_line lines[20];
};

struct profile_sample {
    size_t frame_count;
    struct profile_line frames[PROFILE_STACK_MAX]; /* innermost first, inlined ones too */
    int64_t values[PROFILE_TYPES_MAX];
    size_t label_count;
    struct {
        const char *key;
        const char *text;
    } labels[PROFILE_LABELS_MAX];
};

struct profile {
    uint8_t *bytes; /* owned; the message */
    size_t count;
    const char **strings; /* owned, and each of them */
    size_t string_count;
    struct profile_location *locations; /* owned */
    size_t location_count;
    struct profile_sample *samples; /* owned */
    size_t sample_count;
    const char *types[PROFILE_TYPES_MAX][2]; /* what, unit */
    size_t type_count;
    const char *period_type[2];
    int64_t period;
    int64_t time_ns;
    int64_t duration_ns;
    size_t mapping_count;
    const char *program; /* file of the first mapping */
    const char *build_id;
};

#define PROFILE_UNUSED __attribute__((unused))

static const char *profile_string(const struct profile *p, uint64_t number)
{
    CHECK_INT(number, <, p->string_count);
    return p->strings[number];
}

static void profile_read_strings(struct profile *p)
{
    struct wire_reader r = {.at = p->bytes, .end = p->bytes + p->count};
    while (wire_next(&r)) {
        if (r.field == 6) {
            CHECK(r.bytes != NULL);
            p->strings = realloc(p->strings, (p->string_count + 1) * sizeof *p->strings);
            p->strings[p->string_count++] = strndup((const char *)r.bytes, r.count);
        }
    }
    CHECK_INT(p->string_count, >, 0);
    CHECK_STR(p->strings[0], "");
}

/* The numbers of a message that has nothing else, by field. */
static void profile_read_numbers(struct wire_reader r, uint64_t *out_by_field, size_t fields)
{
    memset(out_by_field, 0, fields * sizeof *out_by_field);
    while (wire_next(&r)) {
        CHECK_EQ(r.type, 0);
        CHECK_INT(r.field, <, fields);
        out_by_field[r.field] = r.value;
    }
}

static void profile_read_type(const struct profile *p, const struct wire_reader *field,
                              const char **out_type)
{
    uint64_t numbers[3];
    profile_read_numbers(wire_inside(field), numbers, 3);
    out_type[0] = profile_string(p, numbers[1]);
    out_type[1] = profile_string(p, numbers[2]);
}

static struct profile_line profile_find_function(const struct profile *p, uint64_t id)
{
    struct wire_reader r = {.at = p->bytes, .end = p->bytes + p->count};
    while (wire_next(&r)) {
        if (r.field == 5) {
            uint64_t numbers[6];
            profile_read_numbers(wire_inside(&r), numbers, 6);
            if (numbers[1] == id) {
                return (struct profile_line){profile_string(p, numbers[2]),
                                             profile_string(p, numbers[4]), 0};
            }
        }
    }
    test_fail(__FILE__, __LINE__, "no function has the id %llu", (unsigned long long)id);
}

static void profile_read_location(struct profile *p, struct wire_reader r)
{
    p->locations = realloc(p->locations, (p->location_count + 1) * sizeof *p->locations);
    struct profile_location *location = &p->locations[p->location_count++];
    memset(location, 0, sizeof *location);
    while (wire_next(&r)) {
        if (r.field == 4) {
            uint64_t numbers[3];
            profile_read_numbers(wire_inside(&r), numbers, 3);
            CHECK_INT(location->line_count, <, 20);
            struct profile_line *line = &location->lines[location->line_count++];
            *line = profile_find_function(p, numbers[1]);
            line->line = numbers[2];
        } else {
            CHECK(r.type == 0 && r.field <= 3);
            *(r.field == 1   ? &location->id
              : r.field == 2 ? &location->mapping
                             : &location->address) = r.value;
        }
    }
    CHECK_INT(location->id, !=, 0);
    CHECK_INT(location->mapping, <=, p->mapping_count);
}

static void profile_add_frames(const struct profile *p, struct profile_sample *sample, uint64_t id)
{
    for (size_t i = 0; i < p->location_count; i++) {
        const struct profile_location *location = &p->locations[i];
        if (location->id == id) {
            for (size_t k = 0; k < location->line_count; k++) {
                CHECK_INT(sample->frame_count, <, PROFILE_STACK_MAX);
                sample->frames[sample->frame_count++] = location->lines[k];
            }
            return;
        }
    }
    test_fail(__FILE__, __LINE__, "no location has the id %llu", (unsigned long long)id);
}

static void profile_read_sample(struct profile *p, struct wire_reader r)
{
    p->samples = realloc(p->samples, (p->sample_count + 1) * sizeof *p->samples);
    struct profile_sample *sample = &p->samples[p->sample_count++];
    size_t values = 0;
    memset(sample, 0, sizeof *sample);
    while (wire_next(&r)) {
        struct wire_reader inside = wire_inside(&r);
        uint64_t numbers[5];
        switch (r.field) {
        case 1:
            while (inside.at < inside.end) {
                profile_add_frames(p, sample, wire_number(&inside));
            }
            break;
        case 2:
            while (inside.at < inside.end) {
                CHECK_INT(values, <, PROFILE_TYPES_MAX);
                sample->values[values++] = (int64_t)wire_number(&inside);
            }
            break;
        case 3:
            profile_read_numbers(inside, numbers, 5);
            CHECK_INT(sample->label_count, <, PROFILE_LABELS_MAX);
            sample->labels[sample->label_count].key = profile_string(p, numbers[1]);
            sample->labels[sample->label_count++].text = profile_string(p, numbers[2]);
            break;
        default:
            test_fail(__FILE__, __LINE__, "a sample has a field %u", r.field);
        }
    }
    CHECK_EQ(values, p->type_count);
}

static void profile_read_mapping(struct profile *p, struct wire_reader r)
{
    uint64_t numbers[11];
    profile_read_numbers(r, numbers, 11);
    CHECK_EQ(numbers[1], ++p->mapping_count);
    CHECK_INT(numbers[2], <, numbers[3]);
    if (p->mapping_count == 1) {
        p->program = profile_string(p, numbers[5]);
        p->build_id = profile_string(p, numbers[6]);
    }
}

/* Fields of one kind after the other, since each kind speaks of those before. */
static void profile_read_kind(struct profile *p, uint32_t field)
{
    struct wire_reader r = {.at = p->bytes, .end = p->bytes + p->count};
    while (wire_next(&r)) {
        if (r.field != field) {
            continue;
        }
        switch (field) {
        case 1:
            CHECK_INT(p->type_count, <, PROFILE_TYPES_MAX);
            profile_read_type(p, &r, p->types[p->type_count++]);
            break;
        case 2:
            profile_read_sample(p, wire_inside(&r));
            break;
        case 3:
            profile_read_mapping(p, wire_inside(&r));
            break;
        case 4:
            profile_read_location(p, wire_inside(&r));
            break;
        case 9:
            p->time_ns = (int64_t)r.value;
            break;
        case 10:
            p->duration_ns = (int64_t)r.value;
            break;
        case 11:
            profile_read_type(p, &r, p->period_type);
            break;
        case 12:
            p->period = (int64_t)r.value;
            break;
        default:
            break;
        }
    }
}

static int profile_append(void *arg, const void *bytes, size_t count)
{
    struct profile *p = arg;
    p->bytes = realloc(p->bytes, p->count + count + 1);
    memcpy(p->bytes + p->count, bytes, count);
    p->count += count;
    return 0;
}

PROFILE_UNUSED static void profile_take(struct profile *p, enum gor_profile which)
{
    static const uint32_t kinds[] = {1, 3, 4, 2, 9, 10, 11, 12};
    memset(p, 0, sizeof *p);
    CHECK_EQ(gor_profile_write_to(which, &(struct gor_profile_opts){.uncompressed = true},
                                  profile_append, p),
             0);
    profile_read_strings(p);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        profile_read_kind(p, kinds[i]);
    }
}

PROFILE_UNUSED static void profile_free(struct profile *p)
{
    for (size_t i = 0; i < p->string_count; i++) {
        free((void *)(uintptr_t)p->strings[i]);
    }
    free(p->strings);
    free(p->locations);
    free(p->samples);
    free(p->bytes);
}

/* The text of a label; NULL: the sample has none of that key. */
PROFILE_UNUSED static const char *profile_label(const struct profile_sample *sample,
                                                const char *key)
{
    for (size_t i = 0; i < sample->label_count; i++) {
        if (strcmp(sample->labels[i].key, key) == 0) {
            return sample->labels[i].text;
        }
    }
    return NULL;
}

PROFILE_UNUSED static bool profile_has_label(const struct profile_sample *sample, const char *key,
                                             const char *text)
{
    const char *found = profile_label(sample, key);
    return text == NULL ? found == NULL : found != NULL && strcmp(found, text) == 0;
}

/* Where on the stack a function is, innermost 0; -1: nowhere. */
PROFILE_UNUSED static int profile_depth(const struct profile_sample *sample, const char *function)
{
    for (size_t i = 0; i < sample->frame_count; i++) {
        if (strcmp(sample->frames[i].function, function) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Of all samples with that function on the stack, the sum of their values. */
PROFILE_UNUSED static int64_t profile_sum(const struct profile *p, const char *function, int value)
{
    int64_t sum = 0;
    for (size_t i = 0; i < p->sample_count; i++) {
        if (function == NULL || profile_depth(&p->samples[i], function) >= 0) {
            sum += p->samples[i].values[value];
        }
    }
    return sum;
}

#endif
