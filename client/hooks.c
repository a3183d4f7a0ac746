/* SPDX-License-Identifier: MIT */
/* hooks.c - see hooks.h. */
#include "client/hooks.h"

#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/spec_pieces.h"
#include "client/text.h"

/* The daemon looks whether it is right; but an empty one would be none to it. */
static int fill_url(const char *url, Gor__V1__JobSpec *message)
{
    if (url[0] == '\0') {
        gorctl_say("--on-finish-url: the URL is an empty text");
        return GORCTL_EXIT_USAGE;
    }
    if (!gorctl_utf8_valid(url, strlen(url))) {
        gorctl_say("--on-finish-url must be UTF-8 text, and more than ASCII written as %%XX");
        return GORCTL_EXIT_USAGE;
    }
    message->on_finish_url = gorctl_strdup(url);
    return GORCTL_EXIT_OK;
}

int gorctl_hooks_fill(const struct gorctl_spec *spec, Gor__V1__JobSpec *message)
{
    for (size_t i = 0; i < spec->on_finish_count; i++) {
        gorctl_spec_add_hook_word(message, spec->on_finish[i], strlen(spec->on_finish[i]));
    }
    return spec->on_finish_url != NULL ? fill_url(spec->on_finish_url, message) : GORCTL_EXIT_OK;
}
