/* SPDX-License-Identifier: MIT */
/* candidates.h - values that an option or an argument may take, by the name it has in --help. */
#ifndef GOR_CLIENT_CANDIDATES_H
#define GOR_CLIENT_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include "client/gorctl.h"

/* Where the value begins in the word at the cursor, and what has been typed of it. */
struct gorctl_candidates {
    struct gorctl *ctl;
    const char *command; /* "ls" */
    const char *word;    /* as typed */
    size_t head;         /* bytes of it before the value: "--state=" */
};

enum gorctl_candidate_kind {
    GORCTL_CANDIDATES_UNKNOWN, /* the tables have no such name */
    GORCTL_CANDIDATES_FREE,    /* there is nothing to offer */
    GORCTL_CANDIDATES_FILES,
    GORCTL_CANDIDATES_FOLDERS,
    GORCTL_CANDIDATES_COMMAND,
    GORCTL_CANDIDATES_WORDS, /* a list, or what the daemon has now */
};

/* What goes where --help shows `shown` ("LIST", "ID"), as the value of `option` ("state"; NULL: as an
 * argument) of `command`. */
enum gorctl_candidate_kind gorctl_candidates_kind(const char *command, const char *option,
                                                  const char *shown);

/* Print them; the kind is GORCTL_CANDIDATES_WORDS. The line that tells how to take them comes first,
 * unless `begun`: it has been printed. */
void gorctl_candidates_print(struct gorctl_candidates *at, const char *option, const char *shown,
                             bool begun);

/* Print one, if it begins as what was typed. `about` may be NULL. */
void gorctl_candidate(const struct gorctl_candidates *at, const char *value, const char *about);

#endif
