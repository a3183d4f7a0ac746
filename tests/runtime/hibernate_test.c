/* SPDX-License-Identifier: MIT */
/* hibernate_test.c - goroutines that wait are put away and come back as they were: by going on, by another's
 * use of their stacks, on any thread and in a child process; with what a system call sees of it. Where the
 * kernel does not let us, nobody hibernates, and that is said. */
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

enum { MANY = SCALED(1000, 300, 100), MOST = MANY / 2, WORDS = 40, FRAMES_MAX = 12 };

static const struct gor_opts all_may = {.hibernate = true, .hibernate_after_ns = GOR_NEVER};

static struct gor_stats stats_now(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats;
}

static int hibernation_error(void *arg)
{
    (void)arg;
    CHECK_EQ(gor_stacks_release(), 0);
    return stats_now().hibernation_error;
}

static bool works(void)
{
    int error = gor_run(&all_may, hibernation_error, NULL);
    if (error != 0) {
        test_skip("hibernation: error %d", error);
    }
    return error == 0;
}

/* Run it where every goroutine may, as soon as the test says so. */
static void run_all_may(int (*root)(void *arg))
{
    if (works()) {
        CHECK_EQ(gor_run(&all_may, root, NULL), 0);
    }
}

static bool is_hibernated(gor_id_t id)
{
    struct gor_info info;
    CHECK_EQ(gor_lookup(id, &info), 0);
    return info.hibernated;
}

/* Put away whoever waits, until `id` is one of them. */
static void put_away(gor_id_t id)
{
    YIELD_UNTIL((gor_stacks_release(), is_hibernated(id)))
}

/* ---- a goroutine with something on its stack */

struct sleeper {
    struct gor_chan *gate;
    gor_id_t id;
    volatile uint64_t *words; /* on its stack, while it waits */
    uint64_t seed;
    uint64_t got;
};

__attribute__((noinline)) static uint64_t sleep_within(struct sleeper *s, int frames)
{
    volatile uint64_t words[WORDS];
    for (int i = 0; i < WORDS; i++) {
        words[i] = s->seed + (uint64_t)(frames * WORDS + i);
    }
    if (frames > 0) {
        s->got += sleep_within(s, frames - 1);
    } else {
        s->words = words;
        CHECK_EQ(gor_chan_recv(s->gate, &s->got), 1);
        s->words = NULL;
    }
    for (int i = 0; i < WORDS; i++) {
        CHECK_EQ(words[i], s->seed + (uint64_t)(frames * WORDS + i));
    }
    return 1;
}

static void sleep_on_stack(void *arg)
{
    struct sleeper *s = arg;
    (void)sleep_within(s, (int)(s->seed % FRAMES_MAX));
}

static void start_sleeper(struct sleeper *s, uint64_t seed)
{
    *s = (struct sleeper){.gate = new_chan(sizeof(uint64_t), 0), .seed = seed};
    s->id = spawn_parked(sleep_on_stack, s, GOR_WAIT_CHAN_RECV);
}

static void end_sleeper(struct sleeper *s)
{
    uint64_t value = s->seed * 3;
    CHECK_EQ(gor_chan_send(s->gate, &value), 0);
    await_end(s->id);
    CHECK_EQ(s->got, value + s->seed % FRAMES_MAX);
    gor_chan_unref(s->gate);
}

/* ---- going on */

static int many_sleep(void *arg)
{
    (void)arg;
    static struct sleeper sleepers[MANY];
    for (int i = 0; i < MANY; i++) {
        start_sleeper(&sleepers[i], (uint64_t)i + 1);
    }
    /* Of a few it is not worth while: they nearly fill their pages. */
    YIELD_UNTIL((gor_stacks_release(), stats_now().hibernated >= MOST))
    struct gor_stats asleep = stats_now();
    CHECK_INT(asleep.hibernated_bytes, >=, MOST * WORDS * sizeof(uint64_t));
    CHECK_INT(asleep.hibernated_memory, >=, asleep.hibernated_bytes);
    for (int i = MANY - 1; i >= 0; i--) {
        end_sleeper(&sleepers[i]);
    }
    struct gor_stats awake = stats_now();
    CHECK_INT(awake.hibernations_ended + awake.hibernations_disturbed, >=, MOST);
    CHECK_INT(awake.hibernated, <=, MANY - MOST);
    return 0;
}

