/* SPDX-License-Identifier: MIT */
/* contexts.c - see contexts.h.
 *
 * The lines are the truth; what they say is read again after each change. A tree of values that is
 * written out whole would lose what a person wrote between them.
 */
#include "client/contexts.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/text.h"

const char *const gorctl_context_keys[GORCTL_CONTEXT_KEYS] = {"host", "token-file", "tls-ca",
                                                              "tls-cert", "tls-key"};

/* ---------------------------------------------------------------- words */

bool gorctl_context_name_valid(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length > GORCTL_CONTEXT_NAME_MOST || !isalnum((unsigned char)name[0])) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool gorctl_context_value_valid(const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || isspace((unsigned char)value[0]) ||
        isspace((unsigned char)value[length - 1]) || !gorctl_utf8_valid(value, length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (iscntrl((unsigned char)value[i])) {
            return false;
        }
    }
    return true;
}

/* A copy of what lies between, without blanks around it. */
static char *trimmed(const char *begin, const char *end)
{
    while (begin < end && isspace((unsigned char)*begin)) {
        begin++;
    }
    while (end > begin && isspace((unsigned char)end[-1])) {
        end--;
    }
    return gorctl_copy(begin, (size_t)(end - begin));
}

/* -------------------------------------------------------------- reading */

static void forget_meaning(struct gorctl_contexts *contexts)
{
    for (size_t i = 0; i < contexts->count; i++) {
        free(contexts->all[i].name);
        for (size_t k = 0; k < GORCTL_CONTEXT_KEYS; k++) {
            free(contexts->all[i].values[k]);
        }
    }
    free(contexts->all);
    free(contexts->current);
    contexts->all = NULL;
    contexts->current = NULL;
    contexts->count = 0;
}

/* "line 3: 'text' about" */
static int complain(char why[GORCTL_CONTEXTS_WHY], size_t line, const char *text, const char *about)
{
    char *clean = gorctl_text_escape(text, strlen(text));
    char *shown = gorctl_text_fit(clean, GORCTL_CONTEXT_NAME_MOST);
    snprintf(why, GORCTL_CONTEXTS_WHY, "line %zu: '%s' %s", line + 1, shown, about);
    free(shown);
    free(clean);
    return -EINVAL;
}

static int end_context(const struct gorctl_contexts *contexts, char why[GORCTL_CONTEXTS_WHY])
{
    if (contexts->count == 0) {
        return 0;
    }
    const struct gorctl_context *last = &contexts->all[contexts->count - 1];
    if (last->values[GORCTL_CONTEXT_HOST] == NULL) {
        return complain(why, last->first, last->name, "has no line `host = ADDRESS`");
    }
    return 0;
}

static int read_head(struct gorctl_contexts *contexts, size_t line, const char *text,
                     char why[GORCTL_CONTEXTS_WHY])
{
    size_t length = strlen(text);
    if (text[length - 1] != ']') {
        return complain(why, line, text, "lacks its ]");
    }
    if (end_context(contexts, why) != 0) {
        return -EINVAL;
    }
    char *name = trimmed(text + 1, text + length - 1);
    int rc = 0;
    if (!gorctl_context_name_valid(name)) {
        rc = complain(why, line, name,
                      "is no name: it takes letters, digits, and . _ - inside, 64 at most");
    } else if (gorctl_contexts_find(contexts, name) != NULL) {
        rc = complain(why, line, name, "is the name of an earlier context");
    }
    if (rc != 0) {
        free(name);
        return rc;
    }
    contexts->all = gorctl_grow(contexts->all, contexts->count + 1, sizeof(*contexts->all));
    contexts->all[contexts->count++] =
        (struct gorctl_context){.name = name, .first = line, .end = line + 1};
    return 0;
}

static int set_value(char **place, size_t line, const char *key, char *value,
                     char why[GORCTL_CONTEXTS_WHY])
{
    int rc = 0;
    if (*place != NULL) {
        rc = complain(why, line, key, "is said a second time");
    } else if (!gorctl_context_value_valid(value)) {
        rc = complain(why, line, key, "has no value that can be read");
    }
    if (rc != 0) {
        free(value);
        return rc;
    }
    *place = value;
    return 0;
}

