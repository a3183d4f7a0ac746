/* SPDX-License-Identifier: MIT */
/* webhook_document.c - what is told of a job's end; see webhook.h, and docs/webhooks.md for the fields. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/line.h"
#include "daemon/runner/finish.h"
#include "daemon/runner/text.h"
#include "daemon/runner/webhook.h"

#define SECOND_NS 1000000000LL

enum { TEXT_MAX = 2000, HOST_BYTES = 256, CLEAN_BYTES = TEXT_MAX * 4 + 1 };

/* A text that should be UTF-8; what of it is not stands there as \xNN. */
static void put_text(struct gord_line *line, const char *text)
{
    char clean[CLEAN_BYTES];
    size_t length = strlen(text);

    if (!gord_text_is_utf8(text, length)) {
        text = gord_text_clean(text, length, clean, sizeof(clean));
        length = strlen(text);
    }
    gord_line_text(line, text, length, TEXT_MAX);
}

static void put_text_or_null(struct gord_line *line, const char *text)
{
    if (text[0] != '\0') {
        put_text(line, text);
    } else {
        gord_line_null(line);
    }
}

/* "2026-11-28T20:15:01.123456Z" */
static void put_time(struct gord_line *line, int64_t at_ns)
{
    time_t at = (time_t)(at_ns / SECOND_NS);
    struct tm parts;
    char text[32];

    if (at_ns == 0 || gmtime_r(&at, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        gord_line_null(line);
        return;
    }
    gord_line_format(line, "%s.%06uZ", text, (unsigned)(at_ns % SECOND_NS / 1000));
}

static void put_labels(struct gord_line *line, const Gor__V1__JobSpec *spec)
{
    char clean[CLEAN_BYTES];

    gord_line_open(line, '{');
    for (size_t i = 0; i < spec->n_labels; i++) {
        const char *key = spec->labels[i]->key;
        if (!gord_text_is_utf8(key, strlen(key))) {
            key = gord_text_clean(key, strlen(key), clean, sizeof(clean));
        }
        gord_line_text_key(line, key, TEXT_MAX);
        put_text(line, spec->labels[i]->value);
    }
    gord_line_close(line, '}');
}

static const char *kind_word(const Gor__V1__JobSpec *spec)
{
    switch (spec->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_EXEC:
        return "exec";
    case GOR__V1__JOB_SPEC__KIND_LUA:
        return "lua";
    case GOR__V1__JOB_SPEC__KIND_GROUP:
        return "array";
    default:
        return "native";
    }
}

/* Whose it is, and what it is called. */
static void put_job(struct gord_line *line, const struct gord_webhook_end *end, bool with_labels)
{
    const Gor__V1__JobSpec *spec = end->spec;
    char host[HOST_BYTES] = "";

    (void)gethostname(host, sizeof(host) - 1);
    gord_line_key(line, "job");
    gord_line_uint(line, end->of->job_id);
    gord_line_key(line, "host");
    put_text(line, host);
    gord_line_key(line, "uid");
    gord_line_uint(line, end->uid);
    gord_line_key(line, "kind");
    put_text(line, kind_word(spec));
    gord_line_key(line, "name");
    put_text(line, spec->name);
    gord_line_key(line, "queue");
    put_text(line, spec->queue[0] != '\0' ? spec->queue : "default");
    gord_line_key(line, "labels");
    if (with_labels) {
        put_labels(line, spec);
    } else {
        gord_line_null(line);
    }
    gord_line_key(line, "cron");
    put_text_or_null(line, spec->cron != NULL ? spec->cron->name : "");
}

static void put_outcome(struct gord_line *line, const struct gord_webhook_end *end)
{
    Gor__V1__Outcome outcome = end->of->outcome;
    char word[GORD_OUTCOME_WORD];

    gord_line_key(line, "outcome");
    put_text(line, gord_finish_word(outcome, word));
    gord_line_key(line, "exit_code");
    if (outcome == GOR__V1__OUTCOME__SUCCEEDED || outcome == GOR__V1__OUTCOME__FAILED) {
        gord_line_int(line, end->of->exit_code);
    } else {
        gord_line_null(line);
    }
    gord_line_key(line, "signal");
    if (end->of->signal != 0) {
        gord_line_int(line, end->of->signal);
    } else {
        gord_line_null(line);
    }
    gord_line_key(line, "core_dumped");
    gord_line_bool(line, end->core_dumped);
    gord_line_key(line, "cause");
    put_text_or_null(line, end->cause);
    gord_line_key(line, "attempts");
    gord_line_uint(line, end->attempts);
}

static void put_times(struct gord_line *line, const struct gord_webhook_end *end)
{
    gord_line_key(line, "submitted_at");
    put_time(line, end->submitted_ns);
    gord_line_key(line, "started_at");
    put_time(line, end->started_ns);
    gord_line_key(line, "ended_at");
    put_time(line, end->ended_ns);
}

static void put_number(struct gord_line *line, const char *key, uint64_t number)
{
    gord_line_key(line, key);
    gord_line_uint(line, number);
}

/* Which task of an array it is, or what has become of its tasks. */
static void put_array(struct gord_line *line, const Gor__V1__HookOf *of)
{
    gord_line_key(line, "task");
    if (of->task != NULL) {
        gord_line_open(line, '{');
        put_number(line, "array", of->task->array_id);
        put_number(line, "index", of->task->index);
        put_number(line, "count", of->task->count);
        gord_line_close(line, '}');
    } else {
        gord_line_null(line);
    }
    gord_line_key(line, "array");
    if (of->tasks != NULL) {
        gord_line_open(line, '{');
        put_number(line, "count", of->tasks->count);
        put_number(line, "succeeded", of->tasks->succeeded);
        put_number(line, "failed", of->tasks->failed);
        put_number(line, "cancelled", of->tasks->cancelled);
        put_number(line, "never_ran", of->tasks->never_ran);
        gord_line_close(line, '}');
    } else {
        gord_line_null(line);
    }
}

/* Does it fit? */
static bool write_document(const struct gord_webhook_end *end, bool with_labels, char *out)
{
    struct gord_line line;

    gord_line_init(&line, out, GORD_WEBHOOK_MAX);
    gord_line_open(&line, '{');
    put_job(&line, end, with_labels);
    put_outcome(&line, end);
    put_times(&line, end);
    put_array(&line, end->of);
    gord_line_close(&line, '}');
    out[line.used] = '\0';
    return !line.full;
}

char *gord_webhook_document(const struct gord_webhook_end *end)
{
    char *room = malloc(GORD_WEBHOOK_MAX + 1);
    char *document = NULL;

    /* Without labels all of it has less than a third of the room, whatever is in the texts. */
    if (room != NULL && (write_document(end, true, room) || write_document(end, false, room))) {
        document = strdup(room);
    }
    free(room);
    return document;
}
