/* SPDX-License-Identifier: MIT */
/* cmd_context.c - `gorctl context`: names for daemons, here and elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "client/address.h"
#include "client/alloc.h"
#include "client/choice.h"
#include "client/context_file.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/options.h"
#include "client/table.h"
#include "client/text.h"
#include "client/verbs.h"

enum { KEY_REPLACE = 0x3000, KEY_USE, KEY_NONE };

struct arguments {
    struct gorctl *ctl;
    const char *names[2];
    unsigned most; /* names */
    bool replace, use, none;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num >= arguments->most) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected", arg);
        }
        arguments->names[state->arg_num] = arg;
        return 0;
    case KEY_REPLACE:
        arguments->replace = true;
        return 0;
    case KEY_USE:
        arguments->use = true;
        return 0;
    case KEY_NONE:
        arguments->none = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int need(unsigned count, const struct arguments *arguments)
{
    if (count > 0 && arguments->names[0] == NULL) {
        gorctl_say("the name of a context is needed; `gorctl context ls` lists them");
        return GORCTL_EXIT_USAGE;
    }
    if (count > 1 && arguments->names[1] == NULL) {
        gorctl_say("a new name for '%s' is needed", arguments->names[0]);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

static int check_name(const char *name)
{
    if (gorctl_context_name_valid(name)) {
        return GORCTL_EXIT_OK;
    }
    char *shown = gorctl_text_escape(name, strlen(name));
    gorctl_say("'%s' cannot be the name of a context: it takes letters, digits, and . _ - inside, "
               "%d at most",
               shown, GORCTL_CONTEXT_NAME_MOST);
    free(shown);
    return GORCTL_EXIT_USAGE;
}

static int check_there(const struct gorctl_contexts *contexts, const char *name)
{
    if (gorctl_contexts_find(contexts, name) != NULL) {
        return GORCTL_EXIT_OK;
    }
    char *shown = gorctl_text_escape(name, strlen(name));
    gorctl_say("there is no context '%s'; `gorctl context ls` lists them", shown);
    free(shown);
    return GORCTL_EXIT_NOT_FOUND;
}

static int check_free(const struct gorctl_contexts *contexts, const char *name, const char *instead)
{
    if (gorctl_contexts_find(contexts, name) == NULL) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("there is a context '%s' already; %s", name, instead);
    return GORCTL_EXIT_USAGE;
}

/* ------------------------------------------------------------------ add */

/* Paths hold wherever gorctl is called from later. */
static char *absolute(enum gorctl_context_key key, const char *value)
{
    static const char scheme[] = "unix:";
    const char *path = value;
    bool prefixed = key == GORCTL_CONTEXT_HOST && strncmp(value, scheme, strlen(scheme)) == 0;
    if (prefixed) {
        path += strlen(scheme);
    } else if (key == GORCTL_CONTEXT_HOST &&
               (strstr(value, "://") != NULL || !gorctl_address_is_unix(value))) {
        return gorctl_strdup(value);
    }
    while (strncmp(path, "./", 2) == 0) {
        path += 2;
    }
    char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;
    char *whole = here != NULL ? gorctl_format("%s%s/%s", prefixed ? scheme : "", here, path)
                               : gorctl_strdup(value);
    free(here);
    return whole;
}

struct addition {
    const struct arguments *arguments;
    char *values[GORCTL_CONTEXT_KEYS];
};

static int change_add(struct gorctl_contexts *contexts, void *user)
{
    const struct addition *addition = user;
    const char *name = addition->arguments->names[0];
    int code = addition->arguments->replace
                   ? GORCTL_EXIT_OK
                   : check_free(contexts, name, "--replace puts this one in its place");
    if (code == GORCTL_EXIT_OK) {
        gorctl_contexts_put(contexts, name, (const char *const *)addition->values);
        if (addition->arguments->use) {
            gorctl_contexts_use(contexts, name);
        }
    }
    return code;
}

static int check_addition(const struct arguments *arguments, const struct addition *addition)
{
    if (arguments->ctl->context != NULL) {
        gorctl_say(
            "--context names a context that there is; a new one gets its name as an argument");
        return GORCTL_EXIT_USAGE;
    }
    if (addition->values[GORCTL_CONTEXT_HOST] == NULL) {
        gorctl_say("where is the daemon? give --host with a socket's path, unix:PATH or HOST:PORT");
        return GORCTL_EXIT_USAGE;
    }
    for (size_t key = 0; key < GORCTL_CONTEXT_KEYS; key++) {
        if (addition->values[key] != NULL && !gorctl_context_value_valid(addition->values[key])) {
            gorctl_say("--%s must be one line of UTF-8 text without blanks around it",
                       gorctl_context_keys[key]);
            return GORCTL_EXIT_USAGE;
        }
    }
    return check_name(arguments->names[0]);
}

static int add(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"replace", KEY_REPLACE, NULL, 0, "Put it in the place of the one of that name", 0},
        {"use", KEY_USE, NULL, 0, "Make it the current one as well", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "NEW-NAME --host ADDRESS",
        .doc = "Give a daemon a name. What the options for a connection say is kept under it.\v"
               "Examples:\n"
               "  gorctl context add build --host tls://build1:7070 --tls-ca ca.crt --token-file "
               "build.token\n"
               "  gorctl --context build ls\n",
        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .most = 1};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct addition addition = {.arguments = &arguments};
    for (int key = 0; key < GORCTL_CONTEXT_KEYS; key++) {
        const char *value = *gorctl_choice_option(ctl, (enum gorctl_context_key)key);
        addition.values[key] = value != NULL ? absolute((enum gorctl_context_key)key, value) : NULL;
    }
    int code = need(1, &arguments);
    if (code == GORCTL_EXIT_OK) {
        code = check_addition(&arguments, &addition);
    }
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_context_file_change(change_add, &addition);
    }
    for (size_t key = 0; key < GORCTL_CONTEXT_KEYS; key++) {
        free(addition.values[key]);
    }
    return code;
}

