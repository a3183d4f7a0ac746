/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. Sizes and durations are parsed in parse.c. */
#include "daemon/base/config.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/gor.h"

enum {
    OPT_STATE_DIR = 0x100,
    OPT_SOCKET,
    OPT_LISTEN,
    OPT_METRICS_LISTEN,
    OPT_EXEC_SLOTS,
    OPT_NATIVE_SLOTS,
    OPT_LUA_SLOTS,
    OPT_GOMAXPROCS,
    OPT_MAX_GOROUTINES,
    OPT_MAX_STACK_MEMORY,
    OPT_AT_CEILING,
    OPT_CGROUP,
    OPT_STORE,
    OPT_GRACE,
    OPT_LOG_CAP,
    OPT_HIDE_ENV,
    OPT_PLUGIN_DIR,
    OPT_KEEP_AGE,
    OPT_KEEP_FAILED,
    OPT_KEEP_JOBS,
    OPT_KEEP_SIZE,
    OPT_PAUSED,
    OPT_CHECK_STORE,
    OPT_REPAIR,
    OPT_LOG_LEVEL,
    OPT_VERSION,
    OPT_HELP,
    OPT_USAGE,
};

enum { SLOTS_MAX = 1000000, GOMAXPROCS_MAX = 1024, GOROUTINES_MAX = 1000000000 };

#define KEEP_SIZE_MIN ((uint64_t)1 << 20)
#define LOG_CAP_MIN ((uint64_t)64 << 10)
#define STACK_MEMORY_MIN ((uint64_t)16 << 20) /* gord's own must have room */

static const struct argp_option options[] = {
    {"state-dir", OPT_STATE_DIR, "DIR", 0,
     "Keep the database, the logs and the lock here (default: /var/lib/gord for root, else "
     "$XDG_STATE_HOME/gord or ~/.local/state/gord)",
     0},
    {"socket", OPT_SOCKET, "PATH", 0,
     "Listen on this Unix socket (default: /run/gord/gord.sock for root, else "
     "$XDG_RUNTIME_DIR/gord.sock or gord.sock in the state directory)",
     0},
    {"listen", OPT_LISTEN, "HOST:PORT", 0,
     "Listen on TCP as well; loopback only (127.0.0.1 or [::1]), and only with the token in the "
     "file 'token' of the state directory",
     0},
    {"metrics-listen", OPT_METRICS_LISTEN, "ADDRESS:PORT", 0,
     "Serve metrics for Prometheus at http://ADDRESS:PORT/metrics, to whoever reaches that; best a "
     "loopback address (127.0.0.1 or [::1]) (default: do not)",
     0},
    {"exec-slots", OPT_EXEC_SLOTS, "N", 0,
     "Run at most N processes at a time (default: 4 for each CPU)", 1},
    {"native-slots", OPT_NATIVE_SLOTS, "N", 0,
     "Run at most N native jobs at a time (default: 10000)", 1},
    {"lua-slots", OPT_LUA_SLOTS, "N", 0, "Run at most N Lua jobs at a time (default: 1000)", 1},
    {"gomaxprocs", OPT_GOMAXPROCS, "N", 0,
     "Let N goroutines run at the same moment (default: $GOMAXPROCS, else the CPUs this process "
     "may "
     "use)",
     1},
    {"max-goroutines", OPT_MAX_GOROUTINES, "N", 0,
     "Let native and Lua jobs have at most N goroutines, their own and those they start (default: "
     "as many "
     "as "
     "there is memory for)",
     1},
    {"max-stack-memory", OPT_MAX_STACK_MEMORY, "BYTES", 0,
     "Let stacks of goroutines take at most so much memory, as 512M or 4G (default: three quarters "
     "of what this process may have)",
     1},
    {"at-ceiling", OPT_AT_CEILING, "MODE", 0,
     "A job for whose goroutine there is no place: queue (default) lets it wait, refuse does not "
     "take "
     "it",
     1},
    {"cgroup", OPT_CGROUP, "WHERE", 0,
     "Control groups for jobs with limits: auto (default) below the daemon's own if that is "
     "delegated to it, off, or the absolute path of one to make them in",
     1},
    {"grace", OPT_GRACE, "TIME", 0,
     "Time between SIGTERM and SIGKILL for a job that says none (default: 5s)", 1},
    {"paused", OPT_PAUSED, NULL, 0, "Start no job until 'resume' is called", 1},
    {"store", OPT_STORE, "MODE", 0,
     "sync: acknowledge a job once it is on disk (default); memory: forget all with the daemon", 2},
    {"log-cap", OPT_LOG_CAP, "BYTES", 0,
     "Keep at most so much output of a job that says nothing else, as 64K or 1G, its beginning and "
     "its end (default: 64M)",
     2},
    {"hide-env", OPT_HIDE_ENV, "PATTERNS", 0,
     "Show no values of variables of jobs whose names match one of these, as 'ACME_*,*_PIN', nor "
     "of "
     "those that look like secrets anyway (*TOKEN, *SECRET*, *PASSWORD*, *_KEY, ...)",
     2},
    {"plugin-dir", OPT_PLUGIN_DIR, "DIR", 0,
     "Load plug-ins from here: files whose names end in .so, each with functions for native jobs "
     "(default: none)",
     2},
    {"keep-age", OPT_KEEP_AGE, "TIME", 0,
     "Remove jobs, with their output and history, so long after they ended, as 30d (default: "
     "never)",
     2},
    {"keep-failed", OPT_KEEP_FAILED, "TIME", 0,
     "The same for jobs that did not succeed (default: as --keep-age)", 2},
    {"keep-jobs", OPT_KEEP_JOBS, "N", 0,
     "Of the jobs that have ended keep the last N (default: all)", 2},
    {"keep-size", OPT_KEEP_SIZE, "BYTES", 0,
     "Remove the oldest jobs that have ended when the database and all output take more, as 10G "
     "(default: never)",
     2},
    {"check-store", OPT_CHECK_STORE, NULL, 0,
     "Look whether the store is sound, say what is not, and exit; no daemon may run on it", 3},
    {"repair", OPT_REPAIR, NULL, 0,
     "With --check-store: set counters right and remove what belongs to no job", 3},
    {"log-level", OPT_LOG_LEVEL, "LEVEL", 0,
     "Report error, warning, notice (default), info or debug", 2},
    {"help", OPT_HELP, NULL, 0, "Show this and exit", -1},
    {"usage", OPT_USAGE, NULL, OPTION_HIDDEN, NULL, -1},
    {"version", OPT_VERSION, NULL, 0, "Show the version and exit", -1},
    {0},
};

