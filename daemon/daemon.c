/* SPDX-License-Identifier: MIT */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/base/notify.h"
#include "daemon/job/quota.h"
#include "daemon/listen.h"
#include "daemon/pulse.h"
#include "daemon/reload.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/plugin_file.h"
#include "daemon/runner/runner.h"
#include "daemon/scrape.h"
#include "daemon/service/auth.h"
#include "daemon/service/service.h"
#include "daemon/service/trail.h"
#include "daemon/stop.h"
#include "daemon/store/lock.h"
#include "daemon/tls.h"
#include "daemon/upgrade.h"
#include "daemon/upgrade_ask.h"
#include "rpc/server.h"

#define OWN_GOROUTINES 256 /* of the daemon itself, far more than there are at a time */

/* A start tells systemd within so long that it goes on; what SQLite does in one piece (an older store
 * brought up to date, a long journal read back) may take longer. */
#define SIGN_NS (30 * GOR_SECOND)
#define STORE_SIGN_NS (600 * GOR_SECOND)

enum { SIGNALS = 5, KEPT_MAX = 16 };

struct daemon {
    struct gord_config *config; /* borrowed */
    uv_loop_t loop;
    int lock_fd;
    char log_root[PATH_MAX];
    char plugin_copies[PATH_MAX];
    struct rlimit nofile; /* as we were started, for jobs */
    struct gord_notify notify;
    struct gord_auth auth;
    struct gord_bus *bus;
    struct gord_runner *runner;
    struct gord_service *service;
    struct gord_trail *trail; /* NULL: none is kept */
    struct rpc_server *server;
    struct gord_scrape *scrape; /* NULL: metrics are not served */
    struct gord_pulse pulse;
    struct gord_starting starting;
    uint64_t settled; /* events, before we serve */
    struct gord_bus_hook hook;
    uv_signal_t signals[SIGNALS];
    struct gord_asking
        *asking; /* owned; what is installed is asked whether it takes over; NULL: no */
    struct gord_upgrade_wish wish; /* whoever wants that, while it is asked */
    uv_timer_t replacing;          /* active: it takes over with the next turn */
    bool serving;
    bool stored; /* systemd keeps our sockets */
    struct gord_stop stop;
    struct gord_upgrade *upgrade;  /* borrowed */
    Gor__Handover__Handover *from; /* owned; what we were handed over; NULL: nothing */
    Gor__Handover__Handover to;    /* what we hand over */
    Gor__Handover__Listener kept[KEPT_MAX];
    Gor__Handover__Listener *kept_list[KEPT_MAX];
    bool runtime_runs;
    enum gord_exit code;
};

/* ------------------------------------------------------------------ stopping */

