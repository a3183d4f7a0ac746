/* SPDX-License-Identifier: MIT */
/* batch.c - see batch.h. */
#include "client/batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "client/after.h"
#include "client/alloc.h"
#include "client/array.h"
#include "client/ask.h"
#include "client/exits.h"
#include "client/gates.h"
#include "client/json.h"
#include "client/limits.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/retry.h"
#include "client/script.h"
#include "client/spec_pieces.h"
#include "client/stops.h"
#include "client/text.h"
#include "client/when.h"

struct reading {
    Gor__V1__JobSpec *spec;
    char *why; /* GORCTL_BATCH_WHY bytes, borrowed */
};

static void complain(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(const struct reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reading->why, GORCTL_BATCH_WHY, format, args);
    va_end(args);
}

/* A NUL would cut the text short on its way to exec or to the wire. */
static bool has_nul(const void *bytes, size_t length)
{
    return length > 0 && memchr(bytes, '\0', length) != NULL;
}

static int bytes_member(const struct reading *reading, const char *name, const json_t *value,
                        ProtobufCBinaryData *out_bytes)
{
    if (gorctl_json_to_bytes(value, out_bytes) != 0) {
        complain(reading, "\"%s\" must be a string, or {\"base64\": \"...\"}", name);
        return -EINVAL;
    }
    if (has_nul(out_bytes->data, out_bytes->len)) {
        free(out_bytes->data);
        complain(reading, "\"%s\" has a NUL byte", name);
        return -EINVAL;
    }
    return 0;
}

static int text_member(const struct reading *reading, const char *name, const json_t *value,
                       const char **out_text)
{
    if (!json_is_string(value)) {
        complain(reading, "\"%s\" must be a string", name);
        return -EINVAL;
    }
    if (has_nul(json_string_value(value), json_string_length(value))) {
        complain(reading, "\"%s\" has a NUL byte", name);
        return -EINVAL;
    }
    *out_text = json_string_value(value);
    return 0;
}

static int duration_member(const struct reading *reading, const char *name, const json_t *value,
                           int64_t *out_ns)
{
    const char *text;
    if (text_member(reading, name, value, &text) != 0 || gorctl_duration_parse(text, out_ns) != 0) {
        complain(reading, "\"%s\" must be a duration such as \"10s\"", name);
        return -EINVAL;
    }
    return 0;
}

static int read_argv(const struct reading *reading, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        complain(reading, "\"argv\" must be a list of at least one string");
        return -EINVAL;
    }
    json_array_foreach((json_t *)list, i, word)
    {
        ProtobufCBinaryData bytes;
        int rc = bytes_member(reading, "argv", word, &bytes);
        if (rc != 0) {
            return rc;
        }
        gorctl_spec_add_argument(reading->spec->exec, bytes.data, bytes.len);
        free(bytes.data);
    }
    return 0;
}

static int read_args(const struct reading *reading, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(list)) {
        complain(reading, "\"args\" must be a list of strings");
        return -EINVAL;
    }
    json_array_foreach((json_t *)list, i, word)
    {
        const char *text;
        int rc = text_member(reading, "args", word, &text);
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

static int read_max_steps(const struct reading *reading, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        complain(reading, "\"max_steps\" must be a number, 0 or above");
        return -EINVAL;
    }
    reading->spec->lua->max_steps = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_max_memory(const struct reading *reading, const json_t *value)
{
    const char *text;
    if (text_member(reading, "max_memory", value, &text) != 0 ||
        gorctl_bytes_parse(text, &reading->spec->lua->max_memory_bytes) != 0) {
        complain(reading, "\"max_memory\" must be a size such as \"64M\"");
        return -EINVAL;
    }
    return 0;
}

static int read_env(const struct reading *reading, const json_t *object)
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        complain(reading, "\"env\" must be an object of names and values");
        return -EINVAL;
    }
    json_object_foreach((json_t *)object, name, value)
    {
        ProtobufCBinaryData bytes;
        int rc = bytes_member(reading, "env", value, &bytes);
        if (rc != 0) {
            return rc;
        }
        if (name[0] == '\0' || strchr(name, '=') != NULL) {
            free(bytes.data);
            complain(reading, "\"env\" has a name that is empty or contains '='");
            return -EINVAL;
        }
        char *assignment = gorctl_format("%s=%s", name, (const char *)bytes.data);
        gorctl_spec_set_env(reading->spec->exec, assignment);
        free(assignment);
        free(bytes.data);
    }
    return 0;
}

