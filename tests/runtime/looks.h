/* SPDX-License-Identifier: MIT */
/* looks.h - what gor_lookup may tell of a goroutine at any moment. */
#ifndef GOR_TESTS_RUNTIME_LOOKS_H
#define GOR_TESTS_RUNTIME_LOOKS_H

#include "tests/runtime/help.h"

static inline void check_of_a_piece(const struct gor_info *info)
{
    if (info->state != GOR_WAITING) {
        CHECK_EQ(info->reason, GOR_WAIT_NONE);
        CHECK_EQ(info->waiting_ns, 0);
        return;
    }
    CHECK(info->reason != GOR_WAIT_NONE);
    CHECK_INT(info->stack_used_bytes, >, 0);
    CHECK_INT(info->stack_used_bytes, <, info->stack_bytes);
    CHECK_INT(info->frame_count, >, 0);
}

#endif
