/* SPDX-License-Identifier: MIT */
/* limits.c - see limits.h. */
#include "client/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client/alloc.h"
#include "client/options.h"
#include "client/when.h"

enum { IO_WEIGHT_MAX = 10000 };
enum unit { NUMBER, BYTES, SECONDS, MICROSECONDS };

/* By the contract's number. */
static const struct {
    const char *name;
    int number;
    enum unit unit;
} known[] = {
    [GOR__V1__RLIMIT__RESOURCE__AS] = {"as", RLIMIT_AS, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__CORE] = {"core", RLIMIT_CORE, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__CPU] = {"cputime", RLIMIT_CPU, SECONDS},
    [GOR__V1__RLIMIT__RESOURCE__DATA] = {"data", RLIMIT_DATA, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__FSIZE] = {"fsize", RLIMIT_FSIZE, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__LOCKS] = {"locks", RLIMIT_LOCKS, NUMBER},
    [GOR__V1__RLIMIT__RESOURCE__MEMLOCK] = {"memlock", RLIMIT_MEMLOCK, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__MSGQUEUE] = {"msgqueue", RLIMIT_MSGQUEUE, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__NICE] = {"nice", RLIMIT_NICE, NUMBER},
    [GOR__V1__RLIMIT__RESOURCE__NOFILE] = {"nofile", RLIMIT_NOFILE, NUMBER},
    [GOR__V1__RLIMIT__RESOURCE__NPROC] = {"nproc", RLIMIT_NPROC, NUMBER},
    [GOR__V1__RLIMIT__RESOURCE__RSS] = {"rss", RLIMIT_RSS, BYTES},
    [GOR__V1__RLIMIT__RESOURCE__RTPRIO] = {"rtprio", RLIMIT_RTPRIO, NUMBER},
    [GOR__V1__RLIMIT__RESOURCE__RTTIME] = {"rttime", RLIMIT_RTTIME, MICROSECONDS},
    [GOR__V1__RLIMIT__RESOURCE__SIGPENDING] = {"sigpending", RLIMIT_SIGPENDING, NUMBER},
    [GOR__V1__RLIMIT__RESOURCE__STACK] = {"stack", RLIMIT_STACK, BYTES},
};
enum { KNOWN = sizeof(known) / sizeof(known[0]) };

const char *gorctl_limits_name(size_t i)
{
    static const char *const together[] = {"mem", "cpu", "pids", "cpus",
                                           "io-weight"}; /* of all its processes */
    enum { TOGETHER = sizeof(together) / sizeof(together[0]) };
    if (i < TOGETHER) {
        return together[i];
    }
    for (size_t k = 0, named = TOGETHER; k < KNOWN; k++) {
        if (known[k].name != NULL && named++ == i) {
            return known[k].name;
        }
    }
    return NULL;
}

/* --------------------------------------------------------------- capture */

static Gor__V1__Rlimit *add_rlimit(Gor__V1__Rlimit ***list, size_t *count, int resource)
{
    Gor__V1__Rlimit *item = gorctl_alloc(sizeof(*item));
    gor__v1__rlimit__init(item);
    item->resource = (Gor__V1__Rlimit__Resource)resource;
    *list = gorctl_grow(*list, *count + 1, sizeof(**list));
    (*list)[(*count)++] = item;
    return item;
}

static uint64_t plus_1(rlim_t value)
{
    return value == RLIM_INFINITY ? 0 : (uint64_t)value + 1;
}

void gorctl_limits_capture(Gor__V1__ExecSpec *exec)
{
    for (int i = 1; i < KNOWN; i++) {
        struct rlimit ours;
        if (getrlimit((__rlimit_resource_t)known[i].number, &ours) == 0) {
            Gor__V1__Rlimit *item = add_rlimit(&exec->rlimits, &exec->n_rlimits, i);
            item->soft_plus_1 = plus_1(ours.rlim_cur);
            item->hard_plus_1 = plus_1(ours.rlim_max);
        }
    }
}

/* --------------------------------------------------------------- reading */

/* "64M", "2G", "4096"; powers of 1024. */
static int parse_bytes(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    size_t digits = strspn(text, "0123456789");
    const char *unit = text[digits] != '\0' ? strchr(units, text[digits]) : NULL;
    if (unit == NULL) {
        return gorctl_number_parse(text, out);
    }
    char *number = gorctl_copy(text, digits);
    unsigned shift = 10 * (unsigned)(unit - units + 1);
    uint64_t value = 0;
    int rc = text[digits + 1] == '\0' ? gorctl_number_parse(number, &value) : -EINVAL;
    free(number);
    if (rc != 0 || value > UINT64_MAX >> shift) {
        return -EINVAL;
    }
    *out = value << shift;
    return 0;
}

