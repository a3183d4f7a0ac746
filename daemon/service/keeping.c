/* SPDX-License-Identifier: MIT */
#include "daemon/service/keeping.h"

void gord_keeping_begin(struct gord_service *service, struct gord_keeping *keeping,
                        struct rpc_call *call)
{
    keeping->call = call;
    list_append(&service->keepings, &keeping->link);
}

struct rpc_call *gord_keeping_done(struct gord_keeping *keeping)
{
    list_remove(&keeping->link);
    return keeping->call;
}

/* The store may tell later still, when there is no server any more. */
void gord_keepings_end(struct gord_service *service)
{
    for (struct list_link *link = service->keepings.next; link != &service->keepings;
         link = link->next) {
        struct gord_keeping *keeping = CONTAINER_OF(link, struct gord_keeping, link);
        gord_fail(keeping->call, WIRE_UNAVAILABLE,
                  "done for now, but the daemon stops: whether it holds after that is not known");
        keeping->call = NULL;
    }
}
