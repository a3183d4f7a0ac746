/* SPDX-License-Identifier: MIT */
/* check_config.h - gord --check-config, and what a reload asks before it changes anything: whether gord
 * could work with what a configuration names.
 */
#ifndef GORD_CHECK_CONFIG_H
#define GORD_CHECK_CONFIG_H

#include "daemon/base/config.h"

/* Tell what is wrong with files, certificates and folders. Nothing is opened that stays. */
void gord_check_config(const struct gord_config *config, struct gord_faults *faults);

/* Tell what is allowed, but hardly meant. */
void gord_check_doubts(const struct gord_config *config, struct gord_faults *doubts);

/* The same as warnings in the log. */
void gord_check_log_doubts(const struct gord_config *config);

#endif
