/* SPDX-License-Identifier: MIT */
/* trace_cast.c - see trace_cast.h. */
#include "runtime/debug/trace_cast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/debug/symbol.h"

enum { FIRST_BUCKETS = 1024 };

/* Ids are handed out in a row, so the lowest bits spread them best. */
static struct gor__actor **bucket_of(const struct gor__cast *cast, uint64_t id)
{
    return &cast->buckets[id & (cast->bucket_count - 1)];
}

void gor__cast_fini(struct gor__cast *cast)
{
    for (size_t i = 0; i < cast->bucket_count; i++) {
        while (cast->buckets[i] != NULL) {
            struct gor__actor *actor = cast->buckets[i];
            cast->buckets[i] = actor->next;
            free(actor);
        }
    }
    free(cast->buckets);
    memset(cast, 0, sizeof *cast);
}

struct gor__actor *gor__cast_find(const struct gor__cast *cast, uint64_t id)
{
    struct gor__actor *actor = cast->bucket_count > 0 ? *bucket_of(cast, id) : NULL;
    while (actor != NULL && actor->id != id) {
        actor = actor->next;
    }
    return actor;
}

static bool grow(struct gor__cast *cast)
{
    struct gor__cast larger = *cast;
    larger.bucket_count = cast->bucket_count != 0 ? 2 * cast->bucket_count : FIRST_BUCKETS;
    larger.buckets = calloc(larger.bucket_count, sizeof(struct gor__actor *));
    if (larger.buckets == NULL) {
        return false;
    }
    for (size_t i = 0; i < cast->bucket_count; i++) {
        while (cast->buckets[i] != NULL) {
            struct gor__actor *actor = cast->buckets[i];
            struct gor__actor **place = bucket_of(&larger, actor->id);
            cast->buckets[i] = actor->next;
            actor->next = *place;
            *place = actor;
        }
    }
    free(cast->buckets);
    *cast = larger;
    return true;
}

struct gor__actor *gor__cast_get(struct gor__cast *cast, uint64_t id)
{
    struct gor__actor *actor = gor__cast_find(cast, id);
    if (actor != NULL) {
        return actor;
    }
    if (cast->count >= cast->bucket_count && !grow(cast)) {
        cast->failed = true;
        return NULL;
    }
    actor = calloc(1, sizeof *actor);
    if (actor == NULL) {
        cast->failed = true;
        return NULL;
    }
    struct gor__actor **place = bucket_of(cast, id);
    actor->id = id;
    actor->next = *place;
    *place = actor;
    cast->count++;
    return actor;
}

void gor__cast_remove(struct gor__cast *cast, uint64_t id)
{
    struct gor__actor **place = cast->bucket_count > 0 ? bucket_of(cast, id) : NULL;
    while (place != NULL && *place != NULL) {
        struct gor__actor *actor = *place;
        if (actor->id == id) {
            *place = actor->next;
            free(actor);
            cast->count--;
            return;
        }
        place = &actor->next;
    }
}

void gor__cast_prune(struct gor__cast *cast)
{
    for (size_t i = 0; i < cast->bucket_count; i++) {
        struct gor__actor **place = &cast->buckets[i];
        while (*place != NULL) {
            struct gor__actor *actor = *place;
            /* A track must not be named twice. */
            if (actor->act == GOR__ACT_RUNS || actor->flow != 0 || actor->has_track) {
                place = &actor->next;
                continue;
            }
            *place = actor->next;
            free(actor);
            cast->count--;
        }
    }
}

void gor__cast_each(const struct gor__cast *cast,
                    void (*visit)(void *arg, struct gor__actor *actor), void *arg)
{
    for (size_t i = 0; i < cast->bucket_count; i++) {
        for (struct gor__actor *actor = cast->buckets[i]; actor != NULL; actor = actor->next) {
            visit(arg, actor);
        }
    }
}

/* ---- names */

/* The first code of a function may have been inlined into it: the outermost one is meant. */
void gor__name_function(uint64_t fn, char *room, size_t bytes)
{
    struct gor__symbol frames[GOR__SYMBOL_FRAMES];
    const void *pc = (const void *)(uintptr_t)fn;
    unsigned count = fn != 0 ? gor__symbol_frames(pc, frames, GOR__SYMBOL_FRAMES) : 0;
    if (count > 0 && frames[count - 1].function != NULL) {
        (void)snprintf(room, bytes, "%s", frames[count - 1].function);
    } else if (fn != 0) {
        (void)snprintf(room, bytes, "%#llx", (unsigned long long)fn);
    } else {
        room[0] = '\0';
    }
}

const char *gor__actor_label(struct gor__actor *actor)
{
    char text[64];
    if (actor->label[0] != '\0') {
        return actor->label;
    }
    if (actor->name[0] != '\0') {
        (void)snprintf(text, sizeof text, "%s", actor->name);
    } else {
        gor__name_function(actor->fn, text, sizeof text);
    }
    (void)snprintf(actor->label, sizeof actor->label, "goroutine %llu%s%s",
                   (unsigned long long)actor->id, text[0] != '\0' ? " " : "", text);
    return actor->label;
}

void gor__name_place(uint64_t address, char *room, size_t bytes)
{
    struct gor__symbol symbol;
    const void *pc = (const void *)(uintptr_t)(address - 1);
    if (address == 0 || !gor__symbol_find(pc, &symbol) || symbol.function == NULL) {
        (void)snprintf(room, bytes, "%#llx", (unsigned long long)address);
    } else if (symbol.file == NULL) {
        (void)snprintf(room, bytes, "%s", symbol.function);
    } else {
        (void)snprintf(room, bytes, "%s %s:%u", symbol.function, symbol.file, symbol.line);
    }
}

void gor__actor_learn(struct gor__actor *actor, uint64_t fn)
{
    if (actor->fn != fn) {
        actor->fn = fn;
        actor->label[0] = '\0';
    }
}
