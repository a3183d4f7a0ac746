/* SPDX-License-Identifier: MIT */
/* gord's command line, good and bad. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/base/config.h"
#include "tests/test.h"

enum { MAX_ARGS = 32 };

static void tell(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

/* Parse "gord", "--no-config" and the words, with stdout and stderr going to `said`. */
static int parse_words(const char *const *words, struct gord_config *out, char *said, size_t room)
{
    struct gord_faults faults = {.tell = tell};
    char *argv[MAX_ARGS + 3] = {(char *)"gord"};
    int argc = 1;
    argv[argc++] = strdup("--no-config"); /* whatever this machine has */
    for (; *words != NULL; words++) {
        argv[argc++] = strdup(*words);
    }
    char path[128];
    snprintf(path, sizeof path, "%s/said", test_tmpdir());
    fflush(NULL);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int out_copy = dup(1), err_copy = dup(2);
    CHECK(file >= 0 && dup2(file, 1) == 1 && dup2(file, 2) == 2);
    int result = gord_config_parse(argc, argv, &faults, out);
    fflush(NULL);
    CHECK(dup2(out_copy, 1) == 1 && dup2(err_copy, 2) == 2);
    close(out_copy);
    close(err_copy);
    ssize_t count = pread(file, said, room - 1, 0);
    said[count > 0 ? count : 0] = '\0';
    close(file);
    for (int i = 1; i < argc; i++) {
        free(argv[i]);
    }
    return result;
}

#define PARSE(config, said, ...) \
    parse_words((const char *const[]){__VA_ARGS__, NULL}, config, said, sizeof said)

TEST(defaults_are_complete)
{
    struct gord_config config;
    char said[4096];
    setenv("XDG_STATE_HOME", "/tmp/state", 1);
    setenv("XDG_RUNTIME_DIR", "/tmp/run", 1);
    CHECK_EQ(parse_words((const char *const[]){NULL}, &config, said, sizeof said), 0);
    CHECK_STR(said, "");
    CHECK_STR(config.state_dir, geteuid() == 0 ? "/var/lib/gord" : "/tmp/state/gord");
    CHECK_STR(config.socket, geteuid() == 0 ? "/run/gord/gord.sock" : "/tmp/run/gord.sock");
    CHECK(config.listen_host == NULL);
    CHECK(config.exec_slots >= 4 && config.exec_slots % 4 == 0);
    CHECK_EQ(config.native_slots, 10000);
    CHECK_EQ(config.lua_slots, 1000);
    CHECK_EQ(config.gomaxprocs, 0);
    CHECK_EQ(config.grace_ns, 5000000000);
    CHECK_EQ(config.log_cap_bytes, 64 << 20);
    CHECK_EQ(config.log_level, GORD_LOG_NOTICE);
    CHECK(!config.store_memory && !config.paused);
    gord_config_fini(&config);
}

TEST(every_option_is_taken)
{
    struct gord_config config;
    char said[4096];
    CHECK_EQ(PARSE(&config, said, "--state-dir=/a", "--socket", "/b/c.sock", "--listen=[::1]:7070",
                   "--exec-slots=3", "--native-slots=4", "--gomaxprocs=2", "--store=memory",
                   "--grace=1m30s", "--log-cap=2M", "--paused", "--log-level=debug",
                   "--hide-env=ACME_*,*_PIN", "--finish-hook=/bin/tell", "--max-owner-running=5",
                   "--finish-hook-url=https://me:pw@h/x", "--owner-limits=root queued=9"),
             0);
    CHECK_STR(config.state_dir, "/a");
    CHECK_STR(config.socket, "/b/c.sock");
    CHECK_STR(config.listen_host, "::1");
    CHECK_EQ(config.listen_port, 7070);
    CHECK_EQ(config.exec_slots, 3);
    CHECK_EQ(config.native_slots, 4);
    CHECK_EQ(config.gomaxprocs, 2);
    CHECK_EQ(config.grace_ns, 90000000000);
    CHECK_EQ(config.log_cap_bytes, 2 << 20);
    CHECK_EQ(config.log_level, GORD_LOG_DEBUG);
    CHECK_STR(config.hide_env, "ACME_*,*_PIN");
    CHECK_EQ(config.owners.queued, 0);
    CHECK_EQ(gord_owner_limits_of(&config.owners, 1).running, 5);
    CHECK_EQ(gord_owner_limits_of(&config.owners, 0).running, 5);
    CHECK_EQ(gord_owner_limits_of(&config.owners, 0).queued, 9);
    CHECK_STR(config.finish_hook, "/bin/tell");
    CHECK_STR(config.finish_hook_url, "https://me:pw@h/x");
    CHECK(config.store_memory && config.paused);
    gord_config_fini(&config);
}

