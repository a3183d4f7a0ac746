/* SPDX-License-Identifier: MIT */
/* gor-bench-service - load for a gord that runs already, and for its peers. bench/run drives it. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/service/service.h"

static const struct measurement {
    const char *name;
    service_fn *run;
    int arg_count; /* at least */
    const char *args;
} measurements[] = {
    {"native", service_native, 3, "ADDRESS JOBS BATCH"},
    {"unary", service_unary, 3, "ADDRESS JOBS IN-FLIGHT"},
    {"exec", service_exec, 3, "ADDRESS JOBS IN-FLIGHT"},
    {"queue", service_queue, 3, "ADDRESS JOBS SAMPLE"},
    {"start", service_start, 2, "ADDRESS JOBS"},
    {"busy", service_busy, 3, "ADDRESS JOBS CALLS"},
    {"look", service_look, 2, "ADDRESS CALLS"},
    {"sleep", service_sleep, 2, "ADDRESS JOBS"},
    {"settled", service_settled, 2, "ADDRESS JOBS"},
    {"spawn", service_spawn, 2, "JOBS PROGRAM [ARGUMENT]..."},
    {"beanstalk", service_beanstalk, 3, "PORT JOBS IN-FLIGHT"},
    {"redis", service_redis, 3, "PORT JOBS IN-FLIGHT"},
};

int64_t service_count(const char *text)
{
    char *end = NULL;
    long long count = strtoll(text, &end, 10);

    if (end == text || *end != '\0' || count < 1) {
        fprintf(stderr, "gor-bench-service: '%s' is not a count; give a number above 0\n", text);
        exit(2);
    }
    return count;
}

void service_report_rate(const char *id, int64_t count, int64_t ns, const char *unit,
                         const char *format, ...)
{
    va_list extras;

    printf("%s %.1f %s ", id, (double)count * 1e9 / (double)(ns > 0 ? ns : 1), unit);
    va_start(extras, format);
    vprintf(format, extras);
    va_end(extras);
    putchar('\n');
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++) {
        const struct measurement *m = &measurements[i];
        if (argc - 2 >= m->arg_count && strcmp(argv[1], m->name) == 0) {
            return m->run(argv + 2);
        }
    }
    fprintf(stderr, "usage:\n");
    for (size_t i = 0; i < sizeof measurements / sizeof measurements[0]; i++) {
        fprintf(stderr, "  gor-bench-service %s %s\n", measurements[i].name, measurements[i].args);
    }
    return 2;
}
