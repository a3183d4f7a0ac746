/* SPDX-License-Identifier: MIT */
/* recurse.h - use up a stack. */
#ifndef GOR_TESTS_RUNTIME_RECURSE_H
#define GOR_TESTS_RUNTIME_RECURSE_H

#include <stddef.h>
#include <stdint.h>

/* What the compiler cannot know: there is no end. */
static volatile int deepest = INT32_MAX;

/* Frames of some 600 bytes that are all in use. */
__attribute__((noinline)) static int recurse_without_end(int depth, volatile char *above)
{
    volatile char frame[512];
    frame[0] = above != NULL ? above[0] : 0;
    frame[511] = (char)depth;
    int below = depth < deepest ? recurse_without_end(depth + 1, frame) : 0;
    return below + frame[511];
}

#endif
