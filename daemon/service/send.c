/* SPDX-License-Identifier: MIT */
/* Jobs.Send: to the standard input of a job, as fast as the job reads.
 *
 * A call to a job that has no process yet waits here for it; one under way is the runner's. What a
 * call holds is its own message, and each job may have so many of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "daemon/service/owner.h"
#include "daemon/service/state.h"

#define DATA_MAX ((size_t)64 * 1024)
#define SENDS_MAX 16   /* for one job */
#define ALL_SENDS 4096 /* for all of them */

struct gord_send {
    struct gord_input_write write; /* while it is under way */
    struct gord_service *service;
    struct rpc_call *call; /* NULL: it has gone */
    uint64_t id;
    bool under_way;
    bool parked; /* the daemon goes: it is answered when clients know that */
    uint8_t writer[GORD_WRITER_BYTES];
    struct list_link link; /* in the service's sends */
    uint8_t data[];
};

static void end_send(struct gord_send *send)
{
    list_remove(&send->link);
    send->service->send_count--;
    free(send);
}

static void fail_send(struct rpc_call *call, uint64_t id, int error)
{
    switch (error) {
    case -EPIPE:
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "job %" PRIu64 " takes no more input: it was closed, or the job has ended", id);
        break;
    case -EINVAL:
        gord_fail(call, WIRE_FAILED_PRECONDITION, "job %" PRIu64 " has ended", id);
        break;
    case -EOPNOTSUPP:
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "job %" PRIu64 " takes no input; it had to be handed in with --stdin - "
                  "(stdin_pipe)",
                  id);
        break;
    case -ENOENT:
        gord_fail(call, WIRE_NOT_FOUND, "there is no job %" PRIu64, id);
        break;
    case -ERANGE:
        gord_fail(call, WIRE_OUT_OF_RANGE,
                  "job %" PRIu64 " does not have the input that this goes on with: it was started "
                  "anew since, or too many others have written to it",
                  id);
        break;
    default:
        gord_fail(call, wire_status_from_errno(error), "cannot write to job %" PRIu64 ": %s", id,
                  strerror(-error));
    }
}

/* The daemon goes. UNAVAILABLE, to be sent again, promises that nothing comes twice by that. */
static void fail_for_now(struct gord_send *send, bool touched)
{
    if (send->write.writer != NULL || !touched) {
        gord_fail(send->call, WIRE_UNAVAILABLE, "the daemon stops; send it again when it is back");
    } else {
        gord_fail(send->call, WIRE_ABORTED, "the daemon stops, and may have written a part of it");
    }
}

/* What another daemon may go on with: the job, or the next attempt at it, which tells what it has. */
static bool goes_on(const struct gord_send *send)
{
    return send->write.result == -ESHUTDOWN ||
           (send->write.result == -EPIPE && send->write.writer != NULL && send->service->draining);
}

static void on_written(struct gord_input_write *write)
{
    struct gord_send *send = CONTAINER_OF(write, struct gord_send, write);

    if (send->call != NULL && write->result == 0) {
        Gor__V1__SendReply reply = GOR__V1__SEND_REPLY__INIT;
        reply.bytes = write->written;
        rpc_call_reply(send->call, &reply.base);
    } else if (send->call != NULL && goes_on(send) && !send->service->ended) {
        send->under_way = false;
        send->parked = true; /* for gord_sends_end() */
        return;
    } else if (send->call != NULL) {
        fail_send(send->call, send->id, write->result);
    }
    end_send(send);
}

/* Whether the job can be written to: 0; -EAGAIN: not yet; or why not. */
static int look_at(struct gord_service *service, uint64_t id, struct gord_job **out_job)
{
    struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    int result = 0;

    if (job == NULL) {
        result = gord_knows(service, id);
        return result == 0 ? -EINVAL : result;
    }
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        return -EINVAL;
    }
    result = gord_runner_need_spec(service->runner, job);
    if (result == 0 && !job->body->spec->takes_input) {
        result = -EOPNOTSUPP;
    }
    *out_job = job;
    if (result == 0 && (gord_runner_run_of(job) == NULL || job->body->pid == 0)) {
        result = -EAGAIN;
    }
    return result;
}

