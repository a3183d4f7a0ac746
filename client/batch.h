/* SPDX-License-Identifier: MIT */
/* batch.h - many jobs from NDJSON: one JSON object a line, each a job.
 *
 * Members: one of "argv" (list), "shell" (text), "native" (function, with "args") or "lua" (a script's
 * text, or "lua_file", its path; with "args", "max_steps", "max_memory" such as "64M"); and "name",
 * "timeout", "grace" (texts such as "10s"), "on_stop", "heartbeat", "on_stuck", "parent" (id), "labels" (object),
 * "cwd", "umask" (octal, as "022"), "env" (object of names and values, added to the caller's) and
 * "clear_env" (true). A string that is not UTF-8 is
 * written {"base64": "..."}. Blank lines are skipped; an unknown member is an error, as it would
 * silently be left out otherwise.
 */
#ifndef GOR_CLIENT_BATCH_H
#define GOR_CLIENT_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_BATCH_WHY = 200 };

/* One line. 0, or -EINVAL with the reason in `why`. */
int gorctl_batch_line(const char *line, size_t length, char why[GORCTL_BATCH_WHY],
                      Gor__V1__JobSpec **out_spec);

/* Nothing but blanks? */
bool gorctl_batch_is_blank(const char *line, size_t length);

/* All of a file; `name` is for messages. An exit code, with a word on stderr that names the line.
 * The request is the caller's: gor__v1__submit_many_request__free_unpacked(request, NULL). */
int gorctl_batch_read(FILE *in, const char *name, Gor__V1__SubmitManyRequest **out_request);

#endif
