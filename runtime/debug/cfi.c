/* SPDX-License-Identifier: MIT */
/* cfi.c - see cfi.h. The formats: DWARF 5, section 6.4, as changed for .eh_frame by the Linux Standard
 * Base, chapter 10.6. */
#include "runtime/debug/cfi.h"

#include "runtime/cpu/registers.h"

enum {
    ENCODED_UDATA2 = 0x02,
    ENCODED_UDATA4 = 0x03,
    ENCODED_UDATA8 = 0x04,
    ENCODED_SDATA2 = 0x0a,
    ENCODED_SDATA4 = 0x0b,
    ENCODED_SDATA8 = 0x0c,
    ENCODED_PCREL = 0x10,
    ENCODED_DATAREL = 0x30,
    INDEX_ENTRY_BYTES = 8,
    INDEX_ENCODING = ENCODED_DATAREL | ENCODED_SDATA4, /* what all linkers write */

    OP_ADVANCE = 0x40,
    OP_OFFSET = 0x80,
    OP_RESTORE = 0xc0,

    STATES_MAX = 8, /* remembered */
};

/* A pointer stored in one of the usual ways. `address` is where `bytes` begin in the process, `base`
 * what data-relative ones count from. */
static uint64_t read_pointer(struct gor__bytes *bytes, unsigned encoding, uint64_t address,
                             uint64_t base)
{
    uint64_t value = 0;
    switch (encoding & 0x0f) {
    case 0:
    case ENCODED_UDATA8:
    case ENCODED_SDATA8:
        value = gor__bytes_number(bytes, 8);
        break;
    case ENCODED_UDATA4:
        value = gor__bytes_u32(bytes);
        break;
    case ENCODED_SDATA4:
        value = (uint64_t)(int64_t)(int32_t)gor__bytes_u32(bytes);
        break;
    case ENCODED_UDATA2:
        value = gor__bytes_u16(bytes);
        break;
    case ENCODED_SDATA2:
        value = (uint64_t)(int64_t)(int16_t)gor__bytes_u16(bytes);
        break;
    default:
        gor__bytes_fail(bytes);
    }
    switch (encoding & 0x70) {
    case 0:
        return value;
    case ENCODED_PCREL:
        return value + address;
    case ENCODED_DATAREL:
        return value + base;
    default:
        gor__bytes_fail(bytes);
        return 0;
    }
}

/* ---- one function's entry */

/* What a function's entry and the common one it refers to say. */
struct entry {
    struct gor__bytes common; /* instructions */
    struct gor__bytes own;
    uint64_t begin; /* of the function */
    uint64_t size;
    uint64_t code_align;
    int64_t data_align;
    unsigned encoding;
    bool has_sizes; /* of augmentation data */
};

static uint64_t address_of(const struct gor__cfi *cfi, const struct gor__bytes *bytes)
{
    return cfi->frames_address + (uint64_t)(bytes->at - cfi->frames.at);
}

/* The record at `offset`; `bytes` then stand behind its id. */
static bool read_record(const struct gor__cfi *cfi, uint64_t offset, struct gor__bytes *bytes,
                        uint64_t *out_id_offset, uint64_t *out_id)
{
    struct gor__bytes at = gor__bytes_from(cfi->frames, offset);
    uint64_t length = gor__bytes_u32(&at);
    if (length == 0xffffffffU) {
        length = gor__bytes_number(&at, 8);
    }
    *bytes = gor__bytes_take(&at, length);
    *out_id_offset = (uint64_t)(bytes->at - cfi->frames.at);
    *out_id = gor__bytes_u32(bytes);
    return !bytes->bad && length > 0;
}

static bool read_common(const struct gor__cfi *cfi, uint64_t offset, struct entry *entry)
{
    struct gor__bytes bytes;
    uint64_t id_offset = 0;
    uint64_t id = 0;
    if (!read_record(cfi, offset, &bytes, &id_offset, &id) || id != 0) {
        return false;
    }
    unsigned version = gor__bytes_u8(&bytes);
    const char *augmentation = gor__bytes_text(&bytes);
    if (augmentation == NULL || (version != 1 && version != 3)) {
        return false;
    }
    entry->code_align = gor__bytes_uleb(&bytes);
    entry->data_align = gor__bytes_sleb(&bytes);
    uint64_t ra = version == 1 ? gor__bytes_u8(&bytes) : gor__bytes_uleb(&bytes);
    entry->has_sizes = augmentation[0] == 'z';
    uint64_t size = entry->has_sizes ? gor__bytes_uleb(&bytes) : 0;
    struct gor__bytes data = gor__bytes_take(&bytes, size);
    for (const char *letter = augmentation; *letter != '\0'; letter++) {
        if (*letter == 'R') {
            entry->encoding = gor__bytes_u8(&data);
        } else if (*letter == 'P') {
            unsigned encoding = gor__bytes_u8(&data);
            (void)read_pointer(&data, encoding & 0x7f, 0, 0);
        } else if (*letter == 'L') {
            gor__bytes_skip(&data, 1);
        }
    }
    entry->common = bytes;
    return !bytes.bad && !data.bad && ra == GOR__DWARF_RA;
}

