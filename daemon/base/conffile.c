/* SPDX-License-Identifier: MIT */
/* conffile.c - see conffile.h. */
#include "daemon/base/conffile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lines {
    const char *name;
    struct gord_faults *faults;
    gord_conffile_fn *each;
    void *arg;
};

/* Of one byte, whatever the locale is. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Cut the blanks from both ends; answers where the rest begins. */
static char *trim(char *text)
{
    size_t length = strlen(text);

    while (length > 0 && is_blank(text[length - 1])) {
        text[--length] = '\0';
    }
    while (is_blank(*text)) {
        text++;
    }
    return text;
}

static void cut_comment(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        if (*p == '#' && (p == text || is_blank(p[-1]))) {
            *p = '\0';
            return;
        }
    }
}

static void take_line(const struct lines *lines, char *text, unsigned number)
{
    cut_comment(text);
    char *key = trim(text);
    if (key[0] == '\0') {
        return;
    }
    char *equals = strchr(key, '=');
    if (key[0] == '[') {
        gord_fault(lines->faults, "%s:%u: '%.100s': there are no sections here; leave the line out",
                   lines->name, number, key);
    } else if (equals == NULL) {
        gord_fault(lines->faults, "%s:%u: '%.100s' is no line of the form key = value", lines->name,
                   number, key);
    } else {
        *equals = '\0';
        key = trim(key);
        if (key[0] == '\0') {
            gord_fault(lines->faults, "%s:%u: there is no key before the '='", lines->name, number);
        } else {
            lines->each(lines->arg, key, trim(equals + 1), number);
        }
    }
}

void gord_conffile_parse(const char *text, size_t bytes, const char *name,
                         struct gord_faults *faults, gord_conffile_fn *each, void *arg)
{
    const struct lines lines = {name, faults, each, arg};
    char line[GORD_CONFFILE_LINE + 1];
    const char *end = text + bytes;

    for (unsigned number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((newline != NULL ? newline : end) - text);
        if (length > GORD_CONFFILE_LINE) {
            gord_fault(faults, "%s:%u: the line has %zu bytes, and at most %d are read", name,
                       number, length, GORD_CONFFILE_LINE);
        } else if (memchr(text, '\0', length) != NULL) {
            gord_fault(faults, "%s:%u: there is a zero byte; this is no text file", name, number);
        } else {
            memcpy(line, text, length);
            line[length] = '\0';
            take_line(&lines, line, number);
        }
        text += length + (newline != NULL);
    }
}

/* What keeps an open file from being believed; NULL: nothing. */
static const char *distrust(const struct stat *st)
{
    if (!S_ISREG(st->st_mode)) {
        return "is no regular file";
    }
    if ((st->st_mode & S_IWOTH) != 0) {
        return "can be written by everybody, who could have gord run what they like; chmod o-w it";
    }
    if (st->st_size > GORD_CONFFILE_BYTES) {
        return "has more than 1 MiB, so it is something else";
    }
    return NULL;
}

/* The bytes of an open file that is believed. As gord_conffile_read. */
static int read_all(int fd, const char *path, struct gord_faults *faults, char **out_text,
                    size_t *out_bytes)
{
    char *text = malloc(GORD_CONFFILE_BYTES);
    size_t used = 0;
    ssize_t count = 1;

    if (text == NULL) {
        return -ENOMEM;
    }
    while (used < GORD_CONFFILE_BYTES && count > 0) {
        count = read(fd, text + used, GORD_CONFFILE_BYTES - used);
        used += count > 0 ? (size_t)count : 0;
    }
    if (count < 0) {
        gord_fault(faults, "cannot read the configuration file %s: %s", path, strerror(errno));
        free(text);
        return -EINVAL;
    }
    *out_text = text;
    *out_bytes = used;
    return 0;
}

int gord_conffile_read(const char *path, struct gord_faults *faults, char **out_text,
                       size_t *out_bytes)
{
    struct stat st;
    /* Not waiting for whoever writes to a pipe of that name. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && errno == ENOENT) {
        return -ENOENT;
    }
    if (fd < 0 || fstat(fd, &st) != 0) {
        gord_fault(faults,
                   "cannot read the configuration file %s: %s; let the user gord runs as read it, "
                   "or start gord with --no-config",
                   path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -EINVAL;
    }
    const char *why = distrust(&st);
    int result = -EINVAL;
    if (why != NULL) {
        gord_fault(faults, "the configuration file %s %s", path, why);
    } else {
        result = read_all(fd, path, faults, out_text, out_bytes);
    }
    close(fd);
    return result;
}
