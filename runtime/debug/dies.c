/* SPDX-License-Identifier: MIT */
/* dies.c - see dies.h. The format: DWARF 5, chapter 7, whose names for things these are. */
#include "runtime/debug/dies.h"

enum {
    UNIT_COMPILE = 1,
    UNIT_PARTIAL = 3,

    AT_SIBLING = 0x01,
    AT_NAME = 0x03,
    AT_STMT_LIST = 0x10,
    AT_LOW_PC = 0x11,
    AT_HIGH_PC = 0x12,
    AT_COMP_DIR = 0x1b,
    AT_ABSTRACT_ORIGIN = 0x31,
    AT_SPECIFICATION = 0x47,
    AT_RANGES = 0x55,
    AT_CALL_FILE = 0x58,
    AT_CALL_LINE = 0x59,
    AT_STR_OFFSETS_BASE = 0x72,
    AT_ADDR_BASE = 0x73,
    AT_RNGLISTS_BASE = 0x74,

    RANGE_END = 0,
    RANGE_BASE_ADDRESSX = 1,
    RANGE_STARTX_ENDX = 2,
    RANGE_STARTX_LENGTH = 3,
    RANGE_OFFSET_PAIR = 4,
    RANGE_BASE_ADDRESS = 5,
    RANGE_START_END = 6,
    RANGE_START_LENGTH = 7,

    ADDRESS_BYTES = 8,
};

void gor__dwarf_read(struct gor__dwarf *dwarf, const struct gor__elf *elf)
{
    dwarf->info = gor__elf_section(elf, ".debug_info");
    dwarf->abbrevs = gor__elf_section(elf, ".debug_abbrev");
    dwarf->texts = gor__elf_section(elf, ".debug_str");
    dwarf->line_texts = gor__elf_section(elf, ".debug_line_str");
    dwarf->text_offsets = gor__elf_section(elf, ".debug_str_offsets");
    dwarf->addresses = gor__elf_section(elf, ".debug_addr");
    dwarf->ranges = gor__elf_section(elf, ".debug_ranges");
    dwarf->range_lists = gor__elf_section(elf, ".debug_rnglists");
}

/* ---- the values of attributes */

enum kind { KIND_OTHER, KIND_NUMBER, KIND_ADDRESS, KIND_TEXT, KIND_REFERENCE, KIND_RANGES_INDEX };

struct value {
    enum kind kind;
    uint64_t number;
    const char *text;
};

static uint64_t address_at(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                           uint64_t index)
{
    struct gor__bytes bytes = gor__bytes_from(dwarf->addresses, unit->address_base);
    gor__bytes_skip(&bytes,
                    index < UINT64_MAX / ADDRESS_BYTES ? index * ADDRESS_BYTES : UINT64_MAX);
    return gor__bytes_number(&bytes, ADDRESS_BYTES);
}

static const char *text_at(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                           uint64_t index)
{
    struct gor__bytes bytes = gor__bytes_from(dwarf->text_offsets, unit->text_base);
    gor__bytes_skip(&bytes, index < UINT64_MAX / 8 ? index * unit->offset_bytes : UINT64_MAX);
    uint64_t offset = gor__bytes_number(&bytes, unit->offset_bytes);
    return bytes.bad ? NULL : gor__bytes_text_at(dwarf->texts, offset);
}

static struct value text(const char *text)
{
    return (struct value){KIND_TEXT, 0, text};
}

static struct value number(uint64_t number)
{
    return (struct value){KIND_NUMBER, number, NULL};
}

static struct value address(uint64_t address)
{
    return (struct value){KIND_ADDRESS, address, NULL};
}

/* From the beginning of .debug_info; references within a unit count from its start. */
static struct value reference(uint64_t offset)
{
    return (struct value){KIND_REFERENCE, offset, NULL};
}

static struct value skip(struct gor__bytes *bytes, uint64_t count)
{
    gor__bytes_skip(bytes, count);
    return (struct value){KIND_OTHER, 0, NULL};
}

