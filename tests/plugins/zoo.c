/* SPDX-License-Identifier: MIT */
/* zoo.c - a plug-in that does everything a plug-in may do, and much that it should not.
 *
 * Built several times, with other values of ZOO_VERSION, and as ones that are wrong in one way each.
 */
#include <errno.h>
#include <gor.h>
#include <gor_job.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef ZOO_VERSION
#define ZOO_VERSION "1"
#endif
#ifndef ZOO_ABI
#define ZOO_ABI GOR_JOB_ABI
#endif
#ifndef ZOO_NAME
#define ZOO_NAME "zoo"
#endif
#ifndef ZOO_FLAGS
#define ZOO_FLAGS 0
#endif

#define PRINT(job, ...) ((void)gor_job_print(job, GOR_JOB_STDOUT, __VA_ARGS__))

/* ------------------------------------------------------------------ as it should be */

static int check_echo(const char *const *args, size_t arg_count, char *error, size_t error_bytes)
{
    if (arg_count > 0 && strcmp(args[0], "bad") == 0) {
        snprintf(error, error_bytes, "does not like '%s'", args[0]);
        return -EINVAL;
    }
    return 0;
}

static int run_echo(struct gor_job *job)
{
    size_t bytes;
    const void *input = gor_job_input(job, &bytes);

    PRINT(job, "job %llu\n", (unsigned long long)gor_job_id(job));
    for (size_t i = 0; i < gor_job_arg_count(job); i++) {
        PRINT(job, "[%s]\n", gor_job_arg(job, i));
    }
    PRINT(job, "%d\n", gor_job_arg(job, gor_job_arg_count(job)) == NULL);
    (void)gor_job_print(job, GOR_JOB_STDERR, "%s", "to stderr\n");
    (void)gor_job_write(job, GOR_JOB_STDOUT, input, bytes);
    return gor_job_result(job, input, bytes);
}

static int run_version(struct gor_job *job)
{
    PRINT(job, "%s\n", ZOO_VERSION);
    return 0;
}

/* Reports its version when it is told to end. */
static int run_hold(struct gor_job *job)
{
    (void)gor_job_progress(job, 1, 2, "holding");
    (void)gor_ctx_sleep_until(gor_job_ctx(job), GOR_NEVER - 1);
    PRINT(job, "%s\n", ZOO_VERSION);
    return 0;
}

/* Gives a sign of life too late for a heartbeat of a second, again and again. */
static int run_falter(struct gor_job *job)
{
    int result = 0;

    while (result == 0) {
        result = gor_ctx_sleep_until(gor_job_ctx(job), gor_after(1500 * GOR_MILLISECOND));
        (void)gor_job_alive(job);
    }
    return 0;
}

struct crowd {
    struct gor_job *job;
    struct gor_waitgroup all;
};

static void stay(void *arg)
{
    struct crowd *crowd = arg;

    (void)gor_ctx_sleep_until(gor_job_ctx(crowd->job), GOR_NEVER);
    gor_waitgroup_done(&crowd->all);
}

static int add_to(struct crowd *crowd, enum gor_at_ceiling at_ceiling)
{
    struct gor_go_opts opts = {.at_ceiling = at_ceiling};

    gor_waitgroup_add(&crowd->all, 1);
    int result = gor_go_with(&opts, stay, crowd);
    if (result != 0) {
        gor_waitgroup_done(&crowd->all);
    }
    return result;
}

/* Takes all places for goroutines, says so, and has them until it is told to end. What stacks grow to is seen
 * late: there is no place once none was found for a while. And it goes beyond, for some of the others end. */
