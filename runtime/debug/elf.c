/* SPDX-License-Identifier: MIT */
/* elf.c - see elf.h. */
#include "runtime/debug/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTE_ALIGN = 4 };

/* Copy a record out of the file, where it may lie at any address. */
static bool read_record(const struct gor__elf *elf, uint64_t offset, void *record, size_t bytes)
{
    struct gor__bytes at = gor__bytes_from(elf->all, offset);
    if (at.bad || gor__bytes_left(&at) < bytes) {
        return false;
    }
    memcpy(record, at.at, bytes);
    return true;
}

static bool read_header(const struct gor__elf *elf, Elf64_Ehdr *header)
{
    return read_record(elf, 0, header, sizeof *header) &&
           memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
           header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB;
}

bool gor__elf_open_memory(struct gor__elf *elf, const void *image, size_t bytes)
{
    Elf64_Ehdr header;
    elf->all = (struct gor__bytes){image, (const uint8_t *)image + bytes, false};
    elf->mapped = false;
    if (!read_header(elf, &header)) {
        gor__elf_close(elf);
        return false;
    }
    return true;
}

bool gor__elf_open(struct gor__elf *elf, const char *path)
{
    struct stat status;
    void *image = MAP_FAILED;
    *elf = (struct gor__elf){{NULL, NULL, false}, false};
    /* Whatever the name leads to, opening it must not block. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
        image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (image == MAP_FAILED) {
        return false;
    }
    if (!gor__elf_open_memory(elf, image, (size_t)status.st_size)) {
        munmap(image, (size_t)status.st_size);
        return false;
    }
    elf->mapped = true;
    return true;
}

void gor__elf_close(struct gor__elf *elf)
{
    if (elf->mapped) {
        munmap((void *)(uintptr_t)elf->all.at, gor__bytes_left(&elf->all));
    }
    *elf = (struct gor__elf){{NULL, NULL, false}, false};
}

/* ---- sections */

static bool read_section(const struct gor__elf *elf, const Elf64_Ehdr *header, uint64_t index,
                         Elf64_Shdr *section)
{
    uint64_t offset = header->e_shoff + index * sizeof *section;
    return header->e_shoff != 0 && header->e_shentsize == sizeof *section &&
           offset >= header->e_shoff && read_record(elf, offset, section, sizeof *section);
}

/* How many there are, and which has their names; numbers too large for the header are in the first
 * section. */
static uint64_t count_sections(const struct gor__elf *elf, const Elf64_Ehdr *header,
                               uint64_t *out_names)
{
    Elf64_Shdr first;
    if (!read_section(elf, header, 0, &first)) {
        return 0;
    }
    *out_names = header->e_shstrndx != SHN_XINDEX ? header->e_shstrndx : first.sh_link;
    return header->e_shnum != 0 ? header->e_shnum : first.sh_size;
}

static struct gor__bytes bytes_of(const struct gor__elf *elf, const Elf64_Shdr *section)
{
    struct gor__bytes none = {NULL, NULL, false};
    if (section->sh_type == SHT_NOBITS || (section->sh_flags & SHF_COMPRESSED) != 0) {
        return none;
    }
    struct gor__bytes bytes = gor__bytes_from(elf->all, section->sh_offset);
    bytes = gor__bytes_take(&bytes, section->sh_size);
    return bytes.bad ? none : bytes;
}

/* By name, or, if that is NULL, by type. */
static bool find_section(const struct gor__elf *elf, const char *name, uint32_t type,
                         Elf64_Shdr *section)
{
    Elf64_Ehdr header;
    Elf64_Shdr names;
    uint64_t names_index = 0;
    if (!read_header(elf, &header)) {
        return false;
    }
    uint64_t count = count_sections(elf, &header, &names_index);
    if (name != NULL && !read_section(elf, &header, names_index, &names)) {
        return false;
    }
    for (uint64_t i = 1; i < count && read_section(elf, &header, i, section); i++) {
        const char *called =
            name != NULL ? gor__bytes_text_at(bytes_of(elf, &names), section->sh_name) : NULL;
        if (name != NULL ? called != NULL && strcmp(called, name) == 0 : section->sh_type == type) {
            return true;
        }
    }
    return false;
}

struct gor__bytes gor__elf_section_at(const struct gor__elf *elf, const char *name,
                                      uint64_t *out_address)
{
    Elf64_Shdr section;
    if (!find_section(elf, name, 0, &section)) {
        return (struct gor__bytes){NULL, NULL, false};
    }
    *out_address = section.sh_addr;
    return bytes_of(elf, &section);
}

struct gor__bytes gor__elf_section(const struct gor__elf *elf, const char *name)
{
    uint64_t address = 0;
    return gor__elf_section_at(elf, name, &address);
}

/* ---- segments */

static bool read_segment(const struct gor__elf *elf, const Elf64_Ehdr *header, unsigned index,
                         Elf64_Phdr *segment)
{
    uint64_t offset = header->e_phoff + (uint64_t)index * sizeof *segment;
    return header->e_phentsize == sizeof *segment && index < header->e_phnum &&
           read_record(elf, offset, segment, sizeof *segment);
}

bool gor__elf_address_of(const struct gor__elf *elf, uint64_t offset, bool is_code,
                         uint64_t *out_address)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    if (!read_header(elf, &header)) {
        return false;
    }
    for (unsigned i = 0; read_segment(elf, &header, i, &segment); i++) {
        /* Mappings begin with the page the segment begins in. */
        uint64_t align = segment.p_align > 1 ? segment.p_align : 1;
        uint64_t begin = segment.p_offset - segment.p_offset % align;
        if (segment.p_type == PT_LOAD && (!is_code || (segment.p_flags & PF_X) != 0) &&
            offset >= begin && offset - begin < segment.p_filesz + segment.p_offset % align) {
            *out_address = segment.p_vaddr + (offset - segment.p_offset);
            return true;
        }
    }
    return false;
}

