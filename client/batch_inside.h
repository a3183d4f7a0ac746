/* SPDX-License-Identifier: MIT */
/* batch_inside.h - what the files of batch.h share: a line being read, and the members it may have.
 *
 * What is wrong is said in `why`, once, by whoever finds it.
 */
#ifndef GOR_CLIENT_BATCH_INSIDE_H
#define GOR_CLIENT_BATCH_INSIDE_H

#include <stdint.h>

#include <jansson.h>

#include "client/batch.h"

struct gorctl_batch_reading {
    Gor__V1__JobSpec *spec;
    char *why; /* GORCTL_BATCH_WHY bytes, borrowed */
};

/* Which kinds of job a member is for. */
enum {
    GORCTL_BATCH_FOR_EXEC = 1,
    GORCTL_BATCH_FOR_NATIVE = 2,
    GORCTL_BATCH_FOR_LUA = 4,
    GORCTL_BATCH_FOR_INSIDE = 6,
    GORCTL_BATCH_FOR_ALL = 7
};

struct gorctl_batch_member {
    const char *name;
    int kinds;
    /* Into the spec. 0, or negative with the reason in `why`. */
    int (*read)(const struct gorctl_batch_reading *reading, const json_t *value);
};

/* Each ends with a row of zeros: what one kind of job has, and what any has. */
extern const struct gorctl_batch_member gorctl_batch_kind_members[];
extern const struct gorctl_batch_member gorctl_batch_term_members[];

/* The message with what must be there before its members are read. 0, or -EINVAL with the reason. */
int gorctl_batch_begin(struct gorctl_batch_reading *reading, const json_t *object);

void gorctl_batch_complain(const struct gorctl_batch_reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value of member `name` as what it must be, or -EINVAL after a complaint. Bytes are the caller's to
 * free and end with a NUL that is not counted; text is borrowed from the value; neither has a NUL within. */
int gorctl_batch_bytes(const struct gorctl_batch_reading *reading, const char *name,
                       const json_t *value, ProtobufCBinaryData *out_bytes);
int gorctl_batch_text(const struct gorctl_batch_reading *reading, const char *name,
                      const json_t *value, const char **out_text);
int gorctl_batch_duration(const struct gorctl_batch_reading *reading, const char *name,
                          const json_t *value, int64_t *out_ns);
int gorctl_batch_moment(const struct gorctl_batch_reading *reading, const char *name,
                        const json_t *value, int64_t *out_ns);
int gorctl_batch_flag(const struct gorctl_batch_reading *reading, const char *name,
                      const json_t *value, protobuf_c_boolean *out_flag);
/* A whole number within the bounds. */
int gorctl_batch_number(const struct gorctl_batch_reading *reading, const char *name,
                        const json_t *value, json_int_t least, json_int_t most);

#endif
