/* SPDX-License-Identifier: MIT */
/* group.c - goroutines with one task in common: the first that fails cancels the rest, and the wait
 * for all of them answers its error.
 *
 * Made of what is public, and outside the door throughout. A slot of the limit is a permit of a
 * semaphore, so those that wait for one are served in their order.
 *
 * Ownership   `holds` counts the maker and the members that have not ended, so that freeing a group
 *             need not wait for them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/misuse.h"

enum { UNLIMITED = -1 };

struct gor_group {
    uint32_t holds;
    uint32_t active; /* members that have not ended */
    int err;         /* of the first that failed; atomic */
    int64_t limit;
    struct gor_sem slots;
    struct gor_waitgroup members;
    struct gor_ctx *ctx; /* a reference */
};

struct member {
    struct gor_group *group; /* a hold */
    int (*fn)(struct gor_ctx *ctx, void *arg);
    void *arg;
};

int gor_group_new(struct gor_ctx *parent, struct gor_group **out_group)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    struct gor_group *group = calloc(1, sizeof *group);
    if (group == NULL) {
        return -ENOMEM;
    }
    int result = gor_ctx_with_cancel(parent != NULL ? parent : gor_ctx_background(), &group->ctx);
    if (result < 0) {
        free(group);
        return result;
    }
    group->holds = 1;
    group->limit = UNLIMITED;
    *out_group = group;
    return 0;
}

static void drop(struct gor_group *group)
{
    if (__atomic_sub_fetch(&group->holds, 1, __ATOMIC_ACQ_REL) == 0) {
        gor_ctx_unref(group->ctx);
        free(group);
    }
}

void gor_group_free(struct gor_group *group)
{
    if (group != NULL) {
        gor_ctx_cancel(group->ctx, NULL);
        drop(group);
    }
}

struct gor_ctx *gor_group_ctx(struct gor_group *group)
{
    return group->ctx;
}

void gor_group_set_limit(struct gor_group *group, int limit)
{
    if (__atomic_load_n(&group->active, __ATOMIC_ACQUIRE) != 0) {
        gor__misuse_fatal("errgroup: modify limit while goroutines in the group are still active");
    }
    if (group->limit > 0) {
        GOR_ASSERT(gor_sem_acquire(&group->slots, group->limit, 0) == 0);
    }
    group->limit = limit < 0 ? UNLIMITED : limit;
    if (group->limit > 0) {
        gor_sem_release(&group->slots, group->limit);
    }
}

/* ---- members */

static void fail(struct gor_group *group, int err)
{
    char text[128];
    char cause[192];
    int none = 0;
    if (!__atomic_compare_exchange_n(&group->err, &none, err, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    if (err < 0) {
        (void)snprintf(cause, sizeof cause, "a goroutine of the group failed: %s",
                       strerror_r(-err, text, sizeof text));
    } else {
        (void)snprintf(cause, sizeof cause, "a goroutine of the group failed with %d", err);
    }
    gor_ctx_cancel(group->ctx, cause);
}

/* However the member ends. Whoever waits may free the group after the last count. */
static void leave(void *arg)
{
    struct gor_group *group = arg;
    __atomic_sub_fetch(&group->active, 1, __ATOMIC_RELEASE);
    if (group->limit != UNLIMITED) {
        gor_sem_release(&group->slots, 1);
    }
    gor_waitgroup_done(&group->members);
    drop(group);
}

static void run(void *arg)
{
    struct member member = *(struct member *)arg;
    struct gor_defer at_end;
    free(arg);
    gor_defer(&at_end, leave, member.group);
    int err = member.fn(member.group->ctx, member.arg);
    if (err != 0) {
        fail(member.group, err);
    }
    gor_undefer(&at_end, true);
}

/* With a slot taken. */
static int start(struct member *member, const void *caller)
{
    struct gor_group *group = member->group;
    __atomic_add_fetch(&group->holds, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&group->active, 1, __ATOMIC_RELAXED);
    gor_waitgroup_add(&group->members, 1);
    (void)gor__enter();
    int result = gor__go(NULL, run, member, caller);
    gor__leave();
    if (result < 0) {
        leave(group);
    }
    return result;
}

static int go_within(const struct member *wanted, int64_t deadline, const void *caller)
{
    struct gor_group *group = wanted->group;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    struct member *member = malloc(sizeof *member);
    if (member == NULL) {
        return -ENOMEM;
    }
    *member = *wanted;
    int result = 0;
    if (group->limit != UNLIMITED) {
        result = gor_sem_acquire(&group->slots, 1, deadline);
    }
    if (result == 0) {
        result = start(member, caller);
    }
    if (result != 0) {
        free(member);
    }
    return result;
}

int gor_group_go(struct gor_group *group, int (*fn)(struct gor_ctx *ctx, void *arg), void *arg)
{
    struct member wanted = {group, fn, arg};
    return go_within(&wanted, GOR_NEVER, __builtin_return_address(0));
}

int gor_group_try_go(struct gor_group *group, int (*fn)(struct gor_ctx *ctx, void *arg), void *arg)
{
    struct member wanted = {group, fn, arg};
    int result = go_within(&wanted, 0, __builtin_return_address(0));
    return result == -ETIMEDOUT ? -EAGAIN : result;
}

int gor_group_wait(struct gor_group *group)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    gor_waitgroup_wait(&group->members);
    gor_ctx_cancel(group->ctx, NULL);
    return __atomic_load_n(&group->err, __ATOMIC_ACQUIRE);
}
