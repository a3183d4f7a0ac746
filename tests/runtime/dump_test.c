/* SPDX-License-Identifier: MIT */
/* dump_test.c - the printed form of goroutines: of all or some, merged or not, waiting or running. */
#include <sched.h>
#include <time.h>

#include "runtime/sched/capture.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "tests/runtime/help.h"

/* What instrumentation puts between caller and callee, or delays, is not looked at. */
#if defined(__SANITIZE_THREAD__)
#define STOPS_ANYWHERE false
#else
#define STOPS_ANYWHERE true
#endif

/* Keeps a call from becoming a jump. */
#define COME_BACK() __asm__ volatile("" ::: "memory")

static char *dump_text(const struct gor_dump_opts *opts)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    CHECK(out != NULL);
    CHECK_EQ(gor_dump_with(out, opts), 0);
    CHECK_EQ(fclose(out), 0);
    return text;
}

static void check_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        test_fail(__FILE__, __LINE__, "no \"%s\" in: %s", words, text);
    }
}

static void check_has_not(const char *text, const char *words)
{
    if (strstr(text, words) != NULL) {
        test_fail(__FILE__, __LINE__, "there is \"%s\" in: %s", words, text);
    }
}

static int count_words(const char *text, const char *words)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++) {
        count++;
    }
    return count;
}

static void park_in_select(void *arg)
{
    struct gor_case one = {arg, NULL, GOR_RECV, 0};
    struct gor_case cases[] = {one, {NULL, NULL, GOR_RECV, 0}};
    (void)gor_select(cases, 2);
    COME_BACK();
}

static void park_in_recv(void *arg)
{
    gor_set_name("waiter-seven");
    (void)gor_chan_recv(arg, NULL);
    COME_BACK();
}

static void close_and_wait(struct gor_chan *c)
{
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
}

GO_TEST(dump_shows_ids_states_reasons_and_names)
{
    struct gor_chan *c = new_chan(0, 0);
    char words[64];
    gor_id_t select_id = spawn_parked(park_in_select, c, GOR_WAIT_SELECT);
    gor_id_t recv_id = spawn_parked(park_in_recv, c, GOR_WAIT_CHAN_RECV);
    char *text = dump_text(NULL);
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [select]:\n", select_id);
    check_has(text, words);
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [chan receive, \"waiter-seven\"]:\n",
             recv_id);
    check_has(text, words);
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [running, \"main\"]:\ngor_dump",
             gor_self());
    check_has(text, words);
    snprintf(words, sizeof words, "created by spawn_id in goroutine %" PRIu64 "\n", gor_self());
    check_has(text, words);
    check_has(text, "\npark_in_recv(...)\n\t/");
    check_has(text, "tests/runtime/dump_test.c:");
    free(text);
    close_and_wait(c);
}

/* ---- the exact form */

static __attribute__((noinline, noclone)) int innermost(struct gor_chan *c)
{
    int result = gor_chan_recv(c, NULL); /* line A */
    COME_BACK();
    return result;
}

enum { LINE_A = __LINE__ - 5 };

static inline __attribute__((always_inline)) int inlined(struct gor_chan *c)
{
    int result = innermost(c);
    COME_BACK();
    return result;
}

enum { LINE_B = __LINE__ - 5 };

static void outermost(void *arg)
{
    (void)inlined(arg);
    COME_BACK();
}

enum { LINE_C = __LINE__ - 4 };

static __attribute__((noinline, noclone)) gor_id_t start_outermost(struct gor_chan *c)
{
    gor_id_t id = 0;
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, outermost, c), 0);
    COME_BACK();
    return id;
}

/* Behind the place of a frame, there may be " +0x12". */
static void check_line(const char **text, const char *expected)
{
    const char *end = strchr(*text, '\n');
    CHECK(end != NULL);
    size_t length = (size_t)(end - *text);
    const char *offset = length > 0 ? memmem(*text, length, " +0x", 4) : NULL;
    length = offset != NULL ? (size_t)(offset - *text) : length;
    if (length != strlen(expected) || memcmp(*text, expected, length) != 0) {
        test_fail(__FILE__, __LINE__, "not \"%s\" but: %s", expected, *text);
    }
    *text = end + 1;
}

static void check_place(const char **text, int line)
{
    char place[600];
    (void)snprintf(place, sizeof place, "\t%s:%d", __FILE__, line);
    check_line(text, place);
}

