/* SPDX-License-Identifier: MIT */
/* calls.h - whether what looks like a return address is one, as far as the code before it tells. For
 * functions that call none and have no frame of their own: nothing but the word where a return address
 * would be says who called them.
 *
 * Threads     any. The code must be mapped.
 */
#ifndef GOR_CPU_CALLS_H
#define GOR_CPU_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { GOR__CALL_BYTES_MAX = 6 }; /* of code before a return address that are looked at */

/* Whether the function at `start` begins by setting up a frame. */
static inline bool gor__sets_up_frame(uintptr_t start)
{
#if defined(__x86_64__)
    static const unsigned char landing[4] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */
    static const unsigned char frame[4] = {0x55, 0x48, 0x89, 0xe5};   /* push %rbp; mov %rsp,%rbp */
    const unsigned char *code = (const unsigned char *)start;
    return memcmp(code, frame, sizeof frame) == 0 ||
           (memcmp(code, landing, sizeof landing) == 0 &&
            memcmp(code + sizeof landing, frame, sizeof frame) == 0);
#else
    /* stp x29, x30, [sp, #-N]! */
    uint32_t code = 0;
    memcpy(&code, (const void *)start, sizeof code);
    return (code & UINT32_C(0xffc07fff)) == UINT32_C(0xa9807bfd);
#endif
}

#if defined(__x86_64__)
/* A jump by a table, as the linker makes them for functions of libraries. */
static inline bool gor__is_jump_slot(uintptr_t start)
{
    enum { ENDBR = 0xf3, ENDBR_BYTES = 4, BND = 0xf2, JUMP = 0xff, BY_TABLE = 0x25 };
    const unsigned char *code = (const unsigned char *)start;
    code += code[0] == ENDBR ? ENDBR_BYTES : 0;
    code += code[0] == BND;
    return code[0] == JUMP && code[1] == BY_TABLE;
}
#endif

/* Whether the instruction before `address` calls the function at `start`, or may well have done so, by a
 * pointer or a table of the linker's. */
static inline bool gor__returns_from(uintptr_t address, uintptr_t start)
{
#if defined(__x86_64__)
    enum { CALL = 0xe8, BY_POINTER = 0xff, BY_TABLE = 0x15, REGISTER = 0xd0, MASK = 0xf8 };
    const unsigned char *code = (const unsigned char *)address;
    int32_t distance = 0;
    memcpy(&distance, code - sizeof distance, sizeof distance);
    uintptr_t target = address + (uintptr_t)(intptr_t)distance;
    if (code[-5] == CALL) {
        return target == start || gor__is_jump_slot(target);
    }
    if (code[-6] == BY_POINTER && code[-5] == BY_TABLE) {
        return true;
    }
    if (code[-2] == BY_POINTER && (code[-1] & MASK) == REGISTER) {
        return true;
    }
    return false;
#else
    enum { STEP = 4 };
    uint32_t code = 0;
    memcpy(&code, (const void *)(address - STEP), sizeof code);
    /* bl */
    if ((code & UINT32_C(0xfc000000)) == UINT32_C(0x94000000)) {
        int64_t distance = (int64_t)(int32_t)(code << 6) >> 4;
        return address - STEP + (uintptr_t)distance == start;
    }
    /* blr */
    return (code & UINT32_C(0xfffffc1f)) == UINT32_C(0xd63f0000);
#endif
}

#endif
