/* SPDX-License-Identifier: MIT */
/* candidates.c - see candidates.h. */
#include "client/candidates.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/columns.h"
#include "client/cron.h"
#include "client/limits.h"
#include "client/live.h"
#include "client/policies.h"
#include "client/screen.h"
#include "client/selector.h"
#include "client/text.h"

enum { ABOUT_COLUMNS = 60, STATE_WORDS = GOR__V1__JOB_STATE__TERMINATED + 1 };

/* How candidates of one kind are made. */
typedef void print_all(const struct gorctl_candidates *at);

/* ---------------------------------------------------------------- words */

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (iscntrl((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

void gorctl_candidate(const struct gorctl_candidates *at, const char *value, const char *about)
{
    const char *typed = at->word + at->head;
    if (value[0] == '\0' || !is_plain(value) || strncmp(value, typed, strlen(typed)) != 0) {
        return;
    }
    char *clean = gorctl_text_escape(about != NULL ? about : "", about != NULL ? strlen(about) : 0);
    char *shown = gorctl_text_fit(clean, ABOUT_COLUMNS);
    printf("%.*s%s\t%s\n", (int)at->head, at->word, value, shown);
    free(shown);
    free(clean);
}

static void print_list(const struct gorctl_candidates *at, const char *const *words)
{
    for (; *words != NULL; words++) {
        gorctl_candidate(at, *words, NULL);
    }
}

static void print_missed(const struct gorctl_candidates *at)
{
    print_list(at, gorctl_cron_missed_words);
}

static void print_overlap(const struct gorctl_candidates *at)
{
    print_list(at, gorctl_cron_overlap_words);
}

static void print_gap(const struct gorctl_candidates *at)
{
    print_list(at, gorctl_cron_gap_words);
}

static void print_repeat(const struct gorctl_candidates *at)
{
    print_list(at, gorctl_cron_repeat_words);
}

static void print_conflict(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "skip", "print the id of the job that is there");
    gorctl_candidate(at, "replace", "cancel that one");
    gorctl_candidate(at, "queue", "run after that one");
    gorctl_candidate(at, "fail", "refuse the new one");
}

static void print_on_stop(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "kill", "ask it to end, then force it");
    gorctl_candidate(at, "wait", "let it go on as long as there is time");
    gorctl_candidate(at, "requeue", "end it, and run it again with the next daemon");
    gorctl_candidate(at, "leave", "let a program go on over an upgrade in place");
}

static void print_on_stuck(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "report", "tell, and let it go on");
    gorctl_candidate(at, "kill", "end the run, which has failed");
}

static void print_roles(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "viewer", "look, but not at what jobs of others wrote");
    gorctl_candidate(at, "submitter", "hand in jobs, and steer one's own");
    gorctl_candidate(at, "operator", "steer everybody's");
    gorctl_candidate(at, "admin", "everything");
}

static void print_fair(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "owner", "owners take turns");
    gorctl_candidate(at, "label:", "values of a label do");
    gorctl_candidate(at, "off", "first come, first served");
}

static void print_live_how(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "hold", "as new jobs that are held");
    gorctl_candidate(at, "submit", "as new jobs");
    gorctl_candidate(at, "skip", "not at all");
}

static void print_profiles(const struct gorctl_candidates *at)
{
    gorctl_candidate(at, "cpu", "where CPU time goes");
    gorctl_candidate(at, "block", "where goroutines wait for others");
    gorctl_candidate(at, "mutex", "who keeps others waiting by a lock");
    gorctl_candidate(at, "goroutine", "where all goroutines are now");
}

static void print_goroutine_states(const struct gorctl_candidates *at)
{
    print_list(at, (const char *const[]){"runnable", "running", "waiting", NULL});
}

/* As the parsers take them, with a dash for the blank. */
static void print_dashed(const struct gorctl_candidates *at, const char *word)
{
    char *dashed = gorctl_strdup(word);
    for (char *blank = strchr(dashed, ' '); blank != NULL; blank = strchr(blank, ' ')) {
        *blank = '-';
    }
    gorctl_candidate(at, dashed, NULL);
    free(dashed);
}

static void print_states(const struct gorctl_candidates *at)
{
    for (int state = 1; state < STATE_WORDS; state++) {
        print_dashed(at, gorctl_state_word((Gor__V1__JobState)state));
    }
}

