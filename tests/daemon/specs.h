/* SPDX-License-Identifier: MIT */
/* specs.h - jobs for tests: specs and events made in one line. */
#ifndef GOR_TESTS_DAEMON_SPECS_H
#define GOR_TESTS_DAEMON_SPECS_H

#include "daemon/event/event.h"
#include "daemon/job/job.h"
#include "tests/test.h"

/* A native spec of that name, parent and queue. */
static inline struct gord_spec *native_spec_of(const char *name, uint64_t parent_id,
                                               const char *queue)
{
    Gor__V1__NativeSpec native = GOR__V1__NATIVE_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    native.function = (char *)"builtin.echo";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    wire.native = &native;
    wire.name = (char *)(uintptr_t)name;
    wire.parent_id = parent_id;
    wire.queue = (char *)(uintptr_t)queue;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

static inline struct gord_spec *native_spec(const char *name, uint64_t parent_id)
{
    return native_spec_of(name, parent_id, "");
}

static inline struct gord_spec *native_spec_in(const char *queue)
{
    return native_spec_of("", 0, queue);
}

/* An array of so many tasks. */
static inline struct gord_spec *group_spec(uint32_t count)
{
    Gor__V1__GroupSpec group = GOR__V1__GROUP_SPEC__INIT;
    Gor__V1__Array array = GOR__V1__ARRAY__INIT;
    Gor__V1__Array__Range range = GOR__V1__ARRAY__RANGE__INIT, *ranges = &range;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    range.last = count - 1;
    array.n_indices = 1;
    array.indices = &ranges;
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_GROUP;
    wire.group = &group;
    wire.array = &array;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    CHECK_EQ(spec->array_count, count);
    return spec;
}

/* An exec spec with one argument and one variable. */
static inline struct gord_spec *exec_spec(const char *name, const char *variable)
{
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    ProtobufCBinaryData argv = {4, (uint8_t *)(uintptr_t) "true"};
    ProtobufCBinaryData env = {strlen(variable), (uint8_t *)(uintptr_t)variable};
    struct gord_spec *spec = NULL;
    exec.n_argv = exec.n_env = 1;
    exec.argv = &argv;
    exec.env = &env;
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    wire.exec = &exec;
    wire.name = (char *)name;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), 0);
    return spec;
}

/* Apply the event and let go of it. */
static inline void apply(struct gord_job_table *table, struct gord_event *event)
{
    CHECK(event != NULL);
    CHECK_EQ(gord_job_apply(table, event), 0);
    gord_event_unref(event);
}

/* Submit and queue a job with that spec, whose reference is given up. Its id. */
static inline uint64_t submit(struct gord_job_table *table, struct gord_spec *spec)
{
    uint64_t id = gord_job_next_id(table);
    apply(table, gord_event_submitted(id, spec, 1000));
    apply(table, gord_event_new(GORD_EVENT_QUEUED, id, NULL));
    gord_spec_unref(spec);
    return id;
}

static inline struct gord_job_table *new_table(size_t spec_window)
{
    struct gord_job_opts opts = {.next_id = 1, .next_seq = 1, .spec_window = spec_window};
    struct gord_job_table *table = gord_job_table_new(&opts);
    CHECK(table != NULL);
    return table;
}

/* All that was applied is in the store. */
static inline void commit_all(struct gord_job_table *table)
{
    gord_job_committed(table, gord_job_next_seq(table) - 1);
}

#endif
