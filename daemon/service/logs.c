/* SPDX-License-Identifier: MIT */
/* Jobs.Logs: what a job wrote, from an offset on, pushed as it grows. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/hold.h"
#include "daemon/runner/logread.h"
#include "daemon/runner/logtail.h"
#include "daemon/service/array.h"
#include "daemon/service/owner.h"
#include "daemon/service/roles.h"
#include "daemon/service/state.h"

#define FRAMES_PER_TURN 256
#define TAIL_STEPS_PER_TURN 8

/* One call. */
struct gord_follow {
    struct gord_service *service;
    struct rpc_call *call;
    uint64_t id;
    uint64_t offset;
    uint64_t passed; /* there is nothing more to get below: what is missing there was removed */
    bool follow;
    uint64_t lines;              /* of what is there; 0: all */
    int64_t since_ns;            /* 0: from the first */
    enum gord_stream only;       /* 0: both */
    bool with_position;          /* with `seeks`: it is told where that is */
    bool seeks;                  /* where to begin is not known yet */
    struct gord_logtail *tail;   /* owned; while it is looked for */
    uint32_t skip;               /* bytes to leave out of the next frame */
    bool full;                   /* the call's queue has no room */
    struct gord_logread *reader; /* owned; NULL: no file so far */
    struct gord_run *run;        /* owned reference: counted among its followers; NULL: has none */
    bool holds;                  /* the job is to wait for it */
    bool held;                   /* counted among those that hold `run` */
    struct list_link link;       /* in the service's follows */
};

/* Up to where it has got what was written, or never will. */
static uint64_t taken_by(const struct gord_follow *follow)
{
    uint64_t offset = follow->reader != NULL ? gord_logread_offset(follow->reader) : follow->offset;

    return offset > follow->passed ? offset : follow->passed;
}

/* How far the slowest of those is that hold the run; the run goes on by that. */
static void tell_run(struct gord_service *service, struct gord_run *run)
{
    uint64_t least = UINT64_MAX;

    for (struct list_link *link = service->follows.next; link != &service->follows;
         link = link->next) {
        const struct gord_follow *follow = CONTAINER_OF(link, struct gord_follow, link);
        if (follow->held && follow->run == run && taken_by(follow) < least) {
            least = taken_by(follow);
        }
    }
    if (least != UINT64_MAX) {
        gord_hold_take(run, least);
    }
}

static void leave_run(struct gord_follow *follow)
{
    if (follow->held) {
        follow->held = false;
        tell_run(follow->service, follow->run);
        gord_hold_leave(follow->run);
    }
    if (follow->run != NULL) {
        atomic_fetch_sub(&follow->run->followers, 1);
        gord_run_unref(follow->run);
        follow->run = NULL;
    }
}

static void free_follow(struct gord_follow *follow)
{
    leave_run(follow);
    gord_logtail_close(follow->tail);
    gord_logread_close(follow->reader);
    free(follow);
}

static void drop(struct gord_follow *follow)
{
    list_remove(&follow->link);
    free_follow(follow);
}

/* Join the job's run once it has one, so that its writes are told to us; one that could not be started is
 * nobody's. */
static void join_run(struct gord_follow *follow)
{
    struct gord_job *job = gord_job_find(gord_bus_table(follow->service->bus), follow->id);
    struct gord_run *run = job != NULL ? gord_runner_run_of(job) : NULL;

    if (run == NULL && follow->run != NULL && follow->run->withdrawn) {
        leave_run(follow);
    }
    if (run != NULL && follow->run != run) {
        leave_run(follow); /* that of a former attempt */
        follow->passed = 0;
        follow->run = gord_run_ref(run);
        /* Before the log's end is read: what is written later makes a note. */
        atomic_fetch_add(&run->followers, 1);
        follow->held = follow->holds && gord_hold_join(run, taken_by(follow)) == 0;
    }
}

static int open_reader(struct gord_follow *follow)
{
    int result;

    if (follow->reader != NULL) {
        return 0;
    }
    result = gord_logread_open(gord_runner_log_root(follow->service->runner), follow->id,
                               follow->offset, &follow->reader);
    return result == -ENOENT ? 0 : result;
}