struct parse {
    struct gord_config config;
    bool answered; /* --help or --version has been printed */
    int error;
};

/* Complain as argp does, and remember. Answers what an argp parser answers then. */
#define COMPLAIN(state, ...) \
    (argp_error(state, __VA_ARGS__), ((struct parse *)(state)->input)->error = -EINVAL, EINVAL)

static int set_text(char **field, const char *value)
{
    char *copy = strdup(value);
    if (copy == NULL) {
        return ENOMEM;
    }
    free(*field);
    *field = copy;
    return 0;
}

static error_t set_count(struct argp_state *state, const char *name, const char *arg, unsigned most,
                         unsigned *field)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(arg, &end, 10);
    if (errno != 0 || arg[0] < '0' || arg[0] > '9' || *end != '\0' || value == 0 || value > most) {
        return COMPLAIN(state, "--%s is '%s'; it must be a number from 1 to %u", name, arg, most);
    }
    *field = (unsigned)value;
    return 0;
}

static error_t set_path(struct argp_state *state, const char *name, const char *arg, char **field)
{
    if (arg[0] == '\0') {
        return COMPLAIN(state, "--%s is empty; it must be a path", name);
    }
    if (arg[0] == '/') {
        return set_text(field, arg);
    }
    char here[PATH_MAX], *joined;
    if (getcwd(here, sizeof here) == NULL) {
        return COMPLAIN(state, "--%s is '%s', but the current directory has no path: %s", name, arg,
                        strerror(errno));
    }
    if (asprintf(&joined, "%s/%s", here, arg) < 0) {
        return ENOMEM;
    }
    free(*field);
    *field = joined;
    return 0;
}

