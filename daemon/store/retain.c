/* SPDX-License-Identifier: MIT */
/* retain.c - see retain.h.
 *
 * Outputs are removed before the commit: after a crash in between the job is still there, without its
 * output, and first in line to be removed. The other way round files would be left that nobody knows.
 *
 * Rejected: an index by the time of the end. Each job would pay for it; the log has that order already.
 * Rejected: a statement that deletes all that is due. It takes as long as there is much, and commits
 * wait for it.
 */
#include "daemon/store/retain.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/crashpoint.h"
#include "daemon/store/awaited.h"
#include "daemon/store/removal.h"
#include "daemon/store/writing.h"

enum {
    RUNS_PER_STEP = 64,  /* looked at */
    LINKS_PER_STEP = 64, /* of one job's events, followed backwards */
};

#define TERMINATED GOR__V1__JOB_STATE__TERMINATED

/* What one step may still do. */
struct step {
    struct gord_writer *writer;
    struct gord_tally *tally;
    int64_t now_ns;
    unsigned jobs;
    unsigned runs;
};

static int64_t sum_of(const struct gord_tally *tally)
{
    int64_t sum = 0;
    for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
        sum += tally->ended[i];
    }
    return sum;
}

/* ----------------------------------------------------------------- rows */

/* Run a statement with one number and answer whether it has a row, whose first column goes to
 * *out_value (NULL is 0). SQLite's code. */
static int ask(struct gord_writer *writer, enum gord_writer_statement which, uint64_t number,
               bool *out_found, int64_t *out_value)
{
    sqlite3_stmt *stmt = writer->stmts[which];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)number);
    int rc = sqlite3_step(stmt);
    *out_found = rc == SQLITE_ROW;
    *out_value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    while (rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt); /* one that deletes is finished only then */
    }
    (void)sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int run_with(struct gord_writer *writer, enum gord_writer_statement which, uint64_t number)
{
    sqlite3_stmt *stmt = writer->stmts[which];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)number);
    return gord_sql_run(stmt);
}

/* The environment goes if no other job has it. */
static int release_env(struct gord_writer *writer, int64_t env_id)
{
    bool used = false;
    int64_t unwanted;
    if (env_id == 0) {
        return SQLITE_OK;
    }
    int rc = ask(writer, WRITE_ENV_USED, (uint64_t)env_id, &used, &unwanted);
    if (rc != SQLITE_OK || used) {
        return rc;
    }
    gord_writer_forget_env(writer, env_id);
    return run_with(writer, WRITE_DELETE_ENV, (uint64_t)env_id);
}

/* --------------------------------------------------------------- the log */

/* Which of the run's jobs is still there? *out_needed: one is. */
static int is_needed(struct gord_writer *writer, struct gord_log_run *run, bool *out_needed)
{
    uint64_t gone = 0;
    while (run->held > 0) {
        uint64_t id = run->items[run->held - 1].job_id;
        if (id != gone) {
            bool found = false;
            int64_t unwanted;
            int rc = ask(writer, WRITE_FIND_JOB, id, &found, &unwanted);
            if (rc != SQLITE_OK || found) {
                *out_needed = true;
                return rc;
            }
        }
        gone = id;
        run->held--;
    }
    *out_needed = false;
    return SQLITE_OK;
}

static int delete_run(struct gord_writer *writer, struct gord_log_run *run)
{
    struct gord_retain_marks *marks = &writer->retain.marks;
    uint64_t end = run->first_seq + run->count;
    int rc = run_with(writer, WRITE_DELETE_LOG, run->first_seq);
    marks->kept_from = end > marks->kept_from ? end : marks->kept_from;
    run->first_seq = 0;
    run->used = 0;
    return rc;
}

/* Delete the run if all walkers' best has passed it and nobody needs it. */
static int release_run(struct gord_writer *writer, struct gord_log_run *run)
{
    const struct gord_retain_marks *marks = &writer->retain.marks;
    uint64_t end = run->first_seq + run->count, passed = 0;
    for (int i = 0; i < GORD_WALKERS; i++) {
        passed = marks->cursors[i] > passed ? marks->cursors[i] : passed;
    }
    if (end > passed) {
        return SQLITE_OK;
    }
    bool needed = true;
    int rc = is_needed(writer, run, &needed);
    if (rc != SQLITE_OK || needed) {
        return rc;
    }
    return delete_run(writer, run);
}

