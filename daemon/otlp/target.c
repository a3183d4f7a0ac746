/* SPDX-License-Identifier: MIT */
/* target.c - see target.h. */
#include "daemon/otlp/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define METRICS_PATH "/v1/metrics"

enum { FILE_MAX = 16 * 1024 };

/* ---- the address */

static char *make_url(const char *endpoint)
{
    size_t length = strlen(endpoint);
    size_t tail = strlen(METRICS_PATH);
    char *url = NULL;

    while (length > 0 && endpoint[length - 1] == '/') {
        length--;
    }
    bool whole = length >= tail && strncmp(endpoint + length - tail, METRICS_PATH, tail) == 0;
    if (asprintf(&url, "%.*s%s", (int)length, endpoint, whole ? "" : METRICS_PATH) < 0) {
        return NULL;
    }
    return url;
}

/* ---- headers */

/* What is in an open file, as a text that the caller frees. -EACCES: everybody can read it; -EFBIG; -EINVAL:
 * it is no text; -ENOMEM; or the error of reading it. */
static int read_text(int fd, char **out_text)
{
    struct stat info;

    if (fstat(fd, &info) != 0) {
        return -errno;
    }
    if ((info.st_mode & 07) != 0) {
        return -EACCES;
    }
    char *text = calloc(1, FILE_MAX + 2);
    if (text == NULL) {
        return -ENOMEM;
    }
    ssize_t got = read(fd, text, FILE_MAX + 1);
    int result = got < 0 ? -errno : got > FILE_MAX ? -EFBIG : 0;
    if (result == 0 && strlen(text) != (size_t)got) {
        result = -EINVAL;
    }
    if (result != 0) {
        free(text);
        return result;
    }
    *out_text = text;
    return 0;
}

static int read_file(const char *path, char why[GORD_OTLP_WHY], char **out_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int result = fd < 0 ? -errno : read_text(fd, out_text);

    if (fd >= 0 && result == -EACCES) {
        snprintf(why, GORD_OTLP_WHY,
                 "everybody can read the headers in '%s'; make it private (chmod o-rwx) and, since "
                 "others may know what is in it, have that changed",
                 path);
    } else if (result != 0) {
        snprintf(why, GORD_OTLP_WHY, "cannot read the headers in '%s': %s", path,
                 result == -EFBIG    ? "it has more than 16 KiB"
                 : result == -EINVAL ? "it is no text"
                                     : strerror(-result));
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* What is wrong with the line as a header; NULL: nothing. */
static const char *find_fault(const char *line)
{
    static const char *const own[] = {"content-type", "content-length", "transfer-encoding", "host",
                                      "connection"};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-.^_`|~";
    size_t length = strspn(line, letters);

    if (length == 0 || line[length] != ':') {
        return "is no header, such as 'Authorization: Bearer ...'";
    }
    if (line[length + 1 + strspn(line + length + 1, " \t")] == '\0') {
        return "has no value";
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strlen(own[i]) == length && strncasecmp(line, own[i], length) == 0) {
            return "is a header that gord sends by itself";
        }
    }
    for (const char *at = line + length; *at != '\0'; at++) {
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f) {
            return "has a control character in it";
        }
    }
    return NULL;
}

/* A fault says which line it is, and not what is in it. */
static int take_line(struct gord_otlp_target *target, const char *line, char why[GORD_OTLP_WHY],
                     const char *path, unsigned number)
{
    const char *fault = find_fault(line);

    if (fault == NULL && target->header_count == GORD_OTLP_HEADERS_MAX) {
        fault = "is one too many; there can be 32 headers";
    }
    if (fault != NULL) {
        snprintf(why, GORD_OTLP_WHY, "%s:%u: the line %s", path, number, fault);
        return -EINVAL;
    }
    char *copy = strdup(line);
    if (copy == NULL) {
        return -ENOMEM;
    }
    target->headers[target->header_count++] = copy;
    return 0;
}

static int take_headers(struct gord_otlp_target *target, const char *path, char why[GORD_OTLP_WHY])
{
    char *text = NULL;
    int result = read_file(path, why, &text);
    unsigned number = 0;

    for (char *line = text; result == 0 && line != NULL && *line != '\0';) {
        char *next = line + strcspn(line, "\n");
        char *end = next;
        next += *next == '\n';
        *end = '\0';
        while (end > line && strchr(" \t\r", end[-1]) != NULL) {
            *--end = '\0';
        }
        line += strspn(line, " \t");
        number++;
        if (*line != '\0' && *line != '#') {
            result = take_line(target, line, why, path, number);
        }
        line = next;
    }
    free(text);
    return result;
}

/* ---- the whole */

int gord_otlp_target_new(const char *endpoint, const char *headers, const char *ca,
                         char why[GORD_OTLP_WHY], struct gord_otlp_target **out_target)
{
    struct gord_otlp_target *target = calloc(1, sizeof(*target));
    int result = -ENOMEM;

    snprintf(why, GORD_OTLP_WHY, "out of memory");
    if (target == NULL) {
        return result;
    }
    target->url = make_url(endpoint);
    target->ca = ca != NULL ? strdup(ca) : NULL;
    if (target->url != NULL && (ca == NULL) == (target->ca == NULL)) {
        result = headers != NULL ? take_headers(target, headers, why) : 0;
    }
    if (result != 0) {
        gord_otlp_target_free(target);
        return result;
    }
    *out_target = target;
    return 0;
}

void gord_otlp_target_free(struct gord_otlp_target *target)
{
    if (target == NULL) {
        return;
    }
    for (size_t i = 0; i < target->header_count; i++) {
        explicit_bzero(target->headers[i], strlen(target->headers[i]));
        free(target->headers[i]);
    }
    free(target->url);
    free(target->ca);
    free(target);
}

static bool same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

bool gord_otlp_target_equal(const struct gord_otlp_target *one,
                            const struct gord_otlp_target *other)
{
    if (one == NULL || other == NULL) {
        return one == other;
    }
    bool same = same_text(one->url, other->url) && same_text(one->ca, other->ca) &&
                one->header_count == other->header_count;

    for (size_t i = 0; same && i < one->header_count; i++) {
        same = strcmp(one->headers[i], other->headers[i]) == 0;
    }
    return same;
}
