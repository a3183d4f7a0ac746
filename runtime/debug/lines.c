/* SPDX-License-Identifier: MIT */
/* lines.c - see lines.h. The format: DWARF 5, section 6.2; the names of what is read are its. */
#include "runtime/debug/lines.h"

enum {
    FORM_BLOCK = 0x09,
    FORM_DATA1 = 0x0b,
    FORM_DATA2 = 0x05,
    FORM_DATA4 = 0x06,
    FORM_DATA8 = 0x07,
    FORM_DATA16 = 0x1e,
    FORM_STRING = 0x08,
    FORM_UDATA = 0x0f,
    FORM_STRP = 0x0e,
    FORM_LINE_STRP = 0x1f,
    CONTENT_PATH = 1,
    CONTENT_FOLDER = 2,
    OP_COPY = 1,
    OP_ADVANCE_PC = 2,
    OP_ADVANCE_LINE = 3,
    OP_SET_FILE = 4,
    OP_CONST_ADD_PC = 8,
    OP_FIXED_ADVANCE_PC = 9,
    EXTENDED_END = 1,
    EXTENDED_SET_ADDRESS = 2,
    PATH_MAX_BYTES = 4096,
};

/* The header of one unit's table. */
struct unit {
    uint64_t offset; /* in .debug_line */
    struct gor__bytes program;
    struct gor__bytes tables; /* of folders and files */
    const uint8_t *opcode_lengths;
    unsigned version;
    unsigned offset_bytes;
    unsigned min_instruction;
    unsigned max_operations;
    int line_base;
    unsigned line_range;
    unsigned opcode_base;
};

/* The header at the beginning of `bytes`, which then stand behind the unit. */
static bool read_unit(struct gor__bytes *bytes, uint64_t offset, struct unit *unit)
{
    *unit = (struct unit){.offset = offset, .offset_bytes = 4, .max_operations = 1};
    uint64_t length = gor__bytes_u32(bytes);
    if (length == 0xffffffffU) {
        length = gor__bytes_number(bytes, 8);
        unit->offset_bytes = 8;
    }
    struct gor__bytes rest = gor__bytes_take(bytes, length);
    unit->version = gor__bytes_u16(&rest);
    if (bytes->bad || unit->version < 2 || unit->version > 5) {
        return false;
    }
    if (unit->version >= 5) {
        gor__bytes_skip(&rest, 2); /* sizes of addresses and of segment selectors */
    }
    uint64_t header_length = gor__bytes_number(&rest, unit->offset_bytes);
    unit->program = gor__bytes_from(rest, header_length);
    struct gor__bytes header = gor__bytes_take(&rest, header_length);
    unit->min_instruction = gor__bytes_u8(&header);
    if (unit->version >= 4) {
        unit->max_operations = gor__bytes_u8(&header);
    }
    gor__bytes_skip(&header, 1);                              /* default_is_stmt */
    unit->line_base = (gor__bytes_u8(&header) ^ 0x80) - 0x80; /* a signed byte */
    unit->line_range = gor__bytes_u8(&header);
    unit->opcode_base = gor__bytes_u8(&header);
    unit->opcode_lengths = header.at;
    gor__bytes_skip(&header, unit->opcode_base > 0 ? unit->opcode_base - 1 : 0);
    unit->tables = header;
    /* A table for a machine whose instructions are bundled is none of ours. */
    return !header.bad && !unit->program.bad && unit->line_range != 0 && unit->opcode_base != 0 &&
           unit->max_operations == 1;
}

/* ---- the names of files */

struct entry {
    const char *path;
    uint64_t folder;
};

static const char *read_path(const struct gor__lines *lines, const struct unit *unit,
                             struct gor__bytes *bytes, uint64_t form)
{
    switch (form) {
    case FORM_STRING:
        return gor__bytes_text(bytes);
    case FORM_LINE_STRP:
        return gor__bytes_text_at(lines->line_texts, gor__bytes_number(bytes, unit->offset_bytes));
    case FORM_STRP:
        return gor__bytes_text_at(lines->texts, gor__bytes_number(bytes, unit->offset_bytes));
    default:
        gor__bytes_fail(bytes);
        return NULL;
    }
}

static uint64_t read_plain(struct gor__bytes *bytes, uint64_t form)
{
    switch (form) {
    case FORM_DATA1:
        return gor__bytes_u8(bytes);
    case FORM_DATA2:
        return gor__bytes_u16(bytes);
    case FORM_DATA4:
        return gor__bytes_u32(bytes);
    case FORM_DATA8:
        return gor__bytes_number(bytes, 8);
    case FORM_DATA16:
        gor__bytes_skip(bytes, 16);
        return 0;
    case FORM_UDATA:
        return gor__bytes_uleb(bytes);
    case FORM_BLOCK:
        gor__bytes_skip(bytes, gor__bytes_uleb(bytes));
        return 0;
    default:
        gor__bytes_fail(bytes);
        return 0;
    }
}

