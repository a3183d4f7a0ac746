/* SPDX-License-Identifier: MIT */
/* stream.c - see stream.h. */
#include "runtime/debug/stream.h"

#include <errno.h>
#include <stdbool.h>

static int error_of(bool failed)
{
    if (!failed) {
        return 0;
    }
    return errno != 0 ? -errno : -EIO;
}

int gor__stream_write(void *arg, const char *text, size_t bytes)
{
    errno = 0;
    return error_of(fwrite(text, 1, bytes, arg) != bytes);
}

int gor__stream_flush(FILE *out)
{
    errno = 0;
    return error_of(fflush(out) != 0);
}

int gor__stream_end(FILE *out)
{
    errno = 0;
    return error_of(fflush(out) != 0 || ferror(out));
}
