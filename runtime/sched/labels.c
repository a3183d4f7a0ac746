/* SPDX-License-Identifier: MIT */
/* labels.c - see labels.h. Sets are cells of one size, since they are read by whoever comes too late
 * as well, and made and freed inside, where nobody may call malloc. */
#include "runtime/sched/labels.h"

#include <errno.h>
#include <string.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/door.h"
#include "runtime/sched/pool.h"

enum {
    SLAB_BYTES = 1 << 20,
    SLABS_MAX = 1024, /* a million sets */
    PER_SLAB = SLAB_BYTES / sizeof(struct gor__labels),
};

static struct {
    struct gor__spin lock;
    struct gor__labels *slabs[SLABS_MAX];
    uint32_t slab_count;
    uint32_t made; /* cells of the last slab that were ever used */
    struct gor__labels *free;
} store;

/* Under the lock; NULL: no memory. */
static struct gor__labels *take_cell(void)
{
    struct gor__labels *labels = store.free;
    if (labels != NULL) {
        store.free = labels->next;
        return labels;
    }
    if (store.slab_count == 0 || store.made == PER_SLAB) {
        void *slab = store.slab_count < SLABS_MAX ? gor__memory_reserve(SLAB_BYTES, 1) : NULL;
        if (slab == NULL) {
            return NULL;
        }
        store.slabs[store.slab_count++] = slab;
        store.made = 0;
    }
    return &store.slabs[store.slab_count - 1][store.made++];
}

static struct gor__labels *new_set(void)
{
    gor__spin_lock(&store.lock);
    struct gor__labels *labels = take_cell();
    gor__spin_unlock(&store.lock);
    if (labels != NULL) {
        labels->bytes = 0;
    }
    return labels;
}

static void free_set(struct gor__labels *labels)
{
    gor__spin_lock(&store.lock);
    labels->next = store.free;
    store.free = labels;
    gor__spin_unlock(&store.lock);
}

