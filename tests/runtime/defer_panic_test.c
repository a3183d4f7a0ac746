/* SPDX-License-Identifier: MIT */
/* defer_panic_test.c - deferred calls, the ways a goroutine ends, and panics that are handled. */
#include "tests/runtime/help.h"

struct log {
    char text[64];
    size_t length;
    struct gor_chan *done;
};

struct entry {
    struct log *log;
    char letter;
};

static void write_letter(void *arg)
{
    struct entry *e = arg;
    e->log->text[e->log->length++] = e->letter;
    gor_yield(); /* a deferred call may park */
}

enum ending { BY_RETURN, BY_EXIT, BY_PANIC };

struct ender {
    struct log *log;
    enum ending ending;
};

__attribute__((noinline)) static void end_from_below(enum ending ending)
{
    if (ending == BY_EXIT) {
        gor_exit();
    }
    if (ending == BY_PANIC) {
        gor_panic("%s number %d", "failure", 5);
    }
}

static void note_panic(void *arg, const char *message)
{
    struct log *log = arg;
    CHECK_STR(message, "failure number 5");
    log->text[log->length++] = '!';
}

static void end_after_defers(void *arg)
{
    struct ender *e = arg;
    struct entry entries[3] = {{e->log, 'a'}, {e->log, 'b'}, {e->log, 'c'}};
    struct gor_defer defers[3];
    gor_on_panic(note_panic, e->log);
    for (int i = 0; i < 3; i++) {
        gor_defer(&defers[i], write_letter, &entries[i]);
    }
    end_from_below(e->ending);
    /* Deferred calls are the goroutine's: on a return from its function their memory must still
     * live, so a function takes back what it deferred. */
    for (int i = 2; i >= 0; i--) {
        gor_undefer(&defers[i], true);
    }
}

GO_TEST(defer_runs_newest_first_however_the_goroutine_ends)
{
    static const char *const expected[] = {"cba", "cba", "cba!"};
    for (int ending = BY_RETURN; ending <= BY_PANIC; ending++) {
        struct log log = {.length = 0};
        struct ender e = {&log, (enum ending)ending};
        await_end(spawn_id(end_after_defers, &e));
        log.text[log.length] = '\0';
        CHECK_STR(log.text, expected[ending]);
    }
}

struct kept {
    struct log log;
    struct entry entries[3];
    struct gor_defer defers[3];
};

static void return_with_defers(void *arg)
{
    struct kept *k = arg;
    for (int i = 0; i < 3; i++) {
        k->entries[i] = (struct entry){&k->log, (char)('x' + i)};
        gor_defer(&k->defers[i], write_letter, &k->entries[i]);
    }
}

GO_TEST(defer_left_at_return_runs_then)
{
    struct kept k = {.log = {.length = 0}};
    await_end(spawn_id(return_with_defers, &k));
    k.log.text[k.log.length] = '\0';
    CHECK_STR(k.log.text, "zyx");
}

GO_TEST(undefer_runs_or_drops_the_newest)
{
    struct log log = {.length = 0};
    struct entry entries[2] = {{&log, 'a'}, {&log, 'b'}};
    struct gor_defer defers[2];
    gor_defer(&defers[0], write_letter, &entries[0]);
    gor_defer(&defers[1], write_letter, &entries[1]);
    gor_undefer(&defers[1], false);
    CHECK_EQ(log.length, 0);
    gor_undefer(&defers[0], true);
    CHECK_EQ(log.length, 1);
    CHECK_EQ(log.text[0], 'a');
}

/* ----------------------------------------------------------------- handlers */

struct panics {
    struct gor_waitgroup wg;
    _Atomic int handled;
    bool child_replaces;
};

static void count_panic(void *arg, const char *message)
{
    struct panics *p = arg;
    CHECK_STR(message, "child");
    atomic_fetch_add(&p->handled, 1);
    gor_waitgroup_done(&p->wg);
}

static void count_other_panic(void *arg, const char *message)
{
    struct panics *p = arg;
    CHECK_STR(message, "child");
    atomic_fetch_add(&p->handled, 100);
    gor_waitgroup_done(&p->wg);
}

