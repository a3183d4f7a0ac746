/* SPDX-License-Identifier: MIT */
/* owner_limits.c - see owner_limits.h. */
#include "daemon/base/owner_limits.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLANKS " \t"

enum { ENTRY_BYTES = 64 * 1024 }; /* of a user, with its names and folders */

/* What one entry says. */
struct said {
    struct gord_owner_limit limit;
    bool queued;
    bool running;
};

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* 0, -EINVAL: there is no such user, -ENOMEM, or why it cannot be looked up. */
static int find_user(const char *name, uint32_t *out_uid)
{
    struct passwd entry;
    struct passwd *found = NULL;

    if (is_number(name)) {
        errno = 0;
        unsigned long long uid = strtoull(name, NULL, 10);
        if (errno != 0 || uid >= UINT32_MAX) {
            return -EINVAL;
        }
        *out_uid = (uint32_t)uid;
        return 0;
    }
    char *buffer = malloc(ENTRY_BYTES);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    int error = getpwnam_r(name, &entry, buffer, ENTRY_BYTES, &found);
    if (found != NULL) {
        *out_uid = found->pw_uid;
    }
    free(buffer);
    return found != NULL ? 0 : error == ENOMEM ? -ENOMEM : error != 0 ? -error : -EINVAL;
}

/* "none" or a number from 1 on. */
static bool read_count(const char *text, unsigned *out_count)
{
    if (strcmp(text, "none") == 0) {
        *out_count = 0;
        return true;
    }
    errno = 0;
    unsigned long long count = is_number(text) ? strtoull(text, NULL, 10) : 0;
    if (errno != 0 || count == 0 || count > UINT32_MAX) {
        return false;
    }
    *out_count = (unsigned)count;
    return true;
}

/* One word behind the name. */
static int take_word(const char *word, struct said *said, char why[GORD_OWNER_WHY])
{
    static const char queued[] = "queued=";
    static const char running[] = "running=";
    const char *name = said->limit.name;
    bool of_queued = strncmp(word, queued, strlen(queued)) == 0;

    if (!of_queued && strncmp(word, running, strlen(running)) != 0) {
        snprintf(why, GORD_OWNER_WHY, "%s: '%.60s' is neither queued=N nor running=N", name, word);
        return -EINVAL;
    }
    bool *twice = of_queued ? &said->queued : &said->running;
    if (*twice) {
        snprintf(why, GORD_OWNER_WHY, "%s: %s is there twice", name,
                 of_queued ? "queued" : "running");
        return -EINVAL;
    }
    *twice = true;
    if (!read_count(strchr(word, '=') + 1,
                    of_queued ? &said->limit.queued : &said->limit.running)) {
        snprintf(why, GORD_OWNER_WHY, "%s: '%.60s': the limit is a number of 1 or more, or none",
                 name, word);
        return -EINVAL;
    }
    return 0;
}

/* "alice queued=1000 running=4", which is written in. */
static int take_entry(char *text, const struct gord_owner_limits *usual,
                      struct gord_owner_limit *out_limit, char why[GORD_OWNER_WHY])
{
    struct said said = {.limit = {.queued = usual->queued, .running = usual->running}};
    char *rest;
    const char *name = strtok_r(text, BLANKS, &rest);

    if (name == NULL || strlen(name) >= GORD_OWNER_NAME || strchr(name, '=') != NULL) {
        snprintf(why, GORD_OWNER_WHY, "'%.60s' is no user; each entry begins with one",
                 name != NULL ? name : "");
        return -EINVAL;
    }
    snprintf(said.limit.name, sizeof(said.limit.name), "%s", name);
    int result = 0;
    for (const char *word; result == 0 && (word = strtok_r(NULL, BLANKS, &rest)) != NULL;) {
        result = take_word(word, &said, why);
    }
    if (result == 0 && !said.queued && !said.running) {
        snprintf(why, GORD_OWNER_WHY, "%s: neither queued=N nor running=N is said", name);
        return -EINVAL;
    }
    result = result == 0 ? find_user(name, &said.limit.uid) : result;
    if (result != 0 && result != -ENOMEM && why[0] == '\0') {
        snprintf(why, GORD_OWNER_WHY, "%s: %s", name,
                 result == -EINVAL ? "this machine knows no such user" : strerror(-result));
    }
    *out_limit = said.limit;
    return result == 0 || result == -ENOMEM ? result : -EINVAL;
}

static int compare(const void *a, const void *b)
{
    const struct gord_owner_limit *one = a, *other = b;

    return one->uid < other->uid ? -1 : one->uid > other->uid;
}

/* Entries with commas between; `text` is written in. */
static int take_entries(char *text, struct gord_owner_limits *limits, char why[GORD_OWNER_WHY])
{
    int result = 0;

    for (char *entry = text, *next; entry != NULL && result == 0; entry = next) {
        next = strchr(entry, ',');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (limits->count == GORD_OWNERS_MAX) {
            snprintf(why, GORD_OWNER_WHY, "it names more than %d users", GORD_OWNERS_MAX);
            return -EINVAL;
        }
        result = take_entry(entry, limits, &limits->items[limits->count], why);
        limits->count += result == 0;
    }
    qsort(limits->items, limits->count, sizeof(*limits->items), compare);
    for (size_t i = 1; i < limits->count && result == 0; i++) {
        if (limits->items[i].uid == limits->items[i - 1].uid) {
            snprintf(why, GORD_OWNER_WHY, "%s: user %u is there twice", limits->items[i].name,
                     limits->items[i].uid);
            result = -EINVAL;
        }
    }
    return result;
}

int gord_owner_limits_parse(const char *text, struct gord_owner_limits *limits,
                            char why[GORD_OWNER_WHY])
{
    struct gord_owner_limits made = {.queued = limits->queued, .running = limits->running};

    if (text == NULL) {
        limits->items = NULL;
        limits->count = 0;
        return 0;
    }
    char *copy = strdup(text);
    made.items = calloc(GORD_OWNERS_MAX, sizeof(*made.items));
    why[0] = '\0';
    int result = copy != NULL && made.items != NULL ? take_entries(copy, &made, why) : -ENOMEM;
    free(copy);
    if (result != 0) {
        free(made.items);
        return result;
    }
    *limits = made;
    return 0;
}

struct gord_owner_limit gord_owner_limits_of(const struct gord_owner_limits *limits, uint32_t uid)
{
    const struct gord_owner_limit key = {.uid = uid};
    const struct gord_owner_limit *named =
        limits->count > 0
            ? bsearch(&key, limits->items, limits->count, sizeof(*limits->items), compare)
            : NULL;

    return named != NULL
               ? *named
               : (struct gord_owner_limit){.queued = limits->queued, .running = limits->running};
}

int gord_owner_limits_copy(const struct gord_owner_limits *limits,
                           struct gord_owner_limits *out_limits)
{
    struct gord_owner_limit *items = NULL;

    if (limits->count > 0) {
        items = calloc(limits->count, sizeof(*items));
        if (items == NULL) {
            return -ENOMEM;
        }
        memcpy(items, limits->items, limits->count * sizeof(*items));
    }
    *out_limits = *limits;
    out_limits->items = items;
    return 0;
}

void gord_owner_limits_fini(struct gord_owner_limits *limits)
{
    free(limits->items);
    *limits = (struct gord_owner_limits){0};
}
