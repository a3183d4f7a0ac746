/* SPDX-License-Identifier: MIT */
/* FNV-1a as published, and what is written down of it: stores and logs that are there have these values. */
#include <fcntl.h>
#include <unistd.h>

#include "base/hash.h"
#include "daemon/cron/plan.h"
#include "daemon/event/ask.h"
#include "daemon/event/clock.h"
#include "daemon/event/spec.h"
#include "daemon/runner/logframe.h"
#include "tests/test.h"

/* Of those that the authors of FNV publish. */
static const struct vector {
    const char *text;
    uint64_t wide;
    uint32_t narrow;
} vectors[] = {
    {"", 0xcbf29ce484222325, 0x811c9dc5},       {"a", 0xaf63dc4c8601ec8c, 0xe40c292c},
    {"b", 0xaf63df4c8601f1a5, 0xe70c2de5},      {"foo", 0xdcb27518fed9d577, 0xa9f37ed7},
    {"foobar", 0x85944171f73967e8, 0xbf9cf968},
};

TEST(hash_is_that_of_the_published_vectors)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *vector = &vectors[i];
        size_t count = strlen(vector->text);
        CHECK(hash_fnv1a64(HASH_FNV1A64_BASIS, vector->text, count) == vector->wide);
        CHECK_EQ(hash_fnv1a32(HASH_FNV1A32_BASIS, vector->text, count), vector->narrow);
    }
}

TEST(hash_goes_on_where_it_ended)
{
    CHECK(hash_fnv1a64(hash_fnv1a64(HASH_FNV1A64_BASIS, "foo", 3), "bar", 3) == 0x85944171f73967e8);
    CHECK_EQ(hash_fnv1a32(hash_fnv1a32(HASH_FNV1A32_BASIS, "foo", 3), "bar", 3), 0xbf9cf968);
}

/* ---- on disk */

TEST(check_of_a_frame_stays_as_it_is)
{
    static const uint8_t written[GORD_FRAME_HEADER_BYTES] = {
        0x65, 0xd2, 0x84, 0x63, 0x02, 0x00, 0x00, 0x00, 0x34, 0x12, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x15, 0xcd, 0x85, 0x3d, 0xfe, 0x9c, 0x97, 0x17};
    const struct gord_frame frame = {GORD_STDERR, 0x1234, 1700000000123456789};
    uint8_t header[GORD_FRAME_HEADER_BYTES];
    struct gord_frame read;
    gord_frame_encode(&frame, 0x123456789a, header);
    CHECK(memcmp(header, written, sizeof written) == 0);
    CHECK(gord_frame_decode(written, 0x123456789a, &read));
    CHECK_EQ(read.length, 0x1234);
}

TEST(check_of_a_logs_tail_stays_as_it_is)
{
    static const uint8_t check[8] = {0xf3, 0xc0, 0x49, 0x8d, 0x7c, 0xba, 0xc6, 0x1d};
    const struct gord_tail tail = {0x3000, 0x2000, 0x1000, 1700000000123456789};
    uint8_t header[GORD_TAIL_HEADER_BYTES];
    gord_tail_encode(&tail, header);
    CHECK(memcmp(header + GORD_TAIL_HEADER_BYTES - 8, check, sizeof check) == 0);
}

TEST(hash_of_an_environment_stays_as_it_is)
{
    struct gord_env *env = gord_env_new("A=1\0B=\xff", 7);
    CHECK(env != NULL);
    CHECK(env->hash == 0xafa1e2ec2b09eae8);
    gord_env_unref(env);
}

TEST(name_of_a_share_stays_as_it_is)
{
    char name[GORD_WORD_MAX + 1];
    CHECK_STR(gord_share_name("two words", name), "ccb500272bebfeac");
    CHECK_STR(gord_share_name("", name), "cbf29ce484222325");
}

/* The names of its fires are made of this, by which those are known that have been made. */
TEST(hash_of_a_cron_entrys_name_stays_as_it_is)
{
    CHECK(gord_cron_hash("nightly") == 0x7e308d7680db5f8a);
    CHECK(gord_cron_hash("caf\xc3\xa9") == 0x48e8823acfa40d89);
}

TEST(jitter_of_a_cron_entry_stays_as_it_is)
{
    const struct gord_cron_entry entry = {.jitter_ns = 600000000000,
                                          .seed = gord_cron_hash("nightly")};
    CHECK_EQ(gord_cron_due_ns(&entry, 1700000000), 1700000181516965924);
}

/* Which is another on each machine: so this is FNV-1a once more, written out. */
TEST(number_of_a_boot_stays_as_it_is)
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        test_skip("the kernel tells no boot_id");
        return;
    }
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    CHECK(length > 0);
    uint64_t hash = 14695981039346656037U;
    for (ssize_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 1099511628211U;
    }
    CHECK(gord_clock_boot_id() == hash / 2);
}
