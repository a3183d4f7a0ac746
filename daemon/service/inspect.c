/* SPDX-License-Identifier: MIT */
/* Runtime.Inspect: what the runtime tells of itself, as a file for people or for a tool.
 *
 * Some kinds watch for a while first. Then a thread of libuv's pool writes, into a file without a name
 * in the state directory, for it may be larger than a daemon should hold in memory; and the loop sends
 * it as the client reads. A trace is written to that file while it happens.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "daemon/service/dump_filter.h"
#include "daemon/service/figures.h"
#include "daemon/service/state.h"

#define PIECE ((size_t)32 * 1024)
#define WATCH_MIN_NS ((int64_t)1000000)
#define WATCH_MAX_NS ((int64_t)3600 * 1000000000)

enum stage { WATCHES, WRITES, SENDS };

struct kind {
    const char *what; /* for people */
    /* Begin to watch; NULL: there is nothing to watch for. It may open the file. */
    int (*start)(struct gord_inspection *inspection);
    /* On a thread of the pool. */
    int (*write)(const struct gord_inspection *inspection, FILE *out);
    /* Nobody wants what was watched; NULL with `start`. */
    void (*give_up)(void);
};

/* One call. */
struct gord_inspection {
    struct rpc_call *call; /* NULL: it has ended, or was answered */
    const struct kind *kind;
    struct gord_dump_filter filter; /* for dumps */
    struct gord_figures figures;    /* for metrics; of the moment of the call */
    const char *dir;                /* the service's */
    enum stage stage;
    uv_timer_t timer; /* ends the watching; when it is closed, all this is freed */
    uv_work_t work;
    uv_sem_t written; /* posted when the pool's thread has done its part */
    FILE *file;       /* owned; NULL: none so far */
    off_t sent;
    int error;
    struct list_link link; /* in the service's inspections */
};

/* ---- a file without a name */

static FILE *open_nameless(const char *dir)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/inspect-XXXXXX", dir);
    int fd = length < (int)sizeof(path) ? mkostemp(path, O_CLOEXEC) : -1;
    FILE *file;

    if (fd < 0) {
        return NULL;
    }
    (void)unlink(path);
    file = fdopen(fd, "w+");
    if (file == NULL) {
        close(fd);
    }
    return file;
}

/* Unless it is open already. */
static int open_file(struct gord_inspection *inspection)
{
    errno = 0;
    if (inspection->file == NULL) {
        inspection->file = open_nameless(inspection->dir);
    }
    return inspection->file != NULL ? 0 : errno != 0 ? -errno : -EIO;
}

/* ---- the kinds */

static int write_dump(const struct gord_inspection *inspection, FILE *out)
{
    return gor_dump_with(out, &inspection->filter.opts);
}

static int write_goroutine_profile(const struct gord_inspection *inspection, FILE *out)
{
    (void)inspection;
    return gor_profile_write(GOR_PROFILE_GOROUTINE, NULL, out);
}

static int start_cpu_profile(struct gord_inspection *inspection)
{
    (void)inspection;
    return gor_cpu_profile_start(NULL);
}

static void stop_cpu_profile(void)
{
    (void)gor_cpu_profile_stop();
}

static int write_cpu_profile(const struct gord_inspection *inspection, FILE *out)
{
    (void)inspection;
    stop_cpu_profile();
    return gor_profile_write(GOR_PROFILE_CPU, NULL, out);
}

static atomic_bool block_watched; /* somebody does */

/* Watched are all waits, not one in so many: it is for a short time. */
static int start_block_profile(struct gord_inspection *inspection)
{
    (void)inspection;
    if (atomic_exchange(&block_watched, true)) {
        return -EBUSY;
    }
    gor_set_block_profile_rate(1);
    return 0;
}

static void stop_block_profile(void)
{
    gor_set_block_profile_rate(0);
    atomic_store(&block_watched, false);
}

static int write_block_profile(const struct gord_inspection *inspection, FILE *out)
{
    (void)inspection;
    stop_block_profile();
    return gor_profile_write(GOR_PROFILE_BLOCK, NULL, out);
}

static int start_mutex_profile(struct gord_inspection *inspection)
{
    (void)inspection;
    return gor_set_mutex_profile_fraction(-1) != 0 ? -EBUSY : gor_set_mutex_profile_fraction(1);
}

static void stop_mutex_profile(void)
{
    (void)gor_set_mutex_profile_fraction(0);
}

static int write_mutex_profile(const struct gord_inspection *inspection, FILE *out)
{
    (void)inspection;
    stop_mutex_profile();
    return gor_profile_write(GOR_PROFILE_MUTEX, NULL, out);
}

