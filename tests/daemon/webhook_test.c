/* SPDX-License-Identifier: MIT */
/* What a webhook says, and how curl is told to send it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/webhook.h"
#include "tests/test.h"

#define SECOND_NS 1000000000LL

static char *text(const char *of)
{
    return (char *)(uintptr_t)of;
}

/* The document, in which the name of this machine has been put aside. */
static char *document_of(const struct gord_webhook_end *end)
{
    char host[256] = "", part[300];
    char *document = gord_webhook_document(end);
    (void)gethostname(host, sizeof(host) - 1);
    snprintf(part, sizeof(part), ",\"host\":\"%s\"", host);
    char *at = strstr(document, part);
    CHECK(at != NULL);
    memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
    return document;
}

static void check_document(const struct gord_webhook_end *end, const char *want)
{
    char *document = document_of(end);
    CHECK_STR(document, want);
    free(document);
}

static void check_part(const struct gord_webhook_end *end, const char *want)
{
    char *document = document_of(end);
    if (strstr(document, want) == NULL) {
        test_fail(__FILE__, __LINE__, "%s does not have %s", document, want);
    }
    free(document);
}

TEST(document_of_a_program_that_failed)
{
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__LabelsEntry entry = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *labels[] = {&entry};
    Gor__V1__CronFire cron = GOR__V1__CRON_FIRE__INIT;
    struct gord_webhook_end end = {.of = &of,
                                   .spec = &spec,
                                   .cause = "told \"so\"",
                                   .uid = 1000,
                                   .attempts = 2,
                                   .submitted_ns = 1795911345000001000,
                                   .started_ns = 1795911345 * SECOND_NS,
                                   .ended_ns = 1795911346 * SECOND_NS + 999999999};
    of.job_id = 12;
    of.outcome = GOR__V1__OUTCOME__FAILED;
    of.exit_code = 3;
    entry.key = text("a \"b\"");
    entry.value = text("\\ \xc3\xbc\n");
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.name = text("n\xc3\xa4me");
    spec.labels = labels;
    spec.n_labels = 1;
    spec.queue = text("build");
    cron.name = text("nightly");
    spec.cron = &cron;
    check_document(
        &end,
        "{\"job\":12,\"uid\":1000,\"kind\":\"exec\",\"name\":\"n\xc3\xa4me\",\"queue\":\"build\","
        "\"labels\":{\"a \\\"b\\\"\":\"\\\\ \xc3\xbc\\u000a\"},\"cron\":\"nightly\","
        "\"outcome\":\"failed\",\"exit_code\":3,\"signal\":null,\"core_dumped\":false,\"cause\":"
        "\"told \\\"so\\\"\","
        "\"attempts\":2,\"submitted_at\":\"2026-11-29T00:15:45.000001Z\","
        "\"started_at\":\"2026-11-29T00:15:45.000000Z\","
        "\"ended_at\":\"2026-11-29T00:15:46.999999Z\",\"task\":null,\"array\":null}");
}

TEST(document_of_a_job_that_never_ran_has_nulls)
{
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    struct gord_webhook_end end = {.of = &of, .spec = &spec, .cause = "", .ended_ns = SECOND_NS};
    of.job_id = 1;
    of.outcome = GOR__V1__OUTCOME__DEPENDENCY_FAILED;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_LUA;
    check_document(
        &end,
        "{\"job\":1,\"uid\":0,\"kind\":\"lua\",\"name\":\"\",\"queue\":\"default\","
        "\"labels\":{},\"cron\":null,\"outcome\":\"dependency-failed\","
        "\"exit_code\":null,\"signal\":null,\"core_dumped\":false,\"cause\":null,\"attempts\":0,"
        "\"submitted_at\":null,\"started_at\":null,"
        "\"ended_at\":\"1970-01-01T00:00:01.000000Z\",\"task\":null,\"array\":null}");
    of.outcome = GOR__V1__OUTCOME__SIGNALED;
    of.signal = 9;
    end.core_dumped = true;
    check_part(&end,
               "\"outcome\":\"signaled\",\"exit_code\":null,\"signal\":9,\"core_dumped\":true,");
}