static int read_labels(const struct reading *reading, const json_t *object)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        complain(reading, "\"labels\" must be an object of strings");
        return -EINVAL;
    }
    json_object_foreach((json_t *)object, key, value)
    {
        const char *text;
        int rc = text_member(reading, "labels", value, &text);
        if (rc != 0) {
            return rc;
        }
        gorctl_spec_add_label(reading->spec, key, strlen(key), text);
    }
    return 0;
}

static int read_shell(const struct reading *reading, const json_t *value)
{
    ProtobufCBinaryData bytes;
    int rc = bytes_member(reading, "shell", value, &bytes);
    if (rc != 0) {
        return rc;
    }
    gorctl_spec_add_argument(reading->spec->exec, "sh", 2);
    gorctl_spec_add_argument(reading->spec->exec, "-c", 2);
    gorctl_spec_add_argument(reading->spec->exec, bytes.data, bytes.len);
    free(bytes.data);
    return 0;
}

static int read_cwd(const struct reading *reading, const json_t *value)
{
    ProtobufCBinaryData bytes;
    int rc = bytes_member(reading, "cwd", value, &bytes);
    if (rc == 0) {
        (void)gorctl_spec_set_directory(reading->spec->exec, (const char *)bytes.data);
        free(bytes.data);
    }
    return rc;
}

static int read_stdin(const struct reading *reading, const json_t *value)
{
    ProtobufCBinaryData bytes;
    int rc = bytes_member(reading, "stdin", value, &bytes);
    if (rc == 0) {
        (void)gorctl_spec_set_input(reading->spec->exec, (const char *)bytes.data);
        free(bytes.data);
    }
    return rc;
}

static int read_name(const struct reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = text_member(reading, "name", value, &text);
    if (rc == 0) {
        reading->spec->name = gorctl_strdup(text);
    }
    return rc;
}

static int read_parent(const struct reading *reading, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) <= 0) {
        complain(reading, "\"parent\" must be the id of a job");
        return -EINVAL;
    }
    reading->spec->parent_id = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_timeout(const struct reading *reading, const json_t *value)
{
    return duration_member(reading, "timeout", value, &reading->spec->timeout_ns);
}

static int read_grace(const struct reading *reading, const json_t *value)
{
    return duration_member(reading, "grace", value, &reading->spec->grace_ns);
}

static int read_on_stop(const struct reading *reading, const json_t *value)
{
    const char *text;
    int rc = text_member(reading, "on_stop", value, &text);
    if (rc == 0 && !gorctl_on_stop_parse(text, &reading->spec->on_stop)) {
        complain(reading, "\"on_stop\" must be kill, wait, requeue or leave");
        rc = -1;
    }
    return rc;
}

static int read_heartbeat(const struct reading *reading, const json_t *value)
{
    return duration_member(reading, "heartbeat", value, &reading->spec->heartbeat_ns);
}

static int read_on_stuck(const struct reading *reading, const json_t *value)
{
    const char *text;
    int rc = text_member(reading, "on_stuck", value, &text);
    if (rc == 0 && !gorctl_on_stuck_parse(text, &reading->spec->on_stuck)) {
        complain(reading, "\"on_stuck\" must be report or kill");
        rc = -1;
    }
    return rc;
}

static int read_signal(const struct reading *reading, const json_t *value)
{
    char why[GORCTL_STOPS_WHY];
    const char *text;
    int rc = text_member(reading, "signal", value, &text);
    if (rc == 0 && (rc = gorctl_stops_add(reading->spec->exec, text, why)) != 0) {
        complain(reading, "\"signal\": %s", why);
    }
    return rc;
}

static int read_queue(const struct reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = text_member(reading, "queue", value, &text);
    if (rc == 0) {
        reading->spec->queue = gorctl_strdup(text);
    }
    return rc;
}

/* A whole number within the bounds. */
static int number_member(const struct reading *reading, const char *name, const json_t *value,
                         json_int_t least, json_int_t most)
{
    if (json_is_integer(value) && json_integer_value(value) >= least &&
        json_integer_value(value) <= most) {
        return 0;
    }
    complain(reading, "\"%s\" must be a number from %lld to %lld", name, (long long)least,
             (long long)most);
    return -EINVAL;
}

static int read_priority(const struct reading *reading, const json_t *value)
{
    reading->spec->priority = (int32_t)json_integer_value(value);
    return number_member(reading, "priority", value, -10000, 10000);
}

