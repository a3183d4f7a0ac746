/* SPDX-License-Identifier: MIT */
/* share.c - see share.h. */
#include "daemon/job/share.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/hash.h"
#include "daemon/base/assert.h"
#include "daemon/event/event.h"

/* ---------------------------------------------------------------- shares */

static size_t bucket_of(const char *queue, const char *name)
{
    uint32_t hash = hash_fnv1a32(HASH_FNV1A32_BASIS, queue, strlen(queue));
    hash = hash_fnv1a32(hash, "&", 1);
    hash = hash_fnv1a32(hash, name, strlen(name));
    return hash % SHARE_BUCKETS;
}

static struct gord_share *find_share(const struct gord_shares *shares, const char *queue,
                                     const char *name)
{
    struct gord_share *share = shares->buckets[bucket_of(queue, name)];
    while (share != NULL && (strcmp(share->name, name) != 0 || strcmp(share->queue, queue) != 0)) {
        share = share->hash_next;
    }
    return share;
}

static struct gord_share *need_share(struct gord_shares *shares, const char *queue,
                                     const char *name)
{
    struct gord_share *share = find_share(shares, queue, name);
    if (share == NULL && (share = calloc(1, sizeof *share)) != NULL) {
        snprintf(share->queue, sizeof share->queue, "%s", queue);
        snprintf(share->name, sizeof share->name, "%s", name);
        share->weight = 1;
        struct gord_share **bucket = &shares->buckets[bucket_of(queue, name)];
        share->hash_next = *bucket;
        *bucket = share;
    }
    return share;
}

static void free_share(struct gord_share *share)
{
    free(share->key);
    free(share);
}

/* Free it if nobody would miss it. */
static void settle_share(struct gord_shares *shares, struct gord_share *share)
{
    if (share->seats != NULL || share->key != NULL) {
        return;
    }
    struct gord_share **link = &shares->buckets[bucket_of(share->queue, share->name)];
    while (*link != share) {
        link = &(*link)->hash_next;
    }
    *link = share->hash_next;
    free_share(share);
}

static int64_t stride_of(const struct gord_seat *seat)
{
    return GORD_STRIDE / seat->share->weight;
}

/* ----------------------------------------------------------------- lines */

static struct gord_line *need_line(struct gord_shares *shares, const char *queue, int32_t priority)
{
    struct gord_line *line = shares->lines;
    while (line != NULL && (line->priority != priority || strcmp(line->queue, queue) != 0)) {
        line = line->next;
    }
    if (line == NULL && (line = calloc(1, sizeof *line)) != NULL) {
        line->turn.is_line = true;
        snprintf(line->queue, sizeof line->queue, "%s", queue);
        line->priority = priority;
        line->next = shares->lines;
        shares->lines = line;
    }
    return line;
}

/* Free it if it has no seats. */
static void settle_line(struct gord_shares *shares, struct gord_line *line)
{
    if (line->refs > 0) {
        return;
    }
    GORD_ASSERT(line->turn.item.at == 0);
    struct gord_line **link = &shares->lines;
    while (*link != line) {
        link = &(*link)->next;
    }
    *link = line->next;
    gord_heap_fini(&line->seats);
    gord_heap_fini(&line->ages);
    free(line);
}

static void place_line(struct gord_heap *top, struct gord_line *line)
{
    const struct gord_heap_item *first = gord_heap_first(&line->seats);
    if (first == NULL) {
        gord_heap_remove(top, &line->turn.item);
        return;
    }
    int64_t since_ns = gord_heap_first(&line->ages)->key.first;
    gord_heap_put(
        top, &line->turn.item,
        (struct gord_heap_key){since_ns - line->priority * GORD_AGE_NS, 0, first->key.third});
}

struct gord_heap_item *gord_line_first(const struct gord_line *line)
{
    const struct gord_seat *seat = (const struct gord_seat *)gord_heap_first(&line->seats);
    return gord_heap_first(&seat->lanes);
}

/* ----------------------------------------------------------------- seats */

static void place_seat(struct gord_heap *top, struct gord_seat *seat)
{
    struct gord_line *line = seat->line;
    const struct gord_heap_item *first = gord_heap_first(&seat->lanes);
    if (first == NULL) {
        gord_heap_remove(&line->seats, &seat->by_pass);
        gord_heap_remove(&line->ages, &seat->by_age);
    } else {
        uint64_t id = first->key.third;
        gord_heap_put(&line->seats, &seat->by_pass,
                      (struct gord_heap_key){seat->pass, seat->since_ns, id});
        gord_heap_put(&line->ages, &seat->by_age, (struct gord_heap_key){seat->since_ns, 0, id});
    }
    place_line(top, line);
}