static void close_signals(struct daemon *d)
{
    for (int i = 0; i < SIGNALS; i++) {
        uv_close((uv_handle_t *)&d->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&d->replacing, NULL);
}

/* From here to the end, or until the next gord takes over: a handle that is closed puts the signal's default
 * back, and nobody shall die of it with the last events still to be stored. */
static void hold_signals(struct daemon *d)
{
    gord_upgrade_hold_signals();
    for (int i = 0; i < SIGNALS; i++) {
        uv_unref((uv_handle_t *)&d->signals[i]);
    }
}

static void end_loop(void *arg)
{
    struct daemon *d = arg;

    hold_signals(d);
    gord_pulse_stop(&d->pulse);
    uv_stop(&d->loop);
}

/* ------------------------------------------------------------------ upgrading */

/* The listeners are closed with the server; the sockets go on by copies. */
static void keep_listener(void *arg, int fd, const char *path)
{
    struct daemon *d = arg;
    size_t at = d->to.n_listeners;
    int copy = at < KEPT_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;

    if (copy >= 0) {
        gor__handover__listener__init(&d->kept[at]);
        d->kept[at].name = (char *)(uintptr_t)gord_kept_name(d->config, fd, path);
        d->kept[at].fd = copy;
        d->kept_list[at] = &d->kept[at];
        d->to.n_listeners++;
    }
}

static void begin_upgrade(struct daemon *d)
{
    gord_log(GORD_LOG_NOTICE, 0, "becoming what is installed as %s", d->upgrade->path);
    gord_notify_reloading(&d->notify, "being replaced by another version");
    gor__handover__handover__init(&d->to);
    d->to.began_ns = gor_now();
    d->to.listeners = d->kept_list;
    rpc_server_each_listener(d->server, keep_listener, d);
    rpc_server_leave_files(d->server);
    d->stop.leaving = true;
    gord_stop_begin(&d->stop);
}

static void on_replacing(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    if (!gord_stop_has_begun(&d->stop)) { /* by a signal since */
        begin_upgrade(d);
    }
}

/* Whether that may be asked; else a negative errno, and why not. */
static int may_upgrade(const struct daemon *d, char why[GORD_UPGRADE_WHY])
{
    if (gord_stop_has_begun(&d->stop) && !d->stop.leaving) {
        snprintf(why, GORD_UPGRADE_WHY, "the daemon is stopping");
        return -EBUSY;
    }
    if (d->stop.leaving || uv_is_active((const uv_handle_t *)&d->replacing)) {
        snprintf(why, GORD_UPGRADE_WHY, "it is being replaced already");
        return -EBUSY;
    }
    if (d->asking != NULL) {
        snprintf(why, GORD_UPGRADE_WHY,
                 "for somebody else %.100s is being asked already whether it takes over; wait for "
                 "what comes of that",
                 d->upgrade->path);
        return -EBUSY;
    }
    if (d->config->store_memory) {
        snprintf(why, GORD_UPGRADE_WHY, "with --store=memory all jobs would be forgotten");
        return -EINVAL;
    }
    return 0;
}

static void tell_wish(const struct gord_upgrade_wish *wish, int result, const char *why)
{
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "no upgrade: %s", why);
    }
    if (wish->told != NULL) {
        wish->told(wish->user, result, why);
    }
}

static void on_upgrade_answered(void *arg, int result, const char *why)
{
    struct daemon *d = arg;

    d->asking = NULL;
    if (result == 0) {
        uv_timer_start(&d->replacing, on_replacing, 0, 0);
    }
    tell_wish(&d->wish, result, why);
}

/* By SIGUSR2, or by a call, whose answer is sent before it begins; see daemon/service/upgrade.h. */
static void upgrade_soon(void *arg, const struct gord_upgrade_wish *wish)
{
    struct daemon *d = arg;
    char why[GORD_UPGRADE_WHY];
    struct gord_asking_opts opts = {
        .loop = &d->loop, .upgrade = d->upgrade, .answered = on_upgrade_answered, .arg = d};
    int result = may_upgrade(d, why);

    if (result == 0) {
        result = gord_upgrade_ask(&opts, why, &d->asking);
    }
    if (result == 0) {
        d->wish = *wish;
    } else {
        tell_wish(wish, result, why);
    }
}

static void drop_upgrade(struct daemon *d, const char *why)
{
    if (d->asking != NULL) {
        gord_asking_drop(d->asking);
        d->asking = NULL;
        tell_wish(&d->wish, -ECANCELED, why);
    }
}

static void forget_upgrade(void *arg)
{
    struct daemon *d = arg;

    d->wish = (struct gord_upgrade_wish){NULL, NULL};
    drop_upgrade(d, "who asked for it has gone before the answer");
}

/* All is closed. Comes back only if neither binary could be run. */
static void upgrade(struct daemon *d, struct gord_handed *notes)
{
    d->to.n_runs = notes->count;
    d->to.runs = notes->items;
    int result = gord_upgrade_execute(d->upgrade, &d->to, &d->nofile);
    gord_log(GORD_LOG_ERROR, 0, "neither the new gord nor the former one can be run: %s",
             strerror(-result));
    d->code = GORD_EXIT_INTERNAL;
}

static void begin_stop(struct daemon *d, int signum)
{
    gord_log(GORD_LOG_NOTICE, 0, "stopping on %s", signum == SIGTERM ? "SIGTERM" : "SIGINT");
    gord_notify_stopping(&d->notify, "ending jobs");
    d->pulse.stopping = true;
    drop_upgrade(d, "the daemon is stopping");
    if (d->stored) {
        rpc_server_leave_files(d->server); /* the next one goes on with them, or clears them away */
    }
    gord_stop_begin(&d->stop);
}

