/* SPDX-License-Identifier: MIT */
/* Jobs that running ones hand in: checked, entered and acknowledged as those of clients. */
#include "daemon/runner/child.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/service/submit.h"

/* What a refusal is to a function that gets an errno. */
static int error_of(const struct gord_service *service, enum wire_status status)
{
    if (gord_service_is_closing(service)) {
        return -ECANCELED;
    }
    switch (status) {
    case WIRE_INVALID_ARGUMENT:
        return -EINVAL;
    case WIRE_NOT_FOUND:
    case WIRE_FAILED_PRECONDITION:
        return -ESRCH; /* the job above has ended meanwhile */
    default:
        return service->store_error != 0 ? service->store_error : -EAGAIN;
    }
}

static void committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_child_request *request = ack->data;
    struct gord_refusal why = {.text = ""};

    request->id = ack->first_id;
    if (error != 0) {
        gord_submit_failed(service, ack, error, &why);
    }
    snprintf(request->text, sizeof(request->text), "%s", why.text);
    gord_child_answer(request, error);
}

void gord_submit_child(void *arg, struct gord_child_request *request)
{
    struct gord_service *service = arg;
    struct gord_ack ack = {.fn = committed, .data = request, .count = 1};
    struct gord_refusal why;
    uint32_t uid = gord_submit_uid_of(service, request->spec->parent_id);

    if (!gord_submit_takes(service, request->spec, uid, &why)) {
        snprintf(request->text, sizeof(request->text), "%s", why.text);
        gord_child_answer(request, error_of(service, why.status));
        return;
    }
    int result = gord_submit_enter(service, request->spec, uid, NULL, &ack.first_id, &ack.seq);
    if (result == 0) {
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        gord_submit_withdraw(service, ack.first_id, 1);
        gord_child_answer(request, result);
    }
}
