/* SPDX-License-Identifier: MIT */
/* env.h - what the environment says. A value that is not understood counts as not set, and is told on
 * standard error, once in a process.
 *
 * Threads     one at a time, while the runtime starts.
 */
#ifndef GOR_BASE_ENV_H
#define GOR_BASE_ENV_H

#include <stdbool.h>
#include <stdint.h>

/* NULL: it is not set, or empty. */
const char *gor__env(const char *name);

/* A whole number of at least `least`: decimal, and with 0x before it hexadecimal. False: it is not set, or
 * something else, which is told. */
bool gor__env_number(const char *name, uint64_t least, uint64_t *out_number);

/* Whether that is what `value` is. */
bool gor__env_is_number(const char *value, uint64_t least, uint64_t *out_number);

/* What `value`, which may be NULL, says of a switch, in any case of letters: 1, on, yes or true; 0, off, no or
 * false; or something else. */
enum gor__env_switch { GOR__ENV_ELSE, GOR__ENV_OFF, GOR__ENV_ON };
enum gor__env_switch gor__env_switch(const char *value);

/* Tell that `value` is ignored, and what is `allowed`. */
void gor__env_refuse(const char *name, const char *value, const char *allowed);

#endif
