/* SPDX-License-Identifier: MIT */
/* token_test.c - bearer tokens: kept by the store, and wrong ones counted by address. */
#include "daemon/service/wrong.h"
#include "tests/daemon/stores.h"

static void note_done(void *arg, int error)
{
    CHECK_EQ(error, 0);
    ++*(int *)arg;
}

static void keep(struct box *box, const struct gord_token_row *row, enum gord_token_change change)
{
    int done = 0;
    CHECK_EQ(gord_store_put_token(box->store, row, change, note_done, &done), 0);
    while (done == 0) {
        (void)uv_run(&box->loop, UV_RUN_ONCE);
    }
}

struct seen {
    unsigned count;
    struct gord_token_row row; /* the last */
};

static int look(void *arg, const struct gord_token_row *row)
{
    struct seen *seen = arg;
    seen->count++;
    seen->row = *row;
    return 0;
}

static struct seen read_back(struct box *box)
{
    struct seen seen = {0};
    struct gord_reader *reader = box_reader(box);
    CHECK_EQ(gord_reader_tokens(reader, look, &seen), 0);
    gord_reader_close(reader);
    return seen;
}

TEST(token_is_there_after_a_restart_and_gone_once_it_went)
{
    const char *dir = fresh_dir();
    struct box box;
    struct gord_token_row row = {.id = "0123abcd",
                                 .name = "build",
                                 .digest = {1, 2, 3},
                                 .role = 2,
                                 .uid = 4000000000U,
                                 .made_ns = 7,
                                 .expires_ns = 8,
                                 .queues = "a,b"};
    CHECK_EQ(box_open(&box, dir, false), 0);
    keep(&box, &row, GORD_TOKEN_MADE);
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    row.used_ns = 9;
    keep(&box, &row, GORD_TOKEN_USED);
    struct seen seen = read_back(&box);
    CHECK_EQ(seen.count, 1);
    CHECK_STR(seen.row.id, row.id);
    CHECK_STR(seen.row.name, row.name);
    CHECK_STR(seen.row.queues, row.queues);
    CHECK(memcmp(seen.row.digest, row.digest, sizeof row.digest) == 0);
    CHECK_EQ(seen.row.role, row.role);
    CHECK_EQ(seen.row.uid, row.uid);
    CHECK_EQ(seen.row.made_ns, row.made_ns);
    CHECK_EQ(seen.row.expires_ns, row.expires_ns);
    CHECK_EQ(seen.row.used_ns, row.used_ns);
    keep(&box, &row, GORD_TOKEN_GONE);
    keep(&box, &row, GORD_TOKEN_USED); /* late: it makes no row */
    CHECK_EQ(read_back(&box).count, 0);
    CHECK_EQ(box_close(&box), 0);
}

static const int64_t second = 1000000000;

TEST(wrong_tokens_are_heard_of_as_often_as_an_address_may)
{
    static struct gord_wrongs wrongs;
    uint64_t unheard;
    unsigned heard = 0;
    int64_t now = 5 * second;
    for (unsigned i = 0; i < 100; i++) {
        heard += gord_wrongs_note(&wrongs, "192.0.2.1:1000", now, &unheard);
    }
    CHECK_EQ(heard, 10);
    CHECK(gord_wrongs_note(&wrongs, "192.0.2.2:1000", now, &unheard));
    CHECK(!gord_wrongs_note(&wrongs, "192.0.2.1:1001", now + 5 * second, &unheard));
    CHECK(gord_wrongs_note(&wrongs, "192.0.2.1:1002", now + 6 * second, &unheard));
    CHECK_EQ(unheard, 91);
    CHECK_EQ(wrongs.count, 103);
}

TEST(wrong_tokens_from_one_network_of_ipv6_are_of_one_address)
{
    static struct gord_wrongs wrongs;
    uint64_t unheard;
    char address[64];
    unsigned heard = 0;
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(address, sizeof address, "[2001:db8:0:7::%x]:%u", i, 1000 + i);
        heard += gord_wrongs_note(&wrongs, address, second, &unheard);
    }
    CHECK_EQ(heard, 10);
    CHECK(gord_wrongs_note(&wrongs, "[2001:db8:0:8::1]:5", second, &unheard));
}

TEST(wrong_tokens_of_many_addresses_take_no_more_memory)
{
    static struct gord_wrongs wrongs;
    uint64_t unheard;
    char address[64];
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(address, sizeof address, "10.%u.%u.%u:9", i >> 16, i >> 8 & 255, i & 255);
        CHECK(gord_wrongs_note(&wrongs, address, second + i, &unheard));
    }
    CHECK_EQ(wrongs.count, 100000);
}