/* One frame; 1: sent, 0: none there, negative: error or full. */
static int send_frame(struct gord_follow *follow, uint64_t limit)
{
    Gor__V1__LogChunk chunk = GOR__V1__LOG_CHUNK__INIT;
    struct gord_frame frame;
    const uint8_t *data;
    int result = gord_logread_next(follow->reader, limit, &frame, &data);

    if (result <= 0) {
        return result;
    }
    uint32_t skip = follow->skip < frame.length ? follow->skip : frame.length;
    follow->skip = 0;
    if (skip == frame.length ||
        (follow->only != 0 && frame.stream != GORD_REMARK && frame.stream != follow->only)) {
        return 1;
    }
    chunk.stream = (Gor__V1__LogChunk__Stream)frame.stream;
    chunk.data.data = (uint8_t *)(uintptr_t)data + skip;
    chunk.data.len = frame.length - skip;
    chunk.at_ns = frame.at_ns;
    chunk.next_offset = gord_logread_offset(follow->reader);
    chunk.missing_bytes = gord_logread_missing(follow->reader);
    result = rpc_call_send(follow->call, &chunk.base);
    return result < 0 ? result : 1;
}

/* Where it begins. In the midst of a frame it is the first chunk that tells. */
static void tell_position(struct gord_follow *follow)
{
    Gor__V1__LogChunk chunk = GOR__V1__LOG_CHUNK__INIT;

    if (follow->with_position && follow->skip == 0) {
        chunk.next_offset = follow->offset > 0 ? follow->offset : GORD_LOGFILE_MAGIC_BYTES;
        (void)rpc_call_send(follow->call, &chunk.base); /* the first one: there is room */
    }
}

/* Find where to begin; 1: found, 0: not yet, negative: error. */
static int seek(struct gord_follow *follow, uint64_t limit)
{
    struct gord_logtail_opts opts = {.root = gord_runner_log_root(follow->service->runner),
                                     .id = follow->id,
                                     .limit = limit,
                                     .lines = follow->lines,
                                     .since_ns = follow->since_ns,
                                     .only = follow->only};
    int result = follow->tail != NULL ? 0 : gord_logtail_open(&opts, &follow->tail);

    for (int i = 0; result == 0 && i < TAIL_STEPS_PER_TURN; i++) {
        result = gord_logtail_step(follow->tail);
    }
    if (result == 0) {
        return 0;
    }
    if (result == 1) {
        follow->offset = gord_logtail_offset(follow->tail);
        follow->skip = gord_logtail_skip(follow->tail);
    } else if (result == -ENOENT || result == -EILSEQ) {
        result = 1; /* nothing is there, or what is cannot be told from its end: all of it then */
    }
    gord_logtail_close(follow->tail);
    follow->tail = NULL;
    follow->seeks = false;
    if (result == 1) {
        tell_position(follow);
    }
    return result;
}

/* Up to `limit`; as send_frames. */
static int send_up_to(struct gord_follow *follow, uint64_t limit)
{
    int result = follow->seeks ? seek(follow, limit) : 1;

    if (result <= 0) {
        return result;
    }
    result = open_reader(follow);
    if (result != 0 || follow->reader == NULL) {
        return result != 0 ? result : 1;
    }
    for (unsigned n = 0; n < FRAMES_PER_TURN; n++) {
        if (!rpc_call_writable(follow->call)) {
            follow->full = true;
            break;
        }
        result = send_frame(follow, limit);
        if (result <= 0) {
            return result < 0 ? result : 1;
        }
    }
    return 0;
}

/* Send what is there: 1: all sent, 0: more is there, negative: error. */
static int send_frames(struct gord_follow *follow)
{
    /* Read before the frames: a job that lives has no frame beyond it, one that ended gets no new
     * ones. */
    uint64_t limit = follow->run != NULL ? gord_logfile_end(&follow->run->log) : UINT64_MAX;
    int result = send_up_to(follow, limit);

    if (result == 1 && follow->run != NULL && limit != GORD_LOGFILE_FORMER) {
        follow->passed = limit;
    }
    return result;
}

