/* SPDX-License-Identifier: MIT */
/* samples.c - see samples.h. */
#include "runtime/debug/samples.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/sched/labels.h"

enum { KEY_MAX = sizeof(struct gor__sample_key) + GOR__LABELS_BYTES };

void gor__samples_fini(struct gor__samples *s)
{
    gor__interned_fini(&s->keys);
    free(s->values);
    memset(s, 0, sizeof *s);
}

/* `bytes` are those of a key. */
static bool add_bytes(struct gor__samples *s, const void *bytes, size_t count,
                      const int64_t values[GOR__SAMPLE_VALUES])
{
    if (s->keys.count == s->room) {
        size_t room = s->room != 0 ? 2 * s->room : 64;
        void *grown = realloc(s->values, room * sizeof *s->values);
        if (grown == NULL) {
            return false;
        }
        s->values = grown;
        s->room = room;
    }
    size_t known = s->keys.count;
    uint32_t number = gor__intern(&s->keys, bytes, count);
    if (!gor__interned_ok(&s->keys)) {
        return false;
    }
    if (number == known) {
        memset(s->values[number], 0, sizeof s->values[number]);
    }
    for (int i = 0; i < GOR__SAMPLE_VALUES; i++) {
        s->values[number][i] += values[i];
    }
    return true;
}

bool gor__samples_add(struct gor__samples *s, const struct gor__sample_key *key, const char *labels,
                      const int64_t values[GOR__SAMPLE_VALUES])
{
    char bytes[KEY_MAX];
    size_t count =
        offsetof(struct gor__sample_key, frames) + key->frame_count * sizeof *key->frames;
    memcpy(bytes, key, count);
    if (key->labels_bytes > 0) {
        memcpy(bytes + count, labels, key->labels_bytes);
    }
    return add_bytes(s, bytes, count + key->labels_bytes, values);
}

bool gor__samples_add_all(struct gor__samples *s, const struct gor__samples *from)
{
    bool done = true;
    for (size_t i = 0; i < from->keys.count && done; i++) {
        const struct gor__interned_key *key = &from->keys.keys[i];
        done = add_bytes(s, key->bytes, key->count, from->values[i]);
    }
    return done;
}
