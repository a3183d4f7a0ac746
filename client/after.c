/* SPDX-License-Identifier: MIT */
/* after.c - see after.h. */
#include "client/after.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/options.h"

static const char *const conditions[] = {"ok", "any", "notok", "start", "corr"};

enum { CONDITIONS = sizeof(conditions) / sizeof(conditions[0]) };

static Gor__V1__AnyOf *add_clause(Gor__V1__JobSpec *message)
{
    Gor__V1__AnyOf *clause = gorctl_alloc(sizeof(*clause));
    gor__v1__any_of__init(clause);
    message->after = gorctl_grow(message->after, message->n_after + 1, sizeof(*message->after));
    message->after[message->n_after++] = clause;
    return clause;
}

static Gor__V1__Dependency *add_dependency(Gor__V1__AnyOf *clause)
{
    Gor__V1__Dependency *of = gorctl_alloc(sizeof(*of));
    gor__v1__dependency__init(of);
    clause->of = gorctl_grow(clause->of, clause->n_of + 1, sizeof(*clause->of));
    clause->of[clause->n_of++] = of;
    return of;
}

/* "any:7", "7", "@2"; `text` is ours to cut. */
static int read_one(char *text, bool with_lines, Gor__V1__Dependency *of)
{
    char *colon = strchr(text, ':');
    uint64_t number;
    if (colon != NULL) {
        int condition = 0;
        *colon = '\0';
        while (condition < CONDITIONS && strcmp(text, conditions[condition]) != 0) {
            condition++;
        }
        if (condition == CONDITIONS) {
            return -EINVAL;
        }
        of->condition = (Gor__V1__Dependency__Condition)condition;
        text = colon + 1;
    }
    bool is_line = text[0] == '@';
    if (gorctl_number_parse(text + is_line, &number) != 0 || number == 0 ||
        (is_line && (!with_lines || number > UINT32_MAX))) {
        return -EINVAL;
    }
    if (is_line) {
        of->line = (uint32_t)number;
    } else {
        of->id = number;
    }
    return 0;
}

int gorctl_after_add(Gor__V1__JobSpec *message, const char *text, bool with_lines)
{
    char *copy = gorctl_strdup(text);
    char *rest = copy;
    char *part;
    int result = 0;
    while (result == 0 && (part = strsep(&rest, ",")) != NULL) {
        Gor__V1__AnyOf *clause = add_clause(message);
        char *one;
        while (result == 0 && (one = strsep(&part, "?")) != NULL) {
            result = read_one(one, with_lines, add_dependency(clause));
        }
    }
    free(copy);
    return result;
}

const char *gorctl_after_misfit(const Gor__V1__JobSpec *message)
{
    for (size_t i = 0; message->array == NULL && i < message->n_after; i++) {
        for (size_t k = 0; k < message->after[i]->n_of; k++) {
            if (message->after[i]->of[k]->condition == GOR__V1__DEPENDENCY__CONDITION__CORR) {
                return "corr: is for the tasks of an array, each of which waits for one of "
                       "another, "
                       "and this is none";
            }
        }
    }
    return NULL;
}

char *gorctl_after_text(const Gor__V1__JobSpec *message)
{
    char *text = gorctl_strdup("");
    for (size_t i = 0; i < message->n_after; i++) {
        for (size_t k = 0; k < message->after[i]->n_of; k++) {
            const Gor__V1__Dependency *of = message->after[i]->of[k];
            const char *word =
                (unsigned)of->condition < CONDITIONS ? conditions[of->condition] : "?";
            const char *between = k > 0 ? "?" : i > 0 ? "," : "";
            char *longer = gorctl_format("%s%s%s:%" PRIu64, text, between, word, of->id);
            free(text);
            text = longer;
        }
    }
    return text;
}