static void check_frames(const char *text)
{
    /* The library's own functions, as many as the compiler has left. */
    const char *at = strstr(text, "innermost(...)\n");
    CHECK(at != NULL);
    check_line(&at, "innermost(...)");
    check_place(&at, LINE_A);
    check_line(&at, "inlined(...)");
    check_place(&at, LINE_B);
    check_line(&at, "outermost(...)");
    check_place(&at, LINE_C);
    CHECK(strncmp(at, "created by start_outermost", 26) == 0);
}

GO_TEST(dump_of_one_is_a_traceback_of_gos_form)
{
    struct gor_chan *c = new_chan(0, 0);
    char words[64];
    gor_id_t id = start_outermost(c);
    await_waiting(id, GOR_WAIT_CHAN_RECV);
    char *text = dump_text(&(struct gor_dump_opts){.id = id});
    snprintf(words, sizeof words, "goroutine %" PRIu64 " [chan receive]:\n", id);
    CHECK(strncmp(text, words, strlen(words)) == 0);
    check_has(text, " [chan receive]:\ngor_chan_recv(...)\n");
    check_frames(text);
    snprintf(words, sizeof words, "created by start_outermost in goroutine %" PRIu64 "\n\t",
             gor_self());
    check_has(text, words);
    CHECK_STR(text + strlen(text) - 2, "\n\n");
    free(text);
    close_and_wait(c);
}

GO_TEST(dump_merges_equal_stacks)
{
    struct gor_chan *c = new_chan(0, 0);
    char words[128];
    for (int i = 0; i < 6; i++) {
        await_waiting(start_outermost(c), GOR_WAIT_CHAN_RECV);
    }
    gor_id_t alone = spawn_parked(park_in_select, c, GOR_WAIT_SELECT);
    struct gor_dump_opts opts = {.merged = true, .states = 1u << GOR_WAITING};
    char *text = dump_text(&opts);
    check_has(text, "7 goroutines, 2 different stacks\n\n6 goroutines [chan receive]: ");
    check_has(text, "\ngor_chan_recv(...)\n");
    check_has_not(text, "wait_to_recv");
    check_frames(text);
    check_has(text, " ...\n");
    check_has_not(text, "in goroutine");
    snprintf(words, sizeof words, "1 goroutine [select]: %" PRIu64 "\n", alone);
    check_has(text, words);
    CHECK(strstr(text, "[select]") > strstr(text, "[chan receive]"));
    free(text);
    opts.limit = 1;
    text = dump_text(&opts);
    check_has(text, "7 goroutines, 2 different stacks");
    check_has_not(text, "[select]");
    free(text);
    close_and_wait(c);
}

GO_TEST(dump_shows_those_that_are_asked_for)
{
    struct gor_chan *c = new_chan(0, 0);
    (void)spawn_parked(park_in_select, c, GOR_WAIT_SELECT);
    (void)spawn_parked(park_in_recv, c, GOR_WAIT_CHAN_RECV);
    (void)start_outermost(c);
    struct gor_stats stats;
    do {
        gor_yield();
        CHECK_EQ(gor_stats_get(&stats, true), 0);
    } while (stats.by_state[GOR_WAITING] != 3);
    char *text = dump_text(&(struct gor_dump_opts){.states = 1u << GOR_RUNNING});
    CHECK_EQ(count_words(text, "goroutine "), 1);
    free(text);
    text = dump_text(&(struct gor_dump_opts){.reasons = UINT64_C(1) << GOR_WAIT_CHAN_RECV});
    CHECK_EQ(count_words(text, "[chan receive"), 2);
    check_has_not(text, "[select");
    check_has_not(text, "[running");
    free(text);
    text = dump_text(&(struct gor_dump_opts){.name = "waiter-seven"});
    CHECK_EQ(count_words(text, "]:\n"), 1);
    check_has(text, "park_in_recv(...)");
    free(text);
    text = dump_text(&(struct gor_dump_opts){.min_wait_ns = 3600 * GOR_SECOND});
    CHECK_STR(text, "");
    free(text);
    text = dump_text(&(struct gor_dump_opts){.limit = 2});
    CHECK_EQ(count_words(text, "]:\n"), 2);
    free(text);
    close_and_wait(c);
}

/* ---- those that run */

static _Atomic bool go_on;
static _Atomic int there;