/* An ended job wrote something, and there is no file: removed, or it could never be written. Say
 * so, lest it looks as if the job had been silent. */
static void tell_missing(struct gord_follow *follow)
{
    Gor__V1__LogChunk chunk = GOR__V1__LOG_CHUNK__INIT;
    struct gord_row row;
    char text[128];

    if (follow->reader != NULL || follow->offset > 0 ||
        gord_reader_job(gord_bus_reader(follow->service->bus), follow->id, false, &row) != 0) {
        return;
    }
    uint64_t bytes = row.stdout_bytes + row.stderr_bytes;
    bool ended = row.state == GOR__V1__JOB_STATE__TERMINATED;
    int64_t at_ns = row.finished_ns;
    gord_row_fini(&row);
    if (bytes > 0 && ended) {
        int length =
            snprintf(text, sizeof(text),
                     "%" PRIu64 " bytes of output are not here: the log file is missing\n", bytes);
        chunk.stream = GOR__V1__LOG_CHUNK__STREAM__GORD;
        chunk.data.data = (uint8_t *)text;
        chunk.data.len = (size_t)length;
        chunk.at_ns = at_ns;
        (void)rpc_call_send(follow->call, &chunk.base); /* best effort: a remark */
    }
}

static void end_follow(struct gord_follow *follow, int error)
{
    struct rpc_call *call = follow->call;
    uint64_t offset =
        follow->reader != NULL ? gord_logread_offset(follow->reader) : GORD_LOGFILE_MAGIC_BYTES;

    if (error == -EILSEQ && follow->offset > GORD_LOGFILE_MAGIC_BYTES && offset == follow->offset) {
        gord_fail(
            call, WIRE_INVALID_ARGUMENT,
            "offset is not where a chunk of this log begins; use next_offset of a chunk, or 0");
    } else if (error == -EILSEQ) {
        gord_fail(call, WIRE_DATA_LOSS,
                  "the log of job %" PRIu64 " is damaged: what follows byte %" PRIu64
                  " of its file cannot be read",
                  follow->id, offset);
    } else if (error != 0) {
        gord_fail(call, wire_status_from_errno(error), "cannot read the log of job %" PRIu64 ": %s",
                  follow->id, strerror(-error));
    } else {
        tell_missing(follow);
        rpc_call_finish(call, WIRE_OK, NULL);
    }
    drop(follow);
}

static void pump(struct gord_follow *follow)
{
    join_run(follow);
    bool over = !follow->follow || gord_is_settled(follow->service, follow->id);
    int result = follow->full ? 0 : send_frames(follow);
    if (follow->held) {
        tell_run(follow->service, follow->run);
    }
    if (result == -EPIPE) {
        follow->full = true; /* it is over: on_end is about to be called */
    } else if (result < 0) {
        end_follow(follow, result);
    } else if (result == 1 && over) {
        end_follow(follow, 0);
    } else if (result == 0 && !follow->full) {
        gord_bus_wake(follow->service->bus); /* its turn was over, not its log */
        follow->service->ended_some = true;
    }
}

/* ------------------------------------------------------------------ called when something happens
 */

/* One that could not be started was not its run: the next one is. Asked at each write: mostly nobody is. */
static void look_who_is_awaited(struct gord_service *service, uint64_t id)
{
    if (service->awaited.count == 0) {
        return;
    }
    struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_run *run = job != NULL ? gord_runner_run_of(job) : NULL;

    if (run == NULL) {
        gord_awaited_give_back(&service->awaited, id);
    } else if (gord_awaited_take(&service->awaited, id)) {
        gord_hold_expect(run);
    }
}

void gord_follows_log(struct gord_service *service, uint64_t id)
{
    look_who_is_awaited(service, id);
    for (struct list_link *link = service->follows.next, *next; link != &service->follows;
         link = next) {
        struct gord_follow *follow = CONTAINER_OF(link, struct gord_follow, link);
        next = link->next;
        if (follow->id == id && follow->full) {
            join_run(follow); /* which is not to write before that, however little is taken */
        } else if (follow->id == id) {
            pump(follow);
        }
    }
}

