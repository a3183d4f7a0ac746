/* SPDX-License-Identifier: MIT */
/* batch.c - fuzz target: jobs as NDJSON, a JSON object a line. What becomes a job must be such that the
 * daemon can read it, or it says why. */
#include "client/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/decode.h"
#include "tests/fuzz/fuzz.h"

static void check_spec(const Gor__V1__JobSpec *spec)
{
    ProtobufCMessage *read;
    const char *why = NULL;
    size_t size = protobuf_c_message_get_packed_size(&spec->base);
    uint8_t *packed = malloc(size + 1);
    assert(packed != NULL);
    size_t made = protobuf_c_message_pack(&spec->base, packed);
    assert(made == size);
    enum wire_status status =
        wire_decode(&gor__v1__job_spec__descriptor, packed, made, &read, &why);
    assert(status == WIRE_OK || why != NULL);
    if (status == WIRE_OK) {
        wire_decoded_free(read);
    }
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end != NULL ? (size_t)(end - data) : size;
        char *line = malloc(length + 1);
        char why[GORCTL_BATCH_WHY] = "";
        Gor__V1__JobSpec *spec;
        assert(line != NULL);
        memcpy(line, data, length);
        line[length] = '\0';
        if (!gorctl_batch_is_blank(line, length)) {
            if (gorctl_batch_line(line, length, why, &spec) == 0) {
                check_spec(spec);
                gor__v1__job_spec__free_unpacked(spec, NULL);
            } else {
                assert(why[0] != '\0');
            }
        }
        free(line);
        size_t step = length < size ? length + 1 : length;
        data += step;
        size -= step;
    }
    return 0;
}
