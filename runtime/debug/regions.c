/* SPDX-License-Identifier: MIT */
/* regions.c - see regions.h.
 *
 * A mapping may be terabytes large and hold nothing (the shadow memory of a sanitizer), and touching
 * what is empty would have the kernel make page tables for it. So the kernel is asked where there are
 * pages: by PAGEMAP_SCAN (Linux 6.7), which passes over what is empty in no time, or else by the old
 * pagemap, page by page.
 *
 * Nothing is read directly, but by gor__peek.
 */
#include "runtime/debug/regions.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "runtime/debug/peek.h"
#include "runtime/debug/range.h"
#include "runtime/debug/raw.h"

enum {
    REGIONS_MAX = 1 << 17, /* twice vm.max_map_count as it is by default */
    PIECE_BYTES = 16384,   /* read at a time */
    ENTRIES = 512,         /* of the old pagemap, looked at at a time */
    SPANS = 64,            /* of PAGEMAP_SCAN */
};

/* Larger than any machine's memory. Without PAGEMAP_SCAN such a mapping is taken to be empty; where a
 * sanitizer is, to be its shadow, in which there are no pointers, but many pages. */
#define ABSURD_BYTES (UINT64_C(1) << 40)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { HAS_SHADOW = true };
#else
enum { HAS_SHADOW = false };
#endif

/* Newer than Debian 12's headers: include/uapi/linux/fs.h of Linux. */
struct scan {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t spans;
    uint64_t span_count;
    uint64_t pages_max;
    uint64_t inverted;
    uint64_t all_of;
    uint64_t any_of;
    uint64_t returned;
};

struct span {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

#define SCAN_PAGES _IOWR('f', 16, struct scan)
enum { IS_PRESENT = 1 << 3, IS_SWAPPED = 1 << 4, IS_ZERO = 1 << 5, IS_GUARD = 1 << 8 };

/* ---- the list */

static uint64_t parse_hex(const char **text)
{
    uint64_t value = 0;
    for (;; (*text)++) {
        char c = **text;
        if (c >= '0' && c <= '9') {
            value = value * 16 + (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (uint64_t)(c - 'a') + 10;
        } else {
            return value;
        }
    }
}

static const char *skip_word(const char *text)
{
    while (*text != ' ' && *text != '\0') {
        text++;
    }
    while (*text == ' ') {
        text++;
    }
    return text;
}

static bool starts_with(const char *text, const char *with)
{
    while (*with != '\0' && *text == *with) {
        text++;
        with++;
    }
    return *with == '\0';
}

/* "START-END rwxp OFFSET DEVICE INODE   PATH" */
static void add_line(struct gor__regions *regions, const char *line)
{
    struct gor__region region = {0, 0, GOR__REGION_PLAIN};
    region.start = (uintptr_t)parse_hex(&line);
    line++;
    region.end = (uintptr_t)parse_hex(&line);
    const char *rights = skip_word(line);
    const char *inode = skip_word(skip_word(skip_word(rights)));
    const char *path = skip_word(inode);
    bool anonymous = inode[0] == '0' && rights[3] == 'p';
    if (HAS_SHADOW && region.end - region.start > ABSURD_BYTES) {
        return;
    }
    if (rights[0] != 'r' || (rights[1] != 'w' && !anonymous) || starts_with(path, "[v")) {
        return;
    }
    if (starts_with(path, "[heap]")) {
        region.kind = GOR__REGION_BRK;
    } else if (starts_with(path, "[stack]")) {
        region.kind = GOR__REGION_STACK;
    } else if (anonymous && (*path == '\0' || starts_with(path, "[anon"))) {
        region.kind = GOR__REGION_ANON;
    }
    if (regions->count < REGIONS_MAX) {
        regions->list[regions->count] = region;
    }
    regions->count++;
}

/* A line may be longer than the buffer only by its path, whose end nobody needs. */
struct lines {
    char text[512];
    size_t length;
};

static void take_text(struct gor__regions *regions, struct lines *lines, const char *text,
                      size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            lines->text[lines->length] = '\0';
            add_line(regions, lines->text);
            lines->length = 0;
        } else if (lines->length < sizeof lines->text - 1) {
            lines->text[lines->length++] = text[i];
        }
    }
}

static int read_maps(struct gor__regions *regions)
{
    char buffer[4096];
    struct lines lines = {.length = 0};
    long got = 0;
    int fd = gor__raw_open("/proc/self/maps", O_RDONLY);
    if (fd < 0) {
        return fd;
    }
    while ((got = gor__raw_read(fd, buffer, sizeof buffer)) > 0) {
        take_text(regions, &lines, buffer, (size_t)got);
    }
    int error = got < 0 ? (int)got : 0;
    gor__raw_close(fd);
    return error == 0 && regions->count > REGIONS_MAX ? -E2BIG : error;
}

