/* SPDX-License-Identifier: MIT */
/* policies.c - see policies.h. */
#include "client/policies.h"

#include <stdlib.h>
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

/* ------------------------------------------------------------------ turns */

static const char *const io_classes[] = {[GOR__V1__IO_CLASS__IO_CLASS_DEFAULT] = "default",
                                         [GOR__V1__IO_CLASS__IO_CLASS_REALTIME] = "realtime",
                                         [GOR__V1__IO_CLASS__IO_CLASS_BEST_EFFORT] = "best-effort",
                                         [GOR__V1__IO_CLASS__IO_CLASS_IDLE] = "idle"};
enum { NICE_MIN = -20, NICE_MAX = 19, LEVEL_USUAL = 4, UMASK_MAX = 0777 };

bool gorctl_nice_parse(const char *text, int32_t *out)
{
    const char *digits = text + (text[0] == '-');
    size_t count = strspn(digits, "0123456789");
    long number = strtol(text, NULL, 10);
    bool right = count >= 1 && count <= 2 && digits[count] == '\0' && number >= NICE_MIN &&
                 number <= NICE_MAX;
    if (right) {
        *out = (int32_t)number;
    }
    return right;
}

bool gorctl_umask_parse(const char *text, uint32_t *out_plus_1)
{
    size_t count = strspn(text, "01234567");
    unsigned long mask = strtoul(text, NULL, 8);
    bool right = count >= 1 && text[count] == '\0' && mask <= UMASK_MAX;
    if (right) {
        *out_plus_1 = (uint32_t)mask + 1;
    }
    return right;
}

bool gorctl_ionice_parse(const char *text, Gor__V1__IoClass *out_class, uint32_t *out_level)
{
    char name[16] = "";
    const char *colon = strchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (length < sizeof(name)) {
        memcpy(name, text, length);
    }
    int found = find(io_classes, GOR__V1__IO_CLASS__IO_CLASS_REALTIME, COUNT(io_classes), name);
    bool idle = found == GOR__V1__IO_CLASS__IO_CLASS_IDLE;
    if (found < 0 ||
        (colon != NULL && (idle || colon[1] < '0' || colon[1] > '7' || colon[2] != '\0'))) {
        return false;
    }
    *out_class = (Gor__V1__IoClass)found;
    *out_level = colon != NULL ? (uint32_t)(colon[1] - '0') : LEVEL_USUAL;
    *out_level = idle ? 0 : *out_level;
    return true;
}

const char *gorctl_ionice_name(Gor__V1__IoClass io_class)
{
    return (unsigned)io_class < COUNT(io_classes) ? io_classes[io_class] : "unknown";
}
