/* SPDX-License-Identifier: MIT */
/* A job from a command line: bytes stay bytes, surroundings go along. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/exits.h"
#include "client/policies.h"
#include "client/spec.h"
#include "tests/test.h"

static void check_bytes(const ProtobufCBinaryData *bytes, const char *expected)
{
    CHECK_EQ(bytes->len, strlen(expected));
    CHECK(memcmp(bytes->data, expected, bytes->len) == 0);
}

/* How often `assignment` is in the environment. */
static unsigned count_env(const Gor__V1__ExecSpec *exec, const char *assignment)
{
    unsigned count = 0;
    for (size_t i = 0; i < exec->n_env; i++) {
        count += exec->env[i].len == strlen(assignment) &&
                 memcmp(exec->env[i].data, assignment, exec->env[i].len) == 0;
    }
    return count;
}

/* Parse as `gorctl run` does. */
static void parse(struct gorctl_spec *spec, int argc, char **argv)
{
    CHECK_EQ(argp_parse(&gorctl_spec_argp, argc, argv, ARGP_IN_ORDER, NULL, spec), 0);
}

#define PARSE(spec, ...)                                                             \
    do {                                                                             \
        static const char *words_[] = {"test", __VA_ARGS__, NULL};                   \
        parse(spec, (int)(sizeof(words_) / sizeof(words_[0])) - 1, (char **)words_); \
    } while (0)

TEST(spec_takes_words_byte_for_byte)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "--name", "x", "printf", "%s", "a b", "", "$HOME", "\xff\n", "--", "--name");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    static const char *const expected[] = {"printf", "%s",     "a b", "",
                                           "$HOME",  "\xff\n", "--",  "--name"};
    CHECK_EQ(message->exec->n_argv, 8);
    for (size_t i = 0; i < 8; i++) {
        check_bytes(&message->exec->argv[i], expected[i]);
    }
    CHECK_STR(message->name, "x");
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

TEST(spec_has_tasks_wait_for_others_of_an_array_only)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "--after", "corr:7", "--array", "0-9", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->after[0]->of[0]->condition, GOR__V1__DEPENDENCY__CONDITION__CORR);
    CHECK_EQ(message->after[0]->of[0]->id, 7);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
    struct gorctl_spec alone = {0};
    PARSE(&alone, "--after", "ok:6", "--after", "any:6?corr:7", "true");
    CHECK_EQ(gorctl_spec_build(&alone, &message), GORCTL_EXIT_USAGE);
    gorctl_spec_fini(&alone);
}

TEST(spec_takes_a_url_to_tell_and_a_program_to_run)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "--on-finish", "tell", "--on-finish-url", "http://a", "--on-finish", "me",
          "--on-finish-url", "https://b/c?d", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->n_on_finish, 2);
    CHECK_STR(message->on_finish_url, "https://b/c?d"); /* the last one given */
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
    struct gorctl_spec empty = {0};
    PARSE(&empty, "--on-finish-url", "", "true");
    CHECK_EQ(gorctl_spec_build(&empty, &message), GORCTL_EXIT_USAGE);
    gorctl_spec_fini(&empty);
    struct gorctl_spec bytes = {0};
    PARSE(&bytes, "--on-finish-url", "http://\xff", "true");
    CHECK_EQ(gorctl_spec_build(&bytes, &message), GORCTL_EXIT_USAGE);
    gorctl_spec_fini(&bytes);
}

TEST(spec_takes_everything_after_the_dashes)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "--timeout", "1m30s", "--", "--strange", "-n");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->n_argv, 2);
    check_bytes(&message->exec->argv[0], "--strange");
    CHECK_EQ(message->timeout_ns, 90 * (int64_t)1000000000);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