/* The forms are those of DWARF 5, table 7.6; each function knows some and leaves the others to the next. */
static struct value read_skipped(const struct gor__unit *unit, struct gor__bytes *b, uint64_t form)
{
    switch (form) {
    case 0x22: /* loclistx */
        (void)gor__bytes_uleb(b);
        return skip(b, 0);
    case 0x1e: /* data16 */
        return skip(b, 16);
    case 0x20: /* ref_sig8, ref_sup8 */
    case 0x24:
        return skip(b, 8);
    case 0x1c: /* ref_sup4 */
        return skip(b, 4);
    case 0x1d:   /* strp_sup, GNU_ref_alt, GNU_strp_alt */
    case 0x1f20: /* of files that dwz made */
    case 0x1f21:
        return skip(b, unit->offset_bytes);
    case 0x0a: /* block1, 2, 4, block, exprloc */
        return skip(b, gor__bytes_u8(b));
    case 0x03:
        return skip(b, gor__bytes_u16(b));
    case 0x04:
        return skip(b, gor__bytes_u32(b));
    case 0x09:
    case 0x18:
        return skip(b, gor__bytes_uleb(b));
    default:
        gor__bytes_fail(b);
        return number(0);
    }
}

static struct value read_number(const struct gor__unit *unit, struct gor__bytes *b, uint64_t form)
{
    switch (form) {
    case 0x0b: /* data1, flag */
    case 0x0c:
        return number(gor__bytes_u8(b));
    case 0x05: /* data2 */
        return number(gor__bytes_u16(b));
    case 0x06: /* data4 */
        return number(gor__bytes_u32(b));
    case 0x07: /* data8 */
        return number(gor__bytes_number(b, 8));
    case 0x0f: /* udata */
        return number(gor__bytes_uleb(b));
    case 0x0d: /* sdata */
        return number((uint64_t)gor__bytes_sleb(b));
    case 0x17: /* sec_offset */
        return number(gor__bytes_number(b, unit->offset_bytes));
    case 0x23: /* rnglistx */
        return (struct value){KIND_RANGES_INDEX, gor__bytes_uleb(b), NULL};
    case 0x19: /* flag_present */
        return number(1);
    default:
        return read_skipped(unit, b, form);
    }
}

static struct value read_reference(const struct gor__unit *unit, struct gor__bytes *b,
                                   uint64_t form)
{
    switch (form) {
    case 0x11: /* ref1 */
        return reference(unit->start + gor__bytes_u8(b));
    case 0x12: /* ref2 */
        return reference(unit->start + gor__bytes_u16(b));
    case 0x13: /* ref4 */
        return reference(unit->start + gor__bytes_u32(b));
    case 0x14: /* ref8 */
        return reference(unit->start + gor__bytes_number(b, 8));
    case 0x15: /* ref_udata */
        return reference(unit->start + gor__bytes_uleb(b));
    case 0x10: /* ref_addr */
        return reference(gor__bytes_number(b, unit->offset_bytes));
    default:
        return read_number(unit, b, form);
    }
}

static struct value read_form(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                              struct gor__bytes *b, uint64_t form)
{
    switch (form) {
    case 0x01: /* addr */
        return address(gor__bytes_number(b, ADDRESS_BYTES));
    case 0x1b: /* addrx */
        return address(address_at(dwarf, unit, gor__bytes_uleb(b)));
    case 0x29: /* addrx1, 2, 3, 4 */
    case 0x2a:
    case 0x2b:
    case 0x2c:
        return address(address_at(dwarf, unit, gor__bytes_number(b, (unsigned)form - 0x28)));
    case 0x08: /* string */
        return text(gor__bytes_text(b));
    case 0x0e: /* strp */
        return text(gor__bytes_text_at(dwarf->texts, gor__bytes_number(b, unit->offset_bytes)));
    case 0x1f: /* line_strp */
        return text(
            gor__bytes_text_at(dwarf->line_texts, gor__bytes_number(b, unit->offset_bytes)));
    case 0x1a: /* strx */
        return text(text_at(dwarf, unit, gor__bytes_uleb(b)));
    case 0x25: /* strx1, 2, 3, 4 */
    case 0x26:
    case 0x27:
    case 0x28:
        return text(text_at(dwarf, unit, gor__bytes_number(b, (unsigned)form - 0x24)));
    default:
        return read_reference(unit, b, form);
    }
}

