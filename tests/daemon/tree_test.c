/* SPDX-License-Identifier: MIT */
/* Trees of jobs as the store reads them, held against a plain walk over who is whose parent. */
#include <errno.h>

#include "tests/daemon/stores.h"

enum { JOBS = 400, ROOTS = 8 };

struct forest {
    uint64_t parents[JOBS + 1]; /* 0: a root */
};

/* Parents come before their children, as everywhere; the older half has ended. */
static void plant(struct box *box, struct forest *forest, unsigned seed)
{
    for (uint64_t id = 1; id <= JOBS; id++) {
        seed = seed * 1103515245 + 12345;
        forest->parents[id] = id <= ROOTS ? 0 : 1 + (seed >> 8) % (id - 1);
        CHECK_EQ(box_submit(box, native_spec("n", forest->parents[id])), id);
    }
    box_settle(box);
    for (uint64_t id = 1; id <= JOBS / 2; id++) {
        box_run(box, id, GOR__V1__OUTCOME__SUCCEEDED, 0);
    }
    box_settle(box);
}

struct walk {
    uint64_t ids[JOBS + 1];
    unsigned depths[JOBS + 1];
    size_t count;
};

static void walk_plainly(const struct forest *forest, uint64_t id, unsigned depth,
                         struct walk *walk)
{
    walk->ids[walk->count] = id;
    walk->depths[walk->count++] = depth;
    for (uint64_t child = id + 1; child <= JOBS; child++) {
        if (forest->parents[child] == id) {
            walk_plainly(forest, child, depth + 1, walk);
        }
    }
}

static int note(void *arg, struct gord_row *row, unsigned depth)
{
    struct walk *walk = arg;
    CHECK(walk->count <= JOBS && row->spec != NULL);
    CHECK_EQ(row->state == GOR__V1__JOB_STATE__TERMINATED, row->id <= JOBS / 2);
    walk->ids[walk->count] = row->id;
    walk->depths[walk->count++] = depth;
    return 0;
}

static void check_walk(const struct walk *got, const struct walk *wanted, size_t limit)
{
    CHECK_EQ(got->count, wanted->count < limit ? wanted->count : limit);
    for (size_t i = 0; i < got->count; i++) {
        CHECK_EQ(got->ids[i], wanted->ids[i]);
        CHECK_EQ(got->depths[i], wanted->depths[i]);
    }
}

static void check_tree(struct gord_reader *reader, const struct forest *forest, uint64_t id,
                       bool from_top, size_t limit)
{
    static struct walk wanted, got;
    uint64_t top = id;
    bool more = false;
    wanted.count = got.count = 0;
    while (from_top && forest->parents[top] != 0) {
        top = forest->parents[top];
    }
    walk_plainly(forest, top, 0, &wanted);
    const struct gord_branch branch = {id, from_top, limit};
    CHECK_EQ(gord_reader_tree(reader, &branch, note, &got, &more), 0);
    check_walk(&got, &wanted, limit);
    CHECK_EQ(more, wanted.count > limit);
}

TEST(trees_are_what_a_plain_walk_finds)
{
    static struct forest forest;
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    plant(&box, &forest, 20260301);
    struct gord_reader *reader = box_reader(&box);
    for (uint64_t id = 1; id <= JOBS; id++) {
        check_tree(reader, &forest, id, false, JOBS);
        check_tree(reader, &forest, id, true, JOBS);
        check_tree(reader, &forest, id, true, 1 + id % 7);
    }
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}

static int refuse(void *arg, struct gord_row *row, unsigned depth)
{
    (void)arg;
    (void)row;
    return depth == 1 ? 42 : 0;
}

TEST(a_visitor_ends_the_walk_and_unknown_jobs_are_told)
{
    struct box box;
    struct walk got = {.count = 0};
    bool more = true;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    uint64_t root = box_submit(&box, native_spec("root", 0));
    (void)box_submit(&box, native_spec("leaf", root));
    box_settle(&box);
    struct gord_reader *reader = box_reader(&box);
    CHECK_EQ(gord_reader_tree(reader, &(struct gord_branch){root, false, 10}, refuse, NULL, &more),
             42);
    CHECK(!more);
    CHECK_EQ(gord_reader_tree(reader, &(struct gord_branch){77, false, 10}, note, &got, &more),
             -ENOENT);
    CHECK_EQ(gord_reader_tree(reader, &(struct gord_branch){77, true, 10}, note, &got, &more),
             -ENOENT);
    CHECK_EQ(
        gord_reader_tree(reader, &(struct gord_branch){UINT64_MAX, true, 10}, note, &got, &more),
        -ENOENT);
    CHECK_EQ(got.count, 0);
    gord_reader_close(reader);
    CHECK_EQ(box_close(&box), 0);
}
