/* SPDX-License-Identifier: MIT */
/* screen.h - what stdout is, and the words and colours in which jobs are shown on it.
 *
 * Colours only on a terminal and without $NO_COLOR; lines are cut to the terminal's width, and not
 * at all when they go elsewhere.
 */
#ifndef GOR_CLIENT_SCREEN_H
#define GOR_CLIENT_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "gor/v1/jobs.pb-c.h"

struct gorctl_screen {
    bool terminal;
    bool colour;
    unsigned width; /* columns; 0: as wide as it takes */
};

struct gorctl_screen gorctl_screen_of(int fd);

enum { GORCTL_WORD_ROOM = 48 };

/* "running"; "succeeded", "failed (3)", "signal 9 (KILL)", "timed out" once it has ended. */
void gorctl_status_text(const Gor__V1__Job *job, char out[GORCTL_WORD_ROOM]);

/* The same of an event. */
void gorctl_event_text(const Gor__V1__Event *event, char out[GORCTL_WORD_ROOM]);

/* The escape sequence for a state and outcome, or NULL. */
const char *gorctl_status_style(Gor__V1__JobState state, Gor__V1__Outcome outcome);

/* "runnable", "timed out"; also what --state and --outcome take, in any case, with - or _ for the
 * blank. The parsers answer false for a word they do not know. */
const char *gorctl_state_word(Gor__V1__JobState state);
const char *gorctl_outcome_word(Gor__V1__Outcome outcome);
bool gorctl_state_parse(const char *word, Gor__V1__JobState *out_state);
bool gorctl_outcome_parse(const char *word, Gor__V1__Outcome *out_outcome);

/* What a job runs, as lists and --kind say it; NULL: that is none. */
const char *gorctl_kind_word(Gor__V1__Selector__Kind kind);
bool gorctl_kind_parse(const char *word, Gor__V1__Selector__Kind *out_kind);

/* The command line of an exec job or the call of a native one, clean, on one line. The caller's. */
char *gorctl_command_text(const Gor__V1__JobSpec *spec);

/* From start to end or until now; 0 if it has not started. */
int64_t gorctl_job_took(const Gor__V1__Job *job, int64_t now_ns);

#endif
