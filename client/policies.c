/* SPDX-License-Identifier: MIT */
/* policies.c - see policies.h. */
#include "client/policies.h"

#include <string.h>

static const char *const on_stop[] = {[GOR__V1__ON_STOP__ON_STOP_DEFAULT] = "default",
                                      [GOR__V1__ON_STOP__ON_STOP_KILL] = "kill",
                                      [GOR__V1__ON_STOP__ON_STOP_WAIT] = "wait",
                                      [GOR__V1__ON_STOP__ON_STOP_REQUEUE] = "requeue",
                                      [GOR__V1__ON_STOP__ON_STOP_LEAVE] = "leave"};

static const char *const on_stuck[] = {
    [GOR__V1__ON_STUCK__ON_STUCK_REPORT] = "report", [GOR__V1__ON_STUCK__ON_STUCK_KILL] = "kill"};

#define COUNT(names) ((int)(sizeof(names) / sizeof((names)[0])))

/* Which of the names from `first` on it is; -1: none. */
static int find(const char *const *names, int first, int count, const char *text)
{
    for (int i = first; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

bool gorctl_on_stop_parse(const char *text, Gor__V1__OnStop *out)
{
    int found = find(on_stop, GOR__V1__ON_STOP__ON_STOP_KILL, COUNT(on_stop), text);
    if (found >= 0) {
        *out = (Gor__V1__OnStop)found;
    }
    return found >= 0;
}

const char *gorctl_on_stop_name(Gor__V1__OnStop policy)
{
    return (unsigned)policy < COUNT(on_stop) ? on_stop[policy] : "unknown";
}

bool gorctl_on_stuck_parse(const char *text, Gor__V1__OnStuck *out)
{
    int found = find(on_stuck, GOR__V1__ON_STUCK__ON_STUCK_REPORT, COUNT(on_stuck), text);
    if (found >= 0) {
        *out = (Gor__V1__OnStuck)found;
    }
    return found >= 0;
}

const char *gorctl_on_stuck_name(Gor__V1__OnStuck policy)
{
    return (unsigned)policy < COUNT(on_stuck) ? on_stuck[policy] : "unknown";
}
