/* SPDX-License-Identifier: MIT */
#include "daemon/runner/plugin_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/gor.h"

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#endif
#define OUR_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* ------------------------------------------------------------------ who may write it */

static bool others_may_write(const struct stat *st)
{
    bool by_owner = st->st_uid != 0 && st->st_uid != geteuid();
    bool by_group = (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0 && st->st_gid != getegid();

    return by_owner || by_group || (st->st_mode & S_IWOTH) != 0;
}

static int refuse_writers(const char *path, const struct stat *st, char *error)
{
    snprintf(
        error, GORD_PLUGIN_ERROR,
        "%s may be written by others (owner %u, group %u, mode %04o), who could do whatever gord "
        "may: give it to root or to gord's user, and take the right to write from the rest "
        "(chmod go-w)",
        path, st->st_uid, st->st_gid, st->st_mode & 07777);
    return -EPERM;
}

static int refuse(const char *path, const char *what, int result, char *error)
{
    snprintf(error, GORD_PLUGIN_ERROR, "%s %s: %s", path, what, strerror(-result));
    return result;
}

int gord_plugin_check_folder(const char *folder, char *error)
{
    struct stat st = {0};
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd >= 0 && fstat(fd, &st) == 0 ? 0 : -errno;

    if (fd >= 0) {
        close(fd);
    }
    if (result != 0) {
        return refuse(folder, "cannot be read", result, error);
    }
    return others_may_write(&st) ? refuse_writers(folder, &st, error) : 0;
}

static struct gord_plugin_stamp stamp_of(const struct stat *st)
{
    return (struct gord_plugin_stamp){
        .device = st->st_dev,
        .file = st->st_ino,
        .bytes = st->st_size,
        .modified_ns = st->st_mtim.tv_sec * GOR_SECOND + st->st_mtim.tv_nsec,
        .changed_ns = st->st_ctim.tv_sec * GOR_SECOND + st->st_ctim.tv_nsec};
}

bool gord_plugin_stamp_equal(const struct gord_plugin_stamp *a, const struct gord_plugin_stamp *b)
{
    return a->device == b->device && a->file == b->file && a->bytes == b->bytes &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

int gord_plugin_file_open(const char *path, struct gord_plugin_stamp *out_stamp, char *error)
{
    struct stat st = {0};
    /* Not to wait for the other end of what is no file. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int result = fd >= 0 && fstat(fd, &st) == 0 ? 0 : -errno;

    if (result != 0) {
        result = refuse(path, "cannot be read", result, error);
    } else if (!S_ISREG(st.st_mode)) {
        snprintf(error, GORD_PLUGIN_ERROR, "%s is no regular file", path);
        result = -ENOEXEC;
    } else if (others_may_write(&st)) {
        result = refuse_writers(path, &st, error);
    }
    if (result != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return result;
    }
    *out_stamp = stamp_of(&st);
    return fd;
}

/* ------------------------------------------------------------------ is it whole */

static const char *fault_of_header(const ElfW(Ehdr) * header)
{
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return "is no shared object (no ELF file)";
    }
    if (header->e_ident[EI_CLASS] != OUR_CLASS || header->e_machine != OUR_MACHINE) {
        return "is for another kind of machine";
    }
    if (header->e_type != ET_DYN || header->e_phentsize != sizeof(ElfW(Phdr))) {
        return "is no shared object; build it with -shared -fPIC";
    }
    return NULL;
}

/* The dynamic loader believes the headers, and a file cut short would end the daemon by SIGBUS. */
int gord_plugin_file_check(int fd, const char *path, char *error)
{
    ElfW(Ehdr) header = {0};
    struct stat st = {0};
    const char *fault = NULL;
    ssize_t got = pread(fd, &header, sizeof(header), 0);

    if (got < 0 || fstat(fd, &st) != 0) {
        return refuse(path, "cannot be read", -errno, error);
    }
    fault = fault_of_header(&header);
    for (unsigned i = 0; fault == NULL && i < header.e_phnum; i++) {
        ElfW(Phdr) segment;
        off_t at = (off_t)(header.e_phoff + i * sizeof(segment));
        if (pread(fd, &segment, sizeof(segment), at) != sizeof(segment) ||
            (segment.p_type == PT_LOAD &&
             (segment.p_filesz > (uint64_t)st.st_size ||
              segment.p_offset > (uint64_t)st.st_size - segment.p_filesz))) {
            fault = "is cut short: copy it again, and rename the copy into place";
        }
    }
    if (fault != NULL) {
        snprintf(error, GORD_PLUGIN_ERROR, "%s %s", path, fault);
        return -ENOEXEC;
    }
    return 0;
}

/* ------------------------------------------------------------------ a copy */

static int copy_bytes(int from, int to, off_t bytes)
{
    off_t at = 0;

    while (at < bytes) {
        ssize_t put = sendfile(to, from, &at, (size_t)(bytes - at));
        if (put <= 0) {
            return put < 0 ? -errno : -EAGAIN; /* it has become shorter */
        }
    }
    return 0;
}

int gord_plugin_file_copy(int fd, const struct gord_plugin_stamp *stamp, const char *path,
                          const char *copy, char *error)
{
    struct stat st = {0};
    int to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
    int result = to >= 0 ? copy_bytes(fd, to, stamp->bytes) : -errno;

    if (to >= 0 && close(to) != 0 && result == 0) {
        result = -errno;
    }
    if (result == 0) {
        struct gord_plugin_stamp now = {0};
        if (fstat(fd, &st) == 0) {
            now = stamp_of(&st);
        }
        result = gord_plugin_stamp_equal(&now, stamp) ? 0 : -EAGAIN;
    }
    if (result == -EAGAIN) {
        snprintf(error, GORD_PLUGIN_ERROR,
                 "%s changes while it is read; try again when it is there", path);
    } else if (result != 0) {
        snprintf(error, GORD_PLUGIN_ERROR, "%s cannot be copied to %s: %s", path, copy,
                 strerror(-result));
    }
    if (result != 0 && to >= 0) {
        unlink(copy);
    }
    return result;
}