TEST(document_tells_of_arrays_and_their_tasks)
{
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__TasksEnded tasks = GOR__V1__TASKS_ENDED__INIT;
    Gor__V1__ArrayTask task = GOR__V1__ARRAY_TASK__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    struct gord_webhook_end end = {.of = &of, .spec = &spec, .cause = ""};
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_GROUP;
    tasks = (Gor__V1__TasksEnded){.base = tasks.base, 10, 1, 2, 3, 4};
    of.tasks = &tasks;
    check_part(&end, "\"kind\":\"array\",");
    check_part(&end, "\"task\":null,\"array\":{\"count\":10,\"succeeded\":1,\"failed\":2,"
                     "\"cancelled\":3,\"never_ran\":4}}");
    of.tasks = NULL;
    task.array_id = 7;
    task.index = 5;
    task.count = 10;
    of.task = &task;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_NATIVE;
    check_part(&end, "\"kind\":\"native\",");
    check_part(&end, "\"task\":{\"array\":7,\"index\":5,\"count\":10},\"array\":null}");
}

TEST(document_is_utf8_whatever_is_in_the_job)
{
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__LabelsEntry entry = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *labels[] = {&entry};
    struct gord_webhook_end end = {.of = &of, .spec = &spec, .cause = "\xed\xa0\x80"};
    spec.name = text("a\xff\xc3\xa4\"");
    entry.key = text("\x80");
    entry.value = text("\xf0\x9f\x98\x80 \xfe");
    spec.labels = labels;
    spec.n_labels = 1;
    check_part(&end, "\"name\":\"a\\\\xff\xc3\xa4\\\"\",");
    check_part(&end, "\"labels\":{\"\\\\x80\":\"\xf0\x9f\x98\x80 \\\\xfe\"},");
    check_part(&end, "\"cause\":\"\\\\xed\\\\xa0\\\\x80\",");
}

/* All that may be in a job, made of what takes the most room. */
TEST(document_keeps_its_bounds_and_leaves_out_labels_for_them)
{
    enum { LABELS = 64 };
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__JobSpec__LabelsEntry entry = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *labels[LABELS];
    char key[64], value[256], name[201], cause[9001];
    struct gord_webhook_end end = {.of = &of, .spec = &spec, .cause = cause};
    memset(key, '"', sizeof(key));
    memset(value, '"', sizeof(value));
    memset(name, 1, sizeof(name));
    memset(cause, 1, sizeof(cause));
    key[63] = value[255] = name[200] = cause[9000] = '\0';
    entry.key = key;
    entry.value = value;
    for (int i = 0; i < LABELS; i++) {
        labels[i] = &entry;
    }
    spec.labels = labels;
    spec.name = name;
    check_part(&end, "\"labels\":{}");
    spec.n_labels = 8;
    check_part(&end, "\"labels\":{\"\\\"");
    spec.n_labels = LABELS;
    memset(value, 1, 255);
    check_part(&end, "\"labels\":null");
    char *document = gord_webhook_document(&end);
    CHECK(strlen(document) < GORD_WEBHOOK_MAX / 2);
    free(document);
}

TEST(input_quotes_what_curl_would_read_otherwise)
{
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    of.url = text("http://a/\"\\\n--output");
    of.document = text("@{\"a\":\"\\\"\xc3\xa4\"}");
    char *input = gord_webhook_input(&of, NULL);
    CHECK(strstr(input, "\nurl = \"http://a/\\\"\\\\--output\"\n"
                        "data-raw = \"@{\\\"a\\\":\\\"\\\\\\\"\xc3\xa4\\\"}\"\n") != NULL);
    CHECK(strstr(input, "\nwrite-out = \"%{stderr}answer: %{http_code} "
                        "%header{retry-after}\\n\"\n") != NULL);
    CHECK(strstr(input, "proto = \"=http,https\"\n") != NULL);
    free(input);
}

/* What is made of that text. */
static struct gord_webhook_answer answer_of(const char *said)
{
    struct gord_webhook_line line = {0};
    struct gord_webhook_answer answer;
    gord_webhook_heard(&line, said, strlen(said));
    gord_webhook_answer_of(&line, 784111777 * SECOND_NS + SECOND_NS / 2, &answer);
    return answer;
}

