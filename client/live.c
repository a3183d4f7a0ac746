/* SPDX-License-Identifier: MIT */
/* live.c - see live.h. */
#include "client/live.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/context_file.h"
#include "client/exits.h"
#include "client/screen.h"
#include "client/text.h"
#include "gor/v1/crons.pb-c.h"
#include "gor/v1/jobs.pb-c.h"
#include "gor/v1/plugins.pb-c.h"
#include "gor/v1/queues.pb-c.h"
#include "proto/decode.h"

/* More ids than that nobody looks through. */
enum { JOBS_MOST = 200, ABOUT_ROOM = 24 };

/* NULL: no answer. */
static ProtobufCMessage *ask(struct gorctl *ctl, const char *path, const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *reply)
{
    struct gorctl_call call = {
        .path = path, .request = request, .reply = reply, .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message = NULL;
    return gorctl_call(ctl, &call, NULL, &message) == GORCTL_EXIT_OK ? message : NULL;
}

/* ----------------------------------------------------------------- jobs */

static Gor__V1__ListReply *ask_jobs(struct gorctl *ctl, bool live, bool ended)
{
    Gor__V1__JobState states[] = {GOR__V1__JOB_STATE__CREATED, GOR__V1__JOB_STATE__RUNNABLE,
                                  GOR__V1__JOB_STATE__RUNNING, GOR__V1__JOB_STATE__WAITING};
    Gor__V1__JobState over[] = {GOR__V1__JOB_STATE__TERMINATED};
    Gor__V1__ListRequest request = GOR__V1__LIST_REQUEST__INIT;
    request.limit = JOBS_MOST;
    request.without_env = true;
    if (!live || !ended) {
        request.states = live ? states : over;
        request.n_states = live ? sizeof(states) / sizeof(states[0]) : 1;
    }
    return (Gor__V1__ListReply *)ask(ctl, "/gor.v1.Jobs/List", &request.base,
                                     &gor__v1__list_reply__descriptor);
}

static void offer_jobs(const struct gorctl_candidates *at, bool live, bool ended)
{
    Gor__V1__ListReply *reply = ask_jobs(at->ctl, live, ended);
    for (size_t i = 0; reply != NULL && i < reply->n_jobs; i++) {
        const Gor__V1__Job *job = reply->jobs[i];
        char id[ABOUT_ROOM];
        char status[GORCTL_WORD_ROOM];
        snprintf(id, sizeof(id), "%" PRIu64, job->id);
        gorctl_status_text(job, status);
        char *command = job->spec != NULL ? gorctl_command_text(job->spec) : gorctl_strdup("");
        const char *name = job->spec != NULL ? job->spec->name : "";
        char *about =
            gorctl_format("%s  %s%s%s", status, name, name[0] != '\0' ? "  " : "", command);
        gorctl_candidate(at, id, about);
        free(about);
        free(command);
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_live_jobs(const struct gorctl_candidates *at)
{
    offer_jobs(at, true, false);
}

void gorctl_live_ended_jobs(const struct gorctl_candidates *at)
{
    offer_jobs(at, false, true);
}

void gorctl_live_all_jobs(const struct gorctl_candidates *at)
{
    offer_jobs(at, true, true);
}

/* What has been offered. */
struct seen {
    char **values;
    size_t count;
};

static void offer_once(const struct gorctl_candidates *at, struct seen *seen, char *value)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (strcmp(seen->values[i], value) == 0) {
            free(value);
            return;
        }
    }
    gorctl_candidate(at, value, NULL);
    seen->values = gorctl_grow(seen->values, seen->count + 1, sizeof(*seen->values));
    seen->values[seen->count++] = value;
}

static void forget(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        free(seen->values[i]);
    }
    free(seen->values);
}

void gorctl_live_names(const struct gorctl_candidates *at)
{
    struct seen seen = {0};
    Gor__V1__ListReply *reply = ask_jobs(at->ctl, true, true);
    for (size_t i = 0; reply != NULL && i < reply->n_jobs; i++) {
        const Gor__V1__JobSpec *spec = reply->jobs[i]->spec;
        if (spec != NULL && spec->name[0] != '\0') {
            offer_once(at, &seen, gorctl_strdup(spec->name));
        }
    }
    wire_decoded_free((ProtobufCMessage *)reply);
    forget(&seen);
}

