/* SPDX-License-Identifier: MIT */
/* batch_kind.c - what a job of a line runs, and what only one kind of job has: see batch_inside.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/batch_inside.h"
#include "client/exits.h"
#include "client/limits.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/script.h"
#include "client/spec_pieces.h"
#include "client/stops.h"
#include "client/text.h"

static int read_argv(const struct gorctl_batch_reading *reading, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        gorctl_batch_complain(reading, "\"argv\" must be a list of at least one string");
        return -EINVAL;
    }
    json_array_foreach((json_t *)list, i, word)
    {
        ProtobufCBinaryData bytes;
        int rc = gorctl_batch_bytes(reading, "argv", word, &bytes);
        if (rc != 0) {
            return rc;
        }
        gorctl_spec_add_argument(reading->spec->exec, bytes.data, bytes.len);
        free(bytes.data);
    }
    return 0;
}

static int read_args(const struct gorctl_batch_reading *reading, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(list)) {
        gorctl_batch_complain(reading, "\"args\" must be a list of strings");
        return -EINVAL;
    }
    json_array_foreach((json_t *)list, i, word)
    {
        const char *text;
        int rc = gorctl_batch_text(reading, "args", word, &text);
        if (rc != 0) {
            return rc;
        }
        if (reading->spec->kind_case == GOR__V1__JOB_SPEC__KIND_LUA) {
            gorctl_script_add_argument(reading->spec->lua, text);
        } else {
            gorctl_spec_add_native_argument(reading->spec->native, text);
        }
    }
    return 0;
}

static int read_max_steps(const struct gorctl_batch_reading *reading, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        gorctl_batch_complain(reading, "\"max_steps\" must be a number, 0 or above");
        return -EINVAL;
    }
    reading->spec->lua->max_steps = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_max_memory(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text;
    if (gorctl_batch_text(reading, "max_memory", value, &text) != 0 ||
        gorctl_bytes_parse(text, &reading->spec->lua->max_memory_bytes) != 0) {
        gorctl_batch_complain(reading, "\"max_memory\" must be a size such as \"64M\"");
        return -EINVAL;
    }
    return 0;
}

static int read_env(const struct gorctl_batch_reading *reading, const json_t *object)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        gorctl_batch_complain(reading, "\"env\" must be an object of names and values");
        return -EINVAL;
    }
    json_object_foreach((json_t *)object, name, value)
    {
        ProtobufCBinaryData bytes;
        int rc = gorctl_batch_bytes(reading, "env", value, &bytes);
        if (rc != 0) {
            return rc;
        }
        if (name[0] == '\0' || strchr(name, '=') != NULL) {
            free(bytes.data);
            gorctl_batch_complain(reading, "\"env\" has a name that is empty or contains '='");
            return -EINVAL;
        }
        char *assignment = gorctl_format("%s=%s", name, (const char *)bytes.data);
        gorctl_spec_set_env(reading->spec->exec, assignment);
        free(assignment);
        free(bytes.data);
    }
    return 0;
}

static int read_shell(const struct gorctl_batch_reading *reading, const json_t *value)
{
    ProtobufCBinaryData bytes;
    int rc = gorctl_batch_bytes(reading, "shell", value, &bytes);
    if (rc != 0) {
        return rc;
    }
    gorctl_spec_add_argument(reading->spec->exec, "sh", 2);
    gorctl_spec_add_argument(reading->spec->exec, "-c", 2);
    gorctl_spec_add_argument(reading->spec->exec, bytes.data, bytes.len);
    free(bytes.data);
    return 0;
}

static int read_cwd(const struct gorctl_batch_reading *reading, const json_t *value)
{
    ProtobufCBinaryData bytes;
    int rc = gorctl_batch_bytes(reading, "cwd", value, &bytes);
    if (rc == 0) {
        (void)gorctl_spec_set_directory(reading->spec->exec, (const char *)bytes.data);
        free(bytes.data);
    }
    return rc;
}

static int read_umask(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text;
    int rc = gorctl_batch_text(reading, "umask", value, &text);
    if (rc == 0 && !gorctl_umask_parse(text, &reading->spec->exec->umask_plus_1)) {
        gorctl_batch_complain(
            reading, "\"umask\" is '%.40s'; it must be octal, from \"0\" to \"0777\"", text);
        rc = -EINVAL;
    }
    return rc;
}

static int read_stdin(const struct gorctl_batch_reading *reading, const json_t *value)
{
    ProtobufCBinaryData bytes;
    int rc = gorctl_batch_bytes(reading, "stdin", value, &bytes);
    if (rc == 0) {
        (void)gorctl_spec_set_input(reading->spec->exec, (const char *)bytes.data);
        free(bytes.data);
    }
    return rc;
}

static int read_signal(const struct gorctl_batch_reading *reading, const json_t *value)
{
    char why[GORCTL_STOPS_WHY];
    const char *text;
    int rc = gorctl_batch_text(reading, "signal", value, &text);
    if (rc == 0 && (rc = gorctl_stops_add(reading->spec->exec, text, why)) != 0) {
        gorctl_batch_complain(reading, "\"signal\": %s", why);
    }
    return rc;
}

static int read_limits(const struct gorctl_batch_reading *reading, const json_t *value)
{
    char why[GORCTL_LIMITS_WHY];
    const char *text;
    int rc = gorctl_batch_text(reading, "limit", value, &text);
    if (rc == 0 && (rc = gorctl_limits_add(reading->spec->exec, text, why)) != 0) {
        gorctl_batch_complain(reading, "\"limit\": %s", why);
    }
    return rc;
}

static int read_strict(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_flag(reading, "limit_strict", value,
                             &gorctl_limits_of(reading->spec->exec)->strict);
}

static int read_skips_pauses(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_flag(reading, "timeout_skips_pauses", value,
                             &reading->spec->exec->timeout_skips_pauses);
}

static int read_new_privs(const struct gorctl_batch_reading *reading, const json_t *value)
{
    protobuf_c_boolean may = false;
    int rc = gorctl_batch_flag(reading, "new_privs", value, &may);
    if (rc == 0) {
        reading->spec->exec->new_privs =
            may ? GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW : GOR__V1__NEW_PRIVS__NEW_PRIVS_FORBID;
    }
    return rc;
}

static int read_nice(const struct gorctl_batch_reading *reading, const json_t *value)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < -20 || number > 19) {
        gorctl_batch_complain(reading, "\"nice\" must be a number from -20 to 19");
        return -EINVAL;
    }
    reading->spec->exec->nice = (int32_t)number;
    return 0;
}

static int read_ionice(const struct gorctl_batch_reading *reading, const json_t *value)
{
    Gor__V1__ExecSpec *exec = reading->spec->exec;
    const char *text;
    int rc = gorctl_batch_text(reading, "ionice", value, &text);
    if (rc == 0 && !gorctl_ionice_parse(text, &exec->io_class, &exec->io_level)) {
        gorctl_batch_complain(reading,
                              "\"ionice\" is '%.40s'; it must be idle, best-effort or "
                              "realtime, the last two with or without a level as in "
                              "best-effort:7",
                              text);
        rc = -EINVAL;
    }
    return rc;
}

/* "native", "lua", "lua_file" and "clear_env" come first of all and are read by gorctl_batch_begin(). */
static int read_already(const struct gorctl_batch_reading *reading, const json_t *value)
{
    (void)reading;
    (void)value;
    return 0;
}

