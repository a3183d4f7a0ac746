/* SPDX-License-Identifier: MIT */
/* choice.h - which daemon is meant: the first of --host or --context, $GOR_HOST, $GOR_CONTEXT, the
 * current context, and the usual places.
 *
 * What a context says counts as if the options of those names had been given, but for options that
 * were.
 */
#ifndef GOR_CLIENT_CHOICE_H
#define GOR_CLIENT_CHOICE_H

#include "client/contexts.h"
#include "client/gorctl.h"

struct gorctl_choice {
    const char *by;                       /* "--host", "$GOR_HOST", ..., "the usual places" */
    struct gorctl_contexts file;          /* owned; empty: it did not have to be read */
    const struct gorctl_context *context; /* NULL: another way */
};

/* Make it, once: the options of ctl are as the context says afterwards. An exit code, with a word on
 * stderr. */
int gorctl_choose(struct gorctl *ctl);

/* When nobody answers there: a line on stderr, if a context led there. */
void gorctl_choice_say(const struct gorctl *ctl);

void gorctl_choice_fini(struct gorctl *ctl);

/* Where the options lie that a context stands for. */
const char **gorctl_choice_option(struct gorctl *ctl, enum gorctl_context_key key);

#endif
