/* SPDX-License-Identifier: MIT */
/* script.h - Lua jobs: a message with the text of a file.
 *
 * Ownership   a message is the caller's, to be freed with gor__v1__job_spec__free_unpacked(m, NULL).
 */
#ifndef GOR_CLIENT_SCRIPT_H
#define GOR_CLIENT_SCRIPT_H

#include "gor/v1/jobs.pb-c.h"

/* More than the daemon takes, which says so itself; but a wrong file need not be read to its end. */
#define GORCTL_SCRIPT_MAX ((size_t)1024 * 1024)

/* A Lua job with that text. */
Gor__V1__JobSpec *gorctl_script_new(const char *chunk_name, const void *text, size_t length);

/* With the text of `path`, "-" is standard input. An exit code; a word on stderr if it is not OK. */
int gorctl_script_read(const char *path, Gor__V1__JobSpec **out_message);

void gorctl_script_add_argument(Gor__V1__LuaSpec *lua, const char *text);

#endif