static int read_slots(const struct reading *reading, const json_t *value)
{
    reading->spec->slots = (uint32_t)json_integer_value(value);
    return number_member(reading, "slots", value, 1, 1000000);
}

static int read_array(const struct reading *reading, const json_t *value)
{
    char why[GORCTL_ARRAY_WHY];
    const char *text;
    int rc = text_member(reading, "array", value, &text);
    if (rc == 0 && (rc = gorctl_array_add(reading->spec, text, why)) != 0) {
        complain(reading, "\"array\": %s", why);
    }
    return rc;
}

/* An object of numbers by name, each into the message by `add`. */
static int read_amounts(const struct reading *reading, const char *member, const json_t *object,
                        void (*add)(Gor__V1__JobSpec *message, const char *name, size_t length,
                                    uint32_t count))
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        complain(reading, "\"%s\" must be an object of numbers", member);
        return -EINVAL;
    }
    json_object_foreach((json_t *)object, name, value)
    {
        int rc = number_member(reading, member, value, 1, 1000000);
        if (rc != 0) {
            return rc;
        }
        add(reading->spec, name, strlen(name), (uint32_t)json_integer_value(value));
    }
    return 0;
}

static int read_tokens(const struct reading *reading, const json_t *object)
{
    return read_amounts(reading, "tokens", object, gorctl_ask_add_token);
}

static int read_rates(const struct reading *reading, const json_t *object)
{
    return read_amounts(reading, "rates", object, gorctl_ask_add_rate);
}

static int read_output_max(const struct reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = text_member(reading, "output_max", value, &text);
    if (rc == 0 && gorctl_bytes_parse(text, &reading->spec->output_max_bytes) != 0) {
        complain(reading, "\"output_max\" must be a size such as \"512K\" or \"64M\"");
        rc = -EINVAL;
    }
    return rc;
}

static int read_on_finish(const struct reading *reading, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(list)) {
        complain(reading, "\"on_finish\" must be a list of strings");
        return -EINVAL;
    }
    json_array_foreach((json_t *)list, i, word)
    {
        ProtobufCBinaryData bytes;
        int rc = bytes_member(reading, "on_finish", word, &bytes);
        if (rc != 0) {
            return rc;
        }
        gorctl_spec_add_hook_word(reading->spec, bytes.data, bytes.len);
        free(bytes.data);
    }
    return 0;
}

static int read_hold(const struct reading *reading, const json_t *value)
{
    if (!json_is_boolean(value)) {
        complain(reading, "\"hold\" must be true or false");
        return -EINVAL;
    }
    reading->spec->held = json_is_true(value);
    return 0;
}

static int read_in(const struct reading *reading, const json_t *value)
{
    return duration_member(reading, "in", value, &reading->spec->delay_ns);
}

static int moment_member(const struct reading *reading, const char *name, const json_t *value,
                         int64_t *out_ns)
{
    const char *text;
    int rc = text_member(reading, name, value, &text);
    if (rc == 0 && gorctl_moment_parse(text, NULL, gorctl_now(), out_ns) != 0) {
        complain(reading, "\"%s\" must be a time such as \"2026-03-01 12:30\" or \"2h\"", name);
        rc = -EINVAL;
    }
    return rc;
}

static int read_at(const struct reading *reading, const json_t *value)
{
    return moment_member(reading, "at", value, &reading->spec->not_before_ns);
}

static int read_after(const struct reading *reading, const json_t *value)
{
    const char *text;
    int rc = text_member(reading, "after", value, &text);
    if (rc == 0 && gorctl_after_add(reading->spec, text, true) != 0) {
        complain(reading, "\"after\" must name jobs, such as \"7,any:8?9\", or \"@1\" for the "
                          "first job of this file");
        rc = -EINVAL;
    }
    return rc;
}

static int read_retries(const struct reading *reading, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > 1000000) {
        complain(reading, "\"retries\" must be a number from 0 to 1000000");
        return -EINVAL;
    }
    gorctl_retry_policy(reading->spec)->retries = (uint32_t)json_integer_value(value);
    return 0;
}

static int read_backoff(const struct reading *reading, const json_t *value)
{
    const char *text;
    int rc = text_member(reading, "backoff", value, &text);
    if (rc == 0 && gorctl_backoff_parse(text, gorctl_retry_policy(reading->spec)) != 0) {
        complain(reading, "\"backoff\" must be a wait such as \"10s\", \"1s..5m\", \"fixed:10s\"");
        rc = -EINVAL;
    }
    return rc;
}

