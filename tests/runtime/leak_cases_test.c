/* SPDX-License-Identifier: MIT */
/* The leak finder and the deadlock report on small programs of known outcome (leak_cases/), each in a
 * process of its own. Prints what was expected and what was found; docs/leaks.md has the table. */
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/leak_cases/cases.h"

#if defined(__SANITIZE_THREAD__)
/* Else each of these processes waits for a second at its end. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Their malloc's memory counts as reached, so what it leads to is not found. */
enum { MAY_MISS = true };
#else
enum { MAY_MISS = false };
#endif

#define PATIENCE (30 * GOR_SECOND)

/* A process that plays one case alone finds its name here, and says what was found there. */
#define SCENE "LEAK_CASE_ALONE"
enum { ANSWER_FD = 9 };

static struct leak_case *all;

void leak_case_register(struct leak_case *one)
{
    one->next = all;
    all = one;
}

/* ---- the cast */

struct role {
    void (*fn)(void *arg);
    void *arg;
};

static unsigned cast;
static unsigned on_stage;
static unsigned expected;
static unsigned unnamed;

void *lasting(size_t bytes)
{
    void *memory = calloc(1, bytes);
    CHECK(memory != NULL);
    return memory;
}

struct gor_chan *channel(size_t capacity)
{
    struct gor_chan *c = gor_chan_new(sizeof(int), capacity);
    CHECK(c != NULL);
    return c;
}

struct pair *pair_of(void *a, void *b)
{
    struct pair *pair = lasting(sizeof *pair);
    *pair = (struct pair){a, b};
    return pair;
}

static void play(void *arg)
{
    struct role role = *(struct role *)arg;
    free(arg);
    __atomic_add_fetch(&on_stage, 1, __ATOMIC_RELAXED);
    role.fn(role.arg);
}

static void start(const char *name, void (*fn)(void *arg), void *arg)
{
    struct gor_go_opts opts = {.name = name};
    struct role *role = lasting(sizeof *role);
    *role = (struct role){fn, arg};
    __atomic_add_fetch(&cast, 1, __ATOMIC_RELAXED);
    CHECK_EQ(gor_go_with(&opts, play, role), 0);
}

void leaks(void (*fn)(void *arg), void *arg)
{
    __atomic_add_fetch(&expected, 1, __ATOMIC_RELAXED);
    start("leaks", fn, arg);
}

void unnamed_leaks(unsigned count)
{
    unnamed += count;
    expected += count;
}

void lives(void (*fn)(void *arg), void *arg)
{
    start("lives", fn, arg);
}

void ends(void (*fn)(void *arg), void *arg)
{
    start("ends", fn, arg);
}

void send_one(void *chan)
{
    int value = 1;
    CHECK_EQ(gor_chan_send(chan, &value), 0);
}

void recv_one(void *chan)
{
    int value = 0;
    CHECK_EQ(gor_chan_recv(chan, &value), 1);
}

void recv_until_closed(void *chan)
{
    int value = 0;
    while (gor_chan_recv(chan, &value) == 1) {
    }
}

void wait_for_group(void *waitgroup)
{
    gor_waitgroup_wait(waitgroup);
}

void wait_for_context(void *ctx)
{
    (void)gor_chan_recv(gor_ctx_done(ctx), NULL);
}

void lock_and_unlock(void *mutex)
{
    gor_mutex_lock(mutex);
    gor_mutex_unlock(mutex);
}

/* ---- one scene */

/* Nobody is in the middle of anything that will end. */
static int unsettled(void *arg, const struct gor_info *info)
{
    (void)arg;
    if (strcmp(info->name, "leaks") == 0 || info->name[0] == '\0') {
        return info->state != GOR_WAITING;
    }
    return strcmp(info->name, "main") != 0 && strcmp(info->name, "lives") != 0;
}

/* Three times in a row, for the looks are at one goroutine after the other. */
static void settle(void)
{
    int64_t deadline = gor_after(PATIENCE);
    for (int quiet = 0; quiet < 3;) {
        bool all_came = __atomic_load_n(&on_stage, __ATOMIC_RELAXED) ==
                        __atomic_load_n(&cast, __ATOMIC_RELAXED);
        quiet = all_came && gor_each(unsettled, NULL) == 0 ? quiet + 1 : 0;
        if (gor_now() > deadline) {
            (void)gor_dump(stderr);
            test_fail(__FILE__, __LINE__, "the scene does not settle");
        }
        CHECK_EQ(gor_sleep(200 * GOR_MICROSECOND), 0);
    }
}

struct findings {
    int result; /* of gor_leak_check */
    unsigned expected;
    unsigned right;
    unsigned wrong; /* found, and should not be */
};

static int judge(void *arg, const struct gor_leak *leak)
{
    struct findings *findings = arg;
    const char *name = leak->info.name;
    if (strcmp(name, "leaks") == 0 || (name[0] == '\0' && unnamed > 0)) {
        findings->right++;
    } else {
        findings->wrong++;
    }
    return 0;
}

static void run_body(void *arg)
{
    struct leak_case *one = arg;
    one->body();
}

static int play_scene(void *arg)
{
    struct leak_case *one = arg;
    static const struct gor_go_opts named = {.name = "scene"};
    CHECK_EQ(gor_go_with(&named, run_body, one), 0);
    settle();
    return 0;
}

