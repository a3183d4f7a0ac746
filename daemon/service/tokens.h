/* SPDX-License-Identifier: MIT */
/* tokens.h - the bearer tokens there are: made, told apart, taken back, ended by time.
 *
 * A token reads gor_ID_SECRET: ID, 8 hexadecimal digits, finds it; SECRET is 256 random bits.
 * Invariants  what is told to a client is on disk. One that was revoked, or whose time is over, is
 *             good for nothing from then on, and what was open with it has ended.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_TOKENS_H
#define GORD_SERVICE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/store/reader.h"
#include "daemon/store/store.h"
#include "rpc/server.h"

#define GORD_TOKEN_PREFIX "gor_"

enum {
    GORD_TOKEN_SECRET = 64, /* hexadecimal digits */
    GORD_TOKEN_TEXT = 4 + GORD_TOKEN_ID + 1 + GORD_TOKEN_SECRET,
    GORD_TOKENS_LIMIT = 1000,
    GORD_TOKEN_BUCKETS = 256,
};

struct gord_token {
    struct gord_token_row row;
    uint64_t credential;     /* of the calls made with it; its lowest byte is its bucket */
    int64_t saved_ns;        /* row.used_ns as it is on disk */
    bool fresh;              /* on its way to the disk: good for nothing yet */
    bool revoked;            /* good for nothing any more, and on its way out of the disk */
    struct gord_token *next; /* list link of its bucket */
};

struct gord_tokens {
    struct gord_store *store;
    struct rpc_server *server;
    struct gord_token *buckets[GORD_TOKEN_BUCKETS]; /* by the first byte of the id; owned */
    size_t count;
    uint64_t last_credential;
    uv_timer_t timer; /* to the next one's end */
    bool open;
};

/* Those that the store has. -ENOMEM; -EBADMSG; the reader's error. To be finished in any case. */
int gord_tokens_open(struct gord_tokens *tokens, struct gord_store *store,
                     struct gord_reader *reader, struct rpc_server *server);
void gord_tokens_start(struct gord_tokens *tokens, uv_loop_t *loop); /* to look at the time */
void gord_tokens_close(struct gord_tokens *tokens);                  /* the timer; once is enough */
void gord_tokens_fini(struct gord_tokens *tokens);                   /* after the loop has run */

/* Does it look like one of these, rather than like the daemon's own? */
bool gord_tokens_looks_like(const char *bearer);

/* The one that `bearer` is; it was used now. NULL: there is none. *out_expired: there is, but its time
 * is over. */
struct gord_token *gord_tokens_check(struct gord_tokens *tokens, const char *bearer,
                                     bool *out_expired);

/* By its id, else by its name; NULL: there is none. Also those that are fresh. */
struct gord_token *gord_tokens_find(const struct gord_tokens *tokens, const char *word);

/* By what calls were let in with; NULL: it was revoked. */
const struct gord_token *gord_tokens_of(const struct gord_tokens *tokens, uint64_t credential);

/* Visit all, in no order. */
void gord_tokens_each(const struct gord_tokens *tokens,
                      void (*visit)(void *arg, const struct gord_token *token), void *arg);

/* Make one like `row`, which has neither id nor digest yet; it is fresh. Its text, with its end, in
 * `out_text`. NULL: out of memory or of random numbers. */
struct gord_token *gord_tokens_make(struct gord_tokens *tokens, const struct gord_token_row *row,
                                    char out_text[GORD_TOKEN_TEXT + 1]);

/* It is on disk: it is good from here on. */
void gord_tokens_settle(struct gord_tokens *tokens, struct gord_token *token);

/* It is good for nothing from here on, and what is open with it ends. */
void gord_token_revoke(struct gord_tokens *tokens, struct gord_token *token);

/* Forget it: it is not on disk. */
void gord_tokens_drop(struct gord_tokens *tokens, struct gord_token *token);

/* Is its time over? */
bool gord_token_is_expired(const struct gord_token *token);

/* Its name, or its id if it has none; borrowed. */
const char *gord_token_label(const struct gord_token *token);

/* Is it for jobs of that queue? */
bool gord_token_is_for(const struct gord_token *token, const char *queue);

#endif