static int parse_time(const char *text, int64_t unit_ns, uint64_t *out)
{
    int64_t ns;
    if (gorctl_duration_parse(text, &ns) != 0 || ns < 0) {
        return -EINVAL;
    }
    *out = ((uint64_t)ns + (uint64_t)unit_ns - 1) / (uint64_t)unit_ns;
    return 0;
}

/* One value, plus 1; "unlimited" is 0. */
static int parse_value(enum unit unit, const char *text, uint64_t *out_plus_1)
{
    uint64_t value = 0;
    int rc;
    if (strcmp(text, "unlimited") == 0) {
        *out_plus_1 = 0;
        return 0;
    }
    switch (unit) {
    case BYTES:
        rc = parse_bytes(text, &value);
        break;
    case SECONDS:
        rc = parse_time(text, 1000000000, &value);
        break;
    case MICROSECONDS:
        rc = parse_time(text, 1000, &value);
        break;
    default:
        rc = gorctl_number_parse(text, &value);
    }
    if (rc != 0 || value == UINT64_MAX) {
        return -EINVAL;
    }
    *out_plus_1 = value + 1;
    return 0;
}

Gor__V1__Limits *gorctl_limits_of(Gor__V1__ExecSpec *exec)
{
    if (exec->limits == NULL) {
        exec->limits = gorctl_alloc(sizeof(*exec->limits));
        gor__v1__limits__init(exec->limits);
    }
    return exec->limits;
}

/* "1.5": so many CPUs. */
static int parse_cpu(const char *text, uint32_t *out_milli)
{
    char *end;
    double cpus = strtod(text, &end);
    if (end == text || *end != '\0' || !(cpus >= 0.01 && cpus <= 10000)) {
        return -EINVAL;
    }
    *out_milli = (uint32_t)(cpus * 1000 + 0.5);
    return 0;
}

/* "0-3,8", of which the daemon knows more. */
static int take_cpus(Gor__V1__Limits *limits, const char *value)
{
    if (value[0] == '\0' || value[strspn(value, "0123456789-,")] != '\0') {
        return -EINVAL;
    }
    if (limits->cpus != protobuf_c_empty_string) {
        free(limits->cpus);
    }
    limits->cpus = gorctl_strdup(value);
    return 0;
}

/* Those of all its processes together. 1: it is none of them. */
static int take_group_limit(Gor__V1__Limits *limits, const char *name, const char *value)
{
    uint64_t number = 0;
    if (strcmp(name, "mem") == 0) {
        return parse_bytes(value, &limits->memory_bytes) != 0 || limits->memory_bytes == 0 ? -EINVAL
                                                                                           : 0;
    }
    if (strcmp(name, "cpus") == 0) {
        return take_cpus(limits, value);
    }
    if (strcmp(name, "io-weight") == 0) {
        int rc = gorctl_number_parse(value, &number);
        limits->io_weight = (uint32_t)number;
        return rc == 0 && number >= 1 && number <= IO_WEIGHT_MAX ? 0 : -EINVAL;
    }
    if (strcmp(name, "cpu") == 0) {
        return parse_cpu(value, &limits->cpu_milli);
    }
    if (strcmp(name, "pids") == 0) {
        int rc = gorctl_number_parse(value, &number);
        limits->processes = (uint32_t)number;
        return rc == 0 && number >= 1 && number <= UINT32_MAX ? 0 : -EINVAL;
    }
    return 1;
}

/* "nofile=1024" (both) or "nofile=1024:4096" (soft and hard). 1: there is no such limit. */
static int take_rlimit(Gor__V1__Limits *limits, const char *name, char *value)
{
    int resource = 1;
    while (resource < KNOWN && strcmp(known[resource].name, name) != 0) {
        resource++;
    }
    if (resource == KNOWN) {
        return 1;
    }
    Gor__V1__Rlimit *item = add_rlimit(&limits->rlimits, &limits->n_rlimits, resource);
    char *hard = strchr(value, ':');
    if (hard != NULL) {
        *hard++ = '\0';
    }
    int rc = parse_value(known[resource].unit, value, &item->soft_plus_1);
    item->hard_plus_1 = item->soft_plus_1;
    if (rc == 0 && hard != NULL) {
        rc = parse_value(known[resource].unit, hard, &item->hard_plus_1);
    }
    return rc;
}

