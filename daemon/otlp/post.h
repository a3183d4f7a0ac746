/* SPDX-License-Identifier: MIT */
/* post.h - HTTP requests to a collector, one at a time, by libcurl.
 *
 * Threads     one uses it; wake: any.
 * Ownership   new/free. Before the first, and after the last of the process, gord_post_init and _fini.
 */
#ifndef GORD_OTLP_POST_H
#define GORD_OTLP_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/otlp/target.h"

enum { GORD_POST_TEXT = 320, GORD_POST_REPLY_MAX = 64 * 1024 };

struct gord_post;

struct gord_post_answer {
    long status;      /* of HTTP; 0: there was none, and `text` says why */
    int64_t asked_ns; /* to be waited, by Retry-After; 0: nothing was said */
    char text[GORD_POST_TEXT];
    char reply[GORD_POST_REPLY_MAX]; /* its beginning */
    size_t reply_bytes;
};

int gord_post_init(void); /* 0 or -ENOMEM */
void gord_post_fini(void);

struct gord_post *gord_post_new(void); /* NULL: out of memory */
void gord_post_free(struct gord_post *post);

struct gord_post_body {
    const void *message;
    size_t bytes;
    int64_t timeout_ns;
    bool (*gives_up)(void *arg); /* asked after each wake */
    void *arg;
};

/* Send it, and wait for the answer. 0 with one, even if that is that there is none; -ECANCELED: `gives_up`
 * said so; -ENOMEM. */
int gord_post_send(struct gord_post *post, const struct gord_otlp_target *target,
                   const struct gord_post_body *body, struct gord_post_answer *out_answer);

/* Have it ask `gives_up`. [any thread] */
void gord_post_wake(struct gord_post *post);

#endif