/* It is written while it happens. */
static int start_trace(struct gord_inspection *inspection)
{
    int result = open_file(inspection);
    return result == 0 ? gor_trace_start(NULL, gor_trace_to_file, inspection->file) : result;
}

static void stop_trace(void)
{
    (void)gor_trace_stop(NULL);
}

static int write_trace(const struct gord_inspection *inspection, FILE *out)
{
    (void)inspection;
    (void)out;
    return gor_trace_stop(NULL);
}

static int write_metrics(const struct gord_inspection *inspection, FILE *out)
{
    return gord_figures_write(&inspection->figures, out);
}

static const struct kind kinds[] = {
    [GOR__V1__INSPECT_REQUEST__KIND__DUMP] = {"dump", NULL, write_dump, NULL},
    [GOR__V1__INSPECT_REQUEST__KIND__GOROUTINE_PROFILE] = {"goroutine profile", NULL,
                                                           write_goroutine_profile, NULL},
    [GOR__V1__INSPECT_REQUEST__KIND__CPU_PROFILE] = {"CPU profile", start_cpu_profile,
                                                     write_cpu_profile, stop_cpu_profile},
    [GOR__V1__INSPECT_REQUEST__KIND__BLOCK_PROFILE] = {"block profile", start_block_profile,
                                                       write_block_profile, stop_block_profile},
    [GOR__V1__INSPECT_REQUEST__KIND__MUTEX_PROFILE] = {"mutex profile", start_mutex_profile,
                                                       write_mutex_profile, stop_mutex_profile},
    [GOR__V1__INSPECT_REQUEST__KIND__TRACE] = {"trace", start_trace, write_trace, stop_trace},
    [GOR__V1__INSPECT_REQUEST__KIND__METRICS] = {"metrics", NULL, write_metrics, NULL},
};

static const struct kind *find_kind(Gor__V1__InspectRequest__Kind kind)
{
    size_t index = (size_t)kind;
    return index < sizeof(kinds) / sizeof(kinds[0]) && kinds[index].write != NULL ? &kinds[index]
                                                                                  : NULL;
}

/* ---- the end */

static void free_it(uv_handle_t *timer)
{
    struct gord_inspection *inspection = timer->data;

    if (inspection->file != NULL) {
        fclose(inspection->file);
    }
    uv_sem_destroy(&inspection->written);
    gord_figures_fini(&inspection->figures);
    free(inspection);
}

static void drop(struct gord_inspection *inspection)
{
    list_remove(&inspection->link);
    uv_close((uv_handle_t *)&inspection->timer, free_it);
}

static void fail(struct gord_inspection *inspection, int error)
{
    struct rpc_call *call = inspection->call;
    const char *what = inspection->kind->what;

    inspection->call = NULL;
    if (error == -EBUSY) {
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "somebody is taking a %s already, and only one can be taken at a time; try again "
                  "when that is done",
                  what);
    } else {
        gord_fail(call, wire_status_from_errno(error), "cannot take the %s: %s", what,
                  strerror(-error));
    }
}

/* ---- send */

/* 1: there may be more; 0: that was the last; negative: it cannot be read, or the call is over. */
static int send_piece(struct gord_inspection *inspection)
{
    Gor__V1__InspectChunk chunk = GOR__V1__INSPECT_CHUNK__INIT;
    uint8_t piece[PIECE];
    ssize_t got = pread(fileno(inspection->file), piece, sizeof(piece), inspection->sent);

    if (got <= 0) {
        return got < 0 ? -errno : 0;
    }
    chunk.data.data = piece;
    chunk.data.len = (size_t)got;
    if (rpc_call_send(inspection->call, &chunk.base) < 0) {
        return -EPIPE; /* on_end is about to be called */
    }
    inspection->sent += got;
    return 1;
}

static void pump(struct rpc_call *call, void *user)
{
    struct gord_inspection *inspection = user;
    int result = 1;

    while (result > 0 && rpc_call_writable(call)) {
        result = send_piece(inspection);
    }
    if (result > 0 || result == -EPIPE) {
        return;
    }
    if (result == 0) {
        inspection->call = NULL;
        rpc_call_finish(call, WIRE_OK, NULL);
    } else {
        fail(inspection, result);
    }
    drop(inspection);
}

/* ---- write */