static int read_deadline(const struct reading *reading, const json_t *value)
{
    return moment_member(reading, "deadline", value, &reading->spec->deadline_ns);
}

static int read_start_before(const struct reading *reading, const json_t *value)
{
    return moment_member(reading, "start_before", value, &reading->spec->start_before_ns);
}

static int read_limits(const struct reading *reading, const json_t *value)
{
    char why[GORCTL_LIMITS_WHY];
    const char *text;
    int rc = text_member(reading, "limit", value, &text);
    if (rc == 0 && (rc = gorctl_limits_add(reading->spec->exec, text, why)) != 0) {
        complain(reading, "\"limit\": %s", why);
    }
    return rc;
}

static int read_strict(const struct reading *reading, const json_t *value)
{
    if (!json_is_boolean(value)) {
        complain(reading, "\"limit_strict\" must be true or false");
        return -EINVAL;
    }
    gorctl_limits_of(reading->spec->exec)->strict = json_is_true(value);
    return 0;
}

static int read_skips_pauses(const struct reading *reading, const json_t *value)
{
    if (!json_is_boolean(value)) {
        complain(reading, "\"timeout_skips_pauses\" must be true or false");
        return -EINVAL;
    }
    reading->spec->exec->timeout_skips_pauses = json_is_true(value);
    return 0;
}

/* Which kinds of job a member is for. */
enum { FOR_EXEC = 1, FOR_NATIVE = 2, FOR_LUA = 4, FOR_INSIDE = 6, FOR_ALL = 7 };

/* "native", "lua", "lua_file" and "clear_env" come first of all and are read by begin_spec(). */
static int read_already(const struct reading *reading, const json_t *value)
{
    (void)reading;
    (void)value;
    return 0;
}

static const struct member {
    const char *name;
    int kinds;
    int (*read)(const struct reading *reading, const json_t *value);
} members[] = {
    {"argv", FOR_EXEC, read_argv},
    {"shell", FOR_EXEC, read_shell},
    {"cwd", FOR_EXEC, read_cwd},
    {"env", FOR_EXEC, read_env},
    {"clear_env", FOR_EXEC, read_already},
    {"native", FOR_NATIVE, read_already},
    {"lua", FOR_LUA, read_already},
    {"lua_file", FOR_LUA, read_already},
    {"max_steps", FOR_LUA, read_max_steps},
    {"max_memory", FOR_LUA, read_max_memory},
    {"args", FOR_INSIDE, read_args},
    {"name", FOR_ALL, read_name},
    {"timeout", FOR_ALL, read_timeout},
    {"grace", FOR_ALL, read_grace},
    {"on_stop", FOR_ALL, read_on_stop},
    {"heartbeat", FOR_ALL, read_heartbeat},
    {"on_stuck", FOR_ALL, read_on_stuck},
    {"parent", FOR_ALL, read_parent},
    {"labels", FOR_ALL, read_labels},
    {"stdin", FOR_EXEC, read_stdin},
    {"limit", FOR_EXEC, read_limits},
    {"limit_strict", FOR_EXEC, read_strict},
    {"signal", FOR_EXEC, read_signal},
    {"timeout_skips_pauses", FOR_EXEC, read_skips_pauses},
    {"output_max", FOR_ALL, read_output_max},
    {"on_finish", FOR_ALL, read_on_finish},
    {"hold", FOR_ALL, read_hold},
    {"in", FOR_ALL, read_in},
    {"at", FOR_ALL, read_at},
    {"start_before", FOR_ALL, read_start_before},
    {"deadline", FOR_ALL, read_deadline},
    {"after", FOR_ALL, read_after},
    {"retries", FOR_ALL, read_retries},
    {"backoff", FOR_ALL, read_backoff},
    {"queue", FOR_ALL, read_queue},
    {"priority", FOR_ALL, read_priority},
    {"slots", FOR_ALL, read_slots},
    {"tokens", FOR_ALL, read_tokens},
    {"rates", FOR_ALL, read_rates},
    {"array", FOR_ALL, read_array},
};

static const struct member *find_member(const char *name)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static int kind_of(const Gor__V1__JobSpec *spec)
{
    switch (spec->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        return FOR_NATIVE;
    case GOR__V1__JOB_SPEC__KIND_LUA:
        return FOR_LUA;
    default:
        return FOR_EXEC;
    }
}

