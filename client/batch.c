/* SPDX-License-Identifier: MIT */
/* batch.c - see batch.h. */
#include "client/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "client/after.h"
#include "client/batch_inside.h"
#include "client/text.h"

/* Of one table, which ends with a row of zeros; NULL: it is not there. */
static const struct gorctl_batch_member *find_in(const struct gorctl_batch_member *member,
                                                 const char *name)
{
    while (member->name != NULL && strcmp(member->name, name) != 0) {
        member++;
    }
    return member->name != NULL ? member : NULL;
}

static const struct gorctl_batch_member *find_member(const char *name)
{
    const struct gorctl_batch_member *member = find_in(gorctl_batch_kind_members, name);
    return member != NULL ? member : find_in(gorctl_batch_term_members, name);
}

static int kind_of(const Gor__V1__JobSpec *spec)
{
    switch (spec->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        return GORCTL_BATCH_FOR_NATIVE;
    case GOR__V1__JOB_SPEC__KIND_LUA:
        return GORCTL_BATCH_FOR_LUA;
    default:
        return GORCTL_BATCH_FOR_EXEC;
    }
}

static int read_members(const struct gorctl_batch_reading *reading, const json_t *object)
{
    const char *name;
    json_t *value;
    int kind = kind_of(reading->spec);
    json_object_foreach((json_t *)object, name, value)
    {
        const struct gorctl_batch_member *member = find_member(name);
        char *shown = gorctl_text_escape(name, strlen(name));
        int rc = 0;
        if (member == NULL) {
            gorctl_batch_complain(reading, "there is no member \"%.60s\"", shown);
            rc = -EINVAL;
        } else if ((member->kinds & kind) == 0) {
            gorctl_batch_complain(reading, "\"%s\" does not go with a %s job", member->name,
                                  kind == GORCTL_BATCH_FOR_NATIVE ? "native"
                                  : kind == GORCTL_BATCH_FOR_LUA  ? "Lua"
                                                                  : "program's");
            rc = -EINVAL;
        } else {
            rc = member->read(reading, value);
        }
        free(shown);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int gorctl_batch_line(const char *line, size_t length, char why[GORCTL_BATCH_WHY],
                      Gor__V1__JobSpec **out_spec)
{
    json_error_t error;
    struct gorctl_batch_reading reading = {.why = why};
    json_t *object =
        json_loadb(line, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (object == NULL) {
        gorctl_batch_complain(&reading, "not JSON: %s", error.text);
        return -EINVAL;
    }
    int rc = 0;
    if (json_is_object(object)) {
        rc = gorctl_batch_begin(&reading, object);
    } else {
        gorctl_batch_complain(&reading, "not a JSON object");
        rc = -EINVAL;
    }
    if (rc == 0) {
        rc = read_members(&reading, object);
    }
    const char *misfit = rc == 0 ? gorctl_after_misfit(reading.spec) : NULL;
    if (misfit != NULL) {
        gorctl_batch_complain(&reading, "\"after\": %s; give \"array\", or ok:", misfit);
        rc = -EINVAL;
    }
    json_decref(object);
    if (rc != 0) {
        if (reading.spec != NULL) {
            gor__v1__job_spec__free_unpacked(reading.spec, NULL);
        }
        return rc;
    }
    *out_spec = reading.spec;
    return 0;
}

bool gorctl_batch_is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", line[i]) == NULL || line[i] == '\0') {
            return false;
        }
    }
    return true;
}
