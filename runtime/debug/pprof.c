/* SPDX-License-Identifier: MIT */
/* pprof.c - see pprof.h. The format is google/pprof's proto/profile.proto: texts, functions and
 * locations are numbered, and samples name locations by number.
 *
 * Samples come first, since they decide which locations there are; then locations, which decide over
 * functions; texts come last. A reader takes fields in any order.
 */
#include "runtime/debug/pprof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/debug/mapping.h"
#include "runtime/debug/symbol.h"
#include "runtime/sched/labels.h"

/* Fields, by message. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME = 9,
    PROFILE_DURATION = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    TYPE_TYPE = 1,
    TYPE_UNIT = 2,
    SAMPLE_LOCATIONS = 1,
    SAMPLE_VALUES = 2,
    SAMPLE_LABEL = 3,
    LABEL_KEY = 1,
    LABEL_TEXT = 2,
    MAPPING_ID = 1,
    MAPPING_START = 2,
    MAPPING_LIMIT = 3,
    MAPPING_OFFSET = 4,
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILES = 8,
    MAPPING_HAS_LINES = 9,
    MAPPING_HAS_INLINES = 10,
    LOCATION_ID = 1,
    LOCATION_MAPPING = 2,
    LOCATION_ADDRESS = 3,
    LOCATION_LINE = 4,
    LINE_FUNCTION = 1,
    LINE_LINE = 2,
    FUNCTION_ID = 1,
    FUNCTION_NAME = 2,
    FUNCTION_SYSTEM_NAME = 3,
    FUNCTION_FILE = 4,
};

struct function_key {
    uint32_t name;
    uint32_t file;
};

struct location_key {
    uintptr_t address;
    uint64_t is_whole; /* the function as such, whatever was inlined into it there */
};

struct encoder {
    const struct gor__pprof *head;
    struct gor__wire *out;
    struct gor__mappings mappings;
    bool *unnamed; /* owned; by mapping: some of its code has no name */
    struct gor__interned texts;
    struct gor__interned functions; /* of struct function_key */
    struct gor__interned locations; /* of struct location_key */
};

static uint64_t text(struct encoder *e, const char *words)
{
    return gor__intern(&e->texts, words, strlen(words));
}

/* ---- types and labels */

static void write_type(struct encoder *e, uint32_t field, const struct gor__pprof_type *type)
{
    size_t opened = gor__wire_open(e->out, field);
    gor__wire_varint(e->out, TYPE_TYPE, text(e, type->what));
    gor__wire_varint(e->out, TYPE_UNIT, text(e, type->unit));
    gor__wire_close(e->out, opened);
}

static void write_label(struct encoder *e, const char *key, const char *value)
{
    size_t opened = gor__wire_open(e->out, SAMPLE_LABEL);
    gor__wire_varint(e->out, LABEL_KEY, text(e, key));
    gor__wire_varint(e->out, LABEL_TEXT, text(e, value));
    gor__wire_close(e->out, opened);
}

static const char *after(const char *words)
{
    return words + strlen(words) + 1;
}

static bool has_label(const char *labels, const char *end, const char *key)
{
    while (labels < end) {
        if (strcmp(labels, key) == 0) {
            return true;
        }
        labels = after(after(labels));
    }
    return false;
}

/* "function file:line", as far as it is known. */
static void print_place(uintptr_t address, char *out, size_t room)
{
    struct gor__symbol symbol;
    if (!gor__symbol_find((const void *)address, &symbol) || symbol.function == NULL) {
        (void)snprintf(out, room, "0x%lx", (unsigned long)address);
    } else if (symbol.file == NULL) {
        (void)snprintf(out, room, "%s", symbol.function);
    } else {
        const char *slash = strrchr(symbol.file, '/');
        (void)snprintf(out, room, "%s %s:%u", symbol.function,
                       slash != NULL ? slash + 1 : symbol.file, symbol.line);
    }
}

/* A label the goroutine was given hides ours of the same key. */
static void write_labels(struct encoder *e, const struct gor__sample_key *key, const char *labels)
{
    char place[256];
    const char *end = labels + key->labels_bytes;
    for (const char *at = labels; at < end; at = after(after(at))) {
        write_label(e, at, after(at));
    }
    if (key->name[0] != '\0' && !has_label(labels, end, "goroutine")) {
        write_label(e, "goroutine", key->name);
    }
    if (key->reason != GOR_WAIT_NONE && !has_label(labels, end, "wait_reason")) {
        write_label(e, "wait_reason", gor_wait_reason_name((enum gor_wait_reason)key->reason));
    }
    if (key->created_at != 0 && !has_label(labels, end, "created_by")) {
        print_place(key->created_at, place, sizeof place);
        write_label(e, "created_by", place);
    }
}