static int run_crowd(struct gor_job *job)
{
    struct crowd crowd = {.job = job};

    for (int refusals = 0; refusals < 20 && gor_ctx_err(gor_job_ctx(job)) == 0;) {
        if (add_to(&crowd, GOR_CEILING_REFUSE) == 0) {
            refusals = 0;
        } else {
            gor_sleep(5 * GOR_MILLISECOND);
            refusals++;
        }
    }
    for (int i = 0; i < 200; i++) {
        (void)add_to(&crowd, GOR_CEILING_EXEMPT);
    }
    PRINT(job, "full\n");
    gor_waitgroup_wait(&crowd.all);
    return 0;
}

struct scribbler {
    struct gor_job *job;
    struct gor_waitgroup *all;
    int number;
};

static void scribble(void *arg)
{
    struct scribbler *scribbler = arg;

    for (int line = 0; line < 2000; line++) {
        PRINT(scribbler->job, "%d %d %0*d\n", scribbler->number, line,
              line % 1000 == 0 ? 10000 : 90, 0);
    }
    gor_waitgroup_done(scribbler->all);
}

/* Eight at once write lines, some of them long. */
static int run_scribble(struct gor_job *job)
{
    struct scribbler scribblers[8];
    struct gor_waitgroup all = {0};
    int result = 0;

    PRINT(job, "0\n");
    for (int i = 0; i < 8 && result == 0; i++) {
        scribblers[i] = (struct scribbler){job, &all, i};
        gor_waitgroup_add(&all, 1);
        result = gor_go(scribble, &scribblers[i]);
        if (result != 0) {
            gor_waitgroup_done(&all);
        }
    }
    gor_waitgroup_wait(&all);
    return result == 0 ? 0 : 1;
}

static int run_fail(struct gor_job *job)
{
    return gor_job_fail(job, 7, "failed as %s", "asked");
}

static int run_result(struct gor_job *job)
{
    static char bytes[64 * 1024 + 1];

    PRINT(job, "%d\n", gor_job_result(job, bytes, sizeof(bytes)) == -EMSGSIZE);
    return gor_job_result(job, bytes, sizeof(bytes) - 1);
}

/* All it can say of how far it is, as fast as it can, until it is cancelled. */
static int run_chatter(struct gor_job *job)
{
    for (uint64_t i = 0; gor_ctx_err(gor_job_ctx(job)) == 0; i++) {
        (void)gor_job_progress(job, i, 0, "talking \x1b[31m");
        if (i % 100 == 0) {
            gor_yield();
        }
    }
    return 0;
}

static int run_alloc(struct gor_job *job)
{
    char *memory = gor_job_alloc(job, 100000);

    for (int i = 0; i < 1000; i++) {
        (void)gor_job_alloc(job, 100);
    }
    PRINT(job, "%d %d\n", memory != NULL && memory[99999] == 0,
          gor_job_alloc(job, SIZE_MAX - 8) == NULL);
    return 0;
}

/* ------------------------------------------------------------------ jobs below */

static int run_family(struct gor_job *job)
{
    const char *const args[] = {"a", "b"};
    const char *const argv[] = {"/bin/sh", "-c", "echo \"$X\" >&4; exit 3", NULL};
    const char *const env[] = {"X=from the env", NULL};
    struct gor_job_spec native = {
        .function = "zoo.echo", .args = args, .arg_count = 2, .input = "in\0put", .input_bytes = 6};
    struct gor_job_spec exec = {.argv = argv, .env = env, .name = "a program"};
    struct gor_job_spec wrong = {.function = "zoo.none"};
    struct gor_job_end end;
    char error[256];
    uint64_t ids[2] = {0, 0};

    PRINT(job, "%d\n", gor_job_submit(job, &wrong, &ids[0], error, sizeof(error)) == -EINVAL);
    PRINT(job, "%s\n", error);
    if (gor_job_submit(job, &native, &ids[0], error, sizeof(error)) != 0 ||
        gor_job_submit(job, &exec, &ids[1], NULL, 0) != 0) {
        return gor_job_fail(job, 1, "%s", error);
    }
    for (int i = 0; i < 2; i++) {
        int result = gor_job_wait(job, ids[i], &end);
        PRINT(job, "%d: %d %d %zu '%.*s'\n", result, end.outcome, end.exit_code, end.result_bytes,
              (int)strnlen(end.result, end.result_bytes), (const char *)end.result);
    }
    PRINT(job, "%d %d %d\n", gor_job_wait(job, ids[0], &end) == 0,
          gor_job_wait(job, 1000000, &end) == -ENOENT,
          gor_job_wait(job, gor_job_id(job), &end) == -EDEADLK);
    return 0;
}

