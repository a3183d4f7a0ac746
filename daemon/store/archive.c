/* SPDX-License-Identifier: MIT */
/* archive.c - see archive.h.
 *
 * The copy is made by SQLite's backup on a connection that reads one state all the while, so the
 * writer's commits do not make it begin anew, as they would otherwise. Rejected: to copy the files. A
 * checkpoint amid that tears them.
 */
#include "daemon/store/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/output.h"
#include "daemon/store/sql.h"

enum { BLOCK = 512, MODE = 0600 };

struct gord_archive {
    char *outputs;    /* owned; NULL: left out */
    uint64_t next_id; /* of the copy */
    int fd;           /* of the file whose turn it is; -1: none */
    uint64_t left;    /* of it */
    off_t at;         /* in it */
    size_t pad;       /* zeros behind it */
    uint8_t header[BLOCK];
    size_t header_left; /* of the header, not read yet */
    uint64_t *folders;  /* owned */
    size_t folder_count;
    size_t next_folder;
    DIR *dir; /* owned: the folder whose turn it is; NULL: none */
    uint64_t folder;
    size_t end_left; /* of the zeros at the end */
    bool ended;
};

/* -------------------------------------------------------------- the copy */

/* Copy all of `from`, as of now, into the empty `to`. SQLite's code. */
static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    int rc = sqlite3_exec(from, "BEGIN; SELECT 1 FROM meta", NULL, NULL, NULL);
    sqlite3_backup *backup = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", from, "main") : NULL;
    if (backup != NULL) {
        (void)sqlite3_backup_step(backup, -1);
        rc = sqlite3_backup_finish(backup);
    } else if (rc == SQLITE_OK) {
        rc = sqlite3_extended_errcode(to);
    }
    (void)sqlite3_exec(from, "COMMIT", NULL, NULL, NULL);
    return rc;
}

/* Make it a file by itself, whose jobs have no processes; its next id. */
static int finish_copy(sqlite3 *to, uint64_t *out_next_id)
{
    int64_t next_id = 0;
    int rc = sqlite3_exec(to,
                          "PRAGMA journal_mode = DELETE; UPDATE live SET pid = NULL, pid_start = "
                          "NULL WHERE pid IS NOT NULL",
                          NULL, NULL, NULL);
    int err = gord_sql_errno(to, rc);
    err = err != 0 ? err
                   : gord_sql_integer(to, "SELECT value FROM meta WHERE key = 'next_id'", &next_id);
    *out_next_id = (uint64_t)next_id;
    return err;
}

