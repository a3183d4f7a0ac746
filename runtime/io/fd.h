/* SPDX-License-Identifier: MIT */
/* fd.h - waiting for a descriptor, for those who try by themselves. */
#ifndef GOR_IO_FD_H
#define GOR_IO_FD_H

struct gor__limit;

/* As gor_fd_wait. */
int gor__fd_wait(int fd, int events, const struct gor__limit *limit);

#endif