/* Waits for a child that does not end, until it is cancelled itself. */
static int run_parent(struct gor_job *job)
{
    struct gor_job_spec spec = {.function = "zoo.hold"};
    struct gor_job_end end;
    uint64_t id;

    if (gor_job_submit(job, &spec, &id, NULL, 0) != 0) {
        return 1;
    }
    PRINT(job, "%llu\n", (unsigned long long)id);
    PRINT(job, "%d\n", gor_job_wait(job, id, &end) == -ECANCELED);
    return 0;
}

/* Hands in a program and waits for it; without an argument again and again, until it hears that it cannot. */
static int run_employ(struct gor_job *job)
{
    const char *const argv[] = {"/bin/true", NULL};
    struct gor_job_spec spec = {.argv = argv};
    struct gor_job_end end;
    int result = 0;

    do {
        uint64_t id = 0;
        result = gor_job_submit(job, &spec, &id, NULL, 0);
        result = result == 0 ? gor_job_wait(job, id, &end) : result;
    } while (result == 0 && gor_job_arg_count(job) == 0);
    return 0;
}

/* ------------------------------------------------------------------ as it should not be */

static int run_panic(struct gor_job *job)
{
    (void)job;
    gor_panic("the zoo is on fire");
}

static void burn(void *arg)
{
    (void)arg;
    gor_panic("a cage is on fire");
}

static int run_panic_elsewhere(struct gor_job *job)
{
    if (gor_go(burn, NULL) != 0) {
        return 1;
    }
    (void)gor_ctx_sleep_until(gor_job_ctx(job), GOR_NEVER - 1);
    return 0;
}

static unsigned dig(unsigned depth)
{
    volatile char frame[1024];

    frame[0] = (char)depth;
    return depth < 1U << 20 ? dig(depth + 1) + (unsigned)frame[0] : 0;
}

static int run_overflow(struct gor_job *job)
{
    return gor_job_fail(job, 1, "the stack had no end: %u", dig(0));
}

/* What gord does on the stack of a job's goroutine; each call is quick. */
static void call_gord(struct gor_job *job, const char *what)
{
    struct gor_job_spec unknown = {.function = "zoo.none"};
    struct gor_job_end end;
    uint64_t id;

    if (strcmp(what, "write") == 0) {
        (void)gor_job_write(job, GOR_JOB_STDOUT, "deep\n", 5);
    } else if (strcmp(what, "print") == 0) {
        PRINT(job, "%s\n", "deep");
    } else if (strcmp(what, "progress") == 0) {
        (void)gor_job_progress(job, 1, 2, "deep");
    } else if (strcmp(what, "alive") == 0) {
        (void)gor_job_alive(job);
    } else if (strcmp(what, "result") == 0) {
        (void)gor_job_result(job, "deep", 4);
    } else if (strcmp(what, "fail") == 0) {
        (void)gor_job_fail(job, 1, "%s", "deep");
    } else if (strcmp(what, "alloc") == 0) {
        (void)gor_job_alloc(job, 4);
    } else if (strcmp(what, "ctx") == 0) {
        (void)gor_job_ctx(job);
    } else if (strcmp(what, "submit") == 0) {
        (void)gor_job_submit(job, &unknown, &id, NULL, 0);
    } else if (strcmp(what, "wait") == 0) {
        (void)gor_job_wait(job, 1000000, &end);
    }
}