static int complain_key(char why[GORCTL_CONTEXTS_WHY], size_t line, const char *key)
{
    char *about = gorctl_strdup("is no key that this gorctl knows, as");
    for (size_t k = 0; k < GORCTL_CONTEXT_KEYS; k++) {
        char *longer = gorctl_format("%s%s %s", about, k > 0 ? "," : "", gorctl_context_keys[k]);
        free(about);
        about = longer;
    }
    char *whole = gorctl_format("%s; a newer one may know more", about);
    (void)complain(why, line, key, whole);
    free(whole);
    free(about);
    return -EINVAL;
}

/* One key before the first context, the known ones inside one. */
static int read_pair(struct gorctl_contexts *contexts, size_t line, const char *key, char *value,
                     char why[GORCTL_CONTEXTS_WHY])
{
    struct gorctl_context *context =
        contexts->count > 0 ? &contexts->all[contexts->count - 1] : NULL;
    if (context == NULL && strcmp(key, "current") == 0) {
        return set_value(&contexts->current, line, key, value, why);
    }
    for (size_t k = 0; context != NULL && k < GORCTL_CONTEXT_KEYS; k++) {
        if (strcmp(key, gorctl_context_keys[k]) == 0) {
            context->end = line + 1;
            return set_value(&context->values[k], line, key, value, why);
        }
    }
    free(value);
    if (context == NULL) {
        return complain(why, line, key, "stands before the first [NAME], where only `current` may");
    }
    return complain_key(why, line, key);
}

static int read_line(struct gorctl_contexts *contexts, size_t line, char why[GORCTL_CONTEXTS_WHY])
{
    char *text = trimmed(contexts->lines[line], strchr(contexts->lines[line], '\0'));
    const char *equals = strchr(text, '=');
    int rc = 0;
    if (text[0] == '[') {
        rc = read_head(contexts, line, text, why);
    } else if (text[0] != '\0' && text[0] != '#' && equals == NULL) {
        rc = complain(why, line, text, "is neither [NAME], KEY = VALUE nor # COMMENT");
    } else if (text[0] != '\0' && text[0] != '#') {
        char *key = trimmed(text, equals);
        rc = read_pair(contexts, line, key, trimmed(equals + 1, strchr(equals, '\0')), why);
        free(key);
    }
    free(text);
    return rc;
}

static int read_lines(struct gorctl_contexts *contexts, char why[GORCTL_CONTEXTS_WHY])
{
    forget_meaning(contexts);
    for (size_t i = 0; i < contexts->line_count; i++) {
        if (read_line(contexts, i, why) != 0) {
            return -EINVAL;
        }
    }
    return end_context(contexts, why);
}

static void insert_line(struct gorctl_contexts *contexts, size_t at, char *line)
{
    contexts->lines =
        gorctl_grow(contexts->lines, contexts->line_count + 1, sizeof(*contexts->lines));
    memmove(&contexts->lines[at + 1], &contexts->lines[at],
            (contexts->line_count - at) * sizeof(*contexts->lines));
    contexts->lines[at] = line;
    contexts->line_count++;
}

int gorctl_contexts_parse(const char *text, size_t length, struct gorctl_contexts *out_contexts,
                          char why[GORCTL_CONTEXTS_WHY])
{
    struct gorctl_contexts contexts = {0};
    if (memchr(text, '\0', length) != NULL || !gorctl_utf8_valid(text, length)) {
        snprintf(why, GORCTL_CONTEXTS_WHY, "it is no UTF-8 text");
        return -EINVAL;
    }
    for (const char *end = text + length; text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop != NULL ? stop : end;
        insert_line(&contexts, contexts.line_count, gorctl_copy(text, (size_t)(stop - text)));
        text = stop + 1;
    }
    if (read_lines(&contexts, why) != 0) {
        gorctl_contexts_fini(&contexts);
        return -EINVAL;
    }
    *out_contexts = contexts;
    return 0;
}

void gorctl_contexts_fini(struct gorctl_contexts *contexts)
{
    forget_meaning(contexts);
    for (size_t i = 0; i < contexts->line_count; i++) {
        free(contexts->lines[i]);
    }
    free(contexts->lines);
    *contexts = (struct gorctl_contexts){0};
}