/* ------------------------------------------------------------------ signals */

/* By SIGHUP, or by a call, which has a report; see daemon/service/reload.h. */
static int reload(void *arg, const struct gord_reload_report *report,
                  struct gord_reloaded *out_reloaded)
{
    struct daemon *d = arg;
    struct gord_reload target = {
        .config = d->config, .runner = d->runner, .service = d->service, .server = d->server};
    char text[GORD_RELOAD_TEXT];

    if (gord_stop_has_begun(&d->stop)) {
        gord_log(GORD_LOG_NOTICE, 0, "reload: stopping, so nothing is read again");
        return -ECANCELED;
    }
    gord_notify_reloading(&d->notify, "reading the configuration");
    int result = gord_reload(&target, report, text, out_reloaded);
    gord_notify_ready(&d->notify, text);
    d->pulse.text[0] = '\0'; /* the counts are told again, after this */
    return result;
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct daemon *d = handle->data;
    struct gord_reloaded reloaded;

    switch (signum) {
    case SIGTERM:
    case SIGINT:
        if (!gord_stop_has_begun(&d->stop)) {
            begin_stop(d, signum);
        } else {
            gord_stop_hurry(&d->stop);
            gord_upgrade_note_stop(signum);
        }
        break;
    case SIGUSR2:
        if (!gord_stop_has_begun(&d->stop)) {
            upgrade_soon(d, &(struct gord_upgrade_wish){NULL, NULL});
        }
        break;
    case SIGUSR1:
        gor_dump(stderr);
        gord_job_table_dump(gord_bus_table(d->bus), stderr);
        fflush(stderr);
        break;
    default:
        (void)reload(d, NULL, &reloaded);
        break;
    }
}

static void watch_signals(struct daemon *d)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP};
    int result;

    for (int i = 0; i < SIGNALS; i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&d->loop, &d->replacing);
    d->replacing.data = d;
    gord_upgrade_release_signals();
    /* Not by the loop, which may be what is stuck. */
    result = gor_dump_on_signal(SIGQUIT, -1);
    if (result != 0) {
        gord_log(GORD_LOG_WARNING, 0, "SIGQUIT will end the daemon rather than dump goroutines: %s",
                 strerror(-result));
    }
}

/* ------------------------------------------------------------------ starting */

/* mkdir -p, private; what is there already must be a folder that can be written. */
static int make_folder(const char *path)
{
    char copy[PATH_MAX];

    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
        return -ENAMETOOLONG;
    }
    for (char *p = copy + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            if (mkdir(copy, 0755) != 0 && errno != EEXIST) {
                return -errno;
            }
            *p = '/';
        }
    }
    if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
        return -errno;
    }
    int fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    close(fd);
    return access(copy, W_OK | X_OK) == 0 ? 0 : -errno;
}

static void on_read_back(void *arg, uint64_t count)
{
    struct daemon *d = arg;

    gord_starting_tell(&d->starting, "records read back", count, SIGN_NS);
}

/* What the last daemon left is settled by events, before anybody is served. */
static void on_applied(void *arg, struct gord_event *event, struct gord_job *job)
{
    struct daemon *d = arg;

    (void)event;
    (void)job;
    if (!d->serving) {
        gord_starting_tell(&d->starting, "events of jobs left over", ++d->settled, SIGN_NS);
    }
}

static enum gord_exit open_state(struct daemon *d)
{
    const char *dir = d->config->state_dir;
    char text[GORD_STORE_TEXT] = "";
    int result = make_folder(dir);

