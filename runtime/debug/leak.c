/* SPDX-License-Identifier: MIT */
/* leak.c - goroutines that have leaked, for those who ask. */
#include "runtime/debug/leak.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/debug/dump.h"
#include "runtime/debug/leak_scan.h"
#include "runtime/debug/look.h"
#include "runtime/debug/stream.h"

/* ---- who is excused */

struct excuse {
    void (*fn)(void *arg); /* NULL: any */
    bool named;
    char name[GOR_NAME_BYTES];
    struct excuse *next;
};

static struct {
    struct gor__mutex lock;
    struct excuse *first; /* owned; only grows, so that it is read without the lock */
} excused;

int gor_leak_ignore(void (*fn)(void *arg), const char *name)
{
    if (fn == NULL && name == NULL) {
        return -EINVAL;
    }
    struct excuse *excuse = calloc(1, sizeof *excuse);
    if (excuse == NULL) {
        return -ENOMEM;
    }
    excuse->fn = fn;
    excuse->named = name != NULL;
    if (name != NULL) {
        /* As names are kept: cut. */
        strncpy(excuse->name, name, sizeof excuse->name - 1);
    }
    gor__mutex_lock(&excused.lock);
    excuse->next = excused.first;
    __atomic_store_n(&excused.first, excuse, __ATOMIC_RELEASE);
    gor__mutex_unlock(&excused.lock);
    return 0;
}

bool gor__leak_is_ignored(const struct gor_info *info)
{
    const struct excuse *excuse = __atomic_load_n(&excused.first, __ATOMIC_ACQUIRE);
    for (; excuse != NULL; excuse = excuse->next) {
        if ((excuse->fn == NULL || excuse->fn == info->fn) &&
            (!excuse->named || strcmp(excuse->name, info->name) == 0)) {
            return true;
        }
    }
    return false;
}

/* ---- why */

#define NOBODY_KNOWS "nothing that can still run refers to "

const char *gor__leak_why(enum gor_wait_reason reason)
{
    static const char *const whys[GOR_WAIT_COUNT] = {
        [GOR_WAIT_CHAN_SEND] = NOBODY_KNOWS "the channel it sends on",
        [GOR_WAIT_CHAN_RECV] = NOBODY_KNOWS "the channel it receives from",
        [GOR_WAIT_CHAN_SEND_NIL] = "a send on a NULL channel waits for ever",
        [GOR_WAIT_CHAN_RECV_NIL] = "a receive from a NULL channel waits for ever",
        [GOR_WAIT_SELECT] = NOBODY_KNOWS "any of the channels it selects from",
        [GOR_WAIT_SELECT_EMPTY] = "a select without a channel waits for ever",
        [GOR_WAIT_SLEEP] = NOBODY_KNOWS "the context whose end it waits for",
        [GOR_WAIT_MUTEX] = NOBODY_KNOWS "the mutex it waits to lock",
        [GOR_WAIT_RWMUTEX_READ] = NOBODY_KNOWS "the lock it waits to read under",
        [GOR_WAIT_RWMUTEX_WRITE] = NOBODY_KNOWS "the lock it waits to write under",
        [GOR_WAIT_WAITGROUP] = NOBODY_KNOWS "the wait group it waits for",
        [GOR_WAIT_COND] = NOBODY_KNOWS "the condition it waits for",
        [GOR_WAIT_ONCE] = NOBODY_KNOWS "the once it waits for, nor can who does it go on",
        [GOR_WAIT_SEMAPHORE] = NOBODY_KNOWS "the semaphore it waits for",
        [GOR_WAIT_SPAWN] = NOBODY_KNOWS "the quota it waits for a place in",
    };
    const char *why = (unsigned)reason < GOR_WAIT_COUNT ? whys[reason] : NULL;
    return why != NULL ? why : "nothing can wake it";
}

/* ---- those who ask */

/* How a scan that could not see everything is answered. */
static int error_of(const struct gor__leak_scan *scan)
{
    return scan->complete ? 0 : scan->halt_error;
}

static bool told(const struct gor__leak_finding *finding, bool with_frames,
                 struct gor_info *out_info)
{
    return finding->leaked && gor__look(finding->g, with_frames, out_info) &&
           out_info->id == finding->id && !gor__leak_is_ignored(out_info);
}

