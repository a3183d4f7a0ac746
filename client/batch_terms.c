/* SPDX-License-Identifier: MIT */
/* batch_terms.c - on what terms a job of a line runs, whatever its kind: see batch_inside.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/after.h"
#include "client/alloc.h"
#include "client/array.h"
#include "client/ask.h"
#include "client/batch_inside.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/retry.h"
#include "client/spec_pieces.h"
#include "client/text.h"

static int read_labels(const struct gorctl_batch_reading *reading, const json_t *object)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        gorctl_batch_complain(reading, "\"labels\" must be an object of strings");
        return -EINVAL;
    }
    json_object_foreach((json_t *)object, key, value)
    {
        const char *text;
        int rc = gorctl_batch_text(reading, "labels", value, &text);
        if (rc != 0) {
            return rc;
        }
        gorctl_spec_add_label(reading->spec, key, strlen(key), text);
    }
    return 0;
}

static int read_name(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = gorctl_batch_text(reading, "name", value, &text);
    if (rc == 0) {
        reading->spec->name = gorctl_strdup(text);
    }
    return rc;
}

static int read_parent(const struct gorctl_batch_reading *reading, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) <= 0) {
        gorctl_batch_complain(reading, "\"parent\" must be the id of a job");
        return -EINVAL;
    }
    reading->spec->parent_id = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_timeout(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_duration(reading, "timeout", value, &reading->spec->timeout_ns);
}

static int read_grace(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_duration(reading, "grace", value, &reading->spec->grace_ns);
}

static int read_on_stop(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text;
    int rc = gorctl_batch_text(reading, "on_stop", value, &text);
    if (rc == 0 && !gorctl_on_stop_parse(text, &reading->spec->on_stop)) {
        gorctl_batch_complain(reading, "\"on_stop\" must be kill, wait, requeue or leave");
        rc = -1;
    }
    return rc;
}

static int read_heartbeat(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_duration(reading, "heartbeat", value, &reading->spec->heartbeat_ns);
}

static int read_on_stuck(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text;
    int rc = gorctl_batch_text(reading, "on_stuck", value, &text);
    if (rc == 0 && !gorctl_on_stuck_parse(text, &reading->spec->on_stuck)) {
        gorctl_batch_complain(reading, "\"on_stuck\" must be report or kill");
        rc = -1;
    }
    return rc;
}

static int read_queue(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = gorctl_batch_text(reading, "queue", value, &text);
    if (rc == 0) {
        reading->spec->queue = gorctl_strdup(text);
    }
    return rc;
}

static int read_priority(const struct gorctl_batch_reading *reading, const json_t *value)
{
    reading->spec->priority = (int32_t)json_integer_value(value);
    return gorctl_batch_number(reading, "priority", value, -10000, 10000);
}

static int read_slots(const struct gorctl_batch_reading *reading, const json_t *value)
{
    reading->spec->slots = (uint32_t)json_integer_value(value);
    return gorctl_batch_number(reading, "slots", value, 1, 1000000);
}

static int read_array(const struct gorctl_batch_reading *reading, const json_t *value)
{
    char why[GORCTL_ARRAY_WHY];
    const char *text;
    int rc = gorctl_batch_text(reading, "array", value, &text);
    if (rc == 0 && (rc = gorctl_array_add(reading->spec, text, why)) != 0) {
        gorctl_batch_complain(reading, "\"array\": %s", why);
    }
    return rc;
}

/* An object of numbers by name, each into the message by `add`. */
static int read_amounts(const struct gorctl_batch_reading *reading, const char *member,
                        const json_t *object,
                        void (*add)(Gor__V1__JobSpec *message, const char *name, size_t length,
                                    uint32_t count))
{
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        gorctl_batch_complain(reading, "\"%s\" must be an object of numbers", member);
        return -EINVAL;
    }
    json_object_foreach((json_t *)object, name, value)
    {
        int rc = gorctl_batch_number(reading, member, value, 1, 1000000);
        if (rc != 0) {
            return rc;
        }
        add(reading->spec, name, strlen(name), (uint32_t)json_integer_value(value));
    }
    return 0;
}

static int read_tokens(const struct gorctl_batch_reading *reading, const json_t *object)
{
    return read_amounts(reading, "tokens", object, gorctl_ask_add_token);
}

static int read_rates(const struct gorctl_batch_reading *reading, const json_t *object)
{
    return read_amounts(reading, "rates", object, gorctl_ask_add_rate);
}

static int read_output_max(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = gorctl_batch_text(reading, "output_max", value, &text);
    if (rc == 0 && gorctl_bytes_parse(text, &reading->spec->output_max_bytes) != 0) {
        gorctl_batch_complain(reading, "\"output_max\" must be a size such as \"512K\" or \"64M\"");
        rc = -EINVAL;
    }
    return rc;
}

