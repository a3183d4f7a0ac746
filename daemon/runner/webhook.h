/* SPDX-License-Identifier: MIT */
/* webhook.h - the end of a job as an HTTP request: what is sent, and the program that sends it.
 *
 * That is Debian's curl, as a job like any hook (finish.h), so that whom it may reach, and as whom, is
 * its user's matter and not the daemon's. URL and document are in its spec (HookOf); curl reads them
 * from its standard input, for others can see the command lines of processes, and URLs have passwords
 * in them.
 * Threads     any; pure but for gord_webhook_env, which looks at the daemon's environment.
 * See also    docs/webhooks.md, which describes the document
 */
#ifndef GORD_RUNNER_WEBHOOK_H
#define GORD_RUNNER_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/sign/signer.h"
#include "gor/v1/jobs.pb-c.h"

/* A job that has ended; everything is borrowed. */
struct gord_webhook_end {
    const Gor__V1__HookOf *of;    /* id, outcome, and of an array what is known of it */
    const Gor__V1__JobSpec *spec; /* without environment will do */
    bool core_dumped;             /* the process that ended with it */
    const char *cause;            /* the job's detail; "": none */
    uint32_t uid;
    uint32_t attempts;
    int64_t submitted_ns;
    int64_t started_ns; /* 0: it never was */
    int64_t ended_ns;
};

/* The longest document; labels that would make it longer are left out. */
enum { GORD_WEBHOOK_MAX = 48 * 1024 };

/* One line of JSON. A new text; NULL: out of memory. */
char *gord_webhook_document(const struct gord_webhook_end *end);

/* What curl is to read to send it, with that signature (NULL: none). A new text; NULL: out of memory. */
char *gord_webhook_input(const Gor__V1__HookOf *of, const struct gord_signature *signature);

/* What was answered, as curl tells it in the last line that it writes. */
struct gord_webhook_answer {
    int status;      /* of HTTP; 0: there was no answer, or curl could not tell of it */
    int64_t wait_ns; /* what Retry-After asks for, with 429 and 503; 0: nothing */
};

/* The last line that it wrote to its standard error, as far as it has come. */
enum { GORD_WEBHOOK_LINE = 256 };
struct gord_webhook_line {
    size_t length;
    char text[GORD_WEBHOOK_LINE + 1];
};

/* It has written that as well. */
void gord_webhook_heard(struct gord_webhook_line *line, const char *bytes, size_t count);

/* By the last line in all; `now_ns` is the wall clock's time, for a Retry-After that names one. */
void gord_webhook_answer_of(const struct gord_webhook_line *last, int64_t now_ns,
                            struct gord_webhook_answer *out);

/* Will it be answered so however often it is sent? Most of 400 to 499 say that the request is wrong. */
bool gord_webhook_is_refused(const struct gord_webhook_answer *answer);

/* Why a try failed, as far as the answer says it: "answered 503; Retry-After: 30 s"; "" for nothing.
 * Answers out. */
const char *gord_webhook_answer_text(const struct gord_webhook_answer *answer, char *out,
                                     size_t out_bytes);

/* Is it one, so that its process is to read that? */
bool gord_webhook_is(const Gor__V1__JobSpec *spec);

/* Its command line: no texts of anybody's. */
enum { GORD_WEBHOOK_WORDS = 4 };
size_t gord_webhook_argv(ProtobufCBinaryData out[GORD_WEBHOOK_WORDS]);

/* Its environment: the daemon's PATH, and of proxies and certificates what `like` says, or the daemon's
 * own environment for NULL. How many variables; they borrow, the first from `path`, which is to be
 * freed. -ENOMEM. */
enum { GORD_WEBHOOK_VARIABLES = 12 };
int gord_webhook_env(const Gor__V1__ExecSpec *like, char **path,
                     ProtobufCBinaryData out[GORD_WEBHOOK_VARIABLES]);

/* Why none can be sent: the program is not there; NULL: it is. */
const char *gord_webhook_problem(void);

#endif
