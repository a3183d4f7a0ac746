/* SPDX-License-Identifier: MIT */
/* upgrade_ask.c - see upgrade_ask.h. */
#include "daemon/upgrade_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/children.h"
#include "daemon/store/schema.h"
#include "runtime/gor.h"

#define QUESTION "--take-over="
#define YES "takes over\n"
#define LIMIT_NS (10 * GOR_SECOND)

enum { PATH_SHOWN = 100, ANSWER_BYTES = GORD_UPGRADE_WHY - PATH_SHOWN - 32 };

struct gord_asking {
    struct gord_asking_opts opts;
    char path[128]; /* of the binary, as far as it is told */
    uv_poll_t readable;
    uv_timer_t late;
    unsigned handles; /* of these, until their close callbacks */
    pid_t pid;
    int pidfd; /* owned */
    int fd;    /* owned; what it says */
    char said[ANSWER_BYTES];
    size_t used;
};

/* ------------------------------------------------------------------ the side that is asked */

const char *gord_upgrade_question(int *argc, char **argv)
{
    char *last = *argc > 1 ? argv[*argc - 1] : "";

    if (strncmp(last, QUESTION, sizeof(QUESTION) - 1) != 0) {
        return NULL;
    }
    argv[--*argc] = NULL;
    return last + sizeof(QUESTION) - 1;
}

enum gord_exit gord_upgrade_answer(const char *question)
{
    int format = 0;
    int schema = 0;

    if (sscanf(question, "%d.%d", &format, &schema) != 2) {
        fprintf(stderr, "gord: " QUESTION " is for another gord only\n");
        return GORD_EXIT_USAGE;
    }
    if (format != GORD_HANDOVER_FORMAT) {
        printf("gord %s takes over by format %d, not %d\n", GOR_VERSION, GORD_HANDOVER_FORMAT,
               format);
    } else if (schema > gord_schema_version()) {
        printf("gord %s knows the store up to version %d; this one has version %d\n", GOR_VERSION,
               gord_schema_version(), schema);
    } else {
        fputs(YES, stdout);
        return GORD_EXIT_OK;
    }
    return GORD_EXIT_USAGE;
}

void gord_upgrade_refuse(const char *fault)
{
    printf("it finds faults in the configuration%s%s\n", fault[0] != '\0' ? ": " : "", fault);
}

/* ------------------------------------------------------------------ the end */

static void on_closed(uv_handle_t *handle)
{
    struct gord_asking *asking = handle->data;

    if (--asking->handles == 0) {
        free(asking);
    }
}

/* With whom it has started. Until it has been reaped, by us or as an orphan is, its number is nobody
 * else's. */
static void end_process(struct gord_asking *asking)
{
    if (pidfd_send_signal(asking->pidfd, 0, NULL, 0) == 0) {
        (void)kill(-asking->pid, SIGKILL);
    }
    close(asking->pidfd);
    (void)gord_children_wait(asking->pid, NULL, WNOHANG, NULL); /* else the reaper does */
}

void gord_asking_drop(struct gord_asking *asking)
{
    end_process(asking);
    uv_close((uv_handle_t *)&asking->readable, on_closed);
    uv_close((uv_handle_t *)&asking->late, on_closed);
    close(asking->fd);
}

static void answer(struct gord_asking *asking, int result, const char *what)
{
    struct gord_asking_opts opts = asking->opts;
    char why[GORD_UPGRADE_WHY] = "";

    if (result != 0) {
        snprintf(why, sizeof(why), "%.*s does not take over: %s", PATH_SHOWN, asking->path, what);
    }
    gord_asking_drop(asking);
    opts.answered(opts.arg, result, why);
}

/* ------------------------------------------------------------------ its answer */

static void judge(struct gord_asking *asking)
{
    asking->said[asking->used] = '\0';
    if (strcmp(asking->said, YES) == 0) {
        answer(asking, 0, "");
        return;
    }
    asking->said[strcspn(asking->said, "\n")] = '\0';
    answer(asking, -EPROTO, asking->used > 0 ? asking->said : "it did not answer as a gord does");
}

/* What it says until it closes its output. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct gord_asking *asking = poll->data;
    ssize_t got = 1;

    (void)status; /* a read tells as well */
    (void)events;
    while (got > 0 && asking->used < sizeof(asking->said) - 1) {
        got =
            read(asking->fd, asking->said + asking->used, sizeof(asking->said) - 1 - asking->used);
        asking->used += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) {
        judge(asking);
    }
}

static void on_late(uv_timer_t *timer)
{
    struct gord_asking *asking = timer->data;
    char what[80];

    snprintf(what, sizeof(what), "it did not answer within %g s",
             (double)asking->opts.limit_ns / GOR_SECOND);
    answer(asking, -ETIMEDOUT, what);
}

/* ------------------------------------------------------------------ asking */

static int spawn(struct gord_asking *asking, const struct gord_upgrade *upgrade, int output)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0) {
        return -error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (error == 0) {
            error = posix_spawn(&asking->pid, upgrade->path, &actions, &attributes, upgrade->argv,
                                upgrade->env);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

/* Run it as it will be run, with that question; what it says is read from fd. */
static int run_question(struct gord_asking *asking, struct gord_upgrade *upgrade)
{
    char question[48];
    int ends[2];
    char **end = upgrade->argv;

    snprintf(question, sizeof(question), QUESTION "%d.%d", GORD_HANDOVER_FORMAT,
             gord_schema_version());
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    while (*end != NULL) {
        end++;
    }
    *end = question; /* gord_upgrade_init has left room */
    int result = spawn(asking, upgrade, ends[1]);
    *end = NULL;
    close(ends[1]);
    if (result == 0) {
        asking->pidfd = pidfd_open(asking->pid, 0);
        if (asking->pidfd < 0) {
            result = -errno;
            (void)kill(asking->pid, SIGKILL);
        }
    }
    if (result == 0) {
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        asking->fd = ends[0];
    } else {
        close(ends[0]);
    }
    return result;
}

static void await_answer(struct gord_asking *asking)
{
    /* A pipe, and memory of ours: neither can fail. */
    (void)uv_poll_init(asking->opts.loop, &asking->readable, asking->fd);
    (void)uv_timer_init(asking->opts.loop, &asking->late);
    asking->readable.data = asking;
    asking->late.data = asking;
    asking->handles = 2;
    uv_poll_start(&asking->readable, UV_READABLE, on_readable);
    uv_update_time(asking->opts.loop);
    uv_timer_start(&asking->late, on_late, (uint64_t)(asking->opts.limit_ns / GOR_MILLISECOND), 0);
}

int gord_upgrade_ask(const struct gord_asking_opts *opts, char why[GORD_UPGRADE_WHY],
                     struct gord_asking **out_asking)
{
    struct gord_upgrade *upgrade = opts->upgrade;
    struct gord_asking *asking = calloc(1, sizeof(*asking));
    int result = asking != NULL ? gord_upgrade_open_self(upgrade) : -ENOMEM;

    if (result == 0) {
        asking->opts = *opts;
        asking->opts.limit_ns = opts->limit_ns != 0 ? opts->limit_ns : LIMIT_NS;
        snprintf(asking->path, sizeof(asking->path), "%.120s", upgrade->path);
        result = run_question(asking, upgrade);
    }
    if (result != 0) {
        snprintf(why, GORD_UPGRADE_WHY, "%.120s cannot be run: %s", upgrade->path,
                 strerror(-result));
        free(asking);
        return result;
    }
    await_answer(asking);
    *out_asking = asking;
    return 0;
}