static size_t list_bytes(void)
{
    return REGIONS_MAX * sizeof(struct gor__region);
}

void gor__regions_close(struct gor__regions *regions)
{
    gor__raw_unmap(regions->list, list_bytes());
    if (regions->pages >= 0) {
        gor__raw_close(regions->pages);
    }
    *regions = (struct gor__regions){.pages = -1};
}

int gor__regions_open(struct gor__regions *regions)
{
    *regions = (struct gor__regions){.pages = gor__raw_open("/proc/self/pagemap", O_RDONLY)};
    regions->list = gor__raw_map(list_bytes());
    if (regions->list == NULL) {
        gor__regions_close(regions);
        return -ENOMEM;
    }
    int error = read_maps(regions);
    if (error < 0) {
        gor__regions_close(regions);
    }
    return error;
}

void gor__regions_memory(const struct gor__regions *regions,
                         void (*visit)(void *arg, const void *memory, size_t bytes), void *arg)
{
    visit(arg, regions->list, list_bytes());
}

const struct gor__region *gor__regions_find(const struct gor__regions *regions, uintptr_t address)
{
    const struct gor__region *list = regions->list;
    size_t at = gor__range_find(&list->start, &list->end, regions->count, sizeof *list, address);
    return at < regions->count ? &list[at] : NULL;
}

/* ---- the memory */

struct reading {
    const struct gor__regions *regions;
    void (*visit)(void *arg, const uint64_t *words, size_t count);
    void *arg;
};

/* Where there are pages. */
static void read_pages(const struct reading *r, uintptr_t start, uintptr_t end)
{
    uint64_t words[PIECE_BYTES / sizeof(uint64_t)];
    while (start < end) {
        size_t wanted = end - start < sizeof words ? end - start : sizeof words;
        size_t got = gor__peek(words, start, wanted) & ~(size_t)7;
        if (got > 0) {
            r->visit(r->arg, words, got / sizeof(uint64_t));
            start += got;
        } else {
            /* On to the next page. */
            start = (start | ((uintptr_t)getpagesize() - 1)) + 1;
        }
    }
}

static uintptr_t later(uintptr_t a, uintptr_t b)
{
    return a > b ? a : b;
}

static uintptr_t earlier(uintptr_t a, uintptr_t b)
{
    return a < b ? a : b;
}

/* False: the kernel does not know how. */
static bool read_scanned(const struct reading *r, uintptr_t start, uintptr_t end)
{
    struct span spans[SPANS];
    uintptr_t page = (uintptr_t)getpagesize();
    struct scan scan = {
        .size = sizeof scan,
        .start = start & ~(page - 1),
        .end = (end + page - 1) & ~(page - 1),
        .spans = (uintptr_t)spans,
        .span_count = SPANS,
        .any_of = IS_PRESENT | IS_SWAPPED,
        .returned = IS_PRESENT | IS_SWAPPED | IS_ZERO | IS_GUARD,
    };
    while (scan.start < scan.end) {
        long found =
            gor__syscall(SYS_ioctl, (uintptr_t)r->regions->pages, SCAN_PAGES, (uintptr_t)&scan, 0);
        if (found < 0) {
            return false;
        }
        for (long i = 0; i < found; i++) {
            if ((spans[i].categories & (IS_ZERO | IS_GUARD)) == 0) {
                read_pages(r, later(spans[i].start, start), earlier(spans[i].end, end));
            }
        }
        scan.start = scan.walk_end;
    }
    return true;
}

/* Bits 62 and 63 of an entry: swapped, present. */
static void read_listed(const struct reading *r, uintptr_t start, uintptr_t end)
{
    uint64_t entries[ENTRIES];
    uintptr_t page = (uintptr_t)getpagesize();
    while (start < end) {
        uintptr_t first = start / page;
        size_t count = (end - 1) / page - first + 1;
        count = count < ENTRIES ? count : ENTRIES;
        long got = gor__raw_read_at(r->regions->pages, entries, count * sizeof entries[0],
                                    first * sizeof entries[0]);
        for (size_t i = 0; i < count; i++) {
            if (got < (long)((i + 1) * sizeof entries[0]) || entries[i] >> 62 != 0) {
                read_pages(r, later((first + i) * page, start),
                           earlier((first + i + 1) * page, end));
            }
        }
        start = (first + count) * page;
    }
}

void gor__regions_read(const struct gor__regions *regions, uintptr_t start, uintptr_t end,
                       void (*visit)(void *arg, const uint64_t *words, size_t count), void *arg)
{
    const struct reading reading = {regions, visit, arg};
    if (regions->pages >= 0 && read_scanned(&reading, start, end)) {
        return;
    }
    if (end - start < ABSURD_BYTES) {
        read_listed(&reading, start, end);
    }
}
