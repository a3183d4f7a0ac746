/* SPDX-License-Identifier: MIT */
/* redact.h - jobs as they may be shown: secrets are hidden.
 *
 * What a job was given is kept as it was, for it has to run with it; this is about what leaves the
 * daemon again. A variable is taken for a secret by its name; of a URL scheme, host and port are shown.
 * Threads     any; pure but for the message it changes.
 */
#ifndef GORD_SERVICE_REDACT_H
#define GORD_SERVICE_REDACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"

#define GORD_REDACTED "(hidden)" /* what stands in place of a value */

/* Is a variable of that name (not NUL-terminated) a secret, by the built-in patterns or those in
 * `more`: shell patterns with commas between, in any case; NULL: no more. */
bool gord_is_secret(const char *name, size_t length, const char *more);

/* Hide the values of secrets in the environment of an exec job, and the URLs of any. How many were
 * hidden. -ENOMEM: some were not, so the message must not be shown. */
int gord_redact(Gor__V1__JobSpec *spec, const char *more);

/* The URLs only, where the environment is not there. */
int gord_redact_urls(Gor__V1__JobSpec *spec);

/* Is there a variable that has GORD_REDACTED for a value, since it was shown so, or such a URL? Its name,
 * up to '=', or that of the URL's field, in *out_name, borrowed. */
bool gord_is_redacted(const Gor__V1__JobSpec *spec, const char **out_name, size_t *out_length);

#endif
