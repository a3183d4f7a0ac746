/* SPDX-License-Identifier: MIT */
/* input.c - see input.h. */
#include "daemon/runner/input.h"

#include <errno.h>

#include "daemon/runner/run.h"

int gord_input_open(struct gord_input *input, int fd)
{
    int result = gor_ctx_with_cancel(gor_ctx_background(), &input->ctx);

    if (result == 0) {
        input->fd = fd;
    }
    return result;
}

void gord_input_shut(struct gord_input *input)
{
    if (input->ctx == NULL) {
        return;
    }
    gor_ctx_cancel(input->ctx, "the job has ended");
    gor_mutex_lock(&input->lock);
    if (input->fd >= 0) {
        gor_close(input->fd);
        input->fd = -1;
    }
    gor_mutex_unlock(&input->lock);
}

int gord_input_let_go(struct gord_input *input)
{
    if (input->ctx == NULL) {
        return -1;
    }
    gor_ctx_cancel(input->ctx, "the daemon is being replaced");
    gor_mutex_lock(&input->lock);
    int fd = input->fd;
    input->fd = -1;
    gor_mutex_unlock(&input->lock);
    return fd;
}

void gord_input_fini(struct gord_input *input)
{
    if (input->ctx != NULL) {
        gor_ctx_unref(input->ctx);
    }
}

/* Whole, or as far as the job lets it. Holds the lock. */
static int write_locked(struct gord_input *input, struct gord_input_write *write,
                        struct gor_ctx *ctx)
{
    int result = input->fd >= 0 ? 0 : -EPIPE;

    if (result == 0 && write->size > 0) {
        result = gor_write_all_ctx(input->fd, write->data, write->size, ctx, &write->written);
    }
    if (result == 0 && write->close) {
        gor_close(input->fd);
        input->fd = -1;
    }
    return result;
}

static int write_under(struct gord_input *input, struct gord_input_write *write,
                       struct gor_ctx *ctx)
{
    int result = gor_mutex_lock_ctx(&input->lock, ctx);

    if (result == 0) {
        result = write_locked(input, write, ctx);
        gor_mutex_unlock(&input->lock);
    }
    /* Its own end, not that of whoever waits for this. */
    return result == -ECANCELED && gor_ctx_err(input->ctx) != 0 ? -EPIPE : result;
}

static void run_write(void *arg)
{
    struct gord_input_write *write = arg;
    struct gord_input *input = &write->run->input;
    struct gor_ctx *ctx = NULL;

    write->result = input->ctx != NULL ? gor_ctx_with_cancel(input->ctx, &ctx) : -EPIPE;
    if (write->result == 0) {
        /* Each side stores its own and then looks at the other's, so one of them sees both. */
        atomic_store(&write->ctx, ctx);
        if (atomic_load(&write->cancelled)) {
            gor_ctx_cancel(ctx, NULL);
        }
        write->result = write_under(input, write, ctx);
    }
    gord_inbox_post(write->run->env->written, &write->link);
}

int gord_input_start(struct gord_run *run, struct gord_input_write *write)
{
    struct gor_go_opts opts = {.name = run->name, .at_ceiling = GOR_CEILING_EXEMPT};

    write->run = gord_run_ref(run);
    atomic_init(&write->ctx, NULL);
    atomic_init(&write->cancelled, false);
    int result = gor_go_with(&opts, run_write, write);
    if (result != 0) {
        gord_run_unref(run);
        write->run = NULL;
    }
    return result;
}

void gord_input_cancel(struct gord_input_write *write)
{
    atomic_store(&write->cancelled, true);
    struct gor_ctx *ctx = atomic_load(&write->ctx);
    if (ctx != NULL) {
        gor_ctx_cancel_async(ctx, NULL);
    }
}
