/* SPDX-License-Identifier: MIT */
/* address.c - see address.h. */
#include "client/address.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "rpc/tls.h"

static const char TLS_SCHEME[] = "tls://";
static const char SYSTEM_SOCKET[] = "/run/gord/gord.sock";

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

const char *gorctl_home_directory(void)
{
    const char *home = environment("HOME");
    if (home != NULL) {
        return home;
    }
    const struct passwd *user = getpwuid(getuid());
    return user != NULL ? user->pw_dir : "/";
}

void gorctl_places_init(struct gorctl_places *places)
{
    *places = (struct gorctl_places){0};
    if (geteuid() != 0) {
        const char *runtime = environment("XDG_RUNTIME_DIR");
        if (runtime != NULL) {
            places->paths[places->count++] = gorctl_format("%s/gord.sock", runtime);
        }
        const char *state = environment("XDG_STATE_HOME");
        places->paths[places->count++] =
            state != NULL
                ? gorctl_format("%s/gord/gord.sock", state)
                : gorctl_format("%s/.local/state/gord/gord.sock", gorctl_home_directory());
    }
    places->paths[places->count++] = gorctl_strdup(SYSTEM_SOCKET);
}

void gorctl_places_fini(struct gorctl_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        free(places->paths[i]);
    }
    places->count = 0;
}

char *gorctl_address_find(const struct gorctl *ctl, bool *out_guessed)
{
    const char *named = ctl->host != NULL ? ctl->host : environment("GOR_HOST");
    *out_guessed = named == NULL;
    if (named != NULL) {
        return gorctl_strdup(named);
    }
    struct gorctl_places places;
    gorctl_places_init(&places);
    size_t found = 0;
    struct stat st;
    while (found < places.count && stat(places.paths[found], &st) != 0 && errno != EACCES) {
        found++;
    }
    char *address = gorctl_strdup(places.paths[found < places.count ? found : 0]);
    gorctl_places_fini(&places);
    return address;
}

const char *gorctl_address_bare(const char *address)
{
    return strncmp(address, TLS_SCHEME, strlen(TLS_SCHEME)) == 0 ? address + strlen(TLS_SCHEME)
                                                                 : address;
}

bool gorctl_address_is_unix(const char *address)
{
    if (gorctl_address_bare(address) != address) {
        return false;
    }
    return strncmp(address, "unix:", 5) == 0 || strchr(address, '/') != NULL;
}

bool gorctl_address_is_socket(const char *address)
{
    struct stat found;
    const char *path = strncmp(address, "unix:", 5) == 0 ? address + 5 : address;
    return stat(path, &found) == 0 && S_ISSOCK(found.st_mode);
}

/* Tokens are words of printable ASCII; white space around them is an editor's. */
static char *clean_token(const char *text)
{
    size_t start = strspn(text, " \t\r\n");
    size_t end = strlen(text);
    while (end > start && strchr(" \t\r\n", text[end - 1]) != NULL) {
        end--;
    }
    for (size_t i = start; i < end; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return NULL;
        }
    }
    return end > start ? gorctl_copy(text + start, end - start) : NULL;
}

static int read_token_file(const char *path, char **out_token)
{
    char text[4096];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        int error = errno;
        gorctl_say("cannot read the token from '%s': %s", path, strerror(error));
        return error == ENOENT ? GORCTL_EXIT_NOT_FOUND : GORCTL_EXIT_DENIED;
    }
    struct stat found;
    if (fstat(fileno(file), &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 077) != 0) {
        fclose(file);
        gorctl_say("others can read the token in '%s'; make it private (chmod 600) and, since they "
                   "may know it, have a new one made",
                   path);
        return GORCTL_EXIT_DENIED;
    }
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    *out_token = clean_token(text);
    if (*out_token == NULL) {
        gorctl_say("'%s' holds no token: one line of letters and digits is expected", path);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

int gorctl_token_find(const struct gorctl *ctl, const char *address, char **out_token)
{
    *out_token = NULL;
    if (gorctl_address_is_unix(address)) {
        return GORCTL_EXIT_OK; /* the kernel tells the daemon who we are */
    }
    if (ctl->token_file != NULL) {
        return read_token_file(ctl->token_file, out_token);
    }
    const char *given = environment("GOR_TOKEN");
    if (given != NULL) {
        *out_token = clean_token(given);
        if (*out_token == NULL) {
            gorctl_say("$GOR_TOKEN holds no token: one line of letters and digits is expected");
            return GORCTL_EXIT_USAGE;
        }
    }
    return GORCTL_EXIT_OK;
}

int gorctl_tls_find(const struct gorctl *ctl, const char *address,
                    struct rpc_tls_context **out_context)
{
    struct rpc_tls_files files = {
        .ca = ctl->tls_ca != NULL ? ctl->tls_ca : environment("GOR_TLS_CA"),
        .cert = ctl->tls_cert != NULL ? ctl->tls_cert : environment("GOR_TLS_CERT"),
        .key = ctl->tls_key != NULL ? ctl->tls_key : environment("GOR_TLS_KEY"),
    };
    char why[RPC_TLS_TEXT];
    *out_context = NULL;
    bool asked = gorctl_address_bare(address) != address;
    if (gorctl_address_is_unix(address) || (!asked && files.ca == NULL && files.cert == NULL)) {
        return GORCTL_EXIT_OK;
    }
    if ((files.cert == NULL) != (files.key == NULL)) {
        gorctl_say("--tls-cert and --tls-key (or $GOR_TLS_CERT and $GOR_TLS_KEY) go together");
        return GORCTL_EXIT_USAGE;
    }
    int error = rpc_tls_context_new(&files, false, why, out_context);
    if (error != 0) {
        gorctl_say("%s", why);
        return error == -ENOENT   ? GORCTL_EXIT_NOT_FOUND
               : error == -EACCES ? GORCTL_EXIT_DENIED
                                  : GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}