/* At every depth, `step` bytes apart and more, down to the end of the stack. */
__attribute__((noinline)) static int lean_out(struct gor_job *job, const char *what, size_t step,
                                              unsigned depth)
{
    volatile char *frame = __builtin_alloca(step);

    frame[0] = 1;
    call_gord(job, what);
    return depth < 1U << 20 ? lean_out(job, what, step, depth + 1) + frame[0] : 0;
}

/* WHAT STEP SHIFT: calls gord all the way down, beginning so many bytes lower. */
static int run_brink(struct gor_job *job)
{
    volatile char *above = __builtin_alloca(strtoul(gor_job_arg(job, 2), NULL, 10) + 1);

    above[0] = 0;
    return lean_out(job, gor_job_arg(job, 0), strtoul(gor_job_arg(job, 1), NULL, 10), 0);
}

/* panic|exit BYTES: goes so deep, and ends there. */
static int run_edge(struct gor_job *job)
{
    volatile char *above = __builtin_alloca(strtoul(gor_job_arg(job, 1), NULL, 10) + 1);

    above[0] = 0;
    if (strcmp(gor_job_arg(job, 0), "exit") == 0) {
        gor_exit();
    }
    gor_panic("at the edge");
}

static int run_wild(struct gor_job *job)
{
    volatile uintptr_t nowhere = 64;

    (void)job;
    *(volatile int *)nowhere = 1;
    return 0;
}

static int run_exit(struct gor_job *job)
{
    (void)job;
    gor_exit();
}