/* A table of version 5: entry `wanted`, or all of them are passed over. */
static bool read_table(const struct gor__lines *lines, const struct unit *unit,
                       struct gor__bytes *bytes, uint64_t wanted, struct entry *out_entry)
{
    uint64_t formats = gor__bytes_u8(bytes);
    struct gor__bytes format = *bytes;
    for (uint64_t i = 0; i < formats; i++) {
        (void)gor__bytes_uleb(bytes);
        (void)gor__bytes_uleb(bytes);
    }
    uint64_t count = gor__bytes_uleb(bytes);
    /* Entries without any format take no bytes: there is nothing to be had from them. */
    for (uint64_t i = 0; i < count && formats > 0 && !bytes->bad; i++) {
        struct gor__bytes now = format;
        struct entry entry = {NULL, 0};
        for (uint64_t f = 0; f < formats; f++) {
            uint64_t content = gor__bytes_uleb(&now);
            uint64_t form = gor__bytes_uleb(&now);
            if (content == CONTENT_PATH) {
                entry.path = read_path(lines, unit, bytes, form);
            } else if (content == CONTENT_FOLDER) {
                entry.folder = read_plain(bytes, form);
            } else {
                (void)read_plain(bytes, form);
            }
        }
        if (i == wanted) {
            *out_entry = entry;
            return !bytes->bad;
        }
    }
    return false;
}

/* Before version 5: texts up to an empty one; folders, counted from 1. */
static const char *find_old_folder(struct gor__bytes *bytes, uint64_t wanted)
{
    const char *found = NULL;
    uint64_t number = 1;
    const char *text = gor__bytes_text(bytes);
    while (text != NULL && text[0] != '\0') {
        if (number++ == wanted) {
            found = text;
        }
        text = gor__bytes_text(bytes);
    }
    return found;
}

static bool find_old_file(struct gor__bytes *bytes, uint64_t wanted, struct entry *out_entry)
{
    uint64_t number = 1;
    const char *text = gor__bytes_text(bytes);
    while (text != NULL && text[0] != '\0') {
        uint64_t folder = gor__bytes_uleb(bytes);
        (void)gor__bytes_uleb(bytes); /* time */
        (void)gor__bytes_uleb(bytes); /* size */
        if (number++ == wanted) {
            *out_entry = (struct entry){text, folder};
            return !bytes->bad;
        }
        text = gor__bytes_text(bytes);
    }
    return false;
}

/* The file's name, and two folders it may be relative to, the second one to the first. */
static bool find_file(const struct gor__lines *lines, const struct unit *unit, uint64_t file,
                      const char *parts[3])
{
    struct entry entry = {NULL, 0};
    struct gor__bytes tables = unit->tables;
    if (unit->version < 5) {
        (void)find_old_folder(&tables, 0);
        if (!find_old_file(&tables, file, &entry)) {
            return false;
        }
        tables = unit->tables;
        parts[1] = find_old_folder(&tables, entry.folder);
    } else {
        struct entry folder = {NULL, 0};
        (void)read_table(lines, unit, &tables, UINT64_MAX, &entry);
        if (!read_table(lines, unit, &tables, file, &entry)) {
            return false;
        }
        tables = unit->tables;
        if (read_table(lines, unit, &tables, 0, &folder)) {
            parts[0] = folder.path;
        }
        tables = unit->tables;
        if (entry.folder != 0 && read_table(lines, unit, &tables, entry.folder, &folder)) {
            parts[1] = folder.path;
        }
    }
    parts[2] = entry.path;
    return entry.path != NULL;
}

/* What names the file: the last part, after those before it that it is relative to. */
static const char *join(struct gor__bump *bump, const char *parts[3])
{
    size_t length = 0;
    int first = 2;
    while (first > 0 && parts[first - 1] != NULL && parts[first][0] != '/') {
        first--;
    }
    if (first == 2) {
        return parts[2];
    }
    for (int i = first; i < 3; i++) {
        length += strlen(parts[i]) + 1;
    }
    char *path = length < PATH_MAX_BYTES ? gor__bump_take(bump, length) : NULL;
    if (path == NULL) {
        return parts[2];
    }
    char *at = path;
    for (int i = first; i < 3; i++) {
        size_t part = strlen(parts[i]);
        memcpy(at, parts[i], part);
        at[part] = i < 2 ? '/' : '\0';
        at += part + 1;
    }
    return path;
}

static const char *name_file(const struct gor__lines *lines, struct gor__bump *bump,
                             const struct unit *unit, uint64_t file, const char *folder)
{
    const char *parts[3] = {folder, NULL, NULL};
    if (!find_file(lines, unit, file, parts)) {
        return NULL;
    }
    if (parts[1] == NULL) {
        parts[1] = parts[0];
        parts[0] = NULL;
    }
    return join(bump, parts);
}

const char *gor__lines_file(const struct gor__lines *lines, struct gor__bump *bump, uint64_t unit,
                            uint64_t file, const char *folder)
{
    struct unit header;
    struct gor__bytes bytes = gor__bytes_from(lines->lines, unit);
    return read_unit(&bytes, unit, &header) ? name_file(lines, bump, &header, file, folder) : NULL;
}

/* ---- the program */

struct row {
    uint64_t address;
    uint64_t file;
    uint64_t line;
    bool ends; /* behind the last instruction of the sequence */
};