static struct gord_seat *find_seat(const struct gord_share *share, const struct gord_line *line)
{
    struct gord_seat *seat = share->seats;
    while (seat != NULL && seat->line != line) {
        seat = seat->next_of_share;
    }
    return seat;
}

static struct gord_seat *make_seat(struct gord_share *share, struct gord_line *line)
{
    if (gord_heap_reserve(&line->seats, line->refs + 1) != 0 ||
        gord_heap_reserve(&line->ages, line->refs + 1) != 0) {
        return NULL;
    }
    struct gord_seat *seat = calloc(1, sizeof *seat);
    if (seat != NULL) {
        seat->share = share;
        seat->line = line;
        seat->next_of_share = share->seats;
        share->seats = seat;
        line->refs++;
    }
    return seat;
}

/* Free it if it has no lanes. */
static void settle_seat(struct gord_seat *seat)
{
    if (seat->refs > 0) {
        return;
    }
    GORD_ASSERT(seat->by_pass.at == 0 && seat->standing == 0);
    struct gord_seat **link = &seat->share->seats;
    while (*link != seat) {
        link = &(*link)->next_of_share;
    }
    *link = seat->next_of_share;
    seat->line->refs--;
    gord_heap_fini(&seat->lanes);
    free(seat);
}

int gord_seat_ref(struct gord_shares *shares, const char *queue, const char *name, int32_t priority,
                  struct gord_seat **out_seat)
{
    struct gord_share *share = need_share(shares, queue, name);
    struct gord_line *line = share != NULL ? need_line(shares, queue, priority) : NULL;
    struct gord_seat *seat = line != NULL ? find_seat(share, line) : NULL;
    if (line != NULL && seat == NULL) {
        seat = make_seat(share, line);
    }
    if (seat != NULL && gord_heap_reserve(&seat->lanes, seat->refs + 1) == 0) {
        seat->refs++;
        *out_seat = seat;
        return 0;
    }
    if (seat != NULL) {
        settle_seat(seat);
    }
    if (line != NULL) {
        settle_line(shares, line);
    }
    if (share != NULL) {
        settle_share(shares, share);
    }
    return -ENOMEM;
}

void gord_seat_unref(struct gord_shares *shares, struct gord_seat *seat)
{
    struct gord_share *share = seat->share;
    struct gord_line *line = seat->line;
    seat->refs--;
    settle_seat(seat);
    settle_line(shares, line);
    settle_share(shares, share);
}

void gord_seat_enter(struct gord_seat *seat)
{
    if (seat->standing++ > 0) {
        return;
    }
    if (seat->line->standing++ == 0) {
        seat->line->pass = 0;
    }
    seat->pass = seat->line->pass + stride_of(seat);
}

void gord_seat_leave(struct gord_seat *seat)
{
    GORD_ASSERT(seat->standing > 0);
    seat->line->standing -= --seat->standing == 0;
}

void gord_seat_put(struct gord_heap *top, struct gord_seat *seat, struct gord_heap_item *lane,
                   int64_t since_ns, uint64_t id)
{
    gord_heap_put(&seat->lanes, lane, (struct gord_heap_key){since_ns, 0, id});
    since_ns = gord_heap_first(&seat->lanes)->key.first;
    seat->since_ns = since_ns > seat->since_ns ? since_ns : seat->since_ns;
    place_seat(top, seat);
}

void gord_seat_put_back(struct gord_heap *top, struct gord_seat *seat, struct gord_heap_item *lane)
{
    gord_heap_put(&seat->lanes, lane, lane->key);
    place_seat(top, seat);
}

void gord_seat_drop(struct gord_heap *top, struct gord_seat *seat, struct gord_heap_item *lane)
{
    if (lane->at != 0) {
        gord_heap_remove(&seat->lanes, lane);
        place_seat(top, seat);
    }
}

void gord_seat_pay(struct gord_heap *top, struct gord_shares *shares, struct gord_seat *seat)
{
    struct gord_line *line = seat->line;
    int64_t stride = stride_of(seat), now_ns = gord_event_clock();
    if (seat->pass < line->pass - stride) {
        seat->pass = line->pass - stride;
    }
    if (seat->pass > line->pass) {
        line->pass = seat->pass;
    }
    seat->pass += stride;
    struct gord_seat *oldest = CONTAINER_OF(gord_heap_first(&line->ages), struct gord_seat, by_age);
    if (oldest != seat) {
        oldest->since_ns = seat->since_ns;
        place_seat(top, oldest);
    }
    shares->turn_ns = now_ns > shares->turn_ns ? now_ns : shares->turn_ns + 1;
    seat->since_ns = shares->turn_ns;
}

