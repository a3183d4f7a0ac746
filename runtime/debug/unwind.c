/* SPDX-License-Identifier: MIT */
/* unwind.c - see unwind.h. */
#include "runtime/debug/unwind.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/debug/symbol.h"
#include "runtime/sched/cold.h"

enum {
    WORD = sizeof(uintptr_t),
    ENTRY_BYTES = 64,   /* more than gor__entry has */
    BEGIN_BYTES = 32,   /* above the first frame of a stack */
    GUESS_WORDS = 2048, /* looked through for a frame whose place nobody tells */
    GUESS_STEPS = 64,   /* that a guess must lead to the end in */
    TRIES = 4,          /* to read a stack that comes and goes */
};

/* ---- reading the stack */

void gor__window_init(struct gor__window *window, uintptr_t top)
{
    window->top = top;
    window->low = 0;
    window->stack = NULL;
    window->at = 0;
    window->bytes = 0;
    window->copy = NULL;
}

/* Where the kernel does not let us ask it, the memory is read as it is. */
__attribute__((noinline, no_sanitize_address, no_sanitize_thread)) static void
read_directly(char *to, uintptr_t from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        ((volatile char *)to)[i] = ((const volatile char *)from)[i];
    }
}

static ssize_t read_cold(struct gor__window *window, uintptr_t address, size_t bytes)
{
    return (ssize_t)gor__cold_read(window->stack, address, window->data, bytes);
}

static ssize_t read_warm(struct gor__window *window, uintptr_t address, size_t bytes)
{
    struct iovec here = {window->data, bytes};
    struct iovec there = {(void *)address, bytes};
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    if (got < 0 && (errno == ENOSYS || errno == EPERM)) {
        read_directly(window->data, address, bytes);
        got = (ssize_t)bytes;
    }
    return got;
}

/* Between the two ways to read it, the stack may go to its cell, or come back: then the other way has it. */
static bool fill(struct gor__window *window, uintptr_t address)
{
    size_t bytes = window->top - address;
    bytes = bytes < sizeof window->data ? bytes : sizeof window->data;
    ssize_t got = 0;
    for (int i = 0; i < (window->stack != NULL ? TRIES : 1) && got <= 0; i++) {
        got = window->stack != NULL ? read_cold(window, address, bytes) : 0;
        if (got == 0) {
            got = read_warm(window, address, bytes);
        }
    }
    window->at = address;
    window->bytes = got > 0 ? (size_t)got : 0;
    return window->bytes >= WORD;
}

bool gor__window_word(struct gor__window *window, uintptr_t address, uintptr_t *out_word)
{
    if (address % WORD != 0 || address < window->low || address > window->top ||
        window->top - address < WORD) {
        return false;
    }
    bool there = address >= window->at && address - window->at + WORD <= window->bytes;
    if (!there && (window->copy != NULL || !fill(window, address))) {
        return false;
    }
    const char *data = window->copy != NULL ? window->copy : window->data;
    memcpy(out_word, data + (address - window->at), WORD);
    return true;
}

/* ---- from frame to frame */

static bool is_entry(uintptr_t pc)
{
    return pc - (uintptr_t)gor__entry < ENTRY_BYTES;
}

/* A frame record at `fp`: the caller's frame pointer, and where it goes on. */
static bool read_record(struct gor__window *window, uintptr_t fp, uintptr_t *out_fp,
                        uintptr_t *out_pc)
{
    return gor__window_word(window, fp, out_fp) && gor__window_word(window, fp + WORD, out_pc);
}

/* Whether frame pointers lead from `fp` to the end of the stack. */
static bool leads_to_end(struct gor__window *window, uintptr_t fp)
{
    struct gor__cfi_row row;
    for (int i = 0; i < GUESS_STEPS; i++) {
        uintptr_t next = 0;
        uintptr_t pc = 0;
        if (!read_record(window, fp, &next, &pc)) {
            return false;
        }
        pc = gor__plain_address(pc);
        if (is_entry(pc)) {
            return true;
        }
        if (next <= fp || gor__symbol_step(pc - 1, &row) == GOR__STEP_NO_CODE) {
            return false;
        }
        fp = next;
    }
    return false;
}

/* The frame pointer is not known, for the kernel did not tell: the first record on the stack that leads
 * to its end has to be it. */
