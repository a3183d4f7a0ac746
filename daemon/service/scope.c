/* SPDX-License-Identifier: MIT */
#include "daemon/service/scope.h"

#include "daemon/event/ask.h"

bool gord_scope_is_narrow(struct gord_service *service, struct rpc_call *call)
{
    uint64_t credential = rpc_call_peer(call)->credential;
    const struct gord_token *token =
        credential != 0 ? gord_tokens_of(&service->tokens, credential) : NULL;

    return credential != 0 && (token == NULL || token->row.queues[0] != '\0');
}

/* A call goes on a little when its token has gone, and may do nothing then. */
bool gord_scope_has(struct gord_service *service, struct rpc_call *call, const char *queue)
{
    uint64_t credential = rpc_call_peer(call)->credential;

    if (credential == 0) {
        return true;
    }
    const struct gord_token *token = gord_tokens_of(&service->tokens, credential);
    return token != NULL && gord_token_is_for(token, queue[0] != '\0' ? queue : GORD_DEFAULT_QUEUE);
}

bool gord_scope_takes(struct gord_service *service, struct rpc_call *call, const char *where,
                      const Gor__V1__JobSpec *spec, struct gord_refusal *out_why)
{
    return gord_scope_has(service, call, spec->queue) ||
           gord_refuse(out_why, WIRE_PERMISSION_DENIED,
                       "%sspec.queue: your token is not for the queue '%s'; name one that it is "
                       "for, or have one made for that",
                       where, spec->queue[0] != '\0' ? spec->queue : GORD_DEFAULT_QUEUE);
}
