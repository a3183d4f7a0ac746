/* SPDX-License-Identifier: MIT */
/* plugin_file.h - a shared object as a file: may it be trusted, is it whole, and a copy of our own.
 *
 * What is loaded is a copy, so that the file can be replaced, written over or removed at any time.
 * Whoever may write the file, or its folder, may do whatever gord may: so only root and gord's own user
 * may, and those of gord's own group.
 *
 * Threads     any. Errors come with a sentence in `error` (GORD_PLUGIN_ERROR bytes) that names the file.
 */
#ifndef GORD_RUNNER_PLUGIN_FILE_H
#define GORD_RUNNER_PLUGIN_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { GORD_PLUGIN_ERROR = 512 };

/* Of a file with the same stamp nothing has changed. */
struct gord_plugin_stamp {
    dev_t device;
    ino_t file;
    off_t bytes;
    int64_t modified_ns;
    int64_t changed_ns;
};

/* 0, or the errno of opening it; -EPERM: others may write there. */
int gord_plugin_check_folder(const char *folder, char *error);

/* Open for reading, if it is a regular file that nobody else may write: a descriptor and its stamp. An errno;
 * -EPERM. */
int gord_plugin_file_open(const char *path, struct gord_plugin_stamp *out_stamp, char *error);

/* Is it a shared object for this machine, with nothing missing? -ENOEXEC; -EIO. */
int gord_plugin_file_check(int fd, const char *path, char *error);

/* Copy it to a new file, for us to read and execute. -EAGAIN: it changed meanwhile; else an errno; there is
 * no copy then. */
int gord_plugin_file_copy(int fd, const struct gord_plugin_stamp *stamp, const char *path,
                          const char *copy, char *error);

bool gord_plugin_stamp_equal(const struct gord_plugin_stamp *a, const struct gord_plugin_stamp *b);

#endif
