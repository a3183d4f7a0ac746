/* SPDX-License-Identifier: MIT */
/* sparing.c - see sparing.h. A subject is its digest: two that have the same, which is as good as never, count
 * as one. */
#include "daemon/base/sparing.h"

#include <string.h>

#include "base/hash.h"

void gord_sparing_init(struct gord_sparing *sparing)
{
    memset(sparing, 0, sizeof(*sparing));
    (void)pthread_mutex_init(&sparing->lock, NULL);
}

void gord_sparing_fini(struct gord_sparing *sparing)
{
    (void)pthread_mutex_destroy(&sparing->lock);
}

/* Never 0. */
static uint64_t key_of(const char *subject)
{
    uint64_t key = hash_fnv1a64(HASH_FNV1A64_BASIS, subject, strlen(subject));

    return key != 0 ? key : 1;
}

static bool is_over(const struct gord_sparing_subject *subject, int64_t now_ns)
{
    return subject->key == 0 || now_ns - subject->said_ns >= GORD_SPARING_PAUSE_NS;
}

/* That of the key; else one that is free, or whose pause is over and that leaves nothing unsaid; else one whose
 * pause is over; else that of all others. */
static struct gord_sparing_subject *find(struct gord_sparing *sparing, uint64_t key, int64_t now_ns)
{
    struct gord_sparing_subject *place = NULL;

    for (int i = 0; i < GORD_SPARING_SUBJECTS; i++) {
        struct gord_sparing_subject *subject = &sparing->subjects[i];
        if (subject->key == key) {
            return subject;
        }
        if (is_over(subject, now_ns) &&
            (place == NULL || (place->unsaid > 0 && subject->unsaid == 0))) {
            place = subject;
        }
    }
    if (place == NULL) {
        return &sparing->others;
    }
    *place = (struct gord_sparing_subject){0};
    return place;
}

bool gord_sparing_says(struct gord_sparing *sparing, const char *subject, int64_t now_ns,
                       uint64_t *out_unsaid)
{
    uint64_t key = key_of(subject);

    pthread_mutex_lock(&sparing->lock);
    struct gord_sparing_subject *place = find(sparing, key, now_ns);
    bool says = is_over(place, now_ns);
    if (says) {
        *out_unsaid = place->unsaid;
        *place = (struct gord_sparing_subject){.key = key, .said_ns = now_ns};
    } else {
        place->unsaid++;
    }
    pthread_mutex_unlock(&sparing->lock);
    return says;
}