void gord_follows_flush(struct gord_service *service)
{
    for (struct list_link *link = service->follows.next, *next; link != &service->follows;
         link = next) {
        struct gord_follow *follow = CONTAINER_OF(link, struct gord_follow, link);
        next = link->next;
        if (!follow->full) {
            pump(follow);
        }
    }
}

void gord_follows_end(struct gord_service *service)
{
    for (struct list_link *link = service->follows.next, *next; link != &service->follows;
         link = next) {
        struct gord_follow *follow = CONTAINER_OF(link, struct gord_follow, link);
        next = link->next;
        uint64_t offset =
            follow->reader != NULL ? gord_logread_offset(follow->reader) : follow->offset;
        gord_fail(follow->call, WIRE_UNAVAILABLE,
                  "the daemon stops; go on with offset %" PRIu64 " when it is back", offset);
        if (follow->held) {
            gord_hold_expect(follow->run); /* if the daemon becomes another one, it comes back */
        }
        drop(follow);
    }
    list_init(&service->follows);
}

static void on_writable(struct rpc_call *call, void *user)
{
    struct gord_follow *follow = user;

    (void)call;
    follow->full = false;
    pump(follow);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    drop(user);
}

/* False: the call is answered. */
static bool is_sound(struct rpc_call *call, const Gor__V1__LogsRequest *request)
{
    if (request->offset != 0 && (request->tail_lines != 0 || request->since_ns != 0)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "offset says where to begin; tail_lines and since_ns do not go with it");
        return false;
    }
    if (request->holds &&
        (!request->follow || request->tail_lines != 0 || request->since_ns != 0)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "holds is for one that follows from the first byte or an offset; set follow, and "
                  "neither tail_lines nor since_ns");
        return false;
    }
    if (request->holds && rpc_call_peer(call)->rank < GORD_ROLE_SUBMITTER) {
        gord_fail(call, WIRE_PERMISSION_DENIED,
                  "holds keeps a job back, which takes the role of %s; without it you may look on",
                  gord_role_name(GORD_ROLE_SUBMITTER));
        return false;
    }
    if (request->since_ns < 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "since_ns is before 1970; 0 means from the first");
        return false;
    }
    if ((unsigned)request->only > GOR__V1__LOG_CHUNK__STREAM__STDERR) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "only is %d; it is STDOUT, STDERR, or not set for both", (int)request->only);
        return false;
    }
    return true;
}

GORD_METHOD(gord_jobs_logs)
{
    struct gord_service *service = user;
    const Gor__V1__LogsRequest *request = (const Gor__V1__LogsRequest *)message;

    if (!is_sound(call, request)) {
        return;
    }
    if (!gord_knows_or_fail(service, call, request->id)) {
        return;
    }
    if (!gord_owner_ok(service, call, request->id, "read it")) {
        return;
    }
    uint64_t task = 0;
    if (gord_array_is_group(service, request->id, &task) == 1) {
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "job %" PRIu64
                  " is an array, which writes nothing itself; its tasks do, from job "
                  "%" PRIu64 " on: `gorctl tree %" PRIu64 "` lists them",
                  request->id, task, request->id);
        return;
    }
    struct gord_follow *follow = calloc(1, sizeof(*follow));
    if (follow == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    follow->service = service;
    follow->call = call;
    follow->id = request->id;
    follow->offset = request->offset;
    follow->lines = request->tail_lines;
    follow->since_ns = request->since_ns;
    follow->only = (enum gord_stream)request->only;
    follow->with_position = request->with_position;
    follow->seeks = request->tail_lines != 0 || request->since_ns != 0;
    follow->follow = request->follow;
    follow->holds = request->holds;
    list_append(&service->follows, &follow->link);
    rpc_call_on(call, on_writable, on_end, follow);
    if (follow->holds) {
        rpc_call_be_patient(call); /* a pager is read for as long as it likes */
        gord_awaited_drop(&service->awaited, follow->id);
    }
    pump(follow);
}
