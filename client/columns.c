/* SPDX-License-Identifier: MIT */
/* columns.c - see columns.h. */
#include "client/columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/progress.h"
#include "client/row.h"
#include "client/screen.h"
#include "client/text.h"
#include "client/when.h"

/* Writes the cell. */
typedef void write_cell(struct gorctl_table *table, const Gor__V1__Job *job, int64_t now_ns);

static void put_number(struct gorctl_table *table, uint64_t number)
{
    char text[GORCTL_WHEN_ROOM];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    gorctl_table_cell(table, text, NULL);
}

static void put_duration(struct gorctl_table *table, int64_t ns)
{
    char text[GORCTL_WHEN_ROOM];
    gorctl_duration_text(ns, text);
    gorctl_table_cell(table, text, NULL);
}

static void put_bytes(struct gorctl_table *table, uint64_t bytes)
{
    char text[GORCTL_WHEN_ROOM];
    gorctl_bytes_text(bytes, text);
    gorctl_table_cell(table, text, NULL);
}

static void put_time(struct gorctl_table *table, int64_t ns, int64_t now_ns)
{
    char text[GORCTL_WHEN_ROOM];
    gorctl_time_text(ns, now_ns, text);
    gorctl_table_cell(table, text, NULL);
}

#define CELL(name) \
    static void name(struct gorctl_table *table, const Gor__V1__Job *job, int64_t now)

CELL(cell_id)
{
    (void)now;
    gorctl_row_id(table, job);
}

CELL(cell_run)
{
    (void)now;
    put_number(table, job->attempt + job->losses + 1);
}

CELL(cell_status)
{
    (void)now;
    gorctl_row_status(table, job);
}

CELL(cell_submitted)
{
    put_time(table, job->created_ns, now);
}

CELL(cell_started)
{
    put_time(table, job->started_ns, now);
}

CELL(cell_ended)
{
    put_time(table, job->finished_ns, now);
}

CELL(cell_took)
{
    gorctl_row_took(table, job, now);
}

CELL(cell_progress)
{
    char *text = job->progress != NULL ? gorctl_progress_text(job->progress) : NULL;
    (void)now;
    gorctl_table_cell(table, text != NULL ? text : "", NULL);
    free(text);
}

CELL(cell_name)
{
    (void)now;
    gorctl_row_name(table, job);
}

CELL(cell_command)
{
    (void)now;
    gorctl_row_command(table, job);
}

CELL(cell_why)
{
    (void)now;
    gorctl_row_why(table, job);
}

CELL(cell_uid)
{
    (void)now;
    put_number(table, job->uid);
}

/* What it asked for; of a job whose spec is not known, a dash. */
#define SPEC_CELL(name, put)                      \
    CELL(name)                                    \
    {                                             \
        const Gor__V1__JobSpec *spec = job->spec; \
        (void)now;                                \
        if (spec == NULL) {                       \
            gorctl_table_cell(table, "-", NULL);  \
        } else {                                  \
            put;                                  \
        }                                         \
    }

static void put_signed(struct gorctl_table *table, int64_t number)
{
    char text[GORCTL_WHEN_ROOM];
    snprintf(text, sizeof(text), "%" PRId64, number);
    gorctl_table_cell(table, text, NULL);
}

static void put_id(struct gorctl_table *table, uint64_t id)
{
    if (id == 0) {
        gorctl_table_cell(table, "-", NULL);
    } else {
        put_number(table, id);
    }
}

static void put_kind(struct gorctl_table *table, const Gor__V1__JobSpec *spec)
{
    const char *word = gorctl_kind_word((Gor__V1__Selector__Kind)spec->kind_case);
    gorctl_table_cell(table, word != NULL ? word : "-", NULL);
}

static void put_labels(struct gorctl_table *table, const Gor__V1__JobSpec *spec)
{
    char *text = gorctl_strdup("");
    for (size_t i = 0; i < spec->n_labels; i++) {
        char *more = gorctl_format("%s%s%s=%s", text, i > 0 ? "," : "", spec->labels[i]->key,
                                   spec->labels[i]->value);
        free(text);
        text = more;
    }
    gorctl_table_text(table, spec->n_labels > 0 ? text : "-");
    free(text);
}

