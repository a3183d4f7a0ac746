/* SPDX-License-Identifier: MIT */
/* selected.c - what the daemon finds for a selector; see selector.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/selector.h"
#include "proto/decode.h"

int gorctl_selector_nothing(bool live_only)
{
    gorctl_say(live_only ? "nothing selected: of the jobs that have not ended, none is meant"
                         : "nothing selected: no job is meant");
    return GORCTL_EXIT_NOTHING;
}

/* ------------------------------------------------------------------ ids */

static int fetch_ids(struct gorctl *ctl, Gor__V1__SelectRequest *request,
                     Gor__V1__SelectReply **out_reply)
{
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Select",
                               .request = &request->base,
                               .reply = &gor__v1__select_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = (Gor__V1__SelectReply *)reply;
    }
    return code;
}

/* One page into `ids`. */
static int take_page(const Gor__V1__SelectReply *reply, struct gorctl_ids *ids)
{
    for (size_t i = 0; i < reply->n_unknown; i++) {
        gorctl_say("there is no job %" PRIu64, reply->unknown[i]);
    }
    if (reply->n_unknown > 0) {
        return GORCTL_EXIT_NOT_FOUND;
    }
    if (reply->n_ids > GORCTL_IDS_MOST - ids->count) {
        gorctl_say("that selects more than %d jobs; say more about them", GORCTL_IDS_MOST);
        return GORCTL_EXIT_USAGE;
    }
    ids->ids = gorctl_grow(ids->ids, ids->count + reply->n_ids + 1, sizeof(*ids->ids));
    if (reply->n_ids > 0) {
        memcpy(ids->ids + ids->count, reply->ids, reply->n_ids * sizeof(*ids->ids));
    }
    ids->count += reply->n_ids;
    return GORCTL_EXIT_OK;
}

static int ask_for_ids(struct gorctl *ctl, Gor__V1__SelectRequest *request, struct gorctl_ids *ids)
{
    int code;
    do {
        Gor__V1__SelectReply *reply;
        code = fetch_ids(ctl, request, &reply);
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
        code = take_page(reply, ids);
        request->before_id = reply->next_before_id;
        wire_decoded_free(&reply->base);
    } while (code == GORCTL_EXIT_OK && request->before_id != 0);
    return code;
}

int gorctl_selector_find(struct gorctl *ctl, const struct gorctl_selector *selector, bool live_only,
                         struct gorctl_ids *out_ids)
{
    struct gorctl_ids ids = {0};
    if (gorctl_selector_is_ids(selector)) {
        ids.count = selector->ids.count;
        ids.ids = gorctl_copy(selector->ids.ids, ids.count * sizeof(*ids.ids));
        *out_ids = ids;
        return GORCTL_EXIT_OK;
    }
    Gor__V1__SelectRequest request = GOR__V1__SELECT_REQUEST__INIT;
    request.selector = gorctl_selector_message(selector);
    request.live_only = live_only;
    int code = ask_for_ids(ctl, &request, &ids);
    gor__v1__selector__free_unpacked(request.selector, NULL);
    if (code == GORCTL_EXIT_OK) {
        *out_ids = ids;
    } else {
        gorctl_ids_fini(&ids);
    }
    return code;
}

int gorctl_selector_resolve(struct gorctl *ctl, const struct gorctl_selector *selector,
                            bool live_only, struct gorctl_ids *out_ids)
{
    struct gorctl_ids ids = {0};
    int code = gorctl_selector_find(ctl, selector, live_only, &ids);
    if (code == GORCTL_EXIT_OK && ids.count == 0) {
        gorctl_ids_fini(&ids);
        return gorctl_selector_nothing(live_only);
    }
    if (code == GORCTL_EXIT_OK) {
        *out_ids = ids;
    }
    return code;
}

int gorctl_selector_run(struct gorctl *ctl, struct gorctl_selector *selector,
                        int (*fn)(const void *arg, const struct gorctl_ids *ids), const void *arg)
{
    struct gorctl_ids ids;
    int code = gorctl_selector_resolve(ctl, selector, false, &ids);
    gorctl_selector_fini(selector);
    if (code == GORCTL_EXIT_OK) {
        code = fn(arg, &ids);
        gorctl_ids_fini(&ids);
    }
    return code;
}

int gorctl_selector_one(struct gorctl *ctl, const struct gorctl_selector *selector,
                        uint64_t *out_id)
{
    struct gorctl_ids ids;
    int code = gorctl_selector_resolve(ctl, selector, false, &ids);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    *out_id = ids.ids[0];
    if (ids.count > 1) {
        uint64_t newest = ids.ids[0]; /* they come as they were named */
        for (size_t i = 1; i < ids.count; i++) {
            newest = ids.ids[i] > newest ? ids.ids[i] : newest;
        }
        gorctl_say("one job at a time: that selects %zu, the newest is %" PRIu64, ids.count,
                   newest);
        code = GORCTL_EXIT_USAGE;
    }
    gorctl_ids_fini(&ids);
    return code;
}