static error_t set_listen(struct argp_state *state, const char *arg, struct gord_config *config)
{
    static const char *const hosts[][2] = {{"127.0.0.1:", "127.0.0.1"}, {"[::1]:", "::1"}};
    const char *host = NULL, *port = NULL;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (strncmp(arg, hosts[i][0], strlen(hosts[i][0])) == 0) {
            host = hosts[i][1];
            port = arg + strlen(hosts[i][0]);
        }
    }
    if (host == NULL) {
        return COMPLAIN(state,
                        "--listen is '%s'; it must be 127.0.0.1:PORT or [::1]:PORT, for gord does "
                        "not listen beyond this machine",
                        arg);
    }
    char *end;
    errno = 0;
    unsigned long value = strtoul(port, &end, 10);
    if (errno != 0 || port[0] < '0' || port[0] > '9' || *end != '\0' || value > UINT16_MAX) {
        return COMPLAIN(state, "--listen is '%s'; the port must be a number from 0 to 65535", arg);
    }
    config->listen_port = (uint16_t)value;
    return set_text(&config->listen_host, host);
}

/* The address of "192.0.2.1:9091" or "[2001:db8::1]:9091" as a new text, and the port, if they are
 * what they seem to be; NULL: not so. */
static char *split_address(const char *arg, uint16_t *out_port)
{
    struct in6_addr scratch;
    const char *colon = strrchr(arg, ':');
    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return NULL;
    }
    char *end;
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    bool six = arg[0] == '[' && colon[-1] == ']';
    char *host = strndup(arg + six, (size_t)(colon - arg) - (six ? 2 : 0));
    if (host != NULL && errno == 0 && *end == '\0' && port <= UINT16_MAX &&
        inet_pton(six ? AF_INET6 : AF_INET, host, &scratch) == 1) {
        *out_port = (uint16_t)port;
        return host;
    }
    free(host);
    return NULL;
}

static error_t set_metrics_listen(struct argp_state *state, const char *arg,
                                  struct gord_config *config)
{
    char *host = split_address(arg, &config->metrics_port);
    if (host == NULL) {
        return COMPLAIN(state,
                        "--metrics-listen is '%s'; it must be an IP address and a port, such as "
                        "127.0.0.1:9091 or [::1]:9091",
                        arg);
    }
    free(config->metrics_host);
    config->metrics_host = host;
    return 0;
}

static error_t set_ceiling(struct argp_state *state, int key, const char *arg,
                           struct gord_config *config)
{
    switch (key) {
    case OPT_MAX_GOROUTINES:
        return set_count(state, "max-goroutines", arg, GOROUTINES_MAX, &config->max_goroutines);
    case OPT_MAX_STACK_MEMORY:
        if (gord_parse_bytes(arg, &config->max_stack_memory) != 0 ||
            config->max_stack_memory < STACK_MEMORY_MIN) {
            return COMPLAIN(state,
                            "--max-stack-memory is '%s'; it must be a size of 16M or more, such as "
                            "512M or 4G",
                            arg);
        }
        return 0;
    default:
        if (strcmp(arg, "queue") != 0 && strcmp(arg, "refuse") != 0) {
            return COMPLAIN(state, "--at-ceiling is '%s'; it must be queue or refuse", arg);
        }
        config->refuse_at_ceiling = strcmp(arg, "refuse") == 0;
        return 0;
    }
}

static error_t set_cgroup(struct argp_state *state, const char *arg, struct gord_config *config)
{
    if (strcmp(arg, "auto") != 0 && strcmp(arg, "off") != 0 && arg[0] != '/') {
        return COMPLAIN(state,
                        "--cgroup is '%s'; it must be auto, off, or an absolute path such as "
                        "/sys/fs/cgroup/gord",
                        arg);
    }
    return set_text(&config->cgroup, arg);
}

static error_t set_keep(struct argp_state *state, int key, const char *arg,
                        struct gord_config *config)
{
    unsigned count = 0;
    error_t err;
    switch (key) {
    case OPT_KEEP_AGE:
    case OPT_KEEP_FAILED: {
        int64_t *field = key == OPT_KEEP_AGE ? &config->keep_age_ns : &config->keep_failed_ns;
        if (gord_parse_duration(arg, field) != 0 || *field == 0) {
            return COMPLAIN(state, "--%s is '%s'; it must be a time such as 12h or 30d",
                            key == OPT_KEEP_AGE ? "keep-age" : "keep-failed", arg);
        }
        return 0;
    }
    case OPT_KEEP_JOBS:
        err = set_count(state, "keep-jobs", arg, UINT_MAX, &count);
        config->keep_jobs = count;
        return err;
    default:
        if (gord_parse_bytes(arg, &config->keep_bytes) != 0 || config->keep_bytes < KEEP_SIZE_MIN) {
            return COMPLAIN(
                state, "--keep-size is '%s'; it must be a size of 1M or more, such as 10G", arg);
        }
        return 0;
    }
}

