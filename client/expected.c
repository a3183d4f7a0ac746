/* SPDX-License-Identifier: MIT */
/* expected.c - see expected.h. */
#include "client/expected.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"

void gorctl_expected_init(struct gorctl_expected *expected, const char *doc)
{
    *expected = (struct gorctl_expected){.doc = doc, .options = gorctl_strdup("")};
}

static void forget(struct gorctl_expected *expected)
{
    for (size_t i = 0; i < expected->now_count; i++) {
        free(expected->now[i]);
    }
    expected->now_count = 0;
}

void gorctl_expected_fini(struct gorctl_expected *expected)
{
    forget(expected);
    free(expected->options);
    expected->options = NULL;
}

void gorctl_expected_option(struct gorctl_expected *expected, const char *name, int key)
{
    char letter[2] = {key > ' ' && key <= '~' ? (char)key : '?', '\0'};
    char *more = gorctl_format("%s --%s -%s ", expected->options, name != NULL ? name : "", letter);
    free(expected->options);
    expected->options = more;
}

void gorctl_expected_pass(struct gorctl_expected *expected, const char *word)
{
    if (expected->count < GORCTL_EXPECTED_MOST) {
        expected->words[expected->count] = word;
    }
    expected->count++;
}

static bool was_given(const struct gorctl_expected *expected, const char *option)
{
    char *between = gorctl_format(" %s ", option);
    bool given = strstr(expected->options, between) != NULL;
    free(between);
    return given;
}

/* ------------------------------------------------------------- one line */

/* "[FILE...]" to "FILE"; whether it may be repeated. */
static bool strip(char **part)
{
    char *text = *part + strspn(*part, "[");
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ']' || text[length - 1] == '.')) {
        length--;
    }
    bool repeats = strstr(text + length, "...") != NULL;
    text[length] = '\0';
    *part = text;
    return repeats;
}

/* Keep it, once. */
static void keep(struct gorctl_expected *expected, const char *shown)
{
    for (size_t i = 0; i < expected->now_count; i++) {
        if (strcmp(expected->now[i], shown) == 0) {
            return;
        }
    }
    if (expected->now_count < GORCTL_EXPECTED_MOST) {
        expected->now[expected->now_count++] = gorctl_strdup(shown);
    }
}

static void keep_all(struct gorctl_expected *expected, char *alternatives)
{
    char *one;
    while ((one = strsep(&alternatives, "|")) != NULL) {
        if (one[0] != '\0' && one[0] != '-') {
            keep(expected, one);
        }
    }
}

/* Does a word that came fit a part of the line? */
static bool fits(const struct gorctl_expected *expected, size_t at, const char *part)
{
    return !islower((unsigned char)part[0]) || at >= GORCTL_EXPECTED_MOST ||
           strcmp(part, expected->words[at]) == 0;
}

/* `rest` is ours to cut. */
static void read_line(struct gorctl_expected *expected, char *rest)
{
    char *part;
    for (size_t at = 0; (part = strsep(&rest, " ")) != NULL;) {
        bool repeats = strip(&part);
        if (strcmp(part, "--") == 0 || part[0] == '\0') {
            continue;
        }
        if (part[0] == '-') {
            return; /* an option, or standard input */
        }
        if (at == expected->count || (repeats && at < expected->count)) {
            keep_all(expected, part);
            return;
        }
        if (!fits(expected, at, part)) {
            return;
        }
        at++;
    }
}

/* A line that begins with an option and its value: is it what was given? *rest goes behind them. */
static bool skip_option(const struct gorctl_expected *expected, char **rest)
{
    char *option = strsep(rest, " ");
    if (*rest != NULL && isupper((unsigned char)**rest)) {
        (void)strsep(rest, " ");
    }
    return was_given(expected, option);
}

static bool read_lines(struct gorctl_expected *expected, bool with_option)
{
    char *copy = gorctl_strdup(expected->doc);
    char *lines = copy;
    char *line;
    bool any = false;
    while ((line = strsep(&lines, "\n")) != NULL) {
        if ((line[0] == '-') != with_option || (with_option && !skip_option(expected, &line))) {
            continue;
        }
        any = true;
        if (line != NULL) {
            read_line(expected, line);
        }
    }
    free(copy);
    return any;
}

size_t gorctl_expected_now(struct gorctl_expected *expected)
{
    forget(expected);
    if (expected->doc != NULL && !read_lines(expected, true)) {
        (void)read_lines(expected, false);
    }
    return expected->now_count;
}

static bool expects(struct gorctl_expected *expected, const char *shown)
{
    size_t count = gorctl_expected_now(expected);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(expected->now[i], shown) == 0) {
            return true;
        }
    }
    return false;
}

bool gorctl_expects_command(struct gorctl_expected *expected)
{
    return expects(expected, "COMMAND");
}

bool gorctl_expects_rest(struct gorctl_expected *expected)
{
    return expects(expected, "ARGUMENT");
}
