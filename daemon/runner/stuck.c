/* SPDX-License-Identifier: MIT */
/* stuck.c - see stuck.h. */
#include "daemon/runner/stuck.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/runner/proc.h"
#include "daemon/runner/text.h"

/* ------------------------------------------------------------------ processes */

#define HIDDEN ", the kernel does not say in what"

/* What a file of the process's says, without its line's end; "" if it cannot be read. */
static const char *read_line(int pid, const char *file, char *out, size_t bytes)
{
    char path[64];
    char text[128];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
    if (fd >= 0) {
        close(fd);
    }
    size_t length = got > 0 ? (size_t)got : 0;
    const char *end = memchr(text, '\n', length);
    return gord_text_clean(text, end != NULL ? (size_t)(end - text) : length, out, bytes);
}

/* As /proc/PID/status has it: "D (disk sleep)". */
static const char *state_name(char state)
{
    static const char *const names[] = {"R (running)",      "S (sleeping)", "D (disk sleep)",
                                        "T (stopped)",      "Z (zombie)",   "I (idle)",
                                        "t (tracing stop)", "X (dead)"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i][0] == state) {
            return names[i];
        }
    }
    return "?";
}

bool gord_stuck_look(pid_t pid, struct gord_stuck_process *out)
{
    struct gord_proc proc;
    char name[64];
    char where[128];

    if (gord_proc_read(pid, &proc) != 0) {
        return false;
    }
    read_line(pid, "comm", name, sizeof(name));
    read_line(pid, "wchan", where, sizeof(where));
    /* Of one that does not wait there is nothing to say; from who may not know, as of a set-uid program, the
     * kernel hides it: "0" as well. */
    bool known = where[0] != '\0' && strcmp(where, "0") != 0;
    bool hidden = !known && (proc.state == 'S' || proc.state == 'D');
    out->pid = pid;
    out->start_ticks = proc.start_ticks;
    snprintf(out->text, sizeof(out->text), "process %d (%s) of %d: %s%s%s", pid, name, proc.parent,
             state_name(proc.state),
             known    ? ", in "
             : hidden ? HIDDEN
                      : "",
             known ? where : "");
    return true;
}

bool gord_stuck_was(const struct gord_stuck_process *process, const pid_t *pids, size_t count)
{
    struct gord_proc proc;

    for (size_t i = 0; i < count; i++) {
        if (pids[i] == process->pid) {
            return gord_proc_read(process->pid, &proc) == 0 &&
                   proc.start_ticks == process->start_ticks;
        }
    }
    return false;
}

static void put_processes(FILE *out, struct gord_run *run)
{
    struct gord_stuck_process looks[GORD_STUCK_PROCESSES];
    pid_t pids[GORD_TREE_MAX];
    size_t looked = 0;
    size_t count = gord_process_list(&run->process, pids, GORD_TREE_MAX);

    for (size_t i = 0; i < count && i < GORD_STUCK_PROCESSES; i++) {
        looked += gord_stuck_look(pids[i], &looks[looked]);
    }
    size_t still = gord_process_list(&run->process, pids, GORD_TREE_MAX);
    for (size_t i = 0; i < looked; i++) {
        if (gord_stuck_was(&looks[i], pids, still)) {
            fprintf(out, "%s\n", looks[i].text);
        }
    }
    if (count > GORD_STUCK_PROCESSES) {
        fprintf(out, "and %zu more\n", count - GORD_STUCK_PROCESSES);
    }
}

/* ------------------------------------------------------------------ all */

/* At the end of a line, if it is too long. */
static void bound(char *text)
{
    static const char more[] = "...\n";

    if (strlen(text) <= GORD_STUCK_TEXT) {
        return;
    }
    size_t at = GORD_STUCK_TEXT - sizeof(more);
    while (at > 0 && text[at - 1] != '\n') {
        at--;
    }
    memcpy(text + at, more, sizeof(more));
}

char *gord_stuck_where(struct gord_run *run)
{
    struct gor_dump_opts opts = {.id = run->goroutine};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    if (run->spec->kind == GORD_EXEC) {
        put_processes(out, run);
    } else if (run->goroutine != 0) {
        (void)gor_dump_with(out, &opts);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    for (size_t end = strlen(text); end > 1 && text[end - 1] == '\n' && text[end - 2] == '\n';) {
        text[--end] = '\0';
    }
    bound(text);
    if (!gord_text_is_utf8(text, strlen(text))) {
        text[0] = '\0';
    }
    return text;
}