static void print_waited_states(const struct gorctl_candidates *at)
{
    for (int state = 1; state < GOR__V1__JOB_STATE__TERMINATED; state++) {
        print_dashed(at, gorctl_state_word((Gor__V1__JobState)state));
    }
}

static void print_outcomes(const struct gorctl_candidates *at)
{
    for (int outcome = 1; outcome <= GOR__V1__OUTCOME__EXPIRED; outcome++) {
        print_dashed(at, gorctl_outcome_word((Gor__V1__Outcome)outcome));
    }
    print_dashed(at, GORCTL_OUTCOME_BAD);
}

static void print_kinds(const struct gorctl_candidates *at)
{
    for (int kind = 1; kind <= GOR__V1__SELECTOR__KIND__ARRAY; kind++) {
        const char *word = gorctl_kind_word((Gor__V1__Selector__Kind)kind);
        if (word != NULL) {
            gorctl_candidate(at, word, NULL);
        }
    }
}

static void print_columns(const struct gorctl_candidates *at)
{
    const char *shows;
    const char *name;
    for (size_t i = 0; (name = gorctl_columns_name(i, &shows)) != NULL; i++) {
        gorctl_candidate(at, name, shows);
    }
}

static void print_limits(const struct gorctl_candidates *at)
{
    const char *name;
    for (size_t i = 0; (name = gorctl_limits_name(i)) != NULL; i++) {
        char *begun = gorctl_format("%s=", name);
        gorctl_candidate(at, begun, NULL);
        free(begun);
    }
}

static void print_io_classes(const struct gorctl_candidates *at)
{
    for (int i = GOR__V1__IO_CLASS__IO_CLASS_REALTIME; i <= GOR__V1__IO_CLASS__IO_CLASS_IDLE; i++) {
        gorctl_candidate(at, gorctl_ionice_name((Gor__V1__IoClass)i), NULL);
    }
}

static void print_signals(const struct gorctl_candidates *at)
{
    for (int number = 1; number < 32; number++) {
        const char *name = sigabbrev_np(number);
        if (name != NULL) {
            gorctl_candidate(at, name, sigdescr_np(number));
        }
    }
}

/* What stands before the first colon; behind it the id is next. */
static void print_conditions(const struct gorctl_candidates *at, bool of_arrays)
{
    struct gorctl_candidates id = *at;
    const char *colon = strchr(at->word + at->head, ':');
    if (colon != NULL) {
        id.head = (size_t)(colon + 1 - at->word);
    } else {
        gorctl_candidate(at, "ok:", "once it has succeeded");
        gorctl_candidate(at, "any:", "once it has ended");
        gorctl_candidate(at, "notok:", "once it has failed");
        gorctl_candidate(at, "start:", "once it has started");
        if (of_arrays) {
            gorctl_candidate(at, "corr:", "each task once that of the same index has succeeded");
        }
        (void)fflush(stdout); /* the daemon may take too long */
    }
    gorctl_live_all_jobs(&id);
}

static void print_after(const struct gorctl_candidates *at)
{
    print_conditions(at, true);
}

static void print_after_of_one(const struct gorctl_candidates *at)
{
    print_conditions(at, false);
}

