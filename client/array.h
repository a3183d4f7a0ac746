/* SPDX-License-Identifier: MIT */
/* array.h - the indices of an array of jobs: "0-99", "1,3,7-9", "0-100:10", and how many of its tasks
 * may run at a time: "0-99%4".
 */
#ifndef GOR_CLIENT_ARRAY_H
#define GOR_CLIENT_ARRAY_H

#include "gor/v1/jobs.pb-c.h"

/* Room for what is wrong with a text. */
enum { GORCTL_ARRAY_WHY = 200 };

/* What the text says, into the message. -EINVAL with a sentence: it cannot be read, or has an index
 * twice; the message may have a part of it then. */
int gorctl_array_add(Gor__V1__JobSpec *message, const char *text, char why[GORCTL_ARRAY_WHY]);

/* The text again, to be freed. */
char *gorctl_array_text(const Gor__V1__Array *array);

#endif
