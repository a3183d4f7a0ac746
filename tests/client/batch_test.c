/* SPDX-License-Identifier: MIT */
/* Many jobs from NDJSON. */
#include <errno.h>
#include <stdlib.h>

#include "client/after.h"
#include "client/batch.h"
#include "client/exits.h"
#include "tests/test.h"

static Gor__V1__JobSpec *read_line(const char *line)
{
    char why[GORCTL_BATCH_WHY] = "";
    Gor__V1__JobSpec *spec = NULL;
    if (gorctl_batch_line(line, strlen(line), why, &spec) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", line, why);
    }
    return spec;
}

TEST(batch_line_reads_a_program)
{
    Gor__V1__JobSpec *spec = read_line(
        "{\"argv\": [\"a\", {\"base64\": \"/w==\"}, \"\"], \"name\": \"n\", \"timeout\": \"1m\","
        " \"grace\": \"2s\", \"parent\": 7, \"labels\": {\"k\": \"v\"}, \"cwd\": \"/x\","
        " \"umask\": \"0027\","
        " \"env\": {\"A\": \"1\", \"B\": {\"base64\": \"/w==\"}}, \"clear_env\": true}");
    CHECK_EQ(spec->exec->n_argv, 3);
    CHECK_EQ(spec->exec->argv[1].len, 1);
    CHECK_EQ(spec->exec->argv[1].data[0], 0xff);
    CHECK_EQ(spec->exec->argv[2].len, 0);
    CHECK_STR(spec->name, "n");
    CHECK_EQ(spec->timeout_ns, 60 * (int64_t)1000000000);
    CHECK_EQ(spec->grace_ns, 2 * (int64_t)1000000000);
    CHECK_EQ(spec->parent_id, 7);
    CHECK_EQ(spec->n_labels, 1);
    CHECK_EQ(spec->exec->n_env, 2);
    CHECK(memcmp(spec->exec->env[1].data, "B=\xff", 3) == 0);
    CHECK(memcmp(spec->exec->cwd.data, "/x", 2) == 0);
    CHECK_EQ(spec->exec->umask_plus_1, 027 + 1);
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

TEST(batch_line_takes_the_caller_s_environment)
{
    setenv("GOR_TEST_E", "1", 1);
    Gor__V1__JobSpec *spec = read_line("{\"shell\": \"true\"}");
    CHECK_EQ(spec->exec->n_argv, 3);
    bool found = false;
    for (size_t i = 0; i < spec->exec->n_env; i++) {
        found = found || (spec->exec->env[i].len == 12 &&
                          memcmp(spec->exec->env[i].data, "GOR_TEST_E=1", 12) == 0);
    }
    CHECK(found);
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

TEST(batch_line_reads_a_script)
{
    Gor__V1__JobSpec *spec =
        read_line("{\"args\": [\"1\"], \"lua\": \"return 1\", \"max_steps\": 5,"
                  " \"max_memory\": \"64M\"}");
    CHECK_EQ(spec->kind_case, GOR__V1__JOB_SPEC__KIND_LUA);
    CHECK_EQ(spec->lua->script.len, 8);
    CHECK_EQ(spec->lua->n_args, 1);
    CHECK_EQ(spec->lua->max_steps, 5);
    CHECK_EQ(spec->lua->max_memory_bytes, 64 << 20);
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

TEST(batch_line_reads_a_native_job)
{
    Gor__V1__JobSpec *spec = read_line("{\"args\": [\"1\", \"2\"], \"native\": \"builtin.echo\"}");
    CHECK_EQ(spec->kind_case, GOR__V1__JOB_SPEC__KIND_NATIVE);
    CHECK_STR(spec->native->function, "builtin.echo");
    CHECK_EQ(spec->native->n_args, 2);
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

TEST(batch_line_has_its_tasks_run_after_others)
{
    /* In either order. */
    static const char *const lines[] = {
        "{\"argv\": [\"a\"], \"array\": \"0-9\", \"after\": \"corr:@2?ok:7,corr:8\"}",
        "{\"argv\": [\"a\"], \"after\": \"corr:@2?ok:7,corr:8\", \"array\": \"0-9\"}"};
    for (int i = 0; i < 2; i++) {
        Gor__V1__JobSpec *spec = read_line(lines[i]);
        CHECK_EQ(spec->n_after, 2);
        CHECK_EQ(spec->after[0]->n_of, 2);
        CHECK_EQ(spec->after[0]->of[0]->condition, GOR__V1__DEPENDENCY__CONDITION__CORR);
        CHECK_EQ(spec->after[0]->of[0]->line, 2);
        CHECK_EQ(spec->after[0]->of[1]->condition, GOR__V1__DEPENDENCY__CONDITION__OK);
        CHECK_EQ(spec->after[1]->of[0]->id, 8);
        char *text = gorctl_after_text(spec);
        CHECK_STR(text, "corr:0?ok:7,corr:8");
        free(text);
        gor__v1__job_spec__free_unpacked(spec, NULL);
    }
}

TEST(batch_line_takes_both_hooks)
{
    static const char line[] = "{\"native\": \"builtin.echo\", \"on_finish\": [\"a\", \"b c\"], "
                               "\"on_finish_url\": \"http://h/\"}";
    char why[GORCTL_BATCH_WHY];
    Gor__V1__JobSpec *spec = NULL;
    CHECK_EQ(gorctl_batch_line(line, strlen(line), why, &spec), 0);
    CHECK_EQ(spec->n_on_finish, 2);
    CHECK_STR(spec->on_finish_url, "http://h/");
    gor__v1__job_spec__free_unpacked(spec, NULL);
}

TEST(batch_line_refuses_with_a_reason)
{
    static const struct {
        const char *line, *why;
    } cases[] = {
        {"nonsense", "not JSON"},
        {"{\"argv\": [\"a\"]", "not JSON"},
        {"[1]", "not a JSON object"},
        {"7", "not a JSON object"},
        {"{}", "one of \"argv\", \"shell\", \"native\", \"lua\" and \"lua_file\""},
        {"{\"lua\": \"\", \"native\": \"x\"}", "one of"},
        {"{\"lua\": 7}", "\"lua\" must be a string"},
        {"{\"lua\": \"\", \"cwd\": \"/\"}", "does not go with a Lua job"},
        {"{\"lua\": \"\", \"args\": [1]}", "\"args\" must be a string"},
        {"{\"lua\": \"\", \"max_steps\": -1}", "\"max_steps\""},
        {"{\"lua\": \"\", \"max_memory\": 5}", "\"max_memory\" must be a size"},
        {"{\"lua\": \"\", \"max_memory\": \"5X\"}", "\"max_memory\" must be a size"},
        {"{\"lua_file\": \"-\"}", "\"lua_file\" must be a path"},
        {"{\"lua_file\": \"/nonexistent\"}", "\"lua_file\" cannot be taken"},
        {"{\"argv\": [\"a\"], \"max_steps\": 1}", "does not go with a program"},
        {"{\"argv\": [\"a\"], \"shell\": \"b\"}", "one of"},
        {"{\"argv\": []}", "\"argv\" must be a list"},
        {"{\"argv\": \"a b\"}", "\"argv\" must be a list"},
        {"{\"argv\": [7]}", "must be a string"},
        {"{\"argv\": [\"a\\u0000b\"]}", "NUL"},
        {"{\"argv\": [{\"base64\": \"AA==\"}]}", "NUL"},
        {"{\"argv\": [\"a\"], \"timeut\": \"5s\"}", "no member \"timeut\""},
        {"{\"argv\": [\"a\"], \"timeout\": \"5\"}", "\"timeout\" must be a duration"},
        {"{\"argv\": [\"a\"], \"timeout\": 5}", "\"timeout\" must be a duration"},
        {"{\"argv\": [\"a\"], \"parent\": -1}", "\"parent\""},
        {"{\"argv\": [\"a\"], \"parent\": \"1\"}", "\"parent\""},
        {"{\"argv\": [\"a\"], \"labels\": [1]}", "\"labels\""},
        {"{\"argv\": [\"a\"], \"labels\": {\"a\": 1}}", "\"labels\""},
        {"{\"argv\": [\"a\"], \"env\": [\"A=1\"]}", "\"env\" must be an object"},
        {"{\"argv\": [\"a\"], \"env\": {\"A=\": \"1\"}}", "\"env\" has a name"},
        {"{\"argv\": [\"a\"], \"clear_env\": 1}", "\"clear_env\" must be true or false"},
        {"{\"argv\": [\"a\"], \"hold\": 1}", "\"hold\" must be true or false"},
        {"{\"argv\": [\"a\"], \"limit_strict\": null}", "\"limit_strict\" must be true or false"},
        {"{\"argv\": [\"a\"], \"nice\": 20}", "\"nice\" must be a number from -20 to 19"},
        {"{\"argv\": [\"a\"], \"ionice\": \"idle:1\"}", "\"ionice\" is 'idle:1'"},
        {"{\"argv\": [\"a\"], \"new_privs\": 1}", "\"new_privs\" must be true or false"},
        {"{\"argv\": [\"a\"], \"timeout_skips_pauses\": \"\"}", "must be true or false"},
        {"{\"argv\": [\"a\"], \"args\": [\"a\"]}", "does not go with a program"},
        {"{\"native\": \"builtin.echo\", \"cwd\": \"/\"}", "does not go with a native"},
        {"{\"argv\": [\"a\"], \"umask\": \"08\"}", "must be octal"},
        {"{\"native\": 7}", "\"native\" must be a string"},
        {"{\"argv\": [\"a\"], \"argv\": [\"b\"]}", "not JSON"},
        {"{\"argv\": [\"a\"], \"on_finish\": \"a b\"}", "\"on_finish\" must be a list"},
        {"{\"argv\": [\"a\"], \"on_finish_url\": [\"a\"]}", "\"on_finish_url\" must be a string"},
        {"{\"argv\": [\"a\"], \"on_finish_url\": \"\"}", "\"on_finish_url\" is an empty text"},
        {"{\"argv\": [\"a\"], \"after\": \"core:7\"}", "\"after\" must name jobs"},
        {"{\"argv\": [\"a\"], \"after\": \"corr:7\"}", "\"after\": corr: is for the tasks"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char why[GORCTL_BATCH_WHY] = "";
        Gor__V1__JobSpec *spec = NULL;
        CHECK_EQ(gorctl_batch_line(cases[i].line, strlen(cases[i].line), why, &spec), -EINVAL);
        CHECK(spec == NULL);
        if (strstr(why, cases[i].why) == NULL) {
            test_fail(__FILE__, __LINE__, "%s: \"%s\" does not say \"%s\"", cases[i].line, why,
                      cases[i].why);
        }
    }
}

static int read_all(const char *text, Gor__V1__SubmitManyRequest **out_request)
{
    FILE *in = fmemopen((void *)text, strlen(text), "r");
    int code = gorctl_batch_read(in, "test", out_request);
    fclose(in);
    return code;
}

TEST(batch_read_skips_blank_lines_and_needs_no_last_newline)
{
    Gor__V1__SubmitManyRequest *request;
    CHECK_EQ(read_all("{\"shell\": \"a\"}\n\n  \r\n{\"shell\": \"b\"}", &request), GORCTL_EXIT_OK);
    CHECK_EQ(request->n_specs, 2);
    gor__v1__submit_many_request__free_unpacked(request, NULL);
}

TEST(batch_read_of_a_bad_line_or_of_nothing_submits_nothing)
{
    Gor__V1__SubmitManyRequest *request = NULL;
    CHECK_EQ(read_all("{\"shell\": \"a\"}\n{}\n", &request), GORCTL_EXIT_USAGE);
    CHECK_EQ(read_all("\n", &request), GORCTL_EXIT_USAGE);
    CHECK(request == NULL);
}