static void handle(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static int run_own_handler(struct gor_job *job)
{
    (void)job;
    gor_on_panic(handle, NULL);
    gor_panic("nobody shall hear of it");
}

static void do_nothing(void *arg)
{
    (void)arg;
}

/* Its deferred call is left for the end of the goroutine. */
static int run_defer(struct gor_job *job)
{
    struct gor_defer *later = gor_job_alloc(job, sizeof(*later));

    gor_defer(later, do_nothing, NULL);
    PRINT(job, "deferred\n");
    return 0;
}

/* Wait until the gate, a channel of the zoo's, is opened; then talk of a job that has ended. */
static struct gor_chan *gate;

static void linger(void *arg)
{
    struct gor_job *job = arg;

    (void)gor_chan_recv(gate, NULL);
    if (gor_job_print(job, GOR_JOB_STDOUT, "too late\n") != -ESRCH ||
        gor_job_progress(job, 1, 1, NULL) != -ESRCH || gor_job_alive(job) != -ESRCH ||
        gor_job_result(job, "", 0) != -ESRCH) {
        abort();
    }
}

static int run_leak(struct gor_job *job)
{
    for (int i = 0; i < 10; i++) {
        if (gor_go(linger, job) != 0) {
            return 1;
        }
    }
    return 0;
}

/* Much in one piece, which its end comes amid. */
enum { MUCH_BYTES = 8 << 20 };

static void babble(void *arg)
{
    struct gor_job *job = arg;
    char *much = malloc(MUCH_BYTES);

    if (much == NULL) {
        abort();
    }
    memset(much, 'x', MUCH_BYTES);
    if (gor_job_write(job, GOR_JOB_STDOUT, much, MUCH_BYTES) != -ESRCH) {
        abort();
    }
    free(much);
}

/* Leaves one behind that writes, and fails when the gate is opened; where it is open already, writes lines. */
static int run_babble(struct gor_job *job)
{
    PRINT(job, "0\n");
    if (gor_chan_try_recv(gate, NULL) == -EAGAIN) {
        if (gor_go(babble, job) != 0) {
            return 2;
        }
        (void)gor_chan_recv(gate, NULL);
        return 1;
    }
    for (int line = 0; line < 2000; line++) {
        PRINT(job, "%0100d\n", line);
    }
    return 0;
}

static void linger_and_panic(void *arg)
{
    (void)arg;
    (void)gor_chan_recv(gate, NULL);
    gor_panic("long after its job");
}

static int run_leak_panic(struct gor_job *job)
{
    return gor_go(linger_and_panic, job);
}

static int run_open_gate(struct gor_job *job)
{
    PRINT(job, "%d\n", gor_chan_close(gate));
    return 0;
}

/* Ends when the gate opens, whatever its context says. */
static int run_deaf(struct gor_job *job)
{
    PRINT(job, "deaf\n");
    (void)gor_chan_recv(gate, NULL);
    return 0;
}

/* ------------------------------------------------------------------ the module */

static const struct gor_job_function functions[] = {
#ifndef ZOO_EMPTY
    {"echo", "[TEXT...]", "writes what it is given", check_echo, run_echo},
    {"version", NULL, NULL, NULL, run_version},
    {"hold", NULL, NULL, NULL, run_hold},
    {"falter", NULL, NULL, NULL, run_falter},
    {"crowd", NULL, NULL, NULL, run_crowd},
    {"scribble", NULL, NULL, NULL, run_scribble},
    {"fail", NULL, NULL, NULL, run_fail},
    {"result", NULL, NULL, NULL, run_result},
    {"chatter", NULL, NULL, NULL, run_chatter},
    {"alloc", NULL, NULL, NULL, run_alloc},
    {"family", NULL, NULL, NULL, run_family},
    {"employ", NULL, NULL, NULL, run_employ},
    {"parent", NULL, NULL, NULL, run_parent},
    {"panic", NULL, NULL, NULL, run_panic},
    {"panic_elsewhere", NULL, NULL, NULL, run_panic_elsewhere},
    {"overflow", NULL, NULL, NULL, run_overflow},
    {"brink", NULL, NULL, NULL, run_brink},
    {"edge", NULL, NULL, NULL, run_edge},
    {"wild", NULL, NULL, NULL, run_wild},
    {"exit", NULL, NULL, NULL, run_exit},
    {"own_handler", NULL, NULL, NULL, run_own_handler},
    {"defer", NULL, NULL, NULL, run_defer},
    {"leak", NULL, NULL, NULL, run_leak},
    {"babble", NULL, NULL, NULL, run_babble},
    {"leak_panic", NULL, NULL, NULL, run_leak_panic},
    {"open_gate", NULL, NULL, NULL, run_open_gate},
    {"deaf", NULL, NULL, NULL, run_deaf},
#endif
    {0},
};

/* A function that this gord does not have. */
extern void gor_job_of_tomorrow(void);

static int load(char *error, size_t error_bytes)
{
#ifdef ZOO_REFUSES
    snprintf(error, error_bytes, "the zoo is closed");
    return 1;
#else
#ifdef ZOO_NEWER
    gor_job_of_tomorrow();
#endif
    gate = gor_chan_new(0, 0);
    snprintf(error, error_bytes, "out of memory");
    return gate != NULL ? 0 : -ENOMEM;
#endif
}

/* Told to whoever looks: a file is made. */
static void unload(void)
{
    const char *path = getenv("ZOO_UNLOADED");
    FILE *file = path != NULL ? fopen(path, "ae") : NULL;

    if (file != NULL) {
        fprintf(file, "%s\n", ZOO_VERSION);
        (void)fclose(file);
    }
    gor_chan_unref(gate);
}

#ifdef ZOO_NO_SYMBOL
#define ZOO_SYMBOL another_name
extern const struct gor_job_module another_name;
#else
#define ZOO_SYMBOL gor_job_module
#endif

const struct gor_job_module ZOO_SYMBOL = {.abi = ZOO_ABI,
                                          .flags = ZOO_FLAGS,
                                          .name = ZOO_NAME,
                                          .version = ZOO_VERSION,
                                          .functions = functions,
                                          .load = load,
                                          .unload = unload};