enum { FORM_INDIRECT = 0x16, FORM_IMPLICIT_CONST = 0x21 };

static struct value read_value(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                               struct gor__bytes *bytes, struct gor__bytes *abbrev, uint64_t form)
{
    if (form == FORM_IMPLICIT_CONST) {
        return number((uint64_t)gor__bytes_sleb(abbrev));
    }
    if (form == FORM_INDIRECT) {
        form = gor__bytes_uleb(bytes);
    }
    return read_form(dwarf, unit, bytes, form);
}

/* The beginning of a list of ranges that is known by its number. */
static uint64_t ranges_at(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                          uint64_t index)
{
    struct gor__bytes bytes = gor__bytes_from(dwarf->range_lists, unit->range_base);
    gor__bytes_skip(&bytes, index < UINT64_MAX / 8 ? index * unit->offset_bytes : UINT64_MAX);
    return unit->range_base + gor__bytes_number(&bytes, unit->offset_bytes);
}

static void note(const struct gor__dwarf *dwarf, const struct gor__unit *unit, uint64_t attribute,
                 struct value value, struct gor__die *die)
{
    switch (attribute) {
    case AT_NAME:
        die->name = value.text;
        break;
    case AT_COMP_DIR:
        die->folder = value.text;
        break;
    case AT_STMT_LIST:
        die->lines = value.number;
        die->has_lines = true;
        break;
    case AT_LOW_PC:
        die->low = value.number;
        die->has_low = true;
        break;
    case AT_HIGH_PC:
        /* A number counts from low_pc, which stands before it. */
        die->high = value.kind == KIND_ADDRESS ? value.number : die->low + value.number;
        break;
    case AT_RANGES:
        die->ranges =
            value.kind == KIND_RANGES_INDEX ? ranges_at(dwarf, unit, value.number) : value.number;
        die->has_ranges = true;
        break;
    case AT_ABSTRACT_ORIGIN:
    case AT_SPECIFICATION:
        die->origin = value.kind == KIND_REFERENCE ? value.number : 0;
        break;
    case AT_SIBLING:
        die->sibling = value.kind == KIND_REFERENCE ? value.number : 0;
        break;
    case AT_CALL_FILE:
        die->call_file = value.number;
        break;
    case AT_CALL_LINE:
        die->call_line = value.number;
        break;
    default:
        break;
    }
}

/* Pass over the rest of a description whose code was read. */
static void skip_abbrev(struct gor__bytes *bytes)
{
    uint64_t attribute = 0;
    uint64_t form = 0;
    (void)gor__bytes_uleb(bytes);
    gor__bytes_skip(bytes, 1);
    do {
        attribute = gor__bytes_uleb(bytes);
        form = gor__bytes_uleb(bytes);
        if (form == FORM_IMPLICIT_CONST) {
            (void)gor__bytes_sleb(bytes);
        }
    } while ((attribute != 0 || form != 0) && !bytes->bad);
}

/* Compilers number them from 1 on. */
void gor__dwarf_index(struct gor__dwarf *dwarf, const struct gor__unit *unit)
{
    if (dwarf->indexed == unit->abbrevs && dwarf->index_count > 0) {
        return;
    }
    struct gor__bytes bytes = gor__bytes_from(dwarf->abbrevs, unit->abbrevs);
    uint32_t count = 0;
    while (count < GOR__ABBREVS_MAX && gor__bytes_uleb(&bytes) == count + 1) {
        uint64_t offset = (uint64_t)(bytes.at - dwarf->abbrevs.at);
        if (offset > UINT32_MAX) {
            break;
        }
        dwarf->index[count++] = (uint32_t)offset;
        skip_abbrev(&bytes);
    }
    dwarf->indexed = unit->abbrevs;
    dwarf->index_count = count;
}

