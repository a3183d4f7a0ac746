/* SPDX-License-Identifier: MIT */
#include "daemon/runner/job_ask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/runner/runner.h"

void gord_job_answer_fini(struct gord_job_answer *answer)
{
    free(answer->detail);
    gord_report_unref(answer->report);
}

/* Give up so many references. */
static void drop_refs(struct gord_job_ask *ask, unsigned refs)
{
    /* acq_rel: the last owner sees everything the others did. */
    if (atomic_fetch_sub_explicit(&ask->refs, refs, memory_order_acq_rel) != refs) {
        return;
    }
    if (ask->spec != NULL) {
        gor__v1__job_spec__free_unpacked(ask->spec, NULL);
    }
    gord_job_answer_fini(&ask->answer);
    gor_chan_unref(ask->answered);
    gord_run_unref(ask->run);
    free(ask);
}

static void unref(struct gord_job_ask *ask)
{
    drop_refs(ask, 1);
}

/* ------------------------------------------------------------------ the loop's side */

static void on_asked(struct gord_runner *runner, struct gord_errand *errand)
{
    gord_runner_ask(runner, CONTAINER_OF(errand, struct gord_job_ask, errand));
}

/* Only a goroutine may close a channel. */
static void wake(void *arg)
{
    struct gord_job_ask *ask = arg;

    (void)gor_chan_close(ask->answered);
    unref(ask);
}

/* Whether a goroutine does, which has the loop's reference then. Where there is no memory for one, or the
 * runtime stops, the asker waits for his context. */
static bool tell(struct gord_job_ask *ask)
{
    struct gor_go_opts opts = {
        .name = "answer", .at_ceiling = GOR_CEILING_EXEMPT, .no_quota = true};

    list_remove(&ask->link);
    return !atomic_load(&ask->left) && gor_go_with(&opts, wake, ask) == 0;
}

void gord_job_ask_answer(struct gord_job_ask *ask)
{
    bool was_handed_in = ask->spec != NULL && ask->answer.error == 0;

    ask->is_overdue = !was_handed_in && gord_runner_is_overdue(ask->run->env->bus, ask->run->id);
    if (!tell(ask)) {
        unref(ask);
    }
}

void gord_job_ask_refuse(struct gord_job_ask *ask, int error, const char *format, ...)
{
    va_list args;

    ask->answer.error = error;
    va_start(args, format);
    vsnprintf(ask->answer.text, sizeof(ask->answer.text), format, args);
    va_end(args);
    gord_job_ask_answer(ask);
}

/* It may have been answered, or be about to be. */
static void on_leaving(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_job_ask *ask = CONTAINER_OF(errand, struct gord_job_ask, leaving);
    bool waits = list_link_is_listed(&ask->link);

    (void)runner;
    if (waits) {
        ask->answer.error = -ETIMEDOUT;
    }
    drop_refs(ask, waits && !tell(ask) ? 2 : 1); /* the loop's, too, if it has kept it */
}

/* ------------------------------------------------------------------ the goroutine's side */

/* For a job that is not to end: one that is, and asks again and again all the same, is to make no work for
 * the loop. NULL: the error of its context, or -ENOMEM. */
static struct gord_job_ask *make(struct gord_run *run, bool is_script, int *out_error)
{
    struct gor_ctx *ctx = gord_run_ctx(run);

    *out_error = ctx != NULL ? gor_ctx_err(ctx) : -ENOMEM;
    if (*out_error != 0) {
        return NULL;
    }
    struct gord_job_ask *ask = calloc(1, sizeof(*ask));
    struct gor_chan *answered = gor_chan_new(0, 0);
    if (ask == NULL || answered == NULL) {
        gor_chan_unref(answered);
        free(ask);
        *out_error = -ENOMEM;
        return NULL;
    }
    atomic_init(&ask->refs, 1);
    ask->run = gord_run_ref(run);
    ask->is_script = is_script;
    ask->errand.fn = on_asked;
    ask->leaving.fn = on_leaving;
    ask->answered = answered;
    return ask;
}

static void leave(struct gord_job_ask *ask)
{
    atomic_fetch_add_explicit(&ask->refs, 1, memory_order_relaxed); /* the errand's */
    gord_errand_post(ask->run->env->errands, &ask->leaving);
}

/* Where no memory was left to tell of the answer, none comes. */
#define LEAVE_PATIENCE_NS (10 * GOR_SECOND)

/* Post it, wait for the answer; gives up the reference. When it is too late the loop still hears of that
 * first: who asks again and again, faster than the loop hears him, would else use up the memory. */
static int ask_loop(struct gord_job_ask *ask, int64_t deadline, struct gord_job_answer *out_answer)
{
    struct gor_ctx *ctx = gord_run_ctx(ask->run);
    struct gor_case cases[2] = {
        {.chan = ask->answered, .op = GOR_RECV},
        {.chan = gor_ctx_done(ctx), .op = GOR_RECV},
    };

    atomic_fetch_add_explicit(&ask->refs, 1, memory_order_relaxed); /* the loop's */
    gord_errand_post(ask->run->env->errands, &ask->errand);
    int result = gor_select_until(cases, 2, deadline);
    bool late = result == -ETIMEDOUT;
    if (late) {
        leave(ask);
        result = gor_select_until(cases, 2, gor_after(LEAVE_PATIENCE_NS));
    }
    if (result == 0 && ask->is_overdue && gord_run_is_about_over(ask->run)) {
        result = gor_select_until(&cases[1], 1, deadline) == 0 ? 1 : 0;
    }
    if (result == 0) {
        *out_answer = ask->answer;
        ask->answer = (struct gord_job_answer){0};
    } else {
        result = result == 1 ? gor_ctx_err(ctx) : result;
        atomic_store(&ask->left, true);
    }
    if (result != 0 && !late) {
        leave(ask);
    }
    unref(ask);
    return result;
}

/* By its packed form, for what it was made of is not ours. NULL: out of memory, or texts that are no
 * UTF-8. */
static Gor__V1__JobSpec *copy_spec(const Gor__V1__JobSpec *spec)
{
    size_t bytes = gor__v1__job_spec__get_packed_size(spec);
    uint8_t *packed = malloc(bytes + 1);
    Gor__V1__JobSpec *copy = NULL;

    if (packed != NULL) {
        gor__v1__job_spec__pack(spec, packed);
        copy = gor__v1__job_spec__unpack(NULL, bytes, packed);
    }
    free(packed);
    return copy;
}

int gord_job_ask_submit(struct gord_run *run, bool is_script, const Gor__V1__JobSpec *spec,
                        struct gord_job_answer *out_answer)
{
    int error;
    struct gord_job_ask *ask = make(run, is_script, &error);

    if (ask == NULL) {
        return error;
    }
    ask->spec = copy_spec(spec);
    if (ask->spec == NULL) {
        unref(ask);
        return -ENOMEM;
    }
    ask->spec->parent_id = run->id;
    return ask_loop(ask, GOR_NEVER, out_answer);
}

int gord_job_ask_wait(struct gord_run *run, bool is_script, uint64_t id, int64_t deadline,
                      struct gord_job_answer *out_answer)
{
    int error;
    struct gord_job_ask *ask = make(run, is_script, &error);

    if (ask == NULL) {
        return error;
    }
    ask->id = id;
    return ask_loop(ask, deadline, out_answer);
}