const struct gorctl_batch_member gorctl_batch_kind_members[] = {
    {"argv", GORCTL_BATCH_FOR_EXEC, read_argv},
    {"shell", GORCTL_BATCH_FOR_EXEC, read_shell},
    {"cwd", GORCTL_BATCH_FOR_EXEC, read_cwd},
    {"umask", GORCTL_BATCH_FOR_EXEC, read_umask},
    {"env", GORCTL_BATCH_FOR_EXEC, read_env},
    {"clear_env", GORCTL_BATCH_FOR_EXEC, read_already},
    {"native", GORCTL_BATCH_FOR_NATIVE, read_already},
    {"lua", GORCTL_BATCH_FOR_LUA, read_already},
    {"lua_file", GORCTL_BATCH_FOR_LUA, read_already},
    {"max_steps", GORCTL_BATCH_FOR_LUA, read_max_steps},
    {"max_memory", GORCTL_BATCH_FOR_LUA, read_max_memory},
    {"args", GORCTL_BATCH_FOR_INSIDE, read_args},
    {"stdin", GORCTL_BATCH_FOR_EXEC, read_stdin},
    {"limit", GORCTL_BATCH_FOR_EXEC, read_limits},
    {"limit_strict", GORCTL_BATCH_FOR_EXEC, read_strict},
    {"nice", GORCTL_BATCH_FOR_EXEC, read_nice},
    {"ionice", GORCTL_BATCH_FOR_EXEC, read_ionice},
    {"new_privs", GORCTL_BATCH_FOR_EXEC, read_new_privs},
    {"signal", GORCTL_BATCH_FOR_EXEC, read_signal},
    {"timeout_skips_pauses", GORCTL_BATCH_FOR_EXEC, read_skips_pauses},
    {0},
};

