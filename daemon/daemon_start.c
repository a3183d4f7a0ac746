/* SPDX-License-Identifier: MIT */
/* daemon_start.c - gord comes up, room by room, until it can serve: see daemon_inside.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/daemon_inside.h"
#include "daemon/job/quota.h"
#include "daemon/listen.h"
#include "daemon/reload.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/plugin_file.h"
#include "daemon/sign/signer.h"
#include "daemon/store/lock.h"
#include "daemon/tls.h"

#define OWN_GOROUTINES 256 /* of the daemon itself, far more than there are at a time */

/* A start tells systemd within so long that it goes on; what SQLite does in one piece (an older store
 * brought up to date, a long journal read back) may take longer. */
#define SIGN_NS (30 * GOR_SECOND)
#define STORE_SIGN_NS (600 * GOR_SECOND)

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
    struct gord_daemon *d = arg;

    gord_starting_tell(&d->starting, "records read back", count, SIGN_NS);
}

/* What the last daemon left is settled by events, before anybody is served. */
static void on_applied(void *arg, struct gord_event *event, struct gord_job *job)
{
    struct gord_daemon *d = arg;

    (void)event;
    (void)job;
    if (!d->serving) {
        gord_starting_tell(&d->starting, "events of jobs left over", ++d->settled, SIGN_NS);
    }
}

static enum gord_exit open_state(struct gord_daemon *d)
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
static void raise_nofile(struct gord_daemon *d)
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

/* What signs webhooks, into *out_signer: NULL for none. */
static enum gord_exit load_signer(const struct gord_config *config, struct gord_signer **out_signer)
{
    char why[GORD_SIGNER_WHY];

    if (gord_signer_new(config->webhook_secret_file, why, out_signer) == 0) {
        return GORD_EXIT_OK;
    }
    gord_log(GORD_LOG_ERROR, 0, "--webhook-secret-file: %s", why);
    return GORD_EXIT_USAGE;
}

static int start_runner(struct gord_daemon *d, struct gord_signer *signer)
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
                                      .new_privs = config->new_privs,
                                      .log_cap_bytes = config->log_cap_bytes,
                                      .paused = config->paused || gord_bus_was_paused(d->bus),
                                      .nofile = d->nofile,
                                      .finish_hook = config->finish_hook,
                                      .finish_hook_url = config->finish_hook_url,
                                      .signer = signer,
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

static int open_trail(struct gord_daemon *d)
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

static int start_service(struct gord_daemon *d)
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
            .reloader = {gord_daemon_reload, d},
            .upgrader = {gord_daemon_upgrade_soon, gord_daemon_upgrade_forget, d,
                         gord_daemon_awaits_ns,
                         d->from != NULL && d->from->failure[0] != '\0' ? d->from->failure : NULL,
                         gord_daemon_ended(d)},
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
    struct gord_daemon *d = arg;
    const char *name = gord_kept_name(d->config, fd, path);

    /* Only a service manager keeps anything; others that listen for READY do not. */
    if (getenv("INVOCATION_ID") != NULL &&
        (strcmp(name, GORD_KEPT_UNIX) == 0 || strcmp(name, GORD_KEPT_TCP) == 0)) {
        gord_notify_drop(&d->notify, name); /* it may have an older one */
        d->stored = gord_notify_keep(&d->notify, name, fd) == 0 && d->notify.fd >= 0;
    }
}

static int listen_all(struct gord_daemon *d)
{
    struct gord_kept_socket kept[GORD_DAEMON_KEPT];
    size_t count = 0;

    while (d->from != NULL && count < d->from->n_listeners && count < GORD_DAEMON_KEPT) {
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

/* The store and what runs its jobs. */
static enum gord_exit open_jobs(struct gord_daemon *d)
{
    struct gord_signer *signer;
    enum gord_exit code = load_signer(d->config, &signer);

    if (code == GORD_EXIT_OK) {
        code = open_state(d);
    }
    if (code == GORD_EXIT_OK) {
        d->hook = (struct gord_bus_hook){.applied = on_applied, .arg = d};
        gord_bus_follow(d->bus, &d->hook);
        gord_starting_tell(&d->starting, "settling jobs", 0, SIGN_NS);
        code = start_runner(d, signer) == 0 ? GORD_EXIT_OK : GORD_EXIT_INTERNAL;
    }
    gord_signer_unref(signer);
    return code;
}

/* All ways to it. */
static enum gord_exit open_doors(struct gord_daemon *d)
{
    if (open_trail(d) != 0 || start_service(d) != 0) {
        return GORD_EXIT_INTERNAL;
    }
    if (gord_tls_load(d->config, d->server) != 0 || listen_all(d) != 0) {
        return GORD_EXIT_LISTEN;
    }
    if (d->config->metrics_host != NULL &&
        gord_scrape_start(d->config, &d->loop, d->service, &d->scrape) != 0) {
        return GORD_EXIT_LISTEN;
    }
    return gord_export_start(d->config, &d->loop, d->service, &d->export) == 0 ? GORD_EXIT_OK
                                                                               : GORD_EXIT_USAGE;
}

enum gord_exit gord_daemon_start(struct gord_daemon *d)
{
    raise_nofile(d);
    int result = gord_daemon_make_pool();
    result = result == 0 ? uv_loop_init(&d->loop) : result;
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot make the event loop: %s", strerror(-result));
        return GORD_EXIT_INTERNAL;
    }
    d->has_loop = true;
    result = gord_notify_open(&d->notify);
    if (result != 0) {
        gord_log(GORD_LOG_WARNING, 0, "cannot notify systemd: %s", strerror(-result));
    }
    enum gord_exit code = check_plugin_dir(d->config);
    if (code == GORD_EXIT_OK) {
        code = open_jobs(d);
    }
    return code == GORD_EXIT_OK ? open_doors(d) : code;
}
