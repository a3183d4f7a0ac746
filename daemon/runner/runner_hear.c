/* SPDX-License-Identifier: MIT */
/* runner_hear.c - what running jobs have to say to the loop: that they wrote to their logs or read what they
 * were sent, what they tell of themselves, jobs that they hand in and ask about.
 */
#include <errno.h>
#include <stdatomic.h>

#include "base/container.h"
#include "daemon/runner/errand.h"
#include "daemon/runner/input.h"
#include "daemon/runner/job_ask.h"
#include "daemon/runner/runner_inside.h"

/* ------------------------------------------------------------------ ways to the loop */

void gord_runner_tell_of_log(struct gord_runner *runner, uint64_t id)
{
    if (runner->on_log != NULL && !runner->stopped) {
        runner->on_log(runner->on_log_arg, id);
    }
}

static void on_note(void *arg, struct gord_inbox_item *item)
{
    struct gord_runner *runner = arg;
    struct gord_run *run = CONTAINER_OF(item, struct gord_run, note);

    /* First, so that what is written from here on makes a note of its own. */
    atomic_store(&run->noted, false);
    gord_runner_tell_of_log(runner, run->id);
    gord_run_unref(run);
}

static void on_errand(void *arg, struct gord_inbox_item *item)
{
    struct gord_errand *errand = CONTAINER_OF(item, struct gord_errand, link);

    errand->fn(arg, errand);
}

static void on_written(void *arg, struct gord_inbox_item *item)
{
    struct gord_input_write *write = CONTAINER_OF(item, struct gord_input_write, link);
    struct gor_ctx *ctx = atomic_load(&write->ctx);

    (void)arg;
    gord_run_unref(write->run);
    write->run = NULL;
    if (ctx != NULL) {
        gor_ctx_unref(ctx);
    }
    write->done(write);
}

int gord_runner_open_inboxes(struct gord_runner *runner)
{
    uv_loop_t *loop = gord_bus_loop(runner->bus);
    int result = gord_inbox_init(&runner->notes, loop, on_note, runner);

    if (result != 0) {
        return result;
    }
    result = gord_inbox_init(&runner->errands, loop, on_errand, runner);
    if (result == 0) {
        result = gord_inbox_init(&runner->written, loop, on_written, runner);
        if (result != 0) {
            gord_inbox_close(&runner->errands);
        }
    }
    if (result != 0) {
        gord_inbox_close(&runner->notes);
    }
    return result;
}

void gord_runner_close_inboxes(struct gord_runner *runner)
{
    gord_inbox_close(&runner->notes);
    gord_inbox_close(&runner->errands);
    gord_inbox_close(&runner->written);
}

/* ------------------------------------------------------------------ who is told */

void gord_runner_on_log(struct gord_runner *runner, void (*fn)(void *arg, uint64_t id), void *arg)
{
    runner->on_log = fn;
    runner->on_log_arg = arg;
}

void gord_runner_on_ask(struct gord_runner *runner, void (*fn)(void *arg, struct gord_job_ask *ask),
                        void *arg)
{
    runner->on_ask = fn;
    runner->on_ask_arg = arg;
}

void gord_runner_ask(struct gord_runner *runner, struct gord_job_ask *ask)
{
    if (runner->on_ask == NULL || runner->stopped) {
        gord_job_ask_refuse(ask, -ECANCELED, "the daemon takes no jobs just now");
    } else {
        runner->on_ask(runner->on_ask_arg, ask);
    }
}

/* The job may have ended since it said its first word. */
void gord_runner_add_reporter(struct gord_runner *runner, struct gord_reporter *reporter)
{
    struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), reporter->run->id);

    if (job != NULL && gord_runner_run_of(job) == reporter->run) {
        gord_reporters_add(&runner->reporters, reporter);
    }
}

struct gord_reporters *gord_runner_reporters(struct gord_runner *runner)
{
    return &runner->reporters;
}
