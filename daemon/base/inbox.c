/* SPDX-License-Identifier: MIT */
/* inbox.c - see inbox.h.
 *
 * A stack that producers push on and the loop takes as a whole, then turns round. Taking everything
 * at once is what makes a plain compare-and-swap stack safe here: nobody pops a single item, so no
 * item can come back under the same address in the middle of a pop (the ABA problem).
 */
#include "daemon/base/inbox.h"

#include <stddef.h>

static void on_wake(uv_async_t *wake)
{
    gord_inbox_drain(wake->data);
}

int gord_inbox_init(struct gord_inbox *inbox, uv_loop_t *loop, gord_inbox_take_fn take, void *arg)
{
    atomic_init(&inbox->newest, NULL);
    inbox->take = take;
    inbox->arg = arg;
    int err = uv_async_init(loop, &inbox->wake, on_wake);
    if (err == 0) {
        inbox->wake.data = inbox;
    }
    return err;
}

void gord_inbox_post(struct gord_inbox *inbox, struct gord_inbox_item *item)
{
    struct gord_inbox_item *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do {
        item->next = newest;
        /* Release: the item's contents, to the exchange in drain. */
    } while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, item,
                                                    memory_order_release, memory_order_relaxed));
    /* Whoever found it empty wakes the loop; the others ride along, for drain empties it whole. */
    if (newest == NULL) {
        (void)uv_async_send(&inbox->wake);
    }
}

void gord_inbox_drain(struct gord_inbox *inbox)
{
    /* Acquire: pairs with the release of every post in the chain. */
    struct gord_inbox_item *item =
        atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
    struct gord_inbox_item *oldest = NULL;
    while (item != NULL) {
        struct gord_inbox_item *next = item->next;
        item->next = oldest;
        oldest = item;
        item = next;
    }
    while (oldest != NULL) {
        struct gord_inbox_item *next = oldest->next; /* the item may be gone after take */
        inbox->take(inbox->arg, oldest);
        oldest = next;
    }
}

void gord_inbox_close(struct gord_inbox *inbox)
{
    gord_inbox_drain(inbox);
    uv_close((uv_handle_t *)&inbox->wake, NULL);
}
