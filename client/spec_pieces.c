/* SPDX-License-Identifier: MIT */
/* spec_pieces.c - see spec_pieces.h. */
#include "client/spec_pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/limits.h"

static ProtobufCBinaryData *add_bytes(ProtobufCBinaryData **list, size_t *count)
{
    *list = gorctl_grow(*list, *count + 1, sizeof(**list));
    return &(*list)[(*count)++];
}

static ProtobufCBinaryData copy_of(const void *bytes, size_t length)
{
    return (ProtobufCBinaryData){length, gorctl_copy(bytes, length)};
}

Gor__V1__JobSpec *gorctl_spec_new_exec(void)
{
    Gor__V1__JobSpec *message = gorctl_alloc(sizeof(*message));
    gor__v1__job_spec__init(message);
    message->kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    message->exec = gorctl_alloc(sizeof(*message->exec));
    gor__v1__exec_spec__init(message->exec);
    return message;
}

Gor__V1__JobSpec *gorctl_spec_new_native(const char *function)
{
    Gor__V1__JobSpec *message = gorctl_alloc(sizeof(*message));
    gor__v1__job_spec__init(message);
    message->kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    message->native = gorctl_alloc(sizeof(*message->native));
    gor__v1__native_spec__init(message->native);
    message->native->function = gorctl_strdup(function);
    return message;
}

void gorctl_spec_add_argument(Gor__V1__ExecSpec *exec, const void *bytes, size_t length)
{
    *add_bytes(&exec->argv, &exec->n_argv) = copy_of(bytes, length);
}

void gorctl_spec_add_hook_word(Gor__V1__JobSpec *message, const void *bytes, size_t length)
{
    *add_bytes(&message->on_finish, &message->n_on_finish) = copy_of(bytes, length);
}

void gorctl_spec_add_native_argument(Gor__V1__NativeSpec *native, const char *text)
{
    native->args = gorctl_grow(native->args, native->n_args + 1, sizeof(*native->args));
    native->args[native->n_args++] = gorctl_strdup(text);
}

void gorctl_spec_add_label(Gor__V1__JobSpec *message, const char *key, size_t key_length,
                           const char *value)
{
    Gor__V1__JobSpec__LabelsEntry *entry = gorctl_alloc(sizeof(*entry));
    gor__v1__job_spec__labels_entry__init(entry);
    entry->key = gorctl_copy(key, key_length);
    entry->value = gorctl_strdup(value);
    message->labels = gorctl_grow(message->labels, message->n_labels + 1, sizeof(*message->labels));
    message->labels[message->n_labels++] = entry;
}

/* The variable's place in the environment; NULL: it is not set. */
static ProtobufCBinaryData *find_env(const Gor__V1__ExecSpec *exec, const char *name, size_t length)
{
    for (size_t i = 0; i < exec->n_env; i++) {
        ProtobufCBinaryData *variable = &exec->env[i];
        if (variable->len > length && variable->data[length] == '=' &&
            memcmp(variable->data, name, length) == 0) {
            return variable;
        }
    }
    return NULL;
}

void gorctl_spec_set_env(Gor__V1__ExecSpec *exec, const char *assignment)
{
    ProtobufCBinaryData *place = find_env(exec, assignment, strcspn(assignment, "="));
    if (place == NULL) {
        place = add_bytes(&exec->env, &exec->n_env);
    } else {
        free(place->data);
    }
    *place = copy_of(assignment, strlen(assignment));
}

void gorctl_spec_clear_env(Gor__V1__ExecSpec *exec)
{
    for (size_t i = 0; i < exec->n_env; i++) {
        free(exec->env[i].data);
    }
    exec->n_env = 0;
}

int gorctl_spec_set_surroundings(Gor__V1__ExecSpec *exec)
{
    char *directory = getcwd(NULL, 0);
    int rc = directory != NULL ? 0 : -errno; /* it may be gone; the rest is there */
    if (directory != NULL) {
        exec->cwd = (ProtobufCBinaryData){strlen(directory), (uint8_t *)directory};
    }
    /* There is no way to read it without setting it. */
    mode_t mask = umask(0);
    (void)umask(mask);
    exec->umask_plus_1 = (uint32_t)mask + 1;
    gorctl_limits_capture(exec);
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        /* The store keeps the environment; the key to the daemon has no business there. */
        if (strncmp(*variable, "GOR_TOKEN=", 10) != 0) {
            *add_bytes(&exec->env, &exec->n_env) = copy_of(*variable, strlen(*variable));
        }
    }
    return rc;
}

/* `path` absolute, seen from where we are, in place of what is in *out. */
static int set_path(ProtobufCBinaryData *out, const char *path)
{
    char *absolute;
    if (path[0] == '/') {
        absolute = gorctl_strdup(path);
    } else {
        char *here = getcwd(NULL, 0);
        if (here == NULL) {
            return -errno;
        }
        absolute = gorctl_format("%s/%s", here, path);
        free(here);
    }
    free(out->data);
    *out = (ProtobufCBinaryData){strlen(absolute), (uint8_t *)absolute};
    return 0;
}

int gorctl_spec_set_directory(Gor__V1__ExecSpec *exec, const char *directory)
{
    return set_path(&exec->cwd, directory);
}

int gorctl_spec_set_input(Gor__V1__ExecSpec *exec, const char *path)
{
    return set_path(&exec->stdin_path, path);
}
