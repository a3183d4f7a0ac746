/* SPDX-License-Identifier: MIT */
/* user.h - as whom a job's process runs: its owner, where the daemon is root; else the daemon's user.
 *
 * Threads     goroutines: looking up a user may ask the network, and parks meanwhile.
 * Ownership   caller's memory; nothing to free.
 */
#ifndef GORD_RUNNER_USER_H
#define GORD_RUNNER_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { GORD_USER_GROUPS = 256, GORD_USER_TEXT = 512 };

struct gord_user {
    uid_t uid;
    gid_t gid;
    gid_t groups[GORD_USER_GROUPS];
    int group_count;
    /* What the process finds in its environment: "HOME=...", and so on. */
    char home[GORD_USER_TEXT];
    char user[GORD_USER_TEXT];
    char logname[GORD_USER_TEXT];
};

/* Does a job of this user take another identity than ours? */
bool gord_user_differs(uint32_t uid);

/* 0; -ENOENT: this machine has no such user; or the error of the lookup. */
int gord_user_find(uint32_t uid, struct gord_user *out_user);

#endif