static void print_zones(const struct gorctl_candidates *at)
{
    char line[256];
    FILE *file = fopen("/usr/share/zoneinfo/zone1970.tab", "re");
    gorctl_candidate(at, "UTC", NULL);
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *rest = line;
        (void)strsep(&rest, "\t");
        (void)strsep(&rest, "\t");
        const char *zone = strsep(&rest, "\t\n");
        if (line[0] != '#' && zone != NULL) {
            gorctl_candidate(at, zone, NULL);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static void print_commands(const struct gorctl_candidates *at)
{
    for (const struct gorctl_command *command = gorctl_commands; command->name != NULL; command++) {
        if (command->summary != NULL) {
            gorctl_candidate(at, command->name, command->summary);
        }
    }
}

/* ---------------------------------------------------------------- which */

struct row {
    const char *shown;   /* the first row that fits counts */
    const char *option;  /* NULL: any, and arguments */
    const char *command; /* NULL: any */
    enum gorctl_candidate_kind kind;
    print_all *print; /* NULL unless the kind is WORDS */
    bool list;        /* commas between values */
    bool open;        /* a value may go on: no blank behind it */
};

#define FREE(shown)                                                   \
    {                                                                 \
        shown, NULL, NULL, GORCTL_CANDIDATES_FREE, NULL, false, false \
    }
#define KIND(shown, option, command, kind)               \
    {                                                    \
        shown, option, command, kind, NULL, false, false \
    }
#define WORDS(shown, option, command, print)                                 \
    {                                                                        \
        shown, option, command, GORCTL_CANDIDATES_WORDS, print, false, false \
    }
#define LIST(shown, option, command, print)                                \
    {                                                                      \
        shown, option, command, GORCTL_CANDIDATES_WORDS, print, true, true \
    }
#define OPEN(shown, option, command, print)                                 \
    {                                                                       \
        shown, option, command, GORCTL_CANDIDATES_WORDS, print, false, true \
    }

/* clang-format off */
static const struct row rows[] = {
    WORDS("NAME", "queue", NULL, gorctl_live_queues),
    KIND("NAME", "name", "dump", GORCTL_CANDIDATES_FREE),
    WORDS("NAME", "name", NULL, gorctl_live_names),
    WORDS("TEXT", "name", NULL, gorctl_live_names),
    WORDS("NAME", NULL, "cron", gorctl_live_crons),
    WORDS("QUEUE", NULL, NULL, gorctl_live_queues),
    WORDS("POOL", NULL, NULL, gorctl_live_pools),
    OPEN("POOL[=N]", NULL, NULL, gorctl_live_pools),
    WORDS("RATE", NULL, NULL, gorctl_live_rates),
    OPEN("RATE[/KEY][=N]", NULL, NULL, gorctl_live_rates),
    WORDS("CONTEXT", NULL, NULL, gorctl_live_contexts),
    WORDS("FUNCTION", NULL, NULL, gorctl_live_functions),
    WORDS("KEY", "unset-label", NULL, gorctl_live_label_keys),
    OPEN("KEY[=VALUE]", NULL, NULL, gorctl_live_labels),
    OPEN("KEY=VALUE", NULL, NULL, gorctl_live_labels),
    LIST("[HOW:]ID...", NULL, "update", print_after_of_one),
    LIST("[HOW:]ID...", NULL, NULL, print_after),
    KIND("ID", "goroutine", NULL, GORCTL_CANDIDATES_FREE),
    KIND("ID", "from-id", NULL, GORCTL_CANDIDATES_FREE),
    KIND("ID", "before", NULL, GORCTL_CANDIDATES_FREE),
    WORDS("ID", "parent", "submit", gorctl_live_jobs),
    WORDS("ID", "parent", "run", gorctl_live_jobs),
    WORDS("ID", "parent", "lua", gorctl_live_jobs),
    WORDS("ID", "parent", "cron", gorctl_live_jobs),
    WORDS("ID", "parent", NULL, gorctl_live_all_jobs), /* of a selector: one that has ended, too */
    WORDS("ID", NULL, "cancel", gorctl_live_jobs),
    WORDS("ID", NULL, "terminate", gorctl_live_jobs),
    WORDS("ID", NULL, "wait", gorctl_live_jobs),
    WORDS("ID", NULL, "pause", gorctl_live_jobs),
    WORDS("ID", NULL, "resume", gorctl_live_jobs),
    WORDS("ID", NULL, "send", gorctl_live_jobs),
    WORDS("ID", NULL, "signal", gorctl_live_jobs),
    WORDS("ID", NULL, "hold", gorctl_live_jobs),
    WORDS("ID", NULL, "release", gorctl_live_jobs),
    WORDS("ID", NULL, "update", gorctl_live_jobs),
    WORDS("ID", NULL, "why", gorctl_live_jobs),
    WORDS("ID", NULL, "watch", gorctl_live_jobs),
    WORDS("ID", NULL, "rm", gorctl_live_ended_jobs),
    WORDS("ID", NULL, "retry", gorctl_live_ended_jobs),
    WORDS("ID", NULL, "history", gorctl_live_ended_jobs),
    WORDS("ID", NULL, NULL, gorctl_live_all_jobs),
    LIST("LIST", "columns", NULL, print_columns),
    LIST("LIST", "state", NULL, print_states),
    LIST("LIST", "for", "wait", print_waited_states),
    LIST("LIST", "outcome", NULL, print_outcomes),
    LIST("LIST", "kind", NULL, print_kinds),
    LIST("LIST", "signal", NULL, print_signals),
    LIST("LIST", "limit", NULL, print_limits),
    FREE("LIST"),
    WORDS("STATE", NULL, "dump", print_goroutine_states),
    WORDS("SIGNAL", NULL, NULL, print_signals),
    OPEN("CLASS", "ionice", NULL, print_io_classes),
    WORDS("KIND", NULL, "profile", print_profiles),
    WORDS("HOW", "live", NULL, print_live_how),
    WORDS("POLICY", "missed", NULL, print_missed),
    WORDS("POLICY", "overlap", NULL, print_overlap),
    WORDS("POLICY", "gap", NULL, print_gap),
    WORDS("POLICY", "repeat", NULL, print_repeat),
    WORDS("POLICY", "on-conflict", NULL, print_conflict),
    WORDS("POLICY", "on-stop", NULL, print_on_stop),
    WORDS("POLICY", "on-stuck", NULL, print_on_stuck),
    WORDS("ROLE", NULL, NULL, print_roles),
    LIST("WHOSE", "fair", NULL, print_fair),
    WORDS("ZONE", NULL, NULL, print_zones),
    WORDS("COMMAND", NULL, "help", print_commands),
    KIND("COMMAND", NULL, NULL, GORCTL_CANDIDATES_COMMAND),
    KIND("FILE", NULL, NULL, GORCTL_CANDIDATES_FILES),
    KIND("ADDRESS", NULL, NULL, GORCTL_CANDIDATES_FILES), /* a socket's path */
    KIND("WORD", "on-finish", NULL, GORCTL_CANDIDATES_FILES),
    KIND("ARGUMENT", NULL, NULL, GORCTL_CANDIDATES_FILES),
    KIND("DIR", NULL, NULL, GORCTL_CANDIDATES_FOLDERS),
    FREE("BYTES"), FREE("CODES"), FREE("COUNT"), FREE("DURATION"), FREE("EXPRESSION"), FREE("HEX"), FREE("HOST"),
    FREE("INDICES[%N]"), FREE("KEY"), FREE("KEY=WEIGHT"), FREE("MASK"), FREE("N"), FREE("N/UNIT"), FREE("NUMBER"), FREE("UID"), FREE("URL"), FREE("USER"), FREE("NAME[=VALUE]"), FREE("NEW-NAME"),
    FREE("PATTERNS"), FREE("PERCENT"), FREE("REASON"), FREE("SHARE"), FREE("SLOTS"), FREE("TEMPLATE"), FREE("TEXT"),
    FREE("TIME"), FREE("TOKENS"), FREE("[fixed:]FIRST[..MOST]"),
};
/* clang-format on */

static bool fits(const char *wanted, const char *given)
{
    return wanted == NULL || (given != NULL && strcmp(wanted, given) == 0);
}

static const struct row *find_row(const char *command, const char *option, const char *shown)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].shown, shown) == 0 && fits(rows[i].option, option) &&
            fits(rows[i].command, command)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A word of its own, as "create" or "bash". */
static bool is_literal(const char *shown)
{
    return islower((unsigned char)shown[0]) != 0;
}

enum gorctl_candidate_kind gorctl_candidates_kind(const char *command, const char *option,
                                                  const char *shown)
{
    const struct row *row = find_row(command, option, shown);
    if (row != NULL) {
        return row->kind;
    }
    return is_literal(shown) ? GORCTL_CANDIDATES_WORDS
           : shown[0] == '-' ? GORCTL_CANDIDATES_FREE
                             : GORCTL_CANDIDATES_UNKNOWN;
}

void gorctl_candidates_print(struct gorctl_candidates *at, const char *option, const char *shown,
                             bool begun)
{
    const struct row *row = find_row(at->command, option, shown);
    if (!begun) {
        puts(row != NULL && row->open ? "nospace" : "words");
    }
    if (row == NULL) {
        gorctl_candidate(at, shown, NULL);
        return;
    }
    struct gorctl_candidates inside = *at;
    const char *comma = row->list ? strrchr(at->word + at->head, ',') : NULL;
    if (comma != NULL) {
        inside.head = (size_t)(comma + 1 - at->word);
    }
    row->print(&inside);
}
