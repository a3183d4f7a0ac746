/* SPDX-License-Identifier: MIT */
/* stops.h - how a job is asked to end, as people write it: "INT@10s,TERM@5s". */
#ifndef GOR_CLIENT_STOPS_H
#define GOR_CLIENT_STOPS_H

#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_STOPS_WHY = 160 };

/* Add the steps of `text` to the message. -EINVAL with a sentence in `why`; some may have been added. */
int gorctl_stops_add(Gor__V1__ExecSpec *exec, const char *text, char why[GORCTL_STOPS_WHY]);

/* The steps as such a text; the caller frees it. */
char *gorctl_stops_text(const Gor__V1__ExecSpec *exec);

#endif