/* ---- samples */

static void write_place(struct encoder *e, uintptr_t address, bool is_whole)
{
    struct location_key key = {address, is_whole};
    uint32_t number = gor__intern(&e->locations, &key, sizeof key);
    gor__wire_packed(e->out, (uint64_t)number + 1);
}

static void write_stack(struct encoder *e, const struct gor__sample_key *key)
{
    size_t packed = gor__wire_open(e->out, SAMPLE_LOCATIONS);
    for (unsigned i = 0; i < key->frame_count; i++) {
        write_place(e, key->frames[i], i == 0 && key->is_first_whole != 0);
    }
    gor__wire_close(e->out, packed);
}

static void write_sample(struct encoder *e, const struct gor__interned_key *bytes,
                         const int64_t *values)
{
    const struct gor__sample_key *key = bytes->bytes;
    size_t opened = gor__wire_open(e->out, PROFILE_SAMPLE);
    write_stack(e, key);
    size_t packed = gor__wire_open(e->out, SAMPLE_VALUES);
    for (int i = 0; i < GOR__SAMPLE_VALUES && e->head->values[i].what != NULL; i++) {
        gor__wire_packed(e->out, (uint64_t)values[i]);
    }
    gor__wire_close(e->out, packed);
    write_labels(e, key, (const char *)&key->frames[key->frame_count]);
    gor__wire_close(e->out, opened);
}

/* ---- places */

static void write_line(struct encoder *e, const struct gor__symbol *symbol)
{
    struct function_key key = {
        (uint32_t)text(e, symbol->function),
        (uint32_t)text(e, symbol->file != NULL ? symbol->file : ""),
    };
    size_t opened = gor__wire_open(e->out, LOCATION_LINE);
    gor__wire_varint(e->out, LINE_FUNCTION,
                     (uint64_t)gor__intern(&e->functions, &key, sizeof key) + 1);
    if (symbol->line != 0) {
        gor__wire_varint(e->out, LINE_LINE, symbol->line);
    }
    gor__wire_close(e->out, opened);
}

static unsigned find_functions(uintptr_t address, struct gor__symbol *symbols)
{
    static const char *const pseudo[GOR__PLACE_COUNT] = {
        [GOR__PLACE_UNKNOWN] = "[unknown]",
        [GOR__PLACE_LOST] = "[lost: too many samples at once]",
        [GOR__PLACE_OTHER] = "[other: too many different stacks]",
    };
    if (address >= GOR__PLACE_COUNT) {
        return gor__symbol_frames((const void *)address, symbols, GOR__SYMBOL_FRAMES);
    }
    symbols[0] = (struct gor__symbol){.function = pseudo[address]};
    return 1;
}

/* Innermost first, as the format wants inlined functions. */
static void write_lines(struct encoder *e, const struct location_key *key, size_t mapping)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    unsigned count = find_functions(key->address, symbols);
    bool named = false;
    for (unsigned i = key->is_whole != 0 && count > 0 ? count - 1 : 0; i < count; i++) {
        if (symbols[i].function != NULL) {
            write_line(e, &symbols[i]);
            named = true;
        }
    }
    if (!named && mapping != 0) {
        e->unnamed[mapping - 1] = true;
    }
}

static void write_location(struct encoder *e, uint64_t id, const struct location_key *key)
{
    size_t mapping = gor__mappings_find(&e->mappings, key->address);
    size_t opened = gor__wire_open(e->out, PROFILE_LOCATION);
    gor__wire_varint(e->out, LOCATION_ID, id);
    if (mapping != 0) {
        gor__wire_varint(e->out, LOCATION_MAPPING, mapping);
    }
    gor__wire_varint(e->out, LOCATION_ADDRESS, key->address);
    write_lines(e, key, mapping);
    gor__wire_close(e->out, opened);
}

