/* SPDX-License-Identifier: MIT */
/* Which variables are taken for secrets, and what is shown in their place. */
#include <stdlib.h>

#include "daemon/service/redact.h"
#include "tests/test.h"

TEST(names_tell_secrets)
{
    static const char *const secrets[] = {"GITHUB_TOKEN",
                                          "token",
                                          "AWS_SECRET_ACCESS_KEY",
                                          "AWS_ACCESS_KEY_ID",
                                          "PGPASSWORD",
                                          "MYSQL_PWD",
                                          "db_passwd",
                                          "GPG_PASSPHRASE",
                                          "OPENAI_API_KEY",
                                          "APIKEY",
                                          "DEPLOY_PRIVATE_KEY",
                                          "GOOGLE_CREDENTIALS",
                                          "SESSION_COOKIE",
                                          "DATABASE_URL",
                                          "SENTRY_DSN",
                                          "AZURE_PAT",
                                          "CLIENT_SECRET_PROD",
                                          "SIGNING_KEY"};
    static const char *const open_names[] = {"PATH",   "HOME", "SSH_AUTH_SOCK", "PWD",
                                             "OLDPWD", "TERM", "KEYBOARD",      "TOKENIZER",
                                             "MONKEY", ""};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        CHECK(gord_is_secret(secrets[i], strlen(secrets[i]), NULL));
    }
    for (size_t i = 0; i < sizeof(open_names) / sizeof(open_names[0]); i++) {
        CHECK(!gord_is_secret(open_names[i], strlen(open_names[i]), NULL));
    }
}

TEST(more_patterns_can_be_given)
{
    CHECK(!gord_is_secret("ACME_ID", 7, NULL));
    CHECK(gord_is_secret("ACME_ID", 7, "*_PIN,ACME_*"));
    CHECK(gord_is_secret("card_pin", 8, "*_PIN,ACME_*"));
    CHECK(!gord_is_secret("PINS", 4, "*_PIN,ACME_*"));
    CHECK(!gord_is_secret("ANY", 3, ",,"));
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)strdup(text)};
}

TEST(values_of_secrets_are_hidden_and_nothing_else)
{
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    ProtobufCBinaryData env[] = {bytes_of("A=1"), bytes_of("B_TOKEN=abc=d"), bytes_of("C_TOKEN="),
                                 bytes_of("ACME=x"), bytes_of("TOKEN")};
    static const char *const expected[] = {"A=1", "B_TOKEN=(hidden)", "C_TOKEN=", "ACME=(hidden)",
                                           "TOKEN"};
    exec.env = env;
    exec.n_env = sizeof(env) / sizeof(env[0]);
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    CHECK_EQ(gord_redact(&spec, "ACME"), 2);
    for (size_t i = 0; i < exec.n_env; i++) {
        CHECK_EQ(env[i].len, strlen(expected[i]));
        CHECK(memcmp(env[i].data, expected[i], env[i].len) == 0);
        free(env[i].data);
    }
}

TEST(of_urls_a_part_is_hidden_whatever_the_job_runs)
{
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__HookOf of = GOR__V1__HOOK_OF__INIT;
    const char *name;
    size_t length;
    CHECK_EQ(gord_redact(&spec, NULL), 0);
    CHECK(!gord_is_redacted(&spec, &name, &length));
    spec.on_finish_url = strdup("https://chat.example/hooks/secret");
    CHECK(!gord_is_redacted(&spec, &name, &length));
    CHECK_EQ(gord_redact(&spec, NULL), 1);
    CHECK_STR(spec.on_finish_url, "https://chat.example/(hidden)");
    CHECK(gord_is_redacted(&spec, &name, &length));
    CHECK_STR(name, "on_finish_url");
    CHECK_EQ(length, strlen(name));
    CHECK_EQ(gord_redact_urls(&spec), 0); /* once is enough */
    CHECK_STR(spec.on_finish_url, "https://chat.example/(hidden)");
    free(spec.on_finish_url);
    spec.on_finish_url = (char *)(uintptr_t)protobuf_c_empty_string;
    spec.hook_of = &of;
    of.url = strdup("http://me:pw@h/");
    CHECK_EQ(gord_redact(&spec, NULL), 1);
    CHECK_STR(of.url, "http://(hidden)@h/");
    CHECK(gord_is_redacted(&spec, &name, &length));
    CHECK_STR(name, "hook_of.url");
    free(of.url);
}
