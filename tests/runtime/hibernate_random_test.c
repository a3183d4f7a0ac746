/* SPDX-License-Identifier: MIT */
/* hibernate_random_test.c - random programs whose goroutines lend each other variables on their stacks, and
 * hibernate at every park. Each variable ends as all that was added to it says; each frame is, after every
 * wait, as it was before.
 *
 * An actor goes some frames down, shows where its variables are, and then does steps drawn by lot: it waits
 * for messages, which come to its stack, sends some from there, selects, sleeps, waits for locks that lie on
 * others' stacks, and adds to variables of others. What it adds is noted elsewhere too. No frame is left
 * before all have done their steps.
 */
#include <alloca.h>
#include <pthread.h>

#include "tests/runtime/help.h"

enum {
    ACTORS = SCALED(48, 24, 16),
    STEPS = SCALED(150, 60, 30),
    PROGRAMS = SCALED(6, 3, 2),
    VARS = 8,
    MAGIC = 0x5a5a5a5a,
    DEPTH_MAX = 10,
    PAD_MAX = 700,
    PATIENCE_NS = 200000, /* a step does not wait for longer */
};

/* On the stack of its actor. */
struct vars {
    _Atomic uint64_t sums[VARS];
    struct gor_mutex lock;
    uint64_t locked; /* under `lock`, as is the next */
    uint32_t magic;  /* written by the kernel, and always the same */
};

/* Elsewhere. */
struct actor {
    int number;
    uint64_t random;
    struct gor_chan *inbox;
    struct vars *_Atomic vars;
    _Atomic uint64_t added[VARS];
    _Atomic uint64_t times_locked;
};

static struct actor actors[ACTORS];
static struct gor_waitgroup shown; /* where everybody's variables are */
static struct gor_waitgroup acted;
static struct gor_waitgroup ended;
static int pipe_ends[2];

static struct actor *another(struct actor *self)
{
    return &actors[random_below(&self->random, ACTORS)];
}

static void add(struct actor *to, int var, uint64_t value)
{
    atomic_fetch_add(&to->added[var], value);
    atomic_fetch_add(&atomic_load(&to->vars)->sums[var], value);
}

/* ---- steps */

static void touch(struct actor *self)
{
    add(another(self), random_below(&self->random, VARS), next_random(&self->random) % 1000);
}

/* From this stack to that one's. */
static void give(struct actor *self)
{
    struct actor *to = another(self);
    uint64_t value = next_random(&self->random) % 1000;
    (void)gor_chan_send_until(to->inbox, &value, gor_after(PATIENCE_NS));
}

static void get(struct actor *self)
{
    uint64_t values[3] = {7, 0, 7};
    if (gor_chan_recv_until(self->inbox, &values[1], gor_after(PATIENCE_NS)) == 1) {
        add(self, 0, values[1]);
        CHECK_INT(values[1], <, 1000);
    }
    CHECK_EQ(values[0] + values[2], 14);
}

static void choose(struct actor *self)
{
    uint64_t in[2] = {0, 0};
    uint64_t out = next_random(&self->random) % 1000;
    struct gor_case cases[3] = {
        {.chan = self->inbox, .op = GOR_RECV, .value = &in[0]},
        {.chan = another(self)->inbox, .op = GOR_RECV, .value = &in[1]},
        {.chan = another(self)->inbox, .op = GOR_SEND, .value = &out},
    };
    int chosen = gor_select_until(cases, 3, gor_after(PATIENCE_NS));
    if (chosen >= 0 && chosen < 2) {
        CHECK_INT(in[chosen], <, 1000);
        CHECK_EQ(in[1 - chosen], 0);
    }
}

static void lock(struct actor *self)
{
    struct actor *at = another(self);
    struct vars *vars = atomic_load(&at->vars);
    gor_mutex_lock(&vars->lock);
    uint64_t before = vars->locked;
    gor_sleep(random_below(&self->random, 2) * 10000);
    CHECK_EQ(vars->locked, before);
    vars->locked = before + 1;
    gor_mutex_unlock(&vars->lock);
    atomic_fetch_add(&at->times_locked, 1);
}

static void nap(struct actor *self)
{
    CHECK_EQ(gor_sleep(random_below(&self->random, PATIENCE_NS)), 0);
}

/* By the kernel, which must find the stack there. */
static void lend(struct actor *self)
{
    struct vars *theirs = atomic_load(&another(self)->vars);
    const ssize_t bytes = sizeof theirs->magic;
    gor_mutex_lock(&theirs->lock);
    CHECK_EQ(gor_write(pipe_ends[1], &theirs->magic, sizeof theirs->magic, GOR_NEVER), bytes);
    CHECK_EQ(gor_read(pipe_ends[0], &theirs->magic, sizeof theirs->magic, GOR_NEVER), bytes);
    CHECK_EQ(theirs->magic, MAGIC);
    gor_mutex_unlock(&theirs->lock);
}

