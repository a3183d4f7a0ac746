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
#include "daemon/store/output.h"
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
    CHECK_EQ(gord_output_remove(test_tmpdir(), 7), 0);
    CHECK_EQ(gord_output_remove(test_tmpdir(), 7), 0);
}

GO_TEST(logfile_drops_what_comes_after_it_was_shut)
{
    struct gord_logfile log;
    char text[64];
    uint64_t out;
    uint64_t err;

    gord_logfile_init(&log, test_tmpdir(), 7, 1 << 20);
    CHECK(gord_logfile_append(&log, GORD_STDOUT, "one", 3));
    gord_logfile_shut(&log);
    uint64_t end = gord_logfile_end(&log);
    CHECK(!gord_logfile_append(&log, GORD_STDOUT, "two", 3));
    gord_logfile_remark(&log, "remark");
    CHECK_EQ(gord_logfile_end(&log), end);
    gord_logfile_counts(&log, &out, &err);
    CHECK_EQ(out, 3);
    gord_logfile_fini(&log);
    CHECK_EQ(read_back(test_tmpdir(), 7, GORD_STDOUT, UINT64_MAX, text, sizeof(text)), 3);
    CHECK_EQ(gord_output_remove(test_tmpdir(), 7), 0);
}

GO_TEST(logfile_makes_no_file_without_output)
{
    struct gord_logfile log;
    char path[PATH_MAX];

    gord_logfile_init(&log, test_tmpdir(), 8, 1 << 20);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_output_path(test_tmpdir(), 8, GORD_OUTPUT_HEAD, path, sizeof(path)), 0);
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

/* ------------------------------------------------------------------ beyond the cap */

enum { CAP = 8192, NUMBER_BYTES = 8 };

/* Output whose every 8 bytes say which they are. */
static void put_numbers(struct gord_logfile *log, uint64_t from, uint64_t to)
{
    char text[NUMBER_BYTES + 1];

    for (; from < to; from++) {
        snprintf(text, sizeof(text), "%7u\n", (unsigned)from);
        gord_logfile_append(log, GORD_STDOUT, text, NUMBER_BYTES);
    }
}

/* What a reader gets of it: frames in order, and gaps that say truly what is missing. */
struct census {
    uint64_t next; /* number */
    uint64_t read; /* numbers */
    uint64_t gaps;
    uint64_t offset; /* where the reader stopped */
};

static void take_gap(struct census *census, uint64_t missing, const uint8_t *data, size_t length)
{
    char text[256];

    snprintf(text, sizeof(text), "%.*s", (int)length, (const char *)data);
    CHECK(strstr(text, "bytes of output are missing here") != NULL);
    CHECK_EQ(missing % NUMBER_BYTES, 0);
    census->next += missing / NUMBER_BYTES;
    census->gaps++;
}

static void take_census(struct gord_logread *reader, uint64_t limit, struct census *census)
{
    struct gord_frame frame;
    const uint8_t *data;
    int result;

    while ((result = gord_logread_next(reader, limit, &frame, &data)) == 1) {
        if (gord_logread_missing(reader) > 0) {
            take_gap(census, gord_logread_missing(reader), data, frame.length);
        }
        for (size_t at = 0; frame.stream == GORD_STDOUT && at < frame.length; at += NUMBER_BYTES) {
            CHECK_EQ(strtoull((const char *)data + at, NULL, 10), census->next);
            census->next++;
            census->read++;
        }
    }
    CHECK_EQ(result, 0);
    census->offset = gord_logread_offset(reader);
}

static uint64_t bytes_in_files(uint64_t id)
{
    char path[PATH_MAX];
    struct stat found;
    uint64_t bytes = 0;

    for (int part = 0; part < GORD_OUTPUT_PARTS; part++) {
        CHECK_EQ(
            gord_output_path(test_tmpdir(), id, (enum gord_output_part)part, path, sizeof(path)),
            0);
        bytes += stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
    }
    return bytes;
}