TEST(answer_is_read_from_the_last_line)
{
    CHECK_EQ(answer_of("curl: (22) error: 404\nanswer: 404 \n").status, 404);
    CHECK_EQ(answer_of("answer: 200 \n").status, 200);
    CHECK_EQ(answer_of("answer: 000 \n").status, 0);
    CHECK_EQ(answer_of("").status, 0);
    CHECK_EQ(answer_of("\n").status, 0);
    CHECK_EQ(answer_of("answer: 404 ").status, 0); /* cut off */
    CHECK_EQ(answer_of("answer: 404\n").status, 0);
    CHECK_EQ(answer_of("answer: 4040 \n").status, 0);
    CHECK_EQ(answer_of("answer: 404 \nmore\n").status, 0);
    CHECK_EQ(answer_of("no answer: 404 \n").status, 0);
    CHECK_EQ(answer_of("answer: x404 \n").status, 0);
}

TEST(answer_is_found_at_the_end_of_much_and_of_bits)
{
    struct gord_webhook_line line = {0};
    struct gord_webhook_answer answer;
    char much[1000];
    const char last[] = "\nanswer: 503 30\n";
    memset(much, 'x', sizeof(much));
    gord_webhook_heard(&line, "answer: 404 \n", 13);
    gord_webhook_heard(&line, much, sizeof(much));
    for (size_t i = 0; i < strlen(last); i++) {
        gord_webhook_heard(&line, last + i, 1);
    }
    CHECK_EQ(line.length, strlen(last) - 1);
    gord_webhook_answer_of(&line, 0, &answer);
    CHECK_EQ(answer.status, 503);
    CHECK_EQ(answer.wait_ns, 30 * SECOND_NS);
    gord_webhook_heard(&line, much, 100);
    gord_webhook_heard(&line, "\n", 1);
    gord_webhook_answer_of(&line, 0, &answer);
    CHECK_EQ(answer.status, 0);
}

/* Whoever answers chooses how long his Retry-After is. */
TEST(answer_is_found_in_a_line_that_is_too_long)
{
    char said[1000];
    for (size_t blanks = GORD_WEBHOOK_LINE - 20; blanks < GORD_WEBHOOK_LINE + 20; blanks++) {
        snprintf(said, sizeof(said), "curl: error\nanswer: 404 %*s\n", (int)blanks, "x");
        CHECK_EQ(answer_of(said).status, 404);
        snprintf(said, sizeof(said), "answer: 404 %*s\nanswer: 503 30\n", (int)blanks, "x");
        CHECK_EQ(answer_of(said).status, 503);
        snprintf(said, sizeof(said), "answer: 404 %*s", (int)blanks, "x"); /* cut off */
        CHECK_EQ(answer_of(said).status, 0);
    }
    snprintf(said, sizeof(said), "answer: 503 30%*s\n", 600, "");
    CHECK_EQ(answer_of(said).wait_ns, 30 * SECOND_NS);
}

TEST(answer_says_how_long_to_wait)
{
    const int64_t year = 366 * 86400 * SECOND_NS;
    CHECK_EQ(answer_of("answer: 429 7\n").wait_ns, 7 * SECOND_NS);
    CHECK_EQ(answer_of("answer: 503 7 \r\n").wait_ns, 7 * SECOND_NS);
    CHECK_EQ(answer_of("answer: 500 7\n").wait_ns, 0);
    CHECK_EQ(answer_of("answer: 503 \n").wait_ns, 0);
    CHECK_EQ(answer_of("answer: 503 -7\n").wait_ns, 0);
    CHECK_EQ(answer_of("answer: 503 7.5\n").wait_ns, 0);
    CHECK_EQ(answer_of("answer: 503 soon\n").wait_ns, 0);
    CHECK_EQ(answer_of("answer: 503 99999999999999999999999\n").wait_ns, year);
    CHECK_EQ(answer_of("answer: 503 Sun, 06 Nov 1994 08:50:37 GMT\n").wait_ns, 60 * SECOND_NS);
    CHECK_EQ(answer_of("answer: 503 Sun, 06 Nov 1994 08:48:37 GMT\n").wait_ns, 0);
    CHECK_EQ(answer_of("answer: 503 Fri, 06 Nov 2665 08:48:37 GMT\n").wait_ns, year);
    CHECK_EQ(answer_of("answer: 503 Sunday\n").wait_ns, 0);
}

