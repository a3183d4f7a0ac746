/* SPDX-License-Identifier: MIT */
/* lives.c - the storm's goroutines: born, deep down, panicking, looked at, moved about. */
#include "tests/runtime/storm/storm.h"

void storm_yield(struct storm_worker *w)
{
    (void)w;
    gor_yield();
}

__attribute__((noinline)) static int go_down(int depth)
{
    volatile char frame[256];
    frame[0] = (char)depth;
    frame[255] = (char)(depth + 1);
    if (depth == 0) {
        gor_yield();
    }
    int below = depth == 0 ? 0 : go_down(depth - 1);
    CHECK_EQ(frame[0], (char)depth);
    CHECK_EQ(frame[255], (char)(depth + 1));
    return below + 1;
}

void storm_deep(struct storm_worker *w)
{
    int depth = storm_below(w, 100);
    CHECK_EQ(go_down(depth), depth + 1);
}

struct child {
    struct storm *s;
    struct gor_waitgroup *wg;
    int depth;
};

static void live_briefly(void *arg)
{
    struct child *c = arg;
    gor_yield();
    (void)go_down(c->depth);
    atomic_fetch_add(&c->s->children_ended, 1);
    gor_waitgroup_done(c->wg);
}

void storm_spawn(struct storm_worker *w)
{
    struct gor_waitgroup wg = {0};
    int count = storm_below(w, 10) + 1;
    struct child c = {w->s, &wg, storm_below(w, 30)};
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        struct gor_go_opts opts = {.stack_bytes = (size_t)65536 << storm_below(w, 5)};
        CHECK_EQ(gor_go_with(&opts, live_briefly, &c), 0);
    }
    atomic_fetch_add(&w->s->children, count);
    gor_waitgroup_wait(&wg);
}

/* ---- panics that are handled, deferred calls */

struct unlucky {
    struct storm *s;
    struct gor_waitgroup wg;
    bool panics; /* else it exits */
};

static void note_panic(void *arg, const char *message)
{
    struct unlucky *u = arg;
    CHECK_STR(message, "storm 7");
    atomic_fetch_add(&u->s->panics_handled, 1);
    gor_waitgroup_done(&u->wg);
}

static void run_deferred(void *arg)
{
    struct unlucky *u = arg;
    gor_yield();
    atomic_fetch_add(&u->s->deferred_run, 1);
}

/* Does not return: what it deferred lies in its frame. */
static void end_somehow(void *arg)
{
    struct unlucky *u = arg;
    struct gor_defer first;
    struct gor_defer second;
    gor_on_panic(note_panic, u);
    gor_defer(&first, run_deferred, u);
    gor_defer(&second, run_deferred, u);
    atomic_fetch_add(&u->s->deferred, 2);
    gor_yield();
    if (u->panics) {
        atomic_fetch_add(&u->s->panics, 1);
        gor_panic("storm %d", 7);
    }
    gor_exit();
}

static void done_at_end(void *arg)
{
    struct unlucky *u = arg;
    gor_waitgroup_done(&u->wg);
}

static void end_and_tell(void *arg)
{
    struct unlucky *u = arg;
    struct gor_defer last;
    gor_defer(&last, done_at_end, u);
    end_somehow(u);
}

void storm_panic(struct storm_worker *w)
{
    struct unlucky u = {.s = w->s, .panics = true};
    gor_waitgroup_add(&u.wg, 1);
    spawn(end_somehow, &u);
    gor_waitgroup_wait(&u.wg);
}

void storm_defer(struct storm_worker *w)
{
    struct unlucky u = {.s = w->s, .panics = false};
    gor_waitgroup_add(&u.wg, 1);
    spawn(end_and_tell, &u);
    gor_waitgroup_wait(&u.wg);
}

/* ---- looking in, and the number of processors */

static int check_info(void *arg, const struct gor_info *info)
{
    (void)arg;
    CHECK(info->id != 0);
    return 0;
}

void storm_look(struct storm_worker *w)
{
    struct gor_stats stats;
    struct gor_info info;
    CHECK_EQ(gor_lookup(gor_self(), &info), 0);
    CHECK_EQ(info.id, gor_self());
    if (storm_below(w, 8) == 0) {
        CHECK_EQ(gor_stats_get(&stats, true), 0);
        CHECK_EQ(gor_each(check_info, NULL), 0);
    }
}

void storm_resize(struct storm_worker *w)
{
    if (storm_below(w, 4) == 0) {
        CHECK_INT(gor_gomaxprocs(storm_below(w, 8) + 1), >=, 1);
    } else {
        gor_yield();
    }
}
