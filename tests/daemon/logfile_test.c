/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/logfile.h"
#include "daemon/runner/logread.h"
#include "tests/go_test.h"

/* The whole of one stream, as a reader sees it; `limit` as for gord_logread_next. */
static size_t read_back(const char *root, uint64_t id, int stream, uint64_t limit, char *out,
                        size_t room)
{
    struct gord_logread *reader;
    struct gord_frame frame;
    const uint8_t *data;
    size_t at = 0;

    CHECK_EQ(gord_logread_open(root, id, 0, &reader), 0);
    while (gord_logread_next(reader, limit, &frame, &data) == 1) {
        if ((int)frame.stream == stream) {
            CHECK(at + frame.length <= room);
            memcpy(out + at, data, frame.length);
            at += frame.length;
        }
    }
    gord_logread_close(reader);
    return at;
}

TEST(logframe_round_trip_and_only_at_its_offset)
{
    uint8_t header[GORD_FRAME_HEADER_BYTES];
    struct gord_frame frame = {GORD_STDERR, 4711, 1234567890123456789};
    struct gord_frame back;

    gord_frame_encode(&frame, 8, header);
    CHECK(gord_frame_decode(header, 8, &back));
    CHECK_EQ(back.stream, GORD_STDERR);
    CHECK_EQ(back.length, 4711);
    CHECK_EQ(back.at_ns, 1234567890123456789);
    CHECK(!gord_frame_decode(header, 9, &back));
    for (unsigned bit = 0; bit < 8 * GORD_FRAME_HEADER_BYTES; bit++) {
        header[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK(!gord_frame_decode(header, 8, &back));
        header[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

TEST(logframe_with_a_right_check_and_wrong_fields_is_refused)
{
    static const struct gord_frame bad[] = {{(enum gord_stream)0, 1, 0},
                                            {(enum gord_stream)4, 1, 0},
                                            {GORD_STDOUT, 0, 0},
                                            {GORD_STDOUT, GORD_FRAME_MAX + 1, 0}};
    uint8_t header[GORD_FRAME_HEADER_BYTES];
    struct gord_frame back;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        gord_frame_encode(&bad[i], 8, header);
        CHECK(!gord_frame_decode(header, 8, &back));
    }
}

GO_TEST(logfile_keeps_streams_and_counts)
{
    struct gord_logfile log;
    char text[64];
    uint64_t out;
    uint64_t err;

    gord_logfile_init(&log, test_tmpdir(), 7, 1 << 20);
    CHECK_EQ(gord_logfile_end(&log), 0);
    gord_logfile_append(&log, GORD_STDOUT, "one ", 4);
    gord_logfile_append(&log, GORD_STDERR, "oops", 4);
    gord_logfile_append(&log, GORD_STDOUT, "", 0);
    gord_logfile_append(&log, GORD_STDOUT, "two", 3);
    gord_logfile_remark(&log, "remark %d", 1);
    gord_logfile_counts(&log, &out, &err);
    CHECK_EQ(out, 7);
    CHECK_EQ(err, 4);
    CHECK_EQ(read_back(test_tmpdir(), 7, GORD_STDOUT, UINT64_MAX, text, sizeof(text)), 7);
    CHECK(memcmp(text, "one two", 7) == 0);
    CHECK_EQ(read_back(test_tmpdir(), 7, GORD_STDERR, gord_logfile_end(&log), text, sizeof(text)),
             4);
    CHECK_EQ(read_back(test_tmpdir(), 7, GORD_REMARK, UINT64_MAX, text, sizeof(text)), 8);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_logfile_remove(test_tmpdir(), 7), 0);
    CHECK_EQ(gord_logfile_remove(test_tmpdir(), 7), 0);
}

GO_TEST(logfile_makes_no_file_without_output)
{
    struct gord_logfile log;
    char path[PATH_MAX];

    gord_logfile_init(&log, test_tmpdir(), 8, 1 << 20);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_logfile_path(test_tmpdir(), 8, path, sizeof(path)), 0);
    CHECK(access(path, F_OK) != 0);
}

GO_TEST(logfile_cuts_large_output_into_frames)
{
    struct gord_logfile log;
    size_t bytes = 3 * GORD_FRAME_MAX + 17;
    char *data = malloc(bytes);
    char *back = malloc(bytes);

    CHECK(data != NULL && back != NULL);
    for (size_t i = 0; i < bytes; i++) {
        data[i] = (char)(i * 7);
    }
    gord_logfile_init(&log, test_tmpdir(), 9, 1 << 20);
    gord_logfile_append(&log, GORD_STDOUT, data, bytes);
    gord_logfile_fini(&log);
    CHECK_EQ(read_back(test_tmpdir(), 9, GORD_STDOUT, UINT64_MAX, back, bytes), bytes);
    CHECK(memcmp(data, back, bytes) == 0);
    free(data);
    free(back);
}

GO_TEST(logfile_at_its_cap_says_so_once_and_counts_on)
{
    struct gord_logfile log;
    char text[8192];
    uint64_t out;
    uint64_t err;

    gord_logfile_init(&log, test_tmpdir(), 10, 4096);
    for (int i = 0; i < 100; i++) {
        gord_logfile_append(&log, GORD_STDOUT, "0123456789012345678901234567890123456789", 40);
        gord_logfile_append(&log, GORD_STDERR, "x", 1);
    }
    gord_logfile_counts(&log, &out, &err);
    CHECK_EQ(out, 4000);
    CHECK_EQ(err, 100);
    CHECK_INT(read_back(test_tmpdir(), 10, GORD_STDOUT, UINT64_MAX, text, sizeof(text)), <, 4000);
    size_t n = read_back(test_tmpdir(), 10, GORD_REMARK, UINT64_MAX, text, sizeof(text) - 1);
    text[n] = '\0';
    CHECK(strstr(text, "output truncated") == text);
    CHECK(strstr(text + 1, "output truncated") == NULL);
    gord_logfile_fini(&log);
}

/* RLIMIT_FSIZE stands for the full disk: writes beyond it fail. */
GO_TEST(logfile_on_a_full_disk_loses_whole_frames_and_tells_later)
{
    struct gord_logfile log;
    struct rlimit old;
    struct rlimit small;
    char text[4096];

    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100;
    gord_logfile_init(&log, test_tmpdir(), 11, 1 << 20);
    gord_logfile_append(&log, GORD_STDOUT, "before ", 7);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t end = gord_logfile_end(&log);
    gord_logfile_append(&log, GORD_STDOUT, text, 200);
    gord_logfile_append(&log, GORD_STDOUT, text, 300);
    CHECK_EQ(gord_logfile_end(&log), end);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    gord_logfile_append(&log, GORD_STDOUT, "after", 5);
    size_t n = read_back(test_tmpdir(), 11, GORD_STDOUT, UINT64_MAX, text, sizeof(text));
    CHECK_EQ(n, 12);
    CHECK(memcmp(text, "before after", 12) == 0);
    n = read_back(test_tmpdir(), 11, GORD_REMARK, UINT64_MAX, text, sizeof(text) - 1);
    text[n] = '\0';
    CHECK(strncmp(text, "500 bytes of output were lost", 29) == 0);
    gord_logfile_fini(&log);
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

GO_TEST(logfile_tells_whoever_follows)
{
    struct gord_logfile log;
    int calls = 0;

    gord_logfile_init(&log, test_tmpdir(), 12, 1 << 20);
    log.appended = count_call;
    log.appended_arg = &calls;
    gord_logfile_append(&log, GORD_STDOUT, "a", 1);
    gord_logfile_append(&log, GORD_STDOUT, "b", 1);
    CHECK_EQ(calls, 2);
    gord_logfile_fini(&log);
}

struct writer {
    struct gord_logfile *log;
    struct gor_waitgroup *done;
    enum gord_stream stream;
};

static void write_lines(void *arg)
{
    struct writer *writer = arg;

    for (int i = 0; i < 1000; i++) {
        gord_logfile_append(writer->log, writer->stream, "line\n", 5);
        if (i % 16 == 0) {
            gor_yield();
        }
    }
    gor_waitgroup_done(writer->done);
}

GO_TEST(logfile_takes_two_writers)
{
    struct gord_logfile log;
    struct gor_waitgroup done = {0};
    static char text[8192];

    gord_logfile_init(&log, test_tmpdir(), 13, 1 << 20);
    struct writer writers[2] = {{&log, &done, GORD_STDOUT}, {&log, &done, GORD_STDERR}};
    gor_waitgroup_add(&done, 2);
    CHECK_EQ(gor_go(write_lines, &writers[0]), 0);
    CHECK_EQ(gor_go(write_lines, &writers[1]), 0);
    gor_waitgroup_wait(&done);
    CHECK_EQ(read_back(test_tmpdir(), 13, GORD_STDOUT, UINT64_MAX, text, sizeof(text)), 5000);
    CHECK_EQ(read_back(test_tmpdir(), 13, GORD_STDERR, UINT64_MAX, text, sizeof(text)), 5000);
    gord_logfile_fini(&log);
}

GO_TEST(logread_refuses_what_is_no_frame_and_no_log)
{
    struct gord_logfile log;
    struct gord_logread *reader;
    struct gord_frame frame;
    const uint8_t *data;
    char path[PATH_MAX];

    CHECK_EQ(gord_logread_open(test_tmpdir(), 99, 0, &reader), -ENOENT);
    gord_logfile_init(&log, test_tmpdir(), 14, 1 << 20);
    gord_logfile_append(&log, GORD_STDOUT, "0123456789012345678901234567890123456789", 40);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 14, 9, &reader), 0);
    CHECK_EQ(gord_logread_next(reader, UINT64_MAX, &frame, &data), -EILSEQ);
    gord_logread_close(reader);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 14, UINT64_MAX, &reader), 0);
    CHECK_EQ(gord_logread_next(reader, UINT64_MAX, &frame, &data), 0);
    gord_logread_close(reader);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_logfile_path(test_tmpdir(), 14, path, sizeof(path)), 0);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("something else", file);
    fclose(file);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 14, 0, &reader), -EILSEQ);
}

/* What a crash may leave: any prefix. The reader stops at the last whole frame. */
GO_TEST(logread_of_a_torn_file_stops_at_the_last_whole_frame)
{
    struct gord_logfile log;
    char path[PATH_MAX];
    char text[64];

    gord_logfile_init(&log, test_tmpdir(), 15, 1 << 20);
    gord_logfile_append(&log, GORD_STDOUT, "first", 5);
    uint64_t first = gord_logfile_end(&log);
    gord_logfile_append(&log, GORD_STDOUT, "second", 6);
    uint64_t end = gord_logfile_end(&log);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_logfile_path(test_tmpdir(), 15, path, sizeof(path)), 0);
    for (uint64_t size = end - 1; size >= first; size--) {
        CHECK_EQ(truncate(path, (off_t)size), 0);
        CHECK_EQ(read_back(test_tmpdir(), 15, GORD_STDOUT, UINT64_MAX, text, sizeof(text)), 5);
    }
}
