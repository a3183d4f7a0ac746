/* SPDX-License-Identifier: MIT */
/* Which field a refusal is about, as its text tells. */
#include "daemon/service/violation.h"
#include "gor/v1/jobs.pb-c.h"
#include "tests/test.h"

/* The text, refusing such a request, is about that field, and says that of it. */
static void check_found(const ProtobufCMessageDescriptor *type, const char *text, const char *field,
                        const char *what)
{
    struct gord_violation found;
    if (!gord_violation_find(type, text, &found)) {
        test_fail(__FILE__, __LINE__, "'%s' is about no field", text);
    }
    CHECK_STR(found.field, field);
    CHECK_STR(found.what, what);
}

static void check_none(const ProtobufCMessageDescriptor *type, const char *text)
{
    struct gord_violation found;
    if (gord_violation_find(type, text, &found)) {
        test_fail(__FILE__, __LINE__, "'%s' is about '%s'", text, found.field);
    }
}

#define SUBMIT (&gor__v1__submit_request__descriptor)
#define MANY (&gor__v1__submit_many_request__descriptor)
#define LIST (&gor__v1__list_request__descriptor)

TEST(path_is_what_the_text_begins_with)
{
    check_found(SUBMIT, "spec is missing", "spec", "is missing");
    check_found(SUBMIT, "spec.name has 300 bytes", "spec.name", "has 300 bytes");
    check_found(SUBMIT, "spec.exec.env[3] holds a NUL byte", "spec.exec.env[3]",
                "holds a NUL byte");
    check_found(SUBMIT, "spec.exec.stop_signals[0].signal is 99; 1 to 64",
                "spec.exec.stop_signals[0].signal", "is 99; 1 to 64");
    check_found(SUBMIT, "spec.after: each names a job", "spec.after", "each names a job");
    check_found(SUBMIT, "spec.exec.argv[0], the program, is an empty text", "spec.exec.argv[0]",
                "spec.exec.argv[0], the program, is an empty text");
    check_found(SUBMIT, "spec.delay_ns and spec.not_before_ns exclude each other", "spec.delay_ns",
                "spec.delay_ns and spec.not_before_ns exclude each other");
    check_found(SUBMIT, "spec.name andante is odd", "spec.name", "andante is odd");
    check_found(LIST, "limit is 5000; it is at most 1000", "limit", "is 5000; it is at most 1000");
    check_found(LIST, "limit", "limit", "limit");
}

TEST(path_ends_where_the_request_does)
{
    check_found(SUBMIT, "spec.kind is not set", "spec", "kind is not set"); /* a oneof */
    check_found(SUBMIT, "spec.name.first is odd", "spec.name", "first is odd");
    check_found(SUBMIT, "spec.labels[0] is odd", "spec.labels[0]", "is odd");
    check_found(SUBMIT, "spec.exec.env: more", "spec.exec.env", "more");
}

TEST(path_goes_on_in_one_of_many)
{
    check_found(MANY, "specs has 0 entries; it takes 1", "specs", "has 0 entries; it takes 1");
    check_found(MANY, "specs[2]: spec.exec.env[3] holds a NUL byte", "specs[2].exec.env[3]",
                "holds a NUL byte");
    check_found(MANY, "specs[2]: spec.kind is not set", "specs[2]", "spec.kind is not set");
    check_found(MANY, "specs[2]: out of luck", "specs[2]", "out of luck");
}

TEST(text_about_no_field_is_none)
{
    check_none(SUBMIT, "");
    check_none(SUBMIT, "there is no curl");
    check_none(SUBMIT, "'spec' is odd");
    check_none(SUBMIT, "specs[0] is odd");
    check_none(SUBMIT, "special offers");
    check_none(SUBMIT, "spec-fault");
    check_none(SUBMIT, "spec[0] is none of many");
    check_none(SUBMIT, ".spec");
    check_none(LIST, "spec.name is odd");
    check_none(SUBMIT,
               "a_name_that_is_longer_than_any_field_of_any_message_of_any_contract_is is odd");
}

TEST(path_that_is_too_long_is_cut_between_names)
{
    char text[400] = "specs[0]";
    struct gord_violation found;
    char digits[200];
    memset(digits, '1', sizeof(digits));
    digits[199] = '\0';
    snprintf(text, sizeof(text), "specs[0].exec.env[%s] is odd", digits);
    CHECK(!gord_violation_find(MANY, text, &found) || strlen(found.field) < GORD_VIOLATION_FIELD);
    snprintf(text, sizeof(text), "specs[%s] is odd", digits);
    check_none(MANY, text);
}
