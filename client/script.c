/* SPDX-License-Identifier: MIT */
/* script.c - see script.h. */
#include "client/script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/text.h"

enum { NAME_MAX_BYTES = 200 };

Gor__V1__JobSpec *gorctl_script_new(const char *chunk_name, const void *text, size_t length)
{
    Gor__V1__JobSpec *message = gorctl_alloc(sizeof(*message));
    gor__v1__job_spec__init(message);
    message->kind_case = GOR__V1__JOB_SPEC__KIND_LUA;
    message->lua = gorctl_alloc(sizeof(*message->lua));
    gor__v1__lua_spec__init(message->lua);
    message->lua->chunk_name = gorctl_strdup(chunk_name);
    message->lua->script = (ProtobufCBinaryData){length, gorctl_copy(text, length)};
    return message;
}

void gorctl_script_add_argument(Gor__V1__LuaSpec *lua, const char *text)
{
    lua->args = gorctl_grow(lua->args, lua->n_args + 1, sizeof(*lua->args));
    lua->args[lua->n_args++] = gorctl_strdup(text);
}

/* What messages of the script's call it: the file's own name, as far as it is text that fits. */
static char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;

    if (strcmp(path, "-") == 0) {
        return gorctl_strdup("stdin");
    }
    if (strlen(base) <= NAME_MAX_BYTES && gorctl_utf8_valid(base, strlen(base))) {
        return gorctl_strdup(base);
    }
    return gorctl_strdup("script");
}

int gorctl_script_read(const char *path, Gor__V1__JobSpec **out_message)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (in == NULL) {
        gorctl_say("cannot read '%s': %s", path, strerror(errno));
        return GORCTL_EXIT_NOT_FOUND;
    }
    char *text = gorctl_alloc(GORCTL_SCRIPT_MAX + 1);
    errno = 0;
    size_t length = fread(text, 1, GORCTL_SCRIPT_MAX + 1, in);
    int code = GORCTL_EXIT_OK;
    if (ferror(in)) {
        gorctl_say("cannot read '%s': %s", path, strerror(errno));
        code = GORCTL_EXIT_NOT_FOUND;
    } else if (length > GORCTL_SCRIPT_MAX) {
        gorctl_say("'%s' is too large for a script", path);
        code = GORCTL_EXIT_USAGE;
    } else {
        char *name = name_of(path);
        *out_message = gorctl_script_new(name, text, length);
        free(name);
    }
    free(text);
    if (in != stdin) {
        fclose(in);
    }
    return code;
}
