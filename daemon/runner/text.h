/* SPDX-License-Identifier: MIT */
/* text.h - bytes of any origin as UTF-8 text without control characters, for messages and replies.
 */
#ifndef GORD_RUNNER_TEXT_H
#define GORD_RUNNER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copy `bytes` into `out` (NUL-terminated, cut at a character boundary): what is not valid UTF-8
 * and every control character become \xNN. Answers `out`. [any thread] */
char *gord_text_clean(const char *bytes, size_t length, char *out, size_t out_bytes);

/* Whether the bytes are valid UTF-8 (no surrogates, no overlong forms). [any thread] */
bool gord_text_is_utf8(const char *bytes, size_t length);

#endif
