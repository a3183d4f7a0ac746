/* SPDX-License-Identifier: MIT */
/* choice.c - see choice.h. */
#include "client/choice.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/context_file.h"
#include "client/exits.h"
#include "client/text.h"

const char **gorctl_choice_option(struct gorctl *ctl, enum gorctl_context_key key)
{
    switch (key) {
    case GORCTL_CONTEXT_HOST:
        return &ctl->host;
    case GORCTL_CONTEXT_TOKEN_FILE:
        return &ctl->token_file;
    case GORCTL_CONTEXT_TLS_CA:
        return &ctl->tls_ca;
    case GORCTL_CONTEXT_TLS_CERT:
        return &ctl->tls_cert;
    case GORCTL_CONTEXT_TLS_KEY:
        return &ctl->tls_key;
    default:
        abort();
    }
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int no_context(const struct gorctl_choice *choice, const char *name)
{
    char *path = gorctl_context_file_path();
    char *shown = gorctl_text_escape(name, strlen(name));
    gorctl_say("there is no context '%s' in '%s' (asked for by %s)", shown, path, choice->by);
    fputs("  `gorctl context ls` lists those there are; `gorctl context add NAME --host ADDRESS` "
          "makes one.\n",
          stderr);
    free(shown);
    free(path);
    return GORCTL_EXIT_NOT_FOUND;
}

/* `name` NULL: the current one, if there is one. */
static int choose_context(struct gorctl *ctl, const char *name)
{
    struct gorctl_choice *choice = ctl->choice;
    int code = gorctl_context_file_read(&choice->file);
    if (code != GORCTL_EXIT_OK) {
        fputs("  With -H ADDRESS or $GOR_HOST the file is not looked at.\n", stderr);
        return code;
    }
    if (name == NULL && choice->file.current == NULL) {
        choice->by = "the usual places";
        return GORCTL_EXIT_OK;
    }
    name = name != NULL ? name : choice->file.current;
    choice->context = gorctl_contexts_find(&choice->file, name);
    if (choice->context == NULL) {
        return no_context(choice, name);
    }
    for (int key = 0; key < GORCTL_CONTEXT_KEYS; key++) {
        const char **option = gorctl_choice_option(ctl, (enum gorctl_context_key)key);
        if (*option == NULL) {
            *option = choice->context->values[key];
        }
    }
    return GORCTL_EXIT_OK;
}

int gorctl_choose(struct gorctl *ctl)
{
    if (ctl->choice != NULL) {
        return GORCTL_EXIT_OK;
    }
    ctl->choice = gorctl_alloc(sizeof(*ctl->choice));
    if (ctl->host != NULL && ctl->context != NULL) {
        gorctl_say("--host and --context both say where the daemon is; leave one of them out");
        return GORCTL_EXIT_USAGE;
    }
    if (ctl->host != NULL) {
        ctl->choice->by = "--host";
        return GORCTL_EXIT_OK;
    }
    if (ctl->context != NULL) {
        ctl->choice->by = "--context";
        return choose_context(ctl, ctl->context);
    }
    if (environment("GOR_HOST") != NULL) {
        ctl->choice->by = "$GOR_HOST";
        return GORCTL_EXIT_OK;
    }
    const char *named = environment("GOR_CONTEXT");
    ctl->choice->by = named != NULL ? "$GOR_CONTEXT" : "`gorctl context use`";
    return choose_context(ctl, named);
}

void gorctl_choice_say(const struct gorctl *ctl)
{
    if (ctl->choice != NULL && ctl->choice->context != NULL) {
        char *path = gorctl_context_file_path();
        fprintf(stderr, "  The address is that of the context '%s' (%s), chosen by %s.\n",
                ctl->choice->context->name, path, ctl->choice->by);
        free(path);
    }
}

void gorctl_choice_fini(struct gorctl *ctl)
{
    if (ctl->choice != NULL) {
        gorctl_contexts_fini(&ctl->choice->file);
        free(ctl->choice);
        ctl->choice = NULL;
    }
}
