/* SPDX-License-Identifier: MIT */
/* exec_handover.c - a process changes hands: from the gord that started it to the one that this becomes.
 *
 * Handing over, the readers stop between two reads, each of which goes to the log whole; what the process
 * writes meanwhile stays in its pipes. Nothing is closed, and the process is not reaped, so that its end
 * and its status are there for whoever comes. Taking over is the same run again, without a start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/exec.h"
#include "daemon/runner/handover.h"

/* ------------------------------------------------------------------ giving */

static char *copy_of(const char *text)
{
    char *copy = strdup(text != NULL ? text : "");

    return copy != NULL ? copy : (char *)protobuf_c_empty_string;
}

static void copy_bytes(ProtobufCBinaryData *out, const void *bytes, size_t length)
{
    out->data = length > 0 ? malloc(length) : NULL;
    out->len = out->data != NULL ? length : 0;
    if (out->len > 0) {
        memcpy(out->data, bytes, length);
    }
}

static void note_output(Gor__Handover__Run *note, const struct gord_logfile *log)
{
    note->logged = gord_logfile_end(log) != 0;
    note->dropped_bytes = log->dropped_bytes;
    gord_logfile_counts(log, &note->stdout_bytes, &note->stderr_bytes);
}

static void note_end(Gor__Handover__Run *note, const struct gord_exec *exec)
{
    struct gord_run *run = exec->run;

    note->cause = copy_of(atomic_load(&run->cause));
    note->forced = atomic_load(&run->forced);
    note->stopped = (int32_t)exec->stopped;
    note->stop_step = exec->stop_step;
    note->stop_until_ns = exec->stop_until_ns;
    note->detail = copy_of(run->detail);
}

static void note_report(Gor__Handover__Run *note, const struct gord_exec *exec)
{
    struct gord_report *report = gord_run_report(exec->run);

    copy_bytes(&note->progress_line, exec->report.line, exec->report.line_bytes);
    note->result_too_long = exec->report.too_long;
    note->text = copy_of(report != NULL && report->has_progress ? report->progress.text : "");
    if (report != NULL) {
        note->has_progress = report->has_progress;
        note->done = report->has_progress ? report->progress.done : 0;
        note->total = report->has_progress ? report->progress.total : 0;
        note->has_result = report->has_result;
        copy_bytes(&note->result, report->result, report->result_bytes);
    }
    gord_report_unref(report);
}

/* Without memory those that are left out cannot go on, and are told so. */
static void note_writers(Gor__Handover__Run *note, const struct gord_input *input)
{
    size_t count = note->input_fd >= 0 ? input->writer_count : 0;

    note->writers = count > 0 ? calloc(count, sizeof(*note->writers)) : NULL;
    for (size_t i = 0; note->writers != NULL && i < count; i++) {
        Gor__Handover__Writer *writer = malloc(sizeof(*writer));
        if (writer == NULL) {
            return;
        }
        gor__handover__writer__init(writer);
        copy_bytes(&writer->id, input->writers[i].id, sizeof(input->writers[i].id));
        writer->taken = input->writers[i].taken;
        note->writers[note->n_writers++] = writer;
    }
}

static void note_descriptors(Gor__Handover__Run *note, struct gord_exec *exec)
{
    note->pidfd = exec->pidfd;
    note->stdout_fd = exec->pipes[0].fd;
    note->stderr_fd = exec->pipes[1].fd;
    note->progress_fd = exec->report.fds[GORD_PROGRESS_PIPE];
    note->result_fd = exec->report.fds[GORD_RESULT_PIPE];
    note->input_fd = gord_input_let_go(&exec->run->input);
    note_writers(note, &exec->run->input);
    note->group_fd = exec->tree.group;
    /* They are the next one's from here on. */
    exec->pidfd = -1;
    exec->pipes[0].fd = exec->pipes[1].fd = -1;
    exec->report.fds[GORD_PROGRESS_PIPE] = exec->report.fds[GORD_RESULT_PIPE] = -1;
    exec->tree.group = -1;
}

