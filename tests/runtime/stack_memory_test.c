/* SPDX-License-Identifier: MIT */
/* stack_memory_test.c - the memory of stacks that nobody uses goes back to the system: of goroutines that
 * wait after they went deep, and of stacks that are free. What is in use stays as it is. */
#include <pthread.h>
#include <unistd.h>

#include "tests/runtime/help.h"

enum {
    FRAME = 1024,
    DEEP = 400, /* frames: 400 KiB and more */
    DIVERS = SCALED(200, 60, 60),
    STACK = 1 << 20,
    MANY = SCALED(1000, 300, 300),
};

/* `depth` frames, checked on the way back; at the bottom waits, if there is something to wait for. */
__attribute__((noinline)) static int go_down(int depth, struct gor_chan *bottom)
{
    volatile unsigned char frame[FRAME];
    for (int i = 0; i < FRAME; i += 64) {
        frame[i] = (unsigned char)(depth + i);
    }
    int below = 0;
    if (depth > 0) {
        below = go_down(depth - 1, bottom);
    } else if (bottom != NULL) {
        CHECK_EQ(gor_chan_recv(bottom, NULL), 1);
    }
    for (int i = 0; i < FRAME; i += 64) {
        CHECK_EQ(frame[i], (unsigned char)(depth + i));
    }
    return below + 1;
}

struct divers {
    struct gor_chan *turn; /* to go down again */
    struct gor_chan *bottom;
    struct gor_waitgroup down; /* those who are not yet back */
    struct gor_waitgroup ended;
};

static void dive_and_wait(void *arg)
{
    struct divers *divers = arg;
    CHECK_EQ(go_down(DEEP, NULL), DEEP + 1);
    gor_waitgroup_done(&divers->down);
    while (gor_chan_recv(divers->turn, NULL) == 1) {
        CHECK_EQ(go_down(DEEP, NULL), DEEP + 1);
    }
    gor_waitgroup_done(&divers->ended);
}

static void start_divers(struct divers *divers, void (*fn)(void *arg))
{
    *divers = (struct divers){.turn = new_chan(0, 0), .bottom = new_chan(0, 0)};
    gor_waitgroup_add(&divers->down, DIVERS);
    gor_waitgroup_add(&divers->ended, DIVERS);
    for (int i = 0; i < DIVERS; i++) {
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.stack_bytes = STACK}, fn, divers), 0);
    }
}

static void end_divers(struct divers *divers)
{
    CHECK_EQ(gor_chan_close(divers->turn), 0);
    gor_waitgroup_wait(&divers->ended);
    gor_chan_unref(divers->turn);
    gor_chan_unref(divers->bottom);
}

static struct gor_stats stats_now(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    return stats;
}

static uint64_t committed(void)
{
    return stats_now().stacks_committed_bytes;
}

/* What the divers may keep: a few pages each, which may be large ones, and so are the frames of the
 * sanitizers. The others have stacks, too. */
static uint64_t kept_bytes(void)
{
    const char *memory = getenv("GOR_MEMORY");
    bool large = memory != NULL && strstr(memory, "64k") != NULL;
    return (uint64_t)DIVERS * (large ? 256 : 64) * 1024;
}

static int with_opts(const struct gor_opts *opts, int (*root)(void *arg))
{
    return gor_run(opts, root, NULL);
}

/* ---- those who wait */

static int wait_after_diving(void *arg)
{
    (void)arg;
    struct divers divers;
    start_divers(&divers, dive_and_wait);
    gor_waitgroup_wait(&divers.down);
    YIELD_UNTIL(committed() < kept_bytes())
    for (int i = 0; i < DIVERS; i++) {
        CHECK_EQ(gor_chan_send(divers.turn, NULL), 0);
    }
    YIELD_UNTIL(committed() < kept_bytes())
    end_divers(&divers);
    return 0;
}

TEST(stack_of_who_waits_after_going_deep_gives_its_memory_back)
{
    CHECK_EQ(
        with_opts(&(struct gor_opts){.stack_idle_ns = 10 * GOR_MILLISECOND}, wait_after_diving), 0);
}

static int release_after_diving(void *arg)
{
    (void)arg;
    struct divers divers;
    start_divers(&divers, dive_and_wait);
    gor_waitgroup_wait(&divers.down);
    CHECK_INT(committed(), >=, (uint64_t)DIVERS * DEEP * FRAME);
    /* The last ones have said so before they wait. */
    YIELD_UNTIL((gor_stacks_release(), committed()) < kept_bytes())
    end_divers(&divers);
    return 0;
}

