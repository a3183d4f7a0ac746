/* SPDX-License-Identifier: MIT */
/* The store on a disk that fills up, fails, or lies about being flushed.
 *
 * The functions below take the place of libc's for the whole process, SQLite included. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/daemon/stores.h"

/* Which write of a file fails from here on, counted down; 0: none. And with what, for how long. */
static atomic_int write_countdown;
static atomic_int write_error;
static atomic_int flush_error;
static atomic_int writes_seen;

#define EXPORTED __attribute__((visibility("default")))

EXPORTED ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at);
EXPORTED ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at);
EXPORTED int fsync(int fd);
EXPORTED int fdatasync(int fd);

/* From the write the countdown meets on, every one fails. */
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at)
{
    atomic_fetch_add(&writes_seen, 1);
    int left = atomic_load(&write_countdown);
    if (left > 1) {
        atomic_store(&write_countdown, left - 1);
    } else if (left == 1) {
        errno = atomic_load(&write_error);
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    return pwrite64(fd, bytes, count, at);
}

int fdatasync(int fd)
{
    int err = atomic_load(&flush_error);
    if (err != 0) {
        errno = err;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static void fail_writes(int nth, int error)
{
    atomic_store(&write_error, error);
    atomic_store(&write_countdown, nth);
}

static void heal(void)
{
    atomic_store(&write_countdown, 0);
    atomic_store(&flush_error, 0);
}

static void wait_for_health(struct box *box, unsigned calls)
{
    while (box->health_calls < calls) {
        (void)uv_run(&box->loop, UV_RUN_ONCE);
    }
}

/* Everything up to `seq` is there, without a gap. */
static int count_event(void *arg, struct gord_event *event, const char *name)
{
    (void)name;
    CHECK_EQ(event->seq, ++*(uint64_t *)arg);
    return 0;
}

static void check_events(struct box *box, uint64_t last_seq)
{
    struct gord_reader *reader = box_reader(box);
    uint64_t seq = 0;
    CHECK_EQ(gord_reader_events(reader, 0, SIZE_MAX, count_event, &seq), 0);
    CHECK_EQ(seq, last_seq);
    gord_reader_close(reader);
}

static void note_error(void *arg, int error)
{
    *(int *)arg = error;
}

static void check_full_disk(int error)
{
    struct box box;
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    uint64_t id = box_submit(&box, native_spec("before", 0));
    box_settle(&box);
    CHECK(gord_job_take(box.table, GORD_NATIVE) != NULL);
    uint64_t committed = box.committed;

    fail_writes(1, error);
    box_submit(&box, native_spec("too many", 0));
    wait_for_health(&box, 1);
    CHECK_EQ(box.health, -error);
    CHECK(strstr(box.health_text, "gord.db") != NULL);
    CHECK_EQ(box.committed, committed); /* nothing was acknowledged */
    struct gord_store_status status;
    gord_store_status(box.store, &status);
    CHECK_EQ(status.error, -error);
    CHECK(!status.fatal);
    CHECK_EQ(status.backlog, 2);
    int noted = 1;
    CHECK_EQ(gord_store_set_paused(box.store, true, note_error, &noted), 0);
    while (noted == 1) {
        (void)uv_run(&box.loop, UV_RUN_ONCE);
    }
    CHECK_EQ(noted, -error);
    /* What runs goes on; the refused job ends as refused. */
    box_run(&box, id, GOR__V1__OUTCOME__SUCCEEDED, 0);
    box_put(&box,
            gord_event_finished(id + 1, GOR__V1__OUTCOME__CANCELLED, 0, 0, "the disk was full"));

    heal();
    box_settle(&box);
    wait_for_health(&box, 2);
    CHECK_EQ(box.health, 0);
    CHECK_STR(box.health_text, "");
    check_events(&box, box.committed);
    CHECK_EQ(gord_job_find(box.table, id) == NULL, 1);
    CHECK_EQ(box_close(&box), 0);
}

TEST(full_disk_refuses_keeps_and_goes_on)
{
    check_full_disk(ENOSPC);
}

TEST(quota_is_a_full_disk_too)
{
    check_full_disk(EDQUOT);
}

TEST(failure_at_any_write_changes_nothing)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    for (int nth = 1; nth <= 6; nth++) {
        fail_writes(nth, ENOSPC);
        unsigned calls = box.health_calls;
        int began = atomic_load(&writes_seen);
        for (int i = 0; i < 300; i++) {
            box_submit(&box, exec_spec("job", "A=1"));
        }
        /* Either all of it went in with fewer writes, or it failed. */
        while (box.committed + 1 < gord_job_next_seq(box.table) && box.health_calls == calls) {
            (void)uv_run(&box.loop, UV_RUN_ONCE);
        }
        CHECK(box.health_calls > calls || atomic_load(&writes_seen) - began < nth);
        heal();
        box_settle(&box);
        check_events(&box, box.committed);
    }
    CHECK_EQ(box_close(&box), 0);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(box.start.next_id, 1801);
    check_events(&box, 3600);
    CHECK_EQ(box_close(&box), 0);
}

TEST(failed_flush_ends_all_acknowledgements)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    box_submit(&box, native_spec("before", 0));
    box_settle(&box);
    atomic_store(&flush_error, EIO);
    box_submit(&box, native_spec("after", 0));
    wait_for_health(&box, 1);
    CHECK_EQ(box.health, -EIO);
    CHECK(strstr(box.health_text, "restart gord") != NULL);
    CHECK_EQ(box.committed, 2);
    heal();
    struct gord_store_status status;
    gord_store_status(box.store, &status);
    CHECK(status.fatal);
    CHECK_EQ(box_close(&box), -EIO); /* does not try again either */
    CHECK_EQ(box.committed, 2);
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK(box.start.next_seq == 3 || box.start.next_seq == 5);
    check_events(&box, box.start.next_seq - 1);
    CHECK_EQ(box_close(&box), 0);
}

TEST(closing_on_a_full_disk_says_so)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    box_submit(&box, native_spec("before", 0));
    box_settle(&box);
    fail_writes(1, ENOSPC);
    box_submit(&box, native_spec("after", 0));
    CHECK_EQ(box_close(&box), -ENOSPC);
    heal();
    CHECK_EQ(box_open(&box, dir, false), 0);
    CHECK_EQ(box.start.next_id, 2);
    CHECK_EQ(box.start.next_seq, 3);
    CHECK_EQ(box_close(&box), 0);
}

