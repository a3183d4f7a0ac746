/* SPDX-License-Identifier: MIT */
/* symbol_test.c - from addresses to functions, files and lines: of this program, of libraries, without
 * symbols, with a debug file elsewhere, and from files that are damaged. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/debug/cfi.h"
#include "runtime/debug/inlines.h"
#include "runtime/debug/lines.h"
#include "runtime/debug/symbol.h"
#include "tests/test.h"

/* What the program is asked to find of itself; see run_copy. */
static bool expects(const char *what)
{
    const char *wanted = getenv("GOR_TEST_EXPECT");
    return strcmp(wanted != NULL ? wanted : "lines", what) == 0;
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
    char command[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    int status = system(command);
    if (status != 0) {
        test_fail(__FILE__, __LINE__, "status %#x: %s", status, command);
    }
}

static struct gor__symbol find(const void *pc)
{
    struct gor__symbol symbol;
    CHECK(gor__symbol_find(pc, &symbol));
    return symbol;
}

static void check_ends(const char *text, const char *end)
{
    size_t length = text != NULL ? strlen(text) : 0;
    if (length < strlen(end) || strcmp(text + length - strlen(end), end) != 0) {
        test_fail(__FILE__, __LINE__, "\"%s\" does not end with \"%s\"", text, end);
    }
}

/* Keeps a call from becoming a jump. */
#define COME_BACK() __asm__ volatile("" ::: "memory")

/* The address the caller is at. */
static __attribute__((noinline)) const char *here(void)
{
    return (const char *)__builtin_return_address(0) - 1;
}

static __attribute__((noinline, noclone)) const char *ask_in_static(unsigned *out_line)
{
    *out_line = __LINE__ + 1;
    const char *pc = here();
    COME_BACK();
    return pc;
}

TEST(static_function_has_name_file_and_line)
{
    unsigned line = 0;
    const char *pc = ask_in_static(&line);
    if (getenv("GOR_TEST_REMOVE") != NULL) {
        run("rm $(readlink /proc/%d/exe)", (int)getpid());
    }
    struct gor__symbol symbol = find(pc);
    CHECK_INT(symbol.in_module, >, 0);
    if (expects("nothing")) {
        CHECK(symbol.function == NULL && symbol.file == NULL && symbol.line == 0);
        return;
    }
    CHECK_STR(symbol.function, "ask_in_static");
    CHECK(!symbol.inlined);
    CHECK_INT((uintptr_t)pc - symbol.start, <, 200);
    CHECK_INT((uintptr_t)pc, >, symbol.start);
    if (expects("lines")) {
        check_ends(symbol.file, "tests/runtime/symbol_test.c");
        CHECK(symbol.file[0] == '/');
        CHECK_EQ(symbol.line, line);
    }
}

static inline __attribute__((always_inline)) const char *innermost(unsigned *lines)
{
    lines[0] = __LINE__ + 1;
    const char *pc = here();
    COME_BACK();
    return pc;
}

static inline __attribute__((always_inline)) const char *between(unsigned *lines)
{
    lines[1] = __LINE__ + 1;
    return innermost(lines);
}

static __attribute__((noinline)) const char *outermost(unsigned *lines)
{
    lines[2] = __LINE__ + 1;
    const char *pc = between(lines);
    return pc;
}

TEST(inlined_functions_are_unfolded)
{
    static const char *const names[] = {"innermost", "between", "outermost"};
    struct gor__symbol frames[GOR__SYMBOL_FRAMES];
    unsigned lines[3];
    const char *pc = outermost(lines);
    unsigned count = gor__symbol_frames(pc, frames, GOR__SYMBOL_FRAMES);
    CHECK_EQ(count, 3);
    for (int i = 0; i < 3; i++) {
        CHECK_STR(frames[i].function, names[i]);
        check_ends(frames[i].file, "symbol_test.c");
        CHECK_EQ(frames[i].line, lines[i]);
        CHECK_EQ(frames[i].inlined, i < 2);
        CHECK_EQ(frames[i].start, frames[0].start);
    }
    CHECK_EQ(gor__symbol_frames(pc, frames, 2), 2);
}

TEST(shared_library_has_its_functions)
{
    void *address = dlsym(RTLD_DEFAULT, "pthread_create");
    CHECK(address != NULL);
    struct gor__symbol symbol = find(address);
    CHECK(strstr(symbol.function, "pthread_create") != NULL);
    CHECK_EQ(symbol.start, (uintptr_t)address);
    CHECK(strstr(symbol.module, "/libc") != NULL || strstr(symbol.module, "san.so") != NULL);
}

TEST(what_is_no_code_has_no_symbol)
{
    struct gor__symbol symbol;
    int local = 0;
    CHECK(!gor__symbol_find(&local, &symbol));
    CHECK(!gor__symbol_find(NULL, &symbol));
    CHECK(!gor__symbol_find((const void *)1, &symbol));
}

static void ask_alone(const void *pc, enum gor__symbol_loner loner)
{
    gor__symbol_begin_alone(loner);
    struct gor__symbol symbol = find(pc);
    gor__symbol_end_alone(loner);
    CHECK_STR(symbol.function, "ask_in_static");
}

TEST(tables_of_its_own_answer_the_same)
{
    unsigned line = 0;
    const char *pc = ask_in_static(&line);
    ask_alone(pc, GOR__LONER_SIGNAL);
    ask_alone(pc, GOR__LONER_DEBUGGER);
    ask_alone(pc, GOR__LONER_DEBUGGER);
    CHECK_STR(find(pc).function, "ask_in_static");
}

/* ---- a program without symbols, and where they may be instead */

/* A copy of this program asks after its own static function. */
static void run_copy(const char *folder, const char *expected)
{
    run("GOR_TEST_EXPECT=%s GOR_DEBUG_PATH=%s/debug %s/program static_function >%s/said 2>&1 || "
        "{ cat %s/said; false; }",
        expected, folder, folder, folder, folder);
}

static bool can_split(void)
{
    const char *emulator = getenv("GOR_EMULATOR");
    if (emulator != NULL && emulator[0] != '\0') {
        test_skip("objcopy knows the files of this machine only");
        return false;
    }
    return true;
}

static const char *new_folder(void)
{
    static char folder[2048];
    static int count;
    (void)snprintf(folder, sizeof folder, "%s/%d", test_tmpdir(), count++);
    CHECK_EQ(mkdir(folder, 0700), 0);
    return folder;
}

/* A folder with program, without symbols; and program.debug. */
static const char *split(void)
{
    const char *folder = new_folder();
    run("cp /proc/%d/exe %s/program && cd %s && mkdir debug && objcopy --only-keep-debug program "
        "program.debug && strip --strip-all program",
        (int)getpid(), folder, folder);
    return folder;
}

TEST(program_without_symbols_says_where_in_the_file)
{
    if (!can_split()) {
        return;
    }
    const char *folder = split();
    run_copy(folder, "nothing");
}

TEST(debug_link_leads_to_the_debug_file)
{
    if (!can_split()) {
        return;
    }
    const char *folder = split();
    run("cd %s && objcopy --add-gnu-debuglink=program.debug program", folder);
    run_copy(folder, "lines");
    run("cd %s && mkdir .debug && mv program.debug .debug/", folder);
    run_copy(folder, "lines");
    run("mkdir -p %s/debug%s && mv %s/.debug/program.debug %s/debug%s/", folder, folder, folder,
        folder, folder);
    run_copy(folder, "lines");
    /* Of another build: its checksum is another one. */
    run("printf x >>%s/debug%s/program.debug", folder, folder);
    run_copy(folder, "nothing");
}

TEST(build_id_leads_to_the_debug_file)
{
    if (!can_split()) {
        return;
    }
    const char *folder = split();
    run("cd %s && id=$(readelf -n program | awk '/Build ID/ { print $3 }') && "
        "rest=${id#??} && first=${id%%\"$rest\"} && mkdir -p debug/.build-id/$first && "
        "mv program.debug debug/.build-id/$first/$rest.debug",
        folder);
    run_copy(folder, "lines");
}

TEST(compressed_sections_leave_the_names)
{
    if (!can_split()) {
        return;
    }
    const char *folder = split();
    run("cp /proc/%d/exe %s/program && objcopy --compress-debug-sections %s/program", (int)getpid(),
        folder, folder);
    run_copy(folder, "names");
}

TEST(program_whose_file_is_gone_is_still_read)
{
    if (!can_split()) {
        return;
    }
    const char *folder = split();
    run("cp /proc/%d/exe %s/program", (int)getpid(), folder);
    CHECK_EQ(setenv("GOR_TEST_REMOVE", "1", 1), 0);
    run_copy(folder, "lines");
    CHECK_EQ(unsetenv("GOR_TEST_REMOVE"), 0);
    CHECK_INT(access(folder, F_OK), ==, 0);
    run("! test -e %s/program", folder);
}

/* ---- a library that comes and goes */

static void check_library(const char *options, bool has_lines)
{
    static char path[2100];
    struct gor__symbol frames[4];
    const char *folder = new_folder();
    (void)snprintf(path, sizeof path, "%s/guest.so", folder);
    run("cd %s && printf 'static inline __attribute__((always_inline)) int inner(int x)\\n{\\n"
        "    volatile int y = x; y += 1; return y;\\n}\\nint outer(int x)\\n{\\n    return "
        "inner(x);\\n}"
        "\\n' >guest.c && gcc -shared -fPIC -O2 %s -o guest.so guest.c",
        folder, options);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    const char *outer = dlsym(library, "outer");
    CHECK(outer != NULL);
    gor__symbol_refresh();
    unsigned most = 0;
    for (int i = 0; i < 8; i++) {
        unsigned count = gor__symbol_frames(outer + i, frames, 4);
        CHECK(count > 0);
        CHECK_STR(frames[count - 1].function, "outer");
        CHECK_STR(frames[0].module, path);
        CHECK_EQ(frames[0].start, (uintptr_t)outer);
        if (count == 2) {
            char file[2100];
            (void)snprintf(file, sizeof file, "%s/guest.c", folder);
            CHECK_STR(frames[0].function, "inner");
            CHECK_STR(frames[0].file, file);
            CHECK(frames[0].line >= 1 && frames[0].line <= 4);
            CHECK_STR(frames[1].file, file);
            CHECK_EQ(frames[1].line, 7);
        }
        most = count > most ? count : most;
        CHECK_EQ(frames[0].file != NULL, has_lines);
    }
    CHECK_EQ(most, has_lines ? 2 : 1);
    CHECK_EQ(dlclose(library), 0);
    gor__symbol_refresh();
    CHECK(!gor__symbol_find(outer, &frames[0]));
}

TEST(library_loaded_later_is_found_and_forgotten)
{
    if (!can_split()) {
        return;
    }
    check_library("-g -gdwarf-5", true);
    check_library("-g -gdwarf-4", true);
    check_library("-g -gdwarf-3 -gno-strict-dwarf", true);
    check_library("-g -gdwarf-5 -gdwarf64", true);
    check_library("-g0", false);
    check_library("-s", false);
}

TEST(library_that_was_replaced_is_not_believed)
{
    char path[2100];
    struct gor__symbol symbol;
    if (!can_split()) {
        return;
    }
    const char *folder = new_folder();
    (void)snprintf(path, sizeof path, "%s/guest.so", folder);
    run("cd %s && echo 'int outer(void) { return 1; }' >guest.c && "
        "gcc -shared -fPIC -o guest.so guest.c && echo 'int other(void) { return 2; }' >>guest.c "
        "&& "
        "gcc -shared -fPIC -o new.so guest.c",
        folder);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    const void *outer = dlsym(library, "outer");
    run("mv %s/new.so %s", folder, path);
    CHECK(gor__symbol_find(outer, &symbol));
    CHECK(symbol.function == NULL && symbol.file == NULL && symbol.start == 0);
    CHECK(strncmp(symbol.module, path, strlen(path)) == 0);
    CHECK_INT(symbol.in_module, >, 0);
    CHECK_EQ(dlclose(library), 0);
}

/* ---- damaged files */

struct image {
    uint8_t *bytes; /* owned: exactly as long as it says, so that AddressSanitizer sees its end */
    size_t size;
};

static struct image read_self(void)
{
    struct stat status;
    struct image image;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    image.size = (size_t)status.st_size;
    image.bytes = malloc(image.size);
    CHECK_EQ(read(fd, image.bytes, image.size), status.st_size);
    close(fd);
    return image;
}

static unsigned answered;

/* Ask everything of it: whatever it answers, it must come back. */
static void question(const uint8_t *bytes, size_t size, uint64_t *random)
{
    struct gor__elf elf;
    struct gor__bump bump = {NULL, NULL, NULL};
    struct gor__spans functions = {NULL, 0, 0};
    struct gor__bytes names = {NULL, NULL, false};
    struct gor__lines lines;
    static struct gor__inlines inlines;
    struct gor__cfi cfi;
    struct gor__cfi_row row;
    uint32_t crc = 0;
    if (!gor__elf_open_memory(&elf, bytes, size)) {
        return;
    }
    (void)gor__elf_build_id(&elf);
    (void)gor__elf_debuglink(&elf, &crc);
    gor__elf_functions(&elf, &bump, &functions, &names);
    gor__lines_read(&lines, &elf, &bump);
    gor__inlines_read(&inlines, &elf, &bump);
    gor__cfi_read(&cfi, &elf, &bump);
    for (int i = 0; i < 40 && functions.count > 0; i++) {
        static struct gor__code code;
        struct gor__place place;
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const struct gor__span *function = &functions.list[(*random >> 33) % functions.count];
        const char *name = gor__bytes_text_at(names, function->what);
        answered += name != NULL && strlen(name) > 0;
        answered += gor__lines_find(&lines, &bump, function->low, NULL, &place) ? 1 : 0;
        answered += gor__inlines_find(&inlines, function->low, &code) ? 1 : 0;
        (void)gor__lines_file(&lines, &bump, code.lines, *random >> 60, code.folder);
        answered += gor__cfi_find(&cfi, function->low, &row) ? 1 : 0;
    }
    gor__bump_fini(&bump);
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *state >> 33;
}

/* Where damage tells: the tables, not the code. */
static size_t place_in(const struct image *image, uint64_t *random)
{
    static const char *const sections[] = {".debug_line", ".debug_info", ".debug_abbrev",
                                           ".symtab",     ".eh_frame",   ".eh_frame_hdr"};
    struct gor__elf elf;
    CHECK(gor__elf_open_memory(&elf, image->bytes, image->size));
    size_t choice = next_random(random) % 8;
    if (choice == 6) {
        return next_random(random) % 64; /* the header */
    }
    if (choice == 7) {
        return image->size - 1 - next_random(random) % 4096; /* the table of sections */
    }
    struct gor__bytes section = gor__elf_section(&elf, sections[choice]);
    size_t left = gor__bytes_left(&section);
    if (left == 0) {
        return next_random(random) % image->size;
    }
    return (size_t)(section.at - image->bytes) + next_random(random) % left;
}

TEST(damaged_files_do_no_harm)
{
    uint64_t random = test_seed();
    int rounds = getenv("GOR_LONG") != NULL ? 3000 : 60;
    struct image image = read_self();
    question(image.bytes, image.size, &random);
    CHECK_INT(answered, >=, 100); /* whole, it answers */
    for (int round = 0; round < rounds; round++) {
        uint8_t *copy = malloc(image.size);
        int flips = 1 + (int)(next_random(&random) % 40);
        memcpy(copy, image.bytes, image.size);
        for (int i = 0; i < flips; i++) {
            static const uint8_t favourites[] = {0, 1, 0x7f, 0x80, 0xff};
            size_t at = place_in(&image, &random);
            uint64_t how = next_random(&random);
            copy[at] = how % 2 == 0 ? (uint8_t)(how >> 8) : favourites[(how >> 8) % 5];
        }
        question(copy, image.size, &random);
        free(copy);
    }
    free(image.bytes);
}

TEST(truncated_files_do_no_harm)
{
    uint64_t random = test_seed();
    int rounds = getenv("GOR_LONG") != NULL ? 1000 : 40;
    struct image image = read_self();
    struct gor__elf elf;
    for (int round = 0; round < rounds; round++) {
        /* With the table of sections moved to the front, so that the rest is read at all. */
        size_t size = round < 20 ? (size_t)round * 16 : next_random(&random) % image.size;
        uint8_t *copy = malloc(size > 0 ? size : 1);
        uint64_t sections = 0;
        memcpy(copy, image.bytes, size);
        memcpy(&sections, image.bytes + 40, sizeof sections);
        size_t table = image.size - sections;
        if (size > table + 64) {
            uint64_t front = 64;
            memcpy(copy + front, image.bytes + sections, table);
            memcpy(copy + 40, &front, sizeof front);
        }
        question(copy, size, &random);
        free(copy);
    }
    CHECK(!gor__elf_open(&elf, "/dev/null"));
    CHECK(!gor__elf_open(&elf, "/nonexistent"));
    CHECK(!gor__elf_open(&elf, "/"));
    gor__elf_close(&elf);
    free(image.bytes);
}

/* On the thread that dumps on a signal a debugger's call has tables of its own, too. */
TEST(symbols_of_a_debugger_do_not_come_from_the_tables_of_who_was_halted)
{
    const void *pc = here();
    gor__symbol_begin_alone(GOR__LONER_SIGNAL);
    struct gor__symbol halted = find(pc);
    gor__symbol_begin_alone(GOR__LONER_DEBUGGER);
    struct gor__symbol called = find(pc);
    CHECK(called.module != halted.module);
    CHECK_STR(called.module, halted.module);
    gor__symbol_end_alone(GOR__LONER_DEBUGGER);
    CHECK(find(pc).module == halted.module);
    gor__symbol_end_alone(GOR__LONER_SIGNAL);
}
