/* SPDX-License-Identifier: MIT */
/* Log records as an operator and the journal get them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "tests/test.h"

/* What `write_records` put on stderr. */
static const char *capture(void (*write_records)(void), bool journal)
{
    static char said[16384];
    char path[128], stream[64];
    snprintf(path, sizeof path, "%s/log", test_tmpdir());
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int copy = dup(2);
    CHECK(file >= 0 && dup2(file, 2) == 2);
    struct stat st;
    CHECK_EQ(fstat(2, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino + !journal);
    setenv("JOURNAL_STREAM", stream, 1);
    write_records();
    CHECK(dup2(copy, 2) == 2);
    close(copy);
    ssize_t count = pread(file, said, sizeof said - 1, 0);
    said[count > 0 ? count : 0] = '\0';
    close(file);
    return said;
}

static void two_records(void)
{
    gord_log_init(GORD_LOG_INFO, "/nonexistent/socket");
    gord_log(GORD_LOG_INFO, 7, "started %s", "x");
    gord_log(GORD_LOG_DEBUG, 0, "not wanted");
    errno = ENOENT;
    gord_log(GORD_LOG_ERROR, 0, "broken");
    CHECK_EQ(errno, ENOENT);
}

TEST(journal_gets_the_level_as_a_number)
{
    CHECK_STR(capture(two_records, true), "<6>job 7: started x\n<3>broken\n");
}

TEST(file_gets_time_and_level)
{
    const char *said = capture(two_records, false);
    CHECK(strstr(said, "Z info job 7: started x\n") != NULL);
    CHECK(strstr(said, "Z error broken\n") != NULL);
    CHECK(strncmp(said, "20", 2) == 0);
}

static void hostile_record(void)
{
    gord_log_init(GORD_LOG_INFO, "/nonexistent/socket");
    gord_log(GORD_LOG_INFO, 0, "name %s", "a\nb\x1b[2J\x7f");
}

TEST(control_characters_are_escaped)
{
    CHECK_STR(capture(hostile_record, true), "<6>name a\\x0ab\\x1b[2J\\x7f\n");
}

static void long_record(void)
{
    char text[10000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    gord_log_init(GORD_LOG_INFO, "/nonexistent/socket");
    gord_log(GORD_LOG_INFO, 0, "%s", text);
}

TEST(long_record_stays_one_line)
{
    const char *said = capture(long_record, true);
    CHECK(strlen(said) > 3000 && strlen(said) <= 4096);
    CHECK(strchr(said, '\n') == said + strlen(said) - 1);
}

static int journal = -1; /* a socket where the journal's would be */

static void open_journal(char path[128])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, 128, "%s/journal", test_tmpdir());
    unlink(path);
    memcpy(address.sun_path, path, strlen(path));
    journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(journal >= 0);
    CHECK_EQ(bind(journal, (const struct sockaddr *)&address, sizeof address), 0);
}

static void record_for_the_journal(void)
{
    char path[128];
    open_journal(path);
    gord_log_init(GORD_LOG_INFO, "/nonexistent/socket");
    CHECK_EQ(gord_log_use(GORD_LOG_JOURNAL, path), 0);
    gord_log(GORD_LOG_WARNING, 7, "two\nlines");
    gord_log(GORD_LOG_INFO, 0, "of none");
    gord_log_of(GORD_LOG_INFO, 8, "night", "by name");
    gord_log_of(GORD_LOG_INFO, 9, "a.long-name_2 5 1 pool=3", "by what it asks for");
}

static void receive(char text[4096])
{
    ssize_t count = recv(journal, text, 4095, 0);
    CHECK(count > 0);
    text[count] = '\0';
}

