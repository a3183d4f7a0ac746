/* SPDX-License-Identifier: MIT */
/* batch.c - see batch.h. */
#include "daemon/store/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct gord_batch *batch, size_t count)
{
    if (count <= batch->room && batch->slots != NULL) {
        return 0;
    }
    size_t room = 1024;
    while (room < count) {
        room *= 2;
    }
    struct gord_batch_entry *entries = realloc(batch->entries, room * sizeof *entries);
    if (entries == NULL) {
        return -ENOMEM;
    }
    batch->entries = entries;
    uint32_t *slots = realloc(batch->slots, 2 * room * sizeof *slots);
    if (slots == NULL) {
        return -ENOMEM;
    }
    batch->slots = slots;
    batch->slot_count = 2 * room;
    batch->room = room;
    return 0;
}

static struct gord_batch_entry *find_or_add(struct gord_batch *batch, uint64_t job_id)
{
    /* Ids come one by one, so their low bits spread perfectly. */
    size_t slot = job_id & (batch->slot_count - 1);
    while (batch->slots[slot] != 0) {
        struct gord_batch_entry *entry = &batch->entries[batch->slots[slot] - 1];
        if (entry->job_id == job_id) {
            return entry;
        }
        slot = (slot + 1) & (batch->slot_count - 1);
    }
    batch->slots[slot] = (uint32_t)++batch->count;
    struct gord_batch_entry *entry = &batch->entries[batch->count - 1];
    *entry = (struct gord_batch_entry){.job_id = job_id};
    return entry;
}

int gord_batch_fill(struct gord_batch *batch, struct gord_event *const *events, size_t count)
{
    int err = make_room(batch, count);
    if (err != 0) {
        return err;
    }
    batch->count = 0;
    memset(batch->slots, 0, batch->slot_count * sizeof *batch->slots);
    for (size_t i = 0; i < count; i++) {
        struct gord_batch_entry *entry = find_or_add(batch, events[i]->job_id);
        entry->last = events[i];
        if (events[i]->kind == GORD_EVENT_SUBMITTED) {
            entry->submitted = events[i];
        } else if (events[i]->kind == GORD_EVENT_REVIVED) {
            entry->revived = events[i];
        } else if (events[i]->kind == GORD_EVENT_UPDATED) {
            entry->updated = events[i];
        }
    }
    return 0;
}

void gord_batch_fini(struct gord_batch *batch)
{
    free(batch->entries);
    free(batch->slots);
    memset(batch, 0, sizeof *batch);
}
