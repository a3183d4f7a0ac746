/* SPDX-License-Identifier: MIT */
/* Who is let in, as far as no daemon is needed to tell: see also e2e/security_test. */
#include <string.h>
#include <unistd.h>

#include "daemon/service/auth.h"
#include "tests/test.h"

static enum wire_status ask(struct gord_auth *auth, uid_t uid, const char *path, char text[256])
{
    struct rpc_peer peer;
    memset(&peer, 0, sizeof peer);
    peer.local = true;
    peer.uid = uid;
    text[0] = '\0';
    return gord_auth_check(auth, &peer, path, NULL, text);
}

TEST(nobody_is_let_in_once_it_is_over)
{
    struct gord_auth auth;
    char text[256];
    gord_auth_init(&auth);
    CHECK_EQ(ask(&auth, geteuid(), "/gor.v1.Jobs/Watch", text), WIRE_OK);
    auth.over = true;
    CHECK_EQ(ask(&auth, geteuid(), "/gor.v1.Jobs/Watch", text), WIRE_UNAVAILABLE);
    CHECK(strstr(text, "try again") != NULL);
    /* A stranger learns nothing new. */
    CHECK_EQ(ask(&auth, geteuid() + 1, "/gor.v1.Jobs/Watch", text), WIRE_PERMISSION_DENIED);
}