static void panic_as_child(void *arg)
{
    struct panics *p = arg;
    if (p->child_replaces) {
        gor_on_panic(count_other_panic, p);
    }
    gor_panic("child");
}

static void start_children(void *arg)
{
    struct panics *p = arg;
    gor_on_panic(count_panic, p);
    for (int i = 0; i < 5; i++) {
        spawn(panic_as_child, p);
    }
    gor_waitgroup_done(&p->wg);
}

GO_TEST(panic_handler_is_inherited_and_may_be_replaced)
{
    for (int replace = 0; replace < 2; replace++) {
        struct panics p = {.child_replaces = replace != 0};
        gor_waitgroup_add(&p.wg, 6);
        spawn(start_children, &p);
        gor_waitgroup_wait(&p.wg);
        CHECK_EQ(atomic_load(&p.handled), replace ? 500 : 5);
        YIELD_UNTIL(gor_num_goroutine() == 1)
    }
}

GO_TEST(panic_that_is_handled_ends_only_its_goroutine)
{
    struct panics p = {.handled = 0};
    gor_on_panic(count_panic, &p);
    for (int i = 0; i < SCALED(2000, 500, 200); i++) {
        gor_waitgroup_add(&p.wg, 1);
        spawn(panic_as_child, &p);
        gor_waitgroup_wait(&p.wg);
    }
    gor_on_panic(NULL, NULL);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(atomic_load(&p.handled), SCALED(2000, 500, 200));
}

static void exit_in_defer(void *arg)
{
    write_letter(arg);
    gor_exit();
}

static void exit_with_exiting_defers(void *arg)
{
    struct kept *k = arg;
    for (int i = 0; i < 3; i++) {
        k->entries[i] = (struct entry){&k->log, (char)('x' + i)};
        gor_defer(&k->defers[i], i == 1 ? exit_in_defer : write_letter, &k->entries[i]);
    }
    gor_exit();
}

GO_TEST(exit_in_a_deferred_call_runs_the_remaining_ones_once)
{
    struct kept k = {.log = {.length = 0}};
    await_end(spawn_id(exit_with_exiting_defers, &k));
    k.log.text[k.log.length] = '\0';
    CHECK_STR(k.log.text, "zyx");
}

static void panic_in_defer(void *arg)
{
    write_letter(arg);
    gor_panic("failure number 5");
}

static void panic_with_panicking_defers(void *arg)
{
    struct kept *k = arg;
    gor_on_panic(note_panic, &k->log);
    for (int i = 0; i < 3; i++) {
        k->entries[i] = (struct entry){&k->log, (char)('x' + i)};
        gor_defer(&k->defers[i], i == 1 ? panic_in_defer : write_letter, &k->entries[i]);
    }
    gor_panic("failure number 5");
}

GO_TEST(panic_in_a_deferred_call_runs_the_remaining_ones_once)
{
    struct kept k = {.log = {.length = 0}};
    await_end(spawn_id(panic_with_panicking_defers, &k));
    k.log.text[k.log.length] = '\0';
    CHECK_STR(k.log.text, "zyx!");
}

/* A deferred unlock frees the others when its owner panics. */
struct guarded {
    struct gor_mutex m;
    struct panics panics;
};

static void unlock_deferred(void *arg)
{
    gor_mutex_unlock(arg);
}

static void panic_with_the_lock(void *arg)
{
    struct guarded *g = arg;
    struct gor_defer unlock;
    gor_on_panic(count_panic, &g->panics);
    gor_mutex_lock(&g->m);
    gor_defer(&unlock, unlock_deferred, &g->m);
    gor_panic("child");
}

GO_TEST(panic_unlocks_what_was_deferred)
{
    struct guarded g = {.panics = {.handled = 0}};
    gor_waitgroup_add(&g.panics.wg, 1);
    spawn(panic_with_the_lock, &g);
    gor_waitgroup_wait(&g.panics.wg);
    gor_mutex_lock(&g.m);
    gor_mutex_unlock(&g.m);
}