/* A run by the statement, whose parameter is `seq`; NULL in *out: there is none. */
static int fetch_run(struct gord_writer *writer, enum gord_writer_statement which, uint64_t seq,
                     struct gord_log_run **out)
{
    sqlite3_stmt *stmt = writer->stmts[which];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)seq);
    int rc = sqlite3_step(stmt);
    *out = NULL;
    if (rc == SQLITE_ROW) {
        rc = gord_runs_load(&writer->retain.runs, stmt, out);
    } else if (rc == SQLITE_DONE) {
        rc = SQLITE_OK;
    }
    (void)sqlite3_reset(stmt);
    return rc;
}

/* The run that has `seq`; NULL: it is gone. */
static int run_of(struct gord_writer *writer, uint64_t seq, struct gord_log_run **out)
{
    *out = gord_runs_find(&writer->retain.runs, seq);
    if (*out != NULL) {
        return SQLITE_OK;
    }
    int rc = fetch_run(writer, WRITE_LOG_AT, seq, out);
    if (*out != NULL && seq - (*out)->first_seq >= (*out)->count) {
        *out = NULL;
    }
    return rc;
}

/* The events of a job that is gone, from `seq` backwards: have their runs go unless others need them.
 * Where a step is not enough a row in `leftovers` says where to go on. */
static int release_events(struct gord_writer *writer, uint64_t job_id, uint64_t seq)
{
    int rc = SQLITE_OK;
    for (int links = 0; seq != 0 && rc == SQLITE_OK && links < LINKS_PER_STEP; links++) {
        struct gord_log_run *run;
        rc = run_of(writer, seq, &run);
        if (rc == SQLITE_OK && run == NULL) {
            seq = 0; /* what was before is gone as well */
        } else if (rc == SQLITE_OK) {
            const struct gord_run_item *item = &run->items[seq - run->first_seq];
            if (item->job_id != job_id || item->prev_seq >= seq) {
                return SQLITE_CORRUPT;
            }
            seq = item->prev_seq;
            rc = seq < run->first_seq ? release_run(writer, run) : SQLITE_OK;
        }
    }
    if (rc != SQLITE_OK || seq == 0) {
        return rc;
    }
    sqlite3_stmt *stmt = writer->stmts[WRITE_PUT_LEFTOVER];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    (void)sqlite3_bind_int64(stmt, 2, (int64_t)seq);
    writer->retain.marks.leftovers = true;
    return gord_sql_run(stmt);
}