void gor__labels_unref(struct gor__labels *labels)
{
    /* Release what was read, acquire what the others did, before it becomes another's. */
    if (labels != NULL && __atomic_sub_fetch(&labels->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free_set(labels);
    }
}

void gor__labels_fini(void)
{
    for (uint32_t i = 0; i < store.slab_count; i++) {
        gor__memory_release(store.slabs[i], SLAB_BYTES);
    }
    memset(&store, 0, sizeof store);
}

/* ---- who has which */

/* One more reference, unless the last one has gone. */
static bool ref_if_alive(struct gor__labels *labels)
{
    uint32_t refs = __atomic_load_n(&labels->refs, __ATOMIC_RELAXED);
    while (refs != 0) {
        /* Acquire: its text, written before the first reference was set. */
        if (__atomic_compare_exchange_n(&labels->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            return true;
        }
    }
    return false;
}

struct gor__labels *gor__labels_get(struct gor__g *g)
{
    struct gor__labels **place = gor__pool_labels(g);
    while ((__atomic_load_n(&g->flags, __ATOMIC_ACQUIRE) & GOR__G_LABELLED) != 0) {
        struct gor__labels *labels = __atomic_load_n(place, __ATOMIC_ACQUIRE);
        if (!ref_if_alive(labels)) {
            continue;
        }
        if (__atomic_load_n(place, __ATOMIC_ACQUIRE) == labels) {
            return labels;
        }
        gor__labels_unref(labels);
    }
    return NULL;
}

/* Have `g` carry the set, whose reference goes to it, in place of what it had; NULL: none. A handler
 * of its own thread may come in between: the place is valid while the mark says so. */
static void exchange(struct gor__g *g, struct gor__labels *labels)
{
    bool had = (__atomic_load_n(&g->flags, __ATOMIC_RELAXED) & GOR__G_LABELLED) != 0;
    struct gor__labels **place = gor__pool_labels(g);
    struct gor__labels *former = had ? *place : NULL;
    if (labels != NULL) {
        __atomic_store_n(place, labels, __ATOMIC_RELEASE);
        (void)__atomic_fetch_or(&g->flags, GOR__G_LABELLED, __ATOMIC_RELEASE);
    } else {
        gor__g_clear_flag(g, GOR__G_LABELLED);
    }
    gor__labels_unref(former);
}

void gor__labels_inherit(struct gor__g *g, struct gor__g *parent)
{
    exchange(g, gor__labels_get(parent));
}

void gor__labels_drop(struct gor__g *g)
{
    exchange(g, NULL);
}

/* ---- one more label, or one less */

static bool append(struct gor__labels *labels, const char *text, size_t bytes)
{
    if (bytes > sizeof labels->text - labels->bytes) {
        return false;
    }
    memcpy(labels->text + labels->bytes, text, bytes);
    labels->bytes = (uint16_t)(labels->bytes + bytes);
    return true;
}

static bool append_pair(struct gor__labels *labels, const char *key, const char *value)
{
    return append(labels, key, strlen(key) + 1) && append(labels, value, strlen(value) + 1);
}

/* Everything of `from`, which may be NULL, in its order, with `value` for `key`; false: no room. */
static bool fill(struct gor__labels *labels, const struct gor__labels *from, const char *key,
                 const char *value)
{
    const char *at = from != NULL ? from->text : NULL;
    const char *end = from != NULL ? from->text + from->bytes : NULL;
    bool placed = value == NULL;
    while (at < end) {
        const char *old_value = at + strlen(at) + 1;
        int order = strcmp(at, key);
        if (order > 0 && !placed) {
            placed = true;
            if (!append_pair(labels, key, value)) {
                return false;
            }
        }
        if (order != 0 && !append_pair(labels, at, old_value)) {
            return false;
        }
        at = old_value + strlen(old_value) + 1;
    }
    return placed || append_pair(labels, key, value);
}

/* Inside. */
static int set_label(struct gor__g *g, const char *key, const char *value)
{
    struct gor__labels *former = gor__labels_get(g);
    struct gor__labels *labels = new_set();
    int result = labels != NULL ? 0 : -ENOMEM;
    if (labels != NULL && !fill(labels, former, key, value)) {
        free_set(labels);
        result = -E2BIG;
    } else if (labels != NULL && labels->bytes == 0) {
        free_set(labels);
        exchange(g, NULL);
    } else if (labels != NULL) {
        /* Release: pairs with ref_if_alive. */
        __atomic_store_n(&labels->refs, 1, __ATOMIC_RELEASE);
        exchange(g, labels);
    }
    gor__labels_unref(former);
    return result;
}

int gor_set_label(const char *key, const char *value)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    if (key == NULL || key[0] == '\0') {
        return -EINVAL;
    }
    gor__enter_machine(m);
    int result = set_label(m->g, key, value);
    gor__leave_machine(m);
    return result;
}

static const char *find_value(const struct gor__labels *labels, const char *key)
{
    const char *at = labels->text;
    while (at < labels->text + labels->bytes) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, key) == 0) {
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}

static int copy_value(const struct gor__labels *labels, const char *key, char *out_value,
                      size_t room)
{
    const char *value = find_value(labels, key);
    if (value == NULL) {
        return -ENOENT;
    }
    size_t length = strlen(value);
    if (length >= room) {
        return -ENOSPC;
    }
    memcpy(out_value, value, length + 1);
    return (int)length;
}

int gor_label(const char *key, char *out_value, size_t room)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    struct gor__labels *labels = gor__labels_get(m->g);
    int result = labels != NULL ? copy_value(labels, key, out_value, room) : -ENOENT;
    gor__labels_unref(labels);
    gor__leave_machine(m);
    return result;
}

int gor_with_label(const char *key, const char *value, void (*fn)(void *arg), void *arg)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    struct gor__labels *former = gor__labels_get(m->g);
    gor__leave_machine(m);
    int result = gor_set_label(key, value);
    if (result == 0) {
        fn(arg);
    }
    m = gor__enter();
    if (result == 0) {
        exchange(m->g, former);
    } else {
        gor__labels_unref(former);
    }
    gor__leave_machine(m);
    return result;
}
