/* SPDX-License-Identifier: MIT */
#include "daemon/service/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/event/ask.h"
#include "daemon/service/roles.h"
#include "daemon/service/scope.h"

bool gord_owner_may_all(struct rpc_call *call)
{
    return rpc_call_peer(call)->rank >= GORD_ROLE_OPERATOR;
}

/* Is it the caller's, and in a queue that his token is for? */
static int judge(struct gord_service *service, struct rpc_call *call, uint32_t uid,
                 const struct gord_spec *spec)
{
    struct gord_ask ask = {.queue = ""};

    if (rpc_call_peer(call)->uid != uid) {
        return -EPERM;
    }
    if (!gord_scope_is_narrow(service, call)) {
        return 0;
    }
    int result = gord_ask_parse(spec->lane, &ask);
    return result == 0 && !gord_scope_has(service, call, ask.queue) ? -EPERM : result;
}

/* 0, -EPERM, -ENOENT, or the reader's error. */
static int look_up(struct gord_service *service, struct rpc_call *call, uint64_t id)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_row row;

    if (job != NULL && job->body != NULL && job->body->spec != NULL) {
        return judge(service, call, job->body->uid, job->body->spec);
    }
    int result = gord_reader_job(gord_bus_reader(service->bus), id, false, &row);
    if (result == 0) {
        result = judge(service, call, row.uid, row.spec);
        gord_row_fini(&row);
    }
    return result;
}

int gord_owner_check(struct gord_service *service, struct rpc_call *call, uint64_t id)
{
    if (gord_owner_may_all(call)) {
        return 0;
    }
    int result = look_up(service, call, id);
    return result == -ENOENT ? 0 : result;
}

bool gord_owner_ok(struct gord_service *service, struct rpc_call *call, uint64_t id,
                   const char *what)
{
    int result = gord_owner_check(service, call, id);

    if (result == -EPERM) {
        gord_fail(call, WIRE_PERMISSION_DENIED,
                  gord_scope_is_narrow(service, call)
                      ? "job %" PRIu64 " is another user's, or of a queue that your token is not "
                        "for: you may not %s"
                      : "job %" PRIu64 " is another user's, and it takes an operator or admin to "
                        "%s",
                  id, what);
    } else if (result != 0) {
        gord_fail(call, wire_status_from_errno(result),
                  "cannot look up whose job %" PRIu64 " is: %s", id, strerror(-result));
    }
    return result == 0;
}

bool gord_owners_ok(struct gord_service *service, struct rpc_call *call, const uint64_t *ids,
                    size_t count, const char *what)
{
    for (size_t i = 0; i < count && !gord_owner_may_all(call); i++) {
        if (!gord_owner_ok(service, call, ids[i], what)) {
            return false;
        }
    }
    return true;
}
