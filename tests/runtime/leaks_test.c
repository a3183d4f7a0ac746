/* SPDX-License-Identifier: MIT */
/* What is said of leaks and deadlocks, and when. Who has leaked: leak_cases_test. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/help.h"

/* ---- a child and what it says */

struct end {
    int status;
    char said[16384]; /* on standard error */
};

static void run_child(void (*body)(void), struct end *end)
{
    static const struct rlimit no_core = {0, 0};
    size_t length = 0;
    ssize_t got = 0;
    int ends_of_pipe[2];
    CHECK_EQ(pipe(ends_of_pipe), 0);
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)dup2(ends_of_pipe[1], STDERR_FILENO);
        (void)unsetenv("GOR_LEAKS");
        body();
        _exit(0);
    }
    (void)close(ends_of_pipe[1]);
    while (length < sizeof end->said - 1 &&
           (got = read(ends_of_pipe[0], end->said + length, sizeof end->said - 1 - length)) > 0) {
        length += (size_t)got;
    }
    end->said[length] = '\0';
    (void)close(ends_of_pipe[0]);
    CHECK_EQ(waitpid(pid, &end->status, 0), pid);
}

static void check_exit(const struct end *end, int code)
{
    if (!WIFEXITED(end->status) || WEXITSTATUS(end->status) != code) {
        test_fail(__FILE__, __LINE__, "status %x instead of code %d: %s", (unsigned)end->status,
                  code, end->said);
    }
}

static void check_says(const struct end *end, const char *words)
{
    if (strstr(end->said, words) == NULL) {
        test_fail(__FILE__, __LINE__, "\"%s\" is not said: %s", words, end->said);
    }
}

/* ---- at the end */

static void wait_for_ever(void *arg)
{
    (void)arg;
    (void)gor_chan_recv(NULL, NULL);
    test_fail(__FILE__, __LINE__, "for ever is over");
}

static int leak_two(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        gor_id_t id = 0;
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, wait_for_ever, NULL), 0);
        await_waiting(id, GOR_WAIT_CHAN_RECV_NIL);
    }
    return 0;
}

static int leak_none(void *arg)
{
    (void)arg;
    return 5;
}

static void ends_by_option(void)
{
    (void)gor_run(&(struct gor_opts){.leaks = GOR_LEAKS_EXIT}, leak_two, NULL);
}

static void ends_by_environment(void)
{
    (void)setenv("GOR_LEAKS", "exit", 1);
    (void)gor_run(NULL, leak_two, NULL);
}

static void reports_and_goes_on(void)
{
    (void)setenv("GOR_LEAKS", "1", 1);
    CHECK_EQ(gor_run(NULL, leak_two, NULL), 0);
    _exit(7);
}

static void is_silent(void)
{
    (void)setenv("GOR_LEAKS", "exit", 1);
    CHECK_EQ(gor_run(NULL, leak_none, NULL), 5);
    (void)setenv("GOR_LEAKS", "0", 1);
    CHECK_EQ(gor_run(NULL, leak_two, NULL), 0);
    (void)setenv("GOR_LEAKS", "exit", 1);
    CHECK_EQ(gor_run(&(struct gor_opts){.leaks = GOR_LEAKS_OFF}, leak_two, NULL), 0);
    CHECK_EQ(gor_leak_ignore(wait_for_ever, NULL), 0);
    CHECK_EQ(gor_run(NULL, leak_two, NULL), 0);
}

static int is_not_waiting(void *arg, const struct gor_info *info)
{
    (void)arg;
    return info->state != GOR_WAITING;
}

static void ends_at_stop(void)
{
    CHECK_EQ(gor_start(&(struct gor_opts){.leaks = GOR_LEAKS_EXIT}), 0);
    CHECK_EQ(gor_go(wait_for_ever, NULL), 0);
    while (gor_each(is_not_waiting, NULL) != 0) {
        usleep(100);
    }
    (void)gor_stop();
}

static void check_report(const struct end *end)
{
    check_says(end, "gor: 2 goroutines have leaked, and will never run again:\n");
    check_says(end, "2 goroutines [chan receive (nil chan)]: ");
    check_says(end, "\n...a receive from a NULL channel waits for ever...\n");
    check_says(end, "wait_for_ever");
}

/* Where memory cannot be looked at there is nothing to report. */
static bool can_look(void)
{
    struct end end;
    run_child(ends_by_option, &end);
    if (strstr(end.said, "cannot tell") != NULL) {
        test_skip("%s", end.said);
        return false;
    }
    return true;
}

