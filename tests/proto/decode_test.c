/* SPDX-License-Identifier: MIT */
/* decode_test.c - the walk before unpacking, and unpacking within a budget. */
#include <stdlib.h>

#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"
#include "proto/descriptors.h"
#include "proto/prescan.h"
#include "tests/test.h"

#define SUBMIT (&gor__v1__submit_request__descriptor)
#define MANY (&gor__v1__submit_many_request__descriptor)

static enum wire_status decode(const ProtobufCMessageDescriptor *descriptor, const void *data,
                               size_t size)
{
    ProtobufCMessage *message = NULL;
    const char *why = NULL;
    uint8_t *copy = malloc(size > 0 ? size : 1); /* exact, for ASan */
    CHECK(copy != NULL);
    memcpy(copy, data, size);
    enum wire_status status = wire_decode(descriptor, copy, size, &message, &why);
    CHECK_EQ(status == WIRE_OK, message != NULL);
    CHECK_EQ(status != WIRE_OK, why != NULL);
    wire_decoded_free(message);
    free(copy);
    return status;
}

/* A job with a name, an argument and a label. */
static size_t pack_submit(uint8_t *out, char *name)
{
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__JobSpec__LabelsEntry label = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *labels[] = {&label};
    ProtobufCBinaryData argument = {4, (uint8_t *)"\0\xff\n "};
    label.key = "key";
    label.value = "value";
    exec.n_argv = 1;
    exec.argv = &argument;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    spec.name = name;
    spec.n_labels = 1;
    spec.labels = labels;
    request.spec = &spec;
    return protobuf_c_message_pack(&request.base, out);
}

TEST(decode_gives_the_message_back)
{
    uint8_t packed[256];
    char name[] = "n\xc3\xa4me";
    size_t size = pack_submit(packed, name);
    ProtobufCMessage *message;
    const char *why;
    CHECK_EQ(wire_decode(SUBMIT, packed, size, &message, &why), WIRE_OK);
    const Gor__V1__SubmitRequest *request = (const void *)message;
    CHECK_STR(request->spec->name, name);
    CHECK_EQ(request->spec->exec->argv[0].len, 4);
    CHECK_STR(request->spec->labels[0]->value, "value");
    wire_decoded_free(message);
    wire_decoded_free(NULL);
}

TEST(decode_takes_an_empty_message)
{
    CHECK_EQ(decode(SUBMIT, "", 0), WIRE_OK);
}

TEST(decode_refuses_text_that_is_none)
{
    uint8_t packed[256];
    char bad[] = "n\xff";
    CHECK_EQ(decode(SUBMIT, packed, pack_submit(packed, bad)), WIRE_INVALID_ARGUMENT);
    CHECK_EQ(decode(SUBMIT,
                    "\x0a\x05\x1a\x03"
                    "a\0b",
                    7),
             WIRE_INVALID_ARGUMENT);
    CHECK_EQ(decode(SUBMIT,
                    "\x0a\x05\x1a\x03"
                    "aXb",
                    7),
             WIRE_OK);
}

