/* SPDX-License-Identifier: MIT */
/* doctor_way.c - see doctor.h: the way to the daemon: address, socket, token, and whether it answers.
 *
 * What gorctl itself says when it cannot reach a daemon is the finding; so there is one explanation for
 * each cause, not two.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/address.h"
#include "client/alloc.h"
#include "client/channel.h"
#include "client/choice.h"
#include "client/doctor.h"
#include "client/exits.h"
#include "gor/v1/runtime.pb-c.h"
#include "proto/decode.h"

#define ASK_NS ((int64_t)5 * 1000000000)

/* ------------------------------------------------------- what is said on stderr */

/* stderr goes to a file of ours from begin to end. */
struct overheard {
    int former; /* -1: it does not */
    int file;
};

static struct overheard listen_begin(void)
{
    struct overheard overheard = {.former = -1, .file = memfd_create("gorctl-doctor", MFD_CLOEXEC)};
    if (overheard.file >= 0) {
        overheard.former = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    }
    if (overheard.former >= 0) {
        (void)dup2(overheard.file, STDERR_FILENO);
    }
    return overheard;
}

/* The text, the caller's. */
static char *listen_end(const struct overheard *overheard)
{
    enum { MOST = 8192 };
    char *text = gorctl_alloc(MOST);
    if (overheard->former >= 0) {
        (void)dup2(overheard->former, STDERR_FILENO);
        close(overheard->former);
    }
    if (overheard->file >= 0) {
        ssize_t got = pread(overheard->file, text, MOST - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        close(overheard->file);
    }
    return text;
}

/* "gorctl: what is wrong\n  what to do\n" as a finding. */
static void tell_overheard(struct gorctl_doctor *doctor, const char *check, char *text)
{
    static const char prefix[] = "gorctl: ";
    char *line = strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : text;
    char *rest = line + strcspn(line, "\n");
    char *advice = gorctl_alloc(strlen(text) + 1);
    char *end = advice;
    if (*rest != '\0') {
        *rest++ = '\0';
    }
    for (char *next; (next = strsep(&rest, "\n")) != NULL;) {
        next += strspn(next, " ");
        if (next[0] != '\0' && strncmp(next, "`gorctl doctor`", 15) != 0) {
            end = stpcpy(stpcpy(end, end > advice ? "\n" : ""), next);
        }
    }
    char *semicolon =
        end == advice ? strstr(line, "; ") : NULL; /* "no such thing; write another" */
    if (semicolon != NULL) {
        strcpy(advice, semicolon + 2);
        *semicolon = '\0';
    }
    gorctl_finding(doctor, GORCTL_HEALTH_FAULT, check, advice, "%s",
                   line[0] != '\0' ? line : "it failed without a word");
    free(advice);
}

ProtobufCMessage *gorctl_doctor_ask(struct gorctl_doctor *doctor, const char *check,
                                    const char *path, const ProtobufCMessage *request,
                                    const ProtobufCMessageDescriptor *reply)
{
    struct gorctl_call call = {
        .path = path, .request = request, .reply = reply, .timeout_ns = ASK_NS};
    ProtobufCMessage *message = NULL;
    struct overheard overheard = listen_begin();
    enum wire_status status = WIRE_OK;
    int code = gorctl_call(doctor->ctl, &call, &status, &message);
    char *text = listen_end(&overheard);
    if (code != GORCTL_EXIT_OK && status == WIRE_UNIMPLEMENTED) {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, check, NULL,
                       "the daemon is older than this check");
    } else if (code != GORCTL_EXIT_OK) {
        tell_overheard(doctor, check, text);
    }
    free(text);
    return code == GORCTL_EXIT_OK ? message : NULL;
}

/* -------------------------------------------------------------- address */

void gorctl_doctor_address(struct gorctl_doctor *doctor)
{
    bool guessed;
    struct overheard overheard = listen_begin();
    int code = gorctl_choose(doctor->ctl);
    char *text = listen_end(&overheard);
    if (code != GORCTL_EXIT_OK) {
        tell_overheard(doctor, "address", text);
        free(text);
        return;
    }
    free(text);
    char *address = gorctl_address_find(doctor->ctl, &guessed);
    const char *scheme = strstr(address, "://");
    if (scheme != NULL && strncmp(address, "tls://", 6) != 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "address",
                       "Write HOST:PORT, or for a Unix socket its path",
                       "%s: '%.*s' is no scheme of gord", address, (int)(scheme - address),
                       address);
        doctor->elsewhere = true;
        free(address);
        return;
    }
    const struct gorctl_context *context = doctor->ctl->choice->context;
    gorctl_finding(doctor, GORCTL_HEALTH_OK, "address", NULL, "%s, by %s%s%s", address,
                   doctor->ctl->choice->by, context != NULL ? ": context " : "",
                   context != NULL ? context->name : "");
    doctor->elsewhere = !gorctl_address_is_unix(address);
    if (!doctor->elsewhere) {
        doctor->socket = gorctl_strdup(address + (strncmp(address, "unix:", 5) == 0 ? 5 : 0));
    }
    free(address);
}