static void step(struct actor *self)
{
    static void (*const steps[])(struct actor *) = {touch, give, get,   choose, lock,
                                                    nap,   lend, touch, get};
    steps[random_below(&self->random, (int)(sizeof steps / sizeof steps[0]))](self);
}

/* ---- an actor */

__attribute__((noinline)) static void act(struct actor *self)
{
    struct vars vars = {.magic = MAGIC};
    uint64_t canary = next_random(&self->random);
    volatile uint64_t kept[4] = {canary, canary + 1, canary + 2, canary + 3};
    atomic_store(&self->vars, &vars);
    gor_waitgroup_done(&shown);
    gor_waitgroup_wait(&shown);
    for (int i = 0; i < STEPS; i++) {
        step(self);
        for (unsigned k = 0; k < 4; k++) {
            CHECK_EQ(kept[k], canary + k);
        }
        CHECK(atomic_load(&self->vars) == &vars);
    }
    gor_waitgroup_done(&acted);
    gor_waitgroup_wait(&acted);
    for (int i = 0; i < VARS; i++) {
        CHECK_EQ(atomic_load(&vars.sums[i]), atomic_load(&self->added[i]));
    }
    CHECK_EQ(vars.locked, atomic_load(&self->times_locked));
}

__attribute__((noinline)) static void go_down(struct actor *self, int frames)
{
    size_t bytes = 1 + (size_t)random_below(&self->random, PAD_MAX);
    unsigned char *pad = alloca(bytes);
    memset(pad, frames + 1, bytes);
    if (frames > 0) {
        go_down(self, frames - 1);
    } else {
        act(self);
    }
    for (size_t i = 0; i < bytes; i++) {
        CHECK_EQ(pad[i], frames + 1);
    }
}

static void run_actor(void *arg)
{
    struct actor *self = arg;
    go_down(self, random_below(&self->random, DEPTH_MAX));
    gor_waitgroup_done(&ended);
}

/* Everybody who waits is put away, again and again. */
static void *put_away(void *stop)
{
    while (!atomic_load((_Atomic bool *)stop)) {
        CHECK_EQ(gor_stacks_release(), 0);
    }
    return NULL;
}

static void run_program(uint64_t *random)
{
    shown = acted = ended = (struct gor_waitgroup){0};
    gor_waitgroup_add(&shown, ACTORS);
    gor_waitgroup_add(&acted, ACTORS);
    gor_waitgroup_add(&ended, ACTORS);
    for (int i = 0; i < ACTORS; i++) {
        memset(&actors[i], 0, sizeof actors[i]);
        actors[i].number = i;
        actors[i].random = next_random(random);
        actors[i].inbox = new_chan(sizeof(uint64_t), (size_t)random_below(random, 3));
    }
    for (int i = 0; i < ACTORS; i++) {
        spawn(run_actor, &actors[i]);
    }
    gor_waitgroup_wait(&ended);
    for (int i = 0; i < ACTORS; i++) {
        gor_chan_unref(actors[i].inbox);
    }
}

static int run_programs(void *arg)
{
    struct gor_stats stats;
    _Atomic bool stop = false;
    pthread_t thread;
    CHECK_EQ(gor_pipe(pipe_ends), 0);
    CHECK_EQ(pthread_create(&thread, NULL, put_away, (void *)&stop), 0);
    for (int i = 0; i < PROGRAMS; i++) {
        run_program(arg);
    }
    atomic_store(&stop, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(gor_close(pipe_ends[0]), 0);
    CHECK_EQ(gor_close(pipe_ends[1]), 0);
    if (stats.hibernation_error != 0) {
        test_skip("hibernation: error %d", stats.hibernation_error);
        return 0;
    }
    CHECK_INT(stats.hibernations, >, ACTORS);
    CHECK_INT(stats.hibernations_disturbed, >, 0);
    CHECK_EQ(stats.hibernations - stats.hibernated,
             stats.hibernations_ended + stats.hibernations_disturbed);
    return 0;
}

TEST(hibernate_random_programs_find_their_stacks_as_they_were)
{
    uint64_t random = test_seed();
    const struct gor_opts opts = {.hibernate = true};
    CHECK_EQ(setenv("GOR_HIBERNATE", "always", 1), 0);
    CHECK_EQ(gor_run(&opts, run_programs, &random), 0);
    CHECK_EQ(unsetenv("GOR_HIBERNATE"), 0);
}
