/* SPDX-License-Identifier: MIT */
#include "daemon/runner/exec_report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/runner/progress.h"

#define READ_BYTES 4096
#define READS_MOST 64 /* in one go; more than two pipes hold */
/* Its ends take the places 3 and 4 in the child, one after the other. */
#define LOWEST_FD (3 + GORD_REPORT_PIPES)

/* ------------------------------------------------------------------ what comes */

static void tell(struct gord_exec_report *report, const char *line, size_t length)
{
    char text[GORD_PROGRESS_ROOM];

    if (length > 0) {
        struct gord_progress progress = gord_progress_read(line, length, text);
        (void)gord_run_tell(report->run, progress.done, progress.total, progress.text);
    }
}

static void keep_line(struct gord_exec_report *report, const char *bytes, size_t length)
{
    size_t room = sizeof(report->line) - report->line_bytes;
    size_t kept = length < room ? length : room;

    memcpy(report->line + report->line_bytes, bytes, kept);
    report->line_bytes += kept;
}

/* An empty line is a sign of life. Of the others only the newest matters, so one that writes thousands at a time costs no more. */
static void take_progress(struct gord_exec_report *report, const char *bytes, size_t length)
{
    const char *last = memrchr(bytes, '\n', length);

    if (last == NULL) {
        keep_line(report, bytes, length);
        return;
    }
    const char *end = last; /* of the newest line that says something */
    while (end > bytes && end[-1] == '\n') {
        end--;
    }
    const char *before = memrchr(bytes, '\n', (size_t)(end - bytes));
    if (before == NULL) {
        keep_line(report, bytes, (size_t)(end - bytes));
        tell(report, report->line, report->line_bytes);
    } else {
        tell(report, before + 1, (size_t)(end - before - 1));
    }
    gord_run_sign(report->run);
    report->line_bytes = 0;
    keep_line(report, last + 1, length - (size_t)(last + 1 - bytes));
}

static void take_result(struct gord_exec_report *report, const char *bytes, size_t length)
{
    if (report->too_long || gord_run_add_result(report->run, bytes, length) != -EMSGSIZE) {
        return;
    }
    report->too_long = true;
    gord_run_drop_result(report->run);
    gord_logfile_remark(&report->run->log, "the result is not kept: it has more than %d bytes\n",
                        GORD_RESULT_BYTES);
}

static void take(struct gord_exec_report *report, int which, const char *bytes, size_t length)
{
    if (which == GORD_PROGRESS_PIPE) {
        take_progress(report, bytes, length);
    } else {
        take_result(report, bytes, length);
    }
}

/* What is there now, as far as there is any. False: that was the end. */
static bool read_some(struct gord_exec_report *report, int which)
{
    char buffer[READ_BYTES];
    ssize_t got = READ_BYTES;

    for (int i = 0; i < READS_MOST && got == READ_BYTES; i++) {
        got = gor_read(report->fds[which], buffer, sizeof(buffer), 0);
        if (got > 0) {
            take(report, which, buffer, (size_t)got);
        }
    }
    return got > 0 || got == -ETIMEDOUT;
}

/* The same without the poller, of which most pipes have never heard. */
static void drain(struct gord_exec_report *report, int which)
{
    char buffer[READ_BYTES];
    int there = 0;

    for (int i = 0; i < READS_MOST; i++) {
        if (ioctl(report->fds[which], FIONREAD, &there) != 0 || there == 0) {
            return;
        }
        ssize_t got = read(report->fds[which], buffer, sizeof(buffer));
        if (got <= 0) {
            return;
        }
        take(report, which, buffer, (size_t)got);
    }
}

/* The descriptor is closed after this has ended: its number must not become another file's while
 * somebody here still goes by it. */
static void read_pipe(struct gord_exec_report *report, int which)
{
    while (gor_fd_wait_ctx(report->fds[which], GOR_FD_READ, report->over) >= 0 &&
           gor_ctx_err(report->over) == 0 && read_some(report, which)) {
    }
    gor_waitgroup_done(&report->readers);
}

static void read_progress(void *arg)
{
    read_pipe(arg, GORD_PROGRESS_PIPE);
}

static void read_result(void *arg)
{
    read_pipe(arg, GORD_RESULT_PIPE);
}

/* ------------------------------------------------------------------ life cycle */

static int open_pipe(struct gord_exec_report *report, int which)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    report->fds[which] = ends[0];
    report->child_fds[which] = ends[1];
    if (ends[1] >= LOWEST_FD) {
        return 0;
    }
    int higher = fcntl(ends[1], F_DUPFD_CLOEXEC, LOWEST_FD);
    if (higher < 0) {
        return -errno;
    }
    close(ends[1]);
    report->child_fds[which] = higher;
    return 0;
}

int gord_exec_report_open(struct gord_exec_report *report, struct gord_run *run)
{
    *report = (struct gord_exec_report){.run = run, .fds = {-1, -1}, .child_fds = {-1, -1}};
    int result = 0;
    for (int i = 0; i < GORD_REPORT_PIPES && result == 0; i++) {
        result = open_pipe(report, i);
    }
    if (result != 0) {
        gord_exec_report_end(report);
    }
    return result;
}

void gord_exec_report_close_child(struct gord_exec_report *report)
{
    for (int i = 0; i < GORD_REPORT_PIPES; i++) {
        if (report->child_fds[i] >= 0) {
            close(report->child_fds[i]);
            report->child_fds[i] = -1;
        }
    }
}

int gord_exec_report_start(struct gord_exec_report *report)
{
    void (*const bodies[GORD_REPORT_PIPES])(void *) = {read_progress, read_result};
    /* As those that read its output: the job has its place. */
    struct gor_go_opts opts = {.name = report->run->name,
                               .at_ceiling = GOR_CEILING_EXEMPT,
                               .hibernation = GOR_HIBERNATE_MAY};
    int result = gor_ctx_with_cancel(gor_ctx_background(), &report->over);

    for (int i = 0; i < GORD_REPORT_PIPES && result == 0; i++) {
        gor_waitgroup_add(&report->readers, 1);
        result = gor_go_with(&opts, bodies[i], report);
        if (result != 0) {
            gor_waitgroup_done(&report->readers);
        }
    }
    return result;
}

void gord_exec_report_pause(struct gord_exec_report *report)
{
    if (report->over != NULL) {
        gor_ctx_cancel(report->over, "nobody reads any more");
        gor_waitgroup_wait(&report->readers);
        gor_ctx_unref(report->over);
        report->over = NULL;
    }
}

void gord_exec_report_end(struct gord_exec_report *report)
{
    gord_exec_report_close_child(report);
    bool read_before = report->over != NULL;
    gord_exec_report_pause(report);
    for (int i = 0; i < GORD_REPORT_PIPES; i++) {
        if (report->fds[i] >= 0) {
            drain(report, i);
            (void)(read_before ? gor_close(report->fds[i]) : close(report->fds[i]));
            report->fds[i] = -1;
        }
    }
    tell(report, report->line, report->line_bytes); /* one without an end */
    report->line_bytes = 0;
}