static bool guess_fp(struct gor__window *window, struct gor__registers *r)
{
    for (int i = 0; i < GUESS_WORDS; i++) {
        uintptr_t at = r->sp + (uintptr_t)i * WORD;
        uintptr_t next = 0;
        if (!gor__window_word(window, at, &next)) {
            return false;
        }
        /* That of the first function leads to nothing. */
        bool may_be = next == 0 || (next > at && next < window->top);
        if (may_be && leads_to_end(window, at)) {
            r->fp = at;
            r->fp_is_known = true;
            return true;
        }
    }
    return false;
}

/* The caller, by frame pointers; an innermost function without a frame of its own is passed over. */
static bool step_by_pointer(struct gor__window *window, struct gor__registers *r)
{
    uintptr_t fp = 0;
    uintptr_t pc = 0;
    if ((!r->fp_is_known && !guess_fp(window, r)) || r->fp < r->sp ||
        !read_record(window, r->fp, &fp, &pc)) {
        return false;
    }
    r->sp = r->fp + 2 * WORD;
    r->fp = fp;
    r->pc = pc;
    return true;
}

static bool step_by_row(struct gor__window *window, const struct gor__cfi_row *row,
                        struct gor__registers *r)
{
    uintptr_t pc = r->lr;
    if (row->from_fp && !r->fp_is_known && !guess_fp(window, r)) {
        return false;
    }
    uintptr_t frame = (row->from_fp ? r->fp : r->sp) + (uintptr_t)(intptr_t)row->offset;
    /* It may only lead upwards. */
    if (frame < r->sp || frame > window->top) {
        return false;
    }
    if (row->ra == GOR__CFI_SAVED &&
        !gor__window_word(window, frame + (uintptr_t)(intptr_t)row->ra_offset, &pc)) {
        return false;
    }
    if (row->ra == GOR__CFI_UNKNOWN || (row->ra == GOR__CFI_SAME && !r->pc_is_exact)) {
        return false;
    }
    if (row->fp == GOR__CFI_SAVED) {
        uintptr_t at = frame + (uintptr_t)(intptr_t)row->fp_offset;
        r->fp_is_known = gor__window_word(window, at, &r->fp);
    } else if (row->fp == GOR__CFI_UNKNOWN) {
        r->fp_is_known = false;
    }
    r->sp = frame;
    r->pc = pc;
    return true;
}

/* Go on to the caller; false: there is none that can be found. */
static bool step(struct gor__window *window, struct gor__registers *r)
{
    struct gor__cfi_row row;
    uintptr_t sp = r->sp;
    bool exact = r->pc_is_exact;
    enum gor__symbol_step how = gor__symbol_step(r->pc - (r->pc_is_exact ? 0 : 1), &row);
    bool found = how == GOR__STEP_ROW ? step_by_row(window, &row, r) : step_by_pointer(window, r);
    r->pc = gor__plain_address(r->pc);
    r->pc_is_exact = false;
    /* A function that was entered just now may leave the stack pointer where it is; callers go up, or a stack
     * that is damaged would lead in a circle. */
    return found && r->pc != 0 && (exact ? r->sp >= sp : r->sp > sp);
}

enum gor_frames_end gor__unwind_each(struct gor__window *window,
                                     const struct gor__registers *registers,
                                     bool (*visit)(void *arg, const void *frame), void *arg)
{
    struct gor__registers r = *registers;
    const void *held = NULL; /* the last one, which may be gor__entry_c's */
    if (r.pc == 0) {
        return GOR_FRAMES_WHOLE;
    }
    do {
        if (is_entry(r.pc)) {
            return GOR_FRAMES_WHOLE;
        }
        if (held != NULL && !visit(arg, held)) {
            return GOR_FRAMES_CUT;
        }
        held = (const void *)(r.pc + (r.pc_is_exact ? 1 : 0));
    } while (step(window, &r));
    if (!visit(arg, held)) {
        return GOR_FRAMES_CUT;
    }
    /* What a goroutine is given to panic on begins with a call from nowhere: see redirect.h. */
    bool from_nowhere = r.pc == 0 && r.sp <= window->top && window->top - r.sp <= BEGIN_BYTES;
    return from_nowhere ? GOR_FRAMES_WHOLE : GOR_FRAMES_LOST;
}

struct list {
    const void **frames;
    unsigned count;
    unsigned room;
};

static bool enlist(void *arg, const void *frame)
{
    struct list *list = arg;
    if (list->count == list->room) {
        return false;
    }
    list->frames[list->count++] = frame;
    return true;
}

unsigned gor__unwind(struct gor__window *window, const struct gor__registers *registers,
                     const void **frames, unsigned room, enum gor_frames_end *out_end)
{
    struct list list = {frames, 0, room};
    *out_end = gor__unwind_each(window, registers, enlist, &list);
    return list.count;
}