static int copy_database(const char *database, const char *copy, uint64_t *out_next_id)
{
    sqlite3 *from = NULL, *to = NULL;
    errno = 0;
    int rc = sqlite3_open_v2(database, &from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    int err = gord_sql_errno(from, rc);
    if (err == 0) {
        (void)sqlite3_busy_timeout(from, 2000);
        rc = sqlite3_open_v2(
            copy, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        err = gord_sql_errno(to, rc);
    }
    if (err == 0) {
        (void)sqlite3_extended_result_codes(to, 1);
        /* Whoever receives it makes it last. */
        (void)sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
        rc = copy_pages(from, to);
        err = gord_sql_errno(to, rc);
    }
    err = err != 0 ? err : finish_copy(to, out_next_id);
    (void)sqlite3_close(to);
    (void)sqlite3_close(from);
    return err;
}

/* ----------------------------------------------------------------- tar */

/* A number in octal, or in base 256 where that is too small, as all tars of today read it. */
static void put_number(uint8_t *field, size_t bytes, uint64_t number)
{
    if (number < (uint64_t)1 << 3 * (bytes - 1)) {
        (void)snprintf((char *)field, bytes, "%0*" PRIo64, (int)bytes - 1, number);
        return;
    }
    memset(field, 0, bytes);
    field[0] = 0x80;
    for (size_t i = bytes; i-- > bytes - 8; number >>= 8) {
        field[i] = (uint8_t)number;
    }
}

static void make_header(uint8_t header[BLOCK], const char *name, const struct stat *file)
{
    unsigned sum = 0;
    memset(header, 0, BLOCK);
    (void)snprintf((char *)header, 100, "%s", name);
    put_number(header + 100, 8, MODE);
    put_number(header + 108, 8, 0);
    put_number(header + 116, 8, 0);
    put_number(header + 124, 12, (uint64_t)file->st_size);
    put_number(header + 136, 12, (uint64_t)file->st_mtime);
    memset(header + 148, ' ', 8);
    header[156] = '0'; /* a file */
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    for (size_t i = 0; i < BLOCK; i++) {
        sum += header[i];
    }
    (void)snprintf((char *)header + 148, 8, "%06o", sum);
    header[155] = ' ';
}

/* The file's turn; the archive owns the descriptor now. */
static int begin_file(struct gord_archive *archive, int fd, const char *name)
{
    struct stat file;
    if (fstat(fd, &file) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    archive->fd = fd;
    archive->left = (uint64_t)file.st_size;
    archive->at = 0;
    archive->pad = (BLOCK - archive->left % BLOCK) % BLOCK;
    make_header(archive->header, name, &file);
    archive->header_left = BLOCK;
    return 0;
}

/* ------------------------------------------------------------- outputs */

static int add_folder(struct gord_archive *archive, const char *name)
{
    char *end;
    unsigned long long folder = strtoull(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0') {
        return 0;
    }
    uint64_t *folders =
        realloc(archive->folders, (archive->folder_count + 1) * sizeof *archive->folders);
    if (folders == NULL) {
        return -ENOMEM;
    }
    archive->folders = folders;
    archive->folders[archive->folder_count++] = folder;
    return 0;
}

static int list_folders(struct gord_archive *archive)
{
    int err = 0;
    DIR *dir = opendir(archive->outputs);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;) {
        err = add_folder(archive, entry->d_name);
    }
    closedir(dir);
    return err;
}

/* Begin with a file of the folder. 1; 0: it is none of a job of the copy, or gone. */
static int begin_output(struct gord_archive *archive, const char *file_name)
{
    char name[100];
    uint64_t id;
    enum gord_output_part part;
    if (gord_output_parse(file_name, &id, &part) != 0 || id >= archive->next_id) {
        return 0;
    }
    int length = snprintf(name, sizeof name, "logs/%" PRIu64 "/%s", archive->folder, file_name);
    int fd = openat(dirfd(archive->dir), file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || length >= (int)sizeof name) {
        return fd >= 0 || errno == ENOENT ? 0 : -errno; /* it was just removed */
    }
    int err = begin_file(archive, fd, name);
    return err != 0 ? err : 1;
}

static void open_folder(struct gord_archive *archive)
{
    char path[PATH_MAX];
    archive->folder = archive->folders[archive->next_folder++];
    (void)snprintf(path, sizeof path, "%s/%" PRIu64, archive->outputs, archive->folder);
    archive->dir = opendir(path); /* it may have gone with its last output */
}

/* Begin with the next file of all output. 1; 0: there is none. */
static int next_file(struct gord_archive *archive)
{
    int result = 0;
    while (result == 0 && (archive->dir != NULL || archive->next_folder < archive->folder_count)) {
        struct dirent *entry = archive->dir != NULL ? readdir(archive->dir) : NULL;
        if (entry != NULL) {
            result = begin_output(archive, entry->d_name);
        } else {
            if (archive->dir != NULL) {
                closedir(archive->dir);
                archive->dir = NULL;
            }
            if (archive->next_folder < archive->folder_count) {
                open_folder(archive);
            }
        }
    }
    return result;
}

/* ----------------------------------------------------------- open, close */

int gord_archive_open(const struct gord_archive_opts *opts, struct gord_archive **out_archive)
{
    char copy[PATH_MAX];
    struct gord_archive *archive = calloc(1, sizeof *archive);
    if (archive == NULL) {
        return -ENOMEM;
    }
    archive->fd = -1;
    int err = 0;
    if (opts->outputs != NULL) {
        archive->outputs = strdup(opts->outputs);
        err = archive->outputs == NULL ? -ENOMEM : list_folders(archive);
    }
    int length = snprintf(copy, sizeof copy, "%s/backup-XXXXXX", opts->scratch);
    err = err == 0 && length >= (int)sizeof copy ? -ENAMETOOLONG : err;
    int fd = err == 0 ? mkostemp(copy, O_CLOEXEC) : -1;
    err = err == 0 && fd < 0 ? -errno : err;
    if (err == 0) {
        err = copy_database(opts->database, copy, &archive->next_id);
        (void)unlink(copy);
    }
    err = err != 0 ? err : begin_file(archive, fd, "gord.db");
    if (err != 0) {
        if (fd >= 0 && archive->fd != fd) {
            close(fd);
        }
        gord_archive_close(archive);
        return err;
    }
    *out_archive = archive;
    return 0;
}

void gord_archive_close(struct gord_archive *archive)
{
    if (archive == NULL) {
        return;
    }
    if (archive->fd >= 0) {
        close(archive->fd);
    }
    if (archive->dir != NULL) {
        closedir(archive->dir);
    }
    free(archive->folders);
    free(archive->outputs);
    free(archive);
}

/* ---------------------------------------------------------------- read */

static size_t least(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

/* Some of the file's bytes; what it lacks of its size by now, zeros. */
static ssize_t read_file(struct gord_archive *archive, void *out, size_t bytes)
{
    size_t want = least(bytes, archive->left);
    ssize_t got = pread(archive->fd, out, want, archive->at);
    if (got < 0) {
        return -errno;
    }
    if (got == 0) {
        memset(out, 0, want);
        got = (ssize_t)want;
    }
    archive->left -= (uint64_t)got;
    archive->at += got;
    return got;
}

static ssize_t read_zeros(size_t *left, void *out, size_t bytes)
{
    size_t count = least(bytes, *left);
    memset(out, 0, count);
    *left -= count;
    return (ssize_t)count;
}

static ssize_t read_some(struct gord_archive *archive, void *out, size_t bytes)
{
    if (archive->header_left > 0) {
        size_t count = least(bytes, archive->header_left);
        memcpy(out, archive->header + BLOCK - archive->header_left, count);
        archive->header_left -= count;
        return (ssize_t)count;
    }
    if (archive->fd >= 0 && archive->left > 0) {
        return read_file(archive, out, bytes);
    }
    if (archive->fd >= 0 && archive->pad > 0) {
        return read_zeros(&archive->pad, out, bytes);
    }
    return read_zeros(&archive->end_left, out, bytes);
}

/* The file whose turn it was is read: the next one's, or that of the end. */
static int go_on(struct gord_archive *archive)
{
    if (archive->fd >= 0) {
        close(archive->fd);
        archive->fd = -1;
    }
    int result = next_file(archive);
    if (result == 0) {
        archive->ended = true;
        archive->end_left = 2 * (size_t)BLOCK;
    }
    return result < 0 ? result : 0;
}

ssize_t gord_archive_read(struct gord_archive *archive, void *out, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = read_some(archive, (uint8_t *)out + done, bytes - done);
        if (got < 0) {
            return got;
        }
        done += (size_t)got;
        if (got == 0 && archive->ended) {
            break;
        }
        int err = got == 0 ? go_on(archive) : 0;
        if (err != 0) {
            return err;
        }
    }
    return (ssize_t)done;
}
