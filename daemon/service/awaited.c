/* SPDX-License-Identifier: MIT */
/* awaited.c - see awaited.h. */
#include "daemon/service/awaited.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/runner/hold.h"
#include "runtime/gor.h"

/* In the order of their coming: the first is the oldest. */
struct gord_awaited_job {
    uint64_t id;
    int64_t until_ns; /* on gor_now()'s clock */
    uint32_t owner;
    bool taken; /* its run expects the follower: not once more */
};

struct gord_awaited_owner {
    uint32_t uid;
    unsigned count; /* of his jobs here; not 0 */
};

/* Where he is, or owner_count. */
static unsigned find_owner(const struct gord_awaited *awaited, uint32_t uid)
{
    unsigned at = 0;

    while (at < awaited->owner_count && awaited->owners[at].uid != uid) {
        at++;
    }
    return at;
}

static void count_in(struct gord_awaited *awaited, uint32_t uid)
{
    unsigned at = find_owner(awaited, uid);

    if (at == awaited->owner_count) {
        awaited->owners[awaited->owner_count++] = (struct gord_awaited_owner){.uid = uid};
    }
    awaited->owners[at].count++;
}

static void drop_at(struct gord_awaited *awaited, unsigned at)
{
    unsigned owner = find_owner(awaited, awaited->jobs[at].owner);

    if (--awaited->owners[owner].count == 0) {
        awaited->owners[owner] = awaited->owners[--awaited->owner_count];
    }
    awaited->count--;
    memmove(&awaited->jobs[at], &awaited->jobs[at + 1],
            (awaited->count - at) * sizeof(awaited->jobs[0]));
}

/* The ones that nobody waits for any more. */
static void forget(struct gord_awaited *awaited)
{
    while (awaited->count > 0 && awaited->jobs[0].until_ns <= gor_now()) {
        drop_at(awaited, 0);
    }
}

/* The oldest of whoever has the most makes room for one of `uid`, who does not take from one with as few. */
static void make_room(struct gord_awaited *awaited, uint32_t uid)
{
    unsigned own = find_owner(awaited, uid);
    unsigned most = own < awaited->owner_count ? own : 0;
    unsigned at = 0;

    for (unsigned i = 0; i < awaited->owner_count; i++) {
        most = awaited->owners[i].count > awaited->owners[most].count ? i : most;
    }
    while (awaited->jobs[at].owner != awaited->owners[most].uid) {
        at++;
    }
    drop_at(awaited, at);
}

/* NULL: it is not here. */
static struct gord_awaited_job *find(struct gord_awaited *awaited, uint64_t id)
{
    forget(awaited);
    for (unsigned at = 0; at < awaited->count; at++) {
        if (awaited->jobs[at].id == id) {
            return &awaited->jobs[at];
        }
    }
    return NULL;
}

void gord_awaited_add(struct gord_awaited *awaited, uint64_t id, uint32_t owner)
{
    if (awaited->jobs == NULL) {
        awaited->jobs = calloc(GORD_AWAITED_MAX, sizeof(awaited->jobs[0]));
    }
    if (awaited->owners == NULL) {
        awaited->owners = calloc(GORD_AWAITED_MAX, sizeof(awaited->owners[0]));
    }
    if (awaited->jobs == NULL || awaited->owners == NULL) {
        return;
    }
    forget(awaited);
    if (awaited->count == GORD_AWAITED_MAX) {
        make_room(awaited, owner);
    }
    awaited->jobs[awaited->count++] = (struct gord_awaited_job){
        .id = id, .until_ns = gor_after(GORD_HOLD_EXPECTED_NS), .owner = owner};
    count_in(awaited, owner);
}

void gord_awaited_drop(struct gord_awaited *awaited, uint64_t id)
{
    struct gord_awaited_job *job = find(awaited, id);

    if (job != NULL) {
        drop_at(awaited, (unsigned)(job - awaited->jobs));
    }
}

bool gord_awaited_take(struct gord_awaited *awaited, uint64_t id)
{
    struct gord_awaited_job *job = find(awaited, id);
    bool is_new = job != NULL && !job->taken;

    if (is_new) {
        job->taken = true;
    }
    return is_new;
}

void gord_awaited_give_back(struct gord_awaited *awaited, uint64_t id)
{
    struct gord_awaited_job *job = find(awaited, id);

    if (job != NULL) {
        job->taken = false;
    }
}

void gord_awaited_fini(struct gord_awaited *awaited)
{
    free(awaited->jobs);
    free(awaited->owners);
    *awaited = (struct gord_awaited){0};
}