/* Begin to write if that can be; what can never be is answered, and the send gone. */
static void try_send(struct gord_send *send)
{
    struct gord_job *job = NULL;
    int result = look_at(send->service, send->id, &job);

    if (result == 0) {
        send->under_way = true;
        result = gord_input_start(gord_runner_run_of(job), &send->write);
    }
    if (result != 0 && result != -EAGAIN) {
        fail_send(send->call, send->id, result);
        end_send(send);
    }
}

void gord_sends_flush(struct gord_service *service)
{
    for (struct list_link *link = service->sends.next, *next; link != &service->sends;
         link = next) {
        struct gord_send *send = CONTAINER_OF(link, struct gord_send, link);
        next = link->next;
        if (!send->under_way && !send->parked) {
            try_send(send);
        }
    }
}

void gord_sends_end(struct gord_service *service)
{
    for (struct list_link *link = service->sends.next, *next; link != &service->sends;
         link = next) {
        struct gord_send *send = CONTAINER_OF(link, struct gord_send, link);
        next = link->next;
        if (send->call != NULL) {
            fail_for_now(send, send->under_way || send->write.written > 0);
            send->call = NULL;
        }
        if (!send->under_way) {
            end_send(send); /* the others come back when their jobs have ended */
        }
    }
}

/* The client is gone, or does not want to wait any longer. */
static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct gord_send *send = user;

    (void)call;
    (void)why;
    send->call = NULL;
    if (send->under_way) {
        gord_input_cancel(&send->write);
    } else {
        end_send(send);
    }
}

static bool has_room(struct gord_service *service, struct rpc_call *call, uint64_t id)
{
    size_t count = 0;

    for (struct list_link *link = service->sends.next; link != &service->sends; link = link->next) {
        count += CONTAINER_OF(link, struct gord_send, link)->id == id;
    }
    if (count < SENDS_MAX && service->send_count < ALL_SENDS) {
        return true;
    }
    gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
              "%zu calls wait to write to job %" PRIu64 ", which does not read; try again later",
              count, id);
    return false;
}

static bool is_right(struct rpc_call *call, const Gor__V1__SendRequest *request)
{
    if (request->data.len > DATA_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "data has %zu bytes; one call takes at most %zu",
                  request->data.len, DATA_MAX);
    } else if (request->writer.len != 0 && request->writer.len != GORD_WRITER_BYTES) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "writer has %zu bytes; it is %d, or none",
                  request->writer.len, GORD_WRITER_BYTES);
    } else if (request->offset != 0 && request->writer.len == 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "offset is of a writer, and there is none");
    } else if (request->offset > UINT64_MAX - DATA_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "offset %" PRIu64 " is more than anybody sends",
                  request->offset);
    } else {
        return true;
    }
    return false;
}

/* NULL: out of memory. */
static struct gord_send *new_send(struct gord_service *service, struct rpc_call *call,
                                  const Gor__V1__SendRequest *request)
{
    struct gord_send *send = calloc(1, sizeof(*send) + request->data.len);

    if (send == NULL) {
        return NULL;
    }
    if (request->data.len > 0) {
        memcpy(send->data, request->data.data, request->data.len);
    }
    if (request->writer.len > 0) {
        memcpy(send->writer, request->writer.data, sizeof(send->writer));
        send->write.writer = send->writer;
        send->write.offset = request->offset;
    }
    send->service = service;
    send->call = call;
    send->id = request->id;
    send->write.data = send->data;
    send->write.size = request->data.len;
    send->write.close = request->close;
    send->write.done = on_written;
    return send;
}

GORD_METHOD(gord_jobs_send)
{
    struct gord_service *service = user;
    const Gor__V1__SendRequest *request = (const Gor__V1__SendRequest *)message;
    struct gord_job *job = NULL;

    if (!is_right(call, request)) {
        return;
    }
    if (!gord_owner_ok(service, call, request->id, "write to it")) {
        return;
    }
    int result = look_at(service, request->id, &job);
    if (result != 0 && result != -EAGAIN) {
        fail_send(call, request->id, result);
        return;
    }
    if (!has_room(service, call, request->id)) {
        return;
    }
    struct gord_send *send = new_send(service, call, request);
    if (send == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    list_append(&service->sends, &send->link);
    service->send_count++;
    rpc_call_on(call, NULL, on_end, send);
    try_send(send);
}
