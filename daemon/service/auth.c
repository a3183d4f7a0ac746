/* SPDX-License-Identifier: MIT */
#include "daemon/service/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/service/roles.h"
#include "runtime/gor.h"

void gord_auth_init(struct gord_auth *auth)
{
    memset(auth, 0, sizeof(*auth));
    auth->owner = geteuid();
}

void gord_auth_allow_group(struct gord_auth *auth, gid_t group)
{
    auth->has_group = true;
    auth->group = group;
}

/* ------------------------------------------------------------------ token */

static int make_token(struct gord_auth *auth, const char *path)
{
    unsigned char random[GORD_TOKEN_BYTES / 2];
    char temporary[PATH_MAX];
    char text[GORD_TOKEN_BYTES + 2];
    int result = 0;

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return -EIO;
    }
    for (size_t i = 0; i < sizeof(random); i++) {
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    }
    text[GORD_TOKEN_BYTES] = '\n';
    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    if (write(fd, text, GORD_TOKEN_BYTES + 1) != GORD_TOKEN_BYTES + 1 || fsync(fd) != 0 ||
        rename(temporary, path) != 0) {
        result = errno != 0 ? -errno : -EIO;
        unlink(temporary);
    }
    close(fd);
    if (result == 0) {
        memcpy(auth->token, text, GORD_TOKEN_BYTES);
        auth->token[GORD_TOKEN_BYTES] = '\0';
    }
    return result;
}

static int take_token(struct gord_auth *auth, int fd)
{
    char text[GORD_TOKEN_BYTES + 2];
    struct stat info;

    if (fstat(fd, &info) != 0) {
        return -errno;
    }
    if ((info.st_mode & 077) != 0) {
        return -EPERM;
    }
    ssize_t got = read(fd, text, sizeof(text));
    if (got == GORD_TOKEN_BYTES + 1 && text[GORD_TOKEN_BYTES] == '\n') {
        got--;
    }
    if (got != GORD_TOKEN_BYTES) {
        return got < 0 ? -errno : -EBADMSG;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (strchr("0123456789abcdefABCDEF", text[i]) == NULL || text[i] == '\0') {
            return -EBADMSG;
        }
    }
    memcpy(auth->token, text, GORD_TOKEN_BYTES);
    auth->token[GORD_TOKEN_BYTES] = '\0';
    return 0;
}

int gord_auth_load_token(struct gord_auth *auth, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return errno == ENOENT ? make_token(auth, path) : -errno;
    }
    int result = take_token(auth, fd);
    close(fd);
    return result;
}

/* The time it takes does not depend on where the two differ. */
static bool same_token(const char *want, const char *given)
{
    unsigned char difference = 0;

    if (strlen(given) != GORD_TOKEN_BYTES || want[0] == '\0') {
        return false;
    }
    for (size_t i = 0; i < GORD_TOKEN_BYTES; i++) {
        difference |= (unsigned char)(want[i] ^ given[i]);
    }
    return difference == 0;
}

/* ------------------------------------------------------------------ peers */

static bool look_up_member(uid_t uid, gid_t group)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];
    gid_t groups[256];
    int count = 256;

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) != 0 || found == NULL) {
        return false;
    }
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &count) < 0) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}

static bool is_member(struct gord_auth *auth, const struct rpc_peer *peer)
{
    if (!auth->has_group) {
        return false;
    }
    if (peer->gid == auth->group) {
        return true;
    }
    struct gord_auth_known *known = &auth->cache[peer->uid % GORD_AUTH_CACHE];
    if (!known->known || known->uid != peer->uid) {
        bool member = look_up_member(peer->uid, auth->group);
        *known = (struct gord_auth_known){peer->uid, true, member};
    }
    return known->member;
}

/* Each answers WIRE_OK with the peer's rank and uid, or why it is nobody. */
static enum wire_status know_local(struct gord_auth *auth, struct rpc_peer *peer, const char *path,
                                   char *out_text)
{
    if (peer->uid == 0 || peer->uid == auth->owner) {
        peer->rank = GORD_ROLE_ADMIN;
        return WIRE_OK;
    }
    if (is_member(auth, peer)) {
        peer->rank = GORD_ROLE_SUBMITTER;
        return WIRE_OK;
    }
    gord_log(GORD_LOG_WARNING, 0, "refused uid %u on %s", peer->uid, path);
    snprintf(out_text, 256,
             "user %u may not use this gord: it serves its own user, root, and the members of "
             "the socket's group",
             peer->uid);
    return WIRE_PERMISSION_DENIED;
}

static enum wire_status know_certificate(struct rpc_peer *peer, char *out_text)
{
    uint32_t uid;
    enum gord_role role = gord_role_of_uri(peer->uri, &uid);

