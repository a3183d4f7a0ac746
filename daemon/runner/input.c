/* SPDX-License-Identifier: MIT */
/* input.c - see input.h. */
#include "daemon/runner/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    atomic_store(&input->handed, true); /* whoever sees ctx cancelled sees this */
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
    free(input->writers);
}

/* ------------------------------------------------------------------ who writes */

static struct gord_input_writer *add_writer(struct gord_input *input, const uint8_t *id)
{
    if (input->writer_count == GORD_WRITERS_MAX) {
        input->writer_count--;
        memmove(input->writers, input->writers + 1, input->writer_count * sizeof(*input->writers));
    }
    if (input->writer_count == input->writer_room) {
        size_t room = input->writer_room > 0 ? 4 * input->writer_room : 1;
        struct gord_input_writer *writers = reallocarray(input->writers, room, sizeof(*writers));
        if (writers == NULL) {
            return NULL;
        }
        input->writers = writers;
        input->writer_room = room;
    }
    struct gord_input_writer *writer = &input->writers[input->writer_count++];
    *writer = (struct gord_input_writer){.taken = 0};
    memcpy(writer->id, id, sizeof(writer->id));
    return writer;
}

/* NULL: it has not written, or is forgotten. */
static struct gord_input_writer *find_writer(const struct gord_input *input, const uint8_t *id)
{
    for (size_t i = input->writer_count; i > 0; i--) {
        if (memcmp(input->writers[i - 1].id, id, GORD_WRITER_BYTES) == 0) {
            return &input->writers[i - 1];
        }
    }
    return NULL;
}

static struct gord_input_writer *put_last(struct gord_input *input,
                                          struct gord_input_writer *writer)
{
    struct gord_input_writer *last = &input->writers[input->writer_count - 1];
    struct gord_input_writer copy = *writer;

    memmove(writer, writer + 1, (size_t)(last - writer) * sizeof(*writer));
    *last = copy;
    return last;
}

int gord_input_know(struct gord_input *input, const uint8_t *id, uint64_t taken)
{
    struct gord_input_writer *writer = add_writer(input, id);

    if (writer == NULL) {
        return -ENOMEM;
    }
    writer->taken = taken;
    return 0;
}

/* ------------------------------------------------------------------ writing */

/* Whole, or as far as the job lets it, but for what it had before. Holds the lock. */
static int write_rest(struct gord_input *input, struct gord_input_write *write, size_t had,
                      struct gor_ctx *ctx)
{
    size_t written = 0;
    int result = input->fd >= 0 ? 0 : -EPIPE;

    if (result == 0 && write->size > had) {
        result = gor_write_all_ctx(input->fd, (const uint8_t *)write->data + had, write->size - had,
                                   ctx, &written);
    }
    if (result == 0 && write->close) {
        gor_close(input->fd);
        input->fd = -1;
    }
    write->written = had + written;
    return result;
}

/* Likewise, of somebody who may do it again. Once the pipe is gone nothing is changed any more. */
static int write_once(struct gord_input *input, struct gord_input_write *write, struct gor_ctx *ctx)
{
    struct gord_input_writer *writer = find_writer(input, write->writer);
    uint64_t taken = writer != NULL ? writer->taken : 0;

    if (writer == NULL && input->fd < 0) {
        return -EPIPE;
    }
    if (write->offset > taken) {
        return -ERANGE;
    }
    size_t had =
        taken - write->offset < write->size ? (size_t)(taken - write->offset) : write->size;
    if (had == write->size && (!write->close || (writer != NULL && writer->closed))) {
        write->written = had;
        return 0; /* all of it was done before */
    }
    if (input->fd < 0) {
        return -EPIPE;
    }
    writer = writer != NULL ? put_last(input, writer) : add_writer(input, write->writer);
    if (writer == NULL) {
        return -ENOMEM;
    }
    int result = write_rest(input, write, had, ctx);
    writer->taken += write->written - had;
    writer->closed = writer->closed || (result == 0 && write->close);
    return result;
}

static int write_locked(struct gord_input *input, struct gord_input_write *write,
                        struct gor_ctx *ctx)
{
    return write->writer != NULL ? write_once(input, write, ctx) : write_rest(input, write, 0, ctx);
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
    bool over = result == -EPIPE || (result == -ECANCELED && gor_ctx_err(input->ctx) != 0);
    if (!over) {
        return result;
    }
    return atomic_load(&input->handed) ? -ESHUTDOWN : -EPIPE;
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