    if (snprintf(d->log_root, sizeof(d->log_root), "%s/logs", dir) >= (int)sizeof(d->log_root) ||
        snprintf(d->plugin_copies, sizeof(d->plugin_copies), "%s/plugins", dir) >=
            (int)sizeof(d->plugin_copies)) {
        result = -ENAMETOOLONG;
    }
    if (result == 0 && (result = make_folder(d->log_root)) != 0) {
        dir = d->log_root;
    }
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0,
                 "cannot use the folder %s: %s; give it to the user gord runs as, or choose "
                 "another --state-dir",
                 dir, strerror(-result));
        return GORD_EXIT_STORE;
    }
    result = gord_lock_open(dir, text, sizeof(text), &d->lock_fd);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "%s", text);
        return result == -EBUSY ? GORD_EXIT_BUSY : GORD_EXIT_STORE;
    }
    struct gord_bus_opts opts = {.loop = &d->loop,
                                 .state_dir = dir,
                                 .memory = d->config->store_memory,
                                 .keep = gord_keep_of(d->config),
                                 .progress = on_read_back,
                                 .progress_arg = d};
    gord_starting_tell(&d->starting, "opening the store", 0, STORE_SIGN_NS);
    result = gord_bus_open(&opts, text, &d->bus);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "%s", text);
        return GORD_EXIT_STORE;
    }
    return gord_quota_set(gord_bus_table(d->bus), &d->config->owners) == 0 ? GORD_EXIT_OK
                                                                           : GORD_EXIT_INTERNAL;
}

/* As many descriptors as we may have; jobs get what we were started with. */
static void raise_nofile(struct daemon *d)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &d->nofile) == 0) {
        limit = d->nofile;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* That of native jobs is a quota, and the runtime's above it: what processes need, each a few that are
 * bounded by the slots, gord's own, and what other Ps may keep back. */
static uint64_t goroutine_ceiling(const struct gord_config *config)
{
    uint64_t jobs = config->max_goroutines;
    uint64_t others = (uint64_t)config->exec_slots * GORD_EXEC_GOROUTINES + OWN_GOROUTINES;

    return jobs != 0 ? jobs + jobs / 32 + others : 0;
}

static int start_runner(struct daemon *d)
{
    const struct gord_config *config = d->config;
    struct gor_opts runtime = {.gomaxprocs = config->gomaxprocs,
                               .max_goroutines = goroutine_ceiling(config),
                               .max_stack_bytes = config->max_stack_memory};
    struct gord_runner_opts runner = {.bus = d->bus,
                                      .log_root = d->log_root,
                                      .exec_slots = config->exec_slots,
                                      .native_slots = config->native_slots,
                                      .lua_slots = config->lua_slots,
                                      .max_goroutines = config->max_goroutines,
                                      .refuse_at_ceiling = config->refuse_at_ceiling,
                                      .grace_ns = config->grace_ns,
                                      .stop_policy = config->stop_policy,
                                      .log_cap_bytes = config->log_cap_bytes,
                                      .paused = config->paused || gord_bus_was_paused(d->bus),
                                      .nofile = d->nofile,
                                      .finish_hook = config->finish_hook,
                                      .plugin_folder = config->plugin_dir,
                                      .plugin_copies = d->plugin_copies,
                                      .cgroup = config->cgroup};
    struct gord_handed handed = {0};
    if (d->from != NULL) {
        handed = (struct gord_handed){.items = d->from->runs, .count = d->from->n_runs};
        d->from->runs = NULL; /* each is a run's from now on */
        d->from->n_runs = 0;
        runner.handed = &handed;
    }
    int result = gor_start(&runtime);

    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot start the runtime: %s", strerror(-result));
        return result;
    }
    d->runtime_runs = true;
    result = gord_runner_start(&runner, &d->runner);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot start running jobs: %s", strerror(-result));
    }
    return result;
}

static int open_trail(struct daemon *d)
{
    const struct gord_config *config = d->config;

    if (config->audit_keep_bytes == 0 || config->store_memory) {
        return 0;
    }
    return gord_trail_open(&d->loop, config->state_dir, config->audit_keep_bytes, &d->trail);
}

static int64_t or_never(int64_t ns)
{
    return ns != 0 ? ns : INT64_MAX;
}

static void take_client_limits(const struct gord_client_limits *limits,
                               struct rpc_server_opts *opts)
{
    opts->max_connections = limits->max_connections;
    opts->max_user_connections = limits->max_user_connections;
    opts->max_user_calls = limits->max_user_calls;
    opts->max_streams = limits->max_streams;
    opts->handshake_ns = limits->handshake_ns;
    opts->stall_ns = or_never(limits->stall_ns);
    opts->keepalive_ns = or_never(limits->keepalive_ns);
    opts->keepalive_wait_ns = limits->keepalive_wait_ns;
    opts->ping_min_ns = limits->ping_min_ns;
    opts->max_idle_ns = or_never(limits->max_idle_ns);
    opts->max_age_ns = or_never(limits->max_age_ns);
    opts->max_grace_ns = or_never(limits->max_grace_ns);
}

