/* SPDX-License-Identifier: MIT */
/* A power cut at any write or flush: what was not flushed is lost, in part, or torn. Whatever of it
 * the disk has: what was acknowledged is there, and the store agrees with itself.
 *
 * A child works on a store whose files are remembered as of their last flush, with all writes since.
 * At some write or flush the power is cut: for each file a drawn part of those writes makes what the
 * disk has, which is laid into another folder; the child is gone. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "daemon/store/audit.h"
#include "tests/daemon/stores.h"
#include "tests/fault/vfs_shim.h"

enum { FILES = 4, SECTOR = 512, ROUNDS = 150, ROUNDS_LONG = 3000 };

/* ------------------------------------------------------------- the disk */

struct pending {
    struct pending *next;
    bool truncation;
    uint64_t offset;
    size_t bytes;
    uint8_t data[];
};

/* A file as the disk has it for sure, and what is on its way there. */
struct disk_file {
    char path[256];
    uint8_t *flushed; /* owned */
    size_t bytes;
    size_t room;
    bool exists;  /* was flushed once, or was there before */
    bool deleted; /* and this has not been flushed yet */
    struct pending *first;
    struct pending **end;
};

static struct disk {
    struct disk_file files[FILES];
    pthread_mutex_t lock; /* readers open files on other threads */
    uint64_t random;
    uint64_t left;   /* operations until the cut */
    bool lies;       /* says of a flush that it was done */
    const char *out; /* where the rest is laid */
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Flushes of databases, which are what checkpoints end with; of all children together. */
static atomic_uint *database_flushes;

static uint64_t draw_from(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return *random >> 33;
}

static uint64_t draw(void)
{
    return draw_from(&disk.random);
}

static struct disk_file *file_of(const char *path)
{
    for (int i = 0; i < FILES; i++) {
        if (disk.files[i].path[0] == '\0') {
            snprintf(disk.files[i].path, sizeof disk.files[i].path, "%s", path);
            disk.files[i].end = &disk.files[i].first;
            return &disk.files[i];
        }
        if (strcmp(disk.files[i].path, path) == 0) {
            return &disk.files[i];
        }
    }
    abort();
}

static void put_bytes(struct disk_file *file, uint64_t offset, const void *data, size_t bytes)
{
    if (offset + bytes > file->bytes) {
        if (offset + bytes > file->room) {
            file->room = 2 * (offset + bytes);
            file->flushed = realloc(file->flushed, file->room);
            CHECK(file->flushed != NULL);
        }
        memset(file->flushed + file->bytes, 0, offset + bytes - file->bytes);
        file->bytes = offset + bytes;
    }
    memcpy(file->flushed + offset, data, bytes);
}

/* A write as it may have come to the disk: not, whole, or some of its sectors. */
static void land(struct disk_file *file, const struct pending *write, bool whole)
{
    uint64_t how = whole ? 1 : draw() % 3;
    if (write->truncation && how != 0) {
        file->bytes = write->offset < file->bytes ? write->offset : file->bytes;
    } else if (how == 1) {
        put_bytes(file, write->offset, write->data, write->bytes);
    } else if (how == 2 && !write->truncation) {
        for (size_t at = 0; at < write->bytes; at += SECTOR) {
            size_t bytes = write->bytes - at < SECTOR ? write->bytes - at : SECTOR;
            if (draw() % 2 == 0) {
                put_bytes(file, write->offset + at, write->data + at, bytes);
            }
        }
    }
}

static void land_all(struct disk_file *file, bool whole)
{
    for (struct pending *write = file->first, *next; write != NULL; write = next) {
        next = write->next;
        land(file, write, whole);
        free(write);
    }
    file->first = NULL;
    file->end = &file->first;
}

/* As if it had never been. */
static void forget(struct disk_file *file)
{
    while (file->first != NULL) {
        struct pending *next = file->first->next;
        free(file->first);
        file->first = next;
    }
    file->end = &file->first;
    file->bytes = 0;
    file->exists = false;
    file->deleted = false;
}

static void on_open(const char *path)
{
    pthread_mutex_lock(&disk.lock);
    struct disk_file *file = file_of(path);
    if (file->deleted) {
        forget(file);
    }
    FILE *there = file->exists || file->first != NULL ? NULL : fopen(path, "r");
    uint8_t page[4096];
    size_t got;
    while (there != NULL && (got = fread(page, 1, sizeof page, there)) > 0) {
        put_bytes(file, file->bytes, page, got);
    }
    if (there != NULL) {
        fclose(there);
        file->exists = true;
    }
    pthread_mutex_unlock(&disk.lock);
}

/* ------------------------------------------------------------- the cut */

static void lay(struct disk_file *file)
{
    char path[512];
    if ((!file->exists || file->deleted) && draw() % 2 == 0) {
        return; /* its name was never flushed, or its end was before it was told */
    }
    land_all(file, false);
    snprintf(path, sizeof path, "%s/%s", disk.out, strrchr(file->path, '/') + 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, file->flushed, file->bytes) != (ssize_t)file->bytes) {
        abort();
    }
    close(fd);
}

