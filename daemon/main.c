/* SPDX-License-Identifier: MIT */
/* gord - runs jobs as goroutines and keeps their history. */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "daemon/base/journal.h"
#include "daemon/base/log.h"
#include "daemon/check_config.h"
#include "daemon/check_store.h"
#include "daemon/daemon.h"
#include "daemon/upgrade.h"
#include "daemon/upgrade_ask.h"

/* A descriptor opened later must never become somebody's stdout by accident. */
static void open_standard_files(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= 2);
    if (fd > 2) {
        close(fd);
    }
}

/* malloc gives each thread an arena of its own, up to eight for each core, and each comes to its own most: a
 * daemon that runs for weeks would grow with their number. Two, for the loop and for all others, cost nothing
 * that can be measured, for what a thread has freed it keeps at hand anyway (docs/endurance.md).
 * $MALLOC_ARENA_MAX goes before. */
static void limit_arenas(void)
{
    if (getenv("MALLOC_ARENA_MAX") == NULL) {
        (void)mallopt(M_ARENA_MAX, 2);
    }
}

/* The first fault, for who asks whether we take over. */
struct first_fault {
    char text[GORD_UPGRADE_WHY];
};

/* As records where records go, else as any program complains. */
static void tell_fault(void *arg, const char *text)
{
    struct first_fault *first = arg;

    if (first->text[0] == '\0') {
        snprintf(first->text, sizeof(first->text), "%s", text);
    }
    if (gord_log_is_journal()) {
        gord_log(GORD_LOG_ERROR, 0, "%s", text);
    } else {
        fprintf(stderr, "gord: %s\n", text);
    }
}

static void tell_doubt(void *arg, const char *text)
{
    (void)arg;
    if (gord_log_is_journal()) {
        gord_log(GORD_LOG_WARNING, 0, "%s", text);
    } else {
        fprintf(stderr, "gord: warning: %s\n", text);
    }
}

/* gord --check-config, once everything else about it has been found right. */
static enum gord_exit check_config(const struct gord_config *config, struct gord_faults *faults)
{
    struct gord_faults doubts = {.tell = tell_doubt};

    gord_check_config(config, faults);
    if (faults->count != 0) {
        return GORD_EXIT_USAGE;
    }
    gord_check_doubts(config, &doubts);
    puts("ok");
    return GORD_EXIT_OK;
}

/* Whether we can take over. What would keep us from starting is to be found while the former one runs. */
static enum gord_exit answer(const char *question, const struct gord_config *config,
                             struct gord_faults *faults)
{
    gord_check_config(config, faults);
    if (faults->count != 0) {
        gord_upgrade_refuse(((struct first_fault *)faults->arg)->text);
        return GORD_EXIT_USAGE;
    }
    return gord_upgrade_answer(question);
}

static enum gord_exit run(struct gord_config *config, struct gord_faults *faults,
                          struct gord_upgrade *upgrade)
{
    if (config->check_config) {
        return check_config(config, faults);
    }
    if (config->print_config == GORD_PRINT_IN_FORCE) {
        gord_config_print(config, stdout);
        return GORD_EXIT_OK;
    }
    return config->check_store ? gord_check_store(config) : gord_daemon_run(config, upgrade);
}

int main(int argc, char **argv)
{
    struct first_fault first = {""};
    struct gord_faults faults = {.tell = tell_fault, .arg = &first};
    struct gord_config config;
    struct gord_upgrade upgrade;

    limit_arenas();
    /* A client that goes away in the middle of an answer must not take us with it. */
    signal(SIGPIPE, SIG_IGN);
    /* A limit on file sizes is a full disk to us, not the end. */
    signal(SIGXFSZ, SIG_IGN);
    open_standard_files();
    const char *question = gord_upgrade_question(&argc, argv);
    if (gord_upgrade_init(&upgrade, argv) != 0) {
        return GORD_EXIT_INTERNAL;
    }
    gord_log_init(GORD_LOG_NOTICE, GORD_JOURNAL_SOCKET);
    int result = gord_config_parse(argc, argv, &faults, &config);
    if (result < 0 && question != NULL) {
        gord_upgrade_refuse(first.text);
    }
    if (result != 0) {
        gord_upgrade_fini(&upgrade);
        return result > 0 ? GORD_EXIT_OK : GORD_EXIT_USAGE;
    }
    gord_log_set_level(config.log_level);
    result = gord_log_use(config.log_format, GORD_JOURNAL_SOCKET);
    enum gord_exit code = GORD_EXIT_USAGE;
    if (question != NULL) {
        code = answer(question, &config, &faults);
    } else if (result == 0) {
        code = run(&config, &faults, &upgrade);
    } else {
        gord_log(GORD_LOG_ERROR, 0, "cannot reach the journal at %s: %s; give another log-format",
                 GORD_JOURNAL_SOCKET, strerror(-result));
    }
    gord_config_fini(&config);
    gord_upgrade_fini(&upgrade);
    return code;
}