TEST(spec_says_when_it_gets_its_turn)
{
    static const struct {
        const char *text;
        Gor__V1__IoClass io_class;
        uint32_t level;
    } right[] = {{"idle", GOR__V1__IO_CLASS__IO_CLASS_IDLE, 0},
                 {"best-effort", GOR__V1__IO_CLASS__IO_CLASS_BEST_EFFORT, 4},
                 {"realtime:0", GOR__V1__IO_CLASS__IO_CLASS_REALTIME, 0}};
    static const char *const wrong[] = {"",
                                        "default",
                                        "idle:",
                                        "idle:1",
                                        "best-effort:8",
                                        "best-effort:",
                                        "realtime:00",
                                        "a-class-with-a-long-name"};
    static const char *const no_nice[] = {"", "-", "x", "20", "-21", "1x", "+1", "111"};
    Gor__V1__IoClass io_class;
    uint32_t level;
    int32_t nice = 0;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        CHECK(gorctl_ionice_parse(right[i].text, &io_class, &level));
        CHECK_EQ(io_class, right[i].io_class);
        CHECK_EQ(level, right[i].level);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(!gorctl_ionice_parse(wrong[i], &io_class, &level));
    }
    for (size_t i = 0; i < sizeof(no_nice) / sizeof(no_nice[0]); i++) {
        CHECK(!gorctl_nice_parse(no_nice[i], &nice));
    }
    CHECK(gorctl_nice_parse("-20", &nice));
    CHECK_EQ(nice, -20);
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "--nice", "5", "--ionice", "best-effort:6", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->nice, 5);
    CHECK_EQ(message->exec->io_level, 6);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

