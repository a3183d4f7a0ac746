/* SPDX-License-Identifier: MIT */
/* bar.h - the progress of jobs somebody waits for, on the last line of a terminal.
 *
 * It is on stderr, only if that is a terminal, and gone when the wait is over. Whoever writes to the
 * terminal meanwhile hides it before, and shows it again when the line is complete.
 * Ownership   start/stop; it is the ctl's as long as it runs.
 */
#ifndef GOR_CLIENT_BAR_H
#define GOR_CLIENT_BAR_H

#include <stddef.h>
#include <stdint.h>

#include "client/gorctl.h"

struct gorctl_bar;

/* After gorctl_connect(). Nothing where there is nobody to look. */
void gorctl_bar_start(struct gorctl *ctl, const uint64_t *ids, size_t count);
void gorctl_bar_stop(struct gorctl *ctl);

/* Nothing without a bar. */
void gorctl_bar_hide(struct gorctl *ctl);
void gorctl_bar_show(struct gorctl *ctl);

#endif