/* ------------------------------------------------------- use, rm, rename */

static int change_use(struct gorctl_contexts *contexts, void *user)
{
    const struct arguments *arguments = user;
    int code = arguments->none ? GORCTL_EXIT_OK : check_there(contexts, arguments->names[0]);
    if (code == GORCTL_EXIT_OK) {
        gorctl_contexts_use(contexts, arguments->none ? NULL : arguments->names[0]);
    }
    return code;
}

static int use(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"none", KEY_NONE, NULL, 0, "No context: the daemon is looked for in the usual places", 0},
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "CONTEXT\n--none",
        .doc = "Make a context the current one: that which is meant when nobody says.",
        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .most = 1};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.none && arguments.names[0] != NULL) {
        gorctl_say("a name and --none exclude each other");
        return GORCTL_EXIT_USAGE;
    }
    int code = need(arguments.none ? 0 : 1, &arguments);
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_context_file_change(change_use, &arguments);
    }
    if (code == GORCTL_EXIT_OK && getenv("GOR_HOST") != NULL) {
        gorctl_say("note that $GOR_HOST is set, which comes before it; `unset GOR_HOST`");
    } else if (code == GORCTL_EXIT_OK && getenv("GOR_CONTEXT") != NULL) {
        gorctl_say("note that $GOR_CONTEXT is set, which comes before it; `unset GOR_CONTEXT`");
    }
    return code;
}

static int change_remove(struct gorctl_contexts *contexts, void *user)
{
    const struct arguments *arguments = user;
    int code = check_there(contexts, arguments->names[0]);
    if (code == GORCTL_EXIT_OK) {
        gorctl_contexts_remove(contexts, arguments->names[0]);
    }
    return code;
}

static int remove_one(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "CONTEXT",
        .doc = "Forget a context. If it was the current one, there is none afterwards.",
        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .most = 1};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = need(1, &arguments);
    return code == GORCTL_EXIT_OK ? gorctl_context_file_change(change_remove, &arguments) : code;
}

static int change_name(struct gorctl_contexts *contexts, void *user)
{
    const struct arguments *arguments = user;
    int code = check_there(contexts, arguments->names[0]);
    if (code == GORCTL_EXIT_OK) {
        code = check_free(contexts, arguments->names[1], "take another name");
    }
    if (code == GORCTL_EXIT_OK) {
        gorctl_contexts_rename(contexts, arguments->names[0], arguments->names[1]);
    }
    return code;
}

static int rename_one(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .args_doc = "CONTEXT NEW-NAME",
                                     .doc = "Give a context another name.",
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .most = 2};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = need(2, &arguments);
    if (code == GORCTL_EXIT_OK) {
        code = check_name(arguments.names[1]);
    }
    return code == GORCTL_EXIT_OK ? gorctl_context_file_change(change_name, &arguments) : code;
}

/* ------------------------------------------------------------- ls, show */

static bool is_current(const struct gorctl_contexts *contexts, const struct gorctl_context *context)
{
    return contexts->current != NULL && strcmp(contexts->current, context->name) == 0;
}

