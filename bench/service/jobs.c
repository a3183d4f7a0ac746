/* SPDX-License-Identifier: MIT */
/* S1 to S4: jobs for a gord that listens on the address given. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/service/service.h"
#include "bench/service/session.h"

enum { BATCHES_IN_FLIGHT = 4 };

/* The job that does nothing: what is measured is the service. */
static void init_native(Gor__V1__JobSpec *spec, Gor__V1__NativeSpec *native)
{
    gor__v1__native_spec__init(native);
    native->function = (char *)"builtin.echo";
    gor__v1__job_spec__init(spec);
    spec->kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec->native = native;
}

/* Submit `count` such jobs, `batch` in one call. */
static void submit_batches(struct session *s, int64_t count, int64_t batch)
{
    Gor__V1__SubmitManyRequest request = GOR__V1__SUBMIT_MANY_REQUEST__INIT;
    Gor__V1__NativeSpec native;
    Gor__V1__JobSpec spec;

    init_native(&spec, &native);
    request.specs = calloc((size_t)batch, sizeof(Gor__V1__JobSpec *));
    if (request.specs == NULL) {
        session_fail("out of memory");
    }
    for (int64_t i = 0; i < batch; i++) {
        request.specs[i] = &spec;
    }
    request.n_specs = (size_t)batch;
    session_burst(s, "/gor.v1.Jobs/SubmitMany", &request.base, count / batch, BATCHES_IN_FLIGHT);
    free(request.specs);
}

/* S1: ADDRESS JOBS BATCH */
int service_native(char **args)
{
    int64_t batch = service_count(args[2]);
    int64_t jobs = (service_count(args[1]) + batch - 1) / batch * batch;
    struct session s;

    session_open(&s, args[0]);
    uint64_t before = session_terminated(&s);
    int64_t started = session_now_ns();
    submit_batches(&s, jobs, batch);
    int64_t submitted = session_now_ns();
    session_wait_terminated(&s, before + (uint64_t)jobs);
    int64_t ended = session_now_ns();
    service_report_rate("S1", jobs, ended - started, "jobs/s", "count=%" PRId64 " batch=%" PRId64,
                        jobs, batch);
    service_report_rate("S1.submit", jobs, submitted - started, "jobs/s", "count=%" PRId64, jobs);
    session_close(&s);
    return 0;
}

/* S2: ADDRESS JOBS DEPTH */
int service_unary(char **args)
{
    int64_t jobs = service_count(args[1]);
    int64_t depth = service_count(args[2]);
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__NativeSpec native;
    Gor__V1__JobSpec spec;
    struct session s;

    init_native(&spec, &native);
    request.spec = &spec;
    session_open(&s, args[0]);
    uint64_t before = session_terminated(&s);
    struct burst_times t = session_burst(&s, "/gor.v1.Jobs/Submit", &request.base, jobs, depth);
    service_report_rate("S2", jobs, t.ns, "submits/s", "count=%" PRId64 " in_flight=%" PRId64, jobs,
                        depth);
    printf("S2.p50 %.0f us\nS2.p99 %.0f us\n", (double)t.p50_ns / 1e3, (double)t.p99_ns / 1e3);
    session_wait_terminated(&s, before + (uint64_t)jobs);
    session_close(&s);
    return 0;
}

/* S3: ADDRESS JOBS DEPTH */
int service_exec(char **args)
{
    int64_t jobs = service_count(args[1]);
    ProtobufCBinaryData argv[] = {{.len = 4, .data = (uint8_t *)"true"}};
    ProtobufCBinaryData env[] = {{.len = 18, .data = (uint8_t *)"PATH=/usr/bin:/bin"}};
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    struct session s;

    exec.n_argv = exec.n_env = 1;
    exec.argv = argv;
    exec.env = env;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    request.spec = &spec;
    session_open(&s, args[0]);
    uint64_t before = session_terminated(&s);
    int64_t started = session_now_ns();
    session_burst(&s, "/gor.v1.Jobs/Submit", &request.base, jobs, service_count(args[2]));
    session_wait_terminated(&s, before + (uint64_t)jobs);
    service_report_rate("S3", jobs, session_now_ns() - started, "jobs/s", "count=%" PRId64, jobs);
    session_close(&s);
    return 0;
}

/* S4: ADDRESS JOBS SAMPLE ; the queue is paused and stays so. */
int service_queue(char **args)
{
    enum { DEPTH = 100, BATCH = 1000 };
    int64_t sample = service_count(args[2]);
    int64_t between = service_count(args[1]) - 2 * sample;
    Gor__V1__PauseRequest pause = GOR__V1__PAUSE_REQUEST__INIT;
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__NativeSpec native;
    Gor__V1__JobSpec spec;
    struct session s;

    init_native(&spec, &native);
    request.spec = &spec;
    session_open(&s, args[0]);
    session_call(&s, "/gor.v1.Jobs/Pause", &pause.base, &gor__v1__pause_reply__descriptor);
    struct burst_times first =
        session_burst(&s, "/gor.v1.Jobs/Submit", &request.base, sample, DEPTH);
    int64_t started = session_now_ns();
    if (between >= BATCH) {
        submit_batches(&s, between / BATCH * BATCH, BATCH);
    }
    int64_t filled = session_now_ns() - started;
    struct burst_times last =
        session_burst(&s, "/gor.v1.Jobs/Submit", &request.base, sample, DEPTH);
    printf("S4 %.3f last/first count=%" PRId64 "\n", (double)last.ns / (double)first.ns,
           between + 2 * sample);
    service_report_rate("S4.first", sample, first.ns, "submits/s", "count=%" PRId64, sample);
    service_report_rate("S4.last", sample, last.ns, "submits/s", "count=%" PRId64, sample);
    service_report_rate("S4.fill", between, filled, "jobs/s", "count=%" PRId64, between);
    session_close(&s);
    return 0;
}