TEST(limits_of_clients_are_taken)
{
    struct gord_config config;
    char said[4096];
    CHECK_EQ(PARSE(&config, said, "--max-connections=50", "--max-user-connections=20",
                   "--max-user-calls=10", "--max-streams=5", "--keepalive=never",
                   "--keepalive-timeout=3s", "--min-ping-interval=1ms", "--max-connection-idle=2h",
                   "--max-connection-age=1d", "--max-connection-grace=never", "--exec-slots=7",
                   "--handshake-timeout=4s", "--stall-timeout=never"),
             0);
    CHECK_EQ(config.clients.max_connections, 50);
    CHECK_EQ(config.clients.max_user_connections, 20);
    CHECK_EQ(config.clients.max_user_calls, 10);
    CHECK_EQ(config.clients.max_streams, 5);
    CHECK_EQ(config.clients.handshake_ns, 4000000000);
    CHECK_EQ(config.clients.stall_ns, 0);
    CHECK_EQ(config.clients.keepalive_ns, 0);
    CHECK_EQ(config.clients.keepalive_wait_ns, 3000000000);
    CHECK_EQ(config.clients.ping_min_ns, 1000000);
    CHECK_EQ(config.clients.max_idle_ns, 7200000000000);
    CHECK_EQ(config.clients.max_age_ns, 86400000000000);
    CHECK_EQ(config.clients.max_grace_ns, 0);
    CHECK_EQ(config.exec_slots, 7);
    gord_config_fini(&config);
}

TEST(relative_path_is_made_absolute_and_the_last_word_wins)
{
    struct gord_config config;
    char said[4096], here[4096], expected[5000];
    CHECK(getcwd(here, sizeof here) != NULL);
    CHECK_EQ(PARSE(&config, said, "--state-dir=x", "--state-dir=y", "--socket=/s"), 0);
    snprintf(expected, sizeof expected, "%s/y", here);
    CHECK_STR(config.state_dir, expected);
    gord_config_fini(&config);
}