TEST(spec_says_whether_it_may_gain_rights)
{
    struct gorctl_spec forbids = {0}, allows = {0}, inside = {0};
    Gor__V1__JobSpec *message;
    PARSE(&forbids, "--no-new-privs", "true");
    CHECK_EQ(gorctl_spec_build(&forbids, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->new_privs, GOR__V1__NEW_PRIVS__NEW_PRIVS_FORBID);
    gor__v1__job_spec__free_unpacked(message, NULL);
    PARSE(&allows, "--no-new-privs", "--new-privs", "true"); /* the last counts */
    CHECK_EQ(gorctl_spec_build(&allows, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->new_privs, GOR__V1__NEW_PRIVS__NEW_PRIVS_ALLOW);
    gor__v1__job_spec__free_unpacked(message, NULL);
    PARSE(&inside, "--no-new-privs", "--native", "builtin.echo");
    CHECK_EQ(gorctl_spec_build(&inside, &message), GORCTL_EXIT_USAGE);
    gorctl_spec_fini(&forbids);
    gorctl_spec_fini(&allows);
    gorctl_spec_fini(&inside);
}

TEST(spec_takes_the_caller_s_surroundings)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    setenv("GOR_TEST_X", "\xfe 1", 1);
    setenv("GOR_TOKEN", "secret", 1);
    mode_t before = umask(027);
    PARSE(&spec, "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(umask(before), 027);
    CHECK_EQ(message->exec->umask_plus_1, 027 + 1);
    CHECK_EQ(count_env(message->exec, "GOR_TEST_X=\xfe 1"), 1);
    CHECK_EQ(count_env(message->exec, "GOR_TOKEN=secret"), 0);
    char *here = getcwd(NULL, 0);
    check_bytes(&message->exec->cwd, here);
    free(here);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

TEST(spec_env_is_filtered_by_name_before_it_is_set)
{
    struct gorctl_spec spec = {0}, only = {0};
    Gor__V1__JobSpec *message;
    setenv("GOR_FILTER_A", "1", 1);
    setenv("GOR_FILTER_TOKEN", "1", 1);
    PARSE(&spec, "--env-without", "NO_SUCH,GOR_FILTER_*", "-e", "GOR_FILTER_B=2", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(count_env(message->exec, "GOR_FILTER_A=1"), 0);
    CHECK_EQ(count_env(message->exec, "GOR_FILTER_B=2"), 1);
    CHECK(message->exec->n_env > 1);
    gor__v1__job_spec__free_unpacked(message, NULL);
    PARSE(&only, "--env-only", "GOR_FILTER_?,GOR_FILTER_T*", "--env-without", "*TOKEN", "true");
    CHECK_EQ(gorctl_spec_build(&only, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->n_env, 1);
    CHECK_EQ(count_env(message->exec, "GOR_FILTER_A=1"), 1);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
    gorctl_spec_fini(&only);
}

TEST(spec_env_sets_replaces_and_takes_over)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    setenv("GOR_TEST_A", "mine", 1);
    setenv("GOR_TEST_AB", "other", 1);
    PARSE(&spec, "-e", "GOR_TEST_A=new", "--env", "GOR_TEST_B=", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(count_env(message->exec, "GOR_TEST_A=new"), 1);
    CHECK_EQ(count_env(message->exec, "GOR_TEST_A=mine"), 0);
    CHECK_EQ(count_env(message->exec, "GOR_TEST_AB=other"), 1);
    CHECK_EQ(count_env(message->exec, "GOR_TEST_B="), 1);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);

    struct gorctl_spec bare = {0};
    PARSE(&bare, "--clear-env", "-e", "GOR_TEST_A", "-e", "GOR_TEST_UNSET", "-e", "C=3", "true");
    CHECK_EQ(gorctl_spec_build(&bare, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->n_env, 2);
    CHECK_EQ(count_env(message->exec, "GOR_TEST_A=mine"), 1);
    CHECK_EQ(count_env(message->exec, "C=3"), 1);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&bare);
}

TEST(spec_cwd_is_made_absolute)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    CHECK_EQ(chdir("/tmp"), 0);
    PARSE(&spec, "-C", "here", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    check_bytes(&message->exec->cwd, "/tmp/here");
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

TEST(spec_umask_takes_the_place_of_the_caller_s)
{
    static const char *const wrong[] = {
        "", "8", "1000", "-1", "0x7", "22 ", "77777777777777777777777"};
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    uint32_t plus_1;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(!gorctl_umask_parse(wrong[i], &plus_1));
    }
    mode_t before = umask(022);
    PARSE(&spec, "--umask", "0", "true");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->exec->umask_plus_1, 1);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
    (void)umask(before);
    struct gorctl_spec inside = {0};
    PARSE(&inside, "--native", "builtin.echo", "--umask", "077");
    CHECK_EQ(gorctl_spec_build(&inside, &message), GORCTL_EXIT_USAGE);
    gorctl_spec_fini(&inside);
}

TEST(spec_shell_gives_words_as_parameters)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "--shell", "echo $1", "word");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    static const char *const expected[] = {"sh", "-c", "echo $1", "sh", "word"};
    CHECK_EQ(message->exec->n_argv, 5);
    for (size_t i = 0; i < 5; i++) {
        check_bytes(&message->exec->argv[i], expected[i]);
    }
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

TEST(spec_native_takes_text_arguments_and_labels)
{
    struct gorctl_spec spec = {0};
    Gor__V1__JobSpec *message;
    PARSE(&spec, "-l", "a=1", "-l", "b=x=y", "--parent", "12", "--native", "builtin.echo", "a",
          "b c");
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_OK);
    CHECK_EQ(message->kind_case, GOR__V1__JOB_SPEC__KIND_NATIVE);
    CHECK_STR(message->native->function, "builtin.echo");
    CHECK_EQ(message->native->n_args, 2);
    CHECK_STR(message->native->args[1], "b c");
    CHECK_EQ(message->n_labels, 2);
    CHECK_STR(message->labels[1]->key, "b");
    CHECK_STR(message->labels[1]->value, "x=y");
    CHECK_EQ(message->parent_id, 12);
    gor__v1__job_spec__free_unpacked(message, NULL);
    gorctl_spec_fini(&spec);
}

static void check_refused(struct gorctl_spec spec)
{
    Gor__V1__JobSpec *message = NULL;
    CHECK_EQ(gorctl_spec_build(&spec, &message), GORCTL_EXIT_USAGE);
    CHECK(message == NULL);
}

TEST(spec_refuses_what_makes_no_sense)
{
    char *words[] = {(char *)"\xff", NULL};
    const char *no_equals[] = {"novalue"};
    const char *no_name[] = {"=x"};
    check_refused((struct gorctl_spec){0});
    check_refused((struct gorctl_spec){.shell = "x", .function = "builtin.echo"});
    check_refused((struct gorctl_spec){.shell = "x", .name = "\xff"});
    check_refused((struct gorctl_spec){.shell = "x", .labels = no_equals, .label_count = 1});
    check_refused((struct gorctl_spec){.shell = "x", .labels = no_name, .label_count = 1});
    check_refused((struct gorctl_spec){.shell = "x", .env = no_name, .env_count = 1});
    check_refused((struct gorctl_spec){.function = "\xff"});
    check_refused(
        (struct gorctl_spec){.function = "builtin.echo", .words = words, .word_count = 1});
    check_refused((struct gorctl_spec){.function = "builtin.echo", .clear_env = true});
    check_refused((struct gorctl_spec){.function = "builtin.echo", .directory = "/"});
}
