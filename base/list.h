/* SPDX-License-Identifier: MIT */
/* list.h - a doubly linked list through its members.
 *
 * A head is a link that points to itself. A link of zeros is in no list. From a link CONTAINER_OF, which comes
 * along, leads to what is listed.
 *
 * Threads     whoever guards the list.
 */
#ifndef GOR_BASE_LIST_H
#define GOR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/container.h" /* for whoever walks a list */

struct list_link {
    struct list_link *next;
    struct list_link *prev;
};

static inline void list_init(struct list_link *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool list_is_empty(const struct list_link *head)
{
    return head->next == head;
}

static inline bool list_link_is_listed(const struct list_link *link)
{
    return link->next != NULL;
}

static inline void list_append(struct list_link *head, struct list_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void list_prepend(struct list_link *head, struct list_link *link)
{
    list_append(head->next, link);
}

/* Fine for a link that is in no list. */
static inline void list_remove(struct list_link *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        link->next = NULL;
        link->prev = NULL;
    }
}

/* The first link, taken out; NULL: the list is empty. */
static inline struct list_link *list_pop(struct list_link *head)
{
    struct list_link *link = head->next;
    if (link == head) {
        return NULL;
    }
    list_remove(link);
    return link;
}

/* A link or a head that was copied, with what it is a member of: its list has the copy from now on. */
static inline void list_relink(struct list_link *copy)
{
    copy->next->prev = copy;
    copy->prev->next = copy;
}

/* All of `from` goes to the empty head `to`. */
static inline void list_move(struct list_link *from, struct list_link *to)
{
    list_init(to);
    if (!list_is_empty(from)) {
        *to = *from;
        list_relink(to);
        list_init(from);
    }
}

#endif
