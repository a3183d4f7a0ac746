/* SPDX-License-Identifier: MIT */
/* spawn_test.c - starting goroutines: identity, options, locals, limits, great numbers. */
#include <pthread.h>
#include <unistd.h>

#include "tests/runtime/help.h"

static int return_argument(void *arg)
{
    return *(int *)arg;
}

TEST(run_answers_what_its_root_returns)
{
    int value = 42;
    CHECK_EQ(gor_run(NULL, return_argument, &value), 42);
    value = -5;
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 3}, return_argument, &value), -5);
}

static void add_one(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

TEST(spawn_without_a_runtime_is_refused)
{
    _Atomic int count = 0;
    gor_id_t id = 77;
    CHECK_EQ(gor_go(add_one, &count), -ESRCH);
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, add_one, &count), -ESRCH);
    CHECK_EQ(id, 77);
    CHECK_EQ(gor_self(), 0);
    CHECK_EQ(gor_num_goroutine(), 0);
}

static int run_inside(void *arg)
{
    (void)arg;
    return gor_run(NULL, return_argument, NULL);
}

static void *run_beside(void *arg)
{
    *(int *)arg = gor_run(NULL, return_argument, arg);
    return NULL;
}

static int run_from_thread(void *arg)
{
    (void)arg;
    pthread_t thread;
    int result = 1;
    CHECK_EQ(pthread_create(&thread, NULL, run_beside, &result), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    return result;
}

TEST(run_while_one_runs_is_refused)
{
    CHECK_INT(gor_run(NULL, run_inside, NULL), <, 0);
    CHECK_EQ(gor_run(NULL, run_from_thread, NULL), -EBUSY);
}

/* ---------------------------------------------------------------- identity */

struct seen {
    gor_id_t self;
    gor_id_t given;
    struct gor_chan *done;
};

static void see_self(void *arg)
{
    struct seen *s = arg;
    s->self = gor_self();
    /* out_id was filled before this goroutine could run. */
    CHECK_EQ(s->given, s->self);
    CHECK_EQ(gor_chan_send(s->done, NULL), 0);
}

GO_TEST(spawn_ids_are_never_used_again)
{
    gor_id_t last = gor_self();
    struct seen s = {.done = new_chan(0, 0)};
    gor_id_t *ids = calloc(1000, sizeof *ids);
    CHECK(last != 0);
    for (int i = 0; i < 1000; i++) {
        s.given = 0;
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &s.given}, see_self, &s), 0);
        CHECK_EQ(gor_chan_recv(s.done, NULL), 1);
        CHECK(s.given != 0 && s.given != last);
        ids[i] = s.given;
        for (int k = 0; k < i; k++) {
            CHECK(ids[k] != s.given);
        }
        struct gor_info info;
        CHECK(gor_lookup(s.given, &info) == -ESRCH || info.id == s.given);
    }
    free(ids);
    gor_chan_unref(s.done);
}

static void park_on(void *arg)
{
    (void)gor_chan_recv(arg, NULL);
}

GO_TEST(spawn_options_show_in_what_is_looked_up)
{
    struct gor_chan *c = new_chan(0, 0);
    gor_id_t id;
    struct gor_info info;
    struct gor_go_opts opts = {.stack_bytes = 1 << 20, .name = "parker", .out_id = &id};
    CHECK_EQ(gor_go_with(&opts, park_on, c), 0);
    await_waiting(id, GOR_WAIT_CHAN_RECV);
    CHECK_EQ(gor_lookup(id, &info), 0);
    CHECK_EQ(info.id, id);
    CHECK_EQ(info.parent, gor_self());
    CHECK_STR(info.name, "parker");
    CHECK(info.fn == park_on);
    CHECK(info.created_at != NULL);
    CHECK_INT(info.stack_bytes, >=, 1 << 20);
    CHECK_INT(info.stack_used_bytes, >, 0);
    CHECK_INT(info.stack_used_bytes, <, 1 << 20);
    CHECK_EQ(gor_chan_close(c), 0);
    await_end(id);
    gor_chan_unref(c);
}