/* Take a file away, see that nothing is acknowledged, put it back, see that all of it is kept. */
static void check_removed(const char *suffix)
{
    const char *dir = fresh_dir();
    char path[256], aside[256];
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    box_submit(&box, native_spec("before", 0));
    box_settle(&box);
    snprintf(path, sizeof path, "%s%s", gord_store_path(box.store), suffix);
    snprintf(aside, sizeof aside, "%s/aside", dir);
    CHECK_EQ(rename(path, aside), 0);
    box_submit(&box, native_spec("meanwhile", 0));
    wait_for_health(&box, 1);
    CHECK_EQ(box.health, -ESTALE);
    CHECK(strstr(box.health_text, "no longer the file") != NULL);
    CHECK_EQ(box.committed, 2);
    CHECK_EQ(rename(aside, path), 0);
    box_settle(&box);
    CHECK_EQ(box.health, 0);
    check_events(&box, 4);
    CHECK_EQ(box_close(&box), 0);
}

TEST(removed_database_takes_nothing_until_it_is_back)
{
    check_removed("");
}

TEST(removed_journal_takes_nothing_until_it_is_back)
{
    check_removed("-wal");
}

TEST(replaced_database_takes_nothing)
{
    const char *dir = fresh_dir();
    struct box box;
    CHECK_EQ(box_open(&box, dir, false), 0);
    box_submit(&box, native_spec("before", 0));
    box_settle(&box);
    CHECK_EQ(unlink(gord_store_path(box.store)), 0);
    FILE *other = fopen(gord_store_path(box.store), "w");
    CHECK(other != NULL);
    fclose(other);
    box_submit(&box, native_spec("after", 0));
    wait_for_health(&box, 1);
    CHECK_EQ(box.health, -ESTALE);
    CHECK_EQ(box_close(&box), -ESTALE);
    CHECK_EQ(box.committed, 2);
}

TEST(no_room_to_begin_is_told_at_open)
{
    struct box box;
    fail_writes(1, ENOSPC);
    CHECK_EQ(box_open(&box, fresh_dir(), false), -ENOSPC);
    CHECK(strstr(box.text, "make room") != NULL);
    heal();
}

TEST(limit_on_file_size_is_no_catastrophe)
{
    struct box box;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(box_open(&box, fresh_dir(), false), 0);
    box_submit(&box, native_spec("before", 0));
    box_settle(&box);
    struct rlimit former, limit;
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &former), 0);
    limit = former;
    limit.rlim_cur = 256 * 1024;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 20000; i++) {
        box_submit(&box, native_spec("a job with quite a long name, to fill the file", 0));
    }
    wait_for_health(&box, 1);
    CHECK_EQ(box.health, -EFBIG);
    CHECK(strstr(box.health_text, "limit on file sizes") != NULL);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &former), 0);
    box_settle(&box);
    check_events(&box, 40002);
    CHECK_EQ(box_close(&box), 0);
}