static void write_file(uv_work_t *work)
{
    struct gord_inspection *inspection = work->data;

    inspection->error = open_file(inspection);
    if (inspection->error == 0) {
        inspection->error = inspection->kind->write(inspection, inspection->file);
    } else if (inspection->kind->give_up != NULL) {
        inspection->kind->give_up();
    }
    if (inspection->error == 0 && fflush(inspection->file) != 0) {
        inspection->error = -errno;
    }
    uv_sem_post(&inspection->written);
}

static void on_written(uv_work_t *work, int status)
{
    struct gord_inspection *inspection = work->data;
    int error = status != 0 ? status : inspection->error;

    inspection->stage = SENDS;
    if (inspection->call == NULL) {
        drop(inspection);
    } else if (error != 0) {
        fail(inspection, error);
        drop(inspection);
    } else {
        pump(inspection->call, inspection);
    }
}

static void begin_to_write(struct gord_inspection *inspection)
{
    inspection->stage = WRITES;
    inspection->work.data = inspection;
    /* It only refuses to work without a function. */
    (void)uv_queue_work(inspection->timer.loop, &inspection->work, write_file, on_written);
}

/* ---- watch */

static void on_watched(uv_timer_t *timer)
{
    begin_to_write(timer->data);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct gord_inspection *inspection = user;

    (void)call;
    (void)why;
    inspection->call = NULL;
    if (inspection->stage == WATCHES) {
        inspection->kind->give_up();
    }
    if (inspection->stage != WRITES) {
        drop(inspection);
    }
}

static int begin(struct gord_inspection *inspection, int64_t duration_ns)
{
    if (inspection->kind->start == NULL) {
        begin_to_write(inspection);
        return 0;
    }
    int result = inspection->kind->start(inspection);
    if (result == 0) {
        inspection->stage = WATCHES;
        uv_timer_start(&inspection->timer, on_watched, (uint64_t)(duration_ns / 1000000), 0);
    }
    return result;
}

static bool is_valid(struct rpc_call *call, const Gor__V1__InspectRequest *request,
                     const struct kind *kind)
{
    if (kind == NULL) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "kind %d is none that this gord knows",
                  (int)request->kind);
        return false;
    }
    if (kind->start != NULL &&
        (request->duration_ns < WATCH_MIN_NS || request->duration_ns > WATCH_MAX_NS)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "duration_ns is %lld; a %s watches for 1 ms to 1 hour",
                  (long long)request->duration_ns, kind->what);
        return false;
    }
    return true;
}

GORD_METHOD(gord_runtime_inspect)
{
    struct gord_service *service = user;
    const Gor__V1__InspectRequest *request = (const Gor__V1__InspectRequest *)message;
    const struct kind *kind = find_kind(request->kind);
    struct gord_inspection *inspection;

    if (!is_valid(call, request, kind)) {
        return;
    }
    inspection = calloc(1, sizeof(*inspection));
    if (inspection == NULL || uv_sem_init(&inspection->written, 0) != 0) {
        free(inspection);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    inspection->call = call;
    inspection->kind = kind;
    if (!gord_dump_filter_read(&inspection->filter, request->dump, call)) {
        uv_sem_destroy(&inspection->written);
        free(inspection);
        return;
    }
    if (request->kind == GOR__V1__INSPECT_REQUEST__KIND__METRICS) {
        gord_figures_gather(service, &inspection->figures);
    }
    inspection->dir = service->state_dir;
    (void)uv_timer_init(service->loop, &inspection->timer);
    inspection->timer.data = inspection;
    list_append(&service->inspections, &inspection->link);
    rpc_call_on(call, pump, on_end, inspection);
    int result = begin(inspection, request->duration_ns);
    if (result != 0) {
        fail(inspection, result);
        drop(inspection);
    }
}

/* The runtime is about to stop: nobody may ask it anything after this. */
static void end_one(struct gord_inspection *inspection)
{
    struct rpc_call *call = inspection->call;
    bool writes = inspection->stage == WRITES;
    bool watched = inspection->stage == WATCHES;

    inspection->call = NULL;
    if (call != NULL) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon stops");
    }
    if (writes && uv_cancel((uv_req_t *)&inspection->work) != 0) {
        uv_sem_wait(&inspection->written);
    } else if (writes) {
        watched = true; /* and nothing will be written of it */
    }
    if (watched && inspection->kind->give_up != NULL) {
        inspection->kind->give_up();
    }
    if (!writes) {
        drop(inspection); /* else on_written does */
    }
}

void gord_inspections_end(struct gord_service *service)
{
    struct list_link *next;

    for (struct list_link *link = service->inspections.next; link != &service->inspections;
         link = next) {
        next = link->next;
        end_one(CONTAINER_OF(link, struct gord_inspection, link));
    }
}
