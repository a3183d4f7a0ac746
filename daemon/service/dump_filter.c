/* SPDX-License-Identifier: MIT */
/* dump_filter.c - see dump_filter.h. */
#include "daemon/service/dump_filter.h"

#include <stdint.h>
#include <string.h>

#include "daemon/service/state.h"

/* The names the runtime gives to the values of one of its enums. */
struct names {
    const char *field;
    unsigned count;
    const char *(*name)(unsigned value);
};

static const char *state_name(unsigned value)
{
    return gor_state_name((enum gor_state)value);
}

static const char *reason_name(unsigned value)
{
    return gor_wait_reason_name((enum gor_wait_reason)value);
}

static const struct names states = {"states", GOR_STATE_COUNT, state_name};
static const struct names reasons = {"wait_reasons", GOR_WAIT_COUNT, reason_name};

/* "created, runnable, ...": as many as there is room for. */
static void list_names(const struct names *names, char *out, size_t room)
{
    size_t length = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < names->count && length + 1 < room; i++) {
        const char *name = names->name(i);
        if (name[0] != '\0') {
            (void)snprintf(out + length, room - length, "%s%s", length > 0 ? ", " : "", name);
            length = strlen(out);
        }
    }
}

static bool read_set(const struct names *names, size_t count, char **texts, uint64_t *out_set,
                     struct rpc_call *call)
{
    char known[512];

    *out_set = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        while (value < names->count && strcmp(names->name(value), texts[i]) != 0) {
            value++;
        }
        if (value == names->count || texts[i][0] == '\0') {
            list_names(names, known, sizeof(known));
            gord_fail(call, WIRE_INVALID_ARGUMENT, "dump.%s: '%.40s' is none; there are: %s",
                      names->field, texts[i], known);
            return false;
        }
        *out_set |= UINT64_C(1) << value;
    }
    return true;
}

bool gord_dump_filter_read(struct gord_dump_filter *out_filter, const Gor__V1__DumpOptions *message,
                           struct rpc_call *call)
{
    uint64_t in_states = 0;

    memset(out_filter, 0, sizeof(*out_filter));
    if (message == NULL) {
        return true;
    }
    if (strlen(message->name) >= sizeof(out_filter->name)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "dump.name has %zu bytes; goroutines' names have %zu at most",
                  strlen(message->name), sizeof(out_filter->name) - 1);
        return false;
    }
    if (!read_set(&states, message->n_states, message->states, &in_states, call) ||
        !read_set(&reasons, message->n_wait_reasons, message->wait_reasons,
                  &out_filter->opts.reasons, call)) {
        return false;
    }
    strcpy(out_filter->name, message->name);
    out_filter->opts.merged = message->merged;
    out_filter->opts.states = (uint32_t)in_states;
    out_filter->opts.name = out_filter->name[0] != '\0' ? out_filter->name : NULL;
    out_filter->opts.id = message->goroutine;
    out_filter->opts.min_wait_ns = message->min_wait_ns;
    out_filter->opts.limit = message->limit;
    return true;
}
