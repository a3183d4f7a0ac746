/* SPDX-License-Identifier: MIT */
/* vfs_shim.c - see vfs_shim.h. */
#include "tests/fault/vfs_shim.h"

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

struct shim_file {
    sqlite3_file base;
    const char *path; /* SQLite's, as long as the file is open */
    bool watched;
    bool journal;
    sqlite3_file *real; /* behind this struct, in the same memory */
};

static const struct shim_hooks *hooks;
static sqlite3_vfs *real_vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct shim_file *)(void *)file)->real;
}

static struct shim_event event_of(sqlite3_file *file, enum shim_op op)
{
    const struct shim_file *shim = (struct shim_file *)(void *)file;
    return (struct shim_event){.op = op, .path = shim->path, .journal = shim->journal};
}

static bool is_watched(sqlite3_file *file)
{
    return ((struct shim_file *)(void *)file)->watched;
}

/* ------------------------------------------------------ what is looked at */

static int shim_write(sqlite3_file *file, const void *data, int bytes, sqlite3_int64 offset)
{
    struct shim_event event = event_of(file, SHIM_WRITE);
    event.data = data;
    event.bytes = (size_t)bytes;
    event.offset = (uint64_t)offset;
    if (is_watched(file)) {
        hooks->before(&event);
    }
    int rc = real_of(file)->pMethods->xWrite(real_of(file), data, bytes, offset);
    if (is_watched(file) && rc == SQLITE_OK) {
        hooks->after(&event);
    }
    return rc;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct shim_event event = event_of(file, SHIM_TRUNCATE);
    event.offset = (uint64_t)size;
    if (is_watched(file)) {
        hooks->before(&event);
    }
    int rc = real_of(file)->pMethods->xTruncate(real_of(file), size);
    if (is_watched(file) && rc == SQLITE_OK) {
        hooks->after(&event);
    }
    return rc;
}

static int shim_sync(sqlite3_file *file, int flags)
{
    struct shim_event event = event_of(file, SHIM_SYNC);
    if (is_watched(file)) {
        hooks->before(&event);
    }
    if (is_watched(file) && hooks->fails != NULL && hooks->fails(&event)) {
        return SQLITE_IOERR_FSYNC;
    }
    int rc = hooks->no_flush ? SQLITE_OK : real_of(file)->pMethods->xSync(real_of(file), flags);
    if (is_watched(file) && rc == SQLITE_OK) {
        hooks->after(&event);
    }
    return rc;
}

/* --------------------------------------------------------- what is handed on */

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *data, int bytes, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, bytes, offset);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), out);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int bytes, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, bytes, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory maps, which nobody could look at */
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int watched_kinds(void)
{
    return SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | (hooks->rollback ? SQLITE_OPEN_MAIN_JOURNAL : 0);
}

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                     int *out_flags)
{
    struct shim_file *shim = (struct shim_file *)(void *)file;
    (void)vfs;
    *shim = (struct shim_file){.path = path,
                               .watched = (flags & watched_kinds()) != 0,
                               .journal = (flags & SQLITE_OPEN_MAIN_DB) == 0,
                               .real = (sqlite3_file *)(void *)(shim + 1)};
    if (shim->watched && hooks->opened != NULL) {
        hooks->opened(path);
    }
    int rc = real_vfs->xOpen(real_vfs, path, shim->real, flags, out_flags);
    shim->base.pMethods = shim->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

static bool is_rollback(const char *path)
{
    static const char end[] = "-journal";
    size_t length = strlen(path);
    return length >= sizeof end - 1 && strcmp(path + length - (sizeof end - 1), end) == 0;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    struct shim_event event = {.op = SHIM_DELETE, .path = path, .journal = true};
    bool watched = hooks->rollback && is_rollback(path);
    (void)vfs;
    if (watched) {
        hooks->before(&event);
    }
    int rc = real_vfs->xDelete(real_vfs, path, sync);
    if (watched && rc == SQLITE_OK) {
        hooks->after(&event);
    }
    return rc;
}

void shim_install(const struct shim_hooks *given)
{
    static sqlite3_vfs vfs;
    hooks = given;
    if (real_vfs != NULL) {
        return;
    }
    real_vfs = sqlite3_vfs_find(NULL);
    if (real_vfs == NULL) {
        abort();
    }
    vfs = *real_vfs; /* all the rest is its own, and knows it by pAppData alone */
    vfs.zName = "gor-shim";
    vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
    vfs.xOpen = shim_open;
    vfs.xDelete = shim_delete;
    vfs.pNext = NULL;
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK) {
        abort();
    }
}
