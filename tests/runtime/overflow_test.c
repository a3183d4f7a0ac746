/* SPDX-License-Identifier: MIT */
/* overflow_test.c - a goroutine that uses up its stack panics: its deferred calls find what they are about,
 * its handler is told, and nobody else notices. Where that could do harm, the process ends. */
#include <stdlib.h>

#include "runtime/sched/goroutine.h"
#include "runtime/sched/machine.h"
#include "tests/runtime/help.h"
#include "tests/runtime/recurse.h"
#include "tests/runtime/said.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIPPED (test_skip("under the sanitizers an overflow ends the process"), true)
#else
#define SKIPPED false
#endif

enum { SMALL = 65536, ROUNDS = 200 };

struct fall {
    struct gor_waitgroup *wg;
    bool locked; /* to its thread */
    bool with_text;
    int shift; /* bytes of stack that it begins with */
    int deferred;
    char message[256];
    char text[32768]; /* of gor_panic_dump */
};

static void note_panic(void *arg, const char *message)
{
    struct fall *fall = arg;
    (void)snprintf(fall->message, sizeof fall->message, "%s", message);
    if (fall->with_text) {
        FILE *out = fmemopen(fall->text, sizeof fall->text, "w");
        CHECK_EQ(gor_panic_dump(out), 0);
        CHECK_EQ(fclose(out), 0);
    }
    /* A handler may wait. */
    CHECK_EQ(gor_sleep(GOR_MICROSECOND), 0);
    gor_waitgroup_done(fall->wg);
}

/* What it finds lies in a frame of the stack that is used up. */
static void note_deferred(void *arg)
{
    const char *const *word = arg;
    CHECK_STR(word[0], "kept");
    gor_yield();
    CHECK_STR(word[0], "kept");
    ((struct fall *)(uintptr_t)word[1])->deferred++;
}

static void fall_down(void *arg)
{
    struct fall *fall = arg;
    const char *words[2] = {"kept", (const char *)arg};
    struct gor_defer defer;
    gor_on_panic(note_panic, fall);
    gor_defer(&defer, note_deferred, words);
    if (fall->locked) {
        gor_lock_os_thread();
    }
    (void)recurse_without_end(0, NULL);
    CHECK(false);
}

static const struct gor_go_opts opts = {.name = "deep-diver", .stack_bytes = SMALL};

