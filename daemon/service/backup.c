/* SPDX-License-Identifier: MIT */
/* Store.Backup: a thread of libuv's pool makes a copy of the database, into a file without a name in the
 * state directory; the loop sends that and all output as the client reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "daemon/service/state.h"
#include "daemon/store/archive.h"

#define PIECE ((size_t)32 * 1024)

/* One call. */
struct gord_backup {
    struct rpc_call *call; /* NULL: it has ended, or was answered */
    struct gord_service *service;
    char *outputs; /* owned; NULL: left out */
    uv_work_t work;
    uv_sem_t copied; /* posted when the pool's thread has done its part */
    bool copying;
    int error;
    struct gord_archive *archive; /* owned */
    struct list_link link;        /* in the service's backups */
};

static void free_backup(struct gord_backup *backup)
{
    list_remove(&backup->link);
    gord_archive_close(backup->archive);
    uv_sem_destroy(&backup->copied);
    free(backup->outputs);
    free(backup);
}

static void fail(struct gord_backup *backup, int error)
{
    struct rpc_call *call = backup->call;

    backup->call = NULL;
    gord_fail(call, gord_store_status_code(error),
              "no backup: %s; a copy of the database must fit into %s while it is made",
              strerror(-error), backup->service->state_dir);
}

/* ------------------------------------------------------------------ sending */

/* 1: there may be more; 0: that was the last; negative: it cannot be read, or the call is over. */
static int send_piece(struct gord_backup *backup)
{
    Gor__V1__InspectChunk chunk = GOR__V1__INSPECT_CHUNK__INIT;
    uint8_t piece[PIECE];
    ssize_t got = gord_archive_read(backup->archive, piece, sizeof(piece));

    if (got <= 0) {
        return (int)got;
    }
    chunk.data.data = piece;
    chunk.data.len = (size_t)got;
    return rpc_call_send(backup->call, &chunk.base) < 0 ? -EPIPE : 1;
}

static void pump(struct rpc_call *call, void *user)
{
    struct gord_backup *backup = user;
    int result = 1;

    while (result > 0 && rpc_call_writable(call)) {
        result = send_piece(backup);
    }
    if (result > 0 || result == -EPIPE) {
        return; /* -EPIPE: on_end is about to be called */
    }
    if (result == 0) {
        backup->call = NULL;
        rpc_call_finish(call, WIRE_OK, NULL);
    } else {
        fail(backup, result);
    }
    free_backup(backup);
}

/* ------------------------------------------------------------------ copying */

static void copy(uv_work_t *work)
{
    struct gord_backup *backup = work->data;
    struct gord_archive_opts opts = {.database =
                                         gord_store_path(gord_bus_store(backup->service->bus)),
                                     .scratch = backup->service->state_dir,
                                     .outputs = backup->outputs};

    backup->error = gord_archive_open(&opts, &backup->archive);
    uv_sem_post(&backup->copied);
}

static void on_copied(uv_work_t *work, int status)
{
    struct gord_backup *backup = work->data;
    int error = status != 0 ? status : backup->error;

    backup->copying = false;
    if (backup->call == NULL) {
        free_backup(backup);
    } else if (error != 0) {
        fail(backup, error);
        free_backup(backup);
    } else {
        pump(backup->call, backup);
    }
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct gord_backup *backup = user;

    (void)call;
    (void)why;
    backup->call = NULL;
    if (!backup->copying) {
        free_backup(backup);
    }
}

/* NULL: out of memory. */
static struct gord_backup *new_backup(struct gord_service *service, bool with_output)
{
    struct gord_backup *backup = calloc(1, sizeof(*backup));

    if (backup == NULL || uv_sem_init(&backup->copied, 0) != 0) {
        free(backup);
        return NULL;
    }
    backup->service = service;
    if (with_output) {
        backup->outputs = strdup(gord_runner_log_root(service->runner));
        if (backup->outputs == NULL) {
            uv_sem_destroy(&backup->copied);
            free(backup);
            return NULL;
        }
    }
    return backup;
}

GORD_METHOD(gord_store_backup)
{
    struct gord_service *service = user;
    const Gor__V1__BackupRequest *request = (const Gor__V1__BackupRequest *)message;

    if (service->memory) {
        gord_fail(call, WIRE_FAILED_PRECONDITION,
                  "the store is in memory and ends with the daemon; there is nothing to back up");
        return;
    }
    struct gord_backup *backup = new_backup(service, !request->without_output);
    if (backup == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    backup->call = call;
    backup->copying = true;
    backup->work.data = backup;
    list_append(&service->backups, &backup->link);
    rpc_call_on(call, pump, on_end, backup);
    /* It only refuses to work without a function. */
    (void)uv_queue_work(service->loop, &backup->work, copy, on_copied);
}

void gord_backups_end(struct gord_service *service)
{
    struct list_link *next;

    for (struct list_link *link = service->backups.next; link != &service->backups; link = next) {
        struct gord_backup *backup = CONTAINER_OF(link, struct gord_backup, link);
        struct rpc_call *call = backup->call;
        next = link->next;
        backup->call = NULL;
        if (call != NULL) {
            gord_fail(call, WIRE_UNAVAILABLE, "the daemon stops; the backup is not complete");
        }
        if (!backup->copying) {
            free_backup(backup);
        } else if (uv_cancel((uv_req_t *)&backup->work) != 0) {
            uv_sem_wait(&backup->copied); /* then on_copied frees it */
        }
    }
}
