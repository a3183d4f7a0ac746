/* SPDX-License-Identifier: MIT */
/* storm_test.c - everything at once, in an order drawn from a seed.
 *
 * Workers draw one action after another from all that storm.h lists, while a thread of the host looks
 * in, starts goroutines and resizes. Whatever the order, at the end every value that was accepted has
 * arrived, every count adds up and nothing is left. The seed is printed; GOR_TEST_SEED repeats the
 * draws (the interleaving remains the scheduler's). GOR_STORM_SECONDS=N has each test go on for that
 * long, round after round; GOR_LONG=1 is 60.
 */
#include <fcntl.h>
#include <unistd.h>

#include "tests/runtime/storm/storm.h"

enum { WORKERS = 40 };

struct action {
    void (*act)(struct storm_worker *w);
    int tickets;
};

static const struct action actions[] = {
#define STORM_ENTRY(name, tickets) {storm_##name, tickets},
    STORM_ACTIONS(STORM_ENTRY)
#undef STORM_ENTRY
};
enum { ACTIONS = sizeof actions / sizeof actions[0] };

static void draw_and_act(struct storm_worker *w)
{
    int total = 0;
    for (int i = 0; i < ACTIONS; i++) {
        total += actions[i].tickets;
    }
    int ticket = storm_below(w, total);
    int drawn = 0;
    while (ticket >= actions[drawn].tickets) {
        ticket -= actions[drawn++].tickets;
    }
    actions[drawn].act(w);
}

static void work(void *arg)
{
    struct storm_worker *w = arg;
    for (int i = 0; i < w->s->steps; i++) {
        draw_and_act(w);
    }
    gor_waitgroup_done(&w->s->workers);
}

/* ------------------------------------------------------ a thread of the host beside it */

struct host {
    struct storm *s;
    uint64_t random;
    _Atomic bool stop;
};

static void live_and_end(void *arg)
{
    struct storm *s = arg;
    gor_yield();
    atomic_fetch_add(&s->children_ended, 1);
}

static int note_seen(void *arg, const struct gor_info *info)
{
    CHECK(info->id != 0);
    ++*(int *)arg;
    return 0;
}

static void *look_in_and_meddle(void *arg)
{
    struct host *host = arg;
    FILE *null = fopen("/dev/null", "w");
    CHECK(null != NULL);
    while (!atomic_load(&host->stop)) {
        struct gor_stats stats;
        int seen = 0;
        switch (random_below(&host->random, 5)) {
        case 0:
            CHECK_EQ(gor_each(note_seen, &seen), 0);
            CHECK_INT(seen, >, 0);
            break;
        case 1:
            CHECK_EQ(gor_dump(null), 0);
            break;
        case 2:
            CHECK_EQ(gor_stats_get(&stats, true), 0);
            break;
        case 3:
            CHECK_INT(gor_gomaxprocs(random_below(&host->random, 8) + 1), >=, 1);
            break;
        default:
            atomic_fetch_add(&host->s->children, 1);
            CHECK_EQ(gor_go(live_and_end, host->s), 0);
        }
        usleep((unsigned)random_below(&host->random, 1000));
    }
    fclose(null);
    return NULL;
}

/* ------------------------------------------------------------------- before and after */

static struct storm *start_storm(void)
{
    char tokens[STORM_TOKENS];
    struct storm *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->steps = SCALED(400, 100, 60);
    memset(tokens, 'T', sizeof tokens);
    for (int i = 0; i < STORM_CHANNELS; i++) {
        s->c[i] = new_chan(sizeof(int64_t), i < 3 ? 0 : (size_t)(i - 2));
    }
    gor_sem_release(&s->sem, STORM_PERMITS);
    CHECK_EQ(pthread_mutex_init(&s->foreign_lock, NULL), 0);
    s->ticker = gor_ticker_new(100 * GOR_MICROSECOND);
    CHECK(s->ticker != NULL);
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &s->root_ctx), 0);
    s->pool = gor_pool_new(storm_make_object, storm_destroy_object, NULL);
    CHECK(s->pool != NULL);
    CHECK_EQ(pipe2(s->pipe, O_CLOEXEC), 0);
    CHECK_EQ(gor_write(s->pipe[1], tokens, STORM_TOKENS, GOR_NEVER), STORM_TOKENS);
    return s;
}

static void check_channels(struct storm *s)
{
    int64_t left = 0;
    for (int i = 0; i < STORM_CHANNELS; i++) {
        int64_t value;
        while (gor_chan_try_recv(s->c[i], &value) == 1) {
            left += value;
        }
        gor_chan_unref(s->c[i]);
    }
    CHECK_EQ(atomic_load(&s->sent), atomic_load(&s->received) + left);
}

