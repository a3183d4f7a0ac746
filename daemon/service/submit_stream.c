/* SPDX-License-Identifier: MIT */
/* Jobs.SubmitStream: jobs one by one on one call, each answered in its turn.
 *
 * Answers wait in a ring, in the order of their requests, until they are known and the call takes
 * them. While the ring is full the client's messages are held back. Once the daemon stops, what comes
 * is not answered any more: the stream ends when clients know that it goes, and each can be repeated by
 * its request_id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/service/request.h"
#include "daemon/service/scope.h"

#define RING 256 /* requests whose answers are not out */

struct answer {
    uint64_t id; /* 0: refused */
    bool is_known;
    enum wire_status status;
    char *text; /* owned; why it was refused; NULL: no more than the status */
};

struct stream {
    struct gord_service *service;
    struct rpc_call *call; /* NULL: it is over */
    struct list_link link; /* in the service's streams, while the call lasts */
    uint32_t uid;
    uint64_t asked;    /* requests taken */
    uint64_t answered; /* answers out; those between the two are in the ring */
    uint64_t pending;  /* acknowledgements that will come; each keeps the stream */
    bool ended;        /* the client sends no more */
    bool stopped; /* the daemon goes, and did not take one: nor does it what comes behind that */
    struct answer ring[RING];
};

static void free_if_unused(struct stream *s)
{
    if (s->call == NULL && s->pending == 0) {
        for (; s->answered < s->asked; s->answered++) {
            free(s->ring[s->answered % RING].text);
        }
        free(s);
    }
}

/* The call is over, whoever ended it. */
static void leave(struct stream *s)
{
    s->call = NULL;
    list_remove(&s->link);
    free_if_unused(s);
}

/* ------------------------------------------------------------------ answers */

static int send_first(struct stream *s)
{
    struct answer *answer = &s->ring[s->answered % RING];
    Gor__V1__SubmitResult result = GOR__V1__SUBMIT_RESULT__INIT;

    result.index = s->answered;
    result.id = answer->id;
    result.code = (uint32_t)answer->status;
    if (answer->text != NULL) {
        result.message = answer->text;
    }
    if (answer->id != 0) {
        result.durability = gord_submit_durability(s->service);
    }
    int sent = rpc_call_send(s->call, &result.base);
    if (sent >= 0) {
        free(answer->text);
        answer->text = NULL;
        s->answered++;
    }
    return sent;
}

/* Send what is known, as far as the call takes it; ends the call after the last. True: it was ended,
 * and the stream may be gone. */
static bool send_answers(struct stream *s)
{
    while (s->answered < s->asked && s->ring[s->answered % RING].is_known &&
           rpc_call_writable(s->call)) {
        if (send_first(s) == -ENOMEM) {
            gord_fail(s->call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
            leave(s);
            return true;
        }
    }
    if (s->ended && s->answered == s->asked) {
        rpc_call_finish(s->call, WIRE_OK, NULL);
        leave(s);
        return true;
    }
    return false;
}

static void go_on(struct stream *s)
{
    if (!send_answers(s)) {
        rpc_call_hold(s->call, s->asked - s->answered == RING);
    }
}

static struct answer *add_answer(struct stream *s)
{
    GORD_ASSERT(s->asked - s->answered < RING);
    struct answer *answer = &s->ring[s->asked++ % RING];
    *answer = (struct answer){0};
    return answer;
}

static void refuse(struct answer *answer, enum wire_status status, const char *text)
{
    answer->status = status;
    answer->text = strdup(text);
    answer->is_known = true;
}

/* ------------------------------------------------------------------ requests */

static void committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct stream *s = ack->data;
    struct answer *answer = &s->ring[ack->count % RING]; /* its index */
    struct gord_refusal why;

    s->pending--;
    if (error == 0) {
        answer->id = ack->first_id;
        answer->is_known = true;
    } else if (error != -ECANCELED) {
        struct gord_ack one = *ack;
        one.count = 1;
        gord_submit_failed(service, &one, error, &why);
        refuse(answer, why.status, why.text);
    }
    if (s->call == NULL) {
        free_if_unused(s);
    } else {
        go_on(s);
    }
}

/* Enter a job that was accepted, unless it is one that was found; its answer comes with its
 * acknowledgement. */
