/* SPDX-License-Identifier: MIT */
/* Log records as an operator and the journal get them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
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
    gord_log_init(GORD_LOG_INFO);
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
    gord_log_init(GORD_LOG_INFO);
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
    gord_log_init(GORD_LOG_INFO);
    gord_log(GORD_LOG_INFO, 0, "%s", text);
}

TEST(long_record_stays_one_line)
{
    const char *said = capture(long_record, true);
    CHECK(strlen(said) > 3000 && strlen(said) <= 4096);
    CHECK(strchr(said, '\n') == said + strlen(said) - 1);
}

TEST(levels_have_names)
{
    CHECK_EQ(gord_log_level_parse("error"), GORD_LOG_ERROR);
    CHECK_EQ(gord_log_level_parse("debug"), GORD_LOG_DEBUG);
    CHECK_EQ(gord_log_level_parse(""), -EINVAL);
    CHECK_EQ(gord_log_level_parse("Error"), -EINVAL);
    gord_log_init(GORD_LOG_WARNING);
    CHECK(gord_log_wants(GORD_LOG_ERROR) && !gord_log_wants(GORD_LOG_NOTICE));
}
