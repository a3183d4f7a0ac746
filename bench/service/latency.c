/* SPDX-License-Identifier: MIT */
/* S6 and S9: how soon a lone job starts, and how soon the daemon answers while its jobs compute. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/service/service.h"
#include "bench/service/session.h"
#include "gor/v1/runtime.pb-c.h"

static void init_job(Gor__V1__JobSpec *spec, Gor__V1__NativeSpec *native, const char *function)
{
    gor__v1__native_spec__init(native);
    native->function = (char *)function;
    gor__v1__job_spec__init(spec);
    spec->kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    spec->native = native;
}

static uint64_t submit(struct session *s, Gor__V1__JobSpec *spec)
{
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    struct rpc_result result = {0};

    request.spec = spec;
    session_ask(s, "/gor.v1.Jobs/Submit", &request.base, &gor__v1__submit_reply__descriptor,
                &result);
    uint64_t id = ((const Gor__V1__SubmitReply *)result.reply)->id;
    rpc_result_fini(&result);
    return id;
}

/* From its acceptance to its start, by the daemon's own clock. */
static int64_t waited_ns(struct session *s, uint64_t id)
{
    Gor__V1__WaitRequest request = GOR__V1__WAIT_REQUEST__INIT;
    struct rpc_result result = {0};

    request.ids = &id;
    request.n_ids = 1;
    session_ask(s, "/gor.v1.Jobs/Wait", &request.base, &gor__v1__wait_reply__descriptor, &result);
    const Gor__V1__Job *job = ((const Gor__V1__WaitReply *)result.reply)->jobs[0];
    if (job->outcome != GOR__V1__OUTCOME__SUCCEEDED) {
        session_fail("job %" PRIu64 " did not succeed: %s", id, job->detail);
    }
    int64_t ns = job->finished_ns - job->created_ns;
    rpc_result_fini(&result);
    return ns;
}

static int compare_ns(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* ADDRESS JOBS ; one after the other, nothing else goes on. */
int service_start(char **args)
{
    int64_t jobs = service_count(args[1]);
    int64_t *waited = calloc((size_t)jobs, sizeof *waited);
    Gor__V1__NativeSpec native;
    Gor__V1__JobSpec spec;
    struct session s;

    if (waited == NULL) {
        session_fail("out of memory");
    }
    init_job(&spec, &native, "builtin.echo");
    session_open(&s, args[0]);
    for (int64_t i = 0; i < jobs; i++) {
        waited[i] = waited_ns(&s, submit(&s, &spec));
    }
    session_close(&s);
    qsort(waited, (size_t)jobs, sizeof *waited, compare_ns);
    int64_t last = jobs - 1 - jobs / 100;
    int64_t middle = jobs / 2;
    printf("S6.p50 %.2f ms count=%" PRId64 "\nS6.p99 %.2f ms count=%" PRId64 "\n",
           (double)waited[middle] / 1e6, jobs, (double)waited[last] / 1e6, jobs);
    free(waited);
    return 0;
}

/* ADDRESS JOBS CALLS ; so many jobs that never call the runtime, while the statistics are asked for. */
int service_busy(char **args)
{
    int64_t jobs = service_count(args[1]);
    int64_t calls = service_count(args[2]);
    Gor__V1__StatsRequest stats = GOR__V1__STATS_REQUEST__INIT;
    Gor__V1__CancelRequest cancel = GOR__V1__CANCEL_REQUEST__INIT;
    Gor__V1__NativeSpec native;
    Gor__V1__JobSpec spec;
    struct session s;
    char *minutes[] = {(char *)"30m"};

    init_job(&spec, &native, "builtin.spin");
    native.n_args = 1;
    native.args = minutes;
    session_open(&s, args[0]);
    for (int64_t i = 0; i < jobs; i++) {
        (void)submit(&s, &spec);
    }
    struct burst_times t = session_burst(&s, "/gor.v1.Runtime/Stats", &stats.base, calls, 1);
    printf("S9.p50 %.2f ms count=%" PRId64 "\nS9.p99 %.2f ms count=%" PRId64 "\n",
           (double)t.p50_ns / 1e6, calls, (double)t.p99_ns / 1e6, calls);
    cancel.all = true;
    session_call(&s, "/gor.v1.Jobs/Cancel", &cancel.base, &gor__v1__cancel_reply__descriptor);
    session_close(&s);
    return 0;
}
