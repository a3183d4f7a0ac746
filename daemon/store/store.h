/* SPDX-License-Identifier: MIT */
/* store.h - the writer: takes events, puts them on disk in groups, says when they are there.
 *
 * One thread of its own writes; everything that arrives while one transaction is on its way to the
 * disk goes into the next (group commit).
 * Invariants  events are committed in the order of put, a prefix at a time; "committed" means after
 *             fsync in the sync mode. Nothing committed is ever taken back.
 * Failure     a transaction that fails (no space, I/O error) changes nothing on disk. Its events
 *             stay, in order, and are tried again every second; meanwhile the store *refuses*:
 *             gord_store_status tells, and no new job should be taken or started. After a failed
 *             fsync nothing is tried again: what the kernel then says about the file is worthless.
 * Threads     put, set_paused, set, remove, status, the callbacks: loop thread.
 * Ownership   put keeps a reference until the committed callback has returned.
 */
#ifndef GORD_STORE_STORE_H
#define GORD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/event/event.h"
#include "daemon/store/keep.h"
#include "daemon/store/removal.h"
#include "daemon/store/setting.h"
#include "daemon/store/token_row.h"

struct gord_store;

struct gord_store_opts {
    const char *dir; /* the state directory; exists */
    bool memory;     /* nothing survives the daemon but the next id and seq */
    struct gord_keep keep;
    int64_t
        stretch_ns; /* memory that is free is given back to the kernel this often; 0: each minute */
    uv_loop_t *loop; /* where the callbacks run */
    /* These `count` events, the next in order, are committed. */
    void (*committed)(void *arg, struct gord_event *const *events, size_t count);
    /* The store began to refuse (error < 0; text says what, to which file, what to do), or takes
     * events again (error 0, text ""). What was committed before is delivered before. */
    void (*health)(void *arg, int error, const char *text);
    void *arg;
};

/* What the daemon must know before it goes on where the last one ended. */
struct gord_store_start {
    uint64_t next_id;
    uint64_t next_seq;
    bool paused;
};

struct gord_store_status {
    int error;              /* 0, or why it refuses: -ENOSPC, -EIO, -EDQUOT, -EROFS, -EFBIG, ... */
    bool fatal;             /* an fsync failed: it refuses until a restart */
    const char *text;       /* of the error; "" if none; good until the next call */
    uint64_t committed;     /* seq */
    uint64_t commits;       /* transactions */
    uint64_t rows;          /* rows written */
    uint64_t backlog;       /* events put and not yet committed */
    uint64_t rests;         /* how often memory was given back */
    int64_t last_commit_ns; /* how long the last transaction took */
    int64_t max_commit_ns;
};

enum { GORD_STORE_TEXT = 512 };

/* Open or create <dir>/gord.db, bring it to the current version, start the writer.
 * Errors, each with a text in out_text (GORD_STORE_TEXT bytes) that names the file and says what to
 * do; the file is never replaced: -EBADMSG not a database or corrupt; -EPROTO another program's or
 * a newer gord's; -EACCES, -EROFS, -ENOSPC, -EBUSY, -EIO, -ENOMEM. */
int gord_store_open(const struct gord_store_opts *opts, struct gord_store_start *out_start,
                    char *out_text, struct gord_store **out_store);

/* Hand over an applied event (its seq is the successor of the last one put). Never blocks. */
void gord_store_put(struct gord_store *store, struct gord_event *event);

/* What is put between these two is committed in one transaction, all or nothing: for a request that
 * submits many jobs. Nothing of it is written before the end. */
void gord_store_begin_group(struct gord_store *store);
void gord_store_end_group(struct gord_store *store);
bool gord_store_is_grouping(const struct gord_store *store);

/* Keep the paused flag with the next transaction; done(arg, 0) once it is committed, or
 * done(arg, -errno) once the store refuses. -ENOMEM. */
int gord_store_set_paused(struct gord_store *store, bool paused, void (*done)(void *arg, int error),
                          void *arg);

/* Keep a queue or a pool, or forget it and its weights; `done` as above. -ENOMEM. */
int gord_store_set(struct gord_store *store, const struct gord_setting *setting,
                   void (*done)(void *arg, int error), void *arg);

/* An entry of the calendar, as it is to be kept. */
struct gord_cron_row {
    char *name;      /* owned */
    uint32_t uid;    /* whose its jobs are */
    bool is_gone;    /* to be forgotten */
    int64_t made_ns; /* when it was made, or replaced */
    uint8_t *spec;   /* owned; a packed CronSpec; NULL: as it is */
    size_t spec_bytes;
    struct gord_cron_state state;
};

/* A copy. NULL: out of memory. */
struct gord_cron_row *gord_cron_row_new(const struct gord_cron_row *like);
void gord_cron_row_free(struct gord_cron_row *row); /* NULL is fine */

/* Keep the row, copied here, with the next transaction, behind every event put so far; done as above.
 * What is older than what is there already changes nothing. -ENOMEM. */
int gord_store_put_cron(struct gord_store *store, const struct gord_cron_row *row,
                        void (*done)(void *arg, int error), void *arg);

/* Keep a token, copied here, note its use, or forget it; done as above. -ENOMEM. */
int gord_store_put_token(struct gord_store *store, const struct gord_token_row *row,
                         enum gord_token_change change, void (*done)(void *arg, int error),
                         void *arg);

/* Remove those jobs, with all that is theirs, if they have ended and nobody waits for them; what became
 * of each is in the removal, which is the writer's until `done`, as above. -ENOMEM. */
int gord_store_remove(struct gord_store *store, struct gord_removal *removal,
                      void (*done)(void *arg, int error), void *arg);

/* Keep no more than that from now on, as if the store had been opened with it. Never blocks. */
void gord_store_set_keep(struct gord_store *store, const struct gord_keep *keep);

void gord_store_status(struct gord_store *store, struct gord_store_status *out_status);

/* Commit what is still there (one try), stop the writer, deliver the last callbacks, close. Blocks
 * for that long. 0, or the error if something could not be committed. The loop must run once more
 * to be rid of the handle. NULL is fine. */
int gord_store_close(struct gord_store *store);

/* The database's path, for gord_reader_open; borrowed. */
const char *gord_store_path(const struct gord_store *store);

#endif