/* The description of entries with this code: tag, children, attributes. */
static bool find_abbrev(const struct gor__dwarf *dwarf, const struct gor__unit *unit, uint64_t code,
                        struct gor__bytes *out_abbrev)
{
    if (dwarf->indexed == unit->abbrevs && code - 1 < dwarf->index_count) {
        *out_abbrev = gor__bytes_from(dwarf->abbrevs, dwarf->index[code - 1]);
        return true;
    }
    struct gor__bytes bytes = gor__bytes_from(dwarf->abbrevs, unit->abbrevs);
    uint64_t found = gor__bytes_uleb(&bytes);
    while (found != code && found != 0) {
        skip_abbrev(&bytes);
        found = gor__bytes_uleb(&bytes);
    }
    *out_abbrev = bytes;
    return found == code && !bytes.bad;
}

bool gor__die_read(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                   struct gor__bytes *bytes, struct gor__die *out_die)
{
    struct gor__bytes abbrev;
    struct gor__die die = {.tag = 0};
    uint64_t code = gor__bytes_uleb(bytes);
    if (code != 0) {
        if (!find_abbrev(dwarf, unit, code, &abbrev)) {
            return false;
        }
        die.tag = (unsigned)gor__bytes_uleb(&abbrev);
        die.has_children = gor__bytes_u8(&abbrev) != 0;
        uint64_t attribute = gor__bytes_uleb(&abbrev);
        uint64_t form = gor__bytes_uleb(&abbrev);
        while ((attribute != 0 || form != 0) && !abbrev.bad && !bytes->bad) {
            struct value value = read_value(dwarf, unit, bytes, &abbrev, form);
            note(dwarf, unit, attribute, value, &die);
            attribute = gor__bytes_uleb(&abbrev);
            form = gor__bytes_uleb(&abbrev);
        }
    }
    *out_die = die;
    return !bytes->bad;
}

/* ---- units */

/* The attributes of the unit's own entry that others are read by. */
static void read_bases(const struct gor__dwarf *dwarf, struct gor__bytes bytes,
                       struct gor__unit *unit)
{
    struct gor__bytes abbrev;
    if (!find_abbrev(dwarf, unit, gor__bytes_uleb(&bytes), &abbrev)) {
        return;
    }
    (void)gor__bytes_uleb(&abbrev);
    gor__bytes_skip(&abbrev, 1);
    uint64_t attribute = gor__bytes_uleb(&abbrev);
    uint64_t form = gor__bytes_uleb(&abbrev);
    while (attribute != 0 && !abbrev.bad && !bytes.bad) {
        struct value value = read_value(dwarf, unit, &bytes, &abbrev, form);
        if (attribute == AT_STR_OFFSETS_BASE) {
            unit->text_base = value.number;
        } else if (attribute == AT_ADDR_BASE) {
            unit->address_base = value.number;
        } else if (attribute == AT_RNGLISTS_BASE) {
            unit->range_base = value.number;
        }
        attribute = gor__bytes_uleb(&abbrev);
        form = gor__bytes_uleb(&abbrev);
    }
}

bool gor__dwarf_unit(const struct gor__dwarf *dwarf, struct gor__bytes *bytes,
                     struct gor__unit *out_unit, struct gor__die *out_die)
{
    struct gor__unit unit = {.offset_bytes = 4};
    unsigned kind = UNIT_COMPILE;
    unit.start = (uint64_t)(bytes->at - dwarf->info.at);
    uint64_t length = gor__bytes_u32(bytes);
    if (length == 0xffffffffU) {
        length = gor__bytes_number(bytes, 8);
        unit.offset_bytes = 8;
    }
    struct gor__bytes rest = gor__bytes_take(bytes, length);
    unit.end = (uint64_t)(rest.end - dwarf->info.at);
    unsigned version = gor__bytes_u16(&rest);
    unit.version = (uint8_t)version;
    if (version == 5) {
        kind = gor__bytes_u8(&rest);
        gor__bytes_skip(&rest, 1);
    }
    unit.abbrevs = gor__bytes_number(&rest, unit.offset_bytes);
    if (version < 5) {
        gor__bytes_skip(&rest, 1);
    }
    unit.first = (uint64_t)(rest.at - dwarf->info.at);
    if (rest.bad || version < 2 || version > 5 || (kind != UNIT_COMPILE && kind != UNIT_PARTIAL)) {
        return false;
    }
    read_bases(dwarf, rest, &unit);
    if (!gor__die_read(dwarf, &unit, &rest, out_die)) {
        return false;
    }
    unit.low = out_die->low;
    *out_unit = unit;
    return true;
}

