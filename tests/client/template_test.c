/* SPDX-License-Identifier: MIT */
/* What --format prints of a message, and what it says of a template that is none. */
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/template.h"
#include "gor/v1/jobs.pb-c.h"
#include "tests/test.h"

static void check_bytes_of(const ProtobufCMessage *message, const char *text, const char *expected,
                           size_t expected_length)
{
    struct gorctl_template *template = NULL;
    char *why = gorctl_template_parse(text, message->descriptor, &template);
    CHECK(why == NULL);
    char *printed = NULL;
    size_t length = 0;
    FILE *out = gorctl_memory_stream(&printed, &length);
    gorctl_template_print(template, message, out);
    fclose(out);
    CHECK_STR(printed, expected);
    CHECK(length == expected_length && memcmp(printed, expected, length) == 0);
    free(printed);
    gorctl_template_free(template);
}

#define CHECK_PRINTS(message, text, expected) \
    check_bytes_of(&(message)->base, text, expected, sizeof(expected) - 1)

static void check_wrong(const char *text, const char *begin)
{
    struct gorctl_template *template = NULL;
    char *why = gorctl_template_parse(text, &gor__v1__job__descriptor, &template);
    CHECK(why != NULL && template == NULL);
    CHECK(strlen(why) >= strlen(begin));
    char *head = gorctl_copy(why, strlen(begin));
    CHECK_STR(head, begin);
    free(head);
    free(why);
}

TEST(template_prints_text_braces_and_escapes)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    CHECK_PRINTS(&job, "plain \xc3\xa9", "plain \xc3\xa9");
    CHECK_PRINTS(&job, "{{id}}", "{id}");
    CHECK_PRINTS(&job, "{{{id}}}", "{0}");
    CHECK_PRINTS(&job, "\\t|\\n|\\0|\\\\n", "\t|\n|\0|\\n");
    CHECK_PRINTS(&job, "%s%n", "%s%n");
}

TEST(template_prints_values_as_json_has_them)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__Progress progress = GOR__V1__PROGRESS__INIT;
    job.id = UINT64_MAX;
    job.exit_code = -3;
    job.state = GOR__V1__JOB_STATE__TERMINATED;
    job.has_result = true;
    job.spec = &spec;
    CHECK_PRINTS(&job, "{id} {exit_code} {state} {has_result} {has_result}",
                 "18446744073709551615 -3 TERMINATED true true");
    CHECK_PRINTS(&job, "<{outcome}|{reason}|{progress}|{progress.done}|{use.user_ns}>", "<||||>");
    CHECK_PRINTS(&job, "<{spec.exec.argv}|{attempts}>", "<|[]>");
    job.progress = &progress;
    progress.done = 7;
    CHECK_PRINTS(&job, "{progress.done}", "7");
    CHECK_PRINTS(&job, "{progress}", "{\"done\":7,\"total\":0,\"text\":\"\",\"at_ns\":0}");
}

TEST(template_prints_lists_and_maps_or_what_a_key_has)
{
    Gor__V1__JobSpec__LabelsEntry entry = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *entries[] = {&entry};
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    ProtobufCBinaryData argv[] = {{2, (uint8_t *)"ls"}, {1, (uint8_t *)"\xff"}};
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    entry.key = (char *)"team.of";
    entry.value = (char *)"blue";
    spec.labels = entries;
    spec.n_labels = 1;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    exec.argv = argv;
    exec.n_argv = 2;
    job.spec = &spec;
    CHECK_PRINTS(&job, "{spec.labels}", "{\"team.of\":\"blue\"}");
    CHECK_PRINTS(&job, "{spec.labels.team.of} <{spec.labels.team}>", "blue <>");
    CHECK_PRINTS(&job, "{spec.exec.argv}", "[\"ls\",{\"base64\":\"/w==\"}]");
}

TEST(template_escapes_control_characters_of_values_only)
{
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    job.detail = (char *)"a\tb\n\x1b[2J\xe2\x80\xae{id}\\n";
    CHECK_PRINTS(&job, "{detail}\t", "a\\tb\\n\\x1b[2J\\u202e{id}\\n\t");
}

TEST(template_says_what_is_wrong_and_where)
{
    check_wrong("", "it is empty;");
    check_wrong("{id} {", "at character 6: this { is not closed;");
    check_wrong("{id {id}", "at character 1: this { is not closed;");
    check_wrong("\xc3\xa9}", "at character 2: this } closes nothing;");
    check_wrong("{}", "at character 1: {} names no field;");
    check_wrong("ab\\x", "at character 3: after a backslash comes");
    check_wrong("ab\\", "at character 3: after a backslash comes");
    check_wrong("{nix}", "at character 2: there is no field 'nix'; there are id, spec, state, ");
    check_wrong("{i\x1b}", "at character 2: there is no field 'i\\x1b'; there are id, ");
    check_wrong("{ id}", "at character 2: there is no field ' id'; there are id, ");
    check_wrong("{name}",
                "at character 2: there is no field 'name', but {spec.name}; there are id");
    check_wrong("{spec.}", "at character 2: there is no field '' in spec; there are exec, ");
    check_wrong("{spec.exec.x}",
                "at character 2: there is no field 'x' in spec.exec; there are ar");
    check_wrong("{id.x}", "at character 2: id is a value, with no");
    check_wrong("{attempts.number}", "at character 2: attempts is a list, with no");
    check_wrong("{spec.labels.}", "at character 14: a key is missing");
}

TEST(template_knows_which_fields_it_needs)
{
    struct gorctl_template *template = NULL;
    char *why =
        gorctl_template_parse("result {use.user_ns}{{spec}}", &gor__v1__job__descriptor, &template);
    CHECK(why == NULL);
    CHECK(gorctl_template_has(template, "use"));
    CHECK(!gorctl_template_has(template, "user_ns"));
    CHECK(!gorctl_template_has(template, "result"));
    CHECK(!gorctl_template_has(template, "spec"));
    gorctl_template_free(template);
}

/* Takes every line of the help, which looks like "  {spec.name}", as a template. */
TEST(template_takes_every_field_that_help_lists)
{
    char *listed = NULL;
    size_t length = 0;
    unsigned count = 0;
    Gor__V1__Job job = GOR__V1__JOB__INIT;
    FILE *out = gorctl_memory_stream(&listed, &length);
    gorctl_template_help(&gor__v1__job__descriptor, out);
    fclose(out);
    for (char *line = strtok(listed, "\n"); line != NULL; line = strtok(NULL, "\n"), count++) {
        struct gorctl_template *template = NULL;
        char *why = gorctl_template_parse(line, &gor__v1__job__descriptor, &template);
        CHECK(why == NULL);
        FILE *nowhere = fopen("/dev/null", "w");
        CHECK(nowhere != NULL);
        gorctl_template_print(template, &job.base, nowhere);
        fclose(nowhere);
        gorctl_template_free(template);
    }
    CHECK(count > 100);
    free(listed);
}