static int start_service(struct daemon *d)
{
    struct rpc_server_opts server = {.authorize = gord_auth_check, .user = &d->auth};

    take_client_limits(&d->config->clients, &server);
    gord_auth_init(&d->auth);
    if (d->trail != NULL) {
        server.observer = (struct rpc_observer){gord_trail_answered, gord_trail_flush, d->trail};
    }
    int result = rpc_server_new(&d->loop, &server, &d->server);
    if (result == 0) {
        struct gord_service_opts opts = {
            .loop = &d->loop,
            .bus = d->bus,
            .runner = d->runner,
            .server = d->server,
            .state_dir = d->config->state_dir,
            .trail = d->trail,
            .auth = &d->auth,
            .hide_env = d->config->hide_env,
            .reloader = {reload, d},
            .upgrader = {upgrade_soon, forget_upgrade, d,
                         d->from != NULL && d->from->failure[0] != '\0' ? d->from->failure : NULL},
            .memory = d->config->store_memory};
        result = gord_service_new(&opts, &d->service);
    }
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot start serving: %s", strerror(-result));
    }
    return result;
}

static enum gord_exit check_plugin_dir(const struct gord_config *config)
{
    char why[GORD_PLUGIN_ERROR];

    if (config->plugin_dir == NULL || gord_plugin_check_folder(config->plugin_dir, why) == 0) {
        return GORD_EXIT_OK;
    }
    gord_log(GORD_LOG_ERROR, 0, "--plugin-dir: %s", why);
    return GORD_EXIT_USAGE;
}

/* Have systemd keep the sockets that are our own, so that they outlive a restart. */
static void store_listener(void *arg, int fd, const char *path)
{
    struct daemon *d = arg;
    const char *name = gord_kept_name(d->config, fd, path);

    /* Only a service manager keeps anything; others that listen for READY do not. */
    if (getenv("INVOCATION_ID") != NULL &&
        (strcmp(name, GORD_KEPT_UNIX) == 0 || strcmp(name, GORD_KEPT_TCP) == 0)) {
        gord_notify_drop(&d->notify, name); /* it may have an older one */
        d->stored = gord_notify_keep(&d->notify, name, fd) == 0 && d->notify.fd >= 0;
    }
}

static int listen_all(struct daemon *d)
{
    struct gord_kept_socket kept[KEPT_MAX];
    size_t count = 0;

    while (d->from != NULL && count < d->from->n_listeners && count < KEPT_MAX) {
        kept[count] = (struct gord_kept_socket){d->from->listeners[count]->name,
                                                d->from->listeners[count]->fd};
        count++;
    }
    int result = gord_listen(d->config, d->server, &d->auth, kept, count);
    if (result == 0) {
        rpc_server_each_listener(d->server, store_listener, d);
    }
    return result;
}

static enum gord_exit start(struct daemon *d)
{
    raise_nofile(d);
    int result = uv_loop_init(&d->loop);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot make the event loop: %s", strerror(-result));
        return GORD_EXIT_INTERNAL;
    }
    result = gord_notify_open(&d->notify);
    if (result != 0) {
        gord_log(GORD_LOG_WARNING, 0, "cannot notify systemd: %s", strerror(-result));
    }
    enum gord_exit code = check_plugin_dir(d->config);
    if (code == GORD_EXIT_OK) {
        code = open_state(d);
    }
    if (code != GORD_EXIT_OK) {
        return code;
    }
    d->hook = (struct gord_bus_hook){.applied = on_applied, .arg = d};
    gord_bus_follow(d->bus, &d->hook);
    gord_starting_tell(&d->starting, "settling jobs", 0, SIGN_NS);
    if (start_runner(d) != 0 || open_trail(d) != 0 || start_service(d) != 0) {
        return GORD_EXIT_INTERNAL;
    }
    if (gord_tls_load(d->config, d->server) != 0 || listen_all(d) != 0) {
        return GORD_EXIT_LISTEN;
    }
    if (d->config->metrics_host != NULL &&
        gord_scrape_start(d->config, &d->loop, d->service, &d->scrape) != 0) {
        return GORD_EXIT_LISTEN;
    }
    return GORD_EXIT_OK;
}