/* ---------------------------------------------------------------- count */

static void add_states(Gor__V1__CountReply *sum, const Gor__V1__CountReply *page)
{
    for (size_t i = 0; i < page->n_states; i++) {
        size_t at = 0;
        while (at < sum->n_states && sum->states[at]->state != page->states[i]->state) {
            at++;
        }
        if (at == sum->n_states) {
            sum->states = gorctl_grow(sum->states, at + 1, sizeof(Gor__V1__CountReply__OfState *));
            sum->states[at] = gorctl_alloc(sizeof(Gor__V1__CountReply__OfState));
            gor__v1__count_reply__of_state__init(sum->states[at]);
            sum->states[at]->state = page->states[i]->state;
            sum->n_states++;
        }
        sum->states[at]->count += page->states[i]->count;
    }
}

static void add_outcomes(Gor__V1__CountReply *sum, const Gor__V1__CountReply *page)
{
    for (size_t i = 0; i < page->n_outcomes; i++) {
        size_t at = 0;
        while (at < sum->n_outcomes && sum->outcomes[at]->outcome != page->outcomes[i]->outcome) {
            at++;
        }
        if (at == sum->n_outcomes) {
            sum->outcomes =
                gorctl_grow(sum->outcomes, at + 1, sizeof(Gor__V1__CountReply__OfOutcome *));
            sum->outcomes[at] = gorctl_alloc(sizeof(Gor__V1__CountReply__OfOutcome));
            gor__v1__count_reply__of_outcome__init(sum->outcomes[at]);
            sum->outcomes[at]->outcome = page->outcomes[i]->outcome;
            sum->n_outcomes++;
        }
        sum->outcomes[at]->count += page->outcomes[i]->count;
    }
}

/* One page more; the sum's next_before_id moves on. */
static int count_page(struct gorctl *ctl, Gor__V1__CountRequest *request, Gor__V1__CountReply *sum)
{
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Count",
                               .request = &request->base,
                               .reply = &gor__v1__count_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(ctl, &call, NULL, &message);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__CountReply *page = (const Gor__V1__CountReply *)message;
    sum->total += page->total;
    sum->next_before_id = page->next_before_id;
    add_states(sum, page);
    add_outcomes(sum, page);
    wire_decoded_free(message);
    return GORCTL_EXIT_OK;
}

int gorctl_selector_count(struct gorctl *ctl, const struct gorctl_selector *selector,
                          bool live_only, Gor__V1__CountReply **out_reply)
{
    Gor__V1__CountRequest request = GOR__V1__COUNT_REQUEST__INIT;
    Gor__V1__CountReply *sum = gorctl_alloc(sizeof(*sum));
    gor__v1__count_reply__init(sum);
    if (!gorctl_selector_is_empty(selector) && !gorctl_selector_is_all(selector)) {
        request.selector = gorctl_selector_message(selector);
    }
    request.live_only = live_only;
    int code;
    do {
        request.before_id = sum->next_before_id;
        code = count_page(ctl, &request, sum);
    } while (code == GORCTL_EXIT_OK && sum->next_before_id != 0);
    gor__v1__selector__free_unpacked(request.selector, NULL);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = sum;
    } else {
        gor__v1__count_reply__free_unpacked(sum, NULL);
    }
    return code;
}

/* -------------------------------------------------------------- confirm */

static bool says_yes(const char *verb, uint64_t count)
{
    char *question = gorctl_format("This will %s %" PRIu64 " jobs. Go on?", verb, count);
    bool yes = gorctl_asks(question);
    free(question);
    return yes;
}

int gorctl_selector_confirm(struct gorctl *ctl, const struct gorctl_selector *selector,
                            const char *verb, bool live_only)
{
    uint64_t count = selector->ids.count;
    if (gorctl_selector_is_ids(selector) && count <= GORCTL_SELECTOR_MANY) {
        return GORCTL_EXIT_OK;
    }
    Gor__V1__CountReply *reply;
    int code = gorctl_selector_count(ctl, selector, live_only, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    count = reply->total;
    gor__v1__count_reply__free_unpacked(reply, NULL);
    if (count <= GORCTL_SELECTOR_MANY || (isatty(STDIN_FILENO) && says_yes(verb, count))) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("that would %s %" PRIu64 " jobs: nothing was done; say --yes if you mean it", verb,
               count);
    return GORCTL_EXIT_USAGE;
}