static bool pages_are_small(void)
{
    const char *memory = getenv("GOR_MEMORY");
    return sysconf(_SC_PAGESIZE) == 4096 && (memory == NULL || strstr(memory, "64k") == NULL);
}

/* As gor.h and the manual say; a page that is large, or a sanitizer's frames, want more. */
GO_TEST(spawn_without_a_stack_size_reserves_96_kib)
{
    struct gor_chan *c = new_chan(0, 0);
    struct gor_info info;
    size_t expected[] = {96 << 10, 96 << 10, 128 << 10, 128 << 10};
    size_t asked[] = {0, 65537, (96 << 10) + 1, 128 << 10};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        gor_id_t id;
        struct gor_go_opts opts = {.stack_bytes = asked[i], .out_id = &id};
        CHECK_EQ(gor_go_with(&opts, park_on, c), 0);
        CHECK_EQ(gor_lookup(id, &info), 0);
        CHECK_INT(info.stack_bytes, >=, expected[i]);
        if (pages_are_small() && (asked[i] != 0 || SCALED(true, false, false))) {
            CHECK_EQ(info.stack_bytes, expected[i]);
        }
    }
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
}

GO_TEST(spawn_stack_sizes_are_rounded_to_a_class)
{
    static const size_t asked[] = {1, 4096, 65536, 65537, 300000, 1 << 20, (1 << 23) - 1, 1 << 23};
    struct gor_chan *c = new_chan(0, 0);
    struct gor_info info;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        gor_id_t id;
        struct gor_go_opts opts = {.stack_bytes = asked[i], .out_id = &id};
        CHECK_EQ(gor_go_with(&opts, park_on, c), 0);
        CHECK_EQ(gor_lookup(id, &info), 0);
        CHECK_INT(info.stack_bytes, >=, asked[i]);
        CHECK_INT(info.stack_bytes, >=, 60000);
        CHECK_INT(info.stack_bytes, <=, 2 * (asked[i] > 65536 ? asked[i] : 65536));
    }
    struct gor_go_opts too_large = {.stack_bytes = (1 << 23) + 1};
    CHECK_EQ(gor_go_with(&too_large, park_on, c), -EINVAL);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
}

/* ------------------------------------------------------------------ locals */

struct local_use {
    struct gor_waitgroup *wg;
    void *first;
};

static void use_local(void *arg)
{
    struct local_use *u = arg;
    int mine;
    CHECK(gor_local() == u->first);
    gor_set_local(&mine);
    for (int i = 0; i < 50; i++) {
        gor_yield();
        CHECK(gor_local() == &mine);
    }
    gor_waitgroup_done(u->wg);
}

GO_TEST(spawn_local_belongs_to_one_goroutine)
{
    struct gor_waitgroup wg = {0};
    int values[20];
    struct local_use uses[20];
    CHECK(gor_local() == NULL);
    gor_set_local(&wg);
    gor_waitgroup_add(&wg, 20);
    for (int i = 0; i < 20; i++) {
        uses[i] = (struct local_use){&wg, i % 2 ? &values[i] : NULL};
        struct gor_go_opts opts = {.local = uses[i].first};
        CHECK_EQ(gor_go_with(i % 2 ? &opts : NULL, use_local, &uses[i]), 0);
    }
    gor_waitgroup_wait(&wg);
    CHECK(gor_local() == &wg);
}

__attribute__((noinline)) static void set_errno(int value)
{
    errno = value;
}

__attribute__((noinline)) static int get_errno(void)
{
    return errno;
}

struct errno_use {
    struct gor_waitgroup *wg;
    int value;
};

static void carry_errno(void *arg)
{
    struct errno_use *u = arg;
    for (int i = 0; i < 200; i++) {
        set_errno(u->value);
        if (i % 10 == 0) {
            gor_sleep(GOR_MICROSECOND);
        } else {
            gor_yield();
        }
        CHECK_EQ(get_errno(), u->value);
    }
    gor_waitgroup_done(u->wg);
}