/* Cut off the next of the list. CPUs are a list themselves: what follows them without a name is theirs. */
static char *next_limit(char **rest)
{
    char *item = strsep(rest, ",");
    if (item == NULL || strncmp(item, "cpus=", 5) != 0) {
        return item;
    }
    while (*rest != NULL && **rest >= '0' && **rest <= '9') {
        (*rest)[-1] = ',';
        (void)strsep(rest, ",");
    }
    return item;
}

int gorctl_limits_add(Gor__V1__ExecSpec *exec, const char *text, char why[GORCTL_LIMITS_WHY])
{
    Gor__V1__Limits *limits = gorctl_limits_of(exec);
    char *copy = gorctl_strdup(text);
    char *rest = copy;
    char *name;
    int rc = 0;
    while (rc == 0 && (name = next_limit(&rest)) != NULL) {
        char *value = strchr(name, '=');
        if (value == NULL) {
            snprintf(why, GORCTL_LIMITS_WHY, "'%.40s' is not NAME=VALUE", name);
            rc = -EINVAL;
            break;
        }
        *value++ = '\0';
        char shown[48];
        snprintf(shown, sizeof(shown), "%.40s", value);
        rc = take_group_limit(limits, name, value);
        rc = rc == 1 ? take_rlimit(limits, name, value) : rc;
        if (rc == 1) {
            snprintf(
                why, GORCTL_LIMITS_WHY,
                "there is no limit '%.40s'; there are mem, cpu, pids, cpus, io-weight, and those "
                "of setrlimit: as, core, cputime, data, fsize, ..., stack",
                name);
        } else if (rc != 0) {
            snprintf(why, GORCTL_LIMITS_WHY, "'%s' is no value for %.40s", shown, name);
        }
    }
    free(copy);
    return rc != 0 ? -EINVAL : 0;
}

/* --------------------------------------------------------------- showing */

static void put_value(FILE *out, enum unit unit, uint64_t value_plus_1)
{
    static const char *const endings[] = {"", "", "s", "us"};
    static const char units[] = "TGMK";
    uint64_t value = value_plus_1 - 1;
    if (value_plus_1 == 0) {
        fputs("unlimited", out);
        return;
    }
    for (int i = 0; unit == BYTES && i < 4; i++) {
        unsigned shift = 10 * (unsigned)(4 - i);
        if (value != 0 && (value & ((UINT64_C(1) << shift) - 1)) == 0) {
            fprintf(out, "%" PRIu64 "%c", value >> shift, units[i]);
            return;
        }
    }
    fprintf(out, "%" PRIu64 "%s", value, endings[unit]);
}

static void put_rlimits(FILE *out, Gor__V1__Rlimit *const *rlimits, size_t count, bool follows)
{
    for (size_t i = 0; i < count; i++) {
        int resource = (int)rlimits[i]->resource;
        if (resource < 1 || resource >= KNOWN) {
            continue;
        }
        fprintf(out, "%s%s=", follows ? "," : "", known[resource].name);
        put_value(out, known[resource].unit, rlimits[i]->soft_plus_1);
        if (rlimits[i]->hard_plus_1 != rlimits[i]->soft_plus_1) {
            putc(':', out);
            put_value(out, known[resource].unit, rlimits[i]->hard_plus_1);
        }
        follows = true;
    }
}

char *gorctl_rlimits_text(Gor__V1__Rlimit *const *rlimits, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = gorctl_memory_stream(&text, &size);
    put_rlimits(out, rlimits, count, false);
    fclose(out);
    return text;
}

char *gorctl_limits_text(const Gor__V1__Limits *limits)
{
    char *text = NULL;
    size_t size = 0;
    const char *comma = "";
    FILE *out = gorctl_memory_stream(&text, &size);
    if (limits->memory_bytes != 0) {
        fputs("mem=", out);
        put_value(out, BYTES, limits->memory_bytes + 1);
        comma = ",";
    }
    if (limits->cpu_milli != 0) {
        fprintf(out, "%scpu=%.9g", comma, limits->cpu_milli / 1000.0);
        comma = ",";
    }
    if (limits->processes != 0) {
        fprintf(out, "%spids=%" PRIu32, comma, limits->processes);
        comma = ",";
    }
    if (limits->cpus[0] != '\0') {
        fprintf(out, "%scpus=%s", comma, limits->cpus);
        comma = ",";
    }
    if (limits->io_weight != 0) {
        fprintf(out, "%sio-weight=%" PRIu32, comma, limits->io_weight);
        comma = ",";
    }
    put_rlimits(out, limits->rlimits, limits->n_rlimits, comma[0] != '\0');
    fputs(limits->strict ? " (strict)" : "", out);
    fclose(out);
    return text;
}
