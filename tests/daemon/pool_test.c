/* SPDX-License-Identifier: MIT */
/* The pool: pieces are apart, zeroed, and go back to the system. */
#include "daemon/job/pool.h"
#include "tests/test.h"

enum { PIECES = 20000, BYTES = 56 };

static void *pieces[PIECES];

TEST(pieces_are_zeroed_and_apart)
{
    struct gord_pool pool;
    gord_pool_init(&pool, BYTES);
    for (int i = 0; i < PIECES; i++) {
        unsigned char *piece = pieces[i] = gord_pool_get(&pool);
        CHECK(piece != NULL && (uintptr_t)piece % 8 == 0);
        for (int k = 0; k < BYTES; k++) {
            CHECK_EQ(piece[k], 0);
        }
        memset(piece, i & 0xff, BYTES);
    }
    CHECK_INT(pool.chunks, >, 1);
    for (int i = 0; i < PIECES; i++) {
        const unsigned char *piece = pieces[i];
        CHECK_EQ(piece[0], i & 0xff);
        CHECK_EQ(piece[BYTES - 1], i & 0xff);
        gord_pool_put(&pool, pieces[i]);
    }
    CHECK_EQ(pool.chunks, 1);
    gord_pool_fini(&pool);
    CHECK_EQ(pool.chunks, 0);
}

TEST(pieces_given_back_are_used_again)
{
    struct gord_pool pool;
    gord_pool_init(&pool, BYTES);
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = gord_pool_get(&pool);
    }
    size_t chunks = pool.chunks;
    uint64_t random = test_seed();
    for (int i = 0; i < 10 * PIECES; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        size_t which = (size_t)(random >> 33) % PIECES;
        gord_pool_put(&pool, pieces[which]);
        pieces[which] = gord_pool_get(&pool);
        CHECK_EQ(*(char *)pieces[which], 0);
        memset(pieces[which], 0xff, BYTES);
    }
    CHECK_EQ(pool.chunks, chunks);
    for (int i = PIECES; i-- > 0;) {
        gord_pool_put(&pool, pieces[i]);
    }
    gord_pool_fini(&pool);
}

TEST(one_piece_alone_keeps_its_chunk)
{
    struct gord_pool pool;
    gord_pool_init(&pool, BYTES);
    gord_pool_fini(&pool); /* never used */
    gord_pool_init(&pool, BYTES);
    for (int i = 0; i < 100; i++) {
        gord_pool_put(&pool, gord_pool_get(&pool));
        CHECK_EQ(pool.chunks, 1);
    }
    gord_pool_fini(&pool);
}