static error_t set_mode(struct argp_state *state, int key, char *arg)
{
    struct gord_config *config = &((struct parse *)state->input)->config;
    int level;
    switch (key) {
    case OPT_STORE:
        if (strcmp(arg, "sync") != 0 && strcmp(arg, "memory") != 0) {
            return COMPLAIN(state, "--store is '%s'; it must be sync or memory", arg);
        }
        config->store_memory = strcmp(arg, "memory") == 0;
        return 0;
    case OPT_GRACE:
        if (gord_parse_duration(arg, &config->grace_ns) != 0) {
            return COMPLAIN(state, "--grace is '%s'; it must be a time such as 5s, 250ms or 1m30s",
                            arg);
        }
        return 0;
    case OPT_LOG_CAP:
        if (gord_parse_bytes(arg, &config->log_cap_bytes) != 0 ||
            config->log_cap_bytes < LOG_CAP_MIN) {
            return COMPLAIN(state,
                            "--log-cap is '%s'; it must be a size of 64K or more, such as 64M or "
                            "1G",
                            arg);
        }
        return 0;
    default:
        level = gord_log_level_parse(arg);
        if (level < 0) {
            return COMPLAIN(state,
                            "--log-level is '%s'; it must be error, warning, notice, info or debug",
                            arg);
        }
        config->log_level = (enum gord_log_level)level;
        return 0;
    }
}

static void answer(struct argp_state *state, int key)
{
    if (key == OPT_VERSION) {
        fprintf(state->out_stream, "gord %s\n", GOR_VERSION);
    } else {
        argp_help(state->root_argp, state->out_stream,
                  key == OPT_HELP ? ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK : ARGP_HELP_USAGE,
                  state->name);
    }
    ((struct parse *)state->input)->answered = true;
}

