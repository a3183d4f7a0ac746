/* SPDX-License-Identifier: MIT */
/* progress.h - the lines by which a program tells how far it is.
 *
 *     42 resizing          42 of 100, and a text; also "42% ...", "42.5% ..."
 *     17/230 resizing      17 of 230
 *     resizing             a text alone
 *
 * Pure; any thread.
 */
#ifndef GORD_RUNNER_PROGRESS_H
#define GORD_RUNNER_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/event/report.h"

/* Room for any text a line may have, as clean UTF-8. */
enum { GORD_PROGRESS_ROOM = 4 * GORD_PROGRESS_TEXT_BYTES + 1 };

/* Read one line (without its end). The text goes to `text` (GORD_PROGRESS_ROOM bytes), which the
 * answer borrows. Every line means something; more than there is in total is all of it. */
struct gord_progress gord_progress_read(const char *line, size_t length, char *text);

#endif