static int read_on_finish(const struct gorctl_batch_reading *reading, const json_t *list)
{
    size_t i;
    const json_t *word;
    if (!json_is_array(list)) {
        gorctl_batch_complain(reading, "\"on_finish\" must be a list of strings");
        return -EINVAL;
    }
    json_array_foreach((json_t *)list, i, word)
    {
        ProtobufCBinaryData bytes;
        int rc = gorctl_batch_bytes(reading, "on_finish", word, &bytes);
        if (rc != 0) {
            return rc;
        }
        gorctl_spec_add_hook_word(reading->spec, bytes.data, bytes.len);
        free(bytes.data);
    }
    return 0;
}

static int read_on_finish_url(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text = "";
    int rc = gorctl_batch_text(reading, "on_finish_url", value, &text);
    if (rc == 0 && text[0] == '\0') {
        gorctl_batch_complain(reading, "\"on_finish_url\" is an empty text");
        rc = -EINVAL;
    }
    if (rc == 0) {
        reading->spec->on_finish_url = gorctl_strdup(text);
    }
    return rc;
}

static int read_hold(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_flag(reading, "hold", value, &reading->spec->held);
}

static int read_in(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_duration(reading, "in", value, &reading->spec->delay_ns);
}

static int read_at(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_moment(reading, "at", value, &reading->spec->not_before_ns);
}

static int read_after(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text;
    int rc = gorctl_batch_text(reading, "after", value, &text);
    if (rc == 0 && gorctl_after_add(reading->spec, text, true) != 0) {
        gorctl_batch_complain(reading,
                              "\"after\" must name jobs, such as \"7,any:8?9\", or \"@1\" for the "
                              "first job of this file");
        rc = -EINVAL;
    }
    return rc;
}

static int read_retries(const struct gorctl_batch_reading *reading, const json_t *value)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > 1000000) {
        gorctl_batch_complain(reading, "\"retries\" must be a number from 0 to 1000000");
        return -EINVAL;
    }
    gorctl_retry_policy(reading->spec)->retries = (uint32_t)json_integer_value(value);
    return 0;
}

static int read_backoff(const struct gorctl_batch_reading *reading, const json_t *value)
{
    const char *text;
    int rc = gorctl_batch_text(reading, "backoff", value, &text);
    if (rc == 0 && gorctl_backoff_parse(text, gorctl_retry_policy(reading->spec)) != 0) {
        gorctl_batch_complain(
            reading, "\"backoff\" must be a wait such as \"10s\", \"1s..5m\", \"fixed:10s\"");
        rc = -EINVAL;
    }
    return rc;
}

static int read_deadline(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_moment(reading, "deadline", value, &reading->spec->deadline_ns);
}

static int read_start_before(const struct gorctl_batch_reading *reading, const json_t *value)
{
    return gorctl_batch_moment(reading, "start_before", value, &reading->spec->start_before_ns);
}

const struct gorctl_batch_member gorctl_batch_term_members[] = {
    {"name", GORCTL_BATCH_FOR_ALL, read_name},
    {"timeout", GORCTL_BATCH_FOR_ALL, read_timeout},
    {"grace", GORCTL_BATCH_FOR_ALL, read_grace},
    {"on_stop", GORCTL_BATCH_FOR_ALL, read_on_stop},
    {"heartbeat", GORCTL_BATCH_FOR_ALL, read_heartbeat},
    {"on_stuck", GORCTL_BATCH_FOR_ALL, read_on_stuck},
    {"parent", GORCTL_BATCH_FOR_ALL, read_parent},
    {"labels", GORCTL_BATCH_FOR_ALL, read_labels},
    {"output_max", GORCTL_BATCH_FOR_ALL, read_output_max},
    {"on_finish", GORCTL_BATCH_FOR_ALL, read_on_finish},
    {"on_finish_url", GORCTL_BATCH_FOR_ALL, read_on_finish_url},
    {"hold", GORCTL_BATCH_FOR_ALL, read_hold},
    {"in", GORCTL_BATCH_FOR_ALL, read_in},
    {"at", GORCTL_BATCH_FOR_ALL, read_at},
    {"start_before", GORCTL_BATCH_FOR_ALL, read_start_before},
    {"deadline", GORCTL_BATCH_FOR_ALL, read_deadline},
    {"after", GORCTL_BATCH_FOR_ALL, read_after},
    {"retries", GORCTL_BATCH_FOR_ALL, read_retries},
    {"backoff", GORCTL_BATCH_FOR_ALL, read_backoff},
    {"queue", GORCTL_BATCH_FOR_ALL, read_queue},
    {"priority", GORCTL_BATCH_FOR_ALL, read_priority},
    {"slots", GORCTL_BATCH_FOR_ALL, read_slots},
    {"tokens", GORCTL_BATCH_FOR_ALL, read_tokens},
    {"rates", GORCTL_BATCH_FOR_ALL, read_rates},
    {"array", GORCTL_BATCH_FOR_ALL, read_array},
    {0},
};
