/* SPDX-License-Identifier: MIT */
/* service.h - the measurements gor-bench-service can do, and how it prints them. */
#ifndef GOR_BENCH_SERVICE_SERVICE_H
#define GOR_BENCH_SERVICE_SERVICE_H

#include <stdint.h>

/* One measurement. args: what follows its name on the command line, as many as it asks for. */
typedef int service_fn(char **args);

service_fn service_native, service_unary, service_exec, service_queue; /* jobs.c */
service_fn service_start, service_busy;                                /* latency.c */
service_fn service_look, service_sleep, service_settled;               /* history.c */
service_fn service_spawn;                                              /* spawn.c */
service_fn service_beanstalk;                                          /* beanstalk.c */
service_fn service_redis;                                              /* redis.c */

/* A count from the command line; exits with 2 unless it is a whole number above 0. */
int64_t service_count(const char *text);

/* Print "<id> <count per second> <unit> [extras]". */
void service_report_rate(const char *id, int64_t count, int64_t ns, const char *unit,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