static void count_down(void)
{
    if (--disk.left > 0) {
        return;
    }
    for (int i = 0; i < FILES && disk.files[i].path[0] != '\0'; i++) {
        lay(&disk.files[i]);
    }
    (void)syscall(SYS_exit_group, 0); /* past sanitizers, which take their time to end a process */
}

static void before(const struct shim_event *event)
{
    (void)event;
    pthread_mutex_lock(&disk.lock);
    count_down();
    pthread_mutex_unlock(&disk.lock);
}

/* With a journal that is new SQLite flushes the folder. */
static void flush_names(void)
{
    for (int i = 0; i < FILES; i++) {
        if (disk.files[i].deleted) {
            forget(&disk.files[i]);
        }
    }
}

static void after(const struct shim_event *event)
{
    pthread_mutex_lock(&disk.lock);
    struct disk_file *file = file_of(event->path);
    if (event->op == SHIM_SYNC) {
        atomic_fetch_add(database_flushes, event->journal ? 0 : 1);
        if (!disk.lies) {
            land_all(file, true);
            if (event->journal && !file->exists) {
                flush_names();
            }
            file->exists = true;
        }
    } else if (event->op == SHIM_DELETE) {
        file->deleted = true;
    } else {
        struct pending *write = malloc(sizeof *write + event->bytes);
        CHECK(write != NULL);
        write->next = NULL;
        write->truncation = event->op == SHIM_TRUNCATE;
        write->offset = event->offset;
        write->bytes = event->bytes;
        if (event->bytes > 0) {
            memcpy(write->data, event->data, event->bytes);
        }
        *file->end = write;
        file->end = &write->next;
    }
    pthread_mutex_unlock(&disk.lock);
}

/* Outside of it nothing is lost, so nothing need be flushed: that is most of the time a test takes. */
static void look_away(const struct shim_event *event)
{
    (void)event;
}

static const struct shim_hooks quiet = {NULL, look_away, look_away, NULL, true, false};
static const struct shim_hooks hooks = {on_open, before, after, NULL, true, true};

/* ------------------------------------------------------------- the child */

/* Submit, run and finish jobs until the power goes, telling each commit. */
static void work(const char *dir, int out)
{
    static const struct gord_keep keep = {.jobs = 50};
    struct box box;
    uint64_t told = 0, random = disk.random; /* the disk's own belongs to the writer's thread */
    /* Readers look at what was there at the start; their index of the journal is no file of ours. */
    shim_install(&hooks);
    if (box_open_with(&box, dir, false, &keep) != 0) {
        _exit(1);
    }
    for (;;) {
        unsigned jobs = 1 + (unsigned)(draw_from(&random) % 40);
        for (unsigned i = 0; i < jobs; i++) {
            box_submit(&box, exec_spec("job", i % 2 == 0 ? "A=1" : "A=2"));
        }
        struct gord_job *job;
        while ((job = gord_job_take(box.table, GORD_EXEC)) != NULL) {
            box_run(&box, job->id, GOR__V1__OUTCOME__SUCCEEDED, 0);
        }
        (void)uv_run(&box.loop, UV_RUN_ONCE);
        if (box.committed > told) {
            told = box.committed;
            CHECK_EQ(write(out, &told, sizeof told), (ssize_t)sizeof told);
        }
    }
}

