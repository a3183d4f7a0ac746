/* SPDX-License-Identifier: MIT */
/* completion.c - see completion.h: the words up to the cursor, walked as argp would. */
#include "client/completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/candidates.h"
#include "client/exits.h"
#include "client/expected.h"
#include "client/options.h"
#include "client/text.h"
#include "client/verbs.h"

/* An option, and the table it stands in. */
struct known {
    const struct argp_option *option;
    const struct argp_option *real; /* of an alias, what it stands for */
    const struct argp *owner;
};

struct walk {
    struct gorctl *ctl;
    const struct gorctl_completion *completion;
    struct known *known; /* owned */
    size_t known_count;
    const struct known *pending; /* the next word is its value; NULL: none is awaited */
    bool only_arguments;         /* "--" has come */
    bool in_order;               /* the first argument ends the options */
    struct gorctl_expected expected;
};

static void end(void)
{
    exit(gorctl_finish_output(GORCTL_EXIT_OK));
}

/* -------------------------------------------------------------- options */

static void add_options(struct walk *walk, const struct argp *argp)
{
    const struct argp_option *real = NULL;
    const struct argp_option *option = argp->options;
    for (; option != NULL &&
           (option->name != NULL || option->key != 0 || option->doc != NULL || option->group != 0);
         option++) {
        real = (option->flags & OPTION_ALIAS) != 0 ? real : option;
        if ((option->flags & OPTION_DOC) == 0 && (option->name != NULL || option->key != 0)) {
            walk->known = gorctl_grow(walk->known, walk->known_count + 1, sizeof(*walk->known));
            walk->known[walk->known_count++] = (struct known){option, real, argp};
        }
    }
    for (const struct argp_child *child = argp->children; child != NULL && child->argp != NULL;
         child++) {
        add_options(walk, child->argp);
    }
}

/* The text of the first of them that has one. */
static const char *find_args_doc(const struct argp *argp)
{
    const char *found = argp->args_doc;
    for (const struct argp_child *child = argp->children;
         found == NULL && child != NULL && child->argp != NULL; child++) {
        found = find_args_doc(child->argp);
    }
    return found;
}

/* A long option by its name or the beginning of no other. */
static const struct known *find_long(const struct walk *walk, const char *name, size_t length)
{
    const struct known *found = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < walk->known_count; i++) {
        const char *other = walk->known[i].option->name;
        if (other != NULL && strncmp(other, name, length) == 0) {
            if (other[length] == '\0') {
                return &walk->known[i];
            }
            found = &walk->known[i];
            count++;
        }
    }
    return count == 1 ? found : NULL;
}

static const struct known *find_short(const struct walk *walk, char letter)
{
    for (size_t i = 0; i < walk->known_count; i++) {
        if (walk->known[i].option->key == letter) {
            return &walk->known[i];
        }
    }
    return NULL;
}

static bool takes_value(const struct known *known)
{
    return known->real->arg != NULL && (known->real->flags & OPTION_ARG_OPTIONAL) == 0;
}

/* What says where the daemon is holds for us as well. */
static void obey(const struct walk *walk, const struct known *known, char *value)
{
    struct argp_state state = {.input = walk->ctl};
    if (known->owner == &gorctl_connection_argp && known->real->arg != NULL) {
        (void)gorctl_connection_argp.parser(known->real->key, value, &state);
    }
}

/* The option that a word is, or ends with; *out_value is its value, if that is in the word too. */
static const struct known *read_option(struct walk *walk, char *word, char **out_value)
{
    *out_value = NULL;
    if (word[1] == '-') {
        char *equals = strchr(word, '=');
        size_t length = equals != NULL ? (size_t)(equals - word - 2) : strlen(word + 2);
        *out_value = equals != NULL ? equals + 1 : NULL;
        return find_long(walk, word + 2, length);
    }
    const struct known *known = NULL;
    for (char *letter = word + 1; *letter != '\0'; letter++) {
        known = find_short(walk, *letter);
        if (known == NULL || takes_value(known)) {
            *out_value = known != NULL && letter[1] != '\0' ? letter + 1 : NULL;
            return known;
        }
    }
    return known;
}

