/* SPDX-License-Identifier: MIT */
/* config.h - what gord is told to do: by its configuration file, by its command line, by nobody.
 *
 * The options are one table, option.h; a key of the file is called what its option is called. The
 * command line beats the file, the file beats the defaults.
 * Ownership   the struct owns its texts from a successful parse to gord_config_fini.
 * See also    docs/configuration.md
 */
#ifndef GORD_BASE_CONFIG_H
#define GORD_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/base/fault.h"
#include "daemon/base/log.h"
#include "daemon/base/option.h"
#include "daemon/base/owner_limits.h"

/* Read when there is such a file and the command line names no other. */
#define GORD_CONFIG_FILE "/etc/gord/gord.conf"

/* How gord ends; documented in its manual and relied upon by gord.service. */
enum gord_exit {
    GORD_EXIT_OK = 0,
    GORD_EXIT_INTERNAL = 1,
    GORD_EXIT_USAGE = 2,   /* command line or configuration file */
    GORD_EXIT_STORE = 3,   /* the store cannot be read, or is not ours */
    GORD_EXIT_BUSY = 4,    /* another daemon has the state directory */
    GORD_EXIT_LISTEN = 5,  /* cannot listen where we were told to */
    GORD_EXIT_DAMAGED = 6, /* --check-store has found something */
};

/* What becomes of a job that runs when the daemon is stopped, in the order of their names. */
enum gord_stop_policy {
    GORD_STOP_KILL,
    GORD_STOP_WAIT,
    GORD_STOP_REQUEUE,
    GORD_STOP_LEAVE,
    GORD_STOP_POLICIES
};

/* Which programs may gain rights by an exec, in the order of their names. */
enum gord_new_privs { GORD_PRIVS_YES, GORD_PRIVS_ASK, GORD_PRIVS_NO };

enum gord_config_print { GORD_PRINT_NOTHING, GORD_PRINT_IN_FORCE, GORD_PRINT_DEFAULTS };

/* An option as the command line gave it. */
struct gord_given {
    enum gord_option_id id;
    char *text;
};

/* Who said it. */
enum gord_source { GORD_FROM_DEFAULT, GORD_FROM_FILE, GORD_FROM_COMMAND };

struct gord_origin {
    enum gord_source source;
    unsigned line; /* of the file */
};

/* What clients may have. Of the times 0 is never, of max_user_connections three quarters of all. */
struct gord_client_limits {
    unsigned max_connections;
    unsigned max_user_connections; /* of one user of this machine, or one address */
    unsigned max_user_calls;
    unsigned max_streams;
    int64_t handshake_ns;
    int64_t stall_ns;
    int64_t keepalive_ns;
    int64_t keepalive_wait_ns;
    int64_t ping_min_ns;
    int64_t max_idle_ns;
    int64_t max_age_ns;
    int64_t max_grace_ns;
};