/* --------------------------------------------------------------- socket */

/* Is the user of that group, whether or not this session knows it yet? */
static bool is_listed(const struct group *group, const struct passwd *user)
{
    for (char **member = group->gr_mem; *member != NULL; member++) {
        if (strcmp(*member, user->pw_name) == 0) {
            return true;
        }
    }
    return user->pw_gid == group->gr_gid;
}

static void tell_denied(struct gorctl_doctor *doctor, const struct stat *found)
{
    const struct passwd *user = getpwuid(geteuid());
    const struct group *group = getgrgid(found->st_gid);
    char *advice;
    if ((found->st_mode & S_IWGRP) == 0 || group == NULL || user == NULL || group->gr_gid == 0) {
        advice = gorctl_strdup("Ask its owner, or start a daemon of your own: gord &");
    } else if (is_listed(group, user)) {
        advice = gorctl_format("You are in the group '%s', but this session began before: log in "
                               "again, or type: newgrp %s",
                               group->gr_name, group->gr_name);
    } else {
        advice = gorctl_format("Type: sudo adduser %s %s; then log in again", user->pw_name,
                               group->gr_name);
    }
    gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "socket", advice,
                   "%s is for its owner and the group %s (mode %03o), and not for you",
                   doctor->socket, group != NULL ? group->gr_name : "?", found->st_mode & 0777U);
    free(advice);
}

void gorctl_doctor_socket(struct gorctl_doctor *doctor)
{
    static const char start[] = "Type: gord & (a daemon of your own), or: sudo systemctl enable "
                                "--now gord.socket (the machine's)";
    struct stat found;
    if (doctor->socket == NULL) {
        return;
    }
    errno = 0;
    if (stat(doctor->socket, &found) != 0 && errno == ENOENT) {
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "socket", start,
                       "there is no socket at %s: no daemon runs that uses it", doctor->socket);
    } else if (errno != 0) {
        gorctl_finding(
            doctor, GORCTL_HEALTH_FAULT, "socket",
            "Ask whoever runs that daemon to let you in, or type: gord & (one of your own)",
            "cannot look at %s: %s", doctor->socket, strerror(errno));
    } else if (!S_ISSOCK(found.st_mode)) {
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "socket",
                       "Name the daemon's socket with -H PATH or $GOR_HOST",
                       "%s is there, but it is no socket", doctor->socket);
    } else if (access(doctor->socket, W_OK) != 0) {
        tell_denied(doctor, &found);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "socket", NULL, "%s (mode %03o)", doctor->socket,
                       found.st_mode & 0777U);
    }
}

void gorctl_doctor_token(struct gorctl_doctor *doctor)
{
    const char *path = doctor->ctl->token_file;
    struct stat found;
    if (!doctor->elsewhere || path == NULL || stat(path, &found) != 0) {
        return; /* what is missing is told when it is wanted */
    }
    if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        char *advice = gorctl_format("Type: chmod 600 '%s'", path);
        gorctl_finding(doctor, GORCTL_HEALTH_FAULT, "token", advice,
                       "others can read the token in %s (mode %03o), so it is not used", path,
                       found.st_mode & 0777U);
        free(advice);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "token", NULL, "%s", path);
    }
}

/* ----------------------------------------------------------- connection */

void gorctl_doctor_connection(struct gorctl_doctor *doctor)
{
    Gor__V1__VersionRequest request = GOR__V1__VERSION_REQUEST__INIT;
    if (doctor->faults > 0) {
        gorctl_finding(doctor, GORCTL_HEALTH_SKIPPED, "connection", NULL,
                       "not tried, with that fault");
        return;
    }
    Gor__V1__VersionReply *reply = (Gor__V1__VersionReply *)gorctl_doctor_ask(
        doctor, "connection", "/gor.v1.Runtime/Version", &request.base,
        &gor__v1__version_reply__descriptor);
    if (reply == NULL) {
        return;
    }
    doctor->reached = true;
    doctor->daemon = reply->pid;
    gorctl_finding(doctor, GORCTL_HEALTH_OK, "connection", NULL, "gord answers, process %u",
                   (unsigned)reply->pid);
    if (strcmp(reply->version, GORCTL_VERSION) != 0) {
        gorctl_finding(
            doctor, GORCTL_HEALTH_WARNING, "version",
            "Install the same of both; after an upgrade the daemon must be started anew: "
            "sudo systemctl restart gord",
            "gorctl is %s, gord is %s", GORCTL_VERSION, reply->version);
    } else {
        gorctl_finding(doctor, GORCTL_HEALTH_OK, "version", NULL, "%s, of both", GORCTL_VERSION);
    }
    wire_decoded_free(&reply->base);
}
