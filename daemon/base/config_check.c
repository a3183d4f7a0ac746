/* SPDX-License-Identifier: MIT */
/* config_check.c - whether the files that a configuration names are there; see config.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/config.h"

enum { WHAT_IT_NAMES = GORD_OPTION_FILE | GORD_OPTION_PROGRAM | GORD_OPTION_FOLDER };

/* What is wrong with it, for the user we run as; NULL: nothing. */
static const char *look(const char *path, unsigned flags)
{
    struct stat st;
    bool folder = (flags & GORD_OPTION_FOLDER) != 0;
    int wanted = folder ? R_OK | X_OK : (flags & GORD_OPTION_PROGRAM) != 0 ? X_OK : R_OK;

    if (stat(path, &st) != 0) {
        return strerror(errno);
    }
    if (folder != S_ISDIR(st.st_mode)) {
        return folder ? "it is no folder" : "it is a folder";
    }
    return faccessat(AT_FDCWD, path, wanted, AT_EACCESS) != 0 ? strerror(errno) : NULL;
}

void gord_config_check_files(const struct gord_config *config, struct gord_faults *faults)
{
    char where[PATH_MAX + 64];

    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        const struct gord_option *option = gord_option_row((enum gord_option_id)id);
        if ((option->flags & WHAT_IT_NAMES) == 0) {
            continue;
        }
        const char *path = *(char *const *)((const char *)config + option->field);
        const char *why = path != NULL ? look(path, option->flags) : NULL;
        if (why != NULL) {
            gord_fault(faults, "%s is '%s', which gord cannot %s: %s",
                       gord_config_where(config, (enum gord_option_id)id, where, sizeof(where)),
                       path, (option->flags & GORD_OPTION_PROGRAM) != 0 ? "run" : "read", why);
        }
    }
}