TEST(decode_refuses_what_cannot_be_parsed)
{
    static const struct {
        const char *data;
        size_t size;
    } cases[] = {
        {"\x0a", 1},     /* no length */
        {"\x0a\x05", 2}, /* no bytes */
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11},
        {"\x00\x00", 2}, /* field 0 */
        {"\x0b", 1},     /* a group */
        {"\x0c", 1},
        {"\x0e", 1}, /* wire type 6 */
        {"\x0f", 1},
        {"\x80", 1}, /* a varint without end */
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 12},
        {"\x0d\x01\x02", 3},                 /* half a fixed32 */
        {"\x09\x01\x02", 3},                 /* half a fixed64 */
        {"\x08\x01", 2},                     /* spec as a number: the wrong wire type */
        {"\x88\x80\x80\x80\x80\x01\x01", 7}, /* a field number over 2^29 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQ(decode(SUBMIT, cases[i].data, cases[i].size), WIRE_INTERNAL);
    }
}

TEST(decode_refuses_every_cut)
{
    uint8_t packed[256];
    char name[] = "name";
    size_t size = pack_submit(packed, name);
    for (size_t cut = 1; cut < size; cut++) {
        CHECK(decode(SUBMIT, packed, cut) != WIRE_OK);
    }
    CHECK_EQ(decode(SUBMIT, packed, size), WIRE_OK);
}

TEST(decode_survives_random_damage)
{
    uint64_t random = test_seed();
    for (int round = 0; round < 20000; round++) {
        uint8_t packed[256];
        char name[] = "name";
        size_t size = pack_submit(packed, name);
        for (int i = 0; i < 3; i++) {
            random = random * 6364136223846793005U + 1442695040888963407U;
            packed[(random >> 33) % size] = (uint8_t)(random >> 20);
        }
        (void)decode(SUBMIT, packed, size);
    }
}

TEST(decode_keeps_to_its_budget)
{
    /* A million empty jobs: two bytes each, over a hundred once unpacked. */
    enum { COUNT = 1 << 20 };
    uint8_t *bomb = malloc(2 * COUNT);
    CHECK(bomb != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        bomb[2 * i] = 0x0a;
        bomb[2 * i + 1] = 0;
    }
    CHECK_EQ(decode(MANY, bomb, 2 * COUNT), WIRE_RESOURCE_EXHAUSTED);
    CHECK_EQ(decode(MANY, bomb, 200), WIRE_OK);
    free(bomb);
}

TEST(decode_takes_many_small_jobs)
{
    enum { COUNT = 10000 };
    static Gor__V1__JobSpec specs[COUNT];
    static Gor__V1__JobSpec *pointers[COUNT];
    Gor__V1__SubmitManyRequest request = GOR__V1__SUBMIT_MANY_REQUEST__INIT;
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    ProtobufCBinaryData argument = {4, (uint8_t *)"true"};
    exec.n_argv = 1;
    exec.argv = &argument;
    for (int i = 0; i < COUNT; i++) {
        gor__v1__job_spec__init(&specs[i]);
        specs[i].kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
        specs[i].exec = &exec;
        pointers[i] = &specs[i];
    }
    request.n_specs = COUNT;
    request.specs = pointers;
    size_t size = protobuf_c_message_get_packed_size(&request.base);
    uint8_t *packed = malloc(size);
    CHECK(packed != NULL);
    protobuf_c_message_pack(&request.base, packed);
    CHECK_EQ(decode(MANY, packed, size), WIRE_OK);
    free(packed);
}

/* A type that contains itself, which none of ours does. */
static const ProtobufCMessageDescriptor recursive;
static const ProtobufCFieldDescriptor recursive_field = {
    .name = "self",
    .id = 1,
    .label = PROTOBUF_C_LABEL_OPTIONAL,
    .type = PROTOBUF_C_TYPE_MESSAGE,
    .descriptor = &recursive,
};
static const ProtobufCIntRange recursive_range[] = {{1, 0}, {0, 1}};
static const ProtobufCMessageDescriptor recursive = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "recursive",
    .n_fields = 1,
    .fields = &recursive_field,
    .n_field_ranges = 1,
    .field_ranges = recursive_range,
};

TEST(prescan_counts_fields_and_bounds_depth)
{
    uint8_t nested[2 * 60];
    for (size_t depth = 1; depth < 60; depth++) {
        for (size_t i = 0; i < depth; i++) {
            nested[2 * i] = 0x0a;
            nested[2 * i + 1] = (uint8_t)(2 * (depth - 1 - i));
        }
        size_t fields;
        enum wire_prescan result = wire_prescan(&recursive, nested, 2 * depth, &fields);
        /* An empty innermost message is a level too. */
        CHECK_EQ(result, depth + 1 <= WIRE_MAX_DEPTH ? WIRE_PRESCAN_OK : WIRE_PRESCAN_TOO_DEEP);
        if (result == WIRE_PRESCAN_OK) {
            CHECK_EQ(fields, depth);
        }
    }
}

TEST(descriptors_are_embedded)
{
    CHECK_INT(wire_descriptors_end - wire_descriptors_begin, >, 10000);
    CHECK_EQ(wire_descriptors_begin[0], 0x0a);
}
