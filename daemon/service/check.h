/* SPDX-License-Identifier: MIT */
/* check.h - is what a client asks for in order? Pure functions but for what plug-ins check; loop
 * thread.
 *
 * Each answers 0, or -EINVAL with a sentence in `error` that names the field.
 */
#ifndef GORD_SERVICE_CHECK_H
#define GORD_SERVICE_CHECK_H

#include <stddef.h>

#include "gor/v1/jobs.pb-c.h"

#define GORD_ERROR_BYTES 512
#define GORD_NAME_MAX 200
#define GORD_CAUSE_MAX 200

#define GORD_DURATION_MAX_NS (10LL * 366 * 24 * 3600 * 1000000000)

struct gord_plugins;

/* `plugins`: whose functions there are besides the builtin ones; NULL: none. */
int gord_check_spec(const Gor__V1__JobSpec *spec, const struct gord_plugins *plugins, char *error,
                    size_t error_bytes);

/* The job that it is to be below; 0: none, or there is no spec yet to be found wrong. */
uint64_t gord_check_parent(const Gor__V1__JobSpec *spec);

/* Of a job that has ended somewhere: what it ran need not be here. */
int gord_check_past_spec(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes);

/* What a job is to run after, of which `line` is for requests of many. */
int gord_check_after(const Gor__V1__JobSpec *spec, char *error, size_t error_bytes);

/* Of a program: limits, and what it is sent to end. */
int gord_check_steering(const Gor__V1__ExecSpec *exec, char *error, size_t error_bytes);

/* Write the sentence; -EINVAL. */
int gord_check_refuse(char *error, size_t error_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