SPEC_CELL(cell_kind, put_kind(table, spec))
SPEC_CELL(cell_queue, gorctl_table_text(table, spec->queue[0] != '\0' ? spec->queue : "default"))
SPEC_CELL(cell_priority, put_signed(table, spec->priority))
SPEC_CELL(cell_slots, put_number(table, spec->slots != 0 ? spec->slots : 1))
SPEC_CELL(cell_labels, put_labels(table, spec))
SPEC_CELL(cell_parent, put_id(table, spec->parent_id))

CELL(cell_exit)
{
    bool has =
        job->state == GOR__V1__JOB_STATE__TERMINATED &&
        (job->outcome == GOR__V1__OUTCOME__SUCCEEDED || job->outcome == GOR__V1__OUTCOME__FAILED);
    (void)now;
    if (has) {
        put_signed(table, job->exit_code);
    } else {
        gorctl_table_cell(table, "-", NULL);
    }
}

CELL(cell_pid)
{
    (void)now;
    put_id(table, job->pid > 0 ? (uint64_t)job->pid : 0);
}

CELL(cell_retries)
{
    (void)now;
    put_number(table, job->attempt);
}

CELL(cell_losses)
{
    (void)now;
    put_number(table, job->losses);
}

CELL(cell_deadline)
{
    if (job->deadline_ns == 0) {
        gorctl_table_cell(table, "-", NULL);
    } else {
        put_time(table, job->deadline_ns, now);
    }
}

CELL(cell_stdout)
{
    (void)now;
    put_bytes(table, job->stdout_bytes);
}

CELL(cell_stderr)
{
    (void)now;
    put_bytes(table, job->stderr_bytes);
}

/* What is not known is a dash. */
#define USE_CELL(name, put)                         \
    CELL(name)                                      \
    {                                               \
        const Gor__V1__ResourceUse *use = job->use; \
        (void)now;                                  \
        if (use == NULL) {                          \
            gorctl_table_cell(table, "-", NULL);    \
        } else {                                    \
            put;                                    \
        }                                           \
    }

USE_CELL(cell_user, put_duration(table, use->user_ns))
USE_CELL(cell_system, put_duration(table, use->system_ns))
USE_CELL(cell_faults, put_number(table, use->minor_faults))
USE_CELL(cell_major, put_number(table, use->major_faults))
USE_CELL(cell_voluntary, put_number(table, use->voluntary_switches))
USE_CELL(cell_involuntary, put_number(table, use->involuntary_switches))
USE_CELL(cell_read, put_bytes(table, use->blocks_in * 512))
USE_CELL(cell_written, put_bytes(table, use->blocks_out * 512))
USE_CELL(cell_processes, put_number(table, use->peak_processes))
USE_CELL(cell_left, put_number(table, use->left_processes))

CELL(cell_memory)
{
    char bytes[GORCTL_WHEN_ROOM] = "-";
    char text[GORCTL_WHEN_ROOM + 2];
    bool bound = job->use != NULL && job->use->peak_is_bound;
    (void)now;
    if (job->use != NULL) {
        gorctl_bytes_text(job->use->peak_memory_bytes, bytes);
    }
    snprintf(text, sizeof(text), "%s%s", bound ? "<" : "", bytes);
    gorctl_table_cell(table, text, NULL);
}

/* The index in this table is what struct gorctl_columns holds. */
enum column {
    ID,
    STATE,
    OUTCOME,
    SUBMITTED,
    STARTED,
    ENDED,
    TIME,
    TOOK,
    PROGRESS,
    NAME,
    COMMAND,
    WHY,
    UID,
    STDOUT,
    STDERR,
    USER,
    SYSTEM,
    MEMORY,
    FAULTS,
    MAJOR,
    VOLUNTARY,
    INVOLUNTARY,
    READ,
    WRITTEN,
    PROCESSES,
    LEFT,
    RUN,
    KIND,
    QUEUE,
    PRIORITY,
    SLOTS,
    LABELS,
    PARENT,
    EXIT,
    PID,
    RETRIES,
    LOSSES,
    DEADLINE,
    COLUMN_COUNT
};

