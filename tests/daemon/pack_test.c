/* SPDX-License-Identifier: MIT */
/* Events as bytes and back; and bytes that are no events. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/pack.h"
#include "tests/daemon/specs.h"

enum { EVENTS = 500, RUN_ROOM = 200000 };

static uint64_t random_state;

/* Numbers of every magnitude, zero and the largest included. */
static uint64_t any_number(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    unsigned bits = (unsigned)(random_state >> 58);
    return bits == 0 ? 0 : random_state >> (64 - bits - (bits == 63));
}

static struct gord_event *any_used_event(void)
{
    struct gord_use use = {any_number(), any_number(), any_number(), any_number(),
                           any_number(), any_number(), any_number(), any_number(),
                           any_number(), any_number(), any_number(), any_number() % 2 == 0};
    return gord_event_used(any_number() | 1, &use);
}

static struct gord_event *any_event(uint64_t seq)
{
    static const char *const texts[] = {"", "x", "out of luck", "\xff\xfe bytes \n"};
    enum gord_event_kind kind = (enum gord_event_kind)(any_number() % GORD_EVENT_KIND_COUNT);
    bool has_text = kind != GORD_EVENT_SUBMITTED && kind != GORD_EVENT_STARTED;
    const char *text = has_text ? texts[any_number() % 4] : NULL;
    struct gord_event *event =
        kind == GORD_EVENT_USED ? any_used_event() : gord_event_new(kind, any_number() | 1, text);
    event->seq = seq;
    event->prev_seq = any_number() % 2 == 0 ? 0 : any_number() % seq;
    event->at_ns = (int64_t)any_number();
    event->state = (uint8_t)(any_number() % GORD_STATE_COUNT);
    if (kind == GORD_EVENT_SUBMITTED) {
        event->job_kind = (uint8_t)(any_number() % GORD_ALL_KINDS);
        event->uid = (uint32_t)any_number();
        event->parent_id = any_number();
    } else if (kind == GORD_EVENT_STARTED) {
        event->goroutine = any_number();
        event->pid = (int32_t)(any_number() & INT32_MAX);
        event->pid_start = any_number();
    } else if (kind == GORD_EVENT_FINISHED) {
        event->outcome = (uint8_t)(any_number() % GORD_OUTCOME_COUNT);
        event->exit_code = (int32_t)any_number();
        event->signal = (int32_t)(any_number() & 0x7f);
        event->core_dumped = any_number() % 2 == 0;
        event->stdout_bytes = any_number();
        event->stderr_bytes = any_number();
    } else if (kind == GORD_EVENT_SIGNALLED) {
        event->signal = (int32_t)(any_number() & INT32_MAX);
    }
    return event;
}

static void check_same(const struct gord_event *a, const struct gord_event *b)
{
    CHECK_EQ(a->kind, b->kind);
    CHECK_EQ(a->seq, b->seq);
    CHECK_EQ(a->prev_seq, b->prev_seq);
    CHECK_EQ(a->job_id, b->job_id);
    CHECK_EQ(a->at_ns, b->at_ns);
    CHECK_EQ(a->state, b->state);
    CHECK_EQ(a->job_kind, b->job_kind);
    CHECK_EQ(a->outcome, b->outcome);
    CHECK_EQ(a->uid, b->uid);
    CHECK_EQ(a->parent_id, b->parent_id);
    CHECK_EQ(a->goroutine, b->goroutine);
    CHECK_EQ(a->pid, b->pid);
    CHECK_EQ(a->pid_start, b->pid_start);
    CHECK_EQ(a->exit_code, b->exit_code);
    CHECK_EQ(a->signal, b->signal);
    CHECK_EQ(a->core_dumped, b->core_dumped);
    CHECK_EQ(a->stdout_bytes, b->stdout_bytes);
    CHECK_EQ(a->stderr_bytes, b->stderr_bytes);
    CHECK_STR(a->text, b->text);
    CHECK_EQ(a->use == NULL, b->use == NULL);
    if (a->use != NULL) {
        CHECK_EQ(memcmp(a->use, b->use, offsetof(struct gord_use, peak_is_bound)), 0);
        CHECK_EQ(a->use->peak_is_bound, b->use->peak_is_bound);
    }
}

