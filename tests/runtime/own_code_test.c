/* SPDX-License-Identifier: MIT */
/* own_code_test.c - code of the library is told from all other code. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/cpu/own_code.h"
#include "runtime/debug/symbol.h"
#include "runtime/gor.h"
#include "runtime/sched/overflow.h"
#include "tests/test.h"

#define ADDRESS(function) ((uintptr_t)(function))

static void of_the_program(void)
{
}

TEST(own_code_is_that_of_every_room)
{
    const uintptr_t own[] = {
        ADDRESS(gor_run),          ADDRESS(gor_dump),  ADDRESS(gor__symbol_find),
        ADDRESS(gor_chan_recv),    ADDRESS(gor_read),  ADDRESS(gor__overflow_rescue),
        ADDRESS(gor__is_own_code), ADDRESS(gor_panic), ADDRESS(gor_signal_notify),
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        CHECK(gor__is_own_code(own[i]));
    }
}

TEST(own_code_is_no_other)
{
    CHECK(!gor__is_own_code(ADDRESS(of_the_program)));
    CHECK(!gor__is_own_code(ADDRESS(test_fail)));
    CHECK(!gor__is_own_code(ADDRESS(qsort)));
    CHECK(!gor__is_own_code(0));
    CHECK(!gor__is_own_code(UINTPTR_MAX));
}
