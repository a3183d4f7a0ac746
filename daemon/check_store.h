/* SPDX-License-Identifier: MIT */
/* check_store.h - gord --check-store: does what lies in the state directory agree with itself? */
#ifndef GORD_CHECK_STORE_H
#define GORD_CHECK_STORE_H

#include "daemon/base/config.h"

/* Look, and repair if told so; findings are on stdout, complaints logged. OK: all is well, or well now;
 * DAMAGED: it is not; BUSY, STORE: it could not be looked at. */
enum gord_exit gord_check_store(const struct gord_config *config);

#endif
