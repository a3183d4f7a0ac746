/* SPDX-License-Identifier: MIT */
#include "daemon/service/redact.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/url.h"

enum { NAME_MAX_BYTES = 255 }; /* longer names are compared by their beginning */

/* The words by which programs call their keys; a path to one (SSH_AUTH_SOCK, *_FILE) is none. */
static const char built_in[] = "*TOKEN,*SECRET*,*PASSWORD*,*PASSWD*,*PASSPHRASE*,*CREDENTIAL*,"
                               "*API_KEY,*APIKEY,*ACCESS_KEY,*ACCESS_KEY_ID,*PRIVATE_KEY,*_KEY,"
                               "*_PAT,*_PWD,*COOKIE*,*DATABASE_URL,*_DSN";

static bool matches(const char *name, const char *patterns)
{
    char pattern[NAME_MAX_BYTES + 1];

    while (*patterns != '\0') {
        size_t length = strcspn(patterns, ",");
        if (length > 0 && length < sizeof(pattern)) {
            memcpy(pattern, patterns, length);
            pattern[length] = '\0';
            if (fnmatch(pattern, name, FNM_CASEFOLD) == 0) {
                return true;
            }
        }
        patterns += length + (patterns[length] == ',');
    }
    return false;
}

bool gord_is_secret(const char *name, size_t length, const char *more)
{
    char text[NAME_MAX_BYTES + 1];

    length = length < sizeof(text) ? length : sizeof(text) - 1;
    memcpy(text, name, length);
    text[length] = '\0';
    return matches(text, built_in) || (more != NULL && matches(text, more));
}

static int hide(ProtobufCBinaryData *variable, size_t name_length)
{
    size_t length = name_length + 1 + strlen(GORD_REDACTED);
    uint8_t *shown = malloc(length);

    if (shown == NULL) {
        return -ENOMEM;
    }
    memcpy(shown, variable->data, name_length + 1);
    memcpy(shown + name_length + 1, GORD_REDACTED, strlen(GORD_REDACTED));
    free(variable->data);
    variable->data = shown;
    variable->len = length;
    return 0;
}

/* 1: a part of it was hidden. */
static int hide_url(char **url)
{
    if ((*url)[0] == '\0') {
        return 0;
    }
    char *shown = gord_url_hide(*url);
    if (shown == NULL) {
        return -ENOMEM;
    }
    int hidden = strcmp(shown, *url) != 0;
    free(*url);
    *url = shown;
    return hidden;
}

int gord_redact_urls(Gor__V1__JobSpec *spec)
{
    int own = hide_url(&spec->on_finish_url);
    int hook = own >= 0 && spec->hook_of != NULL ? hide_url(&spec->hook_of->url) : 0;

    return own < 0 || hook < 0 ? -ENOMEM : own + hook;
}

int gord_redact(Gor__V1__JobSpec *spec, const char *more)
{
    int hidden = gord_redact_urls(spec);

    if (hidden < 0) {
        return hidden;
    }
    if (spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC) {
        return hidden;
    }
    for (size_t i = 0; i < spec->exec->n_env; i++) {
        ProtobufCBinaryData *variable = &spec->exec->env[i];
        const uint8_t *equals =
            variable->len > 0 ? memchr(variable->data, '=', variable->len) : NULL;
        if (equals == NULL) {
            continue;
        }
        size_t length = (size_t)(equals - variable->data);
        bool empty = length + 1 == variable->len;
        if (empty || !gord_is_secret((const char *)variable->data, length, more)) {
            continue;
        }
        if (hide(variable, length) != 0) {
            return -ENOMEM;
        }
        hidden++;
    }
    return hidden;
}

bool gord_is_redacted(const Gor__V1__JobSpec *spec, const char **out_name, size_t *out_length)
{
    static const char hidden[] = "=" GORD_REDACTED;
    size_t length = sizeof(hidden) - 1;
    size_t count = spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC ? spec->exec->n_env : 0;

    if (gord_url_is_hidden(spec->on_finish_url) ||
        (spec->hook_of != NULL && gord_url_is_hidden(spec->hook_of->url))) {
        *out_name = spec->hook_of != NULL ? "hook_of.url" : "on_finish_url";
        *out_length = strlen(*out_name);
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        const ProtobufCBinaryData *variable = &spec->exec->env[i];
        if (variable->len > length &&
            memcmp(variable->data + variable->len - length, hidden, length) == 0) {
            *out_name = (const char *)variable->data;
            *out_length = variable->len - length;
            return true;
        }
    }
    return false;
}
