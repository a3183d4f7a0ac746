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

struct gord_plugins;

/* `plugins`: whose functions there are besides the builtin ones; NULL: none. */
int gord_check_spec(const Gor__V1__JobSpec *spec, const struct gord_plugins *plugins, char *error,
                    size_t error_bytes);

#endif