/* Go on with one job of which events are left. */
static int release_leftover(struct gord_writer *writer)
{
    sqlite3_stmt *stmt = writer->stmts[WRITE_FIRST_LEFTOVER];
    int rc = sqlite3_step(stmt);
    uint64_t job_id = (uint64_t)sqlite3_column_int64(stmt, 0);
    uint64_t seq = (uint64_t)sqlite3_column_int64(stmt, 1);
    (void)sqlite3_reset(stmt);
    if (rc != SQLITE_ROW) {
        writer->retain.marks.leftovers = false;
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    rc = run_with(writer, WRITE_DELETE_LEFTOVER, job_id);
    return rc != SQLITE_OK ? rc : release_events(writer, job_id, seq);
}

/* ----------------------------------------------------------------- jobs */

int gord_retain_remove(struct gord_writer *writer, struct gord_tally *tally, uint64_t job_id,
                       uint64_t last_seq)
{
    bool found = false, had_row = false;
    int64_t env_id = 0, outcome = 0;
    gord_usage_remove(&writer->retain.usage, job_id);
    GORD_CRASHPOINT(REMOVE_OUTPUT);
    int rc = ask(writer, WRITE_DELETE_JOB, job_id, &had_row, &env_id);
    rc = rc != SQLITE_OK ? rc : ask(writer, WRITE_DELETE_ENDED, job_id, &found, &outcome);
    if (rc == SQLITE_OK && found && outcome >= 0 && outcome < GORD_OUTCOME_COUNT) {
        tally->ended[outcome]--;
        tally->rows += 2;
    }
    rc = rc != SQLITE_OK ? rc : release_env(writer, env_id);
    GORD_CRASHPOINT(REMOVE_ROWS);
    /* Without limits nobody walks, and the log goes from its front: see release_front. */
    return rc != SQLITE_OK || !gord_keep_is_limited(&writer->retain.keep)
               ? rc
               : release_events(writer, job_id, last_seq);
}

/* What the job ended by in *out_seq, or why it cannot be removed in `item`. */
static int look_at_asked(struct gord_writer *writer, struct gord_removal_item *item,
                         uint64_t *out_seq)
{
    bool ended = false, lives = false;
    int64_t seq = 0, unwanted;
    int rc = ask(writer, WRITE_FIND_ENDED, item->id, &ended, &seq);
    if (rc == SQLITE_OK && !ended) {
        rc = ask(writer, WRITE_FIND_JOB, item->id, &lives, &unwanted);
        item->what = lives ? GORD_REMOVED_LIVES : GORD_REMOVED_NONE;
        return rc;
    }
    *out_seq = (uint64_t)seq;
    rc = rc != SQLITE_OK ? rc : gord_awaited_by(writer, item->id, &item->by_id);
    item->what = item->by_id != 0 ? GORD_REMOVED_AWAITED : GORD_REMOVED;
    return rc;
}

/* Without limits: delete runs that nobody needs from the log's front on, up to the first that somebody
 * does. A run amid others stays, or who watches would miss what other jobs did before it. */
static int release_front(struct gord_writer *writer)
{
    struct gord_retain_marks *marks = &writer->retain.marks;
    bool needed = false;
    int rc = SQLITE_OK;
    for (int i = 0; i < RUNS_PER_STEP && rc == SQLITE_OK && !needed; i++) {
        struct gord_log_run *run;
        rc = fetch_run(writer, WRITE_LOG_FROM, marks->kept_from, &run);
        if (rc != SQLITE_OK || run == NULL) {
            break;
        }
        rc = is_needed(writer, run, &needed);
        if (rc == SQLITE_OK && !needed) {
            rc = delete_run(writer, run);
        }
    }
    return rc;
}

int gord_retain_remove_asked(struct gord_writer *writer, struct gord_tally *tally,
                             struct gord_removal *removal)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < removal->count && rc == SQLITE_OK; i++) {
        struct gord_removal_item *item = &removal->items[i];
        uint64_t seq = 0;
        rc = look_at_asked(writer, item, &seq);
        if (rc == SQLITE_OK && item->what == GORD_REMOVED) {
            rc = gord_awaited_unspare(writer, item->id);
            rc = rc != SQLITE_OK ? rc : gord_retain_remove(writer, tally, item->id, seq);
        }
    }
    return rc != SQLITE_OK || gord_keep_is_limited(&writer->retain.keep) ? rc
                                                                         : release_front(writer);
}

/* Bytes of the database in use, and of all output. */
static int bytes_of_all(struct gord_writer *writer, uint64_t *out_bytes)
{
    bool found;
    int64_t pages = 0, unused = 0;
    sqlite3_stmt *stmts[] = {writer->stmts[WRITE_PAGES], writer->stmts[WRITE_UNUSED_PAGES]};
    int64_t *values[] = {&pages, &unused};
    for (int i = 0; i < 2; i++) {
        int rc = sqlite3_step(stmts[i]);
        found = rc == SQLITE_ROW;
        *values[i] = found ? sqlite3_column_int64(stmts[i], 0) : 0;
        (void)sqlite3_reset(stmts[i]);
        if (!found) {
            return rc;
        }
    }
    *out_bytes = (uint64_t)(pages - unused) * GORD_PAGE_BYTES + writer->retain.usage.bytes;
    return SQLITE_OK;
}

/* Is more kept than should be? */
static int is_over_limit(const struct step *step, bool *out_over)
{
    const struct gord_keep *keep = &step->writer->retain.keep;
    int64_t ended = step->writer->ended + sum_of(step->tally);
    uint64_t bytes = 0;
    int64_t counted = ended - (int64_t)step->writer->retain.marks.spared;
    *out_over = keep->jobs != 0 && counted > 0 && (uint64_t)counted > keep->jobs;
    if (keep->bytes == 0 || *out_over) {
        return SQLITE_OK;
    }
    int rc = bytes_of_all(step->writer, &bytes);
    *out_over = bytes > keep->bytes;
    return rc;
}