GO_TEST(logfile_beyond_its_cap_keeps_beginning_and_end)
{
    static const uint64_t counts[] = {50, 127, 128, 129, 190, 191, 192, 193, 300, 5000};
    uint64_t id = 100;

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++, id++) {
        struct gord_logfile log;
        struct gord_logread *reader;
        struct census census = {0};
        gord_logfile_init(&log, test_tmpdir(), id, CAP);
        for (uint64_t n = 0; n < counts[i]; n++) {
            put_numbers(&log, n, n + 1);
            CHECK_INT(bytes_in_files(id), <=, CAP); /* at every moment */
        }
        uint64_t end = gord_logfile_end(&log);
        CHECK_EQ(gord_logread_open(test_tmpdir(), id, 0, &reader), 0);
        take_census(reader, end, &census);
        gord_logread_close(reader);
        gord_logfile_fini(&log);
        CHECK_EQ(census.next, counts[i]); /* to the very last one */
        CHECK_EQ(census.offset, end);
        CHECK_INT(census.gaps, <=, 1);
        CHECK_INT(census.read, >=, counts[i] < 190 ? counts[i] : 190);
        CHECK_EQ(gord_output_remove(test_tmpdir(), id), 0);
        CHECK_EQ(bytes_in_files(id), 0);
    }
}

/* Whoever keeps up misses nothing, whatever is removed behind it. */
GO_TEST(logread_that_follows_has_no_gap)
{
    struct gord_logfile log;
    struct gord_logread *reader;
    struct census census = {0};

    gord_logfile_init(&log, test_tmpdir(), 120, CAP);
    put_numbers(&log, 0, 1);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 120, 0, &reader), 0);
    for (uint64_t n = 1; n < 5000; n++) {
        put_numbers(&log, n, n + 1);
        if (n % 37 == 0) {
            take_census(reader, gord_logfile_end(&log), &census);
            CHECK_EQ(census.next, n + 1);
        }
    }
    CHECK_EQ(census.gaps, 0);
    /* One that lags by far is told how much it missed. */
    put_numbers(&log, 5000, 9000);
    take_census(reader, gord_logfile_end(&log), &census);
    CHECK_EQ(census.next, 9000);
    CHECK_EQ(census.gaps, 1);
    gord_logread_close(reader);
    gord_logfile_fini(&log);
}

GO_TEST(logread_resumes_at_any_offset_of_a_log_with_a_gap)
{
    struct gord_logfile log;
    struct gord_logread *reader;
    struct gord_frame frame;
    const uint8_t *data;
    uint64_t offsets[512];
    size_t count = 0;

    gord_logfile_init(&log, test_tmpdir(), 121, CAP);
    put_numbers(&log, 0, 3000);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 121, 0, &reader), 0);
    while (gord_logread_next(reader, UINT64_MAX, &frame, &data) == 1) {
        offsets[count++] = gord_logread_offset(reader);
    }
    gord_logread_close(reader);
    for (size_t i = 0; i < count; i++) {
        size_t left = count - 1 - i;
        CHECK_EQ(gord_logread_open(test_tmpdir(), 121, offsets[i], &reader), 0);
        while (gord_logread_next(reader, UINT64_MAX, &frame, &data) == 1) {
            left--;
        }
        CHECK_EQ(left, 0);
        gord_logread_close(reader);
    }
    /* A place that was there once: it goes on behind the gap, and says so. */
    CHECK_EQ(gord_logread_open(test_tmpdir(), 121, 32000, &reader), 0);
    CHECK_EQ(gord_logread_next(reader, UINT64_MAX, &frame, &data), 1);
    CHECK_INT(gord_logread_missing(reader), >, 0);
    CHECK(strncmp((const char *)data, "up to ", 6) == 0);
    gord_logread_close(reader);
    gord_logfile_fini(&log);
}