static bool read_entry(const struct gor__cfi *cfi, uint64_t offset, struct entry *entry)
{
    struct gor__bytes bytes;
    uint64_t id_offset = 0;
    uint64_t id = 0;
    *entry = (struct entry){.encoding = 0};
    if (!read_record(cfi, offset, &bytes, &id_offset, &id) || id == 0 || id > id_offset ||
        !read_common(cfi, id_offset - id, entry)) {
        return false;
    }
    uint64_t address = address_of(cfi, &bytes);
    entry->begin = read_pointer(&bytes, entry->encoding, address, 0);
    entry->size = read_pointer(&bytes, entry->encoding & 0x0f, 0, 0);
    gor__bytes_skip(&bytes, entry->has_sizes ? gor__bytes_uleb(&bytes) : 0);
    entry->own = bytes;
    return !bytes.bad;
}

/* Call visit(arg, entry, offset) for each entry until it answers false. */
static void each_entry(const struct gor__cfi *cfi,
                       bool (*visit)(void *arg, const struct entry *entry, uint64_t offset),
                       void *arg)
{
    struct gor__bytes bytes;
    struct entry entry;
    uint64_t offset = 0;
    uint64_t id_offset = 0;
    uint64_t id = 0;
    while (read_record(cfi, offset, &bytes, &id_offset, &id)) {
        if (id != 0 && read_entry(cfi, offset, &entry) && !visit(arg, &entry, offset)) {
            return;
        }
        offset = (uint64_t)(bytes.end - cfi->frames.at);
    }
}

struct search {
    uint64_t address;
    uint64_t offset;
    bool found;
};

static bool is_elsewhere(void *arg, const struct entry *entry, uint64_t offset)
{
    struct search *search = arg;
    search->found = search->address >= entry->begin && search->address - entry->begin < entry->size;
    search->offset = offset;
    return !search->found;
}

static bool look_through(const struct gor__cfi *cfi, uint64_t address, uint64_t *out_offset)
{
    struct search search = {.address = address};
    each_entry(cfi, is_elsewhere, &search);
    *out_offset = search.offset;
    return search.found;
}

/* The sorted index: `bytes` then begin with its first entry. False: there is none, or none that is of use:
 * linkers leave it out where they do not understand what is in .eh_frame. */
static bool open_index(const struct gor__cfi *cfi, struct gor__bytes *bytes, uint64_t *out_count)
{
    *bytes = cfi->index;
    unsigned version = gor__bytes_u8(bytes);
    unsigned frames_encoding = gor__bytes_u8(bytes);
    unsigned count_encoding = gor__bytes_u8(bytes);
    unsigned table_encoding = gor__bytes_u8(bytes);
    (void)read_pointer(bytes, frames_encoding, 0, 0);
    uint64_t count = read_pointer(bytes, count_encoding, 0, 0);
    uint64_t most = gor__bytes_left(bytes) / INDEX_ENTRY_BYTES;
    *out_count = count < most ? count : most;
    return !bytes->bad && version == 1 && table_encoding == INDEX_ENCODING;
}