static void check_locks(struct storm *s)
{
    CHECK_EQ(s->locked, atomic_load(&s->locks));
    CHECK_EQ(s->written, atomic_load(&s->writes));
    CHECK_EQ(s->written_copy, s->written);
    CHECK_EQ(s->foreign_count, atomic_load(&s->foreign_counts));
    CHECK_EQ(gor_sem_acquire(&s->sem, STORM_PERMITS, 0), 0);
    CHECK_EQ(gor_sem_acquire(&s->sem, 1, 0), -ETIMEDOUT);
    CHECK_EQ(gor_mutex_try_lock(&s->m), 0);
    gor_mutex_unlock(&s->m);
    gor_rwmutex_lock(&s->rw);
    gor_rwmutex_unlock(&s->rw);
    CHECK_EQ(pthread_mutex_destroy(&s->foreign_lock), 0);
}

/* Once no goroutine is left that could still run one of them. */
static void check_ends(struct storm *s)
{
    CHECK_EQ(atomic_load(&s->children), atomic_load(&s->children_ended));
    CHECK_EQ(atomic_load(&s->timers),
             atomic_load(&s->timers_fired) + atomic_load(&s->timers_prevented));
    CHECK_EQ(atomic_load(&s->afters),
             atomic_load(&s->afters_run) + atomic_load(&s->afters_stopped));
    CHECK_EQ(atomic_load(&s->panics), atomic_load(&s->panics_handled));
    CHECK_EQ(atomic_load(&s->deferred), atomic_load(&s->deferred_run));
}

static void end_storm(struct storm *s)
{
    char tokens[STORM_TOKENS + 1];
    struct gor_stats stats;
    check_channels(s);
    check_locks(s);
    CHECK_EQ(gor_read(s->pipe[0], tokens, sizeof tokens, GOR_NEVER), STORM_TOKENS);
    CHECK_EQ(gor_close(s->pipe[0]), 0);
    CHECK_EQ(gor_close(s->pipe[1]), 0);
    CHECK_EQ(gor_ctx_err(s->root_ctx), 0);
    gor_ctx_unref(s->root_ctx);
    gor_timer_free(s->ticker);
    gor_pool_free(s->pool);
    await_alone();
    check_ends(s);
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_EQ(stats.timers, 0);
    await_one_stack();
    free(s);
}

static int join_thread(void *thread)
{
    return pthread_join(*(pthread_t *)thread, NULL);
}

/* Without a yield meanwhile, for a tracer would have each of them to tell. */
static void await_thread(pthread_t thread)
{
    CHECK_EQ(gor_blocking(join_thread, &thread), 0);
}

static bool traced;
static struct storm_tracer tracer;

static int rage(void *arg)
{
    uint64_t seed = *(uint64_t *)arg;
    pthread_t tracer_thread;
    static struct storm_worker workers[WORKERS];
    struct storm *s = start_storm();
    struct host host = {.s = s, .random = seed};
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, look_in_and_meddle, &host), 0);
    if (traced) {
        tracer = (struct storm_tracer){.random = seed};
        CHECK_EQ(pthread_create(&tracer_thread, NULL, storm_trace, &tracer), 0);
    }
    gor_waitgroup_add(&s->workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct storm_worker){s, seed + (uint64_t)i * 7919};
        spawn(work, &workers[i]);
    }
    gor_waitgroup_wait(&s->workers);
    atomic_store(&host.stop, true);
    await_thread(thread);
    if (traced) {
        atomic_store(&tracer.stop, true);
        await_thread(tracer_thread);
        fprintf(stderr, "storm: %zu traces, %zu events, %zu runs, %" PRIu64 " lost\n",
                tracer.traces, tracer.events, tracer.runs, tracer.lost);
    }
    end_storm(s);
    return 0;
}

static int64_t seconds_to_go_on(void)
{
    const char *given = getenv("GOR_STORM_SECONDS");
    return given != NULL ? strtoll(given, NULL, 10) : getenv("GOR_LONG") != NULL ? 60 : 0;
}

static void rage_rounds(const struct gor_opts *opts)
{
    enum { LEAST_ROUNDS = 3 };
    uint64_t seed = test_seed();
    int64_t until = gor_after(seconds_to_go_on() * GOR_SECOND);
    int round = 0;
    fprintf(stderr, "storm: GOR_TEST_SEED=%" PRIu64 "\n", seed);
    do {
        uint64_t round_seed = seed + (uint64_t)round;
        CHECK_EQ(gor_run(opts, rage, &round_seed), 0);
        round++;
    } while (round < LEAST_ROUNDS || gor_now() < until);
    fprintf(stderr, "storm: %d rounds\n", round);
}

TEST(storm_leaves_every_count_right)
{
    rage_rounds(NULL);
}

TEST(storm_begun_on_one_processor_leaves_every_count_right)
{
    rage_rounds(&(struct gor_opts){.gomaxprocs = 1});
}

TEST(storm_on_eight_processors_leaves_every_count_right)
{
    rage_rounds(&(struct gor_opts){.gomaxprocs = 8});
}

TEST(storm_that_is_traced_leaves_every_count_right_and_legal_traces)
{
    if (getenv("GOR_TRACE") != NULL) {
        test_skip("it is traced already");
        return;
    }
    traced = true;
    rage_rounds(NULL);
    rage_rounds(&(struct gor_opts){.gomaxprocs = 8});
    traced = false;
}