GO_TEST(logfile_cuts_large_pieces_at_the_ends_of_parts)
{
    struct gord_logfile log;
    struct gord_logread *reader;
    char *text = malloc(65536 + 1);

    CHECK(text != NULL);
    gord_logfile_init(&log, test_tmpdir(), 122, 512 * 1024);
    for (unsigned n = 0; n < 200000; n += 8192) {
        for (unsigned i = 0; i < 8192; i++) {
            snprintf(text + (size_t)i * NUMBER_BYTES, NUMBER_BYTES + 1, "%7u\n", n + i);
        }
        gord_logfile_append(&log, GORD_STDOUT, text, 65536);
        CHECK_INT(bytes_in_files(122), <=, 512 * 1024);
    }
    gord_logfile_fini(&log);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 122, 0, &reader), 0);
    struct gord_frame frame;
    const uint8_t *data;
    uint64_t bytes = 0;
    uint64_t missing = 0;
    while (gord_logread_next(reader, UINT64_MAX, &frame, &data) == 1) {
        bytes += gord_logread_missing(reader) == 0 ? frame.length : 0;
        missing += gord_logread_missing(reader);
    }
    CHECK_EQ(bytes + missing, (uint64_t)25 * 65536);
    CHECK_INT(bytes, >, 380 * 1024);
    gord_logread_close(reader);
    free(text);
}

/* A log of before, as after a restore, is no part of the new one. */
GO_TEST(logfile_begins_anew_over_what_lies_there)
{
    struct gord_logfile log;
    struct gord_logread *reader;
    struct census census = {0};

    gord_logfile_init(&log, test_tmpdir(), 123, CAP);
    put_numbers(&log, 0, 3000);
    gord_logfile_fini(&log);
    gord_logfile_init(&log, test_tmpdir(), 123, CAP);
    put_numbers(&log, 0, 3);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_logread_open(test_tmpdir(), 123, 0, &reader), 0);
    take_census(reader, UINT64_MAX, &census);
    CHECK_EQ(census.next, 3);
    CHECK_EQ(census.gaps, 0);
    gord_logread_close(reader);
}

/* A part that cannot be begun loses output, and says so in the next one. */
GO_TEST(logfile_that_cannot_go_on_in_a_new_part_tells_later)
{
    struct gord_logfile log;
    struct rlimit old;
    struct rlimit none;
    static char text[65536];

    gord_logfile_init(&log, test_tmpdir(), 124, CAP);
    put_numbers(&log, 0, 500);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    put_numbers(&log, 500, 700);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    put_numbers(&log, 700, 710);
    gord_logfile_fini(&log);
    size_t n = read_back(test_tmpdir(), 124, GORD_REMARK, UINT64_MAX, text, sizeof(text) - 1);
    text[n] = '\0';
    CHECK(strstr(text, "bytes of output were lost here") != NULL);
    n = read_back(test_tmpdir(), 124, GORD_STDOUT, UINT64_MAX, text, sizeof(text));
    CHECK(memcmp(text + n - NUMBER_BYTES, "    709\n", NUMBER_BYTES) == 0);
}

/* A part's header that is damaged in any bit is none. */
/* ------------------------------------------------------------------ several runs */

static void check_numbers(uint64_t id, uint64_t count, uint64_t at_least)
{
    struct gord_logread *reader;
    struct census census = {0};

    CHECK_EQ(gord_logread_open(test_tmpdir(), id, 0, &reader), 0);
    take_census(reader, UINT64_MAX, &census);
    gord_logread_close(reader);
    CHECK_EQ(census.next, count);
    CHECK_INT(census.read, >=, at_least);
    CHECK_INT(census.gaps, <=, 1);
    CHECK_INT(bytes_in_files(id), <=, CAP);
}