/* ---- notes */

static uint64_t round_up(uint64_t bytes)
{
    return (bytes + NOTE_ALIGN - 1) & ~(uint64_t)(NOTE_ALIGN - 1);
}

static struct gor__bytes build_id_in(struct gor__bytes notes)
{
    while (gor__bytes_left(&notes) > 0 && !notes.bad) {
        uint64_t name_bytes = gor__bytes_u32(&notes);
        uint64_t desc_bytes = gor__bytes_u32(&notes);
        uint32_t type = gor__bytes_u32(&notes);
        struct gor__bytes name = gor__bytes_take(&notes, round_up(name_bytes));
        struct gor__bytes desc = gor__bytes_take(&notes, round_up(desc_bytes));
        if (!notes.bad && type == NT_GNU_BUILD_ID && name_bytes == 4 &&
            memcmp(name.at, "GNU", 4) == 0) {
            return gor__bytes_take(&desc, desc_bytes);
        }
    }
    return (struct gor__bytes){NULL, NULL, false};
}

struct gor__bytes gor__elf_build_id(const struct gor__elf *elf)
{
    return build_id_in(gor__elf_section(elf, ".note.gnu.build-id"));
}

const char *gor__elf_debuglink(const struct gor__elf *elf, uint32_t *out_crc)
{
    struct gor__bytes link = gor__elf_section(elf, ".gnu_debuglink");
    const uint8_t *start = link.at;
    const char *name = gor__bytes_text(&link);
    if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL) {
        return NULL;
    }
    gor__bytes_skip(&link, round_up((uint64_t)(link.at - start)) - (uint64_t)(link.at - start));
    *out_crc = gor__bytes_u32(&link);
    return link.bad ? NULL : name;
}

uint32_t gor__elf_crc(const struct gor__elf *elf)
{
    uint32_t table[256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t entry = i;
        for (int bit = 0; bit < 8; bit++) {
            entry = (entry >> 1) ^ ((entry & 1) != 0 ? 0xedb88320U : 0);
        }
        table[i] = entry;
    }
    uint32_t crc = 0xffffffffU;
    for (const uint8_t *at = elf->all.at; at < elf->all.end; at++) {
        crc = (crc >> 8) ^ table[(crc ^ *at) & 0xff];
    }
    return ~crc;
}

/* ---- symbols */

/* What others know it by rather than an alias of the library's own. */
static uint32_t rank_of(const Elf64_Sym *symbol)
{
    switch (ELF64_ST_BIND(symbol->st_info)) {
    case STB_GLOBAL:
        return 2;
    case STB_WEAK:
        return 3;
    default:
        return 1;
    }
}

/* Those without a size, from assembly, reach to where the next one begins. */
static void give_sizes(struct gor__spans *functions)
{
    for (size_t i = 0; i < functions->count; i++) {
        struct gor__span *span = &functions->list[i];
        if (span->high != span->low) {
            continue;
        }
        size_t next = i + 1;
        while (next < functions->count && functions->list[next].low == span->low) {
            next++;
        }
        span->high = next < functions->count ? functions->list[next].low : span->low + 1;
    }
}

void gor__elf_functions(const struct gor__elf *elf, struct gor__bump *bump,
                        struct gor__spans *functions, struct gor__bytes *out_names)
{
    Elf64_Ehdr header;
    Elf64_Shdr section;
    Elf64_Shdr names;
    Elf64_Sym symbol;
    if (!find_section(elf, NULL, SHT_SYMTAB, &section) &&
        !find_section(elf, NULL, SHT_DYNSYM, &section)) {
        return;
    }
    if (!read_header(elf, &header) || !read_section(elf, &header, section.sh_link, &names)) {
        return;
    }
    *out_names = bytes_of(elf, &names);
    struct gor__bytes table = bytes_of(elf, &section);
    while (gor__bytes_left(&table) >= sizeof symbol) {
        memcpy(&symbol, table.at, sizeof symbol);
        table.at += sizeof symbol;
        unsigned type = ELF64_ST_TYPE(symbol.st_info);
        if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF ||
            symbol.st_size > UINT64_MAX - symbol.st_value) {
            continue;
        }
        struct gor__span span = {.low = symbol.st_value,
                                 .high = symbol.st_value + symbol.st_size,
                                 .what = symbol.st_name,
                                 .rank = rank_of(&symbol)};
        if (!gor__spans_add(functions, bump, span)) {
            break;
        }
    }
    gor__spans_sort(functions);
    give_sizes(functions);
}