GO_TEST(overflow_ends_its_goroutine_only)
{
    struct gor_waitgroup wg = {0};
    struct fall fall = {.wg = &wg, .with_text = true};
    if (SKIPPED) {
        return;
    }
    gor_waitgroup_add(&wg, 1);
    CHECK_EQ(gor_go_with(&opts, fall_down, &fall), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(fall.deferred, 1);
    CHECK(strstr(fall.message, "stack overflow") != NULL);
    CHECK(strstr(fall.message, "deep-diver") != NULL);
    CHECK(strstr(fall.message, "64 KiB") != NULL || strstr(fall.message, "128 KiB") != NULL);
    CHECK(strstr(fall.message, "stack_bytes") != NULL);
    CHECK(strstr(fall.text, "recurse_without_end") != NULL);
    CHECK(strstr(fall.text, " times\n") != NULL);
    CHECK(strstr(fall.text, "fall_down") != NULL);
    CHECK(strstr(fall.text, "elided") == NULL);
    await_alone();
}

/* Stacks and rescue stacks are used again, by those who do not overflow as well. */
static void fall_often(bool locked)
{
    struct gor_waitgroup wg = {0};
    struct fall *falls = calloc(ROUNDS, sizeof *falls);
    int rounds = locked ? ROUNDS / 10 : ROUNDS;
    gor_waitgroup_add(&wg, rounds);
    for (int i = 0; i < rounds; i++) {
        falls[i].wg = &wg;
        falls[i].locked = locked;
        CHECK_EQ(gor_go_with(&opts, fall_down, &falls[i]), 0);
        if (i % 16 == 0) {
            gor_yield();
        }
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < rounds; i++) {
        CHECK_EQ(falls[i].deferred, 1);
        CHECK(strstr(falls[i].message, "deep-diver") != NULL);
    }
    free(falls);
    await_alone();
}

GO_TEST(overflow_of_many_at_a_time)
{
    if (!SKIPPED) {
        fall_often(false);
        fall_often(false);
    }
}

GO_TEST(overflow_of_who_is_locked_to_a_thread)
{
    if (!SKIPPED) {
        fall_often(true);
    }
}

static void start_child(void *arg)
{
    gor_on_panic(note_panic, arg);
    CHECK_EQ(gor_go_with(&opts, fall_down, arg), 0);
}

GO_TEST(overflow_goes_to_the_handler_of_who_started_it)
{
    struct gor_waitgroup wg = {0};
    struct fall fall = {.wg = &wg};
    if (SKIPPED) {
        return;
    }
    gor_waitgroup_add(&wg, 1);
    spawn(start_child, &fall);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(fall.deferred, 1);
    await_alone();
}

/* ---- where it does no harm */

enum { NEED = 16384 };
static struct gor_mutex needed;

/* Small steps, and much stack for each call, within the C library and this one, under a lock. */
__attribute__((noinline)) static int lock_without_end(int depth)
{
    char text[32];
    gor_stack_need(NEED);
    gor_mutex_lock(&needed);
    (void)snprintf(text, sizeof text, "%d %s %g", depth, "deep", 0.5);
    gor_mutex_unlock(&needed);
    return depth < deepest ? lock_without_end(depth + 1) + text[0] : 0;
}

static void fall_in_need(void *arg)
{
    struct fall *fall = arg;
    const char *words[2] = {"kept", (const char *)arg};
    struct gor_defer defer;
    volatile char *above = __builtin_alloca((size_t)fall->shift + 1);
    above[0] = 0;
    gor_on_panic(note_panic, fall);
    gor_defer(&defer, note_deferred, words);
    (void)lock_without_end(0);
    CHECK(false);
}

GO_TEST(overflow_of_who_needs_more_than_is_left_comes_before_its_lock)
{
    for (int shift = 0; shift < 1024 && !SKIPPED; shift += 64) {
        struct gor_waitgroup wg = {0};
        struct fall fall = {.wg = &wg, .with_text = true, .shift = shift};
        gor_waitgroup_add(&wg, 1);
        CHECK_EQ(gor_go_with(&opts, fall_in_need, &fall), 0);
        gor_waitgroup_wait(&wg);
        CHECK_EQ(fall.deferred, 1);
        CHECK(strstr(fall.message, "stack overflow") != NULL);
        CHECK(strstr(fall.text, "gor_stack_need") != NULL);
        CHECK(strstr(fall.text, "lock_without_end") != NULL);
        CHECK_EQ(gor_mutex_try_lock(&needed), 0);
        gor_mutex_unlock(&needed);
    }
    await_alone();
}

static void need_more(void *arg)
{
    (void)arg;
    gor_stack_need(SMALL);
}

static void panic_and_fall(void *arg)
{
    struct gor_defer defer;
    gor_on_panic(note_panic, arg);
    gor_defer(&defer, need_more, NULL);
    gor_panic("on purpose");
}

GO_TEST(overflow_in_a_panic_tells_of_both)
{
    if (!SKIPPED) {
        struct gor_waitgroup wg = {0};
        struct fall fall = {.wg = &wg, .with_text = true};
        gor_waitgroup_add(&wg, 1);
        CHECK_EQ(gor_go_with(&opts, panic_and_fall, &fall), 0);
        gor_waitgroup_wait(&wg);
        CHECK(strstr(fall.message, "stack overflow") != NULL);
        CHECK(strstr(fall.message, "in a panic: on purpose;") != NULL);
        CHECK(strstr(fall.text, "panic_and_fall") != NULL);
        await_alone();
    }
}

GO_TEST(overflow_comes_to_nobody_who_has_what_it_needs)
{
    gor_stack_need(0);
    gor_stack_need(SMALL - NEED);
}

TEST(overflow_comes_to_no_thread)
{
    gor_stack_need(SIZE_MAX);
}

/* ---- in code that uses the frame pointer for what it likes */

static char *somewhere_in_guard(void)
{
    return gor__stack_low(gor__g_self()->stack) + 64;
}

static void fall_with_frame_in_guard(void *arg)
{
    gor_on_panic(note_panic, arg);
#if defined(__x86_64__)
    __asm__ volatile("mov %0, %%rbp\n\tmovb $0, (%0)" ::"r"(somewhere_in_guard()) : "memory");
#else
    __asm__ volatile("mov x29, %0\n\tstrb wzr, [%0]" ::"r"(somewhere_in_guard()) : "memory");
#endif
    abort();
}

static void panic_with_frame_in_guard(void *arg)
{
    gor_on_panic(note_panic, arg);
#if defined(__x86_64__)
    __asm__ volatile("mov %0, %%rbp\n\tand $-16, %%rsp\n\txor %%eax, %%eax\n\tcall *%2" ::"r"(
                         somewhere_in_guard()),
                     "D"("on purpose"), "r"(gor_panic)
                     : "memory");
#else
    gor_panic("on purpose");
#endif
    abort();
}

static void check_is_told(void (*fn)(void *arg), const char *words)
{
    struct gor_waitgroup wg = {0};
    struct fall fall = {.wg = &wg, .with_text = true};
    gor_waitgroup_add(&wg, 1);
    spawn(fn, &fall);
    gor_waitgroup_wait(&wg);
    CHECK(strstr(fall.message, words) != NULL);
    CHECK(strstr(fall.text, "with_frame_in_guard") != NULL);
    await_alone();
}

GO_TEST(overflow_with_a_frame_pointer_into_the_guard)
{
    if (!SKIPPED) {
        check_is_told(fall_with_frame_in_guard, "stack overflow");
    }
}

GO_TEST(panic_with_a_frame_pointer_into_the_guard)
{
    if (!SKIPPED) {
        check_is_told(panic_with_frame_in_guard, "on purpose");
    }
}

/* ---- a panic without an overflow is shown likewise */

__attribute__((noinline)) static void panic_deep_down(int depth)
{
    volatile int below = depth;
    if (depth > 0) {
        panic_deep_down(depth - 1);
        below++;
    } else if (deepest > 0) {
        gor_panic("on purpose");
    }
}

static void panic_plainly(void *arg)
{
    gor_on_panic(note_panic, arg);
    panic_deep_down(3);
}

GO_TEST(panic_is_shown_with_its_frames)
{
    struct gor_waitgroup wg = {0};
    struct fall fall = {.wg = &wg, .with_text = true};
    CHECK_EQ(gor_panic_dump(stdout), -EPERM);
    gor_waitgroup_add(&wg, 1);
    spawn(panic_plainly, &fall);
    gor_waitgroup_wait(&wg);
    CHECK_STR(fall.message, "on purpose");
    CHECK(strstr(fall.text, "panic_deep_down") != NULL);
    await_alone();
}

/* Code as other compilers and other flags make it. */
#if defined(__clang__)
#define FRAMELESS __attribute__((noinline))
#else
#define FRAMELESS __attribute__((noinline, noclone, optimize("O2", "omit-frame-pointer")))
#endif

FRAMELESS static int panic_frameless(int depth)
{
    if (deepest > 0) {
        gor_panic("at %d", depth);
    }
    return depth;
}

FRAMELESS static int call_frameless(int depth)
{
    return panic_frameless(depth + 1) + 1;
}

FRAMELESS static int begin_frameless(int depth)
{
    return call_frameless(depth + 1) + 1;
}

static void panic_without_frame_pointers(void *arg)
{
    gor_on_panic(note_panic, arg);
    deepest -= begin_frameless(0);
}

/* `words` come in that order, from innermost to outermost. */
static void check_order(const char *text, const char *words[])
{
    const char *at = text;
    for (int i = 0; words[i] != NULL; i++) {
        at = strstr(at, words[i]);
        if (at == NULL) {
            test_fail(__FILE__, __LINE__, "no \"%s\" there in: %s", words[i], text);
        }
    }
}

GO_TEST(panic_in_code_without_frame_pointers_is_shown_whole)
{
    struct gor_waitgroup wg = {0};
    struct fall fall = {.wg = &wg, .with_text = true};
    gor_waitgroup_add(&wg, 1);
    spawn(panic_without_frame_pointers, &fall);
    gor_waitgroup_wait(&wg);
    check_order(fall.text, (const char *[]){"panic_frameless", "call_frameless", "begin_frameless",
                                            "panic_without_frame_pointers", NULL});
    CHECK(strstr(fall.text, "no way on") == NULL);
    await_alone();
}

enum { PAIRS = 100 };
static int ping(int depth);

__attribute__((noinline)) static int pong(int depth)
{
    return ping(depth - 1) + (depth < deepest);
}

__attribute__((noinline)) static int ping(int depth)
{
    if (depth == 0) {
        gor_panic("at the bottom");
    }
    return pong(depth) + (depth < deepest);
}

static void play_ping_pong(void *arg)
{
    gor_on_panic(note_panic, arg);
    deepest -= ping(PAIRS);
}

/* 2 * PAIRS + 1 frames, and who called, of which 50 are shown at either end. */
GO_TEST(panic_deep_down_is_shown_at_both_ends)
{
    struct gor_waitgroup wg = {0};
    struct fall *fall = calloc(1, sizeof *fall);
    char elided[64];
    const struct gor_go_opts deep = {.stack_bytes = 1 << 20};
    fall->wg = &wg;
    fall->with_text = true;
    gor_waitgroup_add(&wg, 1);
    CHECK_EQ(gor_go_with(&deep, play_ping_pong, fall), 0);
    gor_waitgroup_wait(&wg);
    (void)snprintf(elided, sizeof elided, "...%d frames elided...\n", 2 * PAIRS + 2 - 100);
    check_order(fall->text,
                (const char *[]){"ping", "pong", elided, "pong", "ping", "play_ping_pong", NULL});
    free(fall);
    await_alone();
}

TEST(panic_dump_wants_a_goroutine)
{
    CHECK_EQ(gor_panic_dump(stdout), -EPERM);
}

/* ---- and where the process must end */

static void check_dies_saying(int (*root)(void *arg), const char *words[])
{
    static char said[16384];
    int status = status_of_root(root, NULL, said, sizeof said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
        test_fail(__FILE__, __LINE__, "status %#x, said: %s", status, said);
    }
    for (int i = 0; words[i] != NULL; i++) {
        bool wanted = words[i][0] != '!';
        if ((strstr(said, words[i] + !wanted) != NULL) != wanted) {
            test_fail(__FILE__, __LINE__, "\"%s\" is not so in: %s", words[i], said);
        }
    }
}

static void ignore_panic(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static int overflow_unhandled(void *arg)
{
    (void)arg;
    return recurse_without_end(0, NULL);
}

TEST(overflow_without_a_handler_ends_the_process_with_frames)
{
    if (!SKIPPED) {
        check_dies_saying(overflow_unhandled,
                          (const char *[]){"stack overflow", "main", "KiB", "stack_bytes",
                                           "recurse_without_end", " times\n", NULL});
    }
}

static void wait_for_good(void *arg)
{
    (void)arg;
    (void)gor_sleep(GOR_NEVER);
}

static int panic_among_others(void *arg)
{
    const struct gor_go_opts named = {.name = "bystander"};
    CHECK_EQ(gor_go_with(&named, wait_for_good, arg), 0);
    gor_yield();
    gor_panic("on purpose");
}

static const char *find_after(const char *text, const char *words)
{
    const char *at = strstr(text, words);
    return at != NULL ? at + strlen(words) : NULL;
}

TEST(panic_is_reported_once_and_then_all_others)
{
    static char said[16384];
    (void)status_of_root(panic_among_others, NULL, said, sizeof said);
    const char *once = find_after(said, " main [running]");
    if (once == NULL || strstr(once, "panic_among_others") == NULL) {
        test_fail(__FILE__, __LINE__, "said: %s", said);
    }
    CHECK(find_after(once, "\"main\"]:") == NULL);
    CHECK(find_after(once, "\"bystander\"]:\n") != NULL);
}

/* Small steps, and much stack for each call: it is there that it ends. */
__attribute__((noinline)) static int print_without_end(int depth)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%d %s %g", depth, "deep", 0.5);
    return depth < deepest ? print_without_end(depth + 1) + text[0] : 0;
}

static int overflow_in_libc(void *arg)
{
    gor_on_panic(ignore_panic, arg);
    return print_without_end(0);
}

TEST(overflow_within_the_c_library_ends_the_process)
{
    if (!SKIPPED) {
        check_dies_saying(overflow_in_libc,
                          (const char *[]){"stack overflow", "C library", "main [running]",
                                           "print_without_end", "run_root", NULL});
    }
}

static int drop(void *arg, const char *text, size_t bytes)
{
    (void)arg;
    (void)text;
    (void)bytes;
    return 0;
}

/* A dump needs more stack than a step to it. */
__attribute__((noinline)) static int dump_without_end(int depth)
{
    volatile char frame[1024];
    frame[0] = (char)depth;
    (void)gor_dump_to(drop, NULL, &(struct gor_dump_opts){.no_running = true});
    return depth < deepest ? dump_without_end(depth + 1) + frame[0] : 0;
}

static size_t shift;

static int overflow_in_a_dump(void *arg)
{
    volatile char *above = __builtin_alloca(shift + 1);
    above[0] = 0;
    gor_on_panic(ignore_panic, arg);
    return dump_without_end(0);
}

TEST(overflow_within_this_library_ends_the_process)
{
    /* Wherever in the dump it is. */
    for (shift = 0; shift < 1024 && !SKIPPED; shift += 64) {
        check_dies_saying(overflow_in_a_dump,
                          (const char *[]){"stack overflow", ", within", "dump_without_end",
                                           "overflow_in_a_dump", NULL});
    }
}

static void overflow_again(void *arg, const char *message)
{
    (void)arg;
    (void)message;
    (void)recurse_without_end(0, NULL);
}

static int overflow_twice(void *arg)
{
    gor_on_panic(overflow_again, arg);
    return recurse_without_end(0, NULL);
}

TEST(overflow_of_the_handler_ends_the_process)
{
    if (!SKIPPED) {
        check_dies_saying(overflow_twice,
                          (const char *[]){"stack overflow", "256 KiB", "to panic on",
                                           "use less stack", "recurse_without_end", "go_on",
                                           "!no way on", NULL});
    }
}

static void overflow_deferred(void *arg)
{
    overflow_again(arg, NULL);
}

static int overflow_and_defer(void *arg)
{
    struct gor_defer defer;
    gor_on_panic(ignore_panic, arg);
    gor_defer(&defer, overflow_deferred, NULL);
    return recurse_without_end(0, NULL);
}

TEST(overflow_of_a_deferred_call_ends_the_process)
{
    if (!SKIPPED) {
        check_dies_saying(overflow_and_defer,
                          (const char *[]){"256 KiB", "deferred calls", "use less stack",
                                           "recurse_without_end", NULL});
    }
}
