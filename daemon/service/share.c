/* SPDX-License-Identifier: MIT */
/* share.c - see share.h. */
#include "daemon/service/share.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/job/queues.h"

static const char *label_of(const Gor__V1__JobSpec *wire, const char *key)
{
    for (size_t i = 0; i < wire->n_labels; i++) {
        if (strcmp(wire->labels[i]->key, key) == 0) {
            return wire->labels[i]->value;
        }
    }
    return "";
}

char *gord_share_of(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                    char *room)
{
    const char *name = wire->queue[0] != '\0' ? wire->queue : GORD_DEFAULT_QUEUE;
    const struct gord_resource *queue =
        gord_queues_find(gord_bus_table(service->bus), GORD_QUEUE, name);

    room[0] = '\0';
    if (queue != NULL && strcmp(queue->fair, "owner") == 0) {
        snprintf(room, GORD_WORD_MAX + 1, "%" PRIu32, uid);
    } else if (queue != NULL && strncmp(queue->fair, "label:", 6) == 0) {
        (void)gord_share_name(label_of(wire, queue->fair + 6), room);
    }
    return room;
}