static void write_function(struct encoder *e, uint64_t id, const struct function_key *key)
{
    size_t opened = gor__wire_open(e->out, PROFILE_FUNCTION);
    gor__wire_varint(e->out, FUNCTION_ID, id);
    gor__wire_varint(e->out, FUNCTION_NAME, key->name);
    gor__wire_varint(e->out, FUNCTION_SYSTEM_NAME, key->name);
    gor__wire_varint(e->out, FUNCTION_FILE, key->file);
    gor__wire_close(e->out, opened);
}

/* Where names are missing the reader is not told that they are there: it then looks in the file, if it
 * has that. */
static void write_mapping(struct encoder *e, uint64_t id)
{
    const struct gor__mapping *mapping = &e->mappings.list[id - 1];
    bool named = !e->unnamed[id - 1];
    size_t opened = gor__wire_open(e->out, PROFILE_MAPPING);
    gor__wire_varint(e->out, MAPPING_ID, id);
    gor__wire_varint(e->out, MAPPING_START, mapping->start);
    gor__wire_varint(e->out, MAPPING_LIMIT, mapping->limit);
    gor__wire_varint(e->out, MAPPING_OFFSET, mapping->file_offset);
    gor__wire_varint(e->out, MAPPING_FILE, text(e, mapping->file));
    gor__wire_varint(e->out, MAPPING_BUILD_ID, text(e, mapping->build_id));
    gor__wire_varint(e->out, MAPPING_HAS_FUNCTIONS, named);
    gor__wire_varint(e->out, MAPPING_HAS_FILES, named);
    gor__wire_varint(e->out, MAPPING_HAS_LINES, named);
    gor__wire_varint(e->out, MAPPING_HAS_INLINES, named);
    gor__wire_close(e->out, opened);
}

static void write_places(struct encoder *e)
{
    for (size_t i = 0; i < e->locations.count; i++) {
        write_location(e, i + 1, e->locations.keys[i].bytes);
    }
    for (size_t i = 0; i < e->functions.count; i++) {
        write_function(e, i + 1, e->functions.keys[i].bytes);
    }
    for (size_t i = 0; i < e->mappings.count; i++) {
        write_mapping(e, i + 1);
    }
}

/* ---- all of it */

static void write_head(struct encoder *e)
{
    const struct gor__pprof *head = e->head;
    /* Number 0 is no text. */
    (void)text(e, "");
    for (int i = 0; i < GOR__SAMPLE_VALUES && head->values[i].what != NULL; i++) {
        write_type(e, PROFILE_SAMPLE_TYPE, &head->values[i]);
    }
    write_type(e, PROFILE_PERIOD_TYPE, &head->period_type);
    gor__wire_varint(e->out, PROFILE_PERIOD, (uint64_t)head->period);
    gor__wire_varint(e->out, PROFILE_TIME, (uint64_t)head->time_ns);
    gor__wire_varint(e->out, PROFILE_DURATION, (uint64_t)head->duration_ns);
    if (head->comment != NULL) {
        gor__wire_varint(e->out, PROFILE_COMMENT, text(e, head->comment));
    }
}

static void write_all(struct encoder *e, const struct gor__samples *samples)
{
    gor__symbol_refresh();
    write_head(e);
    for (size_t i = 0; i < samples->keys.count; i++) {
        write_sample(e, &samples->keys.keys[i], samples->values[i]);
    }
    write_places(e);
    for (size_t i = 0; i < e->texts.count; i++) {
        gor__wire_bytes(e->out, PROFILE_STRING, e->texts.keys[i].bytes, e->texts.keys[i].count);
    }
}

int gor__pprof_encode(const struct gor__pprof *head, const struct gor__samples *samples,
                      struct gor__wire *out)
{
    struct encoder e = {.head = head, .out = out};
    int result = gor__mappings_init(&e.mappings);
    if (result < 0) {
        return result;
    }
    e.unnamed = calloc(e.mappings.count + 1, sizeof *e.unnamed);
    if (e.unnamed != NULL) {
        write_all(&e, samples);
    }
    if (e.unnamed == NULL || !gor__wire_ok(out) || !gor__interned_ok(&e.texts) ||
        !gor__interned_ok(&e.functions) || !gor__interned_ok(&e.locations)) {
        result = -ENOMEM;
    }
    gor__interned_fini(&e.locations);
    gor__interned_fini(&e.functions);
    gor__interned_fini(&e.texts);
    free(e.unnamed);
    gor__mappings_fini(&e.mappings);
    return result;
}