char *gorctl_contexts_text(const struct gorctl_contexts *contexts)
{
    size_t length = 0;
    for (size_t i = 0; i < contexts->line_count; i++) {
        length += strlen(contexts->lines[i]) + 1;
    }
    char *text = gorctl_alloc(length + 1);
    char *at = text;
    for (size_t i = 0; i < contexts->line_count; i++) {
        at = stpcpy(at, contexts->lines[i]);
        *at++ = '\n';
    }
    return text;
}

const struct gorctl_context *gorctl_contexts_find(const struct gorctl_contexts *contexts,
                                                  const char *name)
{
    for (size_t i = 0; i < contexts->count; i++) {
        if (strcmp(contexts->all[i].name, name) == 0) {
            return &contexts->all[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------- changing */

/* What we wrote ourselves can be read. */
static void read_again(struct gorctl_contexts *contexts)
{
    char why[GORCTL_CONTEXTS_WHY];
    int rc = read_lines(contexts, why);
    assert(rc == 0);
    (void)rc;
}

static void remove_line(struct gorctl_contexts *contexts, size_t at)
{
    free(contexts->lines[at]);
    contexts->line_count--;
    memmove(&contexts->lines[at], &contexts->lines[at + 1],
            (contexts->line_count - at) * sizeof(*contexts->lines));
}

/* A comment among its lines goes with them, one after its last stays. */
static size_t remove_lines(struct gorctl_contexts *contexts, const struct gorctl_context *context)
{
    size_t first = context->first;
    for (size_t count = context->end - first; count > 0; count--) {
        remove_line(contexts, first);
    }
    return first;
}

void gorctl_contexts_put(struct gorctl_contexts *contexts, const char *name,
                         const char *const values[GORCTL_CONTEXT_KEYS])
{
    const struct gorctl_context *former = gorctl_contexts_find(contexts, name);
    size_t at = contexts->line_count;
    if (former != NULL) {
        at = remove_lines(contexts, former);
    } else if (at > 0 && contexts->lines[at - 1][0] != '\0') {
        insert_line(contexts, at++, gorctl_strdup(""));
    }
    insert_line(contexts, at++, gorctl_format("[%s]", name));
    for (size_t k = 0; k < GORCTL_CONTEXT_KEYS; k++) {
        if (values[k] != NULL) {
            insert_line(contexts, at++,
                        gorctl_format("%s = %s", gorctl_context_keys[k], values[k]));
        }
    }
    read_again(contexts);
}

void gorctl_contexts_remove(struct gorctl_contexts *contexts, const char *name)
{
    if (contexts->current != NULL && strcmp(contexts->current, name) == 0) {
        gorctl_contexts_use(contexts, NULL);
    }
    size_t at = remove_lines(contexts, gorctl_contexts_find(contexts, name));
    size_t gap = at > 0 ? at - 1 : at; /* the blank line that stood between two */
    if (gap < contexts->line_count && contexts->lines[gap][0] == '\0') {
        remove_line(contexts, gap);
    }
    read_again(contexts);
}

void gorctl_contexts_rename(struct gorctl_contexts *contexts, const char *name, const char *to)
{
    bool was_current = contexts->current != NULL && strcmp(contexts->current, name) == 0;
    size_t at = gorctl_contexts_find(contexts, name)->first;
    free(contexts->lines[at]);
    contexts->lines[at] = gorctl_format("[%s]", to);
    read_again(contexts);
    if (was_current) {
        gorctl_contexts_use(contexts, to);
    }
}

/* Where the line stands, or line_count. */
static size_t current_line(const struct gorctl_contexts *contexts)
{
    size_t heads = contexts->count > 0 ? contexts->all[0].first : contexts->line_count;
    for (size_t i = 0; i < heads; i++) {
        const char *text = contexts->lines[i] + strspn(contexts->lines[i], " \t");
        if (text[0] != '\0' && text[0] != '#') {
            return i; /* nothing else may stand there */
        }
    }
    return contexts->line_count;
}

void gorctl_contexts_use(struct gorctl_contexts *contexts, const char *name)
{
    char *line = name != NULL ? gorctl_format("current = %s", name) : NULL;
    size_t at = current_line(contexts);
    if (at < contexts->line_count) {
        remove_line(contexts, at);
    } else {
        at = 0;
    }
    if (line != NULL) {
        insert_line(contexts, at, line);
    }
    read_again(contexts);
}