TEST(bad_words_are_refused_with_their_name)
{
    static const char *const bad[][2] = {
        {"--exec-slots=0", "--exec-slots is '0'"},
        {"--max-connections=0", "--max-connections is '0'; it must be a number from 1 to 100000"},
        {"--max-user-calls=x", "--max-user-calls is 'x'"},
        {"--keepalive-timeout=0", "--keepalive-timeout is '0'; it must be a time such as 20s"},
        {"--keepalive=5", "or never"},
        {"--exec-slots=-1", "--exec-slots is '-1'"},
        {"--exec-slots=1000001", "--exec-slots"},
        {"--exec-slots=99999999999999999999", "--exec-slots"},
        {"--native-slots=many", "--native-slots is 'many'"},
        {"--native-slots= 5", "--native-slots"},
        {"--gomaxprocs=2x", "--gomaxprocs is '2x'"},
        {"--gomaxprocs=1025", "--gomaxprocs"},
        {"--store=disk", "--store is 'disk'"},
        {"--grace=5", "--grace is '5'"},
        {"--grace=-5s", "--grace"},
        {"--log-cap=64Q", "--log-cap is '64Q'"},
        {"--log-cap=63K", "--log-cap is '63K'"},
        {"--keep-age=soon", "--keep-age is 'soon'"},
        {"--keep-failed=0", "--keep-failed is '0'"},
        {"--keep-jobs=0", "--keep-jobs is '0'"},
        {"--keep-size=1000", "--keep-size is '1000'"},
        {"--log-level=loud", "--log-level is 'loud'"},
        {"--listen=0.0.0.0:80", "without TLS"},
        {"--listen=[2001:db8::1]:80", "without TLS"},
        {"--tls-cert=/a", "go together"},
        {"--tls-key=/a", "go together"},
        {"--tls-ca=/a", "needs tls-cert"},
        {"--listen=127.0.0.1", "--listen"},
        {"--listen=127.0.0.1:", "port"},
        {"--listen=:80", "port"},
        {"--listen=127.0.0.1:65536", "port"},
        {"--listen=localhost:80", "--listen"},
        {"--metrics-listen=9091", "--metrics-listen is '9091'"},
        {"--metrics-listen=localhost:9091", "--metrics-listen"},
        {"--max-goroutines=0", "--max-goroutines is '0'"},
        {"--max-stack-memory=15M", "--max-stack-memory is '15M'"},
        {"--max-stack-memory=much", "--max-stack-memory is 'much'"},
        {"--at-ceiling=wait", "--at-ceiling is 'wait'"},
        {"--state-dir=", "--state-dir is empty"},
        {"--socket=", "--socket is empty"},
        {"--no-such-option", "--no-such-option"},
        {"--grace", "requires an argument"},
        {"job", "'job' is no option"},
        {"--paused=perhaps", "--paused is 'perhaps'; it must be no or yes"},
        {"--hide-env=A\nB", "control character"},
        {"--finish-hook-url=ftp://me:pw@h/",
         "--finish-hook-url does not begin with http:// or https://; it must be a URL such as "
         "https://example.net/jobs, or none"},
        {"--finish-hook-url=http://h h/", "--finish-hook-url has a byte"},
        {"--max-owner-queued=0", "a number from 1 to 4294967295, or none"},
        {"--owner-limits=root queued=1 running", "--owner-limits: root: 'running' is neither"},
        {"--repair", "--check-store"},
        {"--config=/a", "exclude each other"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gord_config config = {.exec_slots = 77};
        char said[4096];
        CHECK_EQ(PARSE(&config, said, bad[i][0]), -EINVAL);
        if (strstr(said, bad[i][1]) == NULL) {
            test_fail(__FILE__, __LINE__, "%s is answered by \"%s\"", bad[i][0], said);
        }
        CHECK_EQ(config.exec_slots, 77); /* untouched */
    }
}

TEST(one_bad_word_among_good_ones_is_enough)
{
    struct gord_config config;
    char said[4096];
    CHECK_EQ(PARSE(&config, said, "--paused", "--grace=x", "--exec-slots=2"), -EINVAL);
}

TEST(every_bad_word_is_told)
{
    struct gord_config config;
    char said[4096];
    CHECK_EQ(PARSE(&config, said, "--grace=x", "--exec-slots=0", "job", "--tls-ca=/a"), -EINVAL);
    CHECK(strstr(said, "--grace is 'x'") != NULL && strstr(said, "--exec-slots is '0'") != NULL);
    CHECK(strstr(said, "'job' is no option") != NULL && strstr(said, "--tls-ca needs") != NULL);
}

TEST(a_word_takes_back_what_was_given)
{
    struct gord_config config;
    char said[4096];
    CHECK_EQ(PARSE(&config, said, "--listen=127.0.0.1:7070", "--listen=none", "--keep-age=1d",
                   "--keep-age=none", "--keep-jobs=all", "--paused", "--paused=no",
                   "--exec-slots=auto"),
             0);
    CHECK(config.listen_host == NULL && config.keep_age_ns == 0 && config.keep_jobs == 0);
    CHECK(!config.paused && config.exec_slots >= 4);
    gord_config_fini(&config);
}

TEST(socket_path_beyond_the_kernels_limit_is_refused)
{
    struct gord_config config;
    char said[4096], word[256] = "--socket=/";
    memset(word + strlen(word), 'a', 108);
    CHECK_EQ(PARSE(&config, said, word), -EINVAL);
    CHECK(strstr(said, "longer than") != NULL);
}

TEST(help_and_version_are_answered_on_stdout)
{
    struct gord_config config;
    char said[32768];
    CHECK_EQ(PARSE(&config, said, "--version"), 1);
    CHECK(strncmp(said, "gord ", 5) == 0);
    CHECK_EQ(PARSE(&config, said, "--help", "--no-such-option"), 1);
    CHECK(strstr(said, "--exec-slots") != NULL && strstr(said, "Exit codes") != NULL);
}

TEST(durations_are_read)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        {"0", 0},
        {"0s", 0},
        {"5s", 5000000000},
        {"250ms", 250000000},
        {"3us", 3000},
        {"7ns", 7},
        {"2h", 7200000000000},
        {"1h30m", 5400000000000},
        {"1d", 86400000000000},
        {"9223372036854775807ns", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ns = -1;
        CHECK_EQ(gord_parse_duration(good[i].text, &ns), 0);
        CHECK_EQ(ns, good[i].ns);
    }
    static const char *const bad[] = {"",
                                      "5",
                                      "s",
                                      "5 s",
                                      "-5s",
                                      "5x",
                                      "5s ",
                                      "1.5s",
                                      "5s5",
                                      "9223372036854775808ns",
                                      "999999999999d",
                                      "18446744073709551616ns"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t ns = -1;
        CHECK_EQ(gord_parse_duration(bad[i], &ns), -EINVAL);
        CHECK_EQ(ns, -1);
    }
}