/* ---- ranges */

typedef bool visit_fn(void *arg, uint64_t low, uint64_t high);

static bool visit_old_ranges(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                             uint64_t offset, visit_fn *visit, void *arg)
{
    struct gor__bytes bytes = gor__bytes_from(dwarf->ranges, offset);
    uint64_t base = unit->low;
    for (;;) {
        uint64_t low = gor__bytes_number(&bytes, ADDRESS_BYTES);
        uint64_t high = gor__bytes_number(&bytes, ADDRESS_BYTES);
        if (bytes.bad || (low == 0 && high == 0)) {
            return false;
        }
        if (low == UINT64_MAX) {
            base = high;
        } else if (visit(arg, base + low, base + high)) {
            return true;
        }
    }
}

/* One item of a list: false at its end. *out_high is 0 when it is no range. */
static bool next_range(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                       struct gor__bytes *bytes, uint64_t *base, uint64_t out_range[2])
{
    out_range[0] = out_range[1] = 0;
    switch (gor__bytes_u8(bytes)) {
    case RANGE_BASE_ADDRESSX:
        *base = address_at(dwarf, unit, gor__bytes_uleb(bytes));
        break;
    case RANGE_STARTX_ENDX:
        out_range[0] = address_at(dwarf, unit, gor__bytes_uleb(bytes));
        out_range[1] = address_at(dwarf, unit, gor__bytes_uleb(bytes));
        break;
    case RANGE_STARTX_LENGTH:
        out_range[0] = address_at(dwarf, unit, gor__bytes_uleb(bytes));
        out_range[1] = out_range[0] + gor__bytes_uleb(bytes);
        break;
    case RANGE_OFFSET_PAIR:
        out_range[0] = *base + gor__bytes_uleb(bytes);
        out_range[1] = *base + gor__bytes_uleb(bytes);
        break;
    case RANGE_BASE_ADDRESS:
        *base = gor__bytes_number(bytes, ADDRESS_BYTES);
        break;
    case RANGE_START_END:
        out_range[0] = gor__bytes_number(bytes, ADDRESS_BYTES);
        out_range[1] = gor__bytes_number(bytes, ADDRESS_BYTES);
        break;
    case RANGE_START_LENGTH:
        out_range[0] = gor__bytes_number(bytes, ADDRESS_BYTES);
        out_range[1] = out_range[0] + gor__bytes_uleb(bytes);
        break;
    default: /* RANGE_END, or nothing we know */
        return false;
    }
    return !bytes->bad;
}

static bool visit_ranges(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                         uint64_t offset, visit_fn *visit, void *arg)
{
    struct gor__bytes bytes = gor__bytes_from(dwarf->range_lists, offset);
    uint64_t base = unit->low;
    uint64_t range[2];
    while (next_range(dwarf, unit, &bytes, &base, range)) {
        if (range[1] != 0 && visit(arg, range[0], range[1])) {
            return true;
        }
    }
    return false;
}

bool gor__die_ranges(const struct gor__dwarf *dwarf, const struct gor__unit *unit,
                     const struct gor__die *die, visit_fn *visit, void *arg)
{
    if (die->has_ranges) {
        return unit->version >= 5 ? visit_ranges(dwarf, unit, die->ranges, visit, arg)
                                  : visit_old_ranges(dwarf, unit, die->ranges, visit, arg);
    }
    return die->has_low && die->high > die->low && visit(arg, die->low, die->high);
}
