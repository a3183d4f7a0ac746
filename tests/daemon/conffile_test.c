/* SPDX-License-Identifier: MIT */
/* The configuration file: its form, its place between defaults and command line, what it is refused for. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/conffile.h"
#include "daemon/base/config.h"
#include "tests/test.h"

static char told[16384]; /* faults, a line each; or keys, as "line key=value;" */

static void tell(void *arg, const char *text)
{
    (void)arg;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s\n", text);
}

static void note(void *arg, const char *key, const char *value, unsigned line)
{
    (void)arg;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%u %s=%s;", line, key, value);
}

/* What becomes of the text: keys and faults. */
static const char *parse(const char *text, size_t bytes)
{
    struct gord_faults faults = {.tell = tell};
    told[0] = '\0';
    gord_conffile_parse(text, bytes, "f", &faults, note, NULL);
    return told;
}

#define PARSE(text) parse(text, sizeof(text) - 1)

TEST(lines_are_keys_values_and_comments)
{
    CHECK_STR(PARSE(""), "");
    CHECK_STR(PARSE("\n\n  # only\n#\n"), "");
    CHECK_STR(PARSE("a=1\n b-c =  x y \t\r\n\nd = # none"), "1 a=1;2 b-c=x y;4 d=;");
    CHECK_STR(PARSE("a = 1 # one\nb = x#y\nc = p=q"), "1 a=1;2 b=x#y;3 c=p=q;");
}

TEST(other_lines_are_refused_with_their_number)
{
    CHECK_STR(PARSE("\nword\n"), "f:2: 'word' is no line of the form key = value\n");
    CHECK_STR(PARSE("[section]"),
              "f:1: '[section]': there are no sections here; leave the line out\n");
    CHECK_STR(PARSE(" = 1"), "f:1: there is no key before the '='\n");
    CHECK_STR(PARSE("a\0b = 1\nc=2"), "f:1: there is a zero byte; this is no text file\n2 c=2;");
}

TEST(long_lines_are_read_up_to_the_limit)
{
    static char text[GORD_CONFFILE_LINE + 3];
    memset(text, 'x', sizeof text);
    memcpy(text, "a=", 2);
    CHECK(strncmp(parse(text, GORD_CONFFILE_LINE), "1 a=xxx", 7) == 0);
    CHECK(strstr(parse(text, GORD_CONFFILE_LINE + 1), "f:1: the line has 4097 bytes") != NULL);
    text[GORD_CONFFILE_LINE + 1] = '\n';
    CHECK(strstr(parse(text, GORD_CONFFILE_LINE + 2), "f:1: the line has 4097 bytes") != NULL);
}

/* ------------------------------------------------------------------ as configuration */

static const char *conf_path(void)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/gord.conf", test_tmpdir());
    return path;
}

static void write_conf(const char *text)
{
    FILE *file = fopen(conf_path(), "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    CHECK_EQ(chmod(conf_path(), 0644), 0);
}

/* "gord --config=<that file> [word]". */
static int configure(const char *word, struct gord_config *out)
{
    struct gord_faults faults = {.tell = tell};
    char option[300];
    snprintf(option, sizeof option, "--config=%s", conf_path());
    char *argv[] = {(char *)"gord", option, (char *)(uintptr_t)word, NULL};
    told[0] = '\0';
    return gord_config_parse(word != NULL ? 3 : 2, argv, &faults, out);
}

TEST(command_line_beats_file_beats_default)
{
    struct gord_config config;
    write_conf("exec-slots = 3\ngrace = 7s\nhide-env = ACME_*, *_PIN\npaused = yes\n");
    CHECK_EQ(configure("--grace=9s", &config), 0);
    CHECK_EQ(config.exec_slots, 3);
    CHECK_EQ(config.grace_ns, 9000000000);
    CHECK_EQ(config.native_slots, 10000);
    CHECK_STR(config.hide_env, "ACME_*, *_PIN");
    CHECK(config.paused);
    CHECK_STR(config.file, conf_path());
    CHECK_EQ(config.origin[GORD_OPT_EXEC_SLOTS].source, GORD_FROM_FILE);
    CHECK_EQ(config.origin[GORD_OPT_EXEC_SLOTS].line, 1);
    CHECK_EQ(config.origin[GORD_OPT_GRACE].source, GORD_FROM_COMMAND);
    CHECK_EQ(config.origin[GORD_OPT_NATIVE_SLOTS].source, GORD_FROM_DEFAULT);
    gord_config_fini(&config);
}

TEST(every_fault_is_told_with_its_place)
{
    static const struct {
        const char *text, *fault;
    } bad[] = {
        {"exec-slot = 3\n", ":1: 'exec-slot' is no key; is exec-slots meant?"},
        {"colour = red\n", ":1: 'colour' is no key; `gord --print-config=defaults` lists all"},
        {"exec-slots = 0\n", ":1: exec-slots is '0'; it must be a number from 1 to 1000000"},
        {"\ngrace = 5\n", ":2: grace is '5'; it must be a time such as"},
        {"grace =\n", ":1: grace is empty; it must be a time"},
        {"grace = 5s\n\ngrace = 6s\n", ":3: grace is given already in line 1"},
        {"state-dir = here\n", ":1: state-dir is 'here'; it must be an absolute path"},
        {"repair = yes\n", ":1: repair is for the command line only"},
        {"config = /x\n", ":1: config is for the command line only"},
        {"tls-ca = /x\n", ":1: tls-ca needs tls-cert and tls-key"},
        {"listen = 0.0.0.0:7070\n", ":1: listen is 0.0.0.0, which other machines reach"},
        {"at-ceiling = wait\n", ":1: at-ceiling is 'wait'; it must be queue or refuse"},
    };
    char all[4096] = "", expected[512];
    struct gord_config config;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_conf(bad[i].text);
        CHECK_EQ(configure(NULL, &config), -EINVAL);
        snprintf(expected, sizeof expected, "%s%s", conf_path(), bad[i].fault);
        if (strstr(told, expected) == NULL) {
            test_fail(__FILE__, __LINE__, "\"%s\" is answered by \"%s\"", bad[i].text, told);
        }
    }
    snprintf(all, sizeof all, "%s%s%s", bad[0].text, bad[2].text, "lua-slots = x\n");
    write_conf(all);
    CHECK_EQ(configure(NULL, &config), -EINVAL);
    CHECK(strstr(told, ":1: ") != NULL && strstr(told, ":2: ") != NULL &&
          strstr(told, ":3: ") != NULL);
}

