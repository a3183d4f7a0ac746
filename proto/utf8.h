/* SPDX-License-Identifier: MIT */
/* utf8.h - is it UTF-8?
 *
 * Strict: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Threads     any; pure functions.
 */
#ifndef GOR_PROTO_UTF8_H
#define GOR_PROTO_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the first character has; 0 when the text does not begin with one. */
size_t wire_utf8_char(const uint8_t *text, size_t size);

/* Every byte belongs to a character, and none is NUL. */
bool wire_utf8_is_text(const uint8_t *text, size_t size);

#endif
