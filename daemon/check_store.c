/* SPDX-License-Identifier: MIT */
/* check_store.c - see check_store.h. */
#include "daemon/check_store.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/log.h"
#include "daemon/store/audit.h"
#include "daemon/store/lock.h"
#include "daemon/store/schema.h"
#include "daemon/store/store.h"

static void say(void *arg, const char *text)
{
    (void)arg;
    printf("%s\n", text);
}

static void complain(const char *path, int error)
{
    char text[GORD_STORE_TEXT];

    switch (error) {
    case -ENOENT:
        gord_log(GORD_LOG_ERROR, 0, "%s: there is no store; --state-dir says where to look", path);
        break;
    case -EPROTO:
        gord_log(
            GORD_LOG_ERROR, 0,
            "%s: is of another version of gord; start this one once, which brings an older one "
            "up to date, and check then",
            path);
        break;
    default:
        gord_schema_explain(error, path, "it cannot be read to the end", text);
        gord_log(GORD_LOG_ERROR, 0, "%s", text);
    }
}

static enum gord_exit report(const struct gord_audit *audit, bool repair)
{
    printf("%" PRIu64 " job%s (%" PRIu64 " live), %" PRIu64 " event%s, %" PRIu64
           " environment%s, %" PRIu64 " file%s of output\n",
           audit->jobs, audit->jobs == 1 ? "" : "s", audit->live, audit->events,
           audit->events == 1 ? "" : "s", audit->envs, audit->envs == 1 ? "" : "s", audit->outputs,
           audit->outputs == 1 ? "" : "s");
    if (audit->problems == 0) {
        printf("the store is sound\n");
        return GORD_EXIT_OK;
    }
    printf("%" PRIu64 " problem%s, %" PRIu64 " repaired\n", audit->problems,
           audit->problems == 1 ? "" : "s", audit->repaired);
    if (audit->repaired == audit->problems) {
        return GORD_EXIT_OK;
    }
    printf("%s; for the rest restore a backup, or save what is readable with 'sqlite3 FILE "
           ".recover'\n",
           repair ? "no more can be repaired without guessing"
                  : "--repair sets counters right and removes what belongs to no job");
    return GORD_EXIT_DAMAGED;
}

enum gord_exit gord_check_store(const struct gord_config *config)
{
    char path[PATH_MAX];
    char outputs[PATH_MAX];
    char text[GORD_STORE_TEXT] = "";
    struct gord_audit audit;
    struct stat found;
    int lock_fd = -1;

    if (snprintf(path, sizeof(path), "%s/gord.db", config->state_dir) >= (int)sizeof(path) ||
        snprintf(outputs, sizeof(outputs), "%s/logs", config->state_dir) >= (int)sizeof(outputs)) {
        complain(config->state_dir, -ENAMETOOLONG);
        return GORD_EXIT_STORE;
    }
    if (stat(path, &found) != 0) {
        complain(path, -errno);
        return GORD_EXIT_STORE;
    }
    int result = gord_lock_open(config->state_dir, text, sizeof(text), &lock_fd);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "%s", text);
        return result == -EBUSY ? GORD_EXIT_BUSY : GORD_EXIT_STORE;
    }
    struct gord_audit_opts opts = {
        .path = path, .outputs = outputs, .repair = config->repair, .say = say};
    result = gord_audit(&opts, &audit);
    gord_lock_close(lock_fd);
    if (result != 0) {
        complain(path, result);
        return result == -EBADMSG ? GORD_EXIT_DAMAGED : GORD_EXIT_STORE;
    }
    return report(&audit, config->repair);
}