TEST(stack_memory_goes_back_when_asked_for)
{
    CHECK_EQ(with_opts(&(struct gor_opts){.stack_idle_ns = GOR_NEVER}, release_after_diving), 0);
    CHECK_EQ(gor_stacks_release(), -ESRCH);
}

static void wait_at_the_bottom(void *arg)
{
    struct divers *divers = arg;
    gor_waitgroup_done(&divers->down);
    CHECK_EQ(go_down(DEEP, divers->bottom), DEEP + 1);
    gor_waitgroup_done(&divers->ended);
}

GO_TEST(stack_in_use_of_who_waits_stays)
{
    struct divers divers;
    start_divers(&divers, wait_at_the_bottom);
    gor_waitgroup_wait(&divers.down);
    YIELD_UNTIL(stats_now().by_state[GOR_WAITING] == DIVERS)
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_stacks_release(), 0);
        CHECK_INT(committed(), >=, (uint64_t)DIVERS * DEEP * FRAME);
    }
    for (int i = 0; i < DIVERS; i++) {
        CHECK_EQ(gor_chan_send(divers.bottom, NULL), 0);
    }
    end_divers(&divers);
}

/* ---- those who are woken at that very moment */

static void *release_all_the_time(void *over)
{
    while (!*(_Atomic bool *)over) {
        CHECK_EQ(gor_stacks_release(), 0);
    }
    return NULL;
}

static void release_as_goroutine(void *arg)
{
    (void)release_all_the_time(arg);
}

GO_TEST(stack_memory_goes_back_while_its_owner_goes_on)
{
    static _Atomic bool over;
    struct divers divers;
    pthread_t thread;
    start_divers(&divers, dive_and_wait);
    gor_waitgroup_wait(&divers.down);
    over = false;
    CHECK_EQ(pthread_create(&thread, NULL, release_all_the_time, &over), 0);
    spawn(release_as_goroutine, &over);
    for (int i = 0; i < DIVERS * SCALED(20, 5, 5); i++) {
        CHECK_EQ(gor_chan_send(divers.turn, NULL), 0);
    }
    over = true;
    CHECK_EQ(pthread_join(thread, NULL), 0);
    end_divers(&divers);
    await_alone();
}

/* ---- those that are free */

static void wait_for_close(void *arg)
{
    struct divers *divers = arg;
    gor_waitgroup_done(&divers->down);
    (void)gor_chan_recv(divers->turn, NULL);
    gor_waitgroup_done(&divers->ended);
}

static void use_many(int rounds)
{
    for (int round = 0; round < rounds; round++) {
        struct divers divers = {.turn = new_chan(0, 0), .bottom = new_chan(0, 0)};
        gor_waitgroup_add(&divers.down, MANY);
        gor_waitgroup_add(&divers.ended, MANY);
        for (int i = 0; i < MANY; i++) {
            spawn(wait_for_close, &divers);
        }
        gor_waitgroup_wait(&divers.down);
        end_divers(&divers);
    }
    await_alone();
}

static int leave_many(void *arg)
{
    (void)arg;
    use_many(1);
    /* Those that are being emptied at the moment are neither. */
    YIELD_UNTIL(stats_now().stacks_cached + stats_now().stacks_empty >= MANY)
    YIELD_UNTIL(stats_now().stacks_empty >= MANY / 2)
    /* They are as good as new. */
    use_many(3);
    CHECK_EQ(gor_stacks_release(), 0);
    struct gor_stats after = stats_now();
    CHECK_INT(after.stacks_empty, >=, MANY - 64);
    CHECK_INT(after.stacks_committed_bytes, <, (uint64_t)MANY * 4096);
    use_many(1);
    return 0;
}

TEST(stacks_that_nobody_wants_are_emptied_and_used_again)
{
    CHECK_EQ(with_opts(&(struct gor_opts){.stack_idle_ns = 10 * GOR_MILLISECOND}, leave_many), 0);
}

/* Nothing runs any more, and still they go. */
static int sleep_after_diving(void *arg)
{
    (void)arg;
    struct divers divers;
    struct gor_stats stats;
    start_divers(&divers, dive_and_wait);
    gor_waitgroup_wait(&divers.down);
    do {
        CHECK_EQ(gor_sleep(50 * GOR_MILLISECOND), 0);
        /* Without asking the kernel ourselves. */
        CHECK_EQ(gor_stats_get(&stats, false), 0);
    } while (stats.stacks_committed_bytes == 0 || stats.stacks_committed_bytes >= kept_bytes());
    end_divers(&divers);
    return 0;
}

TEST(stack_memory_goes_back_while_nothing_runs)
{
    CHECK_EQ(
        with_opts(&(struct gor_opts){.stack_idle_ns = 10 * GOR_MILLISECOND}, sleep_after_diving),
        0);
}