/* The last of its functions that begins at `address` or before it: its entry's offset. */
static bool find_entry(const struct gor__cfi *cfi, struct gor__bytes bytes, uint64_t count,
                       uint64_t address, uint64_t *out_offset)
{
    uint64_t low = 0;
    uint64_t high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct gor__bytes at = gor__bytes_from(bytes, middle * INDEX_ENTRY_BYTES);
        if (read_pointer(&at, INDEX_ENCODING, 0, cfi->index_address) <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    struct gor__bytes at = gor__bytes_from(bytes, (low - 1) * INDEX_ENTRY_BYTES + 4);
    *out_offset = read_pointer(&at, INDEX_ENCODING, 0, cfi->index_address) - cfi->frames_address;
    return !at.bad;
}

static bool find_listed(const struct gor__cfi *cfi, uint64_t address, uint64_t *out_offset)
{
    const struct gor__span *span = gor__spans_find(&cfi->listed, address);
    if (span == NULL) {
        return false;
    }
    *out_offset = span->what;
    return true;
}

static bool find(const struct gor__cfi *cfi, uint64_t address, uint64_t *out_offset)
{
    struct gor__bytes bytes;
    uint64_t count = 0;
    if (open_index(cfi, &bytes, &count)) {
        return find_entry(cfi, bytes, count, address, out_offset);
    }
    return cfi->listed.count > 0 ? find_listed(cfi, address, out_offset)
                                 : look_through(cfi, address, out_offset);
}

/* ---- reading */

struct listing {
    struct gor__spans spans;
    struct gor__bump *bump;
    bool whole;
};

static bool list_one(void *arg, const struct entry *entry, uint64_t offset)
{
    struct listing *listing = arg;
    struct gor__span span = {
        .low = entry->begin, .high = entry->begin + entry->size, .what = offset};
    listing->whole = gor__spans_add(&listing->spans, listing->bump, span);
    return listing->whole;
}

void gor__cfi_list(struct gor__cfi *cfi, struct gor__bump *bump)
{
    struct listing listing = {.bump = bump, .whole = true};
    each_entry(cfi, list_one, &listing);
    if (listing.whole) {
        gor__spans_sort(&listing.spans);
        cfi->listed = listing.spans;
    }
}

void gor__cfi_read(struct gor__cfi *cfi, const struct gor__elf *elf, struct gor__bump *bump)
{
    struct gor__bytes bytes;
    uint64_t count = 0;
    cfi->index = gor__elf_section_at(elf, ".eh_frame_hdr", &cfi->index_address);
    cfi->frames = gor__elf_section_at(elf, ".eh_frame", &cfi->frames_address);
    cfi->listed = (struct gor__spans){.list = NULL};
    if (!open_index(cfi, &bytes, &count)) {
        gor__cfi_list(cfi, bump); /* as in programs that are linked statically */
    }
}

/* ---- its program */

struct machine {
    const struct entry *entry;
    uint64_t location;
    struct gor__cfi_row now;
    struct gor__cfi_row first; /* after the common part */
    struct gor__cfi_row remembered[STATES_MAX];
    unsigned remembered_count;
    bool odd; /* the frame's address is not what can be told by a row */
};

static void set_rule(struct machine *machine, uint64_t reg, enum gor__cfi_rule rule, int64_t offset)
{
    if (reg == GOR__DWARF_FP) {
        machine->now.fp = rule;
        machine->now.fp_offset = (int32_t)offset;
    } else if (reg == GOR__DWARF_RA) {
        machine->now.ra = rule;
        machine->now.ra_offset = (int32_t)offset;
    }
}

static void restore(struct machine *machine, uint64_t reg)
{
    const struct gor__cfi_row *first = &machine->first;
    if (reg == GOR__DWARF_FP) {
        set_rule(machine, reg, first->fp, first->fp_offset);
    } else if (reg == GOR__DWARF_RA) {
        set_rule(machine, reg, first->ra, first->ra_offset);
    }
}

static void set_frame_register(struct machine *machine, uint64_t reg)
{
    machine->odd = reg != GOR__DWARF_FP && reg != GOR__DWARF_SP;
    machine->now.from_fp = reg == GOR__DWARF_FP;
}

static void remember(struct machine *machine, bool bring_back)
{
    if (!bring_back && machine->remembered_count < STATES_MAX) {
        machine->remembered[machine->remembered_count++] = machine->now;
    } else if (bring_back && machine->remembered_count > 0) {
        machine->now = machine->remembered[--machine->remembered_count];
    } else {
        machine->odd = true;
    }
}

/* Those that say where the frame is. False: it is none of them. */
static bool do_frame_op(struct machine *machine, struct gor__bytes *bytes, unsigned op)
{
    int64_t factor = machine->entry->data_align;
    switch (op) {
    case 0x0c: /* def_cfa */
        set_frame_register(machine, gor__bytes_uleb(bytes));
        machine->now.offset = (int32_t)gor__bytes_uleb(bytes);
        return true;
    case 0x12: /* def_cfa_sf */
        set_frame_register(machine, gor__bytes_uleb(bytes));
        machine->now.offset = (int32_t)(gor__bytes_sleb(bytes) * factor);
        return true;
    case 0x0d: /* def_cfa_register */
        set_frame_register(machine, gor__bytes_uleb(bytes));
        return true;
    case 0x0e: /* def_cfa_offset */
        machine->now.offset = (int32_t)gor__bytes_uleb(bytes);
        return true;
    case 0x13: /* def_cfa_offset_sf */
        machine->now.offset = (int32_t)(gor__bytes_sleb(bytes) * factor);
        return true;
    case 0x0f: /* def_cfa_expression */
        machine->odd = true;
        gor__bytes_skip(bytes, gor__bytes_uleb(bytes));
        return true;
    default:
        return false;
    }
}

/* Those that say where a register is, or move on. */
static void do_op(struct machine *machine, struct gor__bytes *bytes, unsigned op)
{
    int64_t factor = machine->entry->data_align;
    uint64_t step = machine->entry->code_align;
    uint64_t reg = 0;
    switch (op) {
    case 0x00: /* nop */
    case 0x2d: /* AArch64: the return address is signed from here on, or no more */
        break;
    case 0x02: /* advance_loc1, 2, 4 */
        machine->location += gor__bytes_u8(bytes) * step;
        break;
    case 0x03:
        machine->location += gor__bytes_u16(bytes) * step;
        break;
    case 0x04:
        machine->location += gor__bytes_u32(bytes) * step;
        break;
    case 0x05: /* offset_extended */
        reg = gor__bytes_uleb(bytes);
        set_rule(machine, reg, GOR__CFI_SAVED, (int64_t)gor__bytes_uleb(bytes) * factor);
        break;
    case 0x11: /* offset_extended_sf */
        reg = gor__bytes_uleb(bytes);
        set_rule(machine, reg, GOR__CFI_SAVED, gor__bytes_sleb(bytes) * factor);
        break;
    case 0x06: /* restore_extended */
        restore(machine, gor__bytes_uleb(bytes));
        break;
    case 0x07: /* undefined */
        set_rule(machine, gor__bytes_uleb(bytes), GOR__CFI_UNKNOWN, 0);
        break;
    case 0x08: /* same_value */
        set_rule(machine, gor__bytes_uleb(bytes), GOR__CFI_SAME, 0);
        break;
    case 0x0a: /* remember_state, restore_state */
    case 0x0b:
        remember(machine, op == 0x0b);
        break;
    case 0x2e: /* GNU_args_size */
        (void)gor__bytes_uleb(bytes);
        break;
    case 0x09: /* register, val_offset */
    case 0x14:
        set_rule(machine, gor__bytes_uleb(bytes), GOR__CFI_UNKNOWN, 0);
        (void)gor__bytes_uleb(bytes);
        break;
    case 0x10: /* expression, val_expression */
    case 0x16:
        set_rule(machine, gor__bytes_uleb(bytes), GOR__CFI_UNKNOWN, 0);
        gor__bytes_skip(bytes, gor__bytes_uleb(bytes));
        break;
    default:
        gor__bytes_fail(bytes);
    }
}

/* Up to the row of `address`. */
static bool run(struct machine *machine, struct gor__bytes bytes, uint64_t address)
{
    int64_t factor = machine->entry->data_align;
    while (gor__bytes_left(&bytes) > 0 && machine->location <= address) {
        struct gor__cfi_row before = machine->now;
        unsigned op = gor__bytes_u8(&bytes);
        unsigned low = op & 0x3f;
        switch (op & 0xc0) {
        case OP_ADVANCE:
            machine->location += low * machine->entry->code_align;
            break;
        case OP_OFFSET:
            set_rule(machine, low, GOR__CFI_SAVED, (int64_t)gor__bytes_uleb(&bytes) * factor);
            break;
        case OP_RESTORE:
            restore(machine, low);
            break;
        default:
            if (!do_frame_op(machine, &bytes, op)) {
                do_op(machine, &bytes, op);
            }
        }
        if (machine->location > address) {
            machine->now = before;
        }
    }
    return !bytes.bad;
}

bool gor__cfi_find(const struct gor__cfi *cfi, uint64_t address, struct gor__cfi_row *out_row)
{
    struct entry entry;
    struct machine machine;
    uint64_t offset = 0;
    if (!find(cfi, address, &offset) || !read_entry(cfi, offset, &entry) || address < entry.begin ||
        address - entry.begin >= entry.size) {
        return false;
    }
    memset(&machine, 0, sizeof machine);
    machine.entry = &entry;
    machine.location = entry.begin;
    if (!run(&machine, entry.common, address)) {
        return false;
    }
    machine.first = machine.now;
    if (!run(&machine, entry.own, address) || machine.odd) {
        return false;
    }
    *out_row = machine.now;
    return true;
}
