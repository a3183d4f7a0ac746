/* SPDX-License-Identifier: MIT */
/* words.c - fuzz target: what people write for a duration, a size, a moment, a policy. The first byte
 * chooses; the rest is the word. What the daemon understands gorctl must understand alike. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/columns.h"
#include "client/gates.h"
#include "client/limits.h"
#include "client/options.h"
#include "client/request.h"
#include "client/retry.h"
#include "client/screen.h"
#include "client/signals.h"
#include "client/template.h"
#include "client/when.h"
#include "daemon/base/config.h"
#include "daemon/base/url.h"
#include "daemon/event/ask.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1772366400000000000) /* a day in 2026 */

static void check_duration(const char *word)
{
    int64_t ours, theirs;
    char text[GORCTL_WHEN_ROOM];
    int taken = gorctl_duration_parse(word, &ours);
    assert(taken != 0 || ours >= 0);
    if (gord_parse_duration(word, &theirs) == 0) {
        assert(taken == 0 && ours == theirs);
    }
    if (taken == 0) {
        gorctl_duration_text(ours, text);
        assert(strlen(text) < sizeof text);
    }
}

static void check_bytes(const char *word)
{
    uint64_t ours, theirs;
    char text[GORCTL_WHEN_ROOM];
    int taken = gorctl_bytes_parse(word, &ours);
    if (gord_parse_bytes(word, &theirs) == 0) {
        assert(taken == 0 && ours == theirs);
    }
    if (taken == 0) {
        gorctl_bytes_text(ours, text);
        gorctl_count_text(ours, text);
        assert(strlen(text) < sizeof text);
    }
}

static void check_time(const char *word)
{
    int64_t at;
    char text[GORCTL_WHEN_ROOM];
    if (gorctl_time_parse(word, NOW, &at) == 0) {
        gorctl_time_text(at, NOW, text);
        gorctl_time_exact(at, text);
        assert(strlen(text) < sizeof text);
    }
}

static void check_moment(const char *word)
{
    int64_t at;
    (void)gorctl_moment_parse(word, "Europe/Berlin", NOW, &at);
}

static void check_limits(const char *word)
{
    char why[GORCTL_LIMITS_WHY] = "";
    Gor__V1__JobSpec *spec = calloc(1, sizeof *spec);
    assert(spec != NULL);
    gor__v1__job_spec__init(spec);
    spec->kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec->exec = calloc(1, sizeof *spec->exec);
    assert(spec->exec != NULL);
    gor__v1__exec_spec__init(spec->exec);
    int taken = gorctl_limits_add(spec->exec, word, why);
    assert(taken == 0 || why[0] != '\0');
    (void)taken;
    free(gorctl_limits_text(spec->exec->limits));
    free(gorctl_rlimits_text(spec->exec->rlimits, spec->exec->n_rlimits));
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

static void check_policies(const char *word)
{
    Gor__V1__RetryPolicy policy = GOR__V1__RETRY_POLICY__INIT;
    struct gorctl_request request;
    Gor__V1__JobState state;
    Gor__V1__Outcome outcome;
    (void)gorctl_backoff_parse(word, &policy);
    (void)gorctl_request_parse(word, &request);
    (void)gorctl_state_parse(word, &state);
    (void)gorctl_outcome_parse(word, &outcome);
    (void)gorctl_signal_parse(word);
}

static void check_columns(const char *word)
{
    struct gorctl_columns columns;
    char *unknown = gorctl_columns_parse(word, &columns);
    assert(unknown != NULL || columns.count <= GORCTL_COLUMNS_MAX);
    free(unknown);
}

/* What is taken can be printed, of a job of which little is known. */
static void check_template(const char *word)
{
    struct gorctl_template *template = NULL;
    char *why = gorctl_template_parse(word, &gor__v1__job__descriptor, &template);
    assert((why == NULL) == (template != NULL));
    if (template != NULL) {
        Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
        Gor__V1__Job job = GOR__V1__JOB__INIT;
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        assert(out != NULL);
        job.spec = &spec;
        gorctl_template_print(template, &job.base, out);
        fclose(out);
        free(text);
    }
    gorctl_template_free(template);
    free(why);
}

static void check_ask(const char *word)
{
    struct gord_ask ask, again;
    char text[GORD_ASK_BYTES];
    if (gord_ask_parse(word, &ask) == 0) {
        (void)gord_ask_text(&ask, text);
        int result = gord_ask_parse(text, &again);
        assert(result == 0);
        (void)result;
    }
}

/* What is shown of a right one is right, shows no more by being shown again, and is the same host. */
static void check_url(const char *word)
{
    char why[GORD_URL_WHY] = "";
    bool right = gord_url_check(word, why);
    char *shown = gord_url_hide(word);
    assert(shown != NULL && (right || why[0] != '\0'));
    if (right) {
        char *again = gord_url_hide(shown);
        assert(gord_url_check(shown, why) && strcmp(shown, again) == 0);
        assert(strcmp(shown, word) == 0 || gord_url_is_hidden(shown));
        free(again);
    }
    free(shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(const char *word) = {
        check_duration, check_bytes,   check_time, check_moment, check_limits,
        check_policies, check_columns, check_ask,  check_url,    check_template,
    };
    if (size == 0) {
        return 0;
    }
    char *word = strndup((const char *)data + 1, size - 1);
    assert(word != NULL);
    checks[data[0] % (sizeof checks / sizeof checks[0])](word);
    free(word);
    return 0;
}