/* ------------------------------------------------------------------ the whole */

static void open_stop(struct daemon *d)
{
    d->stop = (struct gord_stop){.config = d->config,
                                 .loop = &d->loop,
                                 .notify = &d->notify,
                                 .bus = d->bus,
                                 .runner = d->runner,
                                 .service = d->service,
                                 .server = d->server,
                                 .scrape = d->scrape,
                                 .ended = end_loop,
                                 .arg = d};
    gord_stop_open(&d->stop);
}

/* Let closing handles run their callbacks; what does not close in time stays. */
static void run_out(struct daemon *d)
{
    for (int turns = 0; turns < 1000 && uv_run(&d->loop, UV_RUN_NOWAIT) != 0; turns++) {
    }
}

static void finish(struct daemon *d)
{
    gord_scrape_stop(d->scrape);
    int result = d->runtime_runs ? gor_stop() : 0;
    bool quiet = result == 0; /* no goroutine can touch anything any more */
    struct gord_handed notes =
        d->runner != NULL ? gord_runner_take_notes(d->runner) : (struct gord_handed){0};

    if (!quiet) {
        gord_log(GORD_LOG_WARNING, 0, "a native job does not end; leaving it behind");
    }
    gord_service_end(d->service);
    rpc_server_free(d->server);
    gord_trail_close(d->trail);
    if (d->bus != NULL && gord_bus_close(d->bus) != 0) {
        gord_log(GORD_LOG_ERROR, 0, "the last events could not be stored");
        d->code = d->code == GORD_EXIT_OK ? GORD_EXIT_INTERNAL : d->code;
    }
    gord_runner_stop(d->runner);
    run_out(d);
    gord_notify_close(&d->notify);
    if (d->stop.leaving && d->code == GORD_EXIT_OK) {
        upgrade(d, &notes);
    }
    if (!quiet) {
        _exit((int)d->code); /* its memory must stay for as long as it runs */
    }
    gord_scrape_free(d->scrape);
    gord_service_free(d->service);
    gord_runner_free(d->runner);
    gord_bus_free(d->bus);
    if (d->serving) {
        close_signals(d);
        run_out(d);
    }
    uv_loop_close(&d->loop);
    gord_lock_close(d->lock_fd);
}

/* How we came to be, if not by a start. */
static void tell_of_upgrade(const struct daemon *d)
{
    if (d->from == NULL) {
        return;
    }
    if (d->from->failure[0] != '\0') {
        gord_log(GORD_LOG_ERROR, 0, "no upgrade: %s; going on as gord %s", d->from->failure,
                 GOR_VERSION);
    } else {
        gord_log(GORD_LOG_NOTICE, 0, "took over from gord %s within %" PRId64 " ms",
                 d->from->version, (gor_now() - d->from->began_ns) / GOR_MILLISECOND);
    }
}

enum gord_exit gord_daemon_run(struct gord_config *config, struct gord_upgrade *upgrade)
{
    struct daemon *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        return GORD_EXIT_INTERNAL;
    }
    d->config = config;
    d->lock_fd = -1;
    d->notify.fd = -1;
    d->starting.notify = &d->notify;
    d->upgrade = upgrade;
    d->from = gord_upgrade_take();
    d->code = start(d);
    if (d->code == GORD_EXIT_OK) {
        watch_signals(d);
        open_stop(d);
        d->serving = true;
        gord_pulse_start(&d->pulse, &d->loop, &d->notify, d->bus);
        tell_of_upgrade(d);
        gord_notify_ready(&d->notify, "serving");
        gord_log(GORD_LOG_NOTICE, 0, "gord %s serves, state in %s%s", GOR_VERSION,
                 config->state_dir, config->store_memory ? " (jobs in memory only)" : "");
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    finish(d);
    if (d->from != NULL) {
        gor__handover__handover__free_unpacked(d->from, NULL);
    }
    enum gord_exit code = d->code;
    free(d);
    return code;
}
