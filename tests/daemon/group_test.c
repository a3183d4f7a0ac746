/* SPDX-License-Identifier: MIT */
/* Groups in the job table: the steps they may take, how they count their tasks, and that no more of
 * those are taken than may run at a time. */
#include <string.h>

#include "daemon/job/group.h"
#include "daemon/job/queues.h"
#include "tests/daemon/specs.h"

#define STATE(name) GOR__V1__JOB_STATE__##name
#define OUTCOME(name) GOR__V1__OUTCOME__##name

static struct gord_spec *task_spec(uint64_t group_id, uint32_t index, uint32_t count,
                                   uint32_t at_once)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__ArrayTask task = GOR__V1__ARRAY_TASK__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    native.function = (char *)"builtin.echo";
    task.array_id = group_id;
    task.index = index;
    task.count = count;
    task.at_once = at_once;
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.task = &task;
    wire.parent_id = group_id;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

/* Job 1 with its tasks, jobs 2 and on; they are queued. */
static struct gord_job_table *table_with(uint32_t count, uint32_t at_once)
{
    struct gord_job_table *table = new_table(0);
    struct gord_spec *spec = group_spec(count);
    uint64_t id = gord_job_next_id(table);
    apply(table, gord_event_submitted(id, spec, 1000));
    gord_spec_unref(spec);
    apply(table, gord_event_state(id, STATE(WAITING), "for its tasks"));
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(submit(table, task_spec(id, i, count, at_once)), id + 1 + i);
    }
    CHECK(gord_job_table_is_valid(table));
    return table;
}

/* The next to start has been; 0: none. */
static uint64_t start_one(struct gord_job_table *table)
{
    commit_all(table);
    struct gord_job *job = gord_job_take(table, GORD_NATIVE);
    if (job == NULL) {
        return 0;
    }
    apply(table, gord_event_started(job->id, 1, 0, 0));
    return job->id;
}

static void end(struct gord_job_table *table, uint64_t id, Gor__V1__Outcome outcome)
{
    apply(table, gord_event_finished(id, outcome, 0, 0, NULL));
    CHECK(gord_job_table_is_valid(table));
}

TEST(group_takes_its_own_steps_only)
{
    static const uint8_t allowed[GORD_STATE_COUNT][5] = {
        [STATE(CREATED)] = {GORD_EVENT_STATE, GORD_EVENT_GATED, GORD_EVENT_CANCEL_REQUESTED,
                            GORD_EVENT_FINISHED, GORD_EVENT_UPDATED},
        [STATE(WAITING)] = {GORD_EVENT_STARTED, GORD_EVENT_GATED, GORD_EVENT_CANCEL_REQUESTED,
                            GORD_EVENT_FINISHED, GORD_EVENT_FINISHED},
    };
    for (int state = STATE(CREATED); state <= STATE(WAITING); state += 3) {
        struct gord_job_table *table = table_with(1, 0);
        struct gord_job *group = gord_job_find(table, 1);
        if (state == STATE(CREATED)) {
            apply(table, gord_event_new(GORD_EVENT_GATED, 1, "held"));
        }
        CHECK_EQ(group->state, state);
        for (int kind = 0; kind < GORD_EVENT_KIND_COUNT; kind++) {
            bool may = kind == GORD_EVENT_TERMINATE_REQUESTED ||
                       memchr(allowed[state], kind, sizeof allowed[state]) != NULL;
            CHECK_EQ(gord_job_allows(group, (enum gord_event_kind)kind), may);
        }
        gord_job_table_free(table);
    }
}

TEST(group_that_is_changed_keeps_its_tasks)
{
    struct gord_job_table *table = table_with(2, 0);
    struct gord_job *group = gord_job_find(table, 1);
    struct gord_spec *spec = group_spec(2);
    apply(table, gord_event_new(GORD_EVENT_GATED, 1, "held"));
    uint32_t lane = group->lane;
    struct gord_event *event =
        gord_event_standing(GORD_EVENT_UPDATED, 1, gord_standing_copy(NULL), "after");
    event->spec = gord_spec_ref(spec);
    apply(table, event);
    CHECK_EQ(group->state, STATE(CREATED));
    CHECK_EQ(group->lane, lane);
    CHECK(group->body->spec == spec);
    CHECK_EQ(gord_group_live(group), 2);
    CHECK(gord_job_table_is_valid(table));
    gord_spec_unref(spec);
    gord_job_table_free(table);
}

