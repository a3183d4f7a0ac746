/* SPDX-License-Identifier: MIT */
/* trim.c - see trim.h. The public function most often ends by a jump to one that goes on for it, and so
 * is not on the stack: what is waited for tells which it was. */
#include "runtime/debug/trim.h"

#include <string.h>

#include "runtime/debug/symbol.h"

enum { INNER_FRAMES_MAX = 10 /* of the library's own, below a public function */ };

typedef void any_function(void);

/* By what is waited for; NULL: by one of several. */
static any_function *const public_functions[GOR__TRIM_KINDS][GOR_WAIT_COUNT] = {
    [GOR__TRIM_UNLOCKERS] =
        {
            [GOR_WAIT_MUTEX] = (any_function *)gor_mutex_unlock,
            [GOR_WAIT_RWMUTEX_READ] = (any_function *)gor_rwmutex_runlock,
            [GOR_WAIT_RWMUTEX_WRITE] = (any_function *)gor_rwmutex_unlock,
        },
    [GOR__TRIM_WAITERS] =
        {
            [GOR_WAIT_CHAN_SEND] = (any_function *)gor_chan_send,
            [GOR_WAIT_CHAN_RECV] = (any_function *)gor_chan_recv,
            [GOR_WAIT_CHAN_SEND_NIL] = (any_function *)gor_chan_send,
            [GOR_WAIT_CHAN_RECV_NIL] = (any_function *)gor_chan_recv,
            [GOR_WAIT_SELECT] = (any_function *)gor_select,
            [GOR_WAIT_SELECT_EMPTY] = (any_function *)gor_select,
            [GOR_WAIT_SLEEP] = (any_function *)gor_sleep,
            [GOR_WAIT_PROCESS] = (any_function *)gor_wait_pid,
            [GOR_WAIT_MUTEX] = (any_function *)gor_mutex_lock,
            [GOR_WAIT_RWMUTEX_READ] = (any_function *)gor_rwmutex_rlock,
            [GOR_WAIT_RWMUTEX_WRITE] = (any_function *)gor_rwmutex_lock,
            [GOR_WAIT_WAITGROUP] = (any_function *)gor_waitgroup_wait,
            [GOR_WAIT_COND] = (any_function *)gor_cond_wait,
            [GOR_WAIT_ONCE] = (any_function *)gor_once_do,
            [GOR_WAIT_SEMAPHORE] = (any_function *)gor_sem_acquire,
            [GOR_WAIT_BLOCKING] = (any_function *)gor_blocking,
        },
};

/* A function of gor.h. */
static bool is_public(const struct gor__symbol *symbol)
{
    return strncmp(symbol->function, "gor_", 4) == 0 && symbol->function[4] != '_';
}

/* Code of this library: by its name, or by where it was compiled. */
static bool is_ours(const struct gor__symbol *symbol)
{
    static const char here[] = __FILE__;
    size_t length = sizeof here - sizeof "debug/trim.c";
    return strncmp(symbol->function, "gor_", 4) == 0 ||
           (symbol->file != NULL && strncmp(symbol->file, here, length) == 0);
}

/* The function whose code is at `address`: others may have been inlined there. */
static bool find_whole(uintptr_t address, struct gor__symbol *out_symbol)
{
    struct gor__symbol symbols[GOR__SYMBOL_FRAMES];
    unsigned count = gor__symbol_frames((const void *)address, symbols, GOR__SYMBOL_FRAMES);
    if (count == 0 || symbols[count - 1].function == NULL) {
        return false;
    }
    *out_symbol = symbols[count - 1];
    return true;
}

uintptr_t gor__trim_public(enum gor__trim kind, enum gor_wait_reason reason)
{
    return (uintptr_t)public_functions[kind][reason];
}

struct cut {
    unsigned frames;  /* left out */
    uintptr_t public; /* stands for the last one of them; 0: nothing is left out */
};

static struct cut find_cut(const struct gor__sample_key *key, enum gor__trim kind)
{
    struct cut cut = {0, 0};
    for (unsigned i = 0; i < key->frame_count && i < INNER_FRAMES_MAX; i++) {
        struct gor__symbol symbol;
        if (!find_whole(key->frames[i], &symbol)) {
            continue;
        }
        if (is_public(&symbol)) {
            return (struct cut){i + 1, symbol.start != 0 ? symbol.start : key->frames[i]};
        }
        if (is_ours(&symbol)) {
            uintptr_t public = gor__trim_public(kind, (enum gor_wait_reason)key->reason);
            cut = (struct cut){i + 1, public != 0 ? public : key->frames[i]};
        } else if (cut.frames > 0 || key->reason == GOR_WAIT_NONE) {
            /* One that does not wait may well be in a function of the program's, which a public one calls. */
            break;
        }
    }
    return cut;
}

bool gor__samples_trim(struct gor__samples *samples, const struct gor__samples *from,
                       enum gor__trim kind)
{
    bool done = true;
    gor__symbol_refresh();
    for (size_t i = 0; i < from->keys.count && done; i++) {
        const struct gor__sample_key *whole = from->keys.keys[i].bytes;
        struct gor__sample_key key;
        struct cut cut = find_cut(whole, kind);
        memcpy(&key, whole, offsetof(struct gor__sample_key, frames));
        key.frame_count = 0;
        if (cut.public != 0) {
            key.is_first_whole = 1;
            key.frames[key.frame_count++] = cut.public;
        }
        for (unsigned k = cut.frames; k < whole->frame_count; k++) {
            key.frames[key.frame_count++] = whole->frames[k];
        }
        done = gor__samples_add(samples, &key, (const char *)&whole->frames[whole->frame_count],
                                from->values[i]);
    }
    return done;
}