TEST(leaks_are_reported_at_the_end)
{
    struct end end;
    if (!can_look()) {
        return;
    }
    run_child(ends_by_option, &end);
    check_exit(&end, GOR_LEAKS_EXIT_CODE);
    check_report(&end);
    run_child(ends_by_environment, &end);
    check_exit(&end, GOR_LEAKS_EXIT_CODE);
    check_report(&end);
    run_child(reports_and_goes_on, &end);
    check_exit(&end, 7);
    check_report(&end);
    run_child(ends_at_stop, &end);
    check_exit(&end, GOR_LEAKS_EXIT_CODE);
    check_says(&end, "gor: 1 goroutine has leaked, and will never run again:\n");
}

TEST(leaks_are_not_reported_where_there_are_none_or_nobody_asks)
{
    struct end end;
    run_child(is_silent, &end);
    check_exit(&end, 0);
    if (strstr(end.said, "cannot tell") == NULL) {
        CHECK_STR(end.said, "");
    }
}

/* ---- a channel that nobody knows any more, for whoever asks, however often */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Their malloc's memory counts as reached, and a channel is in it. */
enum { CHANNELS_ARE_REACHED = true };
#else
enum { CHANNELS_ARE_REACHED = false };
#endif

static void answer(void *chan)
{
    int value = 1;
    (void)gor_chan_send(chan, &value);
    gor_chan_unref(chan);
}

/* The first answer is enough. */
static void ask_three(void *arg)
{
    struct gor_chan *answers = gor_chan_new(sizeof(int), 0);
    (void)arg;
    CHECK(answers != NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_go(answer, gor_chan_ref(answers)), 0);
    }
    CHECK_EQ(gor_chan_recv(answers, NULL), 1);
    gor_chan_unref(answers);
}

static int count_one(void *arg, const struct gor_info *info)
{
    int *senders = arg;
    if (info->fn == answer && info->reason == GOR_WAIT_CHAN_SEND) {
        (*senders)++;
    }
    /* Until those that are about to end have ended. */
    return info->fn == ask_three || (info->fn == answer && info->reason != GOR_WAIT_CHAN_SEND);
}

static bool two_wait(void)
{
    int senders = 0;
    return gor_each(count_one, &senders) == 0 && senders == 2;
}

static int leave_two(void *arg)
{
    (void)arg;
    CHECK_EQ(gor_go(ask_three, NULL), 0);
    while (!two_wait()) {
        gor_yield();
    }
    return 0;
}

static void start_and_leave_two(void)
{
    CHECK_EQ(gor_start(&(struct gor_opts){.leaks = GOR_LEAKS_EXIT}), 0);
    CHECK_EQ(gor_go(ask_three, NULL), 0);
    while (!two_wait()) {
        usleep(100);
    }
}

static void root_leaves_two(void)
{
    (void)gor_run(&(struct gor_opts){.leaks = GOR_LEAKS_EXIT}, leave_two, NULL);
}

static void first_thread_stops(void)
{
    start_and_leave_two();
    (void)gor_stop();
}

static void *stop(void *arg)
{
    (void)arg;
    (void)gor_stop();
    return NULL;
}

