/* SPDX-License-Identifier: MIT */
/* pack.c - see pack.h. */
#include "daemon/store/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"

_Static_assert(GORD_EVENT_KIND_COUNT <= 32 && GORD_STATE_COUNT <= 8, "kind and state share a byte");

/* The state has three bits, between the kind's four low ones, which once were all of it, and the fifth. */
static uint8_t head_of(unsigned kind, unsigned state)
{
    return (uint8_t)((kind & 15U) | state << 4 | (kind >> 4) << 7);
}

static uint8_t *put_number(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

static uint8_t *put_signed(uint8_t *out, int64_t value)
{
    return put_number(out, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static uint8_t *put_text(uint8_t *out, const char *text)
{
    size_t length = strlen(text);
    out = put_number(out, length);
    memcpy(out, text, length);
    return out + length;
}

/* The numbers of a use in the order they are packed in; they are stored: only append. */
enum { USE_NUMBERS = 11 };
static void use_numbers(struct gord_use *use, uint64_t *out[USE_NUMBERS])
{
    uint64_t *const numbers[USE_NUMBERS] = {
        &use->user_ns,
        &use->system_ns,
        &use->peak_memory_bytes,
        &use->minor_faults,
        &use->major_faults,
        &use->voluntary_switches,
        &use->involuntary_switches,
        &use->blocks_in,
        &use->blocks_out,
        &use->peak_processes,
        &use->left_processes,
    };
    memcpy(out, numbers, sizeof numbers);
}

static uint8_t *put_use(uint8_t *out, const struct gord_use *use)
{
    struct gord_use copy = *use;
    uint64_t *numbers[USE_NUMBERS];
    use_numbers(&copy, numbers);
    *out++ = copy.peak_is_bound;
    for (int i = 0; i < USE_NUMBERS; i++) {
        out = put_number(out, *numbers[i]);
    }
    return out;
}

size_t gord_pack_most(const struct gord_event *event)
{
    enum { FIXED = 80, NUMBER = 10 };
    return FIXED + strlen(event->text) + (event->use != NULL ? USE_NUMBERS * NUMBER : 0);
}

size_t gord_pack_event(struct gord_pack_state *state, const struct gord_event *event, uint8_t *out)
{
    uint8_t *at = out;
    *at++ = head_of(event->kind, event->state);
    at = put_signed(at, (int64_t)(event->job_id - state->job_id));
    at = put_number(at, event->prev_seq != 0 ? event->seq - event->prev_seq : 0);
    at = put_signed(at, (int64_t)((uint64_t)event->at_ns - (uint64_t)state->at_ns));
    state->job_id = event->job_id;
    state->at_ns = event->at_ns;
    switch ((enum gord_event_kind)event->kind) {
    case GORD_EVENT_SUBMITTED:
        at = put_number(at, event->job_kind);
        at = put_number(at, event->uid);
        at = put_number(at, event->parent_id);
        break;
    case GORD_EVENT_STARTED:
        at = put_number(at, event->goroutine);
        at = put_number(at, (uint32_t)event->pid);
        at = put_number(at, event->pid_start);
        break;
    case GORD_EVENT_FINISHED:
    case GORD_EVENT_RETRYING:
        at = put_number(at, event->outcome);
        at = put_signed(at, event->exit_code);
        at = put_number(at, (uint32_t)gord_event_ended_by(event));
        at = put_number(at, event->stdout_bytes);
        at = put_number(at, event->stderr_bytes);
        at = put_text(at, event->text);
        break;
    case GORD_EVENT_USED:
        at = put_use(at, event->use);
        break;
    case GORD_EVENT_SIGNALLED:
        at = put_number(at, (uint32_t)event->signal);
        at = put_text(at, event->text);
        break;
    default:
        at = put_text(at, event->text);
    }
    return (size_t)(at - out);
}

/* What is left of a run; `broken` is set instead of reading past the end. */
struct bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool broken;
};

static uint64_t get_number(struct bytes *bytes)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && bytes->at < bytes->end; shift += 7) {
        uint8_t byte = *bytes->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    bytes->broken = true;
    return 0;
}

static int64_t get_signed(struct bytes *bytes)
{
    uint64_t value = get_number(bytes);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static uint64_t get_below(struct bytes *bytes, uint64_t limit)
{
    uint64_t value = get_number(bytes);
    bytes->broken = bytes->broken || value >= limit;
    return value;
}

static void get_text(struct bytes *bytes, struct gord_packed *out)
{
    uint64_t length = get_number(bytes);
    if (bytes->broken || length > (uint64_t)(bytes->end - bytes->at)) {
        bytes->broken = true;
        return;
    }
    out->text = bytes->at;
    out->text_bytes = (size_t)length;
    bytes->at += length;
}

static void get_use(struct bytes *bytes, struct gord_use *out)
{
    uint64_t *numbers[USE_NUMBERS];
    use_numbers(out, numbers);
    out->peak_is_bound = get_below(bytes, 2) != 0;
    for (int i = 0; i < USE_NUMBERS; i++) {
        *numbers[i] = get_number(bytes);
    }
}

static void get_fields(struct bytes *bytes, struct gord_packed *out)
{
    switch ((enum gord_event_kind)out->kind) {
    case GORD_EVENT_SUBMITTED:
        out->job_kind = (uint8_t)get_below(bytes, GORD_ALL_KINDS);
        out->uid = (uint32_t)get_below(bytes, (uint64_t)UINT32_MAX + 1);
        out->parent_id = get_number(bytes);
        break;
    case GORD_EVENT_STARTED:
        out->goroutine = get_number(bytes);
        out->pid = (int32_t)get_below(bytes, (uint64_t)INT32_MAX + 1);
        out->pid_start = get_number(bytes);
        break;
    case GORD_EVENT_FINISHED:
    case GORD_EVENT_RETRYING:
        out->outcome = (uint8_t)get_below(bytes, GORD_OUTCOME_COUNT);
        out->exit_code = (int32_t)get_signed(bytes);
        out->signal = (int32_t)get_below(bytes, (uint64_t)INT32_MAX + 1);
        out->core_dumped = (out->signal & GORD_CORE_DUMPED) != 0;
        out->signal &= ~GORD_CORE_DUMPED;
        out->stdout_bytes = get_number(bytes);
        out->stderr_bytes = get_number(bytes);
        get_text(bytes, out);
        break;
    case GORD_EVENT_USED:
        get_use(bytes, &out->use);
        break;
    case GORD_EVENT_SIGNALLED:
        out->signal = (int32_t)get_below(bytes, (uint64_t)INT32_MAX + 1);
        get_text(bytes, out);
        break;
    default:
        get_text(bytes, out);
    }
}

int gord_unpack_event(struct gord_pack_state *state, uint64_t seq, const uint8_t **at,
                      const uint8_t *end, struct gord_packed *out)
{
    struct bytes bytes = {*at, end, *at >= end};
    if (bytes.broken) {
        return -EBADMSG;
    }
    memset(out, 0, sizeof *out);
    uint8_t head = *bytes.at++;
    out->seq = seq;
    out->kind = (head & 15) | (head >> 7) << 4;
    out->state = head >> 4 & 7;
    out->job_id = state->job_id + (uint64_t)get_signed(&bytes);
    uint64_t distance = get_number(&bytes);
    out->at_ns = (int64_t)((uint64_t)state->at_ns + (uint64_t)get_signed(&bytes));
    if (out->kind >= GORD_EVENT_KIND_COUNT || out->state >= GORD_STATE_COUNT || out->job_id == 0 ||
        distance >= seq) {
        return -EBADMSG;
    }
    out->prev_seq = distance != 0 ? seq - distance : 0;
    get_fields(&bytes, out);
    if (bytes.broken) {
        return -EBADMSG;
    }
    state->job_id = out->job_id;
    state->at_ns = out->at_ns;
    *at = bytes.at;
    return 0;
}

struct gord_event *gord_packed_to_event(const struct gord_packed *packed)
{
    char *text = NULL;
    if (packed->text_bytes > 0) {
        text = strndup((const char *)packed->text, packed->text_bytes);
        if (text == NULL) {
            return NULL;
        }
    }
    struct gord_event *event =
        packed->kind == GORD_EVENT_USED
            ? gord_event_used(packed->job_id, &packed->use)
            : gord_event_new((enum gord_event_kind)packed->kind, packed->job_id, text);
    free(text);
    if (event == NULL) {
        return NULL;
    }
    event->seq = packed->seq;
    event->prev_seq = packed->prev_seq;
    event->at_ns = packed->at_ns;
    event->state = packed->state;
    event->job_kind = packed->job_kind;
    event->outcome = packed->outcome;
    event->uid = packed->uid;
    event->parent_id = packed->parent_id;
    event->goroutine = packed->goroutine;
    event->pid = packed->pid;
    event->pid_start = packed->pid_start;
    event->exit_code = packed->exit_code;
    event->signal = packed->signal;
    event->core_dumped = packed->core_dumped;
    event->stdout_bytes = packed->stdout_bytes;
    event->stderr_bytes = packed->stderr_bytes;
    return event;
}
