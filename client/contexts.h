/* SPDX-License-Identifier: MIT */
/* contexts.h - daemons that a person has given names, as the text of their file.
 *
 * "current = NAME" may stand before the first context; each begins with "[NAME]", followed by lines
 * "KEY = VALUE"; '#' begins a line of comment. What a change is not about stays as it was written.
 * Invariants  every context has a host; names and, in one context, keys are there once.
 * Ownership   caller's memory from gorctl_contexts_parse() to gorctl_contexts_fini(); a pointer into it
 *             lasts until the next change.
 */
#ifndef GOR_CLIENT_CONTEXTS_H
#define GOR_CLIENT_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>

enum { GORCTL_CONTEXTS_WHY = 320, GORCTL_CONTEXT_NAME_MOST = 64 };

/* What a context may say, in the order of gorctl_context_keys: the names of the options it stands
 * for. */
enum gorctl_context_key {
    GORCTL_CONTEXT_HOST,
    GORCTL_CONTEXT_TOKEN_FILE,
    GORCTL_CONTEXT_TLS_CA,
    GORCTL_CONTEXT_TLS_CERT,
    GORCTL_CONTEXT_TLS_KEY,
    GORCTL_CONTEXT_KEYS
};
extern const char *const gorctl_context_keys[GORCTL_CONTEXT_KEYS];

struct gorctl_context {
    char *name;
    char *values[GORCTL_CONTEXT_KEYS]; /* NULL: not said */
    size_t first, end;                 /* its lines */
};

struct gorctl_contexts {
    char **lines; /* without their newlines */
    size_t line_count;
    struct gorctl_context *all;
    size_t count;
    char *current; /* NULL: none */
};

/* -EINVAL with the line and the cause in `why`; nothing is to be freed then. */
int gorctl_contexts_parse(const char *text, size_t length, struct gorctl_contexts *out_contexts,
                          char why[GORCTL_CONTEXTS_WHY]);
void gorctl_contexts_fini(struct gorctl_contexts *contexts);

/* The text again; the caller's. */
char *gorctl_contexts_text(const struct gorctl_contexts *contexts);

/* NULL: there is none of that name. */
const struct gorctl_context *gorctl_contexts_find(const struct gorctl_contexts *contexts,
                                                  const char *name);

/* Letters, digits, and . _ - inside. */
bool gorctl_context_name_valid(const char *name);
/* One line of text that does not begin or end with a blank. */
bool gorctl_context_value_valid(const char *value);

/* Put a context at the end, or in the place of the one of that name: its lines are rewritten. Name and
 * values are valid, and host is among them. */
void gorctl_contexts_put(struct gorctl_contexts *contexts, const char *name,
                         const char *const values[GORCTL_CONTEXT_KEYS]);

/* For a name that is there. */
void gorctl_contexts_remove(struct gorctl_contexts *contexts, const char *name);
void gorctl_contexts_rename(struct gorctl_contexts *contexts, const char *name, const char *to);

/* Make it the current one; NULL: none. */
void gorctl_contexts_use(struct gorctl_contexts *contexts, const char *name);

#endif
