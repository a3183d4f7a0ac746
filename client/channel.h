/* SPDX-License-Identifier: MIT */
/* channel.h - talking to the daemon: where it is, calls, streams, and what to tell people when that
 * fails.
 *
 * The first call connects. Every failure is explained on stderr here, once; callers only pass the
 * exit code on.
 * Ownership   replies come from wire_decode(): wire_decoded_free().
 */
#ifndef GOR_CLIENT_CHANNEL_H
#define GOR_CLIENT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "client/gorctl.h"
#include "proto/status.h"

/* How long an ordinary call may take. */
#define GORCTL_CALL_NS ((int64_t)30 * 1000000000)

struct gorctl_call {
    const char *path;                /* "/gor.v1.Jobs/Get" */
    const ProtobufCMessage *request; /* NULL with keep_open: none yet */
    const ProtobufCMessageDescriptor *reply;
    int64_t timeout_ns; /* 0: none */
    bool keep_open;     /* more messages follow: gorctl_stream_send() */
    bool quiet_timeout; /* WIRE_DEADLINE_EXCEEDED is the caller's to explain */
    bool quiet_missing; /* WIRE_NOT_FOUND is, too */
    bool quiet_range;   /* and WIRE_OUT_OF_RANGE */
    bool quiet_away;    /* and that the daemon went, if it is to be waited for */
    /* When the daemon goes away in the midst of it and comes back, it is made again, with `request`
     * as it is then: who gets the messages of a stream has it ask for those that come next. */
    bool again;
    /* Of a stream that was made again, before anything comes: to send what has to be there. May be
     * NULL. */
    void (*on_again)(void *user);
    /* Of a stream: whoever reads our stdout has gone. NULL: the process ends by SIGPIPE. */
    void (*on_reader_gone)(void *user);
};

/* Make a unary call. GORCTL_EXIT_OK and a reply, else an exit code. `out_status` may be NULL. */
int gorctl_call(struct gorctl *ctl, const struct gorctl_call *call, enum wire_status *out_status,
                ProtobufCMessage **out_reply);

/* May a unary call that ended so have been carried out all the same? */
bool gorctl_is_unknown(const struct gorctl *ctl, enum wire_status status);

/* One message of a stream; true: go on. */
typedef bool gorctl_on_message(const ProtobufCMessage *message, void *user);

/* Make a server-streaming call and run the loop until it has ended or gorctl_stream_stop() was
 * called; the latter's code is the answer then. */
int gorctl_stream(struct gorctl *ctl, const struct gorctl_call *call, gorctl_on_message *on_message,
                  void *user);

/* From inside gorctl_stream(): end it with `code`; hold its messages back; let them come. */
void gorctl_stream_stop(struct gorctl *ctl, int code);
void gorctl_stream_pause(struct gorctl *ctl);
void gorctl_stream_resume(struct gorctl *ctl);

/* From inside gorctl_stream() of a call kept open: one more message; no more of them. Neither does
 * anything once the call has ended. */
void gorctl_stream_send(struct gorctl *ctl, const ProtobufCMessage *message);
void gorctl_stream_half_close(struct gorctl *ctl);

/* From inside gorctl_stream(): make a call beside it whose reply nobody needs; a failure is
 * explained on stderr. */
void gorctl_call_aside(struct gorctl *ctl, const char *path, const ProtobufCMessage *request);

/* After gorctl_connect(): a stream beside whatever else goes on, to be shown if it can be had: its
 * failure is nobody's. It lives until it is stopped, and begins again when the daemon was away; the
 * request must be there as long. */
struct gorctl_aside;
struct gorctl_aside *gorctl_stream_aside(struct gorctl *ctl, const struct gorctl_call *call,
                                         gorctl_on_message *on_message, void *user);
void gorctl_aside_stop(struct gorctl_aside *aside);

/* The same with on_end(status, text, user) called when it ends: by itself, after any time, or inside
 * gorctl_beside_cancel(). */
struct gorctl_beside;
typedef void gorctl_on_end(enum wire_status status, const char *text, void *user);
struct gorctl_beside *gorctl_call_beside(struct gorctl *ctl, const char *path,
                                         const ProtobufCMessage *request, gorctl_on_end *on_end,
                                         void *user);
void gorctl_beside_cancel(struct gorctl_beside *beside);

/* Whether the daemon has gone, and calls are of no use until it is back. */
bool gorctl_is_away(const struct gorctl *ctl);

/* To be told when it is back. Links lie with whoever wants to know. */
struct gorctl_back {
    void (*is_back)(void *user);
    void *user;
    struct gorctl_back *next;
};
void gorctl_back_add(struct gorctl *ctl, struct gorctl_back *back);
void gorctl_back_remove(struct gorctl *ctl, struct gorctl_back *back);

/* Connect if that has not happened yet. */
int gorctl_connect(struct gorctl *ctl);

/* After gorctl_connect(). */
uv_loop_t *gorctl_loop(struct gorctl *ctl);

/* Where the daemon is or should be; after gorctl_connect(). */
const char *gorctl_address(const struct gorctl *ctl);

void gorctl_disconnect(struct gorctl *ctl);

#endif
