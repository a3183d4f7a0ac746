/* SPDX-License-Identifier: MIT */
/* secret.c - the file of secrets; see signer.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sign/signer_internal.h"

#define PREFIX "whsec_"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

enum { FILE_MOST = 4096, BASE64_MOST = (GORD_SECRET_MOST + 2) / 3 * 4 };

/* Who else could read or change it; NULL: nobody. An access list that lets in others shows as a right of
 * its group, as with systemd's credentials, whose group is root's. */
static const char *who_else(const struct stat *info)
{
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        return "it belongs to somebody else than root and gord's user";
    }
    if ((info->st_mode & S_IRWXO) != 0) {
        return "everybody has a right to it";
    }
    if ((info->st_mode & S_IWGRP) != 0) {
        return "its group may write it";
    }
    if ((info->st_mode & S_IRWXG) != 0 && info->st_gid != 0 && info->st_gid != getegid()) {
        return "its group, which is neither root's nor gord's, has a right to it";
    }
    return NULL;
}

static int read_open(int fd, const char *path, char why[GORD_SIGNER_WHY], char text[FILE_MOST + 2])
{
    struct stat info;

    if (fstat(fd, &info) != 0) {
        return -errno;
    }
    const char *fault = who_else(&info);
    if (!S_ISREG(info.st_mode)) {
        snprintf(why, GORD_SIGNER_WHY,
                 "'%s' is no regular file; it must be one with secrets of webhooks", path);
        return -EINVAL;
    }
    if (fault != NULL) {
        snprintf(why, GORD_SIGNER_WHY,
                 "the secrets of webhooks in '%s' are none: %s; make the file private (chown root, "
                 "chmod 0600) and, since others may know what is in it, put a new secret there",
                 path, fault);
        return -EACCES;
    }
    ssize_t got = read(fd, text, FILE_MOST + 1);
    if (got < 0) {
        return -errno;
    }
    text[got] = '\0';
    return got > FILE_MOST ? -EFBIG : strlen(text) != (size_t)got ? -EINVAL : 0;
}

static int read_file(const char *path, char why[GORD_SIGNER_WHY], char text[FILE_MOST + 2])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    why[0] = '\0';
    int result = fd < 0 ? -errno : read_open(fd, path, why, text);
    if (result != 0 && why[0] == '\0') {
        snprintf(why, GORD_SIGNER_WHY, "cannot read the secrets of webhooks in '%s': %s", path,
                 result == -EFBIG    ? "it has more than 4 KiB"
                 : result == -EINVAL ? "it is no text"
                                     : strerror(-result));
    }
    if (fd >= 0) {
        close(fd);
    }
    return result;
}

/* What is wrong with the line; NULL: nothing. The decoder would take a '=' anywhere for a letter. */
static const char *take_line(const char *line, struct gord_signer *signer)
{
    uint8_t room[BASE64_MOST / 4 * 3];
    size_t letters =
        strncmp(line, PREFIX, strlen(PREFIX)) == 0 ? strspn(line + strlen(PREFIX), LETTERS) : 0;
    const char *text = line + strlen(PREFIX);

    if (letters == 0) {
        return "is no secret, which is 'whsec_' and base64";
    }
    size_t pads = strspn(text + letters, "=");
    if (text[letters + pads] == ' ' || text[letters + pads] == '\t') {
        return "has more behind its secret; put each secret on a line of its own, and remarks on "
               "lines with '#' in front";
    }
    if (text[letters + pads] != '\0' || pads > 2 || (letters + pads) % 4 != 0) {
        return "is not base64 behind its 'whsec_'";
    }
    size_t bytes = letters * 3 / 4;
    if (bytes < GORD_SECRET_LEAST || bytes > GORD_SECRET_MOST) {
        return "does not have the 24 to 64 bytes of a secret";
    }
    if (signer->count == GORD_SIGNER_SECRETS) {
        return "is one too many; there can be 4 secrets";
    }
    struct gord_secret *secret = &signer->secrets[signer->count++];
    (void)EVP_DecodeBlock(room, (const uint8_t *)text, (int)(letters + pads));
    memcpy(secret->key, room, bytes);
    secret->bytes = bytes;
    OPENSSL_cleanse(room, sizeof(room));
    return NULL;
}

/* Blanks around it are nothing. */
static char *strip(char *line)
{
    static const char blanks[] = " \t\r";

    line += strspn(line, blanks);
    size_t length = strlen(line);
    while (length > 0 && strchr(blanks, line[length - 1]) != NULL) {
        length--;
    }
    line[length] = '\0';
    return line;
}

/* A fault says which line it is, and not what is in it. Blank lines, and those with a '#' in front, are
 * nothing. */
static int take_lines(char *text, const char *path, char why[GORD_SIGNER_WHY],
                      struct gord_signer *signer)
{
    char *rest = text;
    unsigned number = 0;

    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        number++;
        line = strip(line);
        const char *fault = line[0] == '\0' || line[0] == '#' ? NULL : take_line(line, signer);
        if (fault != NULL) {
            snprintf(why, GORD_SIGNER_WHY, "%s:%u: the line %s", path, number, fault);
            return -EINVAL;
        }
    }
    if (signer->count == 0) {
        snprintf(why, GORD_SIGNER_WHY,
                 "there is no secret of webhooks in '%s'; make one: (umask 077; { printf "
                 "whsec_; head -c 32 /dev/urandom | base64; } > '%s')",
                 path, path);
        return -EINVAL;
    }
    return 0;
}

int gord_secret_read(const char *path, char why[GORD_SIGNER_WHY], struct gord_signer *signer)
{
    char text[FILE_MOST + 2];
    int result = read_file(path, why, text);

    if (result == 0) {
        result = take_lines(text, path, why, signer);
    }
    OPENSSL_cleanse(text, sizeof(text));
    return result;
}
