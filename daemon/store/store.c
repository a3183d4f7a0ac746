/* SPDX-License-Identifier: MIT */
/* store.c - the writer's thread, and what passes between it and the loop; see store.h.
 *
 * Three queues: `incoming` (loop -> writer) and `done` (writer -> loop) are guarded by the lock;
 * what the writer is at lies in `pending`, which is its own. A failed transaction leaves its events
 * in `pending`, where what arrives later lines up behind them.
 */
#include "daemon/store/store.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/base/clock.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/grow.h"
#include "daemon/store/queue.h"
#include "daemon/store/writer.h"

enum {
    BATCH_EVENTS = 32768,  /* of one transaction, unless a group is larger: bounds its time */
    DELIVER_EVENTS = 1024, /* handed to the committed callback at once */
    RETRY_SECONDS = 1,
    BREATH_NS = 5000000, /* between steps of removing while nothing else is to do */
};

/* The wall clock, by which jobs are old enough, may be set: it is looked at so often. */
#define LOOK_NS ((int64_t)60 * 1000000000)
#define REST_NS ((int64_t)1000000000)         /* without work, until memory is given back */
#define STRETCH_NS ((int64_t)60 * 1000000000) /* the same, with work or without */

struct gord_store {
    struct gord_store_opts opts;
    char *path;                 /* owned */
    char *outputs;              /* owned: the folder of all output */
    uv_async_t *wake;           /* owned by the loop, which frees it when it is closed */
    struct gord_writer *writer; /* the thread's, while it runs */
    pthread_t thread;
    int told_error; /* the loop's: what health was last called with */
    char told_text[GORD_STORE_TEXT];
    struct gord_store_queue group; /* the loop's: what was put since begin_group */
    bool grouping;

    pthread_mutex_t lock; /* guards what follows, down to `keep` */
    pthread_cond_t work;  /* incoming or stop */
    struct gord_store_queue incoming;
    struct gord_store_queue done;
    struct gord_store_status status;
    char text[GORD_STORE_TEXT]; /* of status.error */
    bool idle;                  /* the writer waits on `work` */
    bool stop;
    bool new_keep; /* `keep` is for the writer to take */
    struct gord_keep keep;

    bool stirred; /* the thread's, as the next four: it has worked since it rested */
    int64_t rested_ns;
    struct gord_store_queue pending;
    struct gord_event **batch; /* owned; the transaction's events */
    size_t batch_room;
    struct gord_store_queue written; /* committed, on the way to `done` */
};

/* --------------------------------------------------------- writer thread */

static struct timespec in_ns(int64_t ns)
{
    int64_t at_ns = gord_clock_ns(CLOCK_MONOTONIC) + ns;
    return (struct timespec){at_ns / 1000000000, at_ns % 1000000000};
}

/* When there is something to do though nothing comes in: to try again, to remove, or to give memory
 * back. False: never. */
static bool next_turn(const struct gord_store *store, struct timespec *out_at)
{
    if (store->status.fatal) {
        return false;
    }
    if (store->status.error != 0) {
        *out_at = in_ns((int64_t)RETRY_SECONDS * 1000000000);
        return true;
    }
    int64_t wait_ns = gord_writer_wait_ns(store->writer);
    if (store->stirred && wait_ns > REST_NS) {
        *out_at = in_ns(REST_NS);
        return true;
    }
    int64_t most_ns = store->opts.stretch_ns < LOOK_NS ? store->opts.stretch_ns : LOOK_NS;
    wait_ns = wait_ns < most_ns ? wait_ns : most_ns;
    *out_at = in_ns(wait_ns < BREATH_NS ? BREATH_NS : wait_ns);
    return true;
}

/* Wait for work, or for a turn of our own. False: stop. Takes what came in. */
static bool wait_for_work(struct gord_store *store)
{
    pthread_mutex_lock(&store->lock);
    struct timespec at;
    bool timed = next_turn(store, &at);
    int err = 0;
    while (!store->stop && err != ETIMEDOUT) {
        if (store->status.error == 0 && !(gord_store_queue_is_empty(&store->incoming) &&
                                          gord_store_queue_is_empty(&store->pending))) {
            break;
        }
        if (store->new_keep) {
            break;
        }
        store->idle = store->status.error == 0 || store->status.fatal;
        err = timed ? pthread_cond_timedwait(&store->work, &store->lock, &at)
                    : pthread_cond_wait(&store->work, &store->lock);
        store->idle = false;
    }
    bool stop = store->stop, new_keep = store->new_keep;
    store->new_keep = false;
    struct gord_keep keep = store->keep;
    gord_store_queue_move(&store->pending, &store->incoming);
    pthread_mutex_unlock(&store->lock);
    if (new_keep) {
        gord_writer_set_keep(store->writer, &keep, store->outputs);
    }
    return !stop;
}

