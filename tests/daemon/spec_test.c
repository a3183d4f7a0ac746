/* SPDX-License-Identifier: MIT */
/* Specs there and back, environments shared, events as they are made. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/event/spec.h"
#include "tests/daemon/specs.h"

enum { VARIABLES = 50 };

/* A wire message with everything in it; borrowed statics. */
static Gor__V1__JobSpec *full_wire(void)
{
    static Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    static Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    static Gor__V1__JobSpec__LabelsEntry label = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    static Gor__V1__JobSpec__LabelsEntry *labels[] = {&label};
    static uint8_t bytes[] = {'a', 0xff, '\n', 'b'};
    static ProtobufCBinaryData argv[2], env[VARIABLES];
    argv[0] = (ProtobufCBinaryData){4, bytes};
    argv[1] = (ProtobufCBinaryData){0, NULL};
    for (int i = 0; i < VARIABLES; i++) {
        env[i] = (ProtobufCBinaryData){sizeof bytes, bytes};
    }
    exec.n_argv = 2;
    exec.argv = argv;
    exec.n_env = VARIABLES;
    exec.env = env;
    exec.cwd = (ProtobufCBinaryData){1, (uint8_t *)(uintptr_t) "/"};
    exec.umask_plus_1 = 19;
    label.key = (char *)"team";
    label.value = (char *)"blue";
    wire.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    wire.exec = &exec;
    wire.name = (char *)"n\xc3\xa4me";
    wire.timeout_ns = 5;
    wire.grace_ns = 6;
    wire.parent_id = 7;
    wire.n_labels = 1;
    wire.labels = labels;
    return &wire;
}

TEST(spec_comes_back_as_it_was)
{
    const Gor__V1__JobSpec *wire = full_wire();
    struct gord_spec *spec;
    CHECK_EQ(gord_spec_from_wire(wire, NULL, &spec), 0);
    CHECK_EQ(spec->kind, GORD_EXEC);
    CHECK_EQ(spec->timeout_ns, 5);
    CHECK_EQ(spec->grace_ns, 6);
    CHECK_EQ(spec->parent_id, 7);
    CHECK_STR(spec->name, "n\xc3\xa4me");
    Gor__V1__JobSpec *back = gord_spec_to_wire(spec, 1);
    CHECK(back != NULL);
    size_t bytes = gor__v1__job_spec__get_packed_size(wire);
    CHECK_EQ(gor__v1__job_spec__get_packed_size(back), bytes);
    uint8_t *one = malloc(bytes), *other = malloc(bytes);
    gor__v1__job_spec__pack(wire, one);
    gor__v1__job_spec__pack(back, other);
    CHECK(memcmp(one, other, bytes) == 0);
    free(one);
    free(other);
    gor__v1__job_spec__free_unpacked(back, NULL);
    back = gord_spec_to_wire(spec, 0);
    CHECK_EQ(back->exec->n_env, 0);
    CHECK_EQ(back->exec->n_argv, 2);
    gor__v1__job_spec__free_unpacked(back, NULL);
    gord_spec_unref(spec);
}

TEST(stored_parts_make_the_same_spec)
{
    struct gord_spec *spec, *again;
    CHECK_EQ(gord_spec_from_wire(full_wire(), NULL, &spec), 0);
    CHECK_EQ(gord_spec_from_packed(spec->packed, spec->packed_bytes, spec->name, spec->env, &again),
             0);
    CHECK(again->env == spec->env);
    CHECK_EQ(again->timeout_ns, 5);
    CHECK_EQ(again->parent_id, 7);
    CHECK_STR(again->name, spec->name);
    CHECK_EQ(gord_spec_footprint(again), gord_spec_footprint(spec));
    gord_spec_unref(spec);
    gord_spec_unref(again);
}

TEST(equal_environments_are_shared)
{
    struct gord_spec *a, *b, *c = exec_spec("c", "X=1"), *d;
    CHECK_EQ(gord_spec_from_wire(full_wire(), NULL, &a), 0);
    CHECK_EQ(gord_spec_from_wire(full_wire(), a->env, &b), 0);
    CHECK_EQ(gord_spec_from_wire(full_wire(), c->env, &d), 0);
    CHECK(a->env == b->env);
    CHECK(d->env != c->env && d->env != a->env);
    CHECK_EQ(d->env->hash, a->env->hash);
    CHECK(c->env->hash != a->env->hash);
    gord_spec_unref(a);
    gord_spec_unref(b);
    gord_spec_unref(c);
    gord_spec_unref(d);
}

TEST(spec_of_no_kind_is_refused)
{
    Gor__V1__JobSpec wire = GOR__V1__JOB_SPEC__INIT;
    struct gord_spec *spec = NULL;
    CHECK_EQ(gord_spec_from_wire(&wire, NULL, &spec), -EINVAL);
    CHECK_EQ(gord_spec_from_packed("", 0, "", NULL, &spec), -EBADMSG);
    CHECK_EQ(gord_spec_from_packed("\x0a\xff\xff", 3, "", NULL, &spec), -EBADMSG);
    CHECK(spec == NULL);
    gord_spec_unref(NULL);
    gord_env_unref(NULL);
}

TEST(event_text_is_cut_between_characters)
{
    size_t bytes = 70000;
    char *text = malloc(bytes + 1);
    for (size_t i = 0; i < bytes; i++) {
        text[i] = i % 2 == 1 ? '\xc3' : '\xa4'; /* the cut at 65,536 falls into a character */
    }
    text[0] = 'x';
    text[bytes] = '\0';
    struct gord_event *event = gord_event_new(GORD_EVENT_CANCEL_REQUESTED, 1, text);
    CHECK_EQ(strlen(event->text), 65535);
    gord_event_unref(event);
    free(text);
}

TEST(event_has_a_kind_and_a_time)
{
    int64_t before = gord_event_clock();
    struct gord_event *event = gord_event_new(GORD_EVENT_QUEUED, 3, NULL);
    CHECK(event->at_ns >= before && event->at_ns <= gord_event_clock());
    CHECK_STR(event->text, "");
    CHECK_STR(gord_event_kind_name(event->kind), "queued");
    CHECK_STR(gord_event_kind_name(GORD_EVENT_CANCEL_REQUESTED), "cancel requested");
    CHECK(gord_event_of_item(&event->link) == event);
    CHECK(gord_event_ref(event) == event);
    gord_event_unref(event);
    gord_event_unref(event);
    gord_event_unref(NULL);
}
