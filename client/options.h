/* SPDX-License-Identifier: MIT */
/* options.h - options that many commands have, as argp children.
 *
 * A command lists them in its argp's children and hands them its struct gorctl at ARGP_KEY_INIT
 * with gorctl_options_share().
 */
#ifndef GOR_CLIENT_OPTIONS_H
#define GOR_CLIENT_OPTIONS_H

#include <argp.h>
#include <stdint.h>

#include "client/gorctl.h"

/* -H, --token-file, --tls-ca, --context and so on; for every command that talks to a daemon. */
extern const struct argp gorctl_connection_argp;
/* --json; for every read. */
extern const struct argp gorctl_format_argp;

/* Children for commands that need nothing else; the second has --json as well. */
extern const struct argp_child gorctl_connection_children[];
extern const struct argp_child gorctl_read_children[];

/* Give the first `count` children `ctl` as their input. */
void gorctl_options_share(struct argp_state *state, struct gorctl *ctl, unsigned count);

/* A number, a size, a duration or a time from the command line; what cannot be read ends the program with a
 * text that names `what` ("--timeout") and GORCTL_EXIT_USAGE. */
uint64_t gorctl_option_number(struct argp_state *state, const char *what, const char *text);
uint64_t gorctl_option_bytes(struct argp_state *state, const char *what, const char *text);
int64_t gorctl_option_duration(struct argp_state *state, const char *what, const char *text);
int64_t gorctl_option_time(struct argp_state *state, const char *what, const char *text);

/* The argument of a command about one job. */
uint64_t gorctl_option_job(struct argp_state *state, const char *text);

/* The text of --cause. */
const char *gorctl_option_cause(struct argp_state *state, const char *text);

/* 0: an unsigned decimal number and nothing else; -EINVAL, -ERANGE. */
int gorctl_number_parse(const char *text, uint64_t *out_number);

/* The same with an optional unit K, M, G or T (powers of 1024). */
int gorctl_bytes_parse(const char *text, uint64_t *out_bytes);

#endif