static const struct {
    const char *name;
    struct gorctl_column head;
    write_cell *write;
    bool needs_use;
    const char *shows;
} all[COLUMN_COUNT] = {
    [ID] = {"id", {"ID", true, false}, cell_id, false, "its number"},
    [STATE] = {"state", {"STATE", false, false}, cell_status, false, "its state, or how it ended"},
    [OUTCOME] = {"outcome", {"OUTCOME", false, false}, cell_status, false, "the same"},
    [SUBMITTED] =
        {"submitted", {"SUBMITTED", false, false}, cell_submitted, false, "when it was handed in"},
    [STARTED] = {"started", {"STARTED", false, false}, cell_started, false, "when it was started"},
    [ENDED] = {"ended", {"ENDED", false, false}, cell_ended, false, "when it ended"},
    [TIME] = {"time", {"TIME", true, false}, cell_took, false, "how long it has run"},
    [TOOK] = {"took", {"TOOK", true, false}, cell_took, false, "the same"},
    [PROGRESS] =
        {"progress", {"PROGRESS", false, true}, cell_progress, false, "how far it is, as it says"},
    [NAME] = {"name", {"NAME", false, true}, cell_name, false, "its name"},
    [COMMAND] = {"command", {"COMMAND", false, true}, cell_command, false, "what it runs"},
    [WHY] = {"why", {"WHY", false, true}, cell_why, false, "why it is so"},
    [UID] = {"uid", {"UID", true, false}, cell_uid, false, "who handed it in"},
    [STDOUT] = {"stdout", {"STDOUT", true, false}, cell_stdout, false, "bytes written to stdout"},
    [STDERR] = {"stderr", {"STDERR", true, false}, cell_stderr, false, "bytes written to stderr"},
    [USER] = {"user", {"USER", true, false}, cell_user, true, "CPU time in the program"},
    [SYSTEM] =
        {"system", {"SYSTEM", true, false}, cell_system, true, "CPU time in the kernel for it"},
    [MEMORY] = {"memory", {"MEMORY", true, false}, cell_memory, true, "peak memory (< below that)"},
    [FAULTS] = {"faults", {"FAULTS", true, false}, cell_faults, true, "page faults"},
    [MAJOR] =
        {"major", {"MAJOR", true, false}, cell_major, true, "page faults that waited for the disk"},
    [VOLUNTARY] =
        {"voluntary", {"VOL", true, false}, cell_voluntary, true, "context switches to wait"},
    [INVOLUNTARY] = {"involuntary",
                     {"INVOL", true, false},
                     cell_involuntary,
                     true,
                     "context switches for others"},
    [READ] = {"read", {"READ", true, false}, cell_read, true, "read from the disk"},
    [WRITTEN] = {"written", {"WRITTEN", true, false}, cell_written, true, "written to the disk"},
    [PROCESSES] = {"processes",
                   {"PROCS", true, false},
                   cell_processes,
                   true,
                   "most processes at a time (with a control group)"},
    [LEFT] = {"left", {"LEFT", true, false}, cell_left, true, "processes it left behind"},
    [RUN] = {"run", {"RUN", true, false}, cell_run, false, "which of its runs it is, 1 the first"},
    [KIND] = {"kind", {"KIND", false, false}, cell_kind, false, "exec, native, lua or array"},
    [QUEUE] = {"queue", {"QUEUE", false, false}, cell_queue, false, "the queue it waits in"},
    [PRIORITY] =
        {"priority", {"PRIO", true, false}, cell_priority, false, "its priority, without ageing"},
    [SLOTS] = {"slots", {"SLOTS", true, false}, cell_slots, false, "slots it takes while it runs"},
    [LABELS] = {"labels", {"LABELS", false, true}, cell_labels, false, "its labels"},
    [PARENT] = {"parent", {"PARENT", true, false}, cell_parent, false, "the job it is below"},
    [EXIT] = {"exit", {"EXIT", true, false}, cell_exit, false, "its exit code, if it had one"},
    [PID] = {"pid", {"PID", true, false}, cell_pid, false, "its process, while that runs"},
    [RETRIES] = {"retries", {"RETRIES", true, false}, cell_retries, false, "runs after failures"},
    [LOSSES] =
        {"losses", {"LOSSES", true, false}, cell_losses, false, "runs that ended with a daemon"},
    [DEADLINE] = {"deadline",
                  {"DEADLINE", false, false},
                  cell_deadline,
                  false,
                  "when it is over at the latest, while it lives"},
};

