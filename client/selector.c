/* SPDX-License-Identifier: MIT */
/* selector.c - see selector.h: the words, and their form on the wire. */
#include "client/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/text.h"
#include "client/whom.h"

enum { KEY_STATE = 0x4000, KEY_OUTCOME, KEY_NAME, KEY_MINE, KEY_SINCE, KEY_UNTIL, KEY_EXIT_CODE };
enum { KEY_ENDED_SINCE = KEY_EXIT_CODE + 1, KEY_ENDED_UNTIL, KEY_OWNER, KEY_KIND, KEY_PARENT };

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Every job that the command can be about", 1},
    {"queue", 'q', "NAME", 0, "Only jobs of this queue", 2},
    {"label", 'l', "KEY[=VALUE]", 0,
     "Only jobs with this label; may be repeated, all must be there", 2},
    {"state", KEY_STATE, "LIST", 0,
     "Only jobs in these states: created, runnable, running, waiting, terminated", 2},
    {"outcome", KEY_OUTCOME, "LIST", 0,
     "Only jobs that ended so: succeeded, failed, signaled, timed-out, cancelled, lost, "
     "spawn-error (shown as not started), panicked, oom-killed, dependency-failed, expired; or "
     "bad: all of them but succeeded and cancelled",
     2},
    {"exit-code", KEY_EXIT_CODE, "LIST", 0, "Only jobs that ended with one of these codes", 2},
    {"kind", KEY_KIND, "LIST", 0, "Only jobs of these kinds: exec, native, lua, array", 2},
    {"parent", KEY_PARENT, "ID", 0,
     "Only jobs right below job ID: its children, or the tasks of an array", 2},
    {"name", KEY_NAME, "TEXT", 0, "Only jobs whose names contain TEXT", 2},
    {"mine", KEY_MINE, NULL, 0, "Only jobs that your user handed in", 2},
    {"owner", KEY_OWNER, "USER", 0, "Only jobs that this user handed in, by name or number", 2},
    {"since", KEY_SINCE, "TIME", 0, "Only jobs handed in at TIME or later (today, 2h, 2026-03-01)",
     2},
    {"until", KEY_UNTIL, "TIME", 0, "Only jobs handed in before TIME", 2},
    {"ended-since", KEY_ENDED_SINCE, "TIME", 0, "Only jobs that ended at TIME or later", 2},
    {"ended-until", KEY_ENDED_UNTIL, "TIME", 0, "Only jobs that ended before TIME", 2},
    {0},
};

/* ---------------------------------------------------------------- words */

/* Call take(state, selector, word) for each of the words with commas between them. */
static void each_word(struct argp_state *state, char *words,
                      void (*take)(struct argp_state *state, struct gorctl_selector *selector,
                                   const char *word))
{
    char *rest;
    for (char *word = strtok_r(words, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        take(state, state->input, word);
    }
}

static void need_room(struct argp_state *state, const char *option, size_t count)
{
    if (count == GORCTL_SELECTOR_WORDS) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s: at most %d are taken", option,
                     GORCTL_SELECTOR_WORDS);
    }
}

static void need_text(struct argp_state *state, const char *option, const char *text)
{
    if (text[0] == '\0' || !gorctl_utf8_valid(text, strlen(text))) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s must be UTF-8 text, and not empty", option);
    }
}

static void add_state(struct argp_state *state, struct gorctl_selector *selector, const char *word)
{
    Gor__V1__JobState job_state = GOR__V1__JOB_STATE__JOB_STATE_UNSPECIFIED;
    need_room(state, "--state", selector->state_count);
    if (!gorctl_state_parse(word, &job_state)) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--state: '%s' is no state; they are created, runnable, running, waiting, "
                     "terminated",
                     word);
    }
    selector->states[selector->state_count++] = job_state;
}

/* Each outcome needs its place once, so there is room for all of them. */
static void put_outcome(struct gorctl_selector *selector, Gor__V1__Outcome outcome)
{
    _Static_assert((int)GOR__V1__OUTCOME__EXPIRED <= (int)GORCTL_SELECTOR_WORDS, "all fit");
    for (size_t i = 0; i < selector->outcome_count; i++) {
        if (selector->outcomes[i] == outcome) {
            return;
        }
    }
    selector->outcomes[selector->outcome_count++] = outcome;
}

/* How a job ended that somebody has to look at: nobody wanted that end. */
static void add_bad_outcomes(struct gorctl_selector *selector)
{
    for (int outcome = 1; outcome <= GOR__V1__OUTCOME__EXPIRED; outcome++) {
        if (outcome != GOR__V1__OUTCOME__SUCCEEDED && outcome != GOR__V1__OUTCOME__CANCELLED) {
            put_outcome(selector, (Gor__V1__Outcome)outcome);
        }
    }
}