/* Report a transaction: an error, or 0 and how long it took. */
static void report(struct gord_store *store, int err, bool fatal, const char *text, int64_t took_ns)
{
    struct gord_store_status *status = &store->status;
    pthread_mutex_lock(&store->lock);
    status->error = err;
    status->fatal = fatal;
    snprintf(store->text, sizeof store->text, "%s", err != 0 ? text : "");
    if (err == 0) {
        status->commits++;
        status->rows = gord_writer_rows(store->writer);
        status->last_commit_ns = took_ns;
        status->max_commit_ns = took_ns > status->max_commit_ns ? took_ns : status->max_commit_ns;
        status->committed += store->written.count;
        status->backlog -= store->written.count;
        gord_store_queue_move(&store->done, &store->written);
    }
    for (struct gord_store_note *note;
         err != 0 && (note = gord_store_queue_take_note(&store->pending)) != NULL;) {
        note->error = err;
        gord_store_queue_put_note(&store->done, note);
    }
    pthread_mutex_unlock(&store->lock);
    (void)uv_async_send(store->wake);
}

/* The notes belong to the last transaction of what is pending, for they must not be there before an
 * event that was put before them. Of several settings the last one wins. */
static struct gord_writer_extra take_notes(struct gord_store *store)
{
    struct gord_writer_extra extra = {-1, NULL};
    if (store->pending.first == NULL) {
        extra.notes = store->pending.first_note;
    }
    for (const struct gord_store_note *note = extra.notes; note != NULL; note = note->next) {
        extra.paused = note->paused >= 0 ? note->paused : extra.paused;
    }
    return extra;
}

/* Put the batch's events back in front, in order. */
static void put_back(struct gord_store *store, size_t count)
{
    struct gord_store_queue queue = {0};
    for (size_t i = 0; i < count; i++) {
        gord_store_queue_put(&queue, store->batch[i]);
    }
    gord_store_queue_move(&queue, &store->pending);
    store->pending = queue;
}

/* Move events from `pending` into the batch: as many as a transaction has, and the rest of the group
 * that the last of them belongs to. -ENOMEM; *out_count are in the batch either way. */
static int fill_batch(struct gord_store *store, size_t *out_count)
{
    size_t count = 0;
    int err = 0;
    while (store->pending.first != NULL &&
           (count < BATCH_EVENTS || store->batch[count - 1]->joined)) {
        err = gord_grow(&store->batch, count, &store->batch_room, sizeof *store->batch);
        if (err != 0) {
            break;
        }
        store->batch[count++] = gord_store_queue_take(&store->pending);
    }
    *out_count = count;
    return err;
}

/* One transaction of what is pending. False: it failed, and was reported. */
static bool commit_some(struct gord_store *store)
{
    char text[GORD_STORE_TEXT];
    bool fatal = false;
    size_t count = 0;
    int64_t began = gord_clock_ns(CLOCK_MONOTONIC);
    int err = fill_batch(store, &count);
    struct gord_writer_extra extra = take_notes(store);
    if (err != 0) {
        snprintf(text, sizeof text, "%s: not written: out of memory", store->path);
    } else {
        err = gord_writer_commit(store->writer, store->batch, count, &extra, text, &fatal);
    }
    if (err != 0) {
        put_back(store, count);
        report(store, err, fatal, text, 0);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        gord_store_queue_put(&store->written, store->batch[i]);
    }
    for (struct gord_store_note *note;
         extra.notes != NULL && (note = gord_store_queue_take_note(&store->pending)) != NULL;) {
        gord_store_queue_put_note(&store->written, note);
    }
    report(store, 0, false, "", gord_clock_ns(CLOCK_MONOTONIC) - began);
    err = gord_writer_checkpoint(store->writer, text, &fatal);
    if (err == 0 || (!fatal && err != -EIO && err != -EBADMSG)) {
        return true; /* what is committed is safe in the journal; the next commit tells the rest */
    }
    report(store, err, true, text, 0);
    return false;
}