static __attribute__((noinline)) int check(int (*visit)(void *arg, const struct gor_leak *leak),
                                           void *arg)
{
    struct gor__leak_scan scan;
    int leaked = 0;
    bool enough = visit == NULL;
    int error = gor__leak_scan(&scan, GOR__LEAK_STACK());
    if (error < 0) {
        return error;
    }
    for (size_t i = 0; i < scan.count; i++) {
        struct gor_leak leak;
        if (told(&scan.list[i], !enough, &leak.info)) {
            leaked++;
            leak.why = gor__leak_why(leak.info.reason);
            enough = enough || visit(arg, &leak) != 0;
        }
    }
    error = error_of(&scan);
    gor__leak_scan_close(&scan);
    return error < 0 ? error : leaked;
}

int gor_leak_check(int (*visit)(void *arg, const struct gor_leak *leak), void *arg)
{
    int leaked;
    GOR__LEAK_CALL(leaked = check(visit, arg), arg);
    return leaked;
}

/* ---- as text */

static int by_id(const void *a, const void *b)
{
    const struct gor__leak_finding *one = a;
    const struct gor__leak_finding *other = b;
    return one->id < other->id ? -1 : one->id > other->id;
}

/* Keep the told ones only: their number. */
static size_t keep_told(struct gor__leak_scan *scan)
{
    size_t kept = 0;
    for (size_t i = 0; i < scan->count; i++) {
        struct gor_info info;
        if (told(&scan->list[i], false, &info)) {
            scan->list[kept++] = scan->list[i];
        }
    }
    scan->count = kept;
    qsort(scan->list, kept, sizeof *scan->list, by_id);
    return kept;
}

static bool picks(void *arg, gor_id_t id)
{
    const struct gor__leak_scan *scan = arg;
    const struct gor__leak_finding key = {.id = id};
    return bsearch(&key, scan->list, scan->count, sizeof key, by_id) != NULL;
}

static void say_cannot_tell(struct gor__text *text, int error)
{
    const char *name = strerrorname_np(-error);
    gor__text_put(text, "gor: cannot tell which goroutines have leaked: ");
    switch (-error) {
    case ESRCH:
        gor__text_put(text, "the runtime does not run\n");
        break;
    case EPERM:
        gor__text_put(text,
                      "threads are at work in code that is not libgor's, and what they refer to "
                      "cannot be seen, for ptrace is not allowed here (or a debugger uses it); let "
                      "it be: kernel.yama.ptrace_scope below 2, and in a container the capability "
                      "SYS_PTRACE or a seccomp profile with ptrace\n");
        break;
    case ETIMEDOUT:
        gor__text_put(text, "a thread could not be stopped within a second; try again later\n");
        break;
    case ENOSYS:
        gor__text_put(text, "memory cannot be looked at under an emulator or valgrind; run it "
                            "without\n");
        break;
    default:
        gor__text_format(text, "%s (%s)\n", strerrordesc_np(-error), name != NULL ? name : "?");
        break;
    }
}

static int dump(struct gor__text *text, struct gor__leak_scan *scan)
{
    static const struct gor_dump_opts merged = {.merged = true, .no_running = true};
    const struct gor__dump_pick pick = {picks, gor__leak_why, scan};
    size_t leaked = keep_told(scan);
    if (leaked == 0) {
        return 0;
    }
    gor__text_format(text, "gor: %zu goroutine%s leaked, and will never run again:\n\n", leaked,
                     leaked == 1 ? " has" : "s have");
    int error = gor__dump_picked(text, &merged, &pick);
    return error < 0 ? error : (int)leaked;
}

int gor__leak_dump(struct gor__text *text, uintptr_t stack)
{
    struct gor__leak_scan scan;
    int result = gor__leak_scan(&scan, stack);
    result = result < 0 ? result : error_of(&scan);
    if (result < 0) {
        say_cannot_tell(text, result);
    } else {
        result = dump(text, &scan);
    }
    gor__leak_scan_close(&scan);
    int error = gor__text_end(text);
    return error < 0 ? error : result;
}

static __attribute__((noinline)) int dump_to(FILE *out)
{
    struct gor__text text;
    gor__text_init(&text, gor__stream_write, out);
    int result = gor__leak_dump(&text, GOR__LEAK_STACK());
    int failed = gor__stream_end(out);
    return failed != 0 ? failed : result;
}

int gor_leak_dump(FILE *out)
{
    int leaked;
    GOR__LEAK_CALL(leaked = dump_to(out), out);
    return leaked;
}
