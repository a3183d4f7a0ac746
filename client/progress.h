/* SPDX-License-Identifier: MIT */
/* progress.h - how far a job is, in words and as a bar.
 *
 * Pure functions. Ownership: char * results are the caller's, to be given to free().
 */
#ifndef GOR_CLIENT_PROGRESS_H
#define GOR_CLIENT_PROGRESS_H

#include "gor/v1/jobs.pb-c.h"

enum { GORCTL_SHARE_ROOM = 48 };

/* "42%"; "17" while the total is not known; "" if there are no numbers. */
void gorctl_progress_share(const Gor__V1__Progress *progress, char out[GORCTL_SHARE_ROOM]);

/* "42% resizing", clean. */
char *gorctl_progress_text(const Gor__V1__Progress *progress);

/* "[#######---------]  42% resizing" in at most `width` columns; the bar only with a total. */
char *gorctl_progress_bar(const Gor__V1__Progress *progress, unsigned width);

#endif