/* ---------------------------------------------------------------- words */

static bool is_option(struct walk *walk, const char *word)
{
    return !walk->only_arguments && word[0] == '-' && word[1] != '\0' &&
           !(walk->in_order && gorctl_expects_rest(&walk->expected));
}

/* A word before the cursor. */
static void pass(struct walk *walk, char *word)
{
    char *value;
    if (walk->pending != NULL) {
        obey(walk, walk->pending, word);
        walk->pending = NULL;
    } else if (!walk->only_arguments && strcmp(word, "--") == 0) {
        walk->only_arguments = true;
    } else if (is_option(walk, word)) {
        const struct known *known = read_option(walk, word, &value);
        if (known == NULL) {
            return;
        }
        gorctl_expected_option(&walk->expected, known->real->name, known->real->key);
        if (value != NULL) {
            obey(walk, known, value);
        } else if (takes_value(known)) {
            walk->pending = known;
        }
    } else {
        gorctl_expected_pass(&walk->expected, word);
    }
}

/* A few words of what --help says: its first clause. */
static void offer_option(const struct gorctl_candidates *at, const struct known *known)
{
    const char *doc = known->real->doc != NULL ? known->real->doc : "";
    static const char *const stops[] = {"; ", ". ", " (", ": "};
    size_t length = strlen(doc);
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        const char *stop = strstr(doc, stops[i]);
        length = stop != NULL && (size_t)(stop - doc) < length ? (size_t)(stop - doc) : length;
    }
    char *about = gorctl_copy(doc, length);
    char *name = gorctl_format("--%s", known->option->name);
    gorctl_candidate(at, name, about);
    free(name);
    free(about);
}

static void offer_options(const struct walk *walk, const struct gorctl_candidates *at)
{
    puts("words");
    for (size_t i = 0; i < walk->known_count; i++) {
        const struct known *known = &walk->known[i];
        if (known->option->name != NULL && (known->option->flags & OPTION_HIDDEN) == 0 &&
            (known->real->flags & OPTION_HIDDEN) == 0) {
            offer_option(at, known);
        }
    }
}

static void offer_kind(struct gorctl_candidates *at, const char *option, const char *shown,
                       size_t index, bool begun)
{
    switch (gorctl_candidates_kind(at->command, option, shown)) {
    case GORCTL_CANDIDATES_FILES:
        puts("files");
        return;
    case GORCTL_CANDIDATES_FOLDERS:
        puts("folders");
        return;
    case GORCTL_CANDIDATES_COMMAND:
        printf("command %zu\n", index + 1);
        return;
    case GORCTL_CANDIDATES_WORDS:
        gorctl_candidates_print(at, option, shown, begun);
        return;
    case GORCTL_CANDIDATES_FREE:
        fputs(begun ? "" : "words\n", stdout);
        return;
    default:
        return;
    }
}

/* The word at the cursor is an argument. */
static void offer_argument(struct walk *walk, struct gorctl_candidates *at, size_t index)
{
    size_t count = gorctl_expected_now(&walk->expected);
    for (size_t i = 0; i < count; i++) {
        offer_kind(at, NULL, walk->expected.now[i], index, i > 0);
    }
}

static void offer(struct walk *walk, size_t index)
{
    char *word = walk->completion->words[index];
    struct gorctl_candidates at = {
        .ctl = walk->ctl, .command = walk->completion->command, .word = word};
    char *value = NULL;
    if (walk->pending != NULL) {
        offer_kind(&at, walk->pending->real->name, walk->pending->real->arg, index, false);
        return;
    }
    if (!walk->only_arguments && word[0] == '-' &&
        !(walk->in_order && gorctl_expects_rest(&walk->expected))) {
        const struct known *known = word[1] != '\0' ? read_option(walk, word, &value) : NULL;
        if (value != NULL && known != NULL && known->real->arg != NULL) {
            at.head = (size_t)(value - word);
            offer_kind(&at, known->real->name, known->real->arg, index, false);
        } else {
            offer_options(walk, &at);
        }
        return;
    }
    offer_argument(walk, &at, index);
}