TEST(answers_that_no_other_try_would_change)
{
    static const int later[] = {0, 100, 200, 302, 399, 408, 425, 429, 500, 503, 599, 600};
    static const int never[] = {400, 401, 403, 404, 405, 409, 410, 413, 422, 426, 431, 499};
    char out[64];
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        CHECK(!gord_webhook_is_refused(&(struct gord_webhook_answer){.status = later[i]}));
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        CHECK(gord_webhook_is_refused(&(struct gord_webhook_answer){.status = never[i]}));
    }
    struct gord_webhook_answer answer = {.status = 404};
    CHECK_STR(gord_webhook_answer_text(&answer, out, sizeof(out)),
              "answered 404, which another try would not change");
    answer = (struct gord_webhook_answer){503, 30 * SECOND_NS};
    CHECK_STR(gord_webhook_answer_text(&answer, out, sizeof(out)),
              "answered 503, Retry-After: 30 s");
    answer = (struct gord_webhook_answer){.status = 500};
    CHECK_STR(gord_webhook_answer_text(&answer, out, sizeof(out)), "answered 500");
    answer = (struct gord_webhook_answer){.status = 302};
    CHECK_STR(gord_webhook_answer_text(&answer, out, sizeof(out)),
              "answered 302, and redirections are not followed");
    answer = (struct gord_webhook_answer){.status = 200};
    CHECK_STR(gord_webhook_answer_text(&answer, out, sizeof(out)), "");
}

TEST(only_hooks_with_a_url_are_webhooks)
{
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    CHECK(!gord_webhook_is(&spec));
    spec.hook_of = &of;
    CHECK(!gord_webhook_is(&spec));
    of.url = text("http://a");
    CHECK(gord_webhook_is(&spec));
}

static ProtobufCBinaryData bytes(const char *of)
{
    return (ProtobufCBinaryData){strlen(of), (uint8_t *)(uintptr_t)of};
}

static bool is(const ProtobufCBinaryData *data, const char *want)
{
    return data->len == strlen(want) && memcmp(data->data, want, data->len) == 0;
}

TEST(environment_is_the_way_out_and_no_more)
{
    Gor__V1__ExecSpec like = GOR__V1__EXEC_SPEC__INIT;
    ProtobufCBinaryData env[] = {bytes("A_TOKEN=x"),
                                 bytes("https_proxy=http://p"),
                                 bytes("LD_PRELOAD=x"),
                                 bytes("PATH=/evil"),
                                 bytes("NO_PROXY="),
                                 bytes("NO_PROXYX=1"),
                                 bytes("no")};
    ProtobufCBinaryData out[GORD_WEBHOOK_VARIABLES];
    char *path = NULL;
    setenv("PATH", "/mine", 1);
    setenv("all_proxy", "http://own", 1);
    unsetenv("http_proxy");
    like.env = env;
    like.n_env = sizeof(env) / sizeof(env[0]);
    CHECK_EQ(gord_webhook_env(&like, &path, out), 3);
    CHECK(is(&out[0], "PATH=/mine"));
    CHECK(is(&out[1], "https_proxy=http://p"));
    CHECK(is(&out[2], "NO_PROXY="));
    free(path);
    bool found = false;
    int count = gord_webhook_env(NULL, &path, out);
    for (int i = 0; i < count; i++) {
        found = found || is(&out[i], "all_proxy=http://own");
    }
    CHECK(found);
    free(path);
    for (size_t i = 0; i < like.n_env; i++) {
        env[i] = bytes("no_proxy=x"); /* as often as there is room for */
    }
    like.n_env = 7;
    CHECK_EQ(gord_webhook_env(&like, &path, out), 8);
    free(path);
    unsetenv("PATH");
    CHECK_EQ(gord_webhook_env(&like, &path, out), 8);
    CHECK(is(&out[0], "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    free(path);
}

TEST(a_machine_without_curl_is_told_so)
{
    char folder[] = "/tmp/gor-webhook-XXXXXX", file[64], both[128];
    CHECK(mkdtemp(folder) != NULL);
    setenv("PATH", folder, 1);
    CHECK(strstr(gord_webhook_problem(), "no curl") != NULL);
    snprintf(file, sizeof(file), "%s/curl", folder);
    FILE *out = fopen(file, "w");
    CHECK(out != NULL && fclose(out) == 0);
    CHECK(gord_webhook_problem() != NULL);
    CHECK_EQ(chmod(file, 0755), 0);
    CHECK(gord_webhook_problem() == NULL);
    snprintf(both, sizeof(both), ":/nonexistent:%s", folder);
    setenv("PATH", both, 1);
    CHECK(gord_webhook_problem() == NULL);
    unlink(file);
    rmdir(folder);
}
