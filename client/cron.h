/* SPDX-License-Identifier: MIT */
/* cron.h - what the words of `gorctl cron` share: when an entry fires, and how one is shown.
 *
 * Ownership   borrows from argv.
 */
#ifndef GOR_CLIENT_CRON_H
#define GOR_CLIENT_CRON_H

#include <argp.h>

#include "client/gorctl.h"
#include "gor/v1/crons.pb-c.h"

struct gorctl_cron_when {
    const char *zone; /* NULL: the local one */
    const char *start;
    const char *end;
    Gor__V1__CronSpec__Gap gap;
    Gor__V1__CronSpec__Repeat repeat;
    int64_t jitter_ns;
};

/* Options that say when; the input is a struct gorctl_cron_when, zeroed. */
extern const struct argp gorctl_cron_when_argp;

/* GORCTL_EXIT_OK, or an exit code with a word on stderr. `out_zone` is the caller's to free(), once the
 * message, which borrows it, is no longer used. */
int gorctl_cron_when_fill(const struct gorctl_cron_when *when, Gor__V1__CronSpec *out_spec,
                          char **out_zone);

/* A word of a policy: its place in the list, which ends with NULL. Else the program ends with a text
 * that names `what` and all of them. */
int gorctl_cron_word(struct argp_state *state, const char *what, const char *arg,
                     const char *const *words);

/* Their names, by their numbers. */
extern const char *const gorctl_cron_missed_words[];
extern const char *const gorctl_cron_overlap_words[];
extern const char *const gorctl_cron_gap_words[];
extern const char *const gorctl_cron_repeat_words[];

/* For gorctl_call_show(), of a Cron: a fact a line. */
void gorctl_cron_show(const ProtobufCMessage *reply, void *arg);

int gorctl_cron_add(struct gorctl *ctl, int argc, char **argv);
int gorctl_cron_next(struct gorctl *ctl, int argc, char **argv);

#endif
