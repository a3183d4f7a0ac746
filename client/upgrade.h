/* SPDX-License-Identifier: MIT */
/* upgrade.h - `gorctl daemon upgrade`: the daemon becomes the binary that is installed.
 *
 * Programs go on over that. Native jobs and scripts live within the daemon: what becomes of them is told
 * before, and needs a yes; what became of them is told afterwards.
 */
#ifndef GOR_CLIENT_UPGRADE_H
#define GOR_CLIENT_UPGRADE_H

#include "client/gorctl.h"

int gorctl_daemon_upgrade(struct gorctl *ctl, int argc, char **argv);

#endif
