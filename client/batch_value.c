/* SPDX-License-Identifier: MIT */
/* batch_value.c - the value of a member as what it must be: see batch_inside.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch_inside.h"
#include "client/gates.h"
#include "client/json.h"
#include "client/text.h"
#include "client/when.h"

void gorctl_batch_complain(const struct gorctl_batch_reading *reading, const char *format, ...)
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

int gorctl_batch_bytes(const struct gorctl_batch_reading *reading, const char *name,
                       const json_t *value, ProtobufCBinaryData *out_bytes)
{
    if (gorctl_json_to_bytes(value, out_bytes) != 0) {
        gorctl_batch_complain(reading, "\"%s\" must be a string, or {\"base64\": \"...\"}", name);
        return -EINVAL;
    }
    if (has_nul(out_bytes->data, out_bytes->len)) {
        free(out_bytes->data);
        gorctl_batch_complain(reading, "\"%s\" has a NUL byte", name);
        return -EINVAL;
    }
    return 0;
}

int gorctl_batch_text(const struct gorctl_batch_reading *reading, const char *name,
                      const json_t *value, const char **out_text)
{
    if (!json_is_string(value)) {
        gorctl_batch_complain(reading, "\"%s\" must be a string", name);
        return -EINVAL;
    }
    if (has_nul(json_string_value(value), json_string_length(value))) {
        gorctl_batch_complain(reading, "\"%s\" has a NUL byte", name);
        return -EINVAL;
    }
    *out_text = json_string_value(value);
    return 0;
}

int gorctl_batch_duration(const struct gorctl_batch_reading *reading, const char *name,
                          const json_t *value, int64_t *out_ns)
{
    const char *text;
    if (gorctl_batch_text(reading, name, value, &text) != 0 ||
        gorctl_duration_parse(text, out_ns) != 0) {
        gorctl_batch_complain(reading, "\"%s\" must be a duration such as \"10s\"", name);
        return -EINVAL;
    }
    return 0;
}

int gorctl_batch_moment(const struct gorctl_batch_reading *reading, const char *name,
                        const json_t *value, int64_t *out_ns)
{
    const char *text;
    int rc = gorctl_batch_text(reading, name, value, &text);
    if (rc == 0 && gorctl_moment_parse(text, NULL, gorctl_now(), out_ns) != 0) {
        gorctl_batch_complain(reading,
                              "\"%s\" must be a time such as \"2026-03-01 12:30\" or \"2h\"", name);
        rc = -EINVAL;
    }
    return rc;
}

int gorctl_batch_flag(const struct gorctl_batch_reading *reading, const char *name,
                      const json_t *value, protobuf_c_boolean *out_flag)
{
    if (!json_is_boolean(value)) {
        gorctl_batch_complain(reading, "\"%s\" must be true or false", name);
        return -EINVAL;
    }
    *out_flag = json_is_true(value);
    return 0;
}

int gorctl_batch_number(const struct gorctl_batch_reading *reading, const char *name,
                        const json_t *value, json_int_t least, json_int_t most)
{
    if (json_is_integer(value) && json_integer_value(value) >= least &&
        json_integer_value(value) <= most) {
        return 0;
    }
    gorctl_batch_complain(reading, "\"%s\" must be a number from %lld to %lld", name,
                          (long long)least, (long long)most);
    return -EINVAL;
}