static int64_t age_of(const struct gord_keep *keep, enum gord_walker walker)
{
    return walker == GORD_WALK_FAILED_AGE ? keep->failed_age_ns : keep->age_ns;
}

/* Has the walker to remove anything that ended at `at_ns`? */
static int is_due(const struct step *step, enum gord_walker walker, int64_t at_ns, bool *out_due)
{
    if (walker == GORD_WALK_COUNT) {
        return is_over_limit(step, out_due);
    }
    struct gord_retain *retain = &step->writer->retain;
    int64_t age = age_of(&retain->keep, walker);
    int64_t due_ns = at_ns < INT64_MAX - age ? at_ns + age : INT64_MAX;
    *out_due = due_ns <= step->now_ns;
    if (!*out_due && due_ns < retain->due_ns) {
        retain->due_ns = due_ns;
    }
    return SQLITE_OK;
}

/* Does the walker care for jobs with that outcome? */
static bool is_meant(const struct gord_keep *keep, enum gord_walker walker, int64_t outcome)
{
    bool succeeded = outcome == GOR__V1__OUTCOME__SUCCEEDED;
    return walker == GORD_WALK_COUNT || keep->failed_age_ns == 0 ||
           succeeded == (walker == GORD_WALK_AGE);
}

/* Remove the job whose end is event `seq`, if this is its end still, and it is meant. */
static int remove_ended(struct step *step, enum gord_walker walker, uint64_t job_id, uint64_t seq)
{
    sqlite3_stmt *stmt = step->writer->stmts[WRITE_FIND_ENDED];
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)job_id);
    int rc = sqlite3_step(stmt);
    bool meant = rc == SQLITE_ROW && (uint64_t)sqlite3_column_int64(stmt, 0) == seq &&
                 is_meant(&step->writer->retain.keep, walker, sqlite3_column_int64(stmt, 1));
    (void)sqlite3_reset(stmt);
    if (!meant) {
        return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
    }
    bool spared = false;
    rc = gord_awaited_spare(step->writer, job_id, seq, &spared);
    if (rc != SQLITE_OK || spared) {
        return rc;
    }
    step->jobs--;
    return gord_retain_remove(step->writer, step->tally, job_id, seq);
}

/* -------------------------------------------------------------- walking */

/* Go along the run from the cursor on. *out_stop: there is no more to do for now. */
static int walk_run(struct step *step, enum gord_walker walker, struct gord_log_run *run,
                    bool *out_stop)
{
    uint64_t first_seq = run->first_seq, end = first_seq + run->count;
    uint64_t *cursor = &step->writer->retain.marks.cursors[walker];
    *cursor = *cursor < first_seq ? first_seq : *cursor;
    for (; *cursor < end; ++*cursor) {
        struct gord_run_item item = run->items[*cursor - first_seq];
        if (item.state != TERMINATED) {
            continue;
        }
        bool due = false;
        int rc = is_due(step, walker, item.at_ns, &due);
        if (rc == SQLITE_OK && (!due || step->jobs == 0)) {
            *out_stop = true;
            step->writer->retain.more |= due;
            return SQLITE_OK;
        }
        rc = rc != SQLITE_OK ? rc : remove_ended(step, walker, item.job_id, *cursor);
        /* Following the job's events may have put other runs in this one's place. */
        rc = rc != SQLITE_OK ? rc : run_of(step->writer, first_seq, &run);
        if (rc != SQLITE_OK || run == NULL) {
            *cursor = end; /* it went with its last job, for another walker has been here */
            return rc;
        }
    }
    return release_run(step->writer, run);
}

static int walk(struct step *step, enum gord_walker walker)
{
    uint64_t *cursor = &step->writer->retain.marks.cursors[walker];
    bool stop = false;
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK && !stop) {
        struct gord_log_run *run;
        rc = run_of(step->writer, *cursor, &run);
        if (rc == SQLITE_OK && run == NULL) {
            rc = fetch_run(step->writer, WRITE_LOG_FROM, *cursor, &run);
        }
        if (rc != SQLITE_OK || run == NULL) {
            return rc;
        }
        if (step->runs == 0) {
            step->writer->retain.more = true;
            return SQLITE_OK;
        }
        step->runs--;
        rc = walk_run(step, walker, run, &stop);
    }
    return rc;
}