TEST(group_started_stays_waiting_and_takes_nothing)
{
    struct gord_job_table *table = table_with(2, 0);
    struct gord_job *group = gord_job_find(table, 1);
    apply(table, gord_event_new(GORD_EVENT_STARTED, 1, NULL));
    CHECK_EQ(group->state, STATE(WAITING));
    CHECK(group->body->started_ns != 0);
    CHECK(!group->taken);
    CHECK_EQ(gord_job_counts(table)->taken[GORD_EXEC], 0);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(group_counts_its_tasks_as_they_move)
{
    struct gord_job_table *table = table_with(4, 0);
    struct gord_job *group = gord_job_find(table, 1);
    const struct gord_tasks *tasks = group->body->tasks;
    char text[96];
    CHECK_EQ(tasks->by_state[STATE(RUNNABLE)], 4);
    CHECK_EQ(start_one(table), 2);
    CHECK_EQ(start_one(table), 3);
    CHECK_EQ(start_one(table), 4);
    CHECK_EQ(gord_group_running(group), 3);
    CHECK_EQ(gord_group_live(group), 4);
    end(table, 2, OUTCOME(SUCCEEDED));
    CHECK_STR(gord_group_text(group, text, sizeof text), "");
    end(table, 3, OUTCOME(TIMED_OUT));
    end(table, 4, OUTCOME(CANCELLED));
    CHECK_EQ(gord_group_live(group), 1);
    CHECK_EQ(gord_group_ended(group), 3);
    CHECK_EQ(gord_group_failed(group), 1);
    CHECK_STR(gord_group_text(group, text, sizeof text), "1 of 4 tasks failed, 1 was cancelled");
    end(table, 5, OUTCOME(CANCELLED));
    CHECK_EQ(gord_group_live(group), 0);
    CHECK_STR(gord_group_text(group, text, sizeof text), "1 of 4 tasks failed, 2 were cancelled");
    CHECK_EQ(group->state, STATE(WAITING)); /* to end it is the runner's */
    gord_job_table_free(table);
}

TEST(group_tells_those_that_never_ran_apart)
{
    struct gord_job_table *table = table_with(3, 0);
    struct gord_job *group = gord_job_find(table, 1);
    char text[96];
    CHECK_EQ(group->body->tasks->first, 2);
    end(table, 3, OUTCOME(DEPENDENCY_FAILED));
    CHECK_STR(gord_group_text(group, text, sizeof text), "1 of 3 tasks never ran");
    end(table, 2, OUTCOME(SPAWN_ERROR));
    end(table, 4, OUTCOME(CANCELLED));
    CHECK_EQ(gord_group_failed(group), 1);
    CHECK_EQ(gord_group_never_ran(group), 1);
    CHECK_STR(gord_group_text(group, text, sizeof text),
              "1 of 3 tasks failed, 1 never ran, 1 was cancelled");
    gord_job_table_free(table);
}

TEST(group_is_shut_until_it_waits_and_is_none_after_its_end)
{
    struct gord_job_table *table = table_with(1, 0);
    struct gord_job *task = gord_job_find(table, 2);
    CHECK(!gord_group_is_shut(table, task));
    apply(table, gord_event_new(GORD_EVENT_GATED, 1, "held"));
    CHECK(gord_group_is_shut(table, task));
    end(table, 1, OUTCOME(CANCELLED));
    CHECK(gord_group_of(table, task) == NULL);
    CHECK(!gord_group_is_shut(table, task));
    end(table, 2, OUTCOME(CANCELLED));
    gord_job_table_free(table);
}

TEST(group_limit_holds_and_lets_others_pass)
{
    struct gord_job_table *table = table_with(4, 2);
    struct gord_why why;
    gord_queues_set_slots(table, GORD_NATIVE, 3);
    uint64_t other = submit(table, native_spec("other", 0));
    CHECK_EQ(start_one(table), 2);
    CHECK_EQ(start_one(table), 3);
    CHECK_EQ(start_one(table), other);
    gord_queues_why(table, gord_job_find(table, 4), &why);
    CHECK_STR(why.text, "waits for other tasks of its array (2 of at most 2 run)");
    /* First it lacks its array's token, then a slot, then the token again: it sets nothing aside that
     * it cannot use. */
    uint64_t late = submit(table, native_spec("late", 0));
    end(table, 2, OUTCOME(SUCCEEDED));
    CHECK_EQ(start_one(table), 4);
    end(table, other, OUTCOME(SUCCEEDED));
    CHECK_EQ(start_one(table), late);
    end(table, 3, OUTCOME(SUCCEEDED));
    CHECK_EQ(start_one(table), 5);
    CHECK_EQ(start_one(table), 0);
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}

TEST(group_counts_what_the_store_says_has_ended)
{
    struct gord_job_table *table = table_with(2, 0);
    struct gord_job *group = gord_job_find(table, 1);
    const uint64_t ended[GORD_OUTCOME_COUNT] = {[OUTCOME(SUCCEEDED)] = 5, [OUTCOME(LOST)] = 2};
    gord_group_set_ended(group, ended);
    CHECK_EQ(gord_group_ended(group), 7);
    CHECK_EQ(gord_group_failed(group), 2);
    CHECK_EQ(gord_group_live(group), 2);
    gord_job_table_free(table);
}

TEST(group_is_coming_until_the_last_of_its_tasks_is_there)
{
    struct gord_job_table *table = new_table(0);
    struct gord_spec *spec = group_spec(3);
    struct gord_event *event;
    char text[64];
    spec->coming = true;
    event = gord_event_submitted(gord_job_next_id(table), spec, 1000);
    CHECK_EQ(gord_spec_standing(spec, &event->standing), 0);
    CHECK(event->standing->coming && !event->standing->held);
    apply(table, event);
    gord_spec_unref(spec);
    struct gord_job *group = gord_job_find(table, 1);
    CHECK(gord_group_is_coming(group));
    (void)submit(table, task_spec(1, 0, 3, 0));
    gord_group_count_ended(group, OUTCOME(FAILED));
    CHECK(gord_group_is_coming(group) && !gord_group_is_whole(group));
    uint64_t last = submit(table, task_spec(1, 2, 3, 0));
    CHECK(!gord_group_is_coming(group) && gord_group_is_whole(group));
    CHECK(!gord_group_is_coming(gord_job_find(table, last)));
    CHECK_STR(gord_group_text(group, text, sizeof text), "1 of 3 tasks failed");
    CHECK(gord_job_table_is_valid(table));
    gord_job_table_free(table);
}