/* One life of a store that ends by a cut. The seq of the last acknowledged event. */
static uint64_t live_and_cut(const char *dir, const char *out_dir, uint64_t seed, bool lies)
{
    int ends[2];
    shim_install(&quiet);
    if (database_flushes == NULL) {
        database_flushes = mmap(NULL, sizeof *database_flushes, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        CHECK(database_flushes != MAP_FAILED);
    }
    CHECK_EQ(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        disk.random = seed;
        disk.left = 1 + draw() % 400;
        disk.lies = lies;
        disk.out = out_dir;
        work(dir, ends[1]);
    }
    close(ends[1]);
    uint64_t last = 0, told = 0;
    while (read(ends[0], &told, sizeof told) == (ssize_t)sizeof told) {
        last = told;
    }
    close(ends[0]);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return last;
}

/* ------------------------------------------------------------- after it */

static void say(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "audit: %s\n", text);
}

/* Open what the disk has. The newest event, or -1: it cannot be opened, or does not agree. */
static int64_t newest_event(const char *dir, bool loud)
{
    char path[256], outputs[256];
    struct box box;
    struct gord_audit audit = {0};
    if (box_open(&box, dir, false) != 0) {
        return -1;
    }
    uint64_t newest = box.start.next_seq - 1;
    CHECK_EQ(box_close(&box), 0);
    snprintf(path, sizeof path, "%s/gord.db", dir);
    snprintf(outputs, sizeof outputs, "%s/logs", dir);
    struct gord_audit_opts opts = {.path = path, .outputs = outputs, .say = loud ? say : NULL};
    int err = gord_audit(&opts, &audit);
    return err == 0 && audit.problems == 0 ? (int64_t)newest : -1;
}

TEST(acknowledged_events_survive_power_cuts)
{
    uint64_t seed = test_seed(), cuts_with_acks = 0;
    int rounds = getenv("GOR_LONG") != NULL ? ROUNDS_LONG : ROUNDS;
    char dir[128];
    snprintf(dir, sizeof dir, "%s", fresh_dir());
    uint64_t acknowledged = 0;
    for (int round = 0; round < rounds; round++) {
        char after_cut[128];
        snprintf(after_cut, sizeof after_cut, "%s", fresh_dir());
        uint64_t told = live_and_cut(dir, after_cut, seed + (uint64_t)round, false);
        acknowledged = told > acknowledged ? told : acknowledged;
        cuts_with_acks += told > 0;
        CHECK_INT(newest_event(after_cut, true), >=, (int64_t)acknowledged);
        /* The next life goes on with what is left; now and then with nothing. */
        snprintf(dir, sizeof dir, "%s", after_cut);
        if (round % 10 == 9) {
            snprintf(dir, sizeof dir, "%s", fresh_dir());
            acknowledged = 0;
        }
    }
    fprintf(stderr, "%d power cuts, %d with acknowledged events, %u checkpoints: all found\n",
            rounds, (int)cuts_with_acks, atomic_load(database_flushes));
    CHECK_INT(atomic_load(database_flushes), >, (unsigned)rounds);
    CHECK_INT(cuts_with_acks, >, (uint64_t)rounds / 2);
}

/* Were flushes not needed, or not seen, this would pass as well. */
TEST(disk_that_lies_about_flushes_loses_events)
{
    uint64_t seed = test_seed();
    int lost = 0;
    for (int round = 0; round < 20; round++) {
        char dir[128], after_cut[128];
        snprintf(dir, sizeof dir, "%s", fresh_dir());
        snprintf(after_cut, sizeof after_cut, "%s", fresh_dir());
        uint64_t told = live_and_cut(dir, after_cut, seed + (uint64_t)round, true);
        lost += newest_event(after_cut, false) < (int64_t)told;
    }
    CHECK_INT(lost, >, 5);
}