/* ---------------------------------------------------------------- begin */

/* All words but the last; that of a command, where a command begins. */
static size_t pass_all(struct walk *walk)
{
    const struct gorctl_completion *completion = walk->completion;
    size_t index = completion->at;
    for (; index + 1 < completion->count; index++) {
        char *word = completion->words[index];
        if (walk->pending == NULL && strcmp(word, "--") != 0 && !is_option(walk, word) &&
            gorctl_expects_command(&walk->expected)) {
            break;
        }
        pass(walk, word);
    }
    return index;
}

static void begin(struct walk *walk, struct gorctl *ctl, const struct gorctl_completion *completion,
                  const struct argp *argp)
{
    *walk = (struct walk){.ctl = ctl, .completion = completion};
    add_options(walk, argp);
    gorctl_expected_init(&walk->expected, find_args_doc(argp));
}

void gorctl_completion_offer(struct gorctl *ctl, const struct argp_state *state)
{
    struct walk walk;
    if (ctl->completion == NULL) {
        return;
    }
    begin(&walk, ctl, ctl->completion, state->root_argp);
    walk.in_order = (state->flags & ARGP_IN_ORDER) != 0;
    size_t index = pass_all(&walk);
    if (index + 1 < ctl->completion->count) {
        printf("command %zu\n", index + 1);
    } else {
        offer(&walk, index);
    }
    free(walk.known);
    gorctl_expected_fini(&walk.expected);
    end();
}

void gorctl_completion_offer_verbs(struct gorctl *ctl, const struct gorctl_verbs *verbs)
{
    struct gorctl_completion *completion = ctl->completion;
    if (completion == NULL) {
        return;
    }
    const char *word = completion->words[completion->at];
    if (word[0] == '-') {
        (void)verbs->without(ctl, 1, (char *[]){(char *)"gorctl", NULL});
        end();
    }
    bool at_cursor = completion->at + 1 == completion->count;
    struct gorctl_candidates at = {.ctl = ctl, .command = completion->command, .word = word};
    if (at_cursor) {
        puts("words");
    }
    for (const struct gorctl_verb *verb = verbs->verbs; verb->name != NULL; verb++) {
        if (at_cursor) {
            gorctl_candidate(&at, verb->name, verb->about);
        } else if (strcmp(word, verb->name) == 0) {
            completion->at++;
            (void)verb->run(ctl, 1, (char *[]){(char *)"gorctl", NULL});
        }
    }
    end();
}

void gorctl_completion_offer_commands(struct gorctl *ctl)
{
    const struct gorctl_completion *completion = ctl->completion;
    if (completion == NULL) {
        return;
    }
    if (completion->at + 1 == completion->count) {
        struct gorctl_candidates at = {
            .ctl = ctl, .command = "help", .word = completion->words[completion->at]};
        gorctl_candidates_print(&at, NULL, "COMMAND", false);
    }
    end();
}

/* The command among the words: its index, or that of the last when the cursor comes first. */
static size_t find_command(struct walk *walk)
{
    const struct gorctl_completion *completion = walk->completion;
    size_t index = 0;
    while (index + 1 < completion->count &&
           (walk->pending != NULL || completion->words[index][0] == '-')) {
        pass(walk, completion->words[index++]);
    }
    return index;
}

void gorctl_complete(struct gorctl *ctl, char **words, size_t count)
{
    struct gorctl_completion completion = {.words = words, .count = count, .command = "help"};
    struct walk walk;
    begin(&walk, ctl, &completion, &gorctl_front_argp);
    size_t index = find_command(&walk);
    if (index + 1 == count) {
        offer(&walk, index);
    }
    free(walk.known);
    gorctl_expected_fini(&walk.expected);
    const struct gorctl_command *command = gorctl_find_command(words[index]);
    if (index + 1 == count || command == NULL) {
        end();
    }
    completion.command = command->name;
    completion.at = index + 1;
    ctl->completion = &completion;
    (void)command->run(ctl, 1, (char *[]){(char *)"gorctl", NULL});
    /* All commands come to gorctl_completion_offer() first. */
    exit(GORCTL_EXIT_INTERNAL);
}
