/* SPDX-License-Identifier: MIT */
/* The last lines of a log: as many as asked for, over frames, blocks and parts. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runner/logfile.h"
#include "daemon/runner/logread.h"
#include "daemon/runner/logtail.h"
#include "daemon/store/output.h"
#include "tests/go_test.h"

#define ROOM ((size_t)8 << 20)

static int seek(const struct gord_logtail_opts *opts, uint64_t *out_offset, uint32_t *out_skip,
                unsigned *out_steps)
{
    struct gord_logtail *tail;
    int result = gord_logtail_open(opts, &tail);
    *out_steps = 0;
    if (result != 0) {
        return result;
    }
    while ((result = gord_logtail_step(tail)) == 0) {
        ++*out_steps;
    }
    *out_offset = gord_logtail_offset(tail);
    *out_skip = gord_logtail_skip(tail);
    gord_logtail_close(tail);
    return result;
}

/* What is read from where it says; its length. */
static size_t tail_of(uint64_t id, uint64_t lines, enum gord_stream only, char *out)
{
    struct gord_logtail_opts opts = {
        .root = test_tmpdir(), .id = id, .limit = UINT64_MAX, .lines = lines, .only = only};
    struct gord_logread *reader;
    struct gord_frame frame;
    const uint8_t *data;
    uint64_t offset = 0;
    uint32_t skip = 0;
    unsigned steps = 0;
    size_t at = 0;

    CHECK_EQ(seek(&opts, &offset, &skip, &steps), 1);
    CHECK_EQ(gord_logread_open(opts.root, id, offset, &reader), 0);
    while (gord_logread_next(reader, UINT64_MAX, &frame, &data) == 1) {
        if (frame.stream != GORD_REMARK && (only == 0 || only == frame.stream)) {
            CHECK(at + frame.length < ROOM);
            memcpy(out + at, data + skip, frame.length - skip);
            at += frame.length - skip;
        }
        skip = 0;
    }
    gord_logread_close(reader);
    out[at] = '\0';
    return at;
}

GO_TEST(logtail_of_few_lines)
{
    struct gord_logfile log;
    char *out = malloc(ROOM);

    CHECK(out != NULL);
    gord_logfile_init(&log, test_tmpdir(), 1, 1 << 20);
    gord_logfile_append(&log, GORD_STDOUT, "one\ntwo\nth", 10);
    gord_logfile_append(&log, GORD_STDERR, "oops\n", 5);
    gord_logfile_append(&log, GORD_STDOUT, "ree\n", 4);
    gord_logfile_append(&log, GORD_STDOUT, "four", 4);
    gord_logfile_remark(&log, "a remark\n");
    gord_logfile_fini(&log);
    (void)tail_of(1, 1, 0, out);
    CHECK_STR(out, "four");
    (void)tail_of(1, 2, 0, out);
    CHECK_STR(out, "ree\nfour");
    (void)tail_of(1, 2, GORD_STDOUT, out);
    CHECK_STR(out, "three\nfour");
    (void)tail_of(1, 1, GORD_STDERR, out);
    CHECK_STR(out, "oops\n");
    (void)tail_of(1, 3, 0, out);
    CHECK_STR(out, "thoops\nree\nfour");
    (void)tail_of(1, 100, 0, out);
    CHECK_STR(out, "one\ntwo\nthoops\nree\nfour");
    free(out);
}

/* The lines, of many lengths, in frames of many lengths, in a log that has a head and a tail. */
GO_TEST(logtail_is_right_for_any_number_of_lines)
{
    static const uint64_t caps[] = {64 << 20, 600 << 10};
    char *text = malloc(ROOM), *out = malloc(ROOM);
    unsigned seed = (unsigned)test_seed();

    CHECK(text != NULL && out != NULL);
    for (size_t c = 0; c < 2; c++) {
        struct gord_logfile log;
        size_t length = 0;
        gord_logfile_init(&log, test_tmpdir(), 10 + c, caps[c]);
        while (length < (size_t)2 << 20) {
            size_t begin = length;
            size_t bytes = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 10 == 0 ? 100000 : 300);
            while (length < begin + bytes) {
                int letter = rand_r(&seed) % 50 == 0 ? '\n' : 'a' + rand_r(&seed) % 26;
                text[length++] = (char)letter;
            }
            gord_logfile_append(&log, GORD_STDOUT, text + begin, bytes);
        }
        gord_logfile_fini(&log);
        text[length] = '\0';
        size_t at = length - (text[length - 1] == '\n');
        for (unsigned lines = 1; lines < 3000; lines++) {
            const char *newline = memrchr(text, '\n', at);
            at = (size_t)(newline - text);
            if (lines % 97 == 1 || lines < 20) {
                size_t got = tail_of(10 + c, lines, 0, out);
                CHECK_EQ(got, length - at - 1);
                CHECK(memcmp(out, newline + 1, got) == 0);
            }
        }
    }
    free(text);
    free(out);
}

