/* SPDX-License-Identifier: MIT */
/* unborn.c - see unborn.h.
 *
 * Such a process has our memory, and so our command line, and says nothing of its job. It leads its group,
 * which keeps it apart from children that the process had before it was gord.
 */
#include "daemon/runner/unborn.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/proc.h"

#define COMMAND_BYTES 4096 /* the rest of a longer one is not looked at */

struct command {
    char text[COMMAND_BYTES];
    size_t bytes;
};

struct search {
    struct command ours;
    const struct gord_handed *handed; /* borrowed */
};

static bool read_command(pid_t pid, struct command *out)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    FILE *file = fopen(path, "re");
    out->bytes = file != NULL ? fread(out->text, 1, sizeof(out->text), file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    return out->bytes > 0;
}

static int kill_unborn(void *arg, pid_t pid)
{
    const struct search *search = arg;
    struct command its;
    struct gord_proc proc;

    if (gord_proc_read(pid, &proc) == 0 && proc.parent == getpid() && proc.group == pid &&
        !gord_handed_has_process(search->handed, pid) && read_command(pid, &its) &&
        its.bytes == search->ours.bytes && memcmp(its.text, search->ours.text, its.bytes) == 0) {
        gord_log(GORD_LOG_WARNING, 0, "process %d, whose start hangs, is killed", pid);
        (void)kill(pid, SIGKILL);
    }
    return 0;
}

void gord_unborn_kill(const struct gord_handed *handed)
{
    struct search search = {.handed = handed};

    if (read_command(getpid(), &search.ours)) {
        gord_proc_each(kill_unborn, &search);
    }
}