static struct {
    struct leak_case *one;
    int answer; /* of the pipe */
} stage;

/* What was left below by calls that are over, timers that fired among them, would lie between what the
 * finder keeps there. */
static __attribute__((noinline)) void clear_stack(void)
{
    volatile char below[16384];
    for (size_t i = 0; i < sizeof below; i++) {
        below[i] = 0;
    }
}

static int find_leaks(void *arg)
{
    struct findings findings = {.result = 0};
    (void)arg;
    (void)play_scene(stage.one);
    clear_stack();
    findings.expected = expected;
    findings.result = gor_leak_check(judge, &findings);
    CHECK_EQ(write(stage.answer, &findings, sizeof findings), sizeof findings);
    _exit(0);
}

static int call_body(void *arg)
{
    struct leak_case *one = arg;
    one->body();
    return 0;
}

/* ---- each in its process */

static void play_alone(struct leak_case *one)
{
    static const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)unsetenv("GOR_LEAKS"); /* looks all the time leave more behind than the scene does */
    stage.one = one;
    stage.answer = ANSWER_FD;
    if (one->outcome == DEADLOCK) {
        (void)dup2(ANSWER_FD, STDERR_FILENO);
        (void)gor_run(NULL, call_body, one);
        _exit(0);
    }
    (void)gor_run(NULL, find_leaks, NULL);
    _exit(1);
}

/* The whole program anew: a fork has threads of ThreadSanitizer's that nobody knows of. */
static pid_t start_child(struct leak_case *one, int *out_pipe)
{
    int ends_of_pipe[2];
    CHECK_EQ(pipe(ends_of_pipe), 0);
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        (void)close(ends_of_pipe[0]);
        (void)dup2(ends_of_pipe[1], ANSWER_FD);
        if (ends_of_pipe[1] != ANSWER_FD) {
            (void)close(ends_of_pipe[1]);
        }
        (void)setenv(SCENE, one->name, 1);
        (void)execl("/proc/self/exe", "leak_cases_test", NULL);
        _exit(127);
    }
    (void)close(ends_of_pipe[1]);
    *out_pipe = ends_of_pipe[0];
    return pid;
}

static size_t read_all(int fd, char *to, size_t room)
{
    size_t length = 0;
    ssize_t got = 0;
    while (length < room && (got = read(fd, to + length, room - length)) > 0) {
        length += (size_t)got;
    }
    return length;
}

static int status_of(pid_t pid)
{
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

static bool check_findings(struct leak_case *one)
{
    struct findings findings = {.result = -EIO};
    int fd = -1;
    pid_t pid = start_child(one, &fd);
    bool answered = read_all(fd, (char *)&findings, sizeof findings) == sizeof findings;
    (void)close(fd);
    int status = status_of(pid);
    bool right =
        answered && findings.wrong == 0 && findings.result >= 0 &&
        (findings.right == findings.expected || (MAY_MISS && findings.right < findings.expected));
    printf("%-42s %3u leaked   found %3u%s\n", one->name, findings.expected, findings.right,
           right ? "" : "   WRONG");
    if (!right) {
        printf("    status %x, gor_leak_check %d, not leaked but found: %u\n", (unsigned)status,
               findings.result, findings.wrong);
    }
    return right;
}

static bool check_deadlock(struct leak_case *one)
{
    static const char message[] = "fatal error: all goroutines are asleep - deadlock!";
    char text[8192];
    int fd = -1;
    pid_t pid = start_child(one, &fd);
    text[read_all(fd, text, sizeof text - 1)] = '\0';
    (void)close(fd);
    int status = status_of(pid);
    bool right = WIFEXITED(status) && WEXITSTATUS(status) == 2 && strstr(text, message) == text &&
                 strstr(text, "\"main\"]:") != NULL;
    printf("%-42s   deadlock   %s\n", one->name, right ? "deadlock" : "WRONG");
    if (!right) {
        printf("    status %x: %s\n", (unsigned)status, text);
    }
    return right;
}

static int ask_once(void *unused)
{
    (void)unused;
    return gor_leak_check(NULL, NULL) == -ENOSYS ? 1 : 0;
}

/* In a child: who starts the runtime here could not fork the others (ThreadSanitizer). */
static bool can_look(void)
{
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        _exit(gor_run(NULL, ask_once, NULL));
    }
    return status_of(pid) == 0;
}

TEST(cases_are_judged_as_they_should)
{
    const char *only = getenv("LEAK_CASE");
    const char *alone = getenv(SCENE);
    unsigned wrong = 0;
    unsigned count = 0;
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    for (struct leak_case *one = all; alone != NULL && one != NULL; one = one->next) {
        if (strcmp(alone, one->name) == 0) {
            play_alone(one);
        }
    }
    if (!can_look()) {
        test_skip("there is no safe way to look at memory here");
        return;
    }
    for (struct leak_case *one = all; one != NULL; one = one->next) {
        if (only != NULL && strcmp(only, one->name) != 0) {
            continue;
        }
        bool right = one->outcome == DEADLOCK ? check_deadlock(one) : check_findings(one);
        wrong += right ? 0 : 1;
        count++;
    }
    printf("%u cases, %u wrong\n", count, wrong);
    CHECK_EQ(wrong, 0);
}
