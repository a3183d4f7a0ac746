/* SPDX-License-Identifier: MIT */
#include "daemon/runner/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/gor.h"

enum { ENTRY_BYTES = 16 * 1024 };

/* Whom root's own jobs run as is root. */
bool gord_user_differs(uint32_t uid)
{
    return geteuid() == 0 && uid != 0;
}

static bool set(char out[GORD_USER_TEXT], const char *name, const char *value)
{
    return snprintf(out, GORD_USER_TEXT, "%s=%s", name, value) < GORD_USER_TEXT;
}

/* On a thread of its own: modules of the name service want more stack than a goroutine has. */
static int look_up(void *arg)
{
    struct gord_user *user = arg;
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[ENTRY_BYTES];
    int error = getpwuid_r(user->uid, &entry, buffer, sizeof(buffer), &found);

    if (error != 0 || found == NULL) {
        return error != 0 ? -error : -ENOENT;
    }
    user->gid = entry.pw_gid;
    user->group_count = GORD_USER_GROUPS;
    if (getgrouplist(entry.pw_name, entry.pw_gid, user->groups, &user->group_count) < 0) {
        return -E2BIG;
    }
    if (!set(user->home, "HOME", entry.pw_dir) || !set(user->user, "USER", entry.pw_name) ||
        !set(user->logname, "LOGNAME", entry.pw_name)) {
        return -ENAMETOOLONG;
    }
    return 0;
}

int gord_user_find(uint32_t uid, struct gord_user *out_user)
{
    *out_user = (struct gord_user){.uid = uid};
    return gor_blocking(look_up, out_user);
}