static __attribute__((noinline, noclone)) void spin(int depth)
{
    if (depth > 0) {
        spin(depth - 1);
        COME_BACK();
        return;
    }
    atomic_fetch_add(&there, 1);
    while (!atomic_load(&go_on)) {
        COME_BACK();
    }
}

static void compute(void *unused)
{
    (void)unused;
    spin(3);
    COME_BACK();
}

static __attribute__((noinline, noclone)) void block(void)
{
    struct timespec nap = {0, 1000000};
    atomic_fetch_add(&there, 1);
    while (!atomic_load(&go_on)) {
        nanosleep(&nap, NULL);
    }
}

static void block_outside(void *unused)
{
    (void)unused;
    block();
    COME_BACK();
}

/* Again until it has been found in a moment when it could be asked, or was not waiting for its P. */
static void await_words_with(const struct gor_dump_opts *opts, const char *words)
{
    for (;;) {
        char *text = dump_text(opts);
        bool has = strstr(text, words) != NULL;
        free(text);
        if (has) {
            return;
        }
        gor_yield();
    }
}

static void await_words(const char *words)
{
    await_words_with(NULL, words);
}

static void await_all_gone(void)
{
    atomic_store(&go_on, true);
    YIELD_UNTIL(gor_num_goroutine() == 1)
}

GO_TEST(dump_shows_where_goroutines_compute)
{
    if (!STOPS_ANYWHERE) {
        test_skip("the sanitizer delays signals");
        return;
    }
    atomic_store(&go_on, false);
    atomic_store(&there, 0);
    for (int i = 0; i < 3; i++) {
        spawn(compute, NULL);
    }
    YIELD_UNTIL(atomic_load(&there) == 3)
    for (int i = 0; i < 20; i++) {
        await_words("spin(...)\n");
    }
    char *text = dump_text(NULL);
    CHECK_INT(count_words(text, "\nspin(...)\n"), >=, 4);
    check_has(text, "compute(...)\n");
    free(text);
    await_all_gone();
}

GO_TEST(dump_shows_where_goroutines_are_blocked)
{
    atomic_store(&go_on, false);
    atomic_store(&there, 0);
    spawn(block_outside, NULL);
    YIELD_UNTIL(atomic_load(&there) == 1)
    await_words("[syscall]:\n");
    await_words("block_outside(...)\n");
    await_words("\nblock(...)\n");
    await_all_gone();
}

GO_TEST(dump_without_running_ones_asks_nobody)
{
    atomic_store(&go_on, false);
    atomic_store(&there, 0);
    spawn(block_outside, NULL);
    YIELD_UNTIL(atomic_load(&there) == 1)
    /* There already, it may have been stopped just before it blocks. */
    await_words("[syscall]:\n");
    await_words_with(&(struct gor_dump_opts){.no_running = true},
                     "[running]:\nblock_outside(...)\n");
    await_words_with(&(struct gor_dump_opts){.no_running = true},
                     "...where it is now could not be found out...\n");
    await_all_gone();
}

/* ---- the stream */

GO_TEST(dump_to_a_broken_stream_tells_the_error)
{
    FILE *full = fopen("/dev/full", "w");
    CHECK(full != NULL);
    setvbuf(full, NULL, _IONBF, 0);
    CHECK_INT(gor_dump(full), <, 0);
    fclose(full);
}

static int refuse(void *arg, const char *text, size_t bytes)
{
    CHECK(bytes > 0 && text != NULL);
    ++*(int *)arg;
    return -EPIPE;
}

GO_TEST(dump_in_pieces_ends_when_nobody_wants_more)
{
    int calls = 0;
    CHECK_EQ(gor_dump_to(refuse, &calls, NULL), -EPIPE);
    CHECK_EQ(calls, 1);
}

struct crowd {
    struct gor_waitgroup started;
    struct gor_chan *c;
};

static void park_in_crowd(void *arg)
{
    struct crowd *crowd = arg;
    gor_waitgroup_done(&crowd->started);
    (void)gor_chan_recv(crowd->c, NULL);
}