TEST(journal_gets_fields)
{
    char text[4096];
    CHECK_STR(capture(record_for_the_journal, false), "");
    ssize_t count = recv(journal, text, sizeof text - 1, 0);
    CHECK(count > 0);
    text[count] = '\0';
    CHECK(strncmp(text, "PRIORITY=4\nSYSLOG_IDENTIFIER=gord\nCODE_FILE=", 44) == 0);
    CHECK(strstr(text, "\nCODE_FUNC=record_for_the_journal\nGOR_JOB_ID=7\n"
                       "MESSAGE=job 7: two\\x0alines\n") != NULL);
    count = recv(journal, text, sizeof text - 1, 0);
    CHECK(count > 0);
    text[count] = '\0';
    CHECK(strstr(text, "GOR_JOB_ID") == NULL && strstr(text, "\nMESSAGE=of none\n") != NULL);
    CHECK(strstr(text, "GOR_QUEUE") == NULL);
    receive(text);
    CHECK(strstr(text, "\nGOR_JOB_ID=8\nGOR_QUEUE=night\nMESSAGE=job 8: by name\n") != NULL);
    receive(text);
    CHECK(strstr(text, "\nGOR_JOB_ID=9\nGOR_QUEUE=a.long-name_2\nMESSAGE=job 9: by what") != NULL);
    close(journal);
}

static void record_for_nobody(void)
{
    record_for_the_journal();
    close(journal);
    gord_log(GORD_LOG_ERROR, 8, "journal is away");
}

TEST(record_the_journal_does_not_take_is_on_stderr)
{
    CHECK_STR(capture(record_for_nobody, false), "<3>job 8: journal is away\n");
}

static void last_words(void)
{
    char path[128];
    open_journal(path);
    gord_log_init(GORD_LOG_INFO, path);
    gord_log(GORD_LOG_ERROR, 0, "cannot start");
    gord_log(GORD_LOG_ERROR, 9, "cannot run");
}

/* The journal would not know whose they were, had the sender gone before it looked. */
TEST(error_that_may_be_the_last_word_takes_the_stream)
{
    char text[4096];
    CHECK_STR(capture(last_words, true), "<3>cannot start\n");
    ssize_t count = recv(journal, text, sizeof text - 1, 0);
    CHECK(count > 0);
    text[count] = '\0';
    CHECK(strstr(text, "MESSAGE=job 9: cannot run\n") != NULL);
    close(journal);
}

TEST(journal_that_is_not_there_is_told)
{
    CHECK_EQ(gord_log_use(GORD_LOG_JOURNAL, "/nonexistent/socket"), -ENOENT);
}

static void json_records(void)
{
    gord_log_init(GORD_LOG_INFO, "/nonexistent/socket");
    CHECK_EQ(gord_log_use(GORD_LOG_JSON, NULL), 0);
    gord_log(GORD_LOG_INFO, 7, "say \"a\\b\" \xc3\xa9 \xff\n");
    gord_log(GORD_LOG_ERROR, 0, "broken");
    gord_log_of(GORD_LOG_INFO, 8, "night 1 1", "of a queue");
}

TEST(json_is_an_object_a_line)
{
    const char *said = capture(json_records, false);
    CHECK(strncmp(said, "{\"time\":\"20", 11) == 0);
    CHECK(strstr(said, "Z\",\"level\":\"info\",\"job\":7,\"message\":"
                       "\"say \\\"a\\\\b\\\" \xc3\xa9 \\ufffd\\\\x0a\"}\n") != NULL);
    CHECK(strstr(said, "\"level\":\"error\",\"message\":\"broken\"}\n") != NULL);
    CHECK(strstr(said, "\"job\":8,\"queue\":\"night\",\"message\":\"of a queue\"}\n") != NULL);
}

TEST(levels_have_names)
{
    CHECK_EQ(gord_log_level_parse("error"), GORD_LOG_ERROR);
    CHECK_EQ(gord_log_level_parse("debug"), GORD_LOG_DEBUG);
    CHECK_EQ(gord_log_level_parse(""), -EINVAL);
    CHECK_EQ(gord_log_level_parse("Error"), -EINVAL);
    gord_log_init(GORD_LOG_WARNING, "/nonexistent/socket");
    CHECK(gord_log_wants(GORD_LOG_ERROR) && !gord_log_wants(GORD_LOG_NOTICE));
}
