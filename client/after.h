/* SPDX-License-Identifier: MIT */
/* after.h - which jobs a job is to run after: "7", "ok:7,any:8?9".
 *
 * Between commas: all of them; between question marks: one of them. Before each job may stand ok
 * (the default), any, notok or start, and of arrays corr: each task after the other's of the same
 * index. "@2" is the second job of the same file.
 */
#ifndef GOR_CLIENT_AFTER_H
#define GOR_CLIENT_AFTER_H

#include <stdbool.h>

#include "gor/v1/jobs.pb-c.h"

/* Add what the text says to the message. -EINVAL: it cannot be read, or names a line without
 * `with_lines`; the message may have a part of it then. */
int gorctl_after_add(Gor__V1__JobSpec *message, const char *text, bool with_lines);

/* Why what it is to run after does not go with the rest of it, once that is there; NULL: it does. */
const char *gorctl_after_misfit(const Gor__V1__JobSpec *message);

/* The text again, to be freed; "" for none. */
char *gorctl_after_text(const Gor__V1__JobSpec *message);

#endif
