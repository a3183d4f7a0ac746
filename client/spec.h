/* SPDX-License-Identifier: MIT */
/* spec.h - a job described on the command line, as the message that is submitted.
 *
 * The options are read first (spec_options.c), and become a message when all of them are known.
 * Words are bytes and stay so from the shell to exec: nothing is split, joined or interpreted.
 * Ownership   a struct gorctl_spec borrows from argv; a built message is the caller's, to be freed
 *             with gor__v1__job_spec__free_unpacked(spec, NULL).
 */
#ifndef GOR_CLIENT_SPEC_H
#define GOR_CLIENT_SPEC_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/ask.h"
#include "client/gates.h"
#include "client/request.h"
#include "client/retry.h"
#include "gor/v1/jobs.pb-c.h"

struct gorctl_spec {
    const char *name;
    int64_t timeout_ns;
    int64_t grace_ns;
    Gor__V1__OnStop on_stop;
    int64_t heartbeat_ns;
    Gor__V1__OnStuck on_stuck;
    uint64_t parent_id;
    uint64_t output_max;    /* bytes; 0: the daemon's default */
    const char **on_finish; /* owned array: the words of a program to run at its end */
    size_t on_finish_count;
    const char *on_finish_url; /* --on-finish-url; NULL: none */
    const char **labels;       /* owned array of "key=value" */
    size_t label_count;
    const char *directory; /* NULL: the caller's */
    uint32_t umask_plus_1; /* --umask; 0: the caller's */
    const char **env;      /* owned array of "NAME=value" to set and "NAME" to take out */
    size_t env_count;
    bool clear_env;
    const char *env_only;    /* patterns of the variables to take along; NULL: all */
    const char *env_without; /* patterns of those to leave out; NULL: none */
    const char *stdin_from;  /* --stdin; NULL: nothing; "-": what is sent */
    const char **limits;     /* owned array of --limit */
    size_t limit_count;
    bool limits_strict;        /* --limit-strict */
    const char *stops;         /* --signal; NULL: TERM and the grace */
    bool skips_pauses;         /* --timeout-skips-pauses */
    int32_t nice;              /* --nice; 0: the daemon's */
    Gor__V1__IoClass io_class; /* --ionice */
    uint32_t io_level;
    Gor__V1__NewPrivs new_privs; /* --new-privs, --no-new-privs */
    const char *function;        /* --native */
    const char *input;           /* --input: a file, or "-" */
    const char *shell;           /* --shell */
    const char *script;          /* --lua */
    uint64_t max_steps;
    uint64_t max_memory_bytes;
    struct gorctl_gates gates;
    struct gorctl_retry retry;
    struct gorctl_ask ask;
    const char *unique;            /* --unique; NULL: none */
    const char *on_conflict;       /* NULL: skip */
    struct gorctl_request request; /* --request-id */
    char **words;                  /* the rest of the command line */
    size_t word_count;
};

/* The options and the words; the input is a struct gorctl_spec, zeroed. To be parsed with
 * ARGP_IN_ORDER, so that the job's own options are left alone. */
extern const struct argp gorctl_spec_argp;

/* GORCTL_EXIT_OK and a message, or an exit code with a word on stderr. */
int gorctl_spec_build(const struct gorctl_spec *spec, Gor__V1__JobSpec **out_message);

/* Is its standard input what we read from ours? */
bool gorctl_spec_takes_input(const struct gorctl_spec *spec);

void gorctl_spec_fini(struct gorctl_spec *spec);

#endif