static int read_members(const struct reading *reading, const json_t *object)
{
    const char *name;
    json_t *value;
    int kind = kind_of(reading->spec);
    json_object_foreach((json_t *)object, name, value)
    {
        const struct member *member = find_member(name);
        char *shown = gorctl_text_escape(name, strlen(name));
        int rc = 0;
        if (member == NULL) {
            complain(reading, "there is no member \"%.60s\"", shown);
            rc = -EINVAL;
        } else if ((member->kinds & kind) == 0) {
            complain(reading, "\"%s\" does not go with a %s job", member->name,
                     kind == FOR_NATIVE ? "native"
                     : kind == FOR_LUA  ? "Lua"
                                        : "program's");
            rc = -EINVAL;
        } else {
            rc = member->read(reading, value);
        }
        free(shown);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* A Lua job, from its text or its file. */
static int begin_lua(struct reading *reading, const json_t *text, const json_t *file)
{
    const char *path;
    if (text != NULL) {
        ProtobufCBinaryData bytes;
        int rc = bytes_member(reading, "lua", text, &bytes);
        if (rc == 0) {
            reading->spec = gorctl_script_new("script", bytes.data, bytes.len);
            free(bytes.data);
        }
        return rc;
    }
    int rc = text_member(reading, "lua_file", file, &path);
    if (rc == 0 && strcmp(path, "-") == 0) {
        complain(reading,
                 "\"lua_file\" must be a path; the lines may be standard input themselves");
        return -EINVAL;
    }
    if (rc == 0 && gorctl_script_read(path, &reading->spec) != GORCTL_EXIT_OK) {
        complain(reading, "\"lua_file\" cannot be taken");
        rc = -EINVAL;
    }
    return rc;
}

static int begin_exec(struct reading *reading, const json_t *clear)
{
    if (clear != NULL && !json_is_boolean(clear)) {
        complain(reading, "\"clear_env\" must be true or false");
        return -EINVAL;
    }
    reading->spec = gorctl_spec_new_exec();
    int rc = gorctl_spec_set_surroundings(reading->spec->exec);
    if (rc != 0) {
        complain(reading, "the current directory cannot be told: %s", strerror(-rc));
        return -EINVAL;
    }
    if (json_is_true(clear)) {
        gorctl_spec_clear_env(reading->spec->exec);
    }
    return 0;
}

/* The message with what must be there before its members are read. */
static int begin_spec(struct reading *reading, const json_t *object)
{
    const json_t *native = json_object_get(object, "native");
    const json_t *lua = json_object_get(object, "lua");
    const json_t *lua_file = json_object_get(object, "lua_file");
    bool has_argv = json_object_get(object, "argv") != NULL;
    bool has_shell = json_object_get(object, "shell") != NULL;
    if ((native != NULL) + (lua != NULL) + (lua_file != NULL) + has_argv + has_shell != 1) {
        complain(reading, "one of \"argv\", \"shell\", \"native\", \"lua\" and \"lua_file\" must "
                          "be there");
        return -EINVAL;
    }
    const char *function;
    if (native != NULL) {
        int rc = text_member(reading, "native", native, &function);
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

int gorctl_batch_line(const char *line, size_t length, char why[GORCTL_BATCH_WHY],
                      Gor__V1__JobSpec **out_spec)
{
    json_error_t error;
    struct reading reading = {.why = why};
    json_t *object =
        json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (object == NULL) {
        complain(&reading, "not JSON: %s", error.text);
        return -EINVAL;
    }
    int rc = 0;
    if (json_is_object(object)) {
        rc = begin_spec(&reading, object);
    } else {
        complain(&reading, "not a JSON object");
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = read_members(&reading, object);
    }
    const char *misfit = rc == 0 ? gorctl_after_misfit(reading.spec) : NULL;
    if (misfit != NULL) {
        complain(&reading, "\"after\": %s; give \"array\", or ok:", misfit);
        rc = -EINVAL;
    }
    json_decref(object);
    if (rc != 0) {
        if (reading.spec != NULL) {
            gor__v1__job_spec__free_unpacked(reading.spec, NULL);
        }
        return rc;
    }
    *out_spec = reading.spec;
    return 0;
}

bool gorctl_batch_is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", line[i]) == NULL || line[i] == '\0') {
            return false;
        }
    }
    return true;
}
