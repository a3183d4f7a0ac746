/* SPDX-License-Identifier: MIT */
/* option.h - the table of everything gord can be told: options of its command line and keys of its
 * configuration file are the same list, so neither can lack or misname what the other has.
 *
 * A new one needs a field in struct gord_config, a name here and a row in option.c; help, file, checks,
 * --print-config and the installed file follow from the row. A test compares the manual and the
 * installed file with it.
 */
#ifndef GORD_BASE_OPTION_H
#define GORD_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gord_config;

enum gord_option_id {
    GORD_OPT_CONFIG,
    GORD_OPT_NO_CONFIG,
    GORD_OPT_STATE_DIR,
    GORD_OPT_SOCKET,
    GORD_OPT_LISTEN,
    GORD_OPT_TLS_CERT,
    GORD_OPT_TLS_KEY,
    GORD_OPT_TLS_CA,
    GORD_OPT_TLS_CRL,
    GORD_OPT_NO_TOKEN_FILE,
    GORD_OPT_METRICS_LISTEN,
    GORD_OPT_OTLP_ENDPOINT,
    GORD_OPT_OTLP_INTERVAL,
    GORD_OPT_OTLP_HEADERS,
    GORD_OPT_OTLP_CA,
    GORD_OPT_MAX_CONNECTIONS,
    GORD_OPT_MAX_USER_CONNECTIONS,
    GORD_OPT_MAX_USER_CALLS,
    GORD_OPT_MAX_STREAMS,
    GORD_OPT_HANDSHAKE_TIMEOUT,
    GORD_OPT_STALL_TIMEOUT,
    GORD_OPT_KEEPALIVE,
    GORD_OPT_KEEPALIVE_TIMEOUT,
    GORD_OPT_MIN_PING_INTERVAL,
    GORD_OPT_MAX_CONNECTION_IDLE,
    GORD_OPT_MAX_CONNECTION_AGE,
    GORD_OPT_MAX_CONNECTION_GRACE,
    GORD_OPT_EXEC_SLOTS,
    GORD_OPT_NATIVE_SLOTS,
    GORD_OPT_LUA_SLOTS,
    GORD_OPT_MAX_OWNER_QUEUED,
    GORD_OPT_MAX_OWNER_RUNNING,
    GORD_OPT_OWNER_LIMITS,
    GORD_OPT_GOMAXPROCS,
    GORD_OPT_MAX_GOROUTINES,
    GORD_OPT_MAX_STACK_MEMORY,
    GORD_OPT_AT_CEILING,
    GORD_OPT_CGROUP,
    GORD_OPT_NEW_PRIVS,
    GORD_OPT_GRACE,
    GORD_OPT_STOP_POLICY,
    GORD_OPT_STOP_TIMEOUT,
    GORD_OPT_PAUSED,
    GORD_OPT_FINISH_HOOK,
    GORD_OPT_FINISH_HOOK_URL,
    GORD_OPT_WEBHOOK_SECRET_FILE,
    GORD_OPT_PLUGIN_DIR,
    GORD_OPT_STORE,
    GORD_OPT_LOG_CAP,
    GORD_OPT_KEEP_AGE,
    GORD_OPT_KEEP_FAILED,
    GORD_OPT_KEEP_JOBS,
    GORD_OPT_KEEP_SIZE,
    GORD_OPT_AUDIT_KEEP,
    GORD_OPT_HIDE_ENV,
    GORD_OPT_LOG_LEVEL,
    GORD_OPT_LOG_FORMAT,
    GORD_OPT_CHECK_STORE,
    GORD_OPT_REPAIR,
    GORD_OPT_CHECK_CONFIG,
    GORD_OPT_PRINT_CONFIG,
    GORD_OPTION_COUNT
};

/* What a value is, and the type of its field. */
enum gord_option_kind {
    GORD_VALUE_CHOICE,  /* bool: the second of two words, or the first */
    GORD_VALUE_WORD,    /* an enum: `least` and the place of the word in `words` */
    GORD_VALUE_NUMBER,  /* unsigned, from least to most */
    GORD_VALUE_TIME,    /* int64_t, nanoseconds, `least` or more */
    GORD_VALUE_SIZE,    /* uint64_t, bytes, `least` or more */
    GORD_VALUE_TEXT,    /* char *, owned */
    GORD_VALUE_PATH,    /* char *, owned, absolute */
    GORD_VALUE_SERVER,  /* char *, owned: URL of an HTTP server, plain, see url.h */
    GORD_VALUE_GROUP,   /* char *, owned: auto, off, or an absolute path */
    GORD_VALUE_ADDRESS, /* char *, owned, and a uint16_t at `port` */
    GORD_VALUE_URL,     /* char *, owned: of which a part may be secret, see url.h */
};

enum {
    GORD_OPTION_LIVE = 1,     /* a reload changes it; others need a restart */
    GORD_OPTION_COMMAND = 2,  /* is on the command line only */
    GORD_OPTION_ALONE = 4,    /* may stand there without a value, and is "yes" then */
    GORD_OPTION_FILE = 8,     /* a path: of a file that gord must be able to read */
    GORD_OPTION_PROGRAM = 16, /* a path: of a file that gord must be able to run */
    GORD_OPTION_FOLDER = 32,  /* a path: of a folder that gord must be able to read */
};

struct gord_option {
    const char *name;
    const char *arg; /* how --help calls the value; NULL: it takes none */
    enum gord_option_kind kind;
    unsigned flags;
    size_t field; /* its offset in struct gord_config */
    size_t port;  /* the same, of an address's port */
    uint64_t least, most;
    const char *const *words; /* the last is NULL */
    const char *unset;        /* the word for having none, 0 or NULL; NULL: there is always one */
    const char *initial;      /* the default, as one would write it */
    const char *example;      /* of what it takes */
    const char *doc;
};

enum { GORD_OPTION_WHY = 512, GORD_OPTION_TEXT = 4352 };

const struct gord_option *gord_option_row(enum gord_option_id id);

/* The option of that name; GORD_OPTION_COUNT: there is none. */
enum gord_option_id gord_option_find(const char *name);

/* The name that resembles `name` most; NULL: none does. */
const char *gord_option_resembling(const char *name);

/* Set the field from its text. A relative path is joined to `folder` (NULL: refused). 0; -EINVAL with what
 * is wrong with it ("is 'x'; it must be ...") in `why`; -ENOMEM. The field is untouched unless 0. */
int gord_option_set(const struct gord_option *option, struct gord_config *config, const char *text,
                    const char *folder, char why[GORD_OPTION_WHY]);

/* The field as text that sets it to the same. Answers out. */
const char *gord_option_show(const struct gord_option *option, const struct gord_config *config,
                             char out[GORD_OPTION_TEXT]);

/* The same for others to see, who get no secrets: it may be the same for values that differ. */
const char *gord_option_tell(const struct gord_option *option, const struct gord_config *config,
                             char out[GORD_OPTION_TEXT]);

/* What the option takes, as in "it must be ...". Answers out. */
const char *gord_option_allowed(const struct gord_option *option, char *out, size_t out_bytes);

/* The part of the table it belongs to, as --help and the installed file are divided: 0 for where gord
 * is, 1 for what it runs, 2 for what it keeps and tells, 3 for what it does instead of serving. */
int gord_option_group(enum gord_option_id id);

/* Exchange the fields of two configurations. */
void gord_option_swap(const struct gord_option *option, struct gord_config *one,
                      struct gord_config *other);

/* Free what the field owns. */
void gord_option_clear(const struct gord_option *option, struct gord_config *config);

#endif
