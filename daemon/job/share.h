/* SPDX-License-Identifier: MIT */
/* share.h - shares of fair queues: whose turn it is among them, by their weights. For the files of this
 * room only; lanes know seats, and seats know nothing of lanes but their keys.
 *
 * Shares      a queue's: those of whose jobs it is. It has a weight, 1 unless one was given, and a seat in
 *             the line of each priority that it has jobs of.
 * Turns       in a line they go by virtual time, start-time fair: a share pays for a turn with
 *             GORD_STRIDE / weight, and the next turn is that of whoever has paid least. So of many turns each
 *             has its weight's part, and is never further from it than by one of its turns and one of
 *             each other. Whoever comes anew, or again, stands as if it had just had its turn: nothing
 *             is saved up while one is away, and who comes holds up nobody whose turn is near. One that
 *             could not start, for want of something else, keeps the right to one turn.
 * Lines       the line's place among everybody else does not depend on weights: it is that of the seat that
 *             has been waiting longest. Whoever takes a turn before that one gives it its own
 *             time to wait from, so the times of a line's seats are what they would be if they went round,
 *             and priority and ageing mean what they always do.
 * Lanes       of one seat start in the order of the times their first jobs were queued.
 * Cost        of a turn: a logarithm of the shares in the line. Of another weight: of the share's seats.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_SHARE_H
#define GORD_JOB_SHARE_H

#include "daemon/base/heap.h"
#include "daemon/event/ask.h"

#define GORD_AGE_NS ((int64_t)60 * 1000000000) /* of waiting, for a unit of priority */

/* What a turn costs a share of weight 1; the weights to 16, and most round ones, divide it. At ten thousand
 * turns a second of one share alone the sums last for years, and begin anew when a line is empty. */
#define GORD_STRIDE ((int64_t)7207200)

enum { SHARE_BUCKETS = 1024 };

/* What stands in the heap of all: a lane, or a line of lanes. */
struct gord_turn {
    struct gord_heap_item item; /* first of all */
    bool is_line;
};

struct gord_seat;

struct gord_share {
    struct gord_share *hash_next; /* list link of its bucket */
    char queue[GORD_WORD_MAX + 1];
    char name[GORD_WORD_MAX + 1];
    char *key; /* owned: what the weight was given for; NULL: none was */
    uint32_t weight;
    uint64_t queued;         /* its jobs that wait */
    struct gord_seat *seats; /* list by next_of_share */
};

/* The shares that have lanes of one priority in one queue. */
struct gord_line {
    struct gord_turn turn;  /* first of all; in the heap of all while it has seats in its own */
    struct gord_line *next; /* list link */
    char queue[GORD_WORD_MAX + 1];
    int32_t priority;
    int64_t pass; /* what the last who had a turn had paid before; only rises */
    size_t refs;  /* seats */
    size_t standing;
    struct gord_heap seats; /* by what they have paid */
    struct gord_heap ages;  /* the same, by since_ns */
};

struct gord_seat {
    struct gord_heap_item
        by_pass; /* first of all; in its line's heaps while it has lanes in its own */
    struct gord_heap_item by_age;
    struct gord_share *share;
    struct gord_line *line;
    struct gord_seat *next_of_share;
    size_t refs;     /* lanes */
    size_t standing; /* lanes that have jobs */
    int64_t pass;    /* what it has paid */
    int64_t since_ns;
    struct gord_heap lanes; /* by the time and the id of their first jobs */
};

struct gord_shares {
    struct gord_share *buckets[SHARE_BUCKETS];
    struct gord_line *lines;
    size_t weighed;  /* shares that were given a weight */
    int64_t turn_ns; /* the last turn of a share; each is later than the one before */
};

/* ----------------------------------------------------------------- seats */

/* The seat of that share in the line of that priority, made if need be, with room for one more lane. -ENOMEM. */
int gord_seat_ref(struct gord_shares *shares, const char *queue, const char *name, int32_t priority,
                  struct gord_seat **out_seat);
void gord_seat_unref(struct gord_shares *shares, struct gord_seat *seat);

/* One of its lanes has jobs, or has none any more. */
void gord_seat_enter(struct gord_seat *seat);
void gord_seat_leave(struct gord_seat *seat);

/* A lane of it waits for its turn, by its first job: in `top`, with its line. */
void gord_seat_put(struct gord_heap *top, struct gord_seat *seat, struct gord_heap_item *lane,
                   int64_t since_ns, uint64_t id);

/* The same again by the key it had; and out, which does nothing if it is not there. */
void gord_seat_put_back(struct gord_heap *top, struct gord_seat *seat, struct gord_heap_item *lane);
void gord_seat_drop(struct gord_heap *top, struct gord_seat *seat, struct gord_heap_item *lane);

/* A job of it starts; the lane that it was in is put or dropped next. */
void gord_seat_pay(struct gord_heap *top, struct gord_shares *shares, struct gord_seat *seat);

/* The lane whose turn it is in a line that stands in the heap of all. */
struct gord_heap_item *gord_line_first(const struct gord_line *line);

/* How many of its line have their turn before it, as things are. */
size_t gord_seat_before(const struct gord_seat *seat);

/* --------------------------------------------------------------- weights */

/* Give whoever `key` names in that queue a weight, 0: take it away. Holds at once; nobody may be out of the
 * heaps for this round. -ENOMEM. */
int gord_shares_weigh(struct gord_heap *top, struct gord_shares *shares, const char *queue,
                      const char *key, uint32_t weight);

/* The weight that was given; 0: none was. */
uint32_t gord_shares_weight(const struct gord_shares *shares, const char *queue, const char *key);

/* The shares of that queue, or of all (NULL), that were given a weight, in no order; `visit` may take
 * it away. */
void gord_shares_each(const struct gord_shares *shares, const char *queue,
                      void (*visit)(void *arg, const struct gord_share *share), void *arg);

/* For tests and debugging: lines and seats are where they should be; how many lines stand in the
 * heap of all, and lanes in the lines. */
bool gord_shares_is_valid(const struct gord_shares *shares, size_t *out_lines, size_t *out_lanes);

/* No seats may be left. */
void gord_shares_fini(struct gord_shares *shares);

#endif