/* Kinds had four bits once: what was written then reads the same. */
TEST(kind_and_state_share_a_byte)
{
    const struct {
        enum gord_event_kind kind;
        Gor__V1__JobState state;
        uint8_t head;
    } heads[] = {{GORD_EVENT_SIGNALLED, GOR__V1__JOB_STATE__WAITING, 0x4f},
                 {GORD_EVENT_FINISHED, GOR__V1__JOB_STATE__TERMINATED, 0x55},
                 {GORD_EVENT_STUCK, GOR__V1__JOB_STATE__RUNNING, 0xb0},
                 {GORD_EVENT_ALIVE, GOR__V1__JOB_STATE__WAITING, 0xc1}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct gord_pack_state state = {0};
        struct gord_event *event = gord_event_new(heads[i].kind, 1, "");
        uint8_t bytes[256];
        event->seq = 1;
        event->state = (uint8_t)heads[i].state;
        CHECK(gord_pack_most(event) <= sizeof bytes);
        gord_pack_event(&state, event, bytes);
        CHECK_EQ(bytes[0], heads[i].head);
        gord_event_unref(event);
    }
}

TEST(random_events_come_back_as_they_were)
{
    static uint8_t run[RUN_ROOM];
    struct gord_event *events[EVENTS];
    struct gord_pack_state state = {0, 0};
    size_t used = 0;
    random_state = test_seed();
    for (uint64_t i = 0; i < EVENTS; i++) {
        events[i] = any_event(1000 + i);
        size_t bytes = gord_pack_event(&state, events[i], run + used);
        CHECK_INT(bytes, <=, gord_pack_most(events[i]));
        used += bytes;
    }
    state = (struct gord_pack_state){0, 0};
    const uint8_t *at = run;
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct gord_packed packed;
        CHECK_EQ(gord_unpack_event(&state, 1000 + i, &at, run + used, &packed), 0);
        struct gord_event *back = gord_packed_to_event(&packed);
        check_same(events[i], back);
        gord_event_unref(back);
        gord_event_unref(events[i]);
    }
    CHECK(at == run + used);
}

TEST(record_stays_small)
{
    uint8_t run[256];
    struct gord_pack_state state = {0, 0};
    struct gord_event *event =
        gord_event_finished(1000000, GOR__V1__OUTCOME__SUCCEEDED, 0, 0, NULL);
    event->seq = 4000000;
    event->prev_seq = 3999990;
    CHECK_INT(gord_pack_event(&state, event, run), <, 32);
    CHECK_INT(gord_pack_event(&state, event, run), <, 16); /* beside a neighbour */
    gord_event_unref(event);
}

TEST(truncated_run_is_refused_at_every_length)
{
    uint8_t run[256];
    struct gord_pack_state state = {0, 0};
    struct gord_event *event =
        gord_event_finished(300, GOR__V1__OUTCOME__FAILED, -3, 0, "no such file");
    event->seq = 900;
    event->prev_seq = 3;
    size_t used = gord_pack_event(&state, event, run);
    gord_event_unref(event);
    for (size_t bytes = 0; bytes < used; bytes++) {
        uint8_t *copy =
            malloc(bytes + 1); /* exactly as long, so that a sanitizer sees every slip */
        memcpy(copy, run, bytes);
        copy = realloc(copy, bytes > 0 ? bytes : 1);
        const uint8_t *at = copy;
        struct gord_packed packed;
        state = (struct gord_pack_state){0, 0};
        CHECK_EQ(gord_unpack_event(&state, 900, &at, copy + bytes, &packed), -EBADMSG);
        free(copy);
    }
}

TEST(random_bytes_never_go_beyond_their_end)
{
    random_state = test_seed();
    for (int i = 0; i < 20000; i++) {
        size_t bytes = 1 + any_number() % 64;
        uint8_t *run = malloc(bytes);
        for (size_t k = 0; k < bytes; k++) {
            run[k] = (uint8_t)any_number();
        }
        const uint8_t *at = run;
        struct gord_pack_state state = {0, 0};
        struct gord_packed packed;
        uint64_t seq = 1;
        while (gord_unpack_event(&state, seq++, &at, run + bytes, &packed) == 0) {
            CHECK(packed.kind < GORD_EVENT_KIND_COUNT && packed.outcome < GORD_OUTCOME_COUNT);
            CHECK(packed.text_bytes <= bytes);
        }
        CHECK(at <= run + bytes);
        free(run);
    }
}
