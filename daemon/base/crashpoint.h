/* SPDX-License-Identifier: MIT */
/* crashpoint.h - labelled places at which the tests kill the daemon: before and after whatever makes
 * a step of a job's life last.
 *
 * Only the gord of the tests (tests/fault) has them; in any other they are nothing.
 * Threads     any.
 */
#ifndef GORD_BASE_CRASHPOINT_H
#define GORD_BASE_CRASHPOINT_H

/* X(id, label, text): the places, in the order in which a job meets them. */
#define GORD_CRASHPOINTS_LIST(X)                                                          \
    X(SUBMIT_ENTERED, "submit.entered", "a submit is in memory, nothing of it on disk")   \
    X(CRON_FIRED, "cron.fired", "the calendar has made a job, nothing of it on disk")     \
    X(COMMIT_BEGIN, "commit.begin", "before a transaction")                               \
    X(COMMIT_ROWS, "commit.rows", "its rows are written, its events not")                 \
    X(COMMIT_LOG, "commit.log", "its events are written, its counters not")               \
    X(COMMIT_READY, "commit.ready", "all of it is written, not committed")                \
    X(COMMIT_DONE, "commit.done", "committed, nobody knows")                              \
    X(JOURNAL_WRITE, "journal.write", "before a write to the journal")                    \
    X(JOURNAL_WRITTEN, "journal.written", "after it")                                     \
    X(JOURNAL_SYNC, "journal.sync", "before the journal is flushed")                      \
    X(JOURNAL_SYNCED, "journal.synced", "after it")                                       \
    X(CHECKPOINT_BEGIN, "checkpoint.begin", "before the journal moves into the database") \
    X(DATABASE_WRITE, "database.write", "before a write to the database")                 \
    X(DATABASE_WRITTEN, "database.written", "after it")                                   \
    X(DATABASE_SYNC, "database.sync", "before the database is flushed")                   \
    X(DATABASE_SYNCED, "database.synced", "after it")                                     \
    X(CHECKPOINT_DONE, "checkpoint.done", "the journal is in the database")               \
    X(ACK_BEFORE, "ack.before", "before a submit is acknowledged")                        \
    X(ACK_AFTER, "ack.after", "after it")                                                 \
    X(START_COMMITTED, "start.committed", "a start is on record, its job not launched")   \
    X(START_LAUNCHED, "start.launched", "the job has its goroutine")                      \
    X(SPAWN_BEFORE, "spawn.before", "before the process is made")                         \
    X(SPAWN_AFTER, "spawn.after", "the process runs, its number is not on record")        \
    X(SPAWN_POSTED, "spawn.posted", "its number is on the way to the record")             \
    X(OUTPUT_WRITE, "output.write", "before output is written")                           \
    X(OUTPUT_WRITTEN, "output.written", "after it")                                       \
    X(OUTPUT_ROTATE, "output.rotate", "a part of the output is full, the next not begun") \
    X(EXIT_SEEN, "exit.seen", "the process has ended, and is not reaped")                 \
    X(EXIT_REAPED, "exit.reaped", "it is reaped, its end not on record")                  \
    X(EXIT_POSTED, "exit.posted", "its end is on the way to the record")                  \
    X(RETRY_WAITS, "retry.waits", "a run has failed, the next one is planned in memory")  \
    X(OUTPUT_RESUME, "output.resume", "what a former run wrote was measured, not cut")    \
    X(GATE_OPENED, "gate.opened", "what a job waited for has come, it is not queued yet") \
    X(UPDATE_ENTERED, "update.entered", "a change is in memory, what it comes to is not") \
    X(TASK_ENTERED, "task.entered", "some tasks of an array are in memory, others not")   \
    X(GROUP_OPENED, "group.opened", "an array has begun, its tasks are not queued yet")   \
    X(GROUP_REVIVED, "group.revived", "an array lives again, its tasks not yet")          \
    X(GROUP_ENDING, "group.ending", "the last task of an array has ended, the array not") \
    X(CANCEL_ENTERED, "cancel.entered", "a cancel request is in memory")                  \
    X(STOP_ASKED, "stop.asked", "a stop has been put to running jobs, in memory")         \
    X(UPGRADE_HANDED, "upgrade.handed", "all is handed over, no other binary runs yet")   \
    X(UPGRADE_TAKEN, "upgrade.taken", "it runs, and has not taken over yet")              \
    X(REMOVE_OUTPUT, "remove.output", "the output of an old job is removed, the job not") \
    X(REMOVE_ROWS, "remove.rows", "its rows are removed, its events not")                 \
    X(STOP_COMMIT, "stop.commit", "the daemon stops; before the last events are committed")

#ifdef GORD_CRASHPOINTS

enum gord_crashpoint {
#define GORD_CRASHPOINT_ENUM(id, label, text) GORD_CRASH_##id,
    GORD_CRASHPOINTS_LIST(GORD_CRASHPOINT_ENUM)
#undef GORD_CRASHPOINT_ENUM
        GORD_CRASHPOINT_COUNT
};

/* Die here by SIGKILL, if this is the place that $GORD_CRASHPOINT ("label:count") names, for the
 * count-th time. */
void gord_crashpoint(enum gord_crashpoint point);

#define GORD_CRASHPOINT(id) gord_crashpoint(GORD_CRASH_##id)

#else

#define GORD_CRASHPOINT(id) ((void)0)

#endif

#endif