TEST(sizes_are_read)
{
    uint64_t bytes = 0;
    CHECK_EQ(gord_parse_bytes("4096", &bytes), 0);
    CHECK_EQ(bytes, 4096);
    CHECK_EQ(gord_parse_bytes("1G", &bytes), 0);
    CHECK_EQ(bytes, 1 << 30);
    static const char *const bad[] = {"", "M", "1MB", "-1", "1.5G", "99999999999G", " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(gord_parse_bytes(bad[i], &bytes), -EINVAL);
    }
    CHECK_EQ(bytes, 1 << 30);
}

TEST(durations_and_sizes_are_written_as_they_are_read)
{
    static const char *const times[] = {"0", "5s", "250ms", "1h30m", "36h", "1d12h", "7ns", NULL};
    static const char *const sizes[] = {"0", "1", "4096", "64K", "1536M", "1G", "12345", NULL};
    char text[64];
    for (size_t i = 0; times[i] != NULL; i++) {
        int64_t ns, again;
        CHECK_EQ(gord_parse_duration(times[i], &ns), 0);
        CHECK_EQ(gord_parse_duration(gord_format_duration(ns, text, sizeof text), &again), 0);
        CHECK_EQ(again, ns);
    }
    CHECK_STR(gord_format_duration(5400000000000, text, sizeof text), "1h30m");
    CHECK_STR(gord_format_duration(5000000000, text, sizeof text), "5s");
    for (size_t i = 0; sizes[i] != NULL; i++) {
        uint64_t bytes, again;
        CHECK_EQ(gord_parse_bytes(sizes[i], &bytes), 0);
        CHECK_EQ(gord_parse_bytes(gord_format_bytes(bytes, text, sizeof text), &again), 0);
        CHECK_EQ(again, bytes);
    }
    CHECK_STR(gord_format_bytes((uint64_t)64 << 20, text, sizeof text), "64M");
}