size_t gord_seat_before(const struct gord_seat *seat)
{
    const struct gord_line *line = seat->line;
    struct gord_heap_key key = {line->pass + stride_of(seat), INT64_MAX, UINT64_MAX};
    size_t before = 0;
    if (seat->standing > 0) {
        key = seat->by_pass.key;
    }
    for (size_t i = 0; i < line->seats.count; i++) {
        before += gord_heap_before(&line->seats.entries[i].key, &key);
    }
    return before;
}

/* --------------------------------------------------------------- weights */

/* What the share has paid beyond the others is worth so much of another weight. */
static void reweigh(struct gord_heap *top, struct gord_share *share, uint32_t weight)
{
    for (struct gord_seat *seat = share->seats; seat != NULL; seat = seat->next_of_share) {
        int64_t beyond = seat->pass - seat->line->pass;
        if (beyond > 0) {
            seat->pass = seat->line->pass + beyond * share->weight / weight;
        }
        place_seat(top, seat);
    }
    share->weight = weight;
}

/* `queue` and `key` may be the share's own, which goes with its weight. */
int gord_shares_weigh(struct gord_heap *top, struct gord_shares *shares, const char *queue,
                      const char *key, uint32_t weight)
{
    char name[GORD_WORD_MAX + 1];
    struct gord_share *share = need_share(shares, queue, gord_share_name(key, name));
    if (share == NULL) {
        return -ENOMEM;
    }
    char *copy = weight != 0 ? strdup(key) : NULL;
    if (weight != 0 && copy == NULL) {
        settle_share(shares, share);
        return -ENOMEM;
    }
    shares->weighed += (copy != NULL) - (size_t)(share->key != NULL);
    free(share->key);
    share->key = copy;
    reweigh(top, share, weight != 0 ? weight : 1);
    settle_share(shares, share);
    return 0;
}

uint32_t gord_shares_weight(const struct gord_shares *shares, const char *queue, const char *key)
{
    char name[GORD_WORD_MAX + 1];
    const struct gord_share *share = find_share(shares, queue, gord_share_name(key, name));
    return share != NULL && share->key != NULL ? share->weight : 0;
}

void gord_shares_each(const struct gord_shares *shares, const char *queue,
                      void (*visit)(void *arg, const struct gord_share *share), void *arg)
{
    for (size_t i = 0; i < SHARE_BUCKETS; i++) {
        for (struct gord_share *share = shares->buckets[i], *next; share != NULL; share = next) {
            next = share->hash_next;
            if (share->key != NULL && (queue == NULL || strcmp(share->queue, queue) == 0)) {
                visit(arg, share);
            }
        }
    }
}

/* -------------------------------------------------------------- the whole */

static bool seat_is_valid(const struct gord_seat *seat, size_t *lanes)
{
    *lanes += seat->lanes.count;
    return (seat->lanes.count > 0) == (seat->by_pass.at != 0) &&
           (seat->by_pass.at != 0) == (seat->by_age.at != 0) &&
           seat->lanes.count <= seat->standing && gord_heap_is_valid(&seat->lanes);
}

bool gord_shares_is_valid(const struct gord_shares *shares, size_t *out_lines, size_t *out_lanes)
{
    bool valid = true;
    *out_lines = *out_lanes = 0;
    for (const struct gord_line *line = shares->lines; line != NULL; line = line->next) {
        valid = valid && gord_heap_is_valid(&line->seats) && gord_heap_is_valid(&line->ages) &&
                line->seats.count == line->ages.count && line->seats.count <= line->standing &&
                (line->seats.count > 0) == (line->turn.item.at != 0);
        *out_lines += line->turn.item.at != 0;
    }
    for (size_t i = 0; i < SHARE_BUCKETS; i++) {
        for (const struct gord_share *share = shares->buckets[i]; share != NULL;
             share = share->hash_next) {
            for (const struct gord_seat *seat = share->seats; seat != NULL;
                 seat = seat->next_of_share) {
                valid = valid && seat_is_valid(seat, out_lanes);
            }
        }
    }
    return valid;
}

void gord_shares_fini(struct gord_shares *shares)
{
    for (size_t i = 0; i < SHARE_BUCKETS; i++) {
        for (struct gord_share *share = shares->buckets[i], *next; share != NULL; share = next) {
            next = share->hash_next;
            free_share(share);
        }
    }
    memset(shares, 0, sizeof *shares);
}