static const struct row first_row = {0, 1, 1, false};

static void advance(const struct unit *unit, struct row *row, uint64_t operations)
{
    row->address += operations * unit->min_instruction;
}

/* True when a row is complete. */
static bool do_extended(struct gor__bytes *program, struct row *row)
{
    struct gor__bytes rest = gor__bytes_take(program, gor__bytes_uleb(program));
    switch (gor__bytes_u8(&rest)) {
    case EXTENDED_END:
        row->ends = true;
        return true;
    case EXTENDED_SET_ADDRESS:
        row->address = gor__bytes_number(&rest, (unsigned)gor__bytes_left(&rest));
        return false;
    default:
        return false;
    }
}

static bool do_standard(const struct unit *unit, struct gor__bytes *program, unsigned opcode,
                        struct row *row)
{
    switch (opcode) {
    case OP_COPY:
        return true;
    case OP_ADVANCE_PC:
        advance(unit, row, gor__bytes_uleb(program));
        break;
    case OP_ADVANCE_LINE:
        row->line += (uint64_t)gor__bytes_sleb(program);
        break;
    case OP_SET_FILE:
        row->file = gor__bytes_uleb(program);
        break;
    case OP_CONST_ADD_PC:
        advance(unit, row, (255 - unit->opcode_base) / unit->line_range);
        break;
    case OP_FIXED_ADVANCE_PC:
        row->address += gor__bytes_u16(program);
        break;
    default:
        for (unsigned i = 0; i < unit->opcode_lengths[opcode - 1]; i++) {
            (void)gor__bytes_uleb(program);
        }
    }
    return false;
}

/* Go on to the next complete row; false: the program is over. */
static bool next_row(const struct unit *unit, struct gor__bytes *program, struct row *row)
{
    if (row->ends) {
        *row = first_row;
    }
    while (gor__bytes_left(program) > 0) {
        unsigned opcode = gor__bytes_u8(program);
        if (opcode >= unit->opcode_base) {
            unsigned special = opcode - unit->opcode_base;
            advance(unit, row, special / unit->line_range);
            row->line += (uint64_t)(unit->line_base + (int64_t)(special % unit->line_range));
            return true;
        }
        if (opcode == 0 ? do_extended(program, row) : do_standard(unit, program, opcode, row)) {
            return true;
        }
    }
    return false;
}

/* Note where the unit's sequences lie. Those of functions that the linker has dropped begin at 0, or
 * end before they begin. */
static bool index_unit(struct gor__lines *lines, struct gor__bump *bump, const struct unit *unit)
{
    struct gor__bytes program = unit->program;
    const uint8_t *base = lines->lines.at + unit->offset;
    const uint8_t *start = program.at;
    uint64_t low = UINT64_MAX;
    struct row row = first_row;
    while (next_row(unit, &program, &row)) {
        low = row.address < low ? row.address : low;
        if (!row.ends) {
            continue;
        }
        struct gor__span span = {.low = low,
                                 .high = row.address,
                                 .what = unit->offset,
                                 .detail = (uint32_t)(start - base)};
        if (low != 0 && low < row.address && start - base <= (ptrdiff_t)UINT32_MAX &&
            !gor__spans_add(&lines->sequences, bump, span)) {
            return false;
        }
        low = UINT64_MAX;
        start = program.at;
    }
    return true;
}

void gor__lines_read(struct gor__lines *lines, const struct gor__elf *elf, struct gor__bump *bump)
{
    struct unit unit;
    memset(lines, 0, sizeof *lines);
    lines->lines = gor__elf_section(elf, ".debug_line");
    lines->line_texts = gor__elf_section(elf, ".debug_line_str");
    lines->texts = gor__elf_section(elf, ".debug_str");
    struct gor__bytes bytes = lines->lines;
    while (gor__bytes_left(&bytes) > 0) {
        uint64_t offset = (uint64_t)(bytes.at - lines->lines.at);
        if (read_unit(&bytes, offset, &unit) && !index_unit(lines, bump, &unit)) {
            break;
        }
    }
    gor__spans_sort(&lines->sequences);
}

bool gor__lines_find(const struct gor__lines *lines, struct gor__bump *bump, uint64_t address,
                     const char *folder, struct gor__place *out_place)
{
    struct unit unit;
    const struct gor__span *span = gor__spans_find(&lines->sequences, address);
    if (span == NULL) {
        return false;
    }
    struct gor__bytes bytes = gor__bytes_from(lines->lines, span->what);
    if (!read_unit(&bytes, span->what, &unit)) {
        return false;
    }
    struct gor__bytes program = gor__bytes_from(lines->lines, span->what + span->detail);
    program.end = unit.program.end;
    struct row row = first_row;
    struct row before = {.address = UINT64_MAX};
    while (next_row(&unit, &program, &row)) {
        if (before.address <= address && address < row.address) {
            out_place->file = name_file(lines, bump, &unit, before.file, folder);
            out_place->line = (unsigned)before.line;
            return true;
        }
        if (row.ends) {
            return false;
        }
        before = row;
    }
    return false;
}
