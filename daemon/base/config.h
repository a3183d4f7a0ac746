/* SPDX-License-Identifier: MIT */
/* config.h - gord's command line: options, defaults, checks.
 *
 * Ownership   the struct owns its texts from a successful parse to gord_config_fini.
 */
#ifndef GORD_BASE_CONFIG_H
#define GORD_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/log.h"

/* How gord ends; documented in its manual and relied upon by gord.service. */
enum gord_exit {
    GORD_EXIT_OK = 0,
    GORD_EXIT_INTERNAL = 1,
    GORD_EXIT_USAGE = 2,
    GORD_EXIT_STORE = 3,   /* the store cannot be read, or is not ours */
    GORD_EXIT_BUSY = 4,    /* another daemon has the state directory */
    GORD_EXIT_LISTEN = 5,  /* cannot listen where we were told to */
    GORD_EXIT_DAMAGED = 6, /* --check-store has found something */
};

struct gord_config {
    char *state_dir;         /* owned; absolute */
    char *socket;            /* owned; absolute path of the Unix socket */
    char *listen_host;       /* owned; "127.0.0.1" or "::1"; NULL: no TCP */
    uint16_t listen_port;    /* with listen_host; 0: any free one */
    char *metrics_host;      /* owned; where metrics are served, an IP address; NULL: nowhere */
    uint16_t metrics_port;   /* with metrics_host; 0: any free one */
    char *hide_env;          /* owned; patterns of variables whose values are not shown; NULL: only
                                * the usual ones */
    unsigned exec_slots;     /* processes at a time */
    unsigned native_slots;   /* native jobs at a time */
    unsigned lua_slots;      /* Lua jobs at a time */
    unsigned gomaxprocs;     /* 0: as the runtime decides */
    unsigned max_goroutines; /* of native and Lua jobs; 0: as many as there is memory for */
    uint64_t max_stack_memory; /* of goroutines; 0: as the runtime decides */
    bool refuse_at_ceiling;    /* a job that would have to wait for a place is refused */
    bool store_memory;         /* keep nothing on disk */
    char *cgroup;              /* owned; "auto", "off", or a control group's folder; NULL: auto */
    bool check_store;          /* look whether the store is sound, and nothing else */
    bool repair;               /* ... and repair what can be */
    bool paused;               /* start paused whatever the store says */
    int64_t grace_ns;          /* between SIGTERM and SIGKILL */
    uint64_t log_cap_bytes;    /* of one job's output */
    int64_t keep_age_ns;       /* jobs that have ended, for so long; 0, as below: without limit */
    int64_t keep_failed_ns;    /* the same for those that did not succeed; 0: as the others */
    uint64_t keep_jobs;        /* jobs that have ended, at most */
    uint64_t keep_bytes;       /* of database and output, at most */
    char *plugin_dir;          /* owned; absolute; NULL: no plug-ins */
    enum gord_log_level log_level;
};

/* Fill *out from the command line and the environment (XDG_STATE_HOME, XDG_RUNTIME_DIR, HOME).
 * 0: go on. 1: --help or --version was asked for and has been answered on stdout. -EINVAL: a
 * complaint is on stderr. -ENOMEM. *out is untouched unless 0. */
int gord_config_parse(int argc, char **argv, struct gord_config *out);

void gord_config_fini(struct gord_config *config);

/* Nanoseconds of "5s", "250ms", "1h30m", "0"; units ns, us, ms, s, m, h, d; a bare number other
 * than 0 is refused, as is what does not fit. 0 or -EINVAL. */
int gord_parse_duration(const char *text, int64_t *out_ns);

/* Bytes of "64M", "1G", "4096"; units K, M, G (powers of 1024). 0 or -EINVAL. */
int gord_parse_bytes(const char *text, uint64_t *out_bytes);

#endif
