/* SPDX-License-Identifier: MIT */
/* Entries of the calendar that come on an import: with all that they have come to.
 *
 * What was due before an entry is here is settled: the daemon that it comes from may have made those
 * jobs after it was exported, and a hundred entries with something to make up for would all begin at
 * once. So it counts as missed, whatever the entry's policy.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/cron_change.h"
#include "daemon/service/import_inside.h"
#include "daemon/service/redact.h"

enum { SECOND_NS = 1000000000 };

static bool is_time(int64_t ns)
{
    return ns >= 0 && ns / SECOND_NS <= GORD_CRON_END_S;
}

static bool is_sound(struct gord_import *import, const Gor__V1__Cron *wire,
                     struct gord_refusal *why)
{
    const char *name;
    size_t length;

    if (gord_cron_check_past(import->service, wire->spec, why) != 0 || wire->spec == NULL) {
        return false;
    }
    if (wire->made_ns == 0 || !is_time(wire->made_ns) || !is_time(wire->last_ns) ||
        !is_time(wire->covered_ns)) {
        return gord_refuse(why, WIRE_INVALID_ARGUMENT,
                           "cron: made_ns is missing, or a time is out of range; is this what "
                           "`gorctl export` writes?");
    }
    if (gord_is_redacted(wire->spec->job, &name, &length)) {
        return gord_refuse(why, WIRE_FAILED_PRECONDITION,
                           "the value of %.*s was hidden when it was exported, so its jobs cannot "
                           "run as they should; export it with --reveal",
                           length < 60 ? (int)length : 60, name);
    }
    return true;
}

/* All up to now is settled; of a clock that is ahead no more than what it may have made. */
static void settle_past(struct gord_cron *cron, bool was_paused)
{
    struct gord_cron_entry entry = cron->entry;
    struct gord_cron_plan plan;

    entry.missed = GORD_CRON_MISSED_SKIP;
    gord_cron_plan(&entry, cron->state.covered_s, gord_event_clock(), &plan);
    cron->state.covered_s = plan.covered_s;
    cron->state.missed += was_paused ? 0 : plan.missed + plan.count;
}

static int64_t covered_s(const Gor__V1__Cron *wire)
{
    int64_t ns = wire->covered_ns;

    ns = ns > wire->last_ns ? ns : wire->last_ns;
    return (ns > wire->made_ns ? ns : wire->made_ns) / SECOND_NS;
}

/* NULL: out of memory. */
static struct gord_cron *make(const struct gord_import *import, const Gor__V1__Cron *wire)
{
    Gor__V1__CronSpec *spec = gord_cron_copy_spec(wire->spec);
    struct gord_cron *cron = spec != NULL ? gord_cron_new(spec, wire->uid, wire->made_ns) : NULL;

    if (cron == NULL) {
        return NULL;
    }
    cron->state.version = 1;
    cron->state.paused = wire->paused || import->live == GOR__V1__IMPORT_OPTIONS__LIVE__HOLD;
    cron->state.covered_s = covered_s(wire);
    cron->state.last_s = wire->last_ns / SECOND_NS;
    cron->state.last_job = gord_idmap_get(&import->ids, wire->last_job);
    cron->state.fired = wire->fired;
    cron->state.skipped = wire->skipped;
    cron->state.missed = wire->missed;
    gord_text_clean(wire->why, strlen(wire->why), cron->state.why, sizeof(cron->state.why));
    settle_past(cron, wire->paused);
    return cron;
}

static void stored(void *arg, int error)
{
    struct gord_refusal why;

    if (error != 0) {
        (void)gord_refuse(&why, gord_store_status_code(error), "the store refuses: %s",
                          strerror(-error));
    }
    gord_import_settled(arg, error != 0 ? &why : NULL);
}

static bool enter(struct gord_import *import, const Gor__V1__Cron *wire,
                  struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_cron *cron = make(import, wire);

    if (cron == NULL || gord_cron_enter(import->service, cron, stored, answer) != 0) {
        return gord_refuse(why, WIRE_RESOURCE_EXHAUSTED, "not taken: out of memory");
    }
    import->pending++;
    return true;
}

/* There is one of that name. */
static bool meet(const struct gord_cron *there, const Gor__V1__Cron *wire,
                 struct gord_import_answer *answer, struct gord_refusal *why)
{
    if (there->made_ns == wire->made_ns && there->uid == wire->uid) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__EXISTS;
        return true;
    }
    return gord_refuse(why, WIRE_FAILED_PRECONDITION,
                       "there is another cron entry '%s' here, user %" PRIu32
                       "'s; it stays. `gorctl cron rm` that one, or give this one another name, "
                       "and import it again",
                       there->spec->name, there->uid);
}

bool gord_import_take_cron(struct gord_import *import, const Gor__V1__Cron *wire,
                           struct gord_import_answer *answer, struct gord_refusal *why)
{
    struct gord_crons *crons = import->service->crons;
    char what[GORD_IMPORT_WHAT];

    gord_import_name(answer, "cron", wire->spec != NULL ? wire->spec->name : "");
    snprintf(what, sizeof(what), "cron entry '%s'", answer->what + strlen("cron "));
    if (!gord_import_may_bring(import, what, wire->uid, why)) {
        return false;
    }
    if (import->live == GOR__V1__IMPORT_OPTIONS__LIVE__SKIP) {
        answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__SKIPPED;
        return true;
    }
    const struct gord_cron *there =
        wire->spec != NULL ? gord_crons_find(crons, wire->spec->name) : NULL;
    if (there != NULL) {
        return meet(there, wire, answer, why);
    }
    if (!is_sound(import, wire, why) || !gord_submit_is_open(import->service, 0, why)) {
        return false;
    }
    if (crons->count >= GORD_CRONS_MOST) {
        return gord_refuse(why, WIRE_FAILED_PRECONDITION,
                           "there are %d cron entries, which is the most; remove some",
                           GORD_CRONS_MOST);
    }
    answer->result.status = GOR__V1__IMPORT_RESULT__STATUS__TAKEN;
    return import->dry_run || enter(import, wire, answer, why);
}
