/* SPDX-License-Identifier: MIT */
/* list.h - a doubly linked list through its members.
 *
 * A head is a link that points to itself. A link of zeros is in no list.
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_LIST_H
#define GOR_RPC_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct rpc_link {
    struct rpc_link *next;
    struct rpc_link *prev;
};

/* The struct that a link is a member of. */
#define RPC_OF(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void rpc_list_init(struct rpc_link *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool rpc_list_is_empty(const struct rpc_link *head)
{
    return head->next == head;
}

static inline bool rpc_link_is_listed(const struct rpc_link *link)
{
    return link->next != NULL;
}

static inline void rpc_list_append(struct rpc_link *head, struct rpc_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

/* Fine for a link that is in no list. */
static inline void rpc_list_remove(struct rpc_link *link)
{
    if (link->next != NULL) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
        link->next = NULL;
        link->prev = NULL;
    }
}

/* The first link, taken out; NULL: the list is empty. */
static inline struct rpc_link *rpc_list_pop(struct rpc_link *head)
{
    struct rpc_link *link = head->next;
    if (link == head) {
        return NULL;
    }
    rpc_list_remove(link);
    return link;
}

/* All of `from` goes to the empty head `to`. */
static inline void rpc_list_move(struct rpc_link *from, struct rpc_link *to)
{
    rpc_list_init(to);
    if (!rpc_list_is_empty(from)) {
        *to = *from;
        to->next->prev = to;
        to->prev->next = to;
        rpc_list_init(from);
    }
}

#endif
