/* SPDX-License-Identifier: MIT */
/* How much stack gord takes on the goroutine of a native job: what it asks for before is enough. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/runner/logfile.h"
#include "daemon/runner/native.h"
#include "daemon/store/output.h"
#include "tests/go_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SKIPPED \
    (test_skip("the sanitizers' frames are larger, and an overflow ends the process"), true)
#else
#define SKIPPED false
#endif

enum {
    PAINTED = 96 * 1024,
    STACK = 256 * 1024,
    PAINT = 0xa5,
    CAP = GORD_LOGFILE_CAP_MIN,
    SPARE = 2048, /* for what other versions of the C library take */
};

struct fixture {
    struct gord_spec *spec; /* without a timeout */
    struct gord_run_env env;
    struct gord_run run;
    struct gor_job job;
    size_t used;
    struct gor_waitgroup over;
};

static void begin(struct fixture *f, const char *root)
{
    memset(f, 0, sizeof *f);
    f->spec = calloc(1, sizeof *f->spec);
    CHECK(f->spec != NULL);
    f->env.root = gor_ctx_background();
    f->run.id = 7;
    f->run.env = &f->env;
    f->run.spec = f->spec;
    f->job.run = &f->run;
    gord_logfile_init(&f->run.log, root, 7, CAP);
}

static void end(struct fixture *f)
{
    gord_logfile_fini(&f->run.log);
    gor_ctx_unref(atomic_load(&f->run.ctx));
    free(atomic_load(&f->run.panic));
    free(f->spec);
}

/* Below the caller's frame. */
__attribute__((noinline)) static void paint(void)
{
    volatile char area[PAINTED];

    for (size_t i = 0; i < sizeof area; i++) {
        area[i] = (char)PAINT;
    }
}

/* How far down fn(f) went. */
__attribute__((noinline)) static size_t measure(void (*fn)(struct fixture *f), struct fixture *f)
{
    const volatile char *here = __builtin_frame_address(0);
    size_t most = PAINTED - 1024; /* painted for sure: the frames of paint and ours are small */

    paint();
    fn(f);
    while (most > 0 && *(here - most) == (char)PAINT) {
        most--;
    }
    return most;
}

static void check_enough(size_t used, size_t needed)
{
    CHECK(used > 1024); /* else nothing was measured */
    if (used + SPARE > needed) {
        test_fail(__FILE__, __LINE__, "it takes %zu bytes, and %zu are asked for", used, needed);
    }
}

static void write_little(struct fixture *f)
{
    CHECK_EQ(gor_job_print(&f->job, GOR_JOB_STDOUT, "%s %d\n", "text", 1), 0);
}

/* Into a new part of the log each time, at the end. */
static void write_much(struct fixture *f)
{
    static char text[CAP / 2];

    CHECK_EQ(gor_job_write(&f->job, GOR_JOB_STDOUT, text, sizeof text), 0);
}

static void measure_writes(void *arg)
{
    struct fixture *f = arg;

    for (int i = 0; i < 4; i++) {
        size_t used = measure(i == 0 ? write_little : write_much, f);
        f->used = used > f->used ? used : f->used;
    }
    gor_waitgroup_done(&f->over);
}

static size_t run_measured(struct fixture *f, void (*body)(void *arg))
{
    struct gor_go_opts opts = {.stack_bytes = STACK};

    gor_waitgroup_add(&f->over, 1);
    CHECK_EQ(gor_go_with(&opts, body, f), 0);
    gor_waitgroup_wait(&f->over);
    return f->used;
}

GO_TEST(native_stack_is_enough_to_write)
{
    struct fixture f;

    if (!SKIPPED) {
        begin(&f, test_tmpdir());
        check_enough(run_measured(&f, measure_writes), GORD_NATIVE_STACK_BYTES);
        CHECK(f.run.log.in_tail);
        end(&f);
        CHECK_EQ(gord_output_remove(test_tmpdir(), 7), 0);
    }
}

/* It says so in gord's log, in every form. */
GO_TEST(native_stack_is_enough_where_the_log_cannot_be_written)
{
    static const enum gord_log_format formats[] = {GORD_LOG_TEXT, GORD_LOG_JSON};
    struct fixture f;

    for (int i = 0; i < 2 && !SKIPPED; i++) {
        CHECK_EQ(gord_log_use(formats[i], NULL), 0);
        begin(&f, "/proc/none");
        check_enough(run_measured(&f, measure_writes), GORD_NATIVE_STACK_BYTES);
        CHECK(f.run.log.warned);
        end(&f);
    }
}

static void note_panic(struct fixture *f)
{
    gord_run_note_panic(&f->run, "on purpose");
}

static void on_panic(void *arg, const char *message)
{
    struct fixture *f = arg;

    CHECK_STR(message, "on purpose");
    f->used = measure(note_panic, f);
    gor_waitgroup_done(&f->over);
}

static void panic_measured(void *arg)
{
    gor_on_panic(on_panic, arg);
    gor_panic("on purpose");
}

GO_TEST(native_stack_is_enough_to_tell_of_a_panic)
{
    struct fixture f;

    if (!SKIPPED) {
        begin(&f, test_tmpdir());
        check_enough(run_measured(&f, panic_measured), GORD_NATIVE_END_STACK_BYTES);
        CHECK(strstr(atomic_load(&f.run.panic), "panic_measured") != NULL);
        end(&f);
        CHECK_EQ(gord_output_remove(test_tmpdir(), 7), 0);
    }
}
