/* SPDX-License-Identifier: MIT */
/* mapping.c - see mapping.h. The loader's list, not /proc/self/maps: it has the build ids at hand. */
#include "runtime/debug/mapping.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void gor__mappings_fini(struct gor__mappings *mappings)
{
    for (size_t i = 0; i < mappings->count; i++) {
        free(mappings->list[i].file);
    }
    free(mappings->list);
    memset(mappings, 0, sizeof *mappings);
}

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

static void print_hex(char *out, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count && 2 * i + 2 < GOR__BUILD_ID_TEXT; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* The id among the notes of one segment, if it is there. */
static void read_notes(const struct dl_phdr_info *info, const ElfW(Phdr) * segment, char *out)
{
    const char *at = (const char *)(info->dlpi_addr + segment->p_vaddr);
    const char *end = at + segment->p_memsz;
    size_t unit = segment->p_align == 8 ? 8 : 4;
    while ((size_t)(end - at) >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, at, sizeof note);
        const char *name = at + sizeof note;
        size_t whole = round_up(sizeof note + note.n_namesz, unit);
        const char *id = at + whole;
        whole += round_up(note.n_descsz, unit);
        if (whole > (size_t)(end - at)) {
            return;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof "GNU" &&
            memcmp(name, "GNU", sizeof "GNU") == 0) {
            print_hex(out, (const unsigned char *)id, note.n_descsz);
            return;
        }
        at += whole;
    }
}

static void find_build_id(const struct dl_phdr_info *info, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < info->dlpi_phnum && out[0] == '\0'; i++) {
        if (info->dlpi_phdr[i].p_type == PT_NOTE) {
            read_notes(info, &info->dlpi_phdr[i], out);
        }
    }
}

/* The loader does not know what the program is called. */
static char *file_of(const struct dl_phdr_info *info, bool first)
{
    char path[PATH_MAX];
    if (!first || info->dlpi_name[0] != '\0') {
        return strdup(info->dlpi_name);
    }
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return strdup(path);
}

static bool grow(struct gor__mappings *mappings)
{
    if (mappings->count < mappings->room) {
        return true;
    }
    size_t room = mappings->room != 0 ? 2 * mappings->room : 16;
    struct gor__mapping *list = realloc(mappings->list, room * sizeof *list);
    if (list != NULL) {
        mappings->list = list;
        mappings->room = room;
    }
    return list != NULL;
}

static int add_code(struct gor__mappings *mappings, const struct dl_phdr_info *info,
                    const ElfW(Phdr) * segment)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = info->dlpi_addr + segment->p_vaddr;
    if (!grow(mappings)) {
        return -ENOMEM;
    }
    struct gor__mapping *added = &mappings->list[mappings->count];
    added->start = start / page * page;
    added->limit = round_up(start + segment->p_memsz, page);
    added->file_offset = segment->p_offset / page * page;
    added->file = file_of(info, mappings->count == 0);
    find_build_id(info, added->build_id);
    if (added->file == NULL) {
        return -ENOMEM;
    }
    mappings->count++;
    return 0;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
    int result = 0;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum && result == 0; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0) {
            result = add_code(arg, info, segment);
        }
    }
    return result;
}

int gor__mappings_init(struct gor__mappings *mappings)
{
    memset(mappings, 0, sizeof *mappings);
    int result = dl_iterate_phdr(add_module, mappings);
    if (result != 0) {
        gor__mappings_fini(mappings);
    }
    return result;
}

size_t gor__mappings_find(const struct gor__mappings *mappings, uintptr_t address)
{
    for (size_t i = 0; i < mappings->count; i++) {
        if (address >= mappings->list[i].start && address < mappings->list[i].limit) {
            return i + 1;
        }
    }
    return 0;
}