/* A Lua job, from its text or its file. */
static int begin_lua(struct gorctl_batch_reading *reading, const json_t *text, const json_t *file)
{
    const char *path;
    if (text != NULL) {
        ProtobufCBinaryData bytes;
        int rc = gorctl_batch_bytes(reading, "lua", text, &bytes);
        if (rc == 0) {
            reading->spec = gorctl_script_new("script", bytes.data, bytes.len);
            free(bytes.data);
        }
        return rc;
    }
    int rc = gorctl_batch_text(reading, "lua_file", file, &path);
    if (rc == 0 && strcmp(path, "-") == 0) {
        gorctl_batch_complain(
            reading, "\"lua_file\" must be a path; the lines may be standard input themselves");
        return -EINVAL;
    }
    if (rc == 0 && gorctl_script_read(path, &reading->spec) != GORCTL_EXIT_OK) {
        gorctl_batch_complain(reading, "\"lua_file\" cannot be taken");
        rc = -EINVAL;
    }
    return rc;
}

static int begin_exec(struct gorctl_batch_reading *reading, const json_t *clear)
{
    protobuf_c_boolean clears = false;
    if (clear != NULL && gorctl_batch_flag(reading, "clear_env", clear, &clears) != 0) {
        return -EINVAL;
    }
    reading->spec = gorctl_spec_new_exec();
    int rc = gorctl_spec_set_surroundings(reading->spec->exec);
    if (rc != 0) {
        gorctl_batch_complain(reading, "the current directory cannot be told: %s", strerror(-rc));
        return -EINVAL;
    }
    if (clears) {
        gorctl_spec_clear_env(reading->spec->exec);
    }
    return 0;
}

int gorctl_batch_begin(struct gorctl_batch_reading *reading, const json_t *object)
{
    const json_t *native = json_object_get(object, "native");
    const json_t *lua = json_object_get(object, "lua");
    const json_t *lua_file = json_object_get(object, "lua_file");
    bool has_argv = json_object_get(object, "argv") != NULL;
    bool has_shell = json_object_get(object, "shell") != NULL;
    if ((native != NULL) + (lua != NULL) + (lua_file != NULL) + has_argv + has_shell != 1) {
        gorctl_batch_complain(
            reading, "one of \"argv\", \"shell\", \"native\", \"lua\" and \"lua_file\" must "
                     "be there");
        return -EINVAL;
    }
    const char *function;
    if (native != NULL) {
        int rc = gorctl_batch_text(reading, "native", native, &function);
        if (rc == 0) {
            reading->spec = gorctl_spec_new_native(function);
        }
        return rc;
    }
    if (lua != NULL || lua_file != NULL) {
        return begin_lua(reading, lua, lua_file);
    }
    return begin_exec(reading, json_object_get(object, "clear_env"));
}
