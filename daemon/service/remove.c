/* SPDX-License-Identifier: MIT */
/* Jobs.Remove: jobs that have ended, with all that is kept of them.
 *
 * A portion at a time goes to the store, each in a transaction with whatever else is to be written, so
 * that a call about a million jobs keeps nobody waiting.
 */
#include "daemon/service/remove.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/service/act.h"

enum { PORTION = 500 };

/* A call whose jobs are being removed. */
struct gord_removing {
    struct list_link link; /* of service->removals */
    struct gord_act *act;  /* owned until gord_act_end() */
    size_t begun;          /* of act->later */
    size_t removed;
    struct gord_removal portion;
    struct gord_removal_item items[PORTION];
};

static void go_on(struct gord_removing *removing);

static void end(struct gord_removing *removing, int error)
{
    if (removing->removed > 0) {
        gord_log(GORD_LOG_NOTICE, 0, "%zu job%s %s", removing->removed,
                 removing->removed == 1 ? "" : "s", removing->act->cause);
    }
    list_remove(&removing->link);
    gord_act_end(removing->act, error);
    free(removing);
}

static void note(struct gord_removing *removing, const struct gord_removal_item *item)
{
    Gor__V1__ActResult__Status status = GOR__V1__ACT_RESULT__STATUS__REFUSED;
    char text[GORD_ACT_TEXT] = "";

    switch (item->what) {
    case GORD_REMOVED:
        status = GOR__V1__ACT_RESULT__STATUS__DONE;
        removing->removed++;
        break;
    case GORD_REMOVED_NONE:
        status = GOR__V1__ACT_RESULT__STATUS__UNKNOWN;
        break;
    case GORD_REMOVED_LIVES:
        snprintf(text, sizeof(text), "%s", GORD_REMOVE_LIVES);
        break;
    case GORD_REMOVED_AWAITED:
        snprintf(text, sizeof(text),
                 "job %" PRIu64 " is to run after it; remove it when that has ended", item->by_id);
    }
    gord_act_note(removing->act, item->id, status, text);
}

static void portion_removed(void *arg, int error)
{
    struct gord_removing *removing = arg;

    for (size_t i = 0; i < removing->portion.count && error == 0; i++) {
        note(removing, &removing->items[i]);
    }
    removing->portion.count = 0;
    if (error == 0 && removing->begun < removing->act->later_count &&
        removing->act->many.call != NULL) {
        go_on(removing);
    } else {
        end(removing, error);
    }
}

static void go_on(struct gord_removing *removing)
{
    const struct gord_act *act = removing->act;
    size_t count = 0;

    while (count < PORTION && removing->begun < act->later_count) {
        removing->items[count++] = (struct gord_removal_item){.id = act->later[removing->begun++]};
    }
    removing->portion = (struct gord_removal){removing->items, count};
    int result = gord_store_remove(gord_bus_store(act->many.service->bus), &removing->portion,
                                   portion_removed, removing);
    if (result != 0) {
        end(removing, result);
    }
}

static void remove_rest(struct gord_act *act)
{
    struct gord_removing *removing = calloc(1, sizeof(*removing));

    if (removing == NULL) {
        gord_act_end(act, -ENOMEM);
        return;
    }
    removing->act = act;
    list_append(&act->many.service->removals, &removing->link);
    go_on(removing);
}

/* Whether there is such a job, and may go, is the store's to say. */
static int remove_one(struct gord_act *act, uint64_t id, char why[GORD_ACT_TEXT])
{
    const struct gord_job *job = gord_job_find(gord_bus_table(act->many.service->bus), id);

    if (job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED) {
        return act->by_kind ? GORD_ACT_NOT_MEANT : gord_act_refuse(why, GORD_REMOVE_LIVES);
    }
    return gord_act_later(act, id);
}

bool gord_is_being_removed(const struct gord_service *service, uint64_t id)
{
    for (const struct list_link *link = service->removals.next; link != &service->removals;
         link = link->next) {
        const struct gord_removing *removing = CONTAINER_OF(link, struct gord_removing, link);
        for (size_t i = 0; i < removing->portion.count; i++) {
            if (removing->items[i].id == id) {
                return true;
            }
        }
    }
    return false;
}

/* What is with the store comes back later, to no call. */
void gord_removals_end(struct gord_service *service)
{
    for (struct list_link *link = service->removals.next; link != &service->removals;
         link = link->next) {
        struct gord_removing *removing = CONTAINER_OF(link, struct gord_removing, link);
        gord_fail(removing->act->many.call, WIRE_UNAVAILABLE,
                  "the daemon stops; not all have been removed");
        removing->act->many.call = NULL;
    }
}

GORD_METHOD(gord_jobs_remove)
{
    static const struct gord_act_verb verb = {"remove all of them", "removed", remove_one, NULL,
                                              remove_rest,          false};

    gord_act_begin(user, &verb, call, (const Gor__V1__ActRequest *)message);
}