const struct gorctl_columns gorctl_columns_live = {{ID, STATE, SUBMITTED, TIME, NAME, COMMAND, WHY},
                                                   7};
const struct gorctl_columns gorctl_columns_progress = {
    {ID, STATE, SUBMITTED, TIME, PROGRESS, NAME, COMMAND, WHY}, 8};
const struct gorctl_columns gorctl_columns_ended = {{ID, OUTCOME, ENDED, TOOK, NAME, COMMAND, WHY},
                                                    7};
const struct gorctl_columns gorctl_columns_runs = {
    {ID, RUN, OUTCOME, STARTED, TOOK, NAME, COMMAND, WHY}, 8};
const struct gorctl_columns gorctl_columns_long = {
    {ID,        OUTCOME, STARTED, ENDED,     TOOK,        USER,    SYSTEM,
     MEMORY,    FAULTS,  MAJOR,   VOLUNTARY, INVOLUNTARY, READ,    WRITTEN,
     PROCESSES, STDOUT,  STDERR,  UID,       NAME,        COMMAND, WHY},
    21};

bool gorctl_columns_are_live(const struct gorctl_columns *columns)
{
    return columns->count == gorctl_columns_live.count &&
           memcmp(columns->which, gorctl_columns_live.which, columns->count) == 0;
}

char *gorctl_columns_parse(const char *names, struct gorctl_columns *out_columns)
{
    struct gorctl_columns columns = {{0}, 0};
    for (const char *at = names;; at++) {
        size_t length = strcspn(at, ",");
        int found = 0;
        while (found < COLUMN_COUNT &&
               (strlen(all[found].name) != length || strncmp(all[found].name, at, length) != 0)) {
            found++;
        }
        if (found == COLUMN_COUNT || memchr(columns.which, found, columns.count) != NULL) {
            return gorctl_copy(at, length);
        }
        columns.which[columns.count++] = (uint8_t)found;
        at += length;
        if (*at == '\0') {
            *out_columns = columns;
            return NULL;
        }
    }
}
_Static_assert((int)COLUMN_COUNT <= (int)GORCTL_COLUMNS_MAX, "each column once");

const char *gorctl_columns_name(size_t i, const char **out_shows)
{
    if (i >= COLUMN_COUNT) {
        return NULL;
    }
    *out_shows = all[i].shows;
    return all[i].name;
}

void gorctl_columns_help(FILE *out)
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        fprintf(out, "  %-12s %s\n", all[i].name, all[i].shows);
    }
}

bool gorctl_columns_need_use(const struct gorctl_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (all[columns->which[i]].needs_use) {
            return true;
        }
    }
    return false;
}

struct gorctl_table *gorctl_columns_table(const struct gorctl_columns *columns)
{
    struct gorctl_column heads[GORCTL_COLUMNS_MAX];
    for (size_t i = 0; i < columns->count; i++) {
        heads[i] = all[columns->which[i]].head;
    }
    return gorctl_table_new(heads, columns->count);
}

void gorctl_columns_row(const struct gorctl_columns *columns, struct gorctl_table *table,
                        const Gor__V1__Job *job, int64_t now_ns)
{
    for (size_t i = 0; i < columns->count; i++) {
        all[columns->which[i]].write(table, job, now_ns);
    }
}
