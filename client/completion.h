/* SPDX-License-Identifier: MIT */
/* completion.h - what could stand where the cursor is, by the tables that the words are parsed with.
 *
 * `gorctl complete -- WORD...` runs the command that the words name, but with ctl->completion set: as
 * soon as the command shows its argp, by initializing the options that all share, the candidates are
 * printed from that and the program ends. So no list of options can be out of date.
 *
 * The first line of what is printed tells a shell what to do, the others are candidates, each with a
 * tab and a few words about it: "words"; "nospace" (the word goes on); "files", "folders";
 * "command N" (the words from the Nth, counted from 0 with gorctl itself, are a command's).
 */
#ifndef GOR_CLIENT_COMPLETION_H
#define GOR_CLIENT_COMPLETION_H

#include <argp.h>
#include <stddef.h>

#include "client/gorctl.h"

struct gorctl_verbs;

struct gorctl_completion {
    char **words; /* borrowed; what follows "gorctl" up to the cursor, at least one */
    size_t count;
    size_t at; /* the first word that the command itself has not seen */
    const char *command;
};

/* At ARGP_KEY_INIT: when completing, print candidates and end the program. */
void gorctl_completion_offer(struct gorctl *ctl, const struct argp_state *state);

/* The same before a verb is looked for: its name, or nothing. */
void gorctl_completion_offer_verbs(struct gorctl *ctl, const struct gorctl_verbs *verbs);

/* The same of `gorctl help`: names of commands. */
void gorctl_completion_offer_commands(struct gorctl *ctl);

/* Candidates for these words, and the end. */
void gorctl_complete(struct gorctl *ctl, char **words, size_t count) __attribute__((noreturn));

#endif