static void other_thread_stops(void)
{
    pthread_t thread;
    start_and_leave_two();
    CHECK_EQ(pthread_create(&thread, NULL, stop, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(channels_nobody_knows_are_reported_at_the_end)
{
    static void (*const bodies[])(void) = {root_leaves_two, first_thread_stops, other_thread_stops};
    struct end end;
    if (CHANNELS_ARE_REACHED || !can_look()) {
        return;
    }
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        run_child(bodies[i], &end);
        check_exit(&end, GOR_LEAKS_EXIT_CODE);
        check_says(&end, "gor: 2 goroutines have leaked, and will never run again:\n");
        check_says(&end, "[chan send]: ");
    }
}

/* What it has found leads to those it is about: on the stack of who asked, and in what is kept of the names
 * of functions. */
static void ask_again_and_again(void)
{
    FILE *nowhere = fopen("/dev/null", "w");
    CHECK(nowhere != NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_leak_check(NULL, NULL), 2);
        CHECK_EQ(gor_leak_dump(nowhere), 2);
        CHECK_EQ(gor_dump(nowhere), 0);
    }
    CHECK_EQ(fclose(nowhere), 0);
}

/* Who is told of a leak may know the channel by what it was handed alone. */
static int answer_all(void *arg, const struct gor_leak *leak)
{
    (void)leak;
    return gor_chan_recv(*(struct gor_chan **)arg, NULL);
}

static __attribute__((noinline)) struct gor_chan **leave_one(void)
{
    struct gor_chan **answers = malloc(sizeof(struct gor_chan *));
    int senders = 0;
    CHECK(answers != NULL);
    *answers = gor_chan_new(sizeof(int), 0);
    CHECK_EQ(gor_go(answer, gor_chan_ref(*answers)), 0);
    while (gor_each(count_one, &senders) != 0 || senders == 0) {
        gor_yield();
    }
    return answers;
}

static int ask_with_what_leads_there(void *arg)
{
    (void)arg;
    return gor_leak_check(answer_all, leave_one());
}

static void asks_with_what_leads_there(void)
{
    CHECK_EQ(gor_run(NULL, ask_with_what_leads_there, NULL), 0);
}

static int leave_two_and_ask(void *arg)
{
    (void)leave_two(arg);
    ask_again_and_again();
    return 0;
}

static void goroutine_asks(void)
{
    CHECK_EQ(gor_run(NULL, leave_two_and_ask, NULL), 0);
}

static void first_thread_asks(void)
{
    start_and_leave_two();
    ask_again_and_again();
}

static void *ask(void *arg)
{
    (void)arg;
    ask_again_and_again();
    return NULL;
}

static void other_thread_asks(void)
{
    pthread_t thread;
    start_and_leave_two();
    CHECK_EQ(pthread_create(&thread, NULL, ask, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

TEST(leaks_are_found_again_by_who_has_found_them)
{
    static void (*const bodies[])(void) = {goroutine_asks, first_thread_asks, other_thread_asks,
                                           asks_with_what_leads_there};
    struct end end;
    if (CHANNELS_ARE_REACHED || !can_look()) {
        return;
    }
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        run_child(bodies[i], &end);
        check_exit(&end, 0);
    }
}

/* ---- where threads cannot be held */

/* As containers do. */
static void forbid(unsigned call, unsigned other)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, other, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(77);
    }
}

static _Atomic bool go_on;

static void *compute(void *arg)
{
    (void)arg;
    while (!atomic_load(&go_on)) {
    }
    return NULL;
}

static int dump_leaks(void *arg)
{
    (void)leak_two(arg);
    return gor_leak_dump(stderr);
}

/* The runtime's own threads hold nothing when they idle. */
static void looks_without_ptrace(void)
{
    forbid(SYS_ptrace, SYS_process_vm_readv);
    _exit(gor_run(&(struct gor_opts){.gomaxprocs = 1}, dump_leaks, NULL) == 2 ? 0 : 1);
}

static void cannot_look_without_ptrace(void)
{
    pthread_t thread;
    forbid(SYS_ptrace, SYS_process_vm_readv);
    CHECK_EQ(pthread_create(&thread, NULL, compute, NULL), 0);
    int answer = gor_run(NULL, dump_leaks, NULL);
    atomic_store(&go_on, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    _exit(answer == -EPERM ? 0 : 1);
}

#if defined(__SANITIZE_THREAD__)
enum { SANITIZER_HAS_A_THREAD = 1 };
#else
enum { SANITIZER_HAS_A_THREAD = 0 };
#endif

TEST(leaks_are_found_without_ptrace_where_no_other_thread_is)
{
    struct end end;
    if (!can_look()) {
        return;
    }
    if (!SANITIZER_HAS_A_THREAD) {
        run_child(looks_without_ptrace, &end);
        check_exit(&end, 0);
        check_report(&end);
    }
    run_child(cannot_look_without_ptrace, &end);
    check_exit(&end, 0);
    check_says(&end, "gor: cannot tell which goroutines have leaked: ");
    check_says(&end, "ptrace");
}

/* ---- deadlocks beside a thread of the host's that nothing leads to. No runtime was here before, whose
 * threads have left words on stacks that others have then. */

static void *wait_for_signals(void *unused)
{
    (void)unused;
    for (;;) {
        (void)pause();
    }
    return NULL;
}

static int lock_twice(void *arg)
{
    struct gor_mutex *mutex = calloc(1, sizeof *mutex);
    (void)arg;
    CHECK(mutex != NULL);
    CHECK_EQ(gor_go(ask_three, NULL), 0);
    gor_mutex_lock(mutex);
    gor_mutex_lock(mutex);
    return 0;
}

static void deadlocks_beside_a_thread(void)
{
    pthread_t thread;
    (void)alarm(90); /* unreported, it would last for ever */
    CHECK_EQ(pthread_create(&thread, NULL, wait_for_signals, NULL), 0);
    (void)gor_run(NULL, lock_twice, NULL);
}

TEST(deadlock_is_reported_beside_a_thread_that_leads_nowhere)
{
    struct end end;
    if (CHANNELS_ARE_REACHED || !can_look()) {
        return;
    }
    run_child(deadlocks_beside_a_thread, &end);
    check_exit(&end, 2);
    check_says(&end, "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine ");
    check_says(&end, "[sync.Mutex.Lock, \"main\"]");
    check_says(&end, "[chan send]");
}

/* ---- deadlocks */

static void note(void *arg, const char *message)
{
    if (strcmp(message, "all goroutines are asleep - deadlock!") == 0) {
        atomic_store((_Atomic bool *)arg, true);
    }
}

TEST(deadlock_is_told_to_a_handler_of_the_host)
{
    static _Atomic bool told;
    gor_on_deadlock(note, &told);
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_go(wait_for_ever, NULL), 0);
    int64_t deadline = gor_after(60 * GOR_SECOND);
    while (!atomic_load(&told) && gor_now() < deadline) {
        usleep(1000);
    }
    gor_on_deadlock(NULL, NULL);
    CHECK_EQ(gor_leak_ignore(wait_for_ever, NULL), 0);
    CHECK_EQ(gor_stop(), 0);
    CHECK(atomic_load(&told));
}

static int wait_in_vain(void *arg)
{
    wait_for_ever(arg);
    return 0;
}

static void deadlocks(void)
{
    (void)gor_run(NULL, wait_in_vain, NULL);
}

static int outlast_the_patience(void *arg)
{
    (void)arg;
    return gor_chan_recv_until(NULL, NULL, gor_after(200 * GOR_MILLISECOND)) == -ETIMEDOUT ? 3 : 4;
}

static void cancel(void *ctx)
{
    gor_ctx_cancel(ctx, NULL);
}

static void *wake_later(void *ctx)
{
    usleep(1200000); /* longer than the runtime waits for its second look */
    CHECK_EQ(gor_go(cancel, ctx), 0);
    return NULL;
}

static int wait_for_host(void *arg)
{
    pthread_t thread;
    struct gor_ctx *ctx = NULL;
    (void)arg;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    CHECK_EQ(pthread_create(&thread, NULL, wake_later, ctx), 0);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    gor_ctx_unref(ctx);
    return 3;
}

/* ---- beside a thread of the host's that starts goroutines, which nothing leads to */

static void end_process(void *code)
{
    _exit(*(const int *)code);
}

static void do_nothing(void *unused)
{
    (void)unused;
}

static void *start_one_later(void *unused)
{
    static int code = 5;
    (void)unused;
    usleep(1200000);
    CHECK_EQ(gor_go(end_process, &code), 0);
    return NULL;
}

static void *start_one_at_once(void *unused)
{
    CHECK_EQ(gor_go(do_nothing, NULL), 0);
    return start_one_later(unused);
}

static int leave_it_to_the_host(void *host)
{
    pthread_t thread;
    void *(*const *fn)(void *) = host;
    CHECK_EQ(pthread_create(&thread, NULL, *fn, NULL), 0);
    CHECK_EQ(pthread_detach(thread), 0);
    return gor_select(NULL, 0);
}

static void host_goes_on(void)
{
    void *(*host)(void *) = start_one_at_once;
    (void)gor_run(NULL, leave_it_to_the_host, &host);
}

static void root_is_excused(void)
{
    void *(*host)(void *) = start_one_later;
    CHECK_EQ(gor_leak_ignore(NULL, "main"), 0);
    (void)gor_run(NULL, leave_it_to_the_host, &host);
}

TEST(no_deadlock_is_reported_where_the_host_may_start_goroutines)
{
    struct end end;
    run_child(host_goes_on, &end);
    check_exit(&end, 5);
    run_child(root_is_excused, &end);
    check_exit(&end, 5);
}

TEST(deadlock_is_reported_only_when_nothing_can_come)
{
    struct end end;
    run_child(deadlocks, &end);
    if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 2) {
        check_says(&end, "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine ");
    }
    CHECK_EQ(gor_run(NULL, outlast_the_patience, NULL), 3);
    CHECK_EQ(gor_run(NULL, wait_for_host, NULL), 3);
}