    if (role == GORD_ROLE_NONE) {
        gord_log(GORD_LOG_WARNING, 0, "refused the certificate of '%s' from %s: it has no role",
                 peer->name, peer->address);
        snprintf(out_text, 256,
                 "the certificate of '%s' has no role: it takes a URI such as "
                 "urn:gor:role:submitter:uid:1000, as `gorctl tls client` makes them",
                 peer->name);
        return WIRE_PERMISSION_DENIED;
    }
    peer->rank = role;
    peer->uid = uid;
    return WIRE_OK;
}

/* The token itself goes nowhere: neither into the log nor into the answer. */
static enum wire_status refuse_wrong(struct gord_auth *auth, const struct rpc_peer *peer,
                                     char *out_text)
{
    uint64_t unheard;

    if (!gord_wrongs_note(&auth->wrongs, peer->address, gor_now(), &unheard)) {
        snprintf(out_text, 256,
                 "too many wrong tokens from your address; the right one is taken at any time");
        return WIRE_RESOURCE_EXHAUSTED;
    }
    if (unheard > 0) {
        gord_log(GORD_LOG_WARNING, 0, "refused %" PRIu64 " more wrong tokens from there, of %s",
                 unheard, peer->address);
    }
    gord_log(GORD_LOG_WARNING, 0, "refused a wrong token from %s", peer->address);
    snprintf(out_text, 256, "the bearer token is none of this daemon's, or was revoked");
    return WIRE_UNAUTHENTICATED;
}

static enum wire_status know_token(struct gord_auth *auth, struct rpc_peer *peer,
                                   const char *bearer, char *out_text)
{
    bool expired = false;
    const struct gord_token *token =
        auth->tokens != NULL ? gord_tokens_check(auth->tokens, bearer, &expired) : NULL;

    if (expired) {
        snprintf(out_text, 256,
                 "the token has expired; have a new one made with `gorctl token "
                 "create`");
        return WIRE_UNAUTHENTICATED;
    }
    if (token == NULL) {
        return refuse_wrong(auth, peer, out_text);
    }
    peer->rank = token->row.role;
    peer->uid = token->row.uid;
    peer->credential = token->credential;
    snprintf(peer->name, sizeof(peer->name), "%s", gord_token_label(token));
    return WIRE_OK;
}

static enum wire_status know_remote(struct gord_auth *auth, struct rpc_peer *peer,
                                    const char *bearer, char *out_text)
{
    if (bearer == NULL && peer->certified) {
        return know_certificate(peer, out_text);
    }
    if (bearer == NULL) {
        snprintf(out_text, 256,
                 "who are you? Over TCP a bearer token is needed%s; `gorctl token create` makes "
                 "one%s",
                 peer->tls ? " or a client's certificate, and neither was given" : "",
                 auth->token[0] != '\0'
                     ? ", and the daemon's own is in the file 'token' of its state directory"
                     : "");
        return WIRE_UNAUTHENTICATED;
    }
    if (gord_tokens_looks_like(bearer)) {
        return know_token(auth, peer, bearer, out_text);
    }
    if (!same_token(auth->token, bearer)) {
        return refuse_wrong(auth, peer, out_text);
    }
    peer->rank = GORD_ROLE_ADMIN;
    return WIRE_OK;
}

enum wire_status gord_auth_check(void *user, struct rpc_peer *peer, const char *path,
                                 const char *bearer, char out_text[256])
{
    struct gord_rule rule = gord_rule_of(path);
    enum wire_status status = peer->local ? know_local(user, peer, path, out_text)
                                          : know_remote(user, peer, bearer, out_text);

    if (status != WIRE_OK) {
        return status;
    }
    peer->observed = rule.role > GORD_ROLE_VIEWER; /* audit.h */
    if (peer->rank < rule.role) {
        gord_log(GORD_LOG_WARNING, 0, "refused %s from %s: a %s may not", path, peer->address,
                 gord_role_name(peer->rank));
        snprintf(out_text, 256, "%s takes the role of %s, and you have that of %s", path,
                 gord_role_name(rule.role), gord_role_name(peer->rank));
        return WIRE_PERMISSION_DENIED;
    }
    if (rule.submits && peer->uid == (uid_t)-1 && peer->rank < GORD_ROLE_ADMIN) {
        snprintf(out_text, 256,
                 "whose would these jobs be? %s '%s' names no user; have one made with `gorctl %s "
                 "--user`",
                 peer->credential != 0 ? "The token" : "The certificate of", peer->name,
                 peer->credential != 0 ? "token create" : "tls client");
        return WIRE_PERMISSION_DENIED;
    }
    if (((const struct gord_auth *)user)->over) {
        snprintf(out_text, 256, "the daemon is stopping; try again when it is back");
        return WIRE_UNAVAILABLE;
    }
    return WIRE_OK;
}
