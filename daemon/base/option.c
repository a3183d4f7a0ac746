/* SPDX-License-Identifier: MIT */
/* option.c - the rows; see option.h. What is done with them is in option_value.c. */
#include "daemon/base/option.h"

#include <string.h>

#include "daemon/base/config.h"

#define AT(field) offsetof(struct gord_config, field)

enum { CONNECTIONS_MAX = 100000, CALLS_MAX = 10000000, STREAMS_MAX = 100000 };
enum { SLOTS_MAX = 1000000, GOMAXPROCS_MAX = 1024, GOROUTINES_MAX = 1000000000 };

#define AUDIT_KEEP_MIN ((uint64_t)1 << 20)
#define KEEP_SIZE_MIN ((uint64_t)1 << 20)
#define OTLP_INTERVAL_MIN ((uint64_t)100000000)
#define LOG_CAP_MIN ((uint64_t)64 << 10)
#define STOP_TIMEOUT_MIN ((uint64_t)1000000000)
#define STACK_MEMORY_MIN ((uint64_t)16 << 20) /* gord's own must have room */

static const char *const no_yes[] = {"no", "yes", NULL};
static const char *const print_words[] = {"no", "yes", "defaults", NULL};
static const char *const ceiling_words[] = {"queue", "refuse", NULL};
static const char *const privs_words[] = {"yes", "ask", "no", NULL};
static const char *const stop_words[] = {"kill", "wait", "requeue", "leave", NULL};
static const char *const store_words[] = {"sync", "memory", NULL};
static const char *const format_words[] = {"auto", "text", "json", "journal", NULL};
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct gord_option rows[GORD_OPTION_COUNT] = {
    [GORD_OPT_CONFIG] = {"config", "FILE", GORD_VALUE_PATH, GORD_OPTION_COMMAND, AT(file),
                         .example = "/etc/gord/gord.conf",
                         .doc = "Read this configuration file (default: " GORD_CONFIG_FILE
                                " if there is one)"},
    [GORD_OPT_NO_CONFIG] = {"no-config", NULL, GORD_VALUE_CHOICE, GORD_OPTION_COMMAND, AT(no_file),
                            .words = no_yes, .doc = "Read no configuration file"},
    [GORD_OPT_STATE_DIR] = {"state-dir", "DIR", GORD_VALUE_PATH, 0, AT(state_dir), .unset = "auto",
                            .initial = "auto", .example = "/var/lib/gord",
                            .doc = "Keep the database, the logs and the lock here (default: "
                                   "/var/lib/gord for root, else $XDG_STATE_HOME/gord or "
                                   "~/.local/state/gord)"},
    [GORD_OPT_SOCKET] = {"socket", "PATH", GORD_VALUE_PATH, 0, AT(socket), .unset = "auto",
                         .initial = "auto", .example = "/run/gord/gord.sock",
                         .doc =
                             "Listen on this Unix socket (default: /run/gord/gord.sock for root, "
                             "else $XDG_RUNTIME_DIR/gord.sock or gord.sock in the state "
                             "directory)"},
    [GORD_OPT_LISTEN] = {"listen", "ADDRESS:PORT", GORD_VALUE_ADDRESS, 0, AT(listen_host),
                         AT(listen_port), .unset = "none", .initial = "none",
                         .example = "127.0.0.1:7070, [::1]:7070 or 0.0.0.0:7070",
                         .doc =
                             "Listen on TCP as well: beyond this machine (not 127.0.0.1 or [::1]) "
                             "only with TLS. Who calls needs a certificate (--tls-ca), or a token: "
                             "that in the file 'token' of the state directory, or one that `gorctl "
                             "token create` has made"},
    [GORD_OPT_TLS_CERT] = {"tls-cert", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
                           AT(tls_cert), .unset = "none", .initial = "none",
                           .example = "/etc/gord/server.crt",
                           .doc =
                               "Speak TLS on TCP, with this certificate; `gorctl tls init` makes "
                               "one. SIGHUP reads it again, with key, CA and list of revocations"},
    [GORD_OPT_TLS_KEY] = {"tls-key", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
                          AT(tls_key), .unset = "none", .initial = "none",
                          .example = "/etc/gord/server.key",
                          .doc = "The private key of that certificate, which nobody else can read"},
    [GORD_OPT_TLS_CA] = {"tls-ca", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
                         AT(tls_ca), .unset = "none", .initial = "none",
                         .example = "/etc/gord/ca.crt",
                         .doc = "Let in clients with a certificate that this CA has signed"},
    [GORD_OPT_TLS_CRL] =
        {"tls-crl", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
         AT(tls_crl), .unset = "none", .initial = "none", .example = "/etc/gord/ca.crl",
         .doc =
             "Refuse clients whose certificate is on this list, which `gorctl tls revoke` makes"},
    [GORD_OPT_NO_TOKEN_FILE] =
        {"no-token-file", "yes|no", GORD_VALUE_CHOICE, GORD_OPTION_ALONE, AT(no_token_file),
         .words = no_yes, .initial = "no",
         .doc = "Neither make nor take the token in the file 'token' of the state directory: on "
                "TCP only certificates and the tokens of `gorctl token create` let in"},
    [GORD_OPT_METRICS_LISTEN] =
        {"metrics-listen", "ADDRESS:PORT", GORD_VALUE_ADDRESS, 0, AT(metrics_host),
         AT(metrics_port), .unset = "none", .initial = "none",
         .example = "127.0.0.1:9091 or [::1]:9091",
         .doc = "Serve metrics for Prometheus over HTTP, as /metrics, to whoever "
                "reaches that; best a loopback address (127.0.0.1 or [::1]) "
                "(default: do not)"},
    [GORD_OPT_OTLP_ENDPOINT] = {"otlp-endpoint", "URL", GORD_VALUE_SERVER, GORD_OPTION_LIVE,
                                AT(otlp_endpoint), .unset = "none", .initial = "none",
                                .example = "http://collector:4318",
                                .doc = "Send metrics to this OpenTelemetry collector: OTLP over "
                                       "HTTP, to URL/v1/metrics (default: do not)"},
    [GORD_OPT_OTLP_INTERVAL] = {"otlp-interval", "TIME", GORD_VALUE_TIME, GORD_OPTION_LIVE,
                                AT(otlp_interval_ns), .least = OTLP_INTERVAL_MIN, .initial = "1m",
                                .example = "10s or 1m, at least 100ms",
                                .doc = "Time between two exports of metrics (default: 1m)"},
    [GORD_OPT_OTLP_HEADERS] =
        {"otlp-headers", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
         AT(otlp_headers), .unset = "none", .initial = "none", .example = "/etc/gord/otlp-headers",
         .doc =
             "Send these headers with each export of metrics, one a line as 'Authorization: Bearer "
             "...'; a file that not everybody can read. SIGHUP reads it again"},
    [GORD_OPT_OTLP_CA] =
        {"otlp-ca", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
         AT(otlp_ca), .unset = "none", .initial = "none", .example = "/etc/gord/collector-ca.crt",
         .doc = "Trust an https collector whose certificate one of these CAs has signed "
                "(default: those that the system trusts)"},
    [GORD_OPT_MAX_CONNECTIONS] = {"max-connections", "N", GORD_VALUE_NUMBER, 0,
                                  AT(clients.max_connections), .least = 1, .most = CONNECTIONS_MAX,
                                  .initial = "1024",
                                  .doc = "Have at most N clients connected (default: 1024)"},
    [GORD_OPT_MAX_USER_CONNECTIONS] =
        {"max-user-connections", "N", GORD_VALUE_NUMBER, 0, AT(clients.max_user_connections),
         .least = 1, .most = CONNECTIONS_MAX, .unset = "auto", .initial = "auto",
         .doc = "Have at most N clients of one user on the Unix socket, or of one address on TCP, "
                "connected (default: three quarters of max-connections)"},
    [GORD_OPT_MAX_USER_CALLS] =
        {"max-user-calls", "N", GORD_VALUE_NUMBER, 0, AT(clients.max_user_calls), .least = 1,
         .most = CALLS_MAX, .initial = "16384",
         .doc = "Let one user on the Unix socket, or one address on TCP, have at most N calls at a "
                "time (default: 16384)"},
    [GORD_OPT_MAX_STREAMS] =
        {"max-streams", "N", GORD_VALUE_NUMBER, 0, AT(clients.max_streams),
         .least = 1, .most = STREAMS_MAX, .initial = "1024",
         .doc = "Let each connection have at most N calls at a time (default: 1024)"},
    [GORD_OPT_HANDSHAKE_TIMEOUT] =
        {"handshake-timeout", "TIME", GORD_VALUE_TIME, 0, AT(clients.handshake_ns), .least = 1,
         .initial = "10s", .example = "10s or 1m",
         .doc = "Cut off clients that have not begun so long after they connected, or not ended "
                "the headers of a call so long after they began them (default: 10s)"},
    [GORD_OPT_STALL_TIMEOUT] = {"stall-timeout", "TIME", GORD_VALUE_TIME, 0, AT(clients.stall_ns),
                                .least = 1, .unset = "never", .initial = "1m",
                                .example = "20s or 5m",
                                .doc = "Cut off calls, or clients, of which nothing moves for so "
                                       "long in the middle of something (default: 1m)"},
    [GORD_OPT_KEEPALIVE] = {"keepalive", "TIME", GORD_VALUE_TIME, 0, AT(clients.keepalive_ns),
                            .least = 1, .unset = "never", .initial = "1m", .example = "20s or 5m",
                            .doc = "Ask a client on TCP that has been silent for so long for a "
                                   "sign of life (default: 1m)"},
    [GORD_OPT_KEEPALIVE_TIMEOUT] =
        {"keepalive-timeout", "TIME", GORD_VALUE_TIME, 0, AT(clients.keepalive_wait_ns), .least = 1,
         .initial = "20s", .example = "20s or 5m",
         .doc = "Drop a TCP client that has not answered a PING after this long (default: 20s)"},
    [GORD_OPT_MIN_PING_INTERVAL] = {"min-ping-interval", "TIME", GORD_VALUE_TIME, 0,
                                    AT(clients.ping_min_ns), .least = 1, .initial = "8s",
                                    .example = "8s or 1m",
                                    .doc = "Disconnect a client that sends PINGs more often than "
                                           "this; the third early one counts (default: 8s)"},
    [GORD_OPT_MAX_CONNECTION_IDLE] =
        {"max-connection-idle", "TIME", GORD_VALUE_TIME, 0, AT(clients.max_idle_ns), .least = 1,
         .unset = "never", .initial = "never", .example = "10m or 2h",
         .doc = "Say goodbye to clients without a call for so long (default: never)"},
    [GORD_OPT_MAX_CONNECTION_AGE] = {"max-connection-age", "TIME", GORD_VALUE_TIME, 0,
                                     AT(clients.max_age_ns), .least = 1, .unset = "never",
                                     .initial = "never", .example = "2h or 1d",
                                     .doc = "Say goodbye to clients connected for so long, give or "
                                            "take a tenth; they connect again (default: never)"},
    [GORD_OPT_MAX_CONNECTION_GRACE] =
        {"max-connection-grace", "TIME", GORD_VALUE_TIME, 0, AT(clients.max_grace_ns), .least = 1,
         .unset = "never", .initial = "never", .example = "1m or 1h",
         .doc = "After max-connection-age, end calls still open after this long (default: never)"},
    [GORD_OPT_EXEC_SLOTS] = {"exec-slots", "N", GORD_VALUE_NUMBER, GORD_OPTION_LIVE, AT(exec_slots),
                             .least = 1, .most = SLOTS_MAX, .unset = "auto", .initial = "auto",
                             .doc = "Run at most N processes at a time (default: 4 for each CPU)"},
    [GORD_OPT_NATIVE_SLOTS] = {"native-slots", "N", GORD_VALUE_NUMBER, GORD_OPTION_LIVE,
                               AT(native_slots), .least = 1, .most = SLOTS_MAX, .initial = "10000",
                               .doc = "Run at most N native jobs at a time (default: 10000)"},
    [GORD_OPT_LUA_SLOTS] = {"lua-slots", "N", GORD_VALUE_NUMBER, GORD_OPTION_LIVE, AT(lua_slots),
                            .least = 1, .most = SLOTS_MAX, .initial = "1000",
                            .doc = "Run at most N Lua jobs at a time (default: 1000)"},
    [GORD_OPT_MAX_OWNER_QUEUED] = {"max-owner-queued", "N", GORD_VALUE_NUMBER, GORD_OPTION_LIVE,
                                   AT(owners.queued), .least = 1, .most = UINT32_MAX,
                                   .unset = "none", .initial = "none",
                                   .doc = "Let each user have at most N jobs that wait; more are "
                                          "refused (default: no limit)"},
    [GORD_OPT_MAX_OWNER_RUNNING] = {"max-owner-running", "N", GORD_VALUE_NUMBER, GORD_OPTION_LIVE,
                                    AT(owners.running), .least = 1, .most = UINT32_MAX,
                                    .unset = "none", .initial = "none",
                                    .doc = "Run at most N jobs of each user at a time; the others "
                                           "wait, and hold up nobody else's (default: no limit)"},
    [GORD_OPT_OWNER_LIMITS] =
        {"owner-limits", "LIST", GORD_VALUE_TEXT, GORD_OPTION_LIVE, AT(owner_limits),
         .unset = "none", .initial = "none",
         .example = "alice queued=1000 running=4, 1001 running=none",
         .doc = "The limits max-owner-queued and max-owner-running of single users, by name or "
                "number, as 'alice queued=1000 running=4, 1001 running=none'; what is not said of "
                "one is as for all"},
    [GORD_OPT_GOMAXPROCS] = {"gomaxprocs", "N", GORD_VALUE_NUMBER, 0, AT(gomaxprocs), .least = 1,
                             .most = GOMAXPROCS_MAX, .unset = "auto", .initial = "auto",
                             .doc =
                                 "Let N goroutines run at the same moment (default: $GOMAXPROCS, "
                                 "else the CPUs this process may use)"},
    [GORD_OPT_MAX_GOROUTINES] = {"max-goroutines", "N", GORD_VALUE_NUMBER, 0, AT(max_goroutines),
                                 .least = 1, .most = GOROUTINES_MAX, .unset = "none",
                                 .initial = "none",
                                 .doc =
                                     "Let native and Lua jobs have at most N goroutines, their own "
                                     "and those they start (default: as many as there is memory "
                                     "for)"},
    [GORD_OPT_MAX_STACK_MEMORY] = {"max-stack-memory", "BYTES", GORD_VALUE_SIZE, 0,
                                   AT(max_stack_memory), .least = STACK_MEMORY_MIN, .unset = "auto",
                                   .initial = "auto", .example = "512M or 4G",
                                   .doc =
                                       "Let stacks of goroutines take at most so much memory, as "
                                       "512M or 4G (default: three quarters of what this process "
                                       "may have)"},
    [GORD_OPT_AT_CEILING] = {"at-ceiling", "MODE", GORD_VALUE_CHOICE, GORD_OPTION_LIVE,
                             AT(refuse_at_ceiling), .words = ceiling_words, .initial = "queue",
                             .doc = "A job for whose goroutine there is no place: queue (default) "
                                    "lets it wait, refuse does not take it"},
    [GORD_OPT_CGROUP] = {"cgroup", "WHERE", GORD_VALUE_GROUP, 0, AT(cgroup), .initial = "auto",
                         .example = "/sys/fs/cgroup/gord",
                         .doc =
                             "Control groups for jobs with limits: auto (default) below the "
                             "daemon's own if that is delegated to it, off, or the absolute path "
                             "of one to make them in"},
    [GORD_OPT_NEW_PRIVS] =
        {"new-privs", "WHICH", GORD_VALUE_WORD, GORD_OPTION_LIVE, AT(new_privs),
         .least = GORD_PRIVS_YES, .words = privs_words, .initial = "yes",
         .doc = "Which programs may gain rights that they do not have, as sudo does: yes (default) "
                "for all but those that forbid it, ask for those that ask for it "
                "(submit --new-privs), no for none"},
    [GORD_OPT_GRACE] = {"grace", "TIME", GORD_VALUE_TIME, GORD_OPTION_LIVE, AT(grace_ns),
                        .initial = "5s", .example = "5s, 250ms or 1m30s",
                        .doc =
                            "Time between SIGTERM and SIGKILL for a job that says none (default: "
                            "5s)"},
    [GORD_OPT_STOP_POLICY] =
        {"stop-policy", "POLICY", GORD_VALUE_WORD, GORD_OPTION_LIVE, AT(stop_policy),
         .least = GORD_STOP_KILL, .words = stop_words, .initial = "kill",
         .doc = "What becomes of jobs that run when gord is stopped and that say "
                "nothing else: kill (default), wait, requeue, or leave"},
    [GORD_OPT_STOP_TIMEOUT] = {"stop-timeout", "TIME", GORD_VALUE_TIME, GORD_OPTION_LIVE,
                               AT(stop_timeout_ns), .least = STOP_TIMEOUT_MIN, .initial = "80s",
                               .example = "80s or 10m",
                               .doc = "A stop takes at most so long (default: 80s)"},
    [GORD_OPT_PAUSED] = {"paused", "yes|no", GORD_VALUE_CHOICE, GORD_OPTION_ALONE, AT(paused),
                         .words = no_yes, .initial = "no",
                         .doc = "Start no job until 'resume' is called"},
    [GORD_OPT_FINISH_HOOK] = {"finish-hook", "PROGRAM", GORD_VALUE_PATH,
                              GORD_OPTION_LIVE | GORD_OPTION_PROGRAM, AT(finish_hook),
                              .unset = "none", .initial = "none", .example = "/usr/local/bin/tell",
                              .doc = "Run PROGRAM when a job has ended, as a job of its own, with "
                                     "GOR_HOOK_JOB, GOR_HOOK_OUTCOME, GOR_HOOK_EXIT_CODE and "
                                     "GOR_HOOK_SIGNAL in its environment (default: none)"},
    [GORD_OPT_FINISH_HOOK_URL] = {"finish-hook-url", "URL", GORD_VALUE_URL, GORD_OPTION_LIVE,
                                  AT(finish_hook_url), .unset = "none", .initial = "none",
                                  .example = "https://example.net/jobs",
                                  .doc = "Tell URL when a job has ended, by a POST of a line of "
                                         "JSON that curl sends, as a job of its own (default: "
                                         "none)"},
    [GORD_OPT_WEBHOOK_SECRET_FILE] =
        {"webhook-secret-file", "FILE", GORD_VALUE_PATH, GORD_OPTION_LIVE | GORD_OPTION_FILE,
         AT(webhook_secret_file), .unset = "none", .initial = "none",
         .example = "/etc/gord/webhook-secret",
         .doc = "Sign webhooks with the secrets in here, one a line "
                "as whsec_BASE64; a file of root's or gord's that others "
                "cannot read. SIGHUP reads it again (default: they are not "
                "signed)"},
    [GORD_OPT_PLUGIN_DIR] = {"plugin-dir", "DIR", GORD_VALUE_PATH, GORD_OPTION_FOLDER,
                             AT(plugin_dir), .unset = "none", .initial = "none",
                             .example = "/usr/local/lib/gord/plugins",
                             .doc = "Load plug-ins from here: files whose names end in .so, each "
                                    "with functions for native jobs (default: none)"},
    [GORD_OPT_STORE] = {"store", "MODE", GORD_VALUE_CHOICE, 0, AT(store_memory),
                        .words = store_words, .initial = "sync",
                        .doc =
                            "sync: acknowledge a job once it is on disk (default); memory: forget "
                            "all with the daemon"},
    [GORD_OPT_LOG_CAP] = {"log-cap", "BYTES", GORD_VALUE_SIZE, GORD_OPTION_LIVE, AT(log_cap_bytes),
                          .least = LOG_CAP_MIN, .initial = "64M", .example = "64M or 1G",
                          .doc = "Keep at most so much output of a job that says nothing else, as "
                                 "64K or 1G, its beginning and its end (default: 64M)"},
    [GORD_OPT_KEEP_AGE] = {"keep-age", "TIME", GORD_VALUE_TIME, GORD_OPTION_LIVE, AT(keep_age_ns),
                           .least = 1, .unset = "none", .initial = "none", .example = "12h or 30d",
                           .doc = "Remove jobs, with their output and history, so long after they "
                                  "ended, as 30d (default: never)"},
    [GORD_OPT_KEEP_FAILED] = {"keep-failed", "TIME", GORD_VALUE_TIME, GORD_OPTION_LIVE,
                              AT(keep_failed_ns), .least = 1, .unset = "keep-age",
                              .initial = "keep-age", .example = "12h or 30d",
                              .doc = "Remove jobs that did not succeed so long after they ended "
                                     "(default: as --keep-age)"},
    [GORD_OPT_KEEP_JOBS] = {"keep-jobs", "N", GORD_VALUE_NUMBER, GORD_OPTION_LIVE, AT(keep_jobs),
                            .least = 1, .most = UINT32_MAX, .unset = "all", .initial = "all",
                            .doc = "Of the jobs that have ended keep the last N (default: all)"},
    [GORD_OPT_KEEP_SIZE] = {"keep-size", "BYTES", GORD_VALUE_SIZE, GORD_OPTION_LIVE, AT(keep_bytes),
                            .least = KEEP_SIZE_MIN, .unset = "none", .initial = "none",
                            .example = "10G",
                            .doc =
                                "Remove the oldest jobs that have ended when the database and all "
                                "output take more, as 10G (default: never)"},
    [GORD_OPT_AUDIT_KEEP] = {"audit-keep", "BYTES", GORD_VALUE_SIZE, 0, AT(audit_keep_bytes),
                             .least = AUDIT_KEEP_MIN, .unset = "none", .initial = "64M",
                             .example = "64M or 1G",
                             .doc = "Keep about so much of the audit trail: who asked for which "
                                    "change, see `gorctl audit` (default: 64M)"},
    [GORD_OPT_HIDE_ENV] = {"hide-env", "PATTERNS", GORD_VALUE_TEXT, GORD_OPTION_LIVE, AT(hide_env),
                           .unset = "none", .initial = "none", .example = "ACME_*,*_PIN",
                           .doc = "Show no values of variables of jobs whose names match one of "
                                  "these, as 'ACME_*,*_PIN', nor of those that look like secrets "
                                  "anyway (*TOKEN, *SECRET*, *PASSWORD*, *_KEY, ...)"},
    [GORD_OPT_LOG_LEVEL] = {"log-level", "LEVEL", GORD_VALUE_WORD, GORD_OPTION_LIVE, AT(log_level),
                            .least = GORD_LOG_ERROR, .words = level_words, .initial = "notice",
                            .doc = "Report error, warning, notice (default), info or debug"},
    [GORD_OPT_LOG_FORMAT] =
        {"log-format", "FORM", GORD_VALUE_WORD, 0, AT(log_format), .words = format_words,
         .initial = "auto",
         .doc = "Write text or json to stderr, or journal: records with fields such as "
                "GOR_JOB_ID and GOR_QUEUE to systemd's journal; auto (default) is journal where "
                "stderr is the journal, else text"},
    [GORD_OPT_CHECK_STORE] = {"check-store", NULL, GORD_VALUE_CHOICE, GORD_OPTION_COMMAND,
                              AT(check_store), .words = no_yes,
                              .doc =
                                  "Look whether the store is sound, say what is not, and exit; no "
                                  "daemon may run on it"},
    [GORD_OPT_REPAIR] = {"repair", NULL, GORD_VALUE_CHOICE, GORD_OPTION_COMMAND, AT(repair),
                         .words = no_yes,
                         .doc = "With --check-store: set counters right and remove what belongs to "
                                "no job"},
    [GORD_OPT_CHECK_CONFIG] = {"check-config", NULL, GORD_VALUE_CHOICE, GORD_OPTION_COMMAND,
                               AT(check_config), .words = no_yes,
                               .doc = "Say what is wrong with the command line, the configuration "
                                      "file and the files they name, or ok, and exit with 2 or 0"},
    [GORD_OPT_PRINT_CONFIG] = {"print-config", "defaults", GORD_VALUE_WORD,
                               GORD_OPTION_COMMAND | GORD_OPTION_ALONE, AT(print_config),
                               .words = print_words,
                               .doc =
                                   "Print all options with their values and where each comes from, "
                                   "as a configuration file, and exit; =defaults: a file that "
                                   "explains every key"},
};

