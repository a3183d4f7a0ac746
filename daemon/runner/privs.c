/* SPDX-License-Identifier: MIT */
/* privs.c - see privs.h. */
#include "daemon/runner/privs.h"

#include <stdio.h>
#include <sys/prctl.h>

bool gord_privs_can_have(enum gord_new_privs policy, Gor__V1__NewPrivs asked, char *out,
                         size_t bytes)
{
    const char *why = NULL;

    if (asked != GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW) {
        return true;
    }
    if (policy == GORD_PRIVS_NO) {
        why = "gord allows that to no job (--new-privs=no)";
    } else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        why = "gord itself may gain none, and what it starts neither (systemd: NoNewPrivileges=no "
              "allows it)";
    }
    if (why != NULL) {
        snprintf(out, bytes, "no new rights can be had: %s", why);
    }
    return why == NULL;
}

bool gord_privs_are_forbidden(enum gord_new_privs policy, Gor__V1__NewPrivs asked)
{
    switch (asked) {
    case GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW:
        return policy == GORD_PRIVS_NO;
    case GOR__V1__NEW_PRIVS__NEW_PRIVS_FORBID:
        return true;
    default:
        return policy != GORD_PRIVS_YES;
    }
}
