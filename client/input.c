/* SPDX-License-Identifier: MIT */
/* input.c - see input.h. */
#include "client/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"

static int read_all(int fd, size_t most, uint8_t **out_bytes, size_t *out_length)
{
    size_t room = most + 1; /* one more, to see that there is more */
    uint8_t *bytes = gorctl_alloc(room);
    size_t length = 0;
    ssize_t got = 1;
    while (length < room && got != 0) {
        got = read(fd, bytes + length, room - length);
        if (got < 0 && errno != EINTR) {
            int error = -errno;
            free(bytes);
            return error;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    if (length > most) {
        free(bytes);
        return -EFBIG;
    }
    *out_bytes = bytes;
    *out_length = length;
    return 0;
}

int gorctl_input_read(const char *path, size_t most, uint8_t **out_bytes, size_t *out_length)
{
    if (strcmp(path, "-") == 0) {
        return read_all(STDIN_FILENO, most, out_bytes, out_length);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int rc = read_all(fd, most, out_bytes, out_length);
    close(fd);
    return rc;
}
