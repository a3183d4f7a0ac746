/* SPDX-License-Identifier: MIT */
/* cfi_test.c - the ways from a function to its caller, with the index that linkers make and without, as in
 * static programs. */
#include <string.h>

#include "runtime/debug/bump.h"
#include "runtime/debug/cfi.h"
#include "tests/test.h"

struct program {
    struct gor__elf elf;
    struct gor__bump bump;
    struct gor__spans functions;
    struct gor__cfi indexed;
    struct gor__cfi plain;  /* without the index */
    struct gor__cfi listed; /* the same, with a list in its place */
    struct gor__cfi empty;  /* with an index that says that it has nothing */
};

/* As linkers leave it that do not understand .eh_frame. */
static const uint8_t nothing[] = {1, 0x1b, 0xff, 0xff, 0, 0, 0, 0};

static bool open_self(struct program *program)
{
    struct gor__bytes names;
    memset(program, 0, sizeof *program);
    CHECK(gor__elf_open(&program->elf, "/proc/self/exe"));
    gor__elf_functions(&program->elf, &program->bump, &program->functions, &names);
    gor__cfi_read(&program->indexed, &program->elf, &program->bump);
    program->plain = program->indexed;
    program->plain.index = (struct gor__bytes){NULL, NULL, false};
    program->listed = program->plain;
    gor__cfi_list(&program->listed, &program->bump);
    program->empty = program->listed;
    program->empty.index = (struct gor__bytes){nothing, nothing + sizeof nothing, false};
    return gor__bytes_left(&program->indexed.index) > 0;
}

static void close_self(struct program *program)
{
    gor__bump_fini(&program->bump);
    gor__elf_close(&program->elf);
}

static bool check_like(const struct gor__cfi *cfi, const struct gor__cfi *like, uint64_t address)
{
    struct gor__cfi_row a;
    struct gor__cfi_row b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    bool one = gor__cfi_find(like, address, &a);
    bool other = gor__cfi_find(cfi, address, &b);
    CHECK_EQ(one, other);
    CHECK_EQ(a.from_fp, b.from_fp);
    CHECK_EQ(a.offset, b.offset);
    CHECK_EQ(a.fp, b.fp);
    CHECK_EQ(a.ra, b.ra);
    CHECK_EQ(a.fp_offset, b.fp_offset);
    CHECK_EQ(a.ra_offset, b.ra_offset);
    return one;
}

static void check_same(const struct program *program, uint64_t address, unsigned *found)
{
    (void)check_like(&program->plain, &program->indexed, address);
    (void)check_like(&program->listed, &program->indexed, address);
    *found += check_like(&program->empty, &program->indexed, address);
}

TEST(cfi_without_an_index_is_the_same)
{
    struct program program;
    unsigned found = 0;
    if (!open_self(&program)) {
        close_self(&program);
        test_skip("this program has no index");
        return;
    }
    size_t step = program.functions.count / 300 + 1;
    for (size_t i = 0; i < program.functions.count; i += step) {
        const struct gor__span *span = &program.functions.list[i];
        check_same(&program, span->low, &found);
        check_same(&program, span->low + (span->high - span->low) / 2, &found);
        check_same(&program, span->high - 1, &found);
    }
    CHECK_INT(found, >, 100);
    check_same(&program, 1, &found);
    check_same(&program, UINT64_MAX, &found);
    close_self(&program);
}

TEST(cfi_of_nothing_is_none)
{
    struct gor__cfi_row row;
    struct gor__cfi none;
    memset(&none, 0, sizeof none);
    CHECK(!gor__cfi_find(&none, 1, &row));
}
