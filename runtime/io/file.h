/* SPDX-License-Identifier: MIT */
/* file.h - reading and writing what the poller cannot watch: regular files and some devices.
 *
 * Reads are served from the page cache at once (RWF_NOWAIT), else on a thread of gor_blocking, for
 * the disk may take its time; writes go to the page cache here.
 */
#ifndef GOR_IO_FILE_H
#define GOR_IO_FILE_H

#include <sys/uio.h>

#include "runtime/gor.h"

/* An offset that stands for the file's own position. */
#define GOR__FILE_POSITION ((off_t)-1)

/* Like preadv2 and pwritev2; negative errno. */
ssize_t gor__file_read(int fd, const struct iovec *parts, int count, off_t offset);
ssize_t gor__file_write(int fd, const struct iovec *parts, int count, off_t offset);

#endif