TEST(hibernate_goes_on_as_if_nothing_had_been)
{
    run_all_may(many_sleep);
}

static int sleep_again(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= 20; i++) {
        struct sleeper s;
        start_sleeper(&s, i % 4);
        put_away(s.id);
        end_sleeper(&s);
    }
    return 0;
}

TEST(hibernate_stack_is_used_again)
{
    run_all_may(sleep_again);
}

/* ---- others' use of the stack */

/* Somebody has used the stack of `id`, the last of `times` since there were `before` such disturbances.
 * Where everybody hibernates at every look of a scheduler, it may do so again at once. */
static void check_disturbed(gor_id_t id, uint64_t before, uint64_t times)
{
    if (getenv("GOR_HIBERNATE") != NULL) {
        CHECK_INT(stats_now().hibernations_disturbed, >=, before + times);
    } else {
        CHECK(!is_hibernated(id));
        CHECK_EQ(stats_now().hibernations_disturbed, before + times);
    }
}

static int touch_by_goroutine(void *arg)
{
    (void)arg;
    struct sleeper s;
    start_sleeper(&s, 5 * FRAMES_MAX);
    uint64_t disturbed = stats_now().hibernations_disturbed;
    put_away(s.id);
    CHECK_EQ(s.words[WORDS - 1], s.seed + WORDS - 1);
    check_disturbed(s.id, disturbed, 1);
    put_away(s.id);
    s.words[0]++;
    check_disturbed(s.id, disturbed, 2);
    put_away(s.id);
    s.words[0]--;
    check_disturbed(s.id, disturbed, 3);
    put_away(s.id);
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_another_reads_and_writes_the_stack)
{
    run_all_may(touch_by_goroutine);
}

static void *touch_words(void *arg)
{
    struct sleeper *s = arg;
    for (int i = 0; i < WORDS; i++) {
        s->words[i]++;
        s->words[i]--;
    }
    return NULL;
}

static int touch_by_threads(void *arg)
{
    (void)arg;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct sleeper s;
    start_sleeper(&s, 3 * FRAMES_MAX);
    for (int round = 0; round < 10; round++) {
        put_away(s.id);
        /* One after the other uses it, but all of them may find it gone. */
        for (int i = 0; i < THREADS; i++) {
            CHECK_EQ(pthread_create(&threads[i], NULL, touch_words, &s), 0);
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
        }
    }
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_threads_of_the_host_use_the_stack)
{
    run_all_may(touch_by_threads);
}

static void *touch_without_descriptors(void *arg)
{
    CHECK_EQ(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE), 0);
    return touch_words(arg);
}

