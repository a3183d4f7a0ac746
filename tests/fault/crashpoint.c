/* SPDX-License-Identifier: MIT */
/* crashpoint.c - the places of daemon/base/crashpoint.h, armed by $GORD_CRASHPOINT. Those inside
 * SQLite are met by looking on at its files. With $GORD_CRASHPOINT=list the labels are printed; with
 * =count:FILE it does not die, and how often each was met is written to FILE at its end. With
 * $GORD_FAIL_FLUSH=FILE flushes of the journal fail as long as that file is there. */
#include "daemon/base/crashpoint.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fault/vfs_shim.h"

static const char *const labels[] = {
#define CRASHPOINT_LABEL(id, label, text) label,
    GORD_CRASHPOINTS_LIST(CRASHPOINT_LABEL)
#undef CRASHPOINT_LABEL
};

static const char *const texts[] = {
#define CRASHPOINT_TEXT(id, label, text) text,
    GORD_CRASHPOINTS_LIST(CRASHPOINT_TEXT)
#undef CRASHPOINT_TEXT
};

static const char *fail_flush; /* NULL: none fails */
static int armed = -1;
static atomic_long left;
static const char *counts; /* the file for them; NULL: they are not asked for */
static atomic_long met[GORD_CRASHPOINT_COUNT];

void gord_crashpoint(enum gord_crashpoint point)
{
    atomic_fetch_add(&met[point], 1);
    if ((int)point == armed && atomic_fetch_sub(&left, 1) == 1) {
        (void)kill(getpid(), SIGKILL);
    }
}

static void before(const struct shim_event *event)
{
    if (event->op == SHIM_SYNC) {
        gord_crashpoint(event->journal ? GORD_CRASH_JOURNAL_SYNC : GORD_CRASH_DATABASE_SYNC);
    } else {
        gord_crashpoint(event->journal ? GORD_CRASH_JOURNAL_WRITE : GORD_CRASH_DATABASE_WRITE);
    }
}

static void after(const struct shim_event *event)
{
    if (event->op == SHIM_SYNC) {
        gord_crashpoint(event->journal ? GORD_CRASH_JOURNAL_SYNCED : GORD_CRASH_DATABASE_SYNCED);
    } else {
        gord_crashpoint(event->journal ? GORD_CRASH_JOURNAL_WRITTEN : GORD_CRASH_DATABASE_WRITTEN);
    }
}

static bool fails(const struct shim_event *event)
{
    return event->journal && fail_flush != NULL && access(fail_flush, F_OK) == 0;
}

static void list(void)
{
    for (int i = 0; i < GORD_CRASHPOINT_COUNT; i++) {
        printf("%s\t%s\n", labels[i], texts[i]);
    }
    exit(0);
}

__attribute__((destructor)) static void tell(void)
{
    FILE *file = counts != NULL ? fopen(counts, "we") : NULL;
    for (int i = 0; file != NULL && i < GORD_CRASHPOINT_COUNT; i++) {
        fprintf(file, "%s\t%ld\n", labels[i], atomic_load(&met[i]));
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* LABEL:COUNT */
static void aim(const char *what)
{
    const char *colon = strchr(what, ':');
    size_t length = colon != NULL ? (size_t)(colon - what) : 0;
    for (int i = 0; i < GORD_CRASHPOINT_COUNT; i++) {
        if (strlen(labels[i]) == length && strncmp(labels[i], what, length) == 0) {
            armed = i;
        }
    }
    if (armed < 0) {
        fprintf(stderr, "GORD_CRASHPOINT is '%s'; it must be LABEL:COUNT, count:FILE or list\n",
                what);
        exit(2);
    }
    atomic_store(&left, strtol(colon + 1, NULL, 10));
}

__attribute__((constructor)) static void arm(void)
{
    static const struct shim_hooks hooks = {NULL, before, after, fails, false, false};
    const char *what = getenv("GORD_CRASHPOINT");
    fail_flush = getenv("GORD_FAIL_FLUSH");
    if (fail_flush != NULL) {
        shim_install(&hooks);
    }
    if (what == NULL) {
        return;
    }
    if (strcmp(what, "list") == 0) {
        list();
    }
    if (strncmp(what, "count:", strlen("count:")) == 0) {
        counts = strdup(what + strlen("count:"));
    } else {
        aim(what);
    }
    if (strncmp(what, "upgrade.", strlen("upgrade.")) != 0) { /* it is the other binary's, too */
        (void)unsetenv("GORD_CRASHPOINT");
    }
    shim_install(&hooks);
}
