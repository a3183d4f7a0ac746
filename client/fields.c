/* SPDX-License-Identifier: MIT */
/* fields.c - see fields.h. */
#include "client/fields.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct field {
    const char *name; /* behind "spec.", or "spec.job." */
    const char *option;
} fields[] = {
    {"after", "--after"},
    {"array", "--array"},
    {"array.indices", "--array"},
    {"deadline_ns", "--deadline"},
    {"delay_ns", "--in"},
    {"exec.cwd", "--cwd"},
    {"exec.limits", "--limit"},
    {"exec.new_privs", "--new-privs"},
    {"exec.nice", "--nice"},
    {"exec.stop_signals", "--signal"},
    {"exec.umask_plus_1", "--umask"},
    {"grace_ns", "--grace"},
    {"heartbeat_ns", "--heartbeat"},
    {"labels", "--label"},
    {"not_before_ns", "--at"},
    {"lua.max_memory_bytes", "--max-memory"},
    {"lua.max_steps", "--max-steps"},
    {"native.input", "--input"},
    {"on_conflict", "--on-conflict"},
    {"on_finish", "--on-finish"},
    {"on_finish_url", "--on-finish-url"},
    {"on_stop", "--on-stop"},
    {"on_stuck", "--on-stuck"},
    {"output_max_bytes", "--output-max"},
    {"parent_id", "--parent"},
    {"priority", "--priority"},
    {"queue", "--queue"},
    {"rates", "--rate"},
    {"retry.exit_codes", "--retry-on"},
    {"retry.jitter_percent", "--jitter"},
    {"retry.requeue", "--requeue"},
    {"retry.retries", "--retries"},
    {"slots", "--slots"},
    {"start_before_ns", "--start-before"},
    {"timeout_ns", "--timeout"},
    {"tokens", "--token"},
    {"unique_key", "--unique"},
};

/* Where a command says it in another way, or is the only one to have it. */
static const struct special {
    const char *command;
    struct field field;
} specials[] = {
    {"run", {"name", "--name"}},           {"submit", {"name", "--name"}},
    {"update", {"labels", "--set-label"}}, {"update", {"name", "--new-name"}},
    {"update", {"queue", "--to-queue"}},
};

static bool is_part(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '[';
}

/* How long the name of a field is that begins there: "spec.array.indices", not the stop behind it. */
static size_t length_of(const char *text)
{
    size_t length = 0;

    while (isalnum((unsigned char)text[length]) || text[length] == '_' ||
           (text[length] == '.' &&
            (isalnum((unsigned char)text[length + 1]) || text[length + 1] == '_'))) {
        length++;
    }
    return length;
}

static bool is_named(const struct field *field, const char *name, size_t length)
{
    return strlen(field->name) == length && strncmp(name, field->name, length) == 0;
}

/* NULL: there is none. `command` may be NULL. `of_job`: of the job of an entry of the calendar, which has a
 * name of its own besides that of the entry. */
static const char *find(const char *command, bool of_job, const char *name, size_t length)
{
    static const struct field job_name = {"name", "--name"};

    if (of_job && is_named(&job_name, name, length)) {
        return job_name.option;
    }
    for (size_t i = 0; command != NULL && i < sizeof(specials) / sizeof(specials[0]); i++) {
        if (strcmp(specials[i].command, command) == 0 &&
            is_named(&specials[i].field, name, length)) {
            return specials[i].field.option;
        }
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (is_named(&fields[i], name, length)) {
            return fields[i].option;
        }
    }
    return NULL;
}

/* The option of the field that begins there, and how much of the text that is; NULL: there is none. */
static const char *option_at(const char *command, const char *text, size_t *out_length)
{
    static const char spec[] = "spec.", job[] = "spec.job.";
    size_t prefix = strncmp(text, job, sizeof(job) - 1) == 0     ? sizeof(job) - 1
                    : strncmp(text, spec, sizeof(spec) - 1) == 0 ? sizeof(spec) - 1
                                                                 : 0;

    *out_length = length_of(text);
    if (prefix == 0 || text[*out_length] == '[') {
        return NULL;
    }
    return find(command, prefix == sizeof(job) - 1, text + prefix, *out_length - prefix);
}

char *gorctl_fields_as_options(const char *command, const char *text)
{
    size_t used = 0;
    char *out = malloc(2 * strlen(text) + 1); /* no option is twice as long as its field */

    if (out == NULL) {
        return NULL;
    }
    for (size_t at = 0; text[at] != '\0';) {
        size_t length = 0;
        bool begins = at == 0 || !is_part(text[at - 1]);
        const char *option = begins ? option_at(command, text + at, &length) : NULL;
        if (option != NULL) {
            used += (size_t)sprintf(out + used, "%s", option);
            at += length;
        } else {
            out[used++] = text[at++];
        }
    }
    out[used] = '\0';
    return out;
}
