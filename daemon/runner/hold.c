/* SPDX-License-Identifier: MIT */
/* hold.c - see hold.h. */
#include "daemon/runner/hold.h"

#include <errno.h>

#include "daemon/runner/run.h"

#define READERS 2 /* of a run, each of its pipes has one */

/* Shares of the cap: how far ahead the log may be for a read to begin, and what one may read. Both
 * readers' together, with the headers of their frames, they come to less than a quarter. */
#define AHEAD_SHARE 8
#define READ_SHARE 32

/* Whoever wakes waiters needs memory for it; without it they look by themselves. */
#define LOOK_NS GOR_SECOND

void gord_hold_fini(struct gord_hold *hold)
{
    gor_chan_unref(atomic_load(&hold->moved));
}

bool gord_hold_is_on(const struct gord_hold *hold)
{
    return atomic_load(&hold->holders) > 0 || atomic_load(&hold->expected_until) > gor_now();
}

static bool has_room(const struct gord_run *run)
{
    const struct gord_hold *hold = &run->hold;
    uint64_t end = gord_logfile_end(&run->log);
    uint64_t taken = atomic_load(&hold->holders) > 0 ? atomic_load(&hold->taken) : 0;

    return !gord_hold_is_on(hold) || atomic_load(&hold->open) || end == GORD_LOGFILE_FORMER ||
           end <= taken || end - taken <= run->log.cap_bytes / AHEAD_SHARE;
}

/* ------------------------------------------------------------------ who holds: on the loop */

static int make_channel(struct gord_hold *hold)
{
    if (atomic_load(&hold->moved) == NULL) {
        atomic_store(&hold->moved, gor_chan_new(0, READERS));
    }
    return atomic_load(&hold->moved) != NULL ? 0 : -ENOMEM;
}

static void tell(struct gord_run *run)
{
    for (int i = 0; i < READERS; i++) {
        (void)gor_chan_try_send(atomic_load(&run->hold.moved),
                                NULL); /* a full one says it already */
    }
}

static void tell_and_unref(void *arg)
{
    tell(arg);
    gord_run_unref(arg);
}

/* A channel is for goroutines only. */
static void wake(struct gord_run *run)
{
    struct gor_go_opts opts = {.at_ceiling = GOR_CEILING_EXEMPT};

    if (atomic_load(&run->hold.waiting) > 0 && has_room(run) &&
        gor_go_with(&opts, tell_and_unref, gord_run_ref(run)) != 0) {
        gord_run_unref(run);
    }
}

int gord_hold_join(struct gord_run *run, uint64_t taken)
{
    struct gord_hold *hold = &run->hold;

    if (make_channel(hold) != 0) {
        return -ENOMEM;
    }
    if (atomic_load(&hold->holders) == 0 || taken < atomic_load(&hold->taken)) {
        atomic_store(&hold->taken, taken);
    }
    atomic_fetch_add(&hold->holders, 1);
    atomic_store(&hold->expected_until, 0);
    wake(run);
    return 0;
}

void gord_hold_leave(struct gord_run *run)
{
    atomic_fetch_sub(&run->hold.holders, 1);
    wake(run);
}

void gord_hold_take(struct gord_run *run, uint64_t taken)
{
    atomic_store(&run->hold.taken, taken);
    wake(run);
}

void gord_hold_expect(struct gord_run *run)
{
    if (make_channel(&run->hold) == 0) {
        atomic_store(&run->hold.expected_until, gor_after(GORD_HOLD_EXPECTED_NS));
    }
}

void gord_hold_open_async(struct gord_run *run)
{
    atomic_store(&run->hold.open, true);
    wake(run);
}

/* ------------------------------------------------------------------ who is held: on goroutines */

/* What happens first: `over` is done, the run is to end, or it is worth another look. */
enum { OVER, ENDS, MOVED, CASES };

static int wait_once(struct gord_run *run, struct gor_ctx *over)
{
    struct gord_hold *hold = &run->hold;
    struct gor_case cases[CASES] = {
        [OVER] = {.chan = gor_ctx_done(over), .op = GOR_RECV},
        [ENDS] = {.chan = gor_ctx_done(gord_run_ctx(run)), .op = GOR_RECV},
        [MOVED] = {.chan = atomic_load(&hold->moved), .op = GOR_RECV}};
    int result = MOVED;

    atomic_fetch_add(&hold->waiting, 1);
    if (!has_room(run)) {
        atomic_fetch_add(&hold->waits, 1);
        result = gor_select_until(cases, CASES, gor_after(LOOK_NS));
    }
    atomic_fetch_sub(&hold->waiting, 1);
    return result;
}

size_t gord_hold_wait(struct gord_run *run, size_t most, struct gor_ctx *over)
{
    struct gord_hold *hold = &run->hold;
    size_t piece = (size_t)(run->log.cap_bytes / READ_SHARE);
    int result = MOVED;

    if (!gord_hold_is_on(hold)) {
        return most;
    }
    while (result != OVER && !has_room(run)) {
        result = wait_once(run, over);
        if (result == ENDS) {
            gord_hold_open(run);
        }
    }
    if (result == OVER) {
        return 0;
    }
    return atomic_load(&hold->open) || most < piece ? most : piece;
}

/* The lock is taken also where nobody holds the run: another may be amid its text still. */
int gord_hold_write(struct gord_run *run, enum gord_stream stream, const void *data, size_t length)
{
    const char *bytes = data;
    bool took = true;

    gor_mutex_lock(&run->hold.writing);
    struct gor_ctx *ctx = gord_hold_is_on(&run->hold) ? gord_run_ctx(run) : NULL;
    while (took && length > 0) {
        size_t most = ctx != NULL ? gord_hold_wait(run, length, ctx) : length;
        size_t piece =
            most > 0 && most < length ? most : length; /* 0: it is to end, and all may go */
        took = gord_logfile_append(&run->log, stream, bytes, piece);
        bytes += piece;
        length -= piece;
    }
    gor_mutex_unlock(&run->hold.writing);
    return took ? 0 : -ESRCH;
}

void gord_hold_open(struct gord_run *run)
{
    atomic_store(&run->hold.open, true);
    if (atomic_load(&run->hold.moved) != NULL) {
        tell(run);
    }
}

bool gord_hold_was_felt(struct gord_hold *hold, unsigned *counter)
{
    unsigned former = *counter;

    *counter = atomic_load(&hold->waits);
    return *counter != former || atomic_load(&hold->waiting) > 0;
}
