/* SPDX-License-Identifier: MIT */
/* dump.h - goroutines as text. */
#ifndef GOR_DEBUG_DUMP_H
#define GOR_DEBUG_DUMP_H

#include "runtime/debug/text.h"
#include "runtime/gor.h"

/* A dump, to `text`, which is ended. `may_wait`: else no lock is waited for, and none of the tables of
 * others used: for whom a debugger calls, with all other threads halted. 0, the answer of the text's
 * `write`, -ENOMEM, or -ECANCELED: the runtime stops, and waits for the caller. Outside the door. */
int gor__dump(struct gor__text *text, const struct gor_dump_opts *opts, bool may_wait);

/* The same, of all but that one. */
int gor__dump_others(struct gor__text *text, gor_id_t but, bool may_wait);

/* Which goroutines a dump shows, and what it says of each beside its stack. */
struct gor__dump_pick {
    bool (*picks)(void *arg, gor_id_t id);
    const char *(*note)(enum gor_wait_reason reason);
    void *arg;
};

/* The same, of those that are picked and that `opts` say. Outside the door. */
int gor__dump_picked(struct gor__text *text, const struct gor_dump_opts *opts,
                     const struct gor__dump_pick *pick);

/* A text's `write`: to the descriptor *arg, which waits for whoever reads there. */
int gor__dump_write_to_fd(void *arg, const char *text, size_t bytes);

/* How many frames are left out at the inner end. *out_start is where the function of the library begins
 * that is shown then, or 0: stacks that wait in different places of it are alike to whoever called it. */
unsigned gor__dump_inner(const void *const *frames, unsigned count, uintptr_t *out_start);

/* Said of a stack that cannot be followed to its end. */
#define GOR__NO_WAY_ON "...no way on from here: no unwind tables, no frame pointers...\n"

/* One stack: its frames, and what is to be said about their end. The innermost frames, down to the
 * function of the library that was called, are left out: they are the runtime's own business. If that has
 * made way for one of them, what is waited for tells which it was. */
void gor__dump_frames(struct gor__text *text, const struct gor_info *info);

/* "function(...)" and the place in the next line. `tail` stands behind the function. `is_return`: the
 * address lies behind the call that is meant. */
void gor__dump_place(struct gor__text *text, const char *head, uintptr_t address, bool is_return,
                     const char *tail);

#endif