void gord_exec_hand_over(struct gord_exec *exec)
{
    struct gord_run *run = exec->run;
    Gor__Handover__Run *note = malloc(sizeof(*note));

    gor_ctx_cancel(exec->over, "the daemon is being replaced");
    gor_waitgroup_wait(&exec->readers);
    gord_exec_report_pause(&exec->report);
    if (note == NULL) {
        return; /* as if the daemon had died: the next one ends the process, and settles its job */
    }
    gor__handover__run__init(note);
    note->job_id = run->id;
    note->pid = exec->tree.leader;
    note->started_ns = run->started_at;
    note->floor_bytes = exec->floor_bytes;
    note_output(note, &run->log);
    note->held = gord_hold_is_on(&run->hold);
    note_end(note, exec);
    note_report(note, exec);
    note->paused_ns = gord_process_pauses(&run->process, &note->paused, &note->paused_at_ns);
    gord_process_end(&run->process);
    note_descriptors(note, exec);
    run->handed = note;
}

/* ------------------------------------------------------------------ taking */

void gord_run_take_over(struct gord_run *run, Gor__Handover__Run *note)
{
    run->taken_over = note;
    atomic_store(&run->start, GORD_RUN_STARTS);
    run->started_at = note->started_ns;
    run->late_ns = 0; /* what its age is now was no delay */
    if (note->logged) {
        gord_logfile_go_on(&run->log);
    }
    atomic_store(&run->log.stdout_bytes, note->stdout_bytes);
    atomic_store(&run->log.stderr_bytes, note->stderr_bytes);
    run->log.dropped_bytes = note->dropped_bytes;
    if (note->held) {
        gord_hold_expect(run);
    }
    atomic_store(&run->forced, note->forced);
    if (note->cause[0] != '\0') {
        atomic_store(&run->cause, strdup(note->cause));
    }
}

static void take_report(struct gord_exec *exec, const Gor__Handover__Run *note)
{
    struct gord_exec_report *report = &exec->report;
    size_t bytes = note->progress_line.len;

    *report = (struct gord_exec_report){.run = exec->run,
                                        .fds = {note->progress_fd, note->result_fd},
                                        .child_fds = {-1, -1},
                                        .too_long = note->result_too_long};
    report->line_bytes = bytes < sizeof(report->line) ? bytes : sizeof(report->line);
    if (report->line_bytes > 0) {
        memcpy(report->line, note->progress_line.data, report->line_bytes);
    }
    if (note->has_progress) {
        (void)gord_run_tell(exec->run, note->done, note->total, note->text);
    }
    if (note->has_result) {
        (void)gord_run_set_result(exec->run, note->result.data, note->result.len);
    }
}

static int take_input(struct gord_input *input, const Gor__Handover__Run *note)
{
    int result = note->input_fd >= 0 ? gord_input_open(input, note->input_fd) : 0;

    for (size_t i = 0; i < note->n_writers && note->input_fd >= 0 && result == 0; i++) {
        if (note->writers[i]->id.len == GORD_WRITER_BYTES) {
            result = gord_input_know(input, note->writers[i]->id.data, note->writers[i]->taken);
        }
    }
    return result;
}

int gord_exec_take_over(struct gord_exec *exec)
{
    const Gor__Handover__Run *note = exec->run->taken_over;

    exec->pidfd = note->pidfd;
    exec->tree.leader = note->pid;
    exec->tree.group = note->group_fd;
    exec->floor_bytes = note->floor_bytes;
    exec->pipes[0] = (struct gord_exec_pipe){exec, GORD_STDOUT, note->stdout_fd};
    exec->pipes[1] = (struct gord_exec_pipe){exec, GORD_STDERR, note->stderr_fd};
    exec->stopped = (Gor__V1__Outcome)note->stopped;
    exec->stop_step = note->stop_step;
    exec->stop_until_ns = note->stop_until_ns;
    snprintf(exec->run->detail, sizeof(exec->run->detail), "%s", note->detail);
    take_report(exec, note);
    gord_process_begin(&exec->run->process, &exec->tree);
    gord_process_set_pauses(&exec->run->process, note->paused, note->paused_at_ns, note->paused_ns);
    return take_input(&exec->run->input, note);
}