static void add_outcome(struct argp_state *state, struct gorctl_selector *selector,
                        const char *word)
{
    Gor__V1__Outcome outcome = GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
    if (strcmp(word, GORCTL_OUTCOME_BAD) == 0) {
        add_bad_outcomes(selector);
        return;
    }
    if (!gorctl_outcome_parse(word, &outcome)) {
        argp_failure(
            state, GORCTL_EXIT_USAGE, 0,
            "--outcome: '%s' is no outcome; they are succeeded, failed, signaled, "
            "timed-out, cancelled, lost, spawn-error or not-started, panicked, oom-killed, "
            "dependency-failed, expired; or bad, which is all of them but succeeded and "
            "cancelled",
            word);
    }
    put_outcome(selector, outcome);
}

static void add_exit_code(struct argp_state *state, struct gorctl_selector *selector,
                          const char *word)
{
    need_room(state, "--exit-code", selector->exit_code_count);
    uint64_t code = gorctl_option_number(state, "--exit-code", word);
    if (code > INT32_MAX) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--exit-code: '%s' is too large", word);
    }
    selector->exit_codes[selector->exit_code_count++] = (int32_t)code;
}

static void add_kind(struct argp_state *state, struct gorctl_selector *selector, const char *word)
{
    Gor__V1__Selector__Kind kind = GOR__V1__SELECTOR__KIND__KIND_UNSPECIFIED;
    need_room(state, "--kind", selector->kind_count);
    if (!gorctl_kind_parse(word, &kind)) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--kind: '%s' is no kind of job; they are exec, native, lua, array", word);
    }
    selector->kinds[selector->kind_count++] = kind;
}

static void set_parent(struct argp_state *state, struct gorctl_selector *selector, const char *text)
{
    selector->parent_id = gorctl_option_number(state, "--parent", text);
    if (selector->parent_id == 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--parent: 0 is no job; give the id of one, which is 1 or more");
    }
}

static void add_label(struct argp_state *state, struct gorctl_selector *selector, const char *text)
{
    need_room(state, "--label", selector->label_count);
    need_text(state, "--label", text);
    if (text[0] == '=') {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--label: '%s' has no key; write KEY or KEY=VALUE", text);
    }
    selector->labels[selector->label_count++] = text;
}