GO_TEST(spawn_errno_is_carried_along)
{
    struct gor_waitgroup wg = {0};
    struct errno_use uses[20];
    gor_waitgroup_add(&wg, 20);
    for (int i = 0; i < 20; i++) {
        uses[i] = (struct errno_use){&wg, 1000 + i};
        spawn(carry_errno, &uses[i]);
    }
    gor_waitgroup_wait(&wg);
}

/* ------------------------------------------------------------------ limits */

static int hit_the_ceiling(void *arg)
{
    uint64_t most = *(uint64_t *)arg;
    struct gor_chan *c = new_chan(0, 0);
    for (int round = 0; round < 3; round++) {
        uint64_t started = 0;
        int result;
        while ((result = gor_go(park_on, c)) == 0) {
            started++;
            CHECK_INT(started, <=, most);
        }
        CHECK_EQ(result, -EAGAIN);
        CHECK_EQ(gor_num_goroutine(), most);
        CHECK_EQ(started, most - 1);
        gor_id_t id = 5;
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, park_on, c), -EAGAIN);
        while (started > 0) {
            started -= gor_chan_try_send(c, NULL) == 0;
            gor_yield();
        }
        YIELD_UNTIL(gor_num_goroutine() == 1)
    }
    gor_chan_unref(c);
    return 0;
}

TEST(spawn_without_bounds_stops_at_max_goroutines)
{
    uint64_t most = 100;
    CHECK_EQ(gor_run(&(struct gor_opts){.max_goroutines = most}, hit_the_ceiling, &most), 0);
    most = 1;
    CHECK_EQ(gor_run(&(struct gor_opts){.max_goroutines = most}, hit_the_ceiling, &most), 0);
}

/* ----------------------------------------------------------- great numbers */

static void done_only(void *arg)
{
    gor_waitgroup_done(arg);
}

GO_TEST(spawn_in_batches_runs_every_one)
{
    struct gor_waitgroup wg = {0};
    int batches = SCALED(getenv("GOR_LONG") != NULL ? 10000 : 300, 30, 10);
    for (int batch = 0; batch < batches; batch++) {
        gor_waitgroup_add(&wg, 1000);
        for (int i = 0; i < 1000; i++) {
            spawn(done_only, &wg);
        }
        gor_waitgroup_wait(&wg);
    }
    YIELD_UNTIL(gor_num_goroutine() == 1)
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.goroutines, 1);
    CHECK_EQ(stats.goroutines_created, 1 + (uint64_t)batches * 1000);
}

/* A goroutine that starts its two children and ends, as a tree. */
struct tree {
    struct gor_waitgroup wg;
};

struct tree_node {
    struct tree *tree;
    int depth;
};

static void split(void *arg)
{
    struct tree_node *node = arg;
    if (node->depth > 0) {
        gor_waitgroup_add(&node->tree->wg, 2);
        for (int i = 0; i < 2; i++) {
            struct tree_node *child = malloc(sizeof *child);
            *child = (struct tree_node){node->tree, node->depth - 1};
            spawn(split, child);
        }
    }
    gor_waitgroup_done(&node->tree->wg);
    free(node);
}

GO_TEST(spawn_from_spawned_goroutines_reaches_every_leaf)
{
    struct tree tree = {{{0}}};
    struct tree_node *root = malloc(sizeof *root);
    *root = (struct tree_node){&tree, SCALED(15, 11, 10)};
    gor_waitgroup_add(&tree.wg, 1);
    spawn(split, root);
    gor_waitgroup_wait(&tree.wg);
}

/* As in Go, nobody waits for what still lives when the root returns. */
static void spin_politely(void *arg)
{
    (void)arg;
    for (;;) {
        gor_yield();
    }
}

static int return_at_once(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        spawn(spin_politely, NULL);
        spawn(park_on, NULL);
    }
    return 7;
}

TEST(run_does_not_wait_for_goroutines_that_still_live)
{
    CHECK_EQ(gor_leak_ignore(park_on, NULL), 0); /* on purpose: a NULL channel */
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(gor_run(NULL, return_at_once, NULL), 7);
        CHECK_EQ(gor_num_goroutine(), 0);
    }
}
