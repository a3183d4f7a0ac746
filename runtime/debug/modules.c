/* SPDX-License-Identifier: MIT */
/* modules.c - see modules.h.
 *
 * A file is taken only if it begins as what is mapped does: it may have been replaced since, and then
 * everything in it lies elsewhere. dl_iterate_phdr was rejected: it takes the loader's lock.
 */
#include "runtime/debug/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, HEAD_BYTES = 1024 };

static const char debug_root[] = "/usr/lib/debug";
static const char vdso[] = "[vdso]";

/* ---- what is mapped */

/* A number of base 10 or 16 at *at, which then stands behind it and the character after it. */
static uint64_t parse_number(const char **at, unsigned base)
{
    uint64_t value = 0;
    for (;; (*at)++) {
        unsigned digit = 99;
        if (**at >= '0' && **at <= '9') {
            digit = (unsigned)(**at - '0');
        } else if (**at >= 'a' && **at <= 'f') {
            digit = (unsigned)(**at - 'a') + 10;
        }
        if (digit >= base) {
            break;
        }
        value = value * base + digit;
    }
    if (**at != '\0') {
        (*at)++;
    }
    return value;
}

/* "START-END rwxp OFFSET MAJOR:MINOR INODE   PATH"; false: no code from a file. */
static bool parse_mapping(const char *line, struct gor__module *out_module)
{
    out_module->start = parse_number(&line, 16);
    out_module->end = parse_number(&line, 16);
    bool is_code = strnlen(line, 5) == 5 && line[2] == 'x';
    line += is_code ? 5 : 0;
    out_module->offset = parse_number(&line, 16);
    uint64_t major = parse_number(&line, 16);
    out_module->device = major << 32 | parse_number(&line, 16);
    out_module->inode = parse_number(&line, 10);
    line += strspn(line, " ");
    out_module->path = line;
    return is_code && (line[0] == '/' || strcmp(line, vdso) == 0);
}

static bool is_same(const struct gor__module *a, const struct gor__module *b)
{
    return a->start == b->start && a->end == b->end && a->offset == b->offset &&
           a->inode == b->inode && a->device == b->device && strcmp(a->path, b->path) == 0;
}

static void note_mapping(struct gor__modules *modules, const struct gor__module *seen)
{
    for (struct gor__module *known = modules->first; known != NULL; known = known->next) {
        if (is_same(known, seen)) {
            known->is_mapped = true;
            return;
        }
    }
    size_t length = strlen(seen->path) + 1;
    struct gor__module *module = gor__bump_take(&modules->bump, sizeof *module);
    char *path = gor__bump_take(&modules->bump, length);
    if (module == NULL || path == NULL) {
        return;
    }
    memcpy(path, seen->path, length);
    *module = *seen;
    module->path = path;
    module->is_mapped = true;
    module->next = modules->first;
    modules->first = module;
    modules->changed = true;
}

/* A line of the kernel's list, which may be longer than there is room for: then the rest is left out. */
static void take_line(struct gor__modules *modules, const char *line)
{
    struct gor__module seen;
    memset(&seen, 0, sizeof seen);
    if (parse_mapping(line, &seen)) {
        note_mapping(modules, &seen);
    }
}

static void read_maps(struct gor__modules *modules, int fd)
{
    char text[2 * PATH_BYTES];
    size_t kept = 0;
    ssize_t got = 0;
    while ((got = read(fd, text + kept, sizeof text - 1 - kept)) > 0) {
        char *line = text;
        char *end = NULL;
        kept += (size_t)got;
        text[kept] = '\0';
        while ((end = strchr(line, '\n')) != NULL) {
            *end = '\0';
            take_line(modules, line);
            line = end + 1;
        }
        kept -= (size_t)(line - text);
        kept = kept < sizeof text - 1 ? kept : 0;
        memmove(text, line, kept);
    }
}

void gor__modules_look(struct gor__modules *modules)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    modules->changed = false;
    if (fd < 0) {
        return;
    }
    for (struct gor__module *module = modules->first; module != NULL; module = module->next) {
        module->is_mapped = false;
    }
    read_maps(modules, fd);
    close(fd);
    for (struct gor__module *module = modules->first; module != NULL; module = module->next) {
        modules->changed = modules->changed || !module->is_mapped;
    }
}

/* ---- the files */

/* Where it lies: true if the file begins as it does in memory, with header, segments, and mostly the
 * build id. */
static bool place_file(struct gor__module *module, const struct gor__elf *file)
{
    uint8_t head[HEAD_BYTES];
    uint64_t code = 0;
    uint64_t begin = 0;
    size_t bytes = gor__bytes_left(&file->all);
    if (!gor__elf_address_of(file, module->offset, true, &code) ||
        !gor__elf_address_of(file, 0, false, &begin)) {
        return false;
    }
    module->bias = module->start - code;
    bytes = bytes < sizeof head ? bytes : sizeof head;
    struct iovec here = {head, bytes};
    struct iovec there = {(void *)(module->bias + begin), bytes};
    /* By the kernel, for it may not be mapped any more. Where that is not allowed, it is believed. */
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    return got < 0 ? errno != EFAULT
                   : (size_t)got == bytes && memcmp(head, file->all.at, bytes) == 0;
}

