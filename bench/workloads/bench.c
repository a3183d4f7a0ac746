/* SPDX-License-Identifier: MIT */
#include "bench/workloads/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

int64_t bench_count(const struct bench *b, int64_t full)
{
    int64_t count = full / b->divide;

    return count > 0 ? count : 1;
}

int64_t bench_arg(const struct bench *b, int index, int64_t fallback)
{
    if (index >= b->arg_count) {
        return fallback;
    }
    char *end = NULL;
    long long value = strtoll(b->args[index], &end, 10);
    if (end == b->args[index] || *end != '\0' || value < 0) {
        fprintf(stderr, "gor-bench: %s: '%s' is not a count; give a whole number\n", b->name,
                b->args[index]);
        exit(2);
    }
    return value;
}

void bench_report(const char *id, double value, const char *unit, const char *format, ...)
{
    va_list extras;

    printf("%s %.3f %s ", id, value, unit);
    va_start(extras, format);
    vprintf(format, extras);
    va_end(extras);
    putchar('\n');
    fflush(stdout);
}

void bench_check(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "gor-bench: %s failed: %s\n", what, strerror((int)-result));
        exit(1);
    }
}

void bench_go(void (*fn)(void *arg), void *arg)
{
    bench_check(gor_go(fn, arg), "gor_go");
}

struct gor_chan *bench_chan(size_t elem_bytes, size_t capacity)
{
    struct gor_chan *c = gor_chan_new(elem_bytes, capacity);

    if (c == NULL) {
        fprintf(stderr, "gor-bench: gor_chan_new failed: out of memory\n");
        exit(1);
    }
    return c;
}

int64_t bench_status_bytes(const char *key)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    size_t key_len = strlen(key);
    long long kib = 0;

    if (status == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, key, key_len) == 0 && line[key_len] == ':') {
            kib = strtoll(line + key_len + 1, NULL, 10);
            break;
        }
    }
    fclose(status);
    return kib * 1024;
}

int64_t bench_cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * GOR_SECOND +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * GOR_MICROSECOND;
}
