/* SPDX-License-Identifier: MIT */
/* symbol.h - from an address of code to function, file and line.
 *
 * Functions come from the symbol tables of the files the process has mapped (static ones too, if the
 * file was not stripped), lines and inlined functions from DWARF, in the file itself or in its separate
 * debug file: $GOR_DEBUG_PATH or /usr/lib/debug by build id, or what .gnu_debuglink names, where gdb
 * looks too. Compressed sections are not read. Everything is looked for when it is first needed, and
 * answers are kept, so that asking a second time costs a look into a table.
 *
 * What is mapped is read from /proc/self/maps, and no memory comes from malloc: so none of the locks
 * of the loader and of malloc is needed, which a thread may hold that a debugger has halted, or that
 * was stopped for having computed too long.
 *
 * Threads     any, outside the door: files are read. One at a time, by a lock of its own.
 * Ownership   texts that are answered stay until the process ends.
 */
#ifndef GOR_DEBUG_SYMBOL_H
#define GOR_DEBUG_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/cfi.h"

enum { GOR__SYMBOL_FRAMES = 16 };

struct gor__symbol {
    const char *function; /* NULL: unknown */
    const char *file;     /* NULL: unknown */
    unsigned line;        /* 0: unknown */
    uintptr_t start; /* of the function whose code it is, though another was inlined; 0: unknown */
    bool inlined;    /* `function` has been inlined into that of the next frame */
    const char *module;  /* the mapped file; NULL: none */
    uintptr_t in_module; /* the address as that file counts them, which is what addr2line takes */
};

/* What the code at `pc` is. For a return address ask for the byte before it, or the answer may be what
 * follows the call. Only the innermost function is answered. False: nothing is mapped there. */
bool gor__symbol_find(const void *pc, struct gor__symbol *out_symbol);

/* The same with all functions whose code it is, the innermost first, the last one not inlined. Answers
 * how many, at most `room`; 0: nothing is mapped there. */
unsigned gor__symbol_frames(const void *pc, struct gor__symbol *out_symbols, unsigned room);

/* How to get from `pc` to the caller of its function. */
enum gor__symbol_step {
    GOR__STEP_NO_CODE, /* nothing is mapped there as code */
    GOR__STEP_NO_ROW,  /* nobody tells */
    GOR__STEP_ROW,
};
enum gor__symbol_step gor__symbol_step(uintptr_t pc, struct gor__cfi_row *out_row);

/* Look again at what is mapped: before a series of questions, since libraries come and go, and answers
 * about what was there before are kept. */
void gor__symbol_refresh(void);

/* Where all that is kept of answers lies: nothing in it leads to anything but code, but between its fields
 * are bytes that were on somebody's stack. Others may stand still meanwhile. */
void gor__symbol_memory(void (*visit)(void *arg, const void *memory, size_t bytes), void *arg);

/* For who must not wait, for whoever holds the lock may never give it back: until the matching _end,
 * the calling thread's questions go to tables of their own. One thread at a time of each kind. */
enum gor__symbol_loner {
    GOR__LONER_SIGNAL,   /* the thread that dumps on a signal */
    GOR__LONER_DYING,    /* one that ends the process, whatever it holds */
    GOR__LONER_DEBUGGER, /* a call from a debugger, on any thread, also on those */
    GOR__LONERS,
};
void gor__symbol_begin_alone(enum gor__symbol_loner loner);
void gor__symbol_end_alone(enum gor__symbol_loner loner);

#endif