TEST(file_that_cannot_be_trusted_or_read_is_refused)
{
    struct gord_config config;
    unlink(conf_path());
    CHECK_EQ(configure(NULL, &config), -EINVAL);
    CHECK(strstr(told, "there is no such file") != NULL);
    write_conf("grace = 1s\n");
    CHECK_EQ(chmod(conf_path(), 0666), 0);
    CHECK_EQ(configure(NULL, &config), -EINVAL);
    CHECK(strstr(told, "written by everybody") != NULL);
    unlink(conf_path());
    CHECK_EQ(mkfifo(conf_path(), 0600), 0);
    CHECK_EQ(configure(NULL, &config), -EINVAL);
    CHECK(strstr(told, "no regular file") != NULL);
    unlink(conf_path());
}

TEST(what_is_printed_is_a_file_that_says_the_same)
{
    struct gord_config config, again;
    write_conf("listen = [::1]:0\nkeep-age = 36h\nlog-cap = 1G\nstore = memory\nlog-level = debug\n"
               "max-goroutines = 50\ncgroup = off\nkeep-failed = 90m\n");
    CHECK_EQ(configure("--paused", &config), 0);
    FILE *file = fopen(conf_path(), "w");
    CHECK(file != NULL);
    gord_config_print(&config, file);
    fclose(file);
    CHECK_EQ(configure(NULL, &again), 0);
    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        const struct gord_option *option = gord_option_row((enum gord_option_id)id);
        char one[GORD_OPTION_TEXT], other[GORD_OPTION_TEXT];
        if ((option->flags & GORD_OPTION_COMMAND) == 0) {
            CHECK_STR(gord_option_show(option, &again, other),
                      gord_option_show(option, &config, one));
        }
    }
    CHECK_STR(again.listen_host, "::1");
    CHECK(again.paused && again.store_memory);
    gord_config_fini(&again);
    gord_config_fini(&config);
}

TEST(explained_defaults_are_the_defaults)
{
    struct gord_config config, plain;
    char line[512], key[128], value[256];
    FILE *all = tmpfile(), *file = fopen(conf_path(), "w");
    CHECK(all != NULL && file != NULL);
    gord_config_print_defaults(all);
    rewind(all);
    unsigned keys = 0;
    while (fgets(line, sizeof line, all) != NULL) {
        if (sscanf(line, "#%127[a-z-] = %255[^\n]", key, value) == 2) {
            fprintf(file, "%s = %s\n", key, value);
            keys++;
        }
    }
    fclose(all);
    fclose(file);
    CHECK_EQ(configure(NULL, &config), 0);
    write_conf("");
    CHECK_EQ(configure(NULL, &plain), 0);
    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        const struct gord_option *option = gord_option_row((enum gord_option_id)id);
        char one[GORD_OPTION_TEXT], other[GORD_OPTION_TEXT];
        if ((option->flags & GORD_OPTION_COMMAND) == 0) {
            CHECK_EQ(config.origin[id].source, GORD_FROM_FILE);
            CHECK_STR(gord_option_show(option, &config, one),
                      gord_option_show(option, &plain, other));
            keys--;
        }
    }
    CHECK_EQ(keys, 0);
    gord_config_fini(&plain);
    gord_config_fini(&config);
}

TEST(files_that_are_named_are_looked_for)
{
    struct gord_faults faults = {.tell = tell};
    struct gord_config config;
    write_conf(
        "finish-hook = /nonexistent/hook\nplugin-dir = /dev/null\ntls-cert = /tmp\ntls-key = /a\n");
    CHECK_EQ(configure(NULL, &config), 0);
    gord_config_check_files(&config, &faults);
    CHECK_EQ(faults.count, 4);
    CHECK(strstr(told, ":1: finish-hook is '/nonexistent/hook', which gord cannot run") != NULL);
    CHECK(strstr(told, ":2: plugin-dir is '/dev/null', which gord cannot read: it is no folder") !=
          NULL);
    CHECK(strstr(told, ":3: tls-cert is '/tmp', which gord cannot read: it is a folder") != NULL);
    gord_config_fini(&config);
}

TEST(reading_again_keeps_the_command_line)
{
    struct gord_faults faults = {.tell = tell};
    struct gord_config config, again;
    write_conf("exec-slots = 3\ngrace = 7s\n");
    CHECK_EQ(configure("--grace=9s", &config), 0);
    write_conf("exec-slots = 4\n");
    CHECK_EQ(gord_config_read_again(&config, &faults, &again), 0);
    CHECK_EQ(again.exec_slots, 4);
    CHECK_EQ(again.grace_ns, 9000000000);
    gord_config_fini(&again);
    write_conf("exec-slots = none\n");
    CHECK_EQ(gord_config_read_again(&config, &faults, &again), -EINVAL);
    CHECK_EQ(faults.count, 1);
    gord_config_fini(&config);
}
