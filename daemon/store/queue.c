/* SPDX-License-Identifier: MIT */
/* queue.c - see queue.h. */
#include "daemon/store/queue.h"

#include <stdint.h>
#include <stdlib.h>

void gord_store_note_free(struct gord_store_note *note)
{
    gord_cron_row_free(note->cron);
    free(note->token);
    free((void *)(uintptr_t)note->setting.weights);
    free(note);
}

void gord_store_queue_put(struct gord_store_queue *queue, struct gord_event *event)
{
    event->link.next = NULL;
    *(queue->last != NULL ? &queue->last->next : &queue->first) = &event->link;
    queue->last = &event->link;
    queue->count++;
}

void gord_store_queue_put_note(struct gord_store_queue *queue, struct gord_store_note *note)
{
    note->next = NULL;
    *(queue->last_note != NULL ? &queue->last_note->next : &queue->first_note) = note;
    queue->last_note = note;
}

struct gord_event *gord_store_queue_take(struct gord_store_queue *queue)
{
    struct gord_inbox_item *item = queue->first;
    if (item == NULL) {
        return NULL;
    }
    queue->first = item->next;
    queue->last = queue->first != NULL ? queue->last : NULL;
    queue->count--;
    return gord_event_of_item(item);
}

struct gord_store_note *gord_store_queue_take_note(struct gord_store_queue *queue)
{
    struct gord_store_note *note = queue->first_note;
    if (note != NULL) {
        queue->first_note = note->next;
        queue->last_note = queue->first_note != NULL ? queue->last_note : NULL;
    }
    return note;
}

void gord_store_queue_move(struct gord_store_queue *to, struct gord_store_queue *from)
{
    if (from->first != NULL) {
        *(to->last != NULL ? &to->last->next : &to->first) = from->first;
        to->last = from->last;
        to->count += from->count;
    }
    if (from->first_note != NULL) {
        *(to->last_note != NULL ? &to->last_note->next : &to->first_note) = from->first_note;
        to->last_note = from->last_note;
    }
    *from = (struct gord_store_queue){0};
}

bool gord_store_queue_is_empty(const struct gord_store_queue *queue)
{
    return queue->first == NULL && queue->first_note == NULL;
}
