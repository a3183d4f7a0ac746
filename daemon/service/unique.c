/* SPDX-License-Identifier: MIT */
/* unique.c - see unique.h. */
#include "daemon/service/unique.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { FIRST_BUCKETS = 64 };

struct gord_unique_holder {
    struct gord_unique_holder *next; /* list link of its bucket, in which the newest come first */
    uint64_t id;
    uint64_t hash;
    uint32_t uid;
    char key[];
};

static uint64_t hash_of(uint32_t uid, const char *key)
{
    return hash_fnv1a64(HASH_FNV1A64_BASIS ^ uid, key, strlen(key));
}

static struct gord_unique_holder **bucket_of(const struct gord_unique *unique, uint64_t hash)
{
    return &unique->buckets[hash & (unique->bucket_count - 1)];
}

static bool has(const struct gord_unique_holder *holder, uint32_t uid, const char *key)
{
    return holder->uid == uid && strcmp(holder->key, key) == 0;
}

/* Moves each bucket's jobs in their order, so that the newest stay first. */
static int grow(struct gord_unique *unique)
{
    size_t count = unique->bucket_count != 0 ? 2 * unique->bucket_count : FIRST_BUCKETS;
    struct gord_unique wider = {calloc(count, sizeof(struct gord_unique_holder *)), count,
                                unique->count};

    if (wider.buckets == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < unique->bucket_count; i++) {
        for (struct gord_unique_holder *holder = unique->buckets[i], *next; holder != NULL;
             holder = next) {
            next = holder->next;
            struct gord_unique_holder **end = bucket_of(&wider, holder->hash);
            while (*end != NULL) {
                end = &(*end)->next;
            }
            holder->next = NULL;
            *end = holder;
        }
    }
    free(unique->buckets);
    *unique = wider;
    return 0;
}

int gord_unique_add(struct gord_unique *unique, uint32_t uid, const char *key, uint64_t id)
{
    size_t bytes = strlen(key) + 1;

    if (unique->count >= unique->bucket_count && grow(unique) != 0) {
        return -ENOMEM;
    }
    struct gord_unique_holder *holder = malloc(sizeof(*holder) + bytes);
    if (holder == NULL) {
        return -ENOMEM;
    }
    holder->id = id;
    holder->uid = uid;
    holder->hash = hash_of(uid, key);
    memcpy(holder->key, key, bytes);
    struct gord_unique_holder **bucket = bucket_of(unique, holder->hash);
    holder->next = *bucket;
    *bucket = holder;
    unique->count++;
    return 0;
}

void gord_unique_remove(struct gord_unique *unique, uint32_t uid, const char *key, uint64_t id)
{
    if (unique->count == 0) {
        return;
    }
    struct gord_unique_holder **link = bucket_of(unique, hash_of(uid, key));
    while (*link != NULL && ((*link)->id != id || !has(*link, uid, key))) {
        link = &(*link)->next;
    }
    struct gord_unique_holder *holder = *link;
    if (holder != NULL) {
        *link = holder->next;
        free(holder);
        unique->count--;
    }
}

size_t gord_unique_find(const struct gord_unique *unique, uint32_t uid, const char *key,
                        uint64_t *out_ids, size_t room)
{
    size_t count = 0;

    if (unique->count == 0) {
        return 0;
    }
    for (const struct gord_unique_holder *holder = *bucket_of(unique, hash_of(uid, key));
         holder != NULL; holder = holder->next) {
        if (has(holder, uid, key)) {
            if (count < room) {
                out_ids[count] = holder->id;
            }
            count++;
        }
    }
    return count;
}

void gord_unique_fini(struct gord_unique *unique)
{
    for (size_t i = 0; i < unique->bucket_count; i++) {
        for (struct gord_unique_holder *holder = unique->buckets[i], *next; holder != NULL;
             holder = next) {
            next = holder->next;
            free(holder);
        }
    }
    free(unique->buckets);
    *unique = (struct gord_unique){NULL, 0, 0};
}