static void offer_labels(const struct gorctl_candidates *at, bool with_value)
{
    struct seen seen = {0};
    Gor__V1__ListReply *reply = ask_jobs(at->ctl, true, true);
    for (size_t i = 0; reply != NULL && i < reply->n_jobs; i++) {
        const Gor__V1__JobSpec *spec = reply->jobs[i]->spec;
        for (size_t k = 0; spec != NULL && k < spec->n_labels; k++) {
            const char *key = spec->labels[k]->key;
            const char *value = spec->labels[k]->value;
            offer_once(at, &seen,
                       with_value ? gorctl_format("%s=%s", key, value) : gorctl_strdup(key));
        }
    }
    wire_decoded_free((ProtobufCMessage *)reply);
    forget(&seen);
}

void gorctl_live_labels(const struct gorctl_candidates *at)
{
    offer_labels(at, true);
}

void gorctl_live_label_keys(const struct gorctl_candidates *at)
{
    offer_labels(at, false);
}

/* --------------------------------------------------------------- others */

static Gor__V1__ListQueuesReply *ask_queues(struct gorctl *ctl)
{
    Gor__V1__ListQueuesRequest request = GOR__V1__LIST_QUEUES_REQUEST__INIT;
    return (Gor__V1__ListQueuesReply *)ask(ctl, "/gor.v1.Queues/List", &request.base,
                                           &gor__v1__list_queues_reply__descriptor);
}

void gorctl_live_queues(const struct gorctl_candidates *at)
{
    Gor__V1__ListQueuesReply *reply = ask_queues(at->ctl);
    for (size_t i = 0; reply != NULL && i < reply->n_queues; i++) {
        const Gor__V1__Queue *queue = reply->queues[i];
        char *about = gorctl_format("%" PRIu64 " wait, %" PRIu64 " run%s", queue->queued,
                                    queue->running, queue->paused ? ", paused" : "");
        gorctl_candidate(at, queue->name, about);
        free(about);
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_live_pools(const struct gorctl_candidates *at)
{
    Gor__V1__ListQueuesReply *reply = ask_queues(at->ctl);
    for (size_t i = 0; reply != NULL && i < reply->n_pools; i++) {
        const Gor__V1__Pool *pool = reply->pools[i];
        char *about = gorctl_format("%" PRIu64 " of %" PRIu64 " in use", pool->used, pool->tokens);
        gorctl_candidate(at, pool->name, about);
        free(about);
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_live_rates(const struct gorctl_candidates *at)
{
    Gor__V1__ListQueuesReply *reply = ask_queues(at->ctl);
    for (size_t i = 0; reply != NULL && i < reply->n_rates; i++) {
        gorctl_candidate(at, reply->rates[i]->name, NULL);
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_live_crons(const struct gorctl_candidates *at)
{
    Gor__V1__ListCronsRequest request = GOR__V1__LIST_CRONS_REQUEST__INIT;
    Gor__V1__ListCronsReply *reply = (Gor__V1__ListCronsReply *)ask(
        at->ctl, "/gor.v1.Crons/List", &request.base, &gor__v1__list_crons_reply__descriptor);
    for (size_t i = 0; reply != NULL && i < reply->n_crons; i++) {
        const Gor__V1__CronSpec *spec = reply->crons[i]->spec;
        if (spec != NULL) {
            gorctl_candidate(at, spec->name, spec->expr);
        }
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_live_functions(const struct gorctl_candidates *at)
{
    Gor__V1__ListPluginsRequest request = GOR__V1__LIST_PLUGINS_REQUEST__INIT;
    Gor__V1__ListPluginsReply *reply =
        (Gor__V1__ListPluginsReply *)ask(at->ctl, "/gor.v1.Plugins/ListPlugins", &request.base,
                                         &gor__v1__list_plugins_reply__descriptor);
    for (size_t i = 0; reply != NULL && i < reply->n_plugins; i++) {
        const Gor__V1__Plugin *plugin = reply->plugins[i];
        for (size_t k = 0; plugin->current && k < plugin->n_functions; k++) {
            gorctl_candidate(at, plugin->functions[k]->name, plugin->functions[k]->about);
        }
    }
    wire_decoded_free((ProtobufCMessage *)reply);
}

void gorctl_live_contexts(const struct gorctl_candidates *at)
{
    struct gorctl_contexts contexts;
    if (gorctl_context_file_read(&contexts) != GORCTL_EXIT_OK) {
        return;
    }
    for (size_t i = 0; i < contexts.count; i++) {
        gorctl_candidate(at, contexts.all[i].name, contexts.all[i].values[GORCTL_CONTEXT_HOST]);
    }
    gorctl_contexts_fini(&contexts);
}