/* Whether to give memory back: nothing was to do but to look at the clock, or it is long ago. Who is asked
 * for something all the time has no quiet moment, and calls that only read stir nothing here. */
static bool is_to_rest(const struct gord_store *store, bool quiet)
{
    return (quiet && store->stirred) ||
           gord_clock_ns(CLOCK_MONOTONIC) - store->rested_ns >= store->opts.stretch_ns;
}

/* A burst, or one large answer, leaves a cache full of pages and holes behind, which nobody needs any
 * more. malloc gives nothing back by itself that lies below something in use; it is the whole daemon's
 * memory, and this the thread that nobody waits for. */
static void rest(struct gord_store *store)
{
    store->stirred = false;
    store->rested_ns = gord_clock_ns(CLOCK_MONOTONIC);
    gord_writer_rest(store->writer);
    (void)malloc_trim(0);
    pthread_mutex_lock(&store->lock);
    store->status.rests++;
    pthread_mutex_unlock(&store->lock);
}

static void *run_writer(void *arg)
{
    struct gord_store *store = arg;
    while (wait_for_work(store)) {
        bool quiet = gord_store_queue_is_empty(&store->pending) && store->status.error == 0 &&
                     gord_writer_wait_ns(store->writer) > 0;
        if (!quiet) {
            store->stirred = true;
            /* Nothing may be pending after a failure: then an empty transaction shows whether the disk
             * takes writes again. */
            while (commit_some(store) && !gord_store_queue_is_empty(&store->pending)) {
            }
        }
        if (is_to_rest(store, quiet)) {
            rest(store);
        }
    }
    return NULL;
}

/* ----------------------------------------------------------------- loop */

/* Hand committed events to their callback, a row of them at a time. */
static void deliver_events(struct gord_store *store, struct gord_store_queue *done)
{
    struct gord_event *events[DELIVER_EVENTS];
    while (done->first != NULL) {
        size_t count = 0;
        while (count < DELIVER_EVENTS && done->first != NULL) {
            events[count++] = gord_store_queue_take(done);
        }
        store->opts.committed(store->opts.arg, events, count);
        for (size_t i = 0; i < count; i++) {
            gord_event_unref(events[i]);
        }
    }
}

static void deliver(struct gord_store *store)
{
    struct gord_store_queue done = {0};
    pthread_mutex_lock(&store->lock);
    gord_store_queue_move(&done, &store->done);
    int error = store->status.error;
    char text[GORD_STORE_TEXT];
    memcpy(text, store->text, sizeof text);
    pthread_mutex_unlock(&store->lock);

    deliver_events(store, &done);
    for (struct gord_store_note *note; (note = gord_store_queue_take_note(&done)) != NULL;) {
        note->done(note->arg, note->error);
        gord_store_note_free(note);
    }
    if (error != store->told_error) {
        store->told_error = error;
        store->opts.health(store->opts.arg, error, text);
    }
}

static void on_wake(uv_async_t *wake)
{
    deliver(wake->data);
}

static void free_wake(uv_handle_t *wake)
{
    free(wake);
}

void gord_store_put(struct gord_store *store, struct gord_event *event)
{
    GORD_ASSERT(event->seq != 0);
    (void)gord_event_ref(event);
    if (store->grouping) {
        if (store->group.last != NULL) {
            gord_event_of_item(store->group.last)->joined = true;
        }
        gord_store_queue_put(&store->group, event);
        return;
    }
    pthread_mutex_lock(&store->lock);
    gord_store_queue_put(&store->incoming, event);
    store->status.backlog++;
    bool idle = store->idle;
    pthread_mutex_unlock(&store->lock);
    if (idle) {
        pthread_cond_signal(&store->work);
    }
}

void gord_store_begin_group(struct gord_store *store)
{
    GORD_ASSERT(!store->grouping);
    store->grouping = true;
}

void gord_store_end_group(struct gord_store *store)
{
    GORD_ASSERT(store->grouping);
    store->grouping = false;
    pthread_mutex_lock(&store->lock);
    store->status.backlog += store->group.count;
    gord_store_queue_move(&store->incoming, &store->group);
    pthread_mutex_unlock(&store->lock);
    pthread_cond_signal(&store->work);
}

bool gord_store_is_grouping(const struct gord_store *store)
{
    return store->grouping;
}

