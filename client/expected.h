/* SPDX-License-Identifier: MIT */
/* expected.h - which arguments can come next, by the line that --help shows: "create QUEUE [SLOTS]".
 *
 * Lines are alternatives. One that begins with an option counts once that was given, and then only such
 * do. A word in small letters is that word; "..." lets the last be repeated; | stands between
 * alternatives of one.
 * Ownership   caller's memory from gorctl_expected_init() to gorctl_expected_fini(); borrows the line
 *             and the words.
 */
#ifndef GOR_CLIENT_EXPECTED_H
#define GOR_CLIENT_EXPECTED_H

#include <stdbool.h>
#include <stddef.h>

enum { GORCTL_EXPECTED_MOST = 16 };

struct gorctl_expected {
    const char *doc;                         /* NULL: there are none */
    const char *words[GORCTL_EXPECTED_MOST]; /* that came; those beyond are not looked at */
    size_t count;
    char *options;                   /* owned: those that came, as " --queue -q" */
    char *now[GORCTL_EXPECTED_MOST]; /* owned */
    size_t now_count;
};

void gorctl_expected_init(struct gorctl_expected *expected, const char *doc);
void gorctl_expected_fini(struct gorctl_expected *expected);

/* An option was given (name may be NULL, key a letter or none); an argument was. */
void gorctl_expected_option(struct gorctl_expected *expected, const char *name, int key);
void gorctl_expected_pass(struct gorctl_expected *expected, const char *word);

/* Fill `now` with what --help calls that which may come next; how many. */
size_t gorctl_expected_now(struct gorctl_expected *expected);

/* The next one is a command of the caller's own, with words of its own; or one that takes whatever
 * comes. */
bool gorctl_expects_command(struct gorctl_expected *expected);
bool gorctl_expects_rest(struct gorctl_expected *expected);

#endif
