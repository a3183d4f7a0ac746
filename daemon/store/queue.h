/* SPDX-License-Identifier: MIT */
/* queue.h - what waits between loop and writer: events in order, and notes (changes of a setting,
 * wishes for removal) with somebody who wants to know when they are on disk. Plain lists; whoever has one locks it.
 * Ownership   a queued event is a reference owned by the queue, a queued note belongs to it.
 */
#ifndef GORD_STORE_QUEUE_H
#define GORD_STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/event/event.h"
#include "daemon/store/removal.h"
#include "daemon/store/setting.h"
#include "daemon/store/store.h"

struct gord_store_note {
    struct gord_store_note *next; /* list link of its queue */
    int8_t paused;                /* all starting: 0 or 1; -1: this is not about it */
    struct gord_setting setting;  /* without a name: this is not about one */
    struct gord_cron_row *cron;   /* owned; NULL: this is not about one */
    struct gord_token_row *token; /* owned; NULL: this is not about one */
    uint8_t token_change;         /* enum gord_token_change */
    struct gord_removal *removal; /* borrowed until it is done; NULL: this is not about one */
    int error;                    /* what became of it */
    void (*done)(void *arg, int error);
    void *arg;
};

void gord_store_note_free(struct gord_store_note *note);

struct gord_store_queue {
    struct gord_inbox_item *first; /* events by their links, which are free once they are applied */
    struct gord_inbox_item *last;
    size_t count;
    struct gord_store_note *first_note;
    struct gord_store_note *last_note;
};

void gord_store_queue_put(struct gord_store_queue *queue, struct gord_event *event);
void gord_store_queue_put_note(struct gord_store_queue *queue, struct gord_store_note *note);

/* NULL: it is empty. */
struct gord_event *gord_store_queue_take(struct gord_store_queue *queue);
struct gord_store_note *gord_store_queue_take_note(struct gord_store_queue *queue);

/* Move everything in `from` to the end of `to`. */
void gord_store_queue_move(struct gord_store_queue *to, struct gord_store_queue *from);

bool gord_store_queue_is_empty(const struct gord_store_queue *queue);

#endif
