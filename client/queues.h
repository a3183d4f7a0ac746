/* SPDX-License-Identifier: MIT */
/* queues.h - tables of queues, pools of tokens and rates. */
#ifndef GOR_CLIENT_QUEUES_H
#define GOR_CLIENT_QUEUES_H

#include "client/gorctl.h"

enum gorctl_queues { GORCTL_QUEUES, GORCTL_POOLS, GORCTL_RATES, GORCTL_ALL_QUEUES };

/* Ask for them and print them. An exit code. */
int gorctl_queues_list(struct gorctl *ctl, enum gorctl_queues what);

#endif