static json_t *to_json(const struct gorctl_contexts *contexts, const struct gorctl_context *context)
{
    json_t *out =
        json_pack("{s:s,s:b}", "name", context->name, "current", is_current(contexts, context));
    for (size_t key = 0; key < GORCTL_CONTEXT_KEYS; key++) {
        char *name = gorctl_strdup(gorctl_context_keys[key]);
        for (char *dash = strchr(name, '-'); dash != NULL; dash = strchr(dash, '-')) {
            *dash = '_';
        }
        json_object_set_new(out, name,
                            context->values[key] != NULL ? json_string(context->values[key])
                                                         : json_null());
        free(name);
    }
    return out;
}

static void cell(struct gorctl_table *table, const char *value)
{
    gorctl_table_text(table, value != NULL ? value : "");
}

static void list_all(const struct gorctl *ctl, const struct gorctl_contexts *contexts)
{
    static const struct gorctl_column columns[] = {{"", false, false},
                                                   {"CONTEXT", false, false},
                                                   {"HOST", false, false},
                                                   {"TOKEN FILE", false, true}};
    if (ctl->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < contexts->count; i++) {
            json_array_append_new(list, to_json(contexts, &contexts->all[i]));
        }
        gorctl_json_print(stdout, json_pack("{s:o}", "contexts", list), true);
        return;
    }
    if (contexts->count == 0) {
        gorctl_say("There are no contexts; `gorctl context add NAME --host ADDRESS` makes one.");
        return;
    }
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < contexts->count; i++) {
        const struct gorctl_context *context = &contexts->all[i];
        cell(table, is_current(contexts, context) ? "*" : "");
        cell(table, context->name);
        cell(table, context->values[GORCTL_CONTEXT_HOST]);
        cell(table, context->values[GORCTL_CONTEXT_TOKEN_FILE]);
    }
    gorctl_table_show(table);
}

static int list(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .doc = "List the contexts; * stands before the current one.",
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    struct gorctl_contexts contexts;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = gorctl_context_file_read(&contexts);
    if (code == GORCTL_EXIT_OK) {
        list_all(ctl, &contexts);
        gorctl_contexts_fini(&contexts);
    }
    return code;
}

static void show_line(const char *title, const char *value)
{
    char *clean = gorctl_text_escape(value, strlen(value));
    printf("%-10s  %s\n", title, clean);
    free(clean);
}

static void show_context(const struct gorctl *ctl, const struct gorctl_contexts *contexts,
                         const struct gorctl_context *context)
{
    if (ctl->json) {
        gorctl_json_print(stdout, to_json(contexts, context), true);
        return;
    }
    show_line("context", context->name);
    for (size_t key = 0; key < GORCTL_CONTEXT_KEYS; key++) {
        if (context->values[key] != NULL) {
            show_line(gorctl_context_keys[key], context->values[key]);
        }
    }
    show_line("current", is_current(contexts, context) ? "yes" : "no");
}

/* Whom a command without a word about it would talk to. */
static int show_choice(struct gorctl *ctl)
{
    int code = gorctl_choose(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    bool guessed;
    const struct gorctl_context *context = ctl->choice->context;
    char *address = gorctl_address_find(ctl, &guessed);
    if (ctl->json) {
        json_t *chosen = json_pack("{s:s,s:s,s:s?}", "host", address, "by", ctl->choice->by,
                                   "context", context != NULL ? context->name : NULL);
        gorctl_json_print(stdout, chosen, true);
    } else {
        show_line("host", address);
        show_line("chosen by", ctl->choice->by);
        if (context != NULL) {
            show_line("context", context->name);
        }
    }
    free(address);
    return GORCTL_EXIT_OK;
}

static int show(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .args_doc = "[CONTEXT]",
                                     .doc = "What a context says; without a name, whom a command "
                                            "would talk to now, and why.",
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .most = 1};
    struct gorctl_contexts contexts;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.names[0] == NULL) {
        return show_choice(ctl);
    }
    int code = gorctl_context_file_read(&contexts);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    code = check_there(&contexts, arguments.names[0]);
    if (code == GORCTL_EXIT_OK) {
        show_context(ctl, &contexts, gorctl_contexts_find(&contexts, arguments.names[0]));
    }
    gorctl_contexts_fini(&contexts);
    return code;
}

int gorctl_cmd_context(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_verb verbs[] = {
        {"add", "give a daemon a name", add},
        {"use", "make one the current one", use},
        {"ls", "list them", list},
        {"show", "what one says, or whom we talk to now", show},
        {"rename", "give one another name", rename_one},
        {"rm", "forget one", remove_one},
        {0},
    };
    static const struct gorctl_verbs context = {.command = "context",
                                                .about = "Names for daemons, here and elsewhere.",
                                                .verbs = verbs,
                                                .without = list};
    return gorctl_verbs_run(ctl, &context, argc, argv);
}