static error_t parse_time(int key, const char *arg, struct argp_state *state)
{
    struct gorctl_selector *selector = state->input;
    switch (key) {
    case KEY_SINCE:
        selector->since_ns = gorctl_option_time(state, "--since", arg);
        return 0;
    case KEY_UNTIL:
        selector->until_ns = gorctl_option_time(state, "--until", arg);
        return 0;
    case KEY_ENDED_SINCE:
        selector->ended_since_ns = gorctl_option_time(state, "--ended-since", arg);
        return 0;
    case KEY_ENDED_UNTIL:
        selector->ended_until_ns = gorctl_option_time(state, "--ended-until", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gorctl_selector *selector = state->input;
    switch (key) {
    case 'a':
        selector->all = true;
        return 0;
    case 'q':
        need_text(state, "--queue", arg);
        selector->queue = arg;
        return 0;
    case 'l':
        add_label(state, selector, arg);
        return 0;
    case KEY_STATE:
        each_word(state, arg, add_state);
        return 0;
    case KEY_OUTCOME:
        each_word(state, arg, add_outcome);
        return 0;
    case KEY_EXIT_CODE:
        each_word(state, arg, add_exit_code);
        return 0;
    case KEY_KIND:
        each_word(state, arg, add_kind);
        return 0;
    case KEY_PARENT:
        set_parent(state, selector, arg);
        return 0;
    case KEY_NAME:
        need_text(state, "--name", arg);
        selector->name = arg;
        return 0;
    case KEY_MINE:
        selector->mine = true;
        return 0;
    case KEY_OWNER:
        selector->owner_plus_1 = (uint64_t)gorctl_option_user(state, "--owner", arg) + 1;
        return 0;
    case ARGP_KEY_END:
        if (selector->mine && selector->owner_plus_1 != 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--mine and --owner: give one of them");
        }
        return 0;
    case ARGP_KEY_ARG:
        gorctl_ids_argument(state, &selector->ids, arg);
        return 0;
    default:
        return parse_time(key, arg, state);
    }
}

const struct argp gorctl_selector_argp = {.options = options, .parser = parse};

const struct argp_child gorctl_selector_children[] = {
    {&gorctl_connection_argp, 0, "Connection:", 10},
    {&gorctl_format_argp, 0, NULL, 0},
    {&gorctl_selector_argp, 0, "Which jobs:", 1},
    {0},
};

bool gorctl_selector_is_ids(const struct gorctl_selector *selector)
{
    return selector->ids.count > 0 && selector->queue == NULL && selector->name == NULL &&
           selector->label_count == 0 && selector->state_count == 0 &&
           selector->outcome_count == 0 && selector->exit_code_count == 0 &&
           selector->kind_count == 0 && selector->parent_id == 0 && selector->since_ns == 0 &&
           selector->until_ns == 0 && selector->ended_since_ns == 0 &&
           selector->ended_until_ns == 0 && !selector->mine && selector->owner_plus_1 == 0;
}

bool gorctl_selector_is_all(const struct gorctl_selector *selector)
{
    struct gorctl_selector rest = *selector;
    rest.all = false;
    return selector->all && gorctl_selector_is_empty(&rest);
}

bool gorctl_selector_is_queue(const struct gorctl_selector *selector)
{
    struct gorctl_selector rest = *selector;
    rest.queue = NULL;
    return selector->queue != NULL && gorctl_selector_is_empty(&rest);
}

bool gorctl_selector_is_empty(const struct gorctl_selector *selector)
{
    struct gorctl_selector with_id = *selector;
    with_id.ids.count = 1;
    return selector->ids.count == 0 && !selector->all && gorctl_selector_is_ids(&with_id);
}

void gorctl_selector_fini(struct gorctl_selector *selector)
{
    gorctl_ids_fini(&selector->ids);
    *selector = (struct gorctl_selector){0};
}

/* ----------------------------------------------------------------- wire */

/* Ids that follow each other become one range. */
static void put_ids(const struct gorctl_ids *ids, Gor__V1__Selector *message)
{
    Gor__V1__IdRange *range = NULL;
    for (size_t i = 0; i < ids->count; i++) {
        if (range != NULL && ids->ids[i] == range->last + 1) {
            range->last++;
            continue;
        }
        range = gorctl_alloc(sizeof(*range));
        gor__v1__id_range__init(range);
        range->first = range->last = ids->ids[i];
        message->ids = gorctl_grow(message->ids, message->n_ids + 1, sizeof(Gor__V1__IdRange *));
        message->ids[message->n_ids++] = range;
    }
}

static void put_labels(const struct gorctl_selector *selector, Gor__V1__Selector *message)
{
    message->labels = gorctl_alloc(selector->label_count * sizeof(Gor__V1__LabelMatch *) + 1);
    for (size_t i = 0; i < selector->label_count; i++) {
        const char *text = selector->labels[i];
        const char *equals = strchr(text, '=');
        Gor__V1__LabelMatch *label = gorctl_alloc(sizeof(*label));
        gor__v1__label_match__init(label);
        label->key = gorctl_strdup(text);
        label->key[equals != NULL ? equals - text : (ptrdiff_t)strlen(text)] = '\0';
        label->any_value = equals == NULL;
        if (equals != NULL) {
            label->value = gorctl_strdup(equals + 1);
        }
        message->labels[message->n_labels++] = label;
    }
}

Gor__V1__Selector *gorctl_selector_message(const struct gorctl_selector *selector)
{
    Gor__V1__Selector *message = gorctl_alloc(sizeof(*message));
    gor__v1__selector__init(message);
    put_ids(&selector->ids, message);
    put_labels(selector, message);
    if (selector->queue != NULL) {
        message->queue = gorctl_strdup(selector->queue);
    }
    if (selector->name != NULL) {
        message->name_contains = gorctl_strdup(selector->name);
    }
    message->n_states = selector->state_count;
    message->states =
        gorctl_copy(selector->states, selector->state_count * sizeof(selector->states[0]));
    message->n_outcomes = selector->outcome_count;
    message->outcomes =
        gorctl_copy(selector->outcomes, selector->outcome_count * sizeof(selector->outcomes[0]));
    message->n_exit_codes = selector->exit_code_count;
    message->exit_codes = gorctl_copy(selector->exit_codes,
                                      selector->exit_code_count * sizeof(selector->exit_codes[0]));
    message->n_kinds = selector->kind_count;
    message->kinds =
        gorctl_copy(selector->kinds, selector->kind_count * sizeof(selector->kinds[0]));
    message->parent_id = selector->parent_id;
    message->created_from_ns = selector->since_ns;
    message->created_to_ns = selector->until_ns;
    message->finished_from_ns = selector->ended_since_ns;
    message->finished_to_ns = selector->ended_until_ns;
    message->mine = selector->mine;
    message->owner_plus_1 = selector->owner_plus_1;
    message->all = selector->all;
    return message;
}

struct gorctl_selection gorctl_selector_select(const struct gorctl_selector *selector,
                                               bool takes_all)
{
    struct gorctl_selection selection = {0};
    if (gorctl_selector_is_ids(selector)) {
        selection.ids = selector->ids.ids;
        selection.count = selector->ids.count;
    } else if (takes_all && gorctl_selector_is_all(selector)) {
        selection.all = true;
    } else {
        selection.message = gorctl_selector_message(selector);
    }
    return selection;
}

void gorctl_selection_fini(struct gorctl_selection *selection)
{
    if (selection->message != NULL) {
        gor__v1__selector__free_unpacked(selection->message, NULL);
        selection->message = NULL;
    }
}