GO_TEST(logtail_of_a_long_log_looks_at_its_end_only)
{
    struct gord_logfile log;
    char line[1000];
    struct gord_logtail_opts opts = {
        .root = test_tmpdir(), .id = 3, .limit = UINT64_MAX, .lines = 10};
    uint64_t offset;
    uint32_t skip;
    unsigned steps;

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    gord_logfile_init(&log, test_tmpdir(), 3, 64 << 20);
    for (int i = 0; i < 20000; i++) {
        gord_logfile_append(&log, GORD_STDOUT, line, sizeof(line));
    }
    CHECK_EQ(seek(&opts, &offset, &skip, &steps), 1);
    CHECK_EQ(steps, 0);
    CHECK_EQ(gord_logfile_end(&log) - offset, 11 * (sizeof(line) + GORD_FRAME_HEADER_BYTES));
    CHECK_EQ(skip, sizeof(line));
    /* What was written by then. */
    opts.limit = offset;
    opts.lines = 1;
    CHECK_EQ(seek(&opts, &offset, &skip, &steps), 1);
    CHECK_EQ(opts.limit - offset, 2 * (sizeof(line) + GORD_FRAME_HEADER_BYTES));
    /* Since: all of it, or nothing of it. */
    opts.limit = UINT64_MAX;
    opts.lines = 0;
    opts.since_ns = 1;
    CHECK_EQ(seek(&opts, &offset, &skip, &steps), 1);
    CHECK_EQ(offset, GORD_LOGFILE_MAGIC_BYTES);
    opts.since_ns = INT64_MAX;
    CHECK_EQ(seek(&opts, &offset, &skip, &steps), 1);
    CHECK_EQ(offset, gord_logfile_end(&log));
    CHECK_EQ(steps, 0);
    gord_logfile_fini(&log);
}

GO_TEST(logtail_of_a_log_that_was_cut_off_or_is_none)
{
    struct gord_logfile log;
    char path[PATH_MAX], text[64];
    struct gord_logtail_opts opts = {
        .root = test_tmpdir(), .id = 4, .limit = UINT64_MAX, .lines = 1};
    struct gord_logtail *tail;
    struct stat st;

    CHECK_EQ(gord_logtail_open(&opts, &tail), -ENOENT);
    gord_logfile_init(&log, test_tmpdir(), 4, 1 << 20);
    gord_logfile_append(&log, GORD_STDOUT, "one\n", 4);
    gord_logfile_append(&log, GORD_STDOUT, "two\n", 4);
    gord_logfile_append(&log, GORD_STDOUT, "three\n", 6);
    gord_logfile_fini(&log);
    CHECK_EQ(gord_output_path(test_tmpdir(), 4, GORD_OUTPUT_HEAD, path, sizeof(path)), 0);
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(truncate(path, st.st_size - 3), 0); /* as a kill in the middle of a write leaves it */
    (void)tail_of(4, 1, 0, text);
    CHECK_STR(text, "two\n");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK_EQ(pwrite(fd, "junkjunkjunkjunk", 16, GORD_LOGFILE_MAGIC_BYTES), 16);
    CHECK_EQ(pwrite(fd, "junkjunkjunkjunk", 16, 36), 16);
    close(fd);
    CHECK_EQ(gord_logtail_open(&opts, &tail), 0);
    CHECK_EQ(gord_logtail_step(tail), -EILSEQ);
    gord_logtail_close(tail);
}