static error_t set_flag(int key, struct gord_config *config)
{
    switch (key) {
    case OPT_PAUSED:
        config->paused = true;
        return 0;
    case OPT_CHECK_STORE:
        config->check_store = true;
        return 0;
    default:
        config->repair = true;
        return 0;
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct gord_config *config = &((struct parse *)state->input)->config;
    switch (key) {
    case OPT_STATE_DIR:
        return set_path(state, "state-dir", arg, &config->state_dir);
    case OPT_SOCKET:
        return set_path(state, "socket", arg, &config->socket);
    case OPT_PLUGIN_DIR:
        return set_path(state, "plugin-dir", arg, &config->plugin_dir);
    case OPT_LISTEN:
        return set_listen(state, arg, config);
    case OPT_METRICS_LISTEN:
        return set_metrics_listen(state, arg, config);
    case OPT_EXEC_SLOTS:
        return set_count(state, "exec-slots", arg, SLOTS_MAX, &config->exec_slots);
    case OPT_NATIVE_SLOTS:
        return set_count(state, "native-slots", arg, SLOTS_MAX, &config->native_slots);
    case OPT_LUA_SLOTS:
        return set_count(state, "lua-slots", arg, SLOTS_MAX, &config->lua_slots);
    case OPT_GOMAXPROCS:
        return set_count(state, "gomaxprocs", arg, GOMAXPROCS_MAX, &config->gomaxprocs);
    case OPT_MAX_GOROUTINES:
    case OPT_MAX_STACK_MEMORY:
    case OPT_AT_CEILING:
        return set_ceiling(state, key, arg, config);
    case OPT_CGROUP:
        return set_cgroup(state, arg, config);
    case OPT_PAUSED:
    case OPT_CHECK_STORE:
    case OPT_REPAIR:
        return set_flag(key, config);
    case ARGP_KEY_END:
        return config->repair && !config->check_store
                   ? COMPLAIN(state, "--repair goes with --check-store only")
                   : 0;
    case OPT_STORE:
    case OPT_GRACE:
    case OPT_LOG_CAP:
    case OPT_LOG_LEVEL:
        return set_mode(state, key, arg);
    case OPT_HIDE_ENV:
        return set_text(&config->hide_env, arg);
    case OPT_KEEP_AGE:
    case OPT_KEEP_FAILED:
    case OPT_KEEP_JOBS:
    case OPT_KEEP_SIZE:
        return set_keep(state, key, arg, config);
    case OPT_HELP:
    case OPT_USAGE:
    case OPT_VERSION:
        answer(state, key);
        state->next = state->argc; /* whatever else there is does not matter any more */
        return 0;
    case ARGP_KEY_ARG:
        return COMPLAIN(state, "'%s' is no option, and gord takes nothing else", arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static unsigned default_exec_slots(void)
{
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return 4 * (unsigned)count;
}

/* The value of an environment variable if it is an absolute path, as the XDG rules want it. */
static const char *path_variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

/* "head/tail" in *field, which was NULL. 0 or ENOMEM. */
static int set_joined(char **field, const char *head, const char *tail)
{
    char *joined;
    if (asprintf(&joined, "%s/%s", head, tail) < 0) {
        return ENOMEM;
    }
    *field = joined;
    return 0;
}

static int default_state_dir(char **out)
{
    const char *base;
    if (geteuid() == 0) {
        return set_text(out, "/var/lib/gord");
    }
    if ((base = path_variable("XDG_STATE_HOME")) != NULL) {
        return set_joined(out, base, "gord");
    }
    if ((base = path_variable("HOME")) != NULL) {
        return set_joined(out, base, ".local/state/gord");
    }
    fputs("gord: neither XDG_STATE_HOME nor HOME says where to keep the state; give --state-dir\n",
          stderr);
    return EINVAL;
}

static int default_socket(const char *state_dir, char **out)
{
    const char *base;
    if (geteuid() == 0) {
        return set_text(out, "/run/gord/gord.sock");
    }
    base = path_variable("XDG_RUNTIME_DIR");
    return set_joined(out, base != NULL ? base : state_dir, "gord.sock");
}

/* 0 or a positive errno, like argp's. */
static int complete(struct gord_config *config)
{
    int err = 0;
    if (config->state_dir == NULL) {
        err = default_state_dir(&config->state_dir);
    }
    if (err == 0 && config->socket == NULL) {
        err = default_socket(config->state_dir, &config->socket);
    }
    if (err == 0 && strlen(config->socket) >= sizeof((struct sockaddr_un *)NULL)->sun_path) {
        fprintf(stderr,
                "gord: the socket path '%s' is longer than the %zu bytes the kernel allows; give a "
                "shorter --socket\n",
                config->socket, sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
        err = EINVAL;
    }
    return err;
}

int gord_config_parse(int argc, char **argv, struct gord_config *out)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc =
            "gord takes jobs over gRPC, runs each as a goroutine and keeps their history.\v"
            "Exit codes: 0 stopped as asked, 1 internal error, 2 wrong usage, 3 the store cannot "
            "be read, 4 another gord has the state directory, 5 cannot listen, 6 --check-store has "
            "found something.",
    };
    struct parse parse = {
        .config = {.exec_slots = default_exec_slots(),
                   .native_slots = 10000,
                   .lua_slots = 1000,
                   .grace_ns = 5 * GOR_SECOND,
                   .log_cap_bytes = (uint64_t)64 << 20,
                   .log_level = GORD_LOG_NOTICE},
    };
    int err = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &parse);
    if (parse.answered) {
        gord_config_fini(&parse.config);
        return 1;
    }
    if (err == 0 && parse.error == 0) {
        err = complete(&parse.config);
    }
    if (err != 0 || parse.error != 0) {
        gord_config_fini(&parse.config);
        return err == ENOMEM ? -ENOMEM : -EINVAL;
    }
    *out = parse.config;
    return 0;
}

void gord_config_fini(struct gord_config *config)
{
    free(config->state_dir);
    free(config->socket);
    free(config->listen_host);
    free(config->metrics_host);
    free(config->hide_env);
    config->hide_env = NULL;
    free(config->plugin_dir);
    config->plugin_dir = NULL;
    free(config->cgroup);
    config->state_dir = config->socket = config->listen_host = config->metrics_host = NULL;
    config->cgroup = NULL;
}