static int put_note(struct gord_store *store, const struct gord_store_note *content)
{
    struct gord_store_note *note = malloc(sizeof *note);
    if (note == NULL) {
        return -ENOMEM;
    }
    *note = *content;
    pthread_mutex_lock(&store->lock);
    bool refused = store->status.error != 0;
    note->error = store->status.error;
    gord_store_queue_put_note(refused ? &store->done : &store->incoming, note);
    pthread_mutex_unlock(&store->lock);
    if (refused) {
        (void)uv_async_send(store->wake);
    } else {
        pthread_cond_signal(&store->work);
    }
    return 0;
}

int gord_store_set_paused(struct gord_store *store, bool paused, void (*done)(void *arg, int error),
                          void *arg)
{
    const struct gord_store_note note = {.paused = paused, .done = done, .arg = arg};
    return put_note(store, &note);
}

int gord_store_set(struct gord_store *store, const struct gord_setting *setting,
                   void (*done)(void *arg, int error), void *arg)
{
    struct gord_store_note note = {.paused = -1, .setting = *setting, .done = done, .arg = arg};
    size_t bytes = setting->weight_count * sizeof *setting->weights;
    struct gord_weight *weights = bytes > 0 ? malloc(bytes) : NULL;
    if (bytes > 0 && weights == NULL) {
        return -ENOMEM;
    }
    if (bytes > 0) {
        memcpy(weights, setting->weights, bytes);
    }
    note.setting.weights = weights;
    int err = put_note(store, &note);
    if (err != 0) {
        free(weights);
    }
    return err;
}

int gord_store_put_cron(struct gord_store *store, const struct gord_cron_row *row,
                        void (*done)(void *arg, int error), void *arg)
{
    struct gord_cron_row *copy = gord_cron_row_new(row);
    if (copy == NULL) {
        return -ENOMEM;
    }
    const struct gord_store_note note = {.paused = -1, .cron = copy, .done = done, .arg = arg};
    int err = put_note(store, &note);
    if (err != 0) {
        gord_cron_row_free(copy);
    }
    return err;
}

void gord_store_set_keep(struct gord_store *store, const struct gord_keep *keep)
{
    pthread_mutex_lock(&store->lock);
    store->keep = *keep;
    store->new_keep = true;
    pthread_mutex_unlock(&store->lock);
    pthread_cond_signal(&store->work);
}

int gord_store_put_token(struct gord_store *store, const struct gord_token_row *row,
                         enum gord_token_change change, void (*done)(void *arg, int error),
                         void *arg)
{
    struct gord_token_row *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return -ENOMEM;
    }
    *copy = *row;
    const struct gord_store_note note = {
        .paused = -1, .token = copy, .token_change = (uint8_t)change, .done = done, .arg = arg};
    int err = put_note(store, &note);
    if (err != 0) {
        free(copy);
    }
    return err;
}

int gord_store_remove(struct gord_store *store, struct gord_removal *removal,
                      void (*done)(void *arg, int error), void *arg)
{
    const struct gord_store_note note = {
        .paused = -1, .removal = removal, .done = done, .arg = arg};
    return put_note(store, &note);
}

void gord_store_status(struct gord_store *store, struct gord_store_status *out_status)
{
    pthread_mutex_lock(&store->lock);
    *out_status = store->status;
    memcpy(store->told_text, store->text, sizeof store->told_text);
    pthread_mutex_unlock(&store->lock);
    out_status->text = store->told_text;
}

const char *gord_store_path(const struct gord_store *store)
{
    return store->path;
}

/* --------------------------------------------------------- open and close */

/* Memory mode: a database whose contents end with the daemon, but whose numbers go on, for the logs
 * of earlier jobs may still lie about. */
static int open_anew(struct gord_store *store, struct gord_store_start *out_start, char *out_text)
{
    struct gord_store_start former = {1, 1, false};
    struct gord_writer_opts opts = {.path = store->path, .outputs = store->outputs};
    char side[4200];
    int err = gord_writer_open(&opts, &former, out_text, &store->writer);
    gord_writer_close(store->writer);
    store->writer = NULL;
    if (err != 0 && err != -EBADMSG) {
        return err; /* a broken one was ours to lose */
    }
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(side, sizeof side, "%s%s", store->path, suffixes[i]);
        (void)unlink(side);
    }
    opts.keep = &store->opts.keep;
    err = gord_writer_open(&opts, out_start, out_text, &store->writer);
    if (err == 0) {
        err = gord_writer_seed(store->writer, &former);
        *out_start = (struct gord_store_start){former.next_id, former.next_seq, false};
    }
    return err;
}