static bool is_wanted(const struct gord_keep *keep, enum gord_walker walker)
{
    return walker == GORD_WALK_COUNT ? keep->jobs != 0 || keep->bytes != 0
                                     : age_of(keep, walker) != 0;
}

/* ------------------------------------------------------------- interface */

/* Walkers begin anew at each start, since limits may have changed; what is gone costs nothing. */
int gord_retain_open(struct gord_writer *writer, const struct gord_keep *keep, const char *root)
{
    struct gord_retain *retain = &writer->retain;
    int64_t kept_from = 1, leftovers = 0;
    retain->keep = *keep;
    int err =
        gord_sql_integer(writer->db, "SELECT value FROM meta WHERE key = 'kept_from'", &kept_from);
    err = err != 0 && err != -ENOENT
              ? err
              : gord_sql_integer(writer->db, "SELECT 1 FROM leftovers LIMIT 1", &leftovers);
    if (err != 0 && err != -ENOENT) {
        return err;
    }
    int rc = sqlite3_exec(writer->db, "DELETE FROM spared", NULL, NULL, NULL);
    if (rc != SQLITE_OK) {
        return gord_sql_errno(writer->db, rc);
    }
    retain->marks.kept_from = (uint64_t)kept_from;
    retain->marks.leftovers = leftovers != 0;
    retain->stored = retain->marks;
    retain->more = gord_keep_is_limited(keep);
    retain->due_ns = INT64_MAX;
    return gord_usage_init(&retain->usage, root, keep->bytes != 0, writer->next_id);
}

void gord_retain_close(struct gord_writer *writer)
{
    gord_runs_fini(&writer->retain.runs);
    gord_usage_fini(&writer->retain.usage);
}

/* One step of all who are wanted. */
static int walk_all(struct step *step)
{
    struct gord_writer *writer = step->writer;
    struct gord_retain *retain = &writer->retain;
    retain->due_ns = INT64_MAX;
    retain->more = gord_usage_measure(&retain->usage);
    int rc = retain->marks.leftovers ? release_leftover(writer) : SQLITE_OK;
    for (int i = 0; i < GORD_WALKERS && rc == SQLITE_OK; i++) {
        if (is_wanted(&retain->keep, (enum gord_walker)i)) {
            rc = walk(step, (enum gord_walker)i);
        }
    }
    retain->more |= retain->marks.leftovers;
    retain->broken = rc == SQLITE_CORRUPT;
    return rc;
}

int gord_retain_step(struct gord_writer *writer, struct gord_tally *tally, unsigned jobs)
{
    struct gord_retain *retain = &writer->retain;
    struct step step = {writer, tally, gord_event_clock(), jobs, RUNS_PER_STEP};
    int rc = SQLITE_OK;
    if (gord_keep_is_limited(&retain->keep) && !retain->broken) {
        rc = walk_all(&step);
    }
    if (rc == SQLITE_OK && retain->marks.kept_from != retain->stored.kept_from) {
        rc = gord_writer_set_meta(writer, "kept_from", (int64_t)retain->marks.kept_from);
    }
    return rc;
}

void gord_retain_committed(struct gord_writer *writer)
{
    writer->retain.stored = writer->retain.marks;
}

void gord_retain_rolled_back(struct gord_writer *writer)
{
    writer->retain.marks = writer->retain.stored;
    gord_runs_forget(&writer->retain.runs);
}

int64_t gord_retain_wait_ns(const struct gord_writer *writer, int64_t now_ns)
{
    const struct gord_retain *retain = &writer->retain;
    if (retain->broken || !gord_keep_is_limited(&retain->keep)) {
        return INT64_MAX;
    }
    if (retain->more) {
        return 0;
    }
    return retain->due_ns == INT64_MAX ? INT64_MAX
           : retain->due_ns > now_ns   ? retain->due_ns - now_ns
                                       : 0;
}
