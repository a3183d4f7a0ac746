/* SPDX-License-Identifier: MIT */
/* place.c - see place.h. */
#include "daemon/store/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* The number of "path-wal", 0 if there is none. */
static ino_t journal_of(const char *path)
{
    char journal[PATH_MAX];
    struct stat found;
    int length = snprintf(journal, sizeof journal, "%s-wal", path);
    bool fits = length > 0 && (size_t)length < sizeof journal;
    return fits && stat(journal, &found) == 0 ? found.st_ino : 0;
}

int gord_place_init(struct gord_place *place, const char *path)
{
    struct stat found;
    if (stat(path, &found) != 0) {
        return -errno;
    }
    *place = (struct gord_place){path, found.st_dev, found.st_ino, journal_of(path)};
    return 0;
}

bool gord_place_is_kept(const struct gord_place *place)
{
    struct stat found;
    return stat(place->path, &found) == 0 && found.st_dev == place->device &&
           found.st_ino == place->file &&
           (place->journal == 0 || journal_of(place->path) == place->journal);
}