GO_TEST(dump_of_thousands_shows_every_one)
{
    int count = SCALED(5000, 2000, 1000);
    struct crowd crowd = {.c = new_chan(0, 0)};
    gor_waitgroup_add(&crowd.started, count);
    for (int i = 0; i < count; i++) {
        spawn(park_in_crowd, &crowd);
    }
    gor_waitgroup_wait(&crowd.started);
    struct gor_stats stats;
    do {
        gor_yield();
        CHECK_EQ(gor_stats_get(&stats, true), 0);
    } while (stats.by_state[GOR_WAITING] != (uint64_t)count);
    char *text = dump_text(NULL);
    CHECK_EQ(count_words(text, "[chan receive"), count);
    free(text);
    char words[64];
    text = dump_text(&(struct gor_dump_opts){.merged = true});
    snprintf(words, sizeof words, "\n%d goroutines [chan receive]: ", count);
    check_has(text, words);
    free(text);
    close_and_wait(crowd.c);
}

TEST(dump_without_a_runtime_is_harmless)
{
    FILE *null = fopen("/dev/null", "w");
    CHECK_INT(gor_dump(null), <=, 0);
    fclose(null);
}

/* ---- two at once, and the end of the runtime */

static _Atomic int computes;

static void compute_until_told(void *unused)
{
    (void)unused;
    atomic_store(&computes, 1);
    while (atomic_load(&computes) == 1) {
        COME_BACK();
    }
    atomic_store(&computes, 3);
}

/* Under the lock. */
static struct gor__m *find_machine(gor_id_t id)
{
    for (struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        const struct gor__g *g = __atomic_load_n(&m->g, __ATOMIC_RELAXED);
        if (g != NULL && g->id == id) {
            return m;
        }
    }
    return NULL;
}

/* What the second and the third ask for is answered, too, though the first has changed his mind. */
static void ask_three_times(gor_id_t id)
{
    static struct gor__capture captures[3];
    memset(captures, 0, sizeof captures);
    gor__enter();
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = find_machine(id);
    bool asked = m != NULL;
    for (int i = 0; i < 3; i++) {
        asked = asked && gor__capture_ask(m, &captures[i]);
    }
    bool back = asked && gor__capture_take_back(m, &captures[0]);
    gor__mutex_unlock(&gor__sched.lock);
    gor__leave();
    CHECK(asked);
    for (int i = back ? 1 : 0; i < 3; i++) {
        while (__atomic_load_n(&captures[i].done, __ATOMIC_ACQUIRE) == 0) {
            (void)gor__futex_wait(&captures[i].done, 0, GOR_NEVER);
        }
        CHECK_EQ(captures[i].id, id);
    }
}

static void check_many_ask(void *unused)
{
    (void)unused;
    gor_id_t id = spawn_id(compute_until_told, NULL);
    YIELD_UNTIL(atomic_load(&computes) == 1)
    ask_three_times(id);
    atomic_store(&computes, 2);
    await_end(id);
}

static int run_many_ask(void *arg)
{
    check_many_ask(arg);
    return 0;
}

/* Two processors, for one of the two computes until it was asked. */
TEST(thread_answers_all_who_ask_it_at_once)
{
    if (STOPS_ANYWHERE) {
        CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, run_many_ask, NULL), 0);
    }
}

enum { MANY = SCALED(5000, 2000, 1000) };

static _Atomic int written;
static _Atomic int written_late;
static _Atomic int result_of_dump;

static void park_for_long(void *unused)
{
    (void)unused;
    (void)gor_sleep(1000 * GOR_SECOND);
}

/* The first piece is written until the runtime stops. */
static int write_until_stopping(void *unused, const char *text, size_t bytes)
{
    (void)unused;
    (void)text;
    (void)bytes;
    if (atomic_fetch_add(&written, 1) > 0) {
        atomic_fetch_add(&written_late, 1);
    }
    while (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        COME_BACK();
    }
    return 0;
}

static void dump_slowly(void *unused)
{
    (void)unused;
    for (int i = 0; i < MANY; i++) {
        spawn(park_for_long, NULL);
    }
    gor_yield();
    struct gor_dump_opts opts = {.no_running = true};
    atomic_store(&result_of_dump, gor_dump_to(write_until_stopping, NULL, &opts));
}

TEST(dump_by_a_goroutine_does_not_keep_the_runtime_from_stopping)
{
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_go(dump_slowly, NULL), 0);
    while (atomic_load(&written) == 0) {
        (void)sched_yield();
    }
    CHECK_EQ(gor_stop(), 0);
    CHECK_EQ(atomic_load(&result_of_dump), -ECANCELED);
    /* What was in hand. */
    CHECK_INT(atomic_load(&written_late), <=, 1);
}