struct gord_config {
    char *state_dir;          /* owned; absolute */
    char *socket;             /* owned; absolute path of the Unix socket */
    char *listen_host;        /* owned; an IP address; NULL: no TCP */
    uint16_t listen_port;     /* with listen_host; 0: any free one */
    char *tls_cert;           /* owned; absolute, as the next two; NULL: TCP without TLS */
    char *tls_key;            /* owned; with tls_cert */
    char *tls_ca;             /* owned; who signs certificates of clients; NULL: they need tokens */
    char *tls_crl;            /* owned; which of their certificates are revoked; NULL: none */
    bool no_token_file;       /* nothing lets in that lies in the state directory */
    char *metrics_host;       /* owned; where metrics are served, an IP address; NULL: nowhere */
    uint16_t metrics_port;    /* with metrics_host; 0: any free one */
    char *otlp_endpoint;      /* owned; where metrics are sent; NULL: nowhere */
    int64_t otlp_interval_ns; /* how often */
    char *otlp_headers;       /* owned; absolute, as the next; NULL: none of our own */
    char *otlp_ca;            /* owned; who may sign for it; NULL: as the system has it */
    uint64_t audit_keep_bytes; /* of the audit trail; 0: none is kept */
    char *hide_env;        /* owned; patterns of variables whose values are not shown; NULL: only
                                * the usual ones */
    unsigned exec_slots;   /* processes at a time */
    unsigned native_slots; /* native jobs at a time */
    unsigned lua_slots;    /* Lua jobs at a time */
    struct gord_owner_limits owners; /* the next one, as it was understood, beside all others' */
    char *owner_limits;              /* owned; NULL: all owners have the same */
    unsigned gomaxprocs;             /* 0: as the runtime decides */
    unsigned max_goroutines;         /* of native and Lua jobs; 0: as many as there is memory for */
    uint64_t max_stack_memory;       /* of goroutines; 0: as the runtime decides */
    bool refuse_at_ceiling;          /* a job that would have to wait for a place is refused */
    bool store_memory;               /* keep nothing on disk */
    char *cgroup;                    /* owned; "auto", "off", or a control group's folder */
    bool check_store;                /* look whether the store is sound, and nothing else */
    bool repair;                     /* ... and repair what can be */
    bool check_config;               /* say whether the configuration is right, and nothing else */
    enum gord_config_print print_config;
    bool paused;                       /* start paused whatever the store says */
    int64_t grace_ns;                  /* between SIGTERM and SIGKILL */
    enum gord_new_privs new_privs;     /* of programs */
    enum gord_stop_policy stop_policy; /* of a job that names none */
    int64_t stop_timeout_ns;           /* that a stop may take */
    uint64_t log_cap_bytes;            /* of one job's output */
    int64_t keep_age_ns;       /* jobs that have ended, for so long; 0, as below: without limit */
    int64_t keep_failed_ns;    /* the same for those that did not succeed; 0: as the others */
    unsigned keep_jobs;        /* jobs that have ended, at most */
    uint64_t keep_bytes;       /* of database and output, at most */
    char *plugin_dir;          /* owned; absolute; NULL: no plug-ins */
    char *finish_hook;         /* owned; absolute; run when a job has ended; NULL: nothing is */
    char *finish_hook_url;     /* owned; told when a job has ended; NULL: nowhere is */
    char *webhook_secret_file; /* owned; absolute; what webhooks are signed with; NULL: nothing */
    enum gord_log_level log_level;
    struct gord_client_limits clients;
    enum gord_log_format log_format;
    char *file;   /* owned; the configuration file that was read; NULL: none */
    bool no_file; /* none is to be read */
    struct gord_origin origin[GORD_OPTION_COUNT];
    struct gord_given *given; /* owned: what the command line says, for reading the file again */
    size_t given_count;
};

/* Fill *out from the command line, the configuration file and the environment (XDG_STATE_HOME,
 * XDG_RUNTIME_DIR, HOME). 0: go on. 1: --help, --version or --print-config=defaults was asked for and
 * has been answered on stdout. -EINVAL: `faults` have been told, all of them. -ENOMEM. *out is
 * untouched unless 0. */
int gord_config_parse(int argc, char **argv, struct gord_faults *faults, struct gord_config *out);

/* As `current` came to be, with the configuration file as it is now. As above. */
int gord_config_read_again(const struct gord_config *current, struct gord_faults *faults,
                           struct gord_config *out);

/* Tell which of the files and folders that the configuration names are not there, or not for us. */
void gord_config_check_files(const struct gord_config *config, struct gord_faults *faults);

/* Every option with its value and where that comes from, as a configuration file. */
void gord_config_print(const struct gord_config *config, FILE *out);

/* The configuration file as it is installed: every key explained, and commented out with its default. */
void gord_config_print_defaults(FILE *out);

/* Where an option was given, as a complaint begins: "--grace", "/etc/gord/gord.conf:3: grace". Answers
 * out. */
const char *gord_config_where(const struct gord_config *config, enum gord_option_id id, char *out,
                              size_t out_bytes);

/* Is it an address that only this machine reaches? */
bool gord_config_is_loopback(const char *host);

void gord_config_fini(struct gord_config *config);

/* Nanoseconds of "5s", "250ms", "1h30m", "0"; units ns, us, ms, s, m, h, d; a bare number other
 * than 0 is refused, as is what does not fit. 0 or -EINVAL. */
int gord_parse_duration(const char *text, int64_t *out_ns);

/* Bytes of "64M", "1G", "4096"; units K, M, G (powers of 1024). 0 or -EINVAL. */
int gord_parse_bytes(const char *text, uint64_t *out_bytes);

/* The same the other way round, in the largest units that tell all of it. Answer out. */
const char *gord_format_duration(int64_t ns, char *out, size_t out_bytes);
const char *gord_format_bytes(uint64_t bytes, char *out, size_t out_bytes);

#endif
