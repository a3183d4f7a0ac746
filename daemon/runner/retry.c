/* SPDX-License-Identifier: MIT */
/* retry.c - see retry.h. */
#include "daemon/runner/retry.h"

#include <stdio.h>

#include "daemon/event/clock.h"

#define SECOND_NS 1000000000LL
#define DEFAULT_WAIT_NS SECOND_NS
#define DEFAULT_MAX_NS (3600 * SECOND_NS)

int64_t gord_retry_wait(const Gor__V1__RetryPolicy *policy, uint32_t attempt, double chance)
{
    int64_t wait = policy->backoff_ns != 0 ? policy->backoff_ns : DEFAULT_WAIT_NS;
    int64_t most = policy->max_ns != 0 ? policy->max_ns : DEFAULT_MAX_NS;

    for (uint32_t i = 1; i < attempt && !policy->fixed && wait < most; i++) {
        wait *= 2; /* at most ten years before, so it fits */
    }
    if (wait > most && !policy->fixed) {
        wait = most;
    }
    return wait + (int64_t)((double)wait * policy->jitter_percent / 100 * (2 * chance - 1));
}

static bool is_retryable(const Gor__V1__RetryPolicy *policy, const struct gord_result *result)
{
    if (result->outcome == GOR__V1__OUTCOME__FAILED) {
        for (size_t i = 0; i < policy->n_exit_codes; i++) {
            if (policy->exit_codes[i] == result->exit_code) {
                return true;
            }
        }
        return policy->n_exit_codes == 0;
    }
    return policy->n_exit_codes == 0 && (result->outcome == GOR__V1__OUTCOME__SIGNALED ||
                                         result->outcome == GOR__V1__OUTCOME__TIMED_OUT ||
                                         result->outcome == GOR__V1__OUTCOME__OOM_KILLED ||
                                         result->outcome == GOR__V1__OUTCOME__PANICKED);
}

/* By its policy; what the run asks for instead counts if it is longer, and up to the policy's longest. */
static int64_t wait_of(const Gor__V1__RetryPolicy *policy, uint32_t attempt,
                       const struct gord_result *result, double chance)
{
    int64_t wait = gord_retry_wait(policy, attempt, chance);
    int64_t most = policy->max_ns != 0 ? policy->max_ns : DEFAULT_MAX_NS;
    int64_t asked = result->wait_ns < most ? result->wait_ns : most;

    return asked > wait ? asked : wait;
}

/* From 0 to 1; it need not be secret, only differ among jobs that failed together. */
static double chance_of_now(const void *salt)
{
    uint64_t x = (uint64_t)gord_clock_boot() ^ (uint64_t)(uintptr_t)salt * 0x9e3779b97f4a7c15U;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return (double)((x ^ x >> 31) >> 11) / (double)(1ULL << 53);
}

struct gord_standing *gord_retry_plan(const struct gord_spec *spec,
                                      const struct gord_standing *standing,
                                      const struct gord_result *result)
{
    uint32_t attempt = (standing != NULL ? standing->attempt : 0) + 1;
    struct gord_standing *next = NULL;

    if (attempt > spec->retries || result->is_final) {
        return NULL;
    }
    Gor__V1__JobSpec *wire = gor__v1__job_spec__unpack(NULL, spec->packed_bytes, spec->packed);
    if (wire != NULL && wire->retry != NULL && is_retryable(wire->retry, result)) {
        next = gord_standing_copy(standing);
    }
    if (next != NULL) {
        next->attempt = attempt;
        next->expires_ns = 0; /* it was started in time */
        gord_clock_delay(next, wait_of(wire->retry, attempt, result, chance_of_now(spec)));
    }
    if (next != NULL && next->deadline_ns != 0 && next->due_ns >= next->deadline_ns) {
        gord_standing_unref(next); /* it could not run any more */
        next = NULL;
    }
    gor__v1__job_spec__free_unpacked(wire, NULL);
    return next;
}

void gord_retry_text(const struct gord_spec *spec, const struct gord_standing *next,
                     const struct gord_result *result, const char *detail, char *out, size_t bytes)
{
    double wait = (double)(next->due_boot - gord_clock_boot()) / (double)SECOND_NS;
    char how[64] = "";

    if (result->outcome == GOR__V1__OUTCOME__FAILED) {
        snprintf(how, sizeof(how), "exit code %d", result->exit_code);
    } else if (result->signal != 0) {
        snprintf(how, sizeof(how), "signal %d%s", result->signal,
                 result->core_dumped ? ", core dumped" : "");
    }
    snprintf(out, bytes, "%s%s%s%sretry %u of %u in %.3g s", how,
             how[0] != '\0' && detail[0] != '\0' ? ": " : "", detail,
             how[0] != '\0' || detail[0] != '\0' ? "; " : "", next->attempt, spec->retries,
             wait > 0 ? wait : 0);
}