const struct gord_option *gord_option_row(enum gord_option_id id)
{
    return &rows[id];
}

int gord_option_group(enum gord_option_id id)
{
    if (id >= GORD_OPT_CHECK_STORE) {
        return 3;
    }
    return (id >= GORD_OPT_EXEC_SLOTS) + (id >= GORD_OPT_STORE);
}

enum gord_option_id gord_option_find(const char *name)
{
    unsigned id = 0;

    while (id < GORD_OPTION_COUNT && strcmp(rows[id].name, name) != 0) {
        id++;
    }
    return (enum gord_option_id)id;
}

/* How many letters must be put in, taken out or changed to make one of the other; `limit` if more. */
static unsigned distance(const char *one, const char *other, unsigned limit)
{
    if (limit == 0) {
        return 0;
    }
    while (*one != '\0' && *one == *other) {
        one++;
        other++;
    }
    if (*one == '\0' || *other == '\0') {
        size_t rest = strlen(one) + strlen(other);
        return rest < limit ? (unsigned)rest : limit;
    }
    unsigned best = 1 + distance(one + 1, other + 1, limit - 1);
    unsigned next = 1 + distance(one + 1, other, limit - 1);
    best = next < best ? next : best;
    next = 1 + distance(one, other + 1, limit - 1);
    return next < best ? next : best;
}

const char *gord_option_resembling(const char *name)
{
    const char *best = NULL;
    unsigned least = 4; /* more than three mistakes are another word */

    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        unsigned far =
            rows[id].flags & GORD_OPTION_COMMAND ? least : distance(name, rows[id].name, least);
        if (far < least && far < strlen(rows[id].name) / 2) {
            best = rows[id].name;
            least = far;
        }
    }
    return best;
}