static int touch_by_thread_apart(void *arg)
{
    (void)arg;
    pthread_t thread;
    struct sleeper s;
    start_sleeper(&s, 0);
    uint64_t disturbed = stats_now().hibernations_disturbed;
    put_away(s.id);
    CHECK_EQ(pthread_create(&thread, NULL, touch_without_descriptors, &s), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    check_disturbed(s.id, disturbed, 1);
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_thread_with_descriptors_of_its_own_uses_the_stack)
{
    run_all_may(touch_by_thread_apart);
}

/* Exit code 0 when the child finds the words, and its own copy of them only is written to. */
static int in_child(const struct sleeper *s)
{
    for (int i = 0; i < WORDS; i++) {
        if (s->words[i] != s->seed + (uint64_t)i) {
            return 1;
        }
        s->words[i] = 0;
    }
    return s->words[WORDS - 1] == 0 ? 0 : 2;
}

static int fork_asleep(void *arg)
{
    (void)arg;
    struct sleeper s;
    int status = -1;
    start_sleeper(&s, 7 * FRAMES_MAX);
    put_away(s.id);
    pid_t child = fork();
    CHECK_INT(child, >=, 0);
    if (child == 0) {
        _exit(in_child(&s));
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK(is_hibernated(s.id));
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_child_process_has_the_stack_too)
{
    run_all_may(fork_asleep);
}

/* ---- system calls */

static void fill_pipe(int ends[2])
{
    static const uint64_t words[2] = {1, 2};
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    CHECK_EQ(write(ends[1], words, sizeof words), (ssize_t)sizeof words);
}

static int lend_to_kernel(void *arg)
{
    (void)arg;
    struct sleeper s;
    int ends[2];
    start_sleeper(&s, 2 * FRAMES_MAX);
    fill_pipe(ends);
    put_away(s.id);
    /* The limit: a call that is not ours finds nothing there, and nothing is lost. */
    CHECK_EQ(read(ends[0], (void *)(uintptr_t)s.words, 8), -1);
    CHECK_EQ(errno, EFAULT);
    CHECK(is_hibernated(s.id));
    /* One of ours brings the stack back first. */
    CHECK_EQ(gor_read(ends[0], (void *)(uintptr_t)s.words, 8, GOR_NEVER), 8);
    CHECK_EQ(s.words[0], 1);
    put_away(s.id);
    struct iovec parts[2] = {{(void *)(uintptr_t)&s.words[0], 4},
                             {(char *)(uintptr_t)&s.words[0] + 4, 4}};
    CHECK_EQ(gor_readv(ends[0], parts, 2, GOR_NEVER), 8);
    CHECK_EQ(s.words[0], 2);
    put_away(s.id);
    s.words[0] = s.seed;
    put_away(s.id);
    CHECK_EQ(gor_write(ends[1], (const void *)(uintptr_t)s.words, 16, GOR_NEVER), 16);
    end_sleeper(&s);
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
    return 0;
}

TEST(hibernate_system_call_answers_efault_but_not_by_this_library)
{
    run_all_may(lend_to_kernel);
}

/* The name of a program, and its arguments, on a stack that is away. */
static int spawn_with_strings(void *arg)
{
    (void)arg;
    struct sleeper s;
    struct gor_proc *proc = NULL;
    int status = -1;
    start_sleeper(&s, 4 * FRAMES_MAX);
    char *name = (char *)(uintptr_t)&s.words[1];
    char **arguments = (char **)(uintptr_t)&s.words[2];
    uint64_t kept[3] = {s.words[1], s.words[2], s.words[3]};
    memcpy(name, "true", sizeof "true");
    arguments[0] = name;
    arguments[1] = NULL;
    put_away(s.id);
    CHECK_EQ(gor_proc_spawn(name, arguments, NULL, &proc), 0);
    CHECK_EQ(gor_proc_wait(proc, &status, NULL, GOR_NEVER), 0);
    CHECK_EQ(status, 0);
    gor_proc_free(proc);
    for (int i = 0; i < 3; i++) {
        s.words[1 + i] = kept[i];
    }
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_program_is_started_by_strings_on_the_stack)
{
    run_all_may(spawn_with_strings);
}

/* ---- who may */

struct chooser {
    struct gor_chan *gate;
    volatile bool before;
    volatile bool may;
};

static void choose_and_wait(void *arg)
{
    struct chooser *c = arg;
    c->before = gor_hibernate(c->may);
    CHECK_EQ(gor_chan_recv(c->gate, NULL), 0);
}

static gor_id_t start_chooser(struct chooser *c, bool may, enum gor_hibernation option)
{
    gor_id_t id = 0;
    *c = (struct chooser){.gate = new_chan(0, 0), .may = may};
    struct gor_go_opts opts = {.out_id = &id, .hibernation = option};
    CHECK_EQ(gor_go_with(&opts, choose_and_wait, c), 0);
    await_waiting(id, GOR_WAIT_CHAN_RECV);
    return id;
}

static void end_chooser(struct chooser *c, gor_id_t id)
{
    CHECK_EQ(gor_chan_close(c->gate), 0);
    await_end(id);
    gor_chan_unref(c->gate);
}

static int choose(void *default_may)
{
    struct chooser may;
    struct chooser may_not;
    gor_id_t one = start_chooser(&may, true, GOR_HIBERNATE_NEVER);
    gor_id_t other = start_chooser(&may_not, false, GOR_HIBERNATE_MAY);
    CHECK(!may.before && may_not.before);
    put_away(one);
    CHECK(!is_hibernated(other));
    end_chooser(&may, one);
    end_chooser(&may_not, other);
    one = start_chooser(&may, true, GOR_HIBERNATE_DEFAULT);
    CHECK_EQ(may.before, default_may != NULL);
    put_away(one);
    end_chooser(&may, one);
    return 0;
}

TEST(hibernate_who_may_is_chosen_by_option_and_by_itself)
{
    static const struct gor_opts nobody = {.hibernate_after_ns = GOR_NEVER};
    static int yes;
    if (works()) {
        bool forced = getenv("GOR_HIBERNATE") != NULL;
        CHECK_EQ(gor_run(&all_may, choose, &yes), 0);
        CHECK_EQ(gor_run(&nobody, choose, forced ? &yes : NULL), 0);
    }
}

static int wait_for_post(void *arg)
{
    while (sem_wait(arg) != 0) {
        CHECK_EQ(errno, EINTR);
    }
    return 0;
}

static void lend_to_thread(void *arg)
{
    CHECK_EQ(gor_blocking(wait_for_post, arg), 0);
}

static int block(void *arg)
{
    (void)arg;
    struct sleeper s;
    sem_t post;
    CHECK_EQ(sem_init(&post, 0, 0), 0);
    gor_id_t id = spawn_parked(lend_to_thread, &post, GOR_WAIT_BLOCKING);
    start_sleeper(&s, 1);
    put_away(s.id);
    CHECK(!is_hibernated(id));
    CHECK_EQ(sem_post(&post), 0);
    await_end(id);
    CHECK_EQ(sem_destroy(&post), 0);
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_not_while_a_thread_works_for_it)
{
    run_all_may(block);
}

/* ---- in the background */

static int sleep_for_long(void *arg)
{
    (void)arg;
    struct sleeper s;
    start_sleeper(&s, 1);
    YIELD_UNTIL(is_hibernated(s.id))
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_comes_by_itself_after_the_time_asked_for)
{
    const struct gor_opts soon = {.hibernate = true, .hibernate_after_ns = GOR_MILLISECOND};
    const struct gor_opts only = {
        .hibernate = true, .hibernate_after_ns = GOR_MILLISECOND, .stack_idle_ns = GOR_NEVER};
    if (works()) {
        CHECK_EQ(gor_run(&soon, sleep_for_long, NULL), 0);
        CHECK_EQ(gor_run(&only, sleep_for_long, NULL), 0);
    }
}

static void wait_by_choice(void *arg)
{
    CHECK(!gor_hibernate(true));
    CHECK_EQ(gor_chan_recv(arg, NULL), 0);
}

static int choose_late(void *arg)
{
    struct gor_chan *gate = new_chan(0, 0);
    (void)arg;
    gor_id_t id = spawn_parked(wait_by_choice, gate, GOR_WAIT_CHAN_RECV);
    YIELD_UNTIL(is_hibernated(id))
    CHECK_EQ(gor_chan_close(gate), 0);
    await_end(id);
    gor_chan_unref(gate);
    return 0;
}

TEST(hibernate_comes_though_nobody_could_at_the_start)
{
    const struct gor_opts soon = {.hibernate_after_ns = GOR_MILLISECOND,
                                  .stack_idle_ns = GOR_NEVER};
    if (works() && getenv("GOR_HIBERNATE") == NULL) {
        CHECK_EQ(gor_run(&soon, choose_late, NULL), 0);
    }
}

/* ---- ends */

static struct sleeper left[10];

static int leave_asleep(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++) {
        start_sleeper(&left[i], (uint64_t)i % 4);
    }
    for (int i = 0; i < 10; i++) {
        put_away(left[i].id);
    }
    return 0;
}

TEST(hibernate_stop_does_not_wait_for_those_who_are_away)
{
    for (int round = 0; round < 2; round++) {
        run_all_may(leave_asleep);
        for (int i = 0; i < 10; i++) {
            gor_chan_unref(left[i].gate);
            left[i].gate = NULL;
        }
    }
}

/* ---- what is seen of it */

static int dump(void *arg)
{
    static char text[1 << 16];
    (void)arg;
    struct sleeper s;
    start_sleeper(&s, 3);
    put_away(s.id);
    struct gor_stats before = stats_now();
    for (int merged = 0; merged < 2; merged++) {
        FILE *out = fmemopen(text, sizeof text, "w");
        struct gor_dump_opts opts = {.id = s.id, .merged = merged != 0};
        CHECK(out != NULL);
        CHECK_EQ(gor_dump_with(out, &opts), 0);
        CHECK_EQ(fclose(out), 0);
        CHECK(strstr(text, "[chan receive, hibernated]:") != NULL);
        CHECK(strstr(text, "sleep_within") != NULL);
        CHECK(strstr(text, "run_spawned") != NULL);
        CHECK(strstr(text, "lost") == NULL);
    }
    CHECK_EQ(stats_now().hibernations_disturbed, before.hibernations_disturbed);
    CHECK(is_hibernated(s.id));
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_dump_shows_frames_and_disturbs_nobody)
{
    run_all_may(dump);
}

/* ---- readers of frozen stacks, whose goroutines go on, end, and are used again with any argument */

static _Atomic bool readers_over;

static int visit_nothing(void *arg, const struct gor_info *info)
{
    (void)arg;
    CHECK_INT(info->frame_count, <=, 32);
    return 0;
}

static void *read_all_stacks(void *unused)
{
    (void)unused;
    while (!atomic_load(&readers_over)) {
        CHECK_EQ(gor_each(visit_nothing, NULL), 0);
    }
    return NULL;
}

static struct gor_chan *many_gates;

static void take_number(void *number)
{
    uint64_t value = 0;
    CHECK_INT((uintptr_t)number, <, 100);
    CHECK_EQ(gor_chan_recv(many_gates, &value), 1);
}

static int come_and_go_while_read(void *arg)
{
    enum { EACH = 8, TURNS = SCALED(300, 100, 30) };
    (void)arg;
    pthread_t reader;
    many_gates = new_chan(sizeof(uint64_t), 0);
    CHECK_EQ(pthread_create(&reader, NULL, read_all_stacks, NULL), 0);
    for (int turn = 0; turn < TURNS; turn++) {
        for (uintptr_t i = 1; i <= EACH; i++) {
            CHECK_EQ(gor_go(take_number, (void *)i), 0); /* NOLINT: as programs pass numbers */
        }
        (void)gor_stacks_release();
        for (uint64_t i = 0; i < EACH; i++) {
            CHECK_EQ(gor_chan_send(many_gates, &i), 0);
        }
    }
    atomic_store(&readers_over, true);
    CHECK_EQ(pthread_join(reader, NULL), 0);
    gor_chan_unref(many_gates);
    return 0;
}

TEST(hibernate_stacks_are_read_while_their_goroutines_are_used_again)
{
    run_all_may(come_and_go_while_read);
}

static int do_without(void *arg)
{
    static char text[1 << 16];
    (void)arg;
    struct sleeper s;
    start_sleeper(&s, 1);
    CHECK_EQ(gor_stacks_release(), 0);
    struct gor_stats stats = stats_now();
    CHECK_INT(stats.hibernation_error, <, 0);
    CHECK_EQ(stats.hibernated, 0);
    FILE *out = fmemopen(text, sizeof text, "w");
    CHECK(out != NULL);
    CHECK_EQ(gor_dump(out), 0);
    CHECK_EQ(fclose(out), 0);
    CHECK(strstr(text, "nobody hibernates: error ") == text);
    end_sleeper(&s);
    return 0;
}

TEST(hibernate_not_where_the_kernel_does_not_let_us)
{
    if (gor_run(&all_may, hibernation_error, NULL) == 0) {
        test_skip("it does; see $GOR_MEMORY=no-evict");
        return;
    }
    CHECK_EQ(gor_run(&all_may, do_without, NULL), 0);
}