static int open_wake(struct gord_store *store)
{
    store->wake = malloc(sizeof *store->wake);
    if (store->wake == NULL) {
        return -ENOMEM;
    }
    int err = uv_async_init(store->opts.loop, store->wake, on_wake);
    if (err != 0) {
        free(store->wake);
        store->wake = NULL;
        return err;
    }
    store->wake->data = store;
    return 0;
}

static void free_store(struct gord_store *store)
{
    gord_writer_close(store->writer);
    if (store->wake != NULL) {
        uv_close((uv_handle_t *)store->wake, free_wake);
    }
    pthread_cond_destroy(&store->work);
    pthread_mutex_destroy(&store->lock);
    free(store->batch);
    free(store->outputs);
    free(store->path);
    free(store);
}

static char *file_in(const char *dir, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static struct gord_store *new_store(const struct gord_store_opts *opts)
{
    struct gord_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return NULL;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->lock, NULL);
    pthread_cond_init(&store->work, &attr);
    pthread_condattr_destroy(&attr);
    store->opts = *opts;
    store->opts.stretch_ns = opts->stretch_ns > 0 ? opts->stretch_ns : STRETCH_NS;
    store->rested_ns = gord_clock_ns(CLOCK_MONOTONIC);
    store->opts.dir = NULL; /* borrowed only for the call */
    store->batch = malloc(BATCH_EVENTS * sizeof *store->batch);
    store->batch_room = BATCH_EVENTS;
    store->path = file_in(opts->dir, opts->memory ? "gord-memory.db" : "gord.db");
    store->outputs = file_in(opts->dir, "logs");
    if (store->batch == NULL || store->path == NULL || store->outputs == NULL) {
        free_store(store);
        return NULL;
    }
    return store;
}

int gord_store_open(const struct gord_store_opts *opts, struct gord_store_start *out_start,
                    char *out_text, struct gord_store **out_store)
{
    struct gord_store_start start;
    struct gord_store *store = new_store(opts);
    if (store == NULL) {
        snprintf(out_text, GORD_STORE_TEXT, "the store of %s: out of memory", opts->dir);
        return -ENOMEM;
    }
    struct gord_writer_opts writer = {store->path, true, &store->opts.keep, store->outputs};
    int err = opts->memory ? open_anew(store, &start, out_text)
                           : gord_writer_open(&writer, &start, out_text, &store->writer);
    if (err != 0) {
        goto free_store;
    }
    store->status.committed = start.next_seq - 1;
    err = open_wake(store);
    err = err != 0 ? err : -pthread_create(&store->thread, NULL, run_writer, store);
    if (err != 0) {
        snprintf(out_text, GORD_STORE_TEXT, "%s: the writer cannot be started: %s", store->path,
                 strerror(-err));
        goto free_store;
    }
    (void)pthread_setname_np(store->thread, "gord-store");
    *out_start = start;
    *out_store = store;
    return 0;
free_store:
    free_store(store);
    return err;
}

static void drop_pending(struct gord_store *store)
{
    gord_store_queue_move(&store->pending, &store->incoming);
    for (struct gord_event *event; (event = gord_store_queue_take(&store->pending)) != NULL;) {
        gord_event_unref(event);
    }
    for (struct gord_store_note *note;
         (note = gord_store_queue_take_note(&store->pending)) != NULL;) {
        note->done(note->arg, store->status.error);
        gord_store_note_free(note);
    }
}

int gord_store_close(struct gord_store *store)
{
    if (store == NULL) {
        return 0;
    }
    GORD_ASSERT(!store->grouping);
    pthread_mutex_lock(&store->lock);
    store->stop = true;
    pthread_mutex_unlock(&store->lock);
    pthread_cond_signal(&store->work);
    pthread_join(store->thread, NULL);
    /* The thread is gone, and its work is done here: what it left, and what the callbacks add. One
     * failure ends it; after a failed fsync nothing is tried at all. */
    gord_store_queue_move(&store->pending, &store->incoming);
    GORD_CRASHPOINT(STOP_COMMIT);
    while (!gord_store_queue_is_empty(&store->pending) && !store->status.fatal &&
           commit_some(store)) {
        deliver(store);
        gord_store_queue_move(&store->pending, &store->incoming);
    }
    int err = gord_store_queue_is_empty(&store->pending) ? 0 : store->status.error;
    deliver(store);
    drop_pending(store);
    free_store(store);
    return err;
}