static int enter(struct stream *s, const Gor__V1__SubmitRequest *request, uint64_t digest,
                 uint64_t index, const struct gord_request_known *found)
{
    struct gord_ack ack = {.fn = committed, .data = s, .count = index};
    struct gord_request_known known;
    struct gord_request *made = NULL;
    int result = 0;

    if (found != NULL) {
        ack.first_id = found->first_id;
        ack.seq = found->seq;
    } else {
        made = gord_request_new(&request->request_id, 1, digest, &result);
        if (result == 0) {
            result =
                gord_submit_enter(s->service, request->spec, s->uid, made, &ack.first_id, &ack.seq);
        }
        known = (struct gord_request_known){ack.first_id, 1, ack.seq, digest};
        if (result == 0) {
            gord_request_add(s->service, &request->request_id, s->uid, &known);
        }
    }

    if (result == 0) {
        s->pending++;
        result = gord_acks_add(s->service, &ack);
        s->pending -= result != 0;
    }
    if (result != 0 && found == NULL) {
        gord_submit_withdraw(s->service, ack.first_id, 1);
    }
    return result;
}

void gord_jobs_submit_streamed(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    struct stream *s = rpc_call_user(call);
    const Gor__V1__SubmitRequest *request = (const Gor__V1__SubmitRequest *)message;
    struct gord_request_known found = {0};
    struct gord_refusal why;
    enum gord_conflict conflict;

    (void)user;
    uint64_t index = s->asked;
    uint64_t digest = gord_request_digest(&request->request_id, &request->spec, 1);
    const struct gord_request_what what = {&request->spec, 1, digest};
    struct answer *answer = add_answer(s);
    int known = gord_request_find(s->service, &request->request_id, s->uid, &found, &why);
    if (request->dry_run) {
        refuse(answer, WIRE_INVALID_ARGUMENT, "dry_run is for Submit, not for a stream");
    } else if (known < 0 || (known > 0 && !gord_request_is_same(s->service, &found, &what, &why))) {
        refuse(answer, why.status, why.text);
    } else if (known > 0) {
        if (enter(s, request, digest, index, &found) != 0) {
            refuse(answer, WIRE_RESOURCE_EXHAUSTED, "out of memory; ask again");
        }
    } else if (s->stopped || !gord_submit_is_served(s->service, request->spec)) {
        s->stopped = true;
        answer->is_known = false; /* gord_submit_streams_end() */
    } else if (!gord_submit_takes(s->service, request->spec, gord_submit_uid(s->call), &why) ||
               !gord_scope_takes(s->service, s->call, "", request->spec, &why)) {
        refuse(answer, why.status, why.text);
    } else if ((conflict = gord_submit_conflict(s->service, request->spec, gord_submit_uid(s->call),
                                                &found.first_id, &found.seq, &why)) ==
               GORD_CONFLICT_REFUSED) {
        refuse(answer, why.status, why.text);
    } else if (enter(s, request, digest, index, conflict == GORD_CONFLICT_SKIP ? &found : NULL) !=
               0) {
        refuse(answer, WIRE_RESOURCE_EXHAUSTED, "not submitted: out of memory");
    }
    go_on(s);
}

void gord_jobs_submit_stream_ends(struct rpc_call *call, void *user)
{
    struct stream *s = rpc_call_user(call);

    (void)user;
    s->ended = true;
    go_on(s);
}

/* ------------------------------------------------------------------ the call */

static void on_writable(struct rpc_call *call, void *user)
{
    (void)call;
    go_on(user);
}

/* What was entered stays: the client learns of it by asking. */
static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    leave(user);
}

void gord_submit_streams_end(struct gord_service *service)
{
    for (struct list_link *link = service->submit_streams.next, *next;
         link != &service->submit_streams; link = next) {
        struct stream *s = CONTAINER_OF(link, struct stream, link);
        next = link->next;
        gord_fail(s->call, WIRE_UNAVAILABLE, "the daemon stops; go on when it is back");
        leave(s);
    }
}

GORD_METHOD(gord_jobs_submit_stream)
{
    struct gord_service *service = user;
    struct stream *s = calloc(1, sizeof(*s));

    (void)message;
    if (s == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    s->service = service;
    s->call = call;
    s->uid = gord_submit_uid(call);
    list_append(&service->submit_streams, &s->link);
    rpc_call_on(call, on_writable, on_end, s);
}