static bool same_build_id(const struct gor__elf *a, const struct gor__elf *b)
{
    struct gor__bytes one = gor__elf_build_id(a);
    struct gor__bytes other = gor__elf_build_id(b);
    size_t bytes = gor__bytes_left(&one);
    return bytes > 0 && bytes == gor__bytes_left(&other) && memcmp(one.at, other.at, bytes) == 0;
}

static const char *debug_folder(void)
{
    const char *set = secure_getenv("GOR_DEBUG_PATH");
    return set != NULL && set[0] == '/' ? set : debug_root;
}

static bool open_by_build_id(struct gor__module *module)
{
    char path[PATH_BYTES];
    struct gor__bytes id = gor__elf_build_id(&module->file);
    int length = snprintf(path, sizeof path, "%s/.build-id/", debug_folder());
    if (gor__bytes_left(&id) < 2 || gor__bytes_left(&id) > 64 || length > PATH_BYTES / 2) {
        return false;
    }
    for (const uint8_t *at = id.at; at < id.end; at++) {
        length += snprintf(path + length, sizeof path - (size_t)length, "%02x%s", *at,
                           at == id.at ? "/" : "");
    }
    (void)snprintf(path + length, sizeof path - (size_t)length, ".debug");
    if (!gor__elf_open(&module->debug, path)) {
        return false;
    }
    if (same_build_id(&module->file, &module->debug)) {
        return true;
    }
    gor__elf_close(&module->debug);
    return false;
}

static bool open_if_crc(struct gor__module *module, const char *path, uint32_t crc)
{
    if (gor__elf_open(&module->debug, path)) {
        if (gor__elf_crc(&module->debug) == crc) {
            return true;
        }
        gor__elf_close(&module->debug);
    }
    return false;
}

/* Beside the file, in .debug beside it, and under the root of all debug files. */
static bool open_by_link(struct gor__module *module)
{
    char path[PATH_BYTES];
    uint32_t crc = 0;
    const char *name = gor__elf_debuglink(&module->file, &crc);
    const char *slash = strrchr(module->path, '/');
    if (name == NULL || slash == NULL) {
        return false;
    }
    int folder = (int)(slash - module->path);
    (void)snprintf(path, sizeof path, "%.*s/%s", folder, module->path, name);
    if (strcmp(path, module->path) != 0 && open_if_crc(module, path, crc)) {
        return true;
    }
    (void)snprintf(path, sizeof path, "%.*s/.debug/%s", folder, module->path, name);
    if (open_if_crc(module, path, crc)) {
        return true;
    }
    (void)snprintf(path, sizeof path, "%s%.*s/%s", debug_folder(), folder, module->path, name);
    return open_if_crc(module, path, crc);
}

static bool open_file(struct gor__module *module)
{
    struct gor__elf *file = &module->file;
    if (strcmp(module->path, vdso) == 0) {
        return gor__elf_open_memory(file, (const void *)module->start,
                                    module->end - module->start) &&
               place_file(module, file);
    }
    if (gor__elf_open(file, module->path) && place_file(module, file)) {
        return true;
    }
    gor__elf_close(file);
    /* The program itself can be had even after its file was replaced. */
    if (gor__elf_open(file, "/proc/self/exe") && place_file(module, file)) {
        return true;
    }
    gor__elf_close(file);
    module->bias = module->start - module->offset;
    return false;
}

void gor__modules_read(struct gor__modules *modules, struct gor__module *module)
{
    const struct gor__elf *source = &module->file;
    if (module->is_read) {
        return;
    }
    module->is_read = true;
    struct gor__bytes own = gor__elf_section(&module->file, ".debug_line");
    if (gor__bytes_left(&own) == 0 && (open_by_build_id(module) || open_by_link(module))) {
        source = &module->debug;
    }
    gor__elf_functions(source, &modules->bump, &module->functions, &module->names);
    if (module->functions.count == 0) {
        gor__elf_functions(&module->file, &modules->bump, &module->functions, &module->names);
    }
    gor__lines_read(&module->lines, source, &modules->bump);
    gor__inlines_read(&module->inlines, source, &modules->bump);
}

struct gor__module *gor__modules_find(struct gor__modules *modules, uintptr_t address)
{
    struct gor__module *module = modules->first;
    while (module != NULL &&
           (!module->is_mapped || address < module->start || address >= module->end)) {
        module = module->next;
    }
    if (module != NULL && !module->is_open) {
        module->is_open = true;
        if (open_file(module)) {
            gor__cfi_read(&module->cfi, &module->file, &modules->bump);
        }
    }
    return module;
}
