/* SPDX-License-Identifier: MIT */
/* Where the daemon is looked for, and the token for a remote one. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/address.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "tests/test.h"

static void check_found(const struct gorctl *ctl, const char *expected, bool expected_guess)
{
    bool guessed = !expected_guess;
    char *address = gorctl_address_find(ctl, &guessed);
    CHECK_STR(address, expected);
    CHECK_EQ(guessed, expected_guess);
    free(address);
}

TEST(address_named_wins_over_the_environment)
{
    struct gorctl ctl = {.host = "/named"};
    setenv("GOR_HOST", "/from/environment", 1);
    check_found(&ctl, "/named", false);
    ctl.host = NULL;
    check_found(&ctl, "/from/environment", false);
    setenv("GOR_HOST", "", 1);
    bool guessed = false;
    free(gorctl_address_find(&ctl, &guessed));
    CHECK(guessed);
    unsetenv("GOR_HOST");
}

TEST(places_end_with_the_machine_s_socket)
{
    struct gorctl_places places;
    gorctl_places_init(&places);
    CHECK(places.count >= 1);
    CHECK_STR(places.paths[places.count - 1], "/run/gord/gord.sock");
    gorctl_places_fini(&places);
    CHECK_EQ(places.count, 0);
}

TEST(places_of_an_ordinary_user_begin_with_their_own)
{
    struct gorctl ctl = {0};
    char path[128], run[96];
    if (geteuid() == 0) {
        (void)test_tmpdir();
        CHECK_EQ(chmod(test_tmpdir(), 0777), 0);
        CHECK_EQ(seteuid(65534), 0);
    }
    snprintf(run, sizeof(run), "%s/run", test_tmpdir());
    CHECK_EQ(mkdir(run, 0755), 0);
    setenv("XDG_RUNTIME_DIR", run, 1);
    setenv("XDG_STATE_HOME", test_tmpdir(), 1);
    /* Nothing is there: the likeliest is named. */
    snprintf(path, sizeof(path), "%s/gord.sock", run);
    if (access("/run/gord/gord.sock", F_OK) != 0) {
        check_found(&ctl, path, true);
    }
    /* One that is there is found behind one that is not. */
    char other[128];
    snprintf(other, sizeof(other), "%s/gord", test_tmpdir());
    CHECK_EQ(mkdir(other, 0755), 0);
    strcat(other, "/gord.sock");
    fclose(fopen(other, "w"));
    check_found(&ctl, other, true);
    if (getuid() == 0) {
        CHECK_EQ(seteuid(0), 0);
    }
}

TEST(unix_addresses_are_told_from_hosts)
{
    CHECK(gorctl_address_is_unix("/run/x"));
    CHECK(gorctl_address_is_unix("unix:x"));
    CHECK(gorctl_address_is_unix("./x"));
    CHECK(!gorctl_address_is_unix("localhost:1"));
    CHECK(!gorctl_address_is_unix("[::1]:1"));
}

static void check_token(const char *content, const char *expected)
{
    char path[128];
    char *token = NULL;
    snprintf(path, sizeof(path), "%s/token", test_tmpdir());
    FILE *file = fopen(path, "w");
    fputs(content, file);
    fclose(file);
    CHECK_EQ(chmod(path, 0640), 0);
    struct gorctl ctl = {.token_file = path};
    CHECK_EQ(gorctl_token_find(&ctl, "localhost:1", &token), GORCTL_EXIT_DENIED);
    CHECK_EQ(chmod(path, 0600), 0);
    int code = gorctl_token_find(&ctl, "localhost:1", &token);
    CHECK_EQ(code, expected != NULL ? GORCTL_EXIT_OK : GORCTL_EXIT_USAGE);
    if (expected != NULL) {
        CHECK_STR(token, expected);
    }
    free(token);
}

TEST(token_is_one_word_of_a_file)
{
    check_token("abc123", "abc123");
    check_token("  abc123\r\n", "abc123");
    check_token("", NULL);
    check_token(" \n", NULL);
    check_token("two words", NULL);
    check_token("two\nlines", NULL);
    check_token("b\xc3\xa9", NULL);
}

TEST(token_comes_from_the_environment_and_only_for_hosts)
{
    struct gorctl ctl = {0};
    char *token = NULL;
    setenv("GOR_TOKEN", "abc", 1);
    CHECK_EQ(gorctl_token_find(&ctl, "localhost:1", &token), GORCTL_EXIT_OK);
    CHECK_STR(token, "abc");
    free(token);
    CHECK_EQ(gorctl_token_find(&ctl, "/run/x", &token), GORCTL_EXIT_OK);
    CHECK(token == NULL);
    unsetenv("GOR_TOKEN");
    CHECK_EQ(gorctl_token_find(&ctl, "localhost:1", &token), GORCTL_EXIT_OK);
    CHECK(token == NULL);
    ctl.token_file = "/no/such/file";
    CHECK_EQ(gorctl_token_find(&ctl, "localhost:1", &token), GORCTL_EXIT_NOT_FOUND);
}