GO_TEST(logfile_of_several_runs_goes_on_in_any_part)
{
    static const uint64_t pieces[] = {1, 3, 60, 64, 128, 129, 1000};
    uint64_t id = 130;

    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++, id++) {
        struct gord_logfile log;
        for (uint64_t n = 0; n < 3000; n += pieces[i]) {
            gord_logfile_init(&log, test_tmpdir(), id, CAP);
            gord_logfile_go_on(&log);
            CHECK_EQ(gord_logfile_end(&log), GORD_LOGFILE_FORMER);
            put_numbers(&log, n, n + pieces[i]);
            CHECK(gord_logfile_end(&log) < GORD_LOGFILE_FORMER);
            gord_logfile_fini(&log);
            uint64_t count = n + pieces[i];
            check_numbers(id, count, count < 190 ? count : 190);
        }
        CHECK_EQ(gord_output_remove(test_tmpdir(), id), 0);
    }
}

static void output_path(uint64_t id, enum gord_output_part part, char path[PATH_MAX])
{
    CHECK_EQ(gord_output_path(test_tmpdir(), id, part, path, PATH_MAX), 0);
}

/* What a death leaves: half a frame, and a newer part of the tail that is missing or has no header. */
GO_TEST(logfile_goes_on_behind_what_is_whole)
{
    static const uint64_t counts[] = {50, 160, 3000};
    char path[PATH_MAX];
    char older[PATH_MAX];
    uint64_t id = 140;

    for (int torn = 0; torn < 3; torn++) {
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++, id++) {
            struct gord_logfile log;
            gord_logfile_init(&log, test_tmpdir(), id, CAP);
            put_numbers(&log, 0, counts[i]);
            bool in_tail = log.in_tail;
            gord_logfile_fini(&log);
            output_path(id, in_tail ? GORD_OUTPUT_TAIL : GORD_OUTPUT_HEAD, path);
            output_path(id, GORD_OUTPUT_TAIL_OLD, older);
            if (torn > 0 && in_tail) {
                CHECK_EQ(rename(path, older), 0);
            }
            FILE *file = fopen(torn == 1 && in_tail ? older : path, "a");
            CHECK(file != NULL);
            CHECK_EQ(fwrite(GORD_TAIL_MAGIC "and no more than this", 1, 29, file), 29);
            CHECK_EQ(fclose(file), 0);
            gord_logfile_init(&log, test_tmpdir(), id, CAP);
            gord_logfile_go_on(&log);
            put_numbers(&log, counts[i], counts[i] + 100);
            gord_logfile_fini(&log);
            check_numbers(id, counts[i] + 100, counts[i] < 150 ? counts[i] + 100 : 64);
        }
    }
}

GO_TEST(logfile_goes_on_where_there_was_none)
{
    struct gord_logfile log;

    gord_logfile_init(&log, test_tmpdir(), 160, CAP);
    gord_logfile_go_on(&log);
    put_numbers(&log, 0, 5);
    gord_logfile_fini(&log);
    check_numbers(160, 5, 5);
}

TEST(logframe_tail_header_round_trip)
{
    uint8_t header[GORD_TAIL_HEADER_BYTES];
    struct gord_tail tail = {.first = 9000, .head_end = 8000, .before = 777, .at_ns = 12};
    struct gord_tail back;

    gord_tail_encode(&tail, header);
    CHECK(gord_tail_decode(header, &back));
    CHECK(memcmp(&tail, &back, sizeof(tail)) == 0);
    for (unsigned bit = 0; bit < 8 * GORD_TAIL_HEADER_BYTES; bit++) {
        header[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK(!gord_tail_decode(header, &back));
        header[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
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
    CHECK_EQ(gord_output_path(test_tmpdir(), 14, GORD_OUTPUT_HEAD, path, sizeof(path)), 0);
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
    CHECK_EQ(gord_output_path(test_tmpdir(), 15, GORD_OUTPUT_HEAD, path, sizeof(path)), 0);
    for (uint64_t size = end - 1; size >= first; size--) {
        CHECK_EQ(truncate(path, (off_t)size), 0);
        CHECK_EQ(read_back(test_tmpdir(), 15, GORD_STDOUT, UINT64_MAX, text, sizeof(text)), 5);
    }
}
