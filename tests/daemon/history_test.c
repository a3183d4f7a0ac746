/* SPDX-License-Identifier: MIT */
/* Lives that were lived elsewhere: which are complete, and what is filled in. Ids and the map of them. */
#include <stdlib.h>

#include "daemon/job/history.h"
#include "daemon/service/idmap.h"
#include "tests/daemon/specs.h"

enum { MOST = 16 };

struct told {
    struct gord_event *events[MOST];
    size_t count;
};

static void tell(struct told *told, struct gord_event *event)
{
    CHECK(event != NULL && told->count < MOST);
    event->at_ns = 100 * (int64_t)(told->count + 1);
    told->events[told->count++] = event;
}

static void tell_kind(struct told *told, enum gord_event_kind kind)
{
    tell(told, gord_event_new(kind, 7, NULL));
}

static struct told born(void)
{
    struct told told = {.count = 0};
    struct gord_spec *spec = native_spec("one", 0);
    tell(&told, gord_event_submitted(7, spec, 1000));
    gord_spec_unref(spec);
    return told;
}

static void forget(struct told *told)
{
    for (size_t i = 0; i < told->count; i++) {
        gord_event_unref(told->events[i]);
    }
}

TEST(history_with_a_retry_is_complete_and_says_when_the_last_run_began)
{
    struct told told = born();
    struct gord_job_table *table = new_table(0);
    tell_kind(&told, GORD_EVENT_QUEUED);
    tell(&told, gord_event_started(7, 0, 40, 0));
    tell_kind(&told, GORD_EVENT_RETRYING);
    tell_kind(&told, GORD_EVENT_QUEUED);
    tell(&told, gord_event_started(7, 0, 0, 0));
    tell(&told, gord_event_finished(7, GOR__V1__OUTCOME__FAILED, 3, 0, NULL));
    CHECK_EQ(gord_history_complete(told.events, told.count), told.count);
    CHECK_EQ(told.events[2]->started_ns, 300);
    CHECK_EQ(told.events[3]->state, GOR__V1__JOB_STATE__WAITING);
    CHECK_EQ(told.events[3]->started_ns, 0);
    CHECK_EQ(told.events[6]->state, GOR__V1__JOB_STATE__TERMINATED);
    CHECK_EQ(told.events[6]->started_ns, 600);
    CHECK_EQ(told.events[6]->pid, 0);
    CHECK(told.events[6]->spec == told.events[0]->spec);
    gord_history_number(table, told.events, told.count);
    CHECK_EQ(told.events[0]->seq, 1);
    CHECK_EQ(told.events[0]->prev_seq, 0);
    CHECK_EQ(told.events[6]->seq, 7);
    CHECK_EQ(told.events[6]->prev_seq, 6);
    CHECK_EQ(gord_job_next_seq(table), 8);
    CHECK(gord_job_find(table, 7) == NULL);
    gord_job_table_free(table);
    forget(&told);
}

TEST(history_goes_on_when_what_has_ended_is_revived)
{
    struct told told = born();
    for (int life = 0; life < 3; life++) {
        if (life > 0) {
            tell_kind(&told, GORD_EVENT_REVIVED);
        }
        tell_kind(&told, GORD_EVENT_QUEUED);
        tell(&told, gord_event_started(7, 0, life == 0 ? 40 : 0, 0));
        tell(&told, gord_event_finished(7, GOR__V1__OUTCOME__FAILED, 3, 0, NULL));
    }
    CHECK_EQ(gord_history_complete(told.events, told.count), told.count);
    CHECK_EQ(told.events[3]->started_ns, 300);
    CHECK_EQ(told.events[4]->state, GOR__V1__JOB_STATE__CREATED);
    CHECK_EQ(told.events[4]->started_ns, 0);
    CHECK_EQ(told.events[7]->started_ns, 700);
    CHECK_EQ(told.events[7]->pid, 0);
    CHECK_EQ(told.events[11]->state, GOR__V1__JOB_STATE__TERMINATED);
    CHECK_EQ(told.events[11]->started_ns, 1100);
    forget(&told);
}

TEST(history_of_an_array_goes_on_when_it_is_revived)
{
    struct told told = born();
    told.events[0]->job_kind = GORD_GROUP;
    for (int life = 0; life < 2; life++) {
        if (life > 0) {
            tell_kind(&told, GORD_EVENT_REVIVED);
        }
        tell(&told, gord_event_state(7, GOR__V1__JOB_STATE__WAITING, ""));
        tell_kind(&told, GORD_EVENT_STARTED);
        tell(&told, gord_event_finished(7, GOR__V1__OUTCOME__FAILED, 1, 0, NULL));
    }
    CHECK_EQ(gord_history_complete(told.events, told.count), told.count);
    CHECK_EQ(told.events[4]->state, GOR__V1__JOB_STATE__CREATED);
    CHECK_EQ(told.events[4]->started_ns, 0);
    CHECK_EQ(told.events[7]->state, GOR__V1__JOB_STATE__TERMINATED);
    forget(&told);
}

TEST(history_that_no_job_could_have_is_told)
{
    struct told told = {.count = 0};
    tell_kind(&told, GORD_EVENT_QUEUED);
    CHECK_EQ(gord_history_complete(told.events, told.count), 0);
    forget(&told);

    told = born();
    tell(&told, gord_event_started(7, 0, 0, 0)); /* it was not queued */
    CHECK_EQ(gord_history_complete(told.events, told.count), 1);
    forget(&told);

    told = born();
    tell(&told, gord_event_finished(7, GOR__V1__OUTCOME__CANCELLED, 0, 0, NULL));
    tell_kind(&told, GORD_EVENT_CANCEL_REQUESTED); /* it had ended */
    CHECK_EQ(gord_history_complete(told.events, told.count), 2);
    forget(&told);

    told = born();
    tell_kind(&told, GORD_EVENT_QUEUED);
    tell_kind(&told, GORD_EVENT_REVIVED); /* it had not ended */
    CHECK_EQ(gord_history_complete(told.events, told.count), 2);
    forget(&told);

    told = (struct told){.count = 0};
    tell_kind(&told, GORD_EVENT_REVIVED); /* there was none */
    CHECK_EQ(gord_history_complete(told.events, told.count), 0);
    forget(&told);

    told = born();
    tell_kind(&told, GORD_EVENT_QUEUED); /* no end */
    CHECK_EQ(gord_history_complete(told.events, told.count), 1);
    forget(&told);
}

TEST(job_skip_to_id_never_goes_back)
{
    struct gord_job_table *table = new_table(0);
    gord_job_skip_to_id(table, 50);
    CHECK_EQ(gord_job_peek_id(table), 50);
    gord_job_skip_to_id(table, 7);
    CHECK_EQ(gord_job_next_id(table), 50);
    CHECK_EQ(gord_job_peek_id(table), 51);
    gord_job_table_free(table);
}

TEST(idmap_finds_what_was_put_and_nothing_else)
{
    struct gord_idmap map = {0};
    CHECK_EQ(gord_idmap_get(&map, 3), 0);
    for (uint64_t i = 1; i <= 10000; i++) {
        CHECK_EQ(gord_idmap_put(&map, i * 256, i), 0);
    }
    CHECK_EQ(gord_idmap_put(&map, 256, 9), 0);
    CHECK_EQ(gord_idmap_get(&map, 256), 9);
    CHECK_EQ(gord_idmap_get(&map, 2560000), 10000);
    CHECK_EQ(gord_idmap_get(&map, 255), 0);
    CHECK_EQ(gord_idmap_get(&map, 0), 0);
    gord_idmap_fini(&map);
}
