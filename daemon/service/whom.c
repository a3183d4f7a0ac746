/* SPDX-License-Identifier: MIT */
/* whom.c - see whom.h. */
#include "daemon/service/whom.h"

#include <stdio.h>
#include <string.h>

#include "daemon/runner/text.h"

void gord_by_whom(struct rpc_call *call, const char *cause, char out[GORD_BY_WHOM])
{
    const struct rpc_peer *peer = rpc_call_peer(call);
    char clean[GORD_CAUSE_MAX + 64];
    char who[160];

    if (peer->local) {
        snprintf(who, sizeof(who), "by user %u", peer->uid);
    } else if (peer->credential != 0) {
        snprintf(who, sizeof(who), "with token '%.63s' from %.48s", peer->name, peer->address);
    } else {
        snprintf(who, sizeof(who), "from %s", peer->address);
    }
    gord_text_clean(cause, strlen(cause), clean, sizeof(clean));
    snprintf(out, GORD_BY_WHOM, "%s%s%s", who, clean[0] != '\0' ? ": " : "", clean);
}
