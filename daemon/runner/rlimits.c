/* SPDX-License-Identifier: MIT */
/* rlimits.c - see rlimits.h. */
#include "daemon/runner/rlimits.h"

#include <string.h>

static const struct {
    int number;
    const char *name;
} known[] = {
    [GOR__V1__RLIMIT__RESOURCE__AS] = {RLIMIT_AS, "as"},
    [GOR__V1__RLIMIT__RESOURCE__CORE] = {RLIMIT_CORE, "core"},
    [GOR__V1__RLIMIT__RESOURCE__CPU] = {RLIMIT_CPU, "cputime"},
    [GOR__V1__RLIMIT__RESOURCE__DATA] = {RLIMIT_DATA, "data"},
    [GOR__V1__RLIMIT__RESOURCE__FSIZE] = {RLIMIT_FSIZE, "fsize"},
    [GOR__V1__RLIMIT__RESOURCE__LOCKS] = {RLIMIT_LOCKS, "locks"},
    [GOR__V1__RLIMIT__RESOURCE__MEMLOCK] = {RLIMIT_MEMLOCK, "memlock"},
    [GOR__V1__RLIMIT__RESOURCE__MSGQUEUE] = {RLIMIT_MSGQUEUE, "msgqueue"},
    [GOR__V1__RLIMIT__RESOURCE__NICE] = {RLIMIT_NICE, "nice"},
    [GOR__V1__RLIMIT__RESOURCE__NOFILE] = {RLIMIT_NOFILE, "nofile"},
    [GOR__V1__RLIMIT__RESOURCE__NPROC] = {RLIMIT_NPROC, "nproc"},
    [GOR__V1__RLIMIT__RESOURCE__RSS] = {RLIMIT_RSS, "rss"},
    [GOR__V1__RLIMIT__RESOURCE__RTPRIO] = {RLIMIT_RTPRIO, "rtprio"},
    [GOR__V1__RLIMIT__RESOURCE__RTTIME] = {RLIMIT_RTTIME, "rttime"},
    [GOR__V1__RLIMIT__RESOURCE__SIGPENDING] = {RLIMIT_SIGPENDING, "sigpending"},
    [GOR__V1__RLIMIT__RESOURCE__STACK] = {RLIMIT_STACK, "stack"},
};
enum { KNOWN = sizeof(known) / sizeof(known[0]) };

int gord_rlimit_number(Gor__V1__Rlimit__Resource resource)
{
    return (unsigned)resource >= 1 && (unsigned)resource < KNOWN ? known[resource].number : -1;
}

const char *gord_rlimit_name(int number)
{
    for (int i = 1; i < KNOWN; i++) {
        if (known[i].number == number) {
            return known[i].name;
        }
    }
    return "?";
}

void gord_rlimits_read_own(struct gord_rlimits_own *own, const struct rlimit *nofile)
{
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        if (getrlimit((__rlimit_resource_t)i, &own->of[i]) != 0) {
            own->of[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
        }
    }
    own->of[RLIMIT_NOFILE] = *nofile;
}

static rlim_t from_plus_1(uint64_t value)
{
    return value != 0 ? (rlim_t)(value - 1) : RLIM_INFINITY;
}

/* What the last of those entries says about a resource; false: nothing. */
static bool find(Gor__V1__Rlimit *const *items, size_t count, int number, struct rlimit *out)
{
    for (size_t i = count; i-- > 0;) {
        if (gord_rlimit_number(items[i]->resource) == number) {
            *out = (struct rlimit){from_plus_1(items[i]->soft_plus_1),
                                   from_plus_1(items[i]->hard_plus_1)};
            return true;
        }
    }
    return false;
}

static void lower(struct rlimit *limit, rlim_t most)
{
    limit->rlim_cur = limit->rlim_cur < most ? limit->rlim_cur : most;
    limit->rlim_max = limit->rlim_max < most ? limit->rlim_max : most;
}

void gord_rlimits_fill(struct gord_rlimits *out, const struct gord_rlimits_own *own,
                       const Gor__V1__ExecSpec *spec, uint64_t as_bytes)
{
    const Gor__V1__Limits *limits = spec->limits;

    out->count = 0;
    for (int number = 0; number < RLIM_NLIMITS; number++) {
        struct gord_rlimit item = {.resource = number, .value = own->of[number]};
        find(spec->rlimits, spec->n_rlimits, number, &item.value);
        if (limits != NULL && find(limits->rlimits, limits->n_rlimits, number, &item.value)) {
            item.strict = limits->strict;
        }
        if (number == RLIMIT_AS && as_bytes != 0) {
            lower(&item.value, (rlim_t)as_bytes);
        }
        /* Ours of descriptors is not what we were started with. */
        if (number == RLIMIT_NOFILE ||
            memcmp(&item.value, &own->of[number], sizeof(item.value)) != 0) {
            out->items[out->count++] = item;
        }
    }
}
