/* SPDX-License-Identifier: MIT */
#include "daemon/runner/subjob.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/run.h"
#include "daemon/runner/runner.h"

static void unref(struct gord_subjob *subjob)
{
    /* acq_rel: the last owner sees everything the other did. */
    if (atomic_fetch_sub_explicit(&subjob->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (subjob->spec != NULL) {
        gor__v1__job_spec__free_unpacked(subjob->spec, NULL);
    }
    free(subjob->answer.value);
    gor_chan_unref(subjob->answered);
    free(subjob);
}

/* ------------------------------------------------------------------ the loop's side */

static void on_asked(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_subjob *subjob =
        (struct gord_subjob *)((char *)errand - offsetof(struct gord_subjob, errand));

    gord_runner_ask(runner, subjob);
}

void gord_subjob_line_up(struct gord_subjob **waiting, struct gord_subjob *subjob)
{
    subjob->next = *waiting;
    subjob->place = waiting;
    if (subjob->next != NULL) {
        subjob->next->place = &subjob->next;
    }
    *waiting = subjob;
}

/* Only a goroutine may close a channel. */
static void tell(void *arg)
{
    struct gord_subjob *subjob = arg;

    (void)gor_chan_close(subjob->answered);
    unref(subjob);
}

static void leave_line(struct gord_subjob *subjob)
{
    if (subjob->place == NULL) {
        return;
    }
    *subjob->place = subjob->next;
    if (subjob->next != NULL) {
        subjob->next->place = subjob->place;
    }
    subjob->place = NULL;
}

void gord_subjob_answer(struct gord_subjob *subjob)
{
    struct gor_go_opts opts = {
        .name = "answer", .at_ceiling = GOR_CEILING_EXEMPT, .no_quota = true};

    leave_line(subjob);
    /* Where there is no memory for it, or the runtime stops, the asker waits for its context. */
    if (atomic_load(&subjob->left) || gor_go_with(&opts, tell, subjob) != 0) {
        unref(subjob);
    }
}

void gord_subjob_refuse(struct gord_subjob *subjob, int error, const char *format, ...)
{
    va_list args;

    subjob->answer.error = error;
    va_start(args, format);
    vsnprintf(subjob->answer.text, sizeof(subjob->answer.text), format, args);
    va_end(args);
    gord_subjob_answer(subjob);
}

/* It may have been answered, or be about to be. */
static void on_leaving(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_subjob *subjob =
        (struct gord_subjob *)((char *)errand - offsetof(struct gord_subjob, leaving));

    (void)runner;
    if (subjob->place != NULL) {
        gord_subjob_refuse(subjob, -ETIMEDOUT, "%s", "");
    }
    unref(subjob);
}

/* ------------------------------------------------------------------ the goroutine's side */

static struct gord_subjob *subjob_new(const struct gord_run *run)
{
    struct gord_subjob *subjob = calloc(1, sizeof(*subjob));

    if (subjob != NULL) {
        atomic_init(&subjob->refs, 1);
        subjob->parent_id = run->id;
        subjob->errand.fn = on_asked;
        subjob->leaving.fn = on_leaving;
        subjob->answered = gor_chan_new(0, 0);
    }
    if (subjob != NULL && subjob->answered == NULL) {
        free(subjob);
        subjob = NULL;
    }
    return subjob;
}

static void leave(struct gord_run *run, struct gord_subjob *subjob)
{
    atomic_fetch_add_explicit(&subjob->refs, 1, memory_order_relaxed); /* the errand's */
    gord_errand_post(run->env->errands, &subjob->leaving);
}

/* Where no memory was left to tell of the answer, none comes. */
#define LEAVE_PATIENCE_NS (10 * GOR_SECOND)

/* Post it, wait for the answer; gives up the reference. When it is too late the loop still hears of that
 * first: who asks again and again, faster than the loop hears him, would else use up the memory. */
static void ask(struct gord_run *run, struct gord_subjob *subjob, int64_t deadline,
                struct gord_lua_answer *out_answer)
{
    struct gor_case cases[2] = {
        {.chan = subjob->answered, .op = GOR_RECV},
        {.chan = gor_ctx_done(gord_run_ctx(run)), .op = GOR_RECV},
    };

    atomic_fetch_add_explicit(&subjob->refs, 1, memory_order_relaxed); /* the loop's */
    gord_errand_post(run->env->errands, &subjob->errand);
    int result = gor_select_until(cases, 2, deadline);
    bool late = result == -ETIMEDOUT;
    if (late) {
        leave(run, subjob);
        result = gor_select_until(cases, 2, gor_after(LEAVE_PATIENCE_NS));
    }
    if (result == 0 && subjob->is_overdue && gord_run_is_about_over(run)) {
        result = gor_select_until(&cases[1], 1, deadline) == 0 ? 1 : 0;
    }
    if (result == 0) {
        *out_answer = subjob->answer;
        subjob->answer.value = NULL;
    } else {
        out_answer->error = result == 1 ? -ECANCELED : result;
        atomic_store(&subjob->left, true);
    }
    if (result != 0 && !late) {
        leave(run, subjob);
    }
    unref(subjob);
}

static void no_memory(struct gord_lua_answer *out_answer)
{
    out_answer->error = -ENOMEM;
    snprintf(out_answer->text, sizeof(out_answer->text),
             "not enough memory: the machine has none left");
}

/* By its packed form, for what it was made of is not ours. */
static Gor__V1__JobSpec *copy_spec(const Gor__V1__JobSpec *spec)
{
    size_t bytes = gor__v1__job_spec__get_packed_size(spec);
    uint8_t *packed = malloc(bytes > 0 ? bytes : 1);
    Gor__V1__JobSpec *copy = NULL;

    if (packed != NULL) {
        gor__v1__job_spec__pack(spec, packed);
        copy = gor__v1__job_spec__unpack(NULL, bytes, packed);
    }
    free(packed);
    return copy;
}

void gord_subjob_submit(struct gord_run *run, const Gor__V1__JobSpec *spec,
                        struct gord_lua_answer *out_answer)
{
    struct gord_subjob *subjob = subjob_new(run);

    if (subjob != NULL) {
        subjob->spec = copy_spec(spec);
    }
    if (subjob == NULL || subjob->spec == NULL) {
        no_memory(out_answer);
        if (subjob != NULL) {
            unref(subjob);
        }
        return;
    }
    ask(run, subjob, GOR_NEVER, out_answer);
}

void gord_subjob_wait(struct gord_run *run, uint64_t id, int64_t deadline,
                      struct gord_lua_answer *out_answer)
{
    struct gor_ctx *ctx = gord_run_ctx(run);

    /* A script that is to end, and asks again and again all the same, is to make no work for the loop. */
    if (ctx != NULL && gor_ctx_err(ctx) != 0) {
        out_answer->error = -ECANCELED;
        return;
    }
    struct gord_subjob *subjob = ctx != NULL ? subjob_new(run) : NULL;
    if (subjob == NULL) {
        no_memory(out_answer);
        return;
    }
    subjob->id = id;
    ask(run, subjob, deadline, out_answer);
}
