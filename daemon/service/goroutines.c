/* SPDX-License-Identifier: MIT */
/* Runtime.Goroutines: every goroutine, in messages of bounded size.
 *
 * The picture is taken at once and sent as the client reads: what waits in memory is the packed
 * messages.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/state.h"

#define PER_MESSAGE 128
#define GOROUTINES_MAX 200000 /* about 100 MB of picture */
#define WORD_BYTES 96

struct packed {
    uint8_t *data; /* owned */
    size_t bytes;
    struct packed *next;
};

struct picture {
    struct rpc_call *call;
    struct packed *first; /* owned */
    struct packed *last;
    size_t seen;
    int error;
    /* The message being filled. */
    Gor__V1__Goroutine items[PER_MESSAGE];
    Gor__V1__Goroutine *pointers[PER_MESSAGE];
    char words[PER_MESSAGE][3][WORD_BYTES]; /* function, created_at, name */
    char frames[PER_MESSAGE][32][WORD_BYTES];
    char *frame_pointers[PER_MESSAGE][32];
    size_t count;
};

static void add_packed(struct picture *picture, const Gor__V1__GoroutinesReply *reply)
{
    struct packed *packed = calloc(1, sizeof(*packed));
    size_t bytes = gor__v1__goroutines_reply__get_packed_size(reply);

    if (packed != NULL) {
        packed->data = malloc(bytes > 0 ? bytes : 1);
    }
    if (packed == NULL || packed->data == NULL) {
        free(packed);
        picture->error = -ENOMEM;
        return;
    }
    packed->bytes = gor__v1__goroutines_reply__pack(reply, packed->data);
    *(picture->last != NULL ? &picture->last->next : &picture->first) = packed;
    picture->last = packed;
}

static void flush_items(struct picture *picture)
{
    Gor__V1__GoroutinesReply reply = GOR__V1__GOROUTINES_REPLY__INIT;

    if (picture->count > 0) {
        reply.n_goroutines = picture->count;
        reply.goroutines = picture->pointers;
        add_packed(picture, &reply);
        picture->count = 0;
    }
}

/* "name+0x12" where the symbol is known, else "file+0x1234", else the address. */
static char *describe(const void *address, char out[WORD_BYTES])
{
    Dl_info info;

    out[0] = '\0';
    if (address == NULL) {
        return out;
    }
    if (dladdr(address, &info) == 0) {
        snprintf(out, WORD_BYTES, "%p", address);
    } else if (info.dli_sname != NULL) {
        snprintf(out, WORD_BYTES, "%.60s+0x%zx", info.dli_sname,
                 (size_t)((const char *)address - (const char *)info.dli_saddr));
    } else {
        const char *file = info.dli_fname != NULL ? strrchr(info.dli_fname, '/') : NULL;
        snprintf(out, WORD_BYTES, "%.60s+0x%zx", file != NULL ? file + 1 : "?",
                 (size_t)((const char *)address - (const char *)info.dli_fbase));
    }
    return out;
}

static int visit(void *arg, const struct gor_info *info)
{
    struct picture *picture = arg;
    size_t at = picture->count;
    Gor__V1__Goroutine *out = &picture->items[at];

    if (++picture->seen > GOROUTINES_MAX || picture->error != 0) {
        return 1;
    }
    gor__v1__goroutine__init(out);
    out->id = info->id;
    out->parent = info->parent;
    out->state = (char *)(uintptr_t)gor_state_name(info->state);
    out->wait_reason = (char *)(uintptr_t)gor_wait_reason_name(info->reason);
    out->waiting_ns = info->waiting_ns;
    snprintf(picture->words[at][2], WORD_BYTES, "%s", info->name);
    out->name = picture->words[at][2];
    out->function = describe((const void *)(uintptr_t)info->fn, picture->words[at][0]);
    out->created_at = describe(info->created_at, picture->words[at][1]);
    out->stack_bytes = info->stack_bytes;
    out->stack_used_bytes = info->stack_used_bytes;
    out->n_frames = info->frame_count < 32 ? info->frame_count : 32;
    out->frames = picture->frame_pointers[at];
    for (size_t i = 0; i < out->n_frames; i++) {
        out->frames[i] = describe(info->frames[i], picture->frames[at][i]);
    }
    picture->pointers[at] = out;
    picture->count++;
    if (picture->count == PER_MESSAGE) {
        flush_items(picture);
    }
    return 0;
}

static void free_picture(struct picture *picture)
{
    while (picture->first != NULL) {
        struct packed *packed = picture->first;
        picture->first = packed->next;
        free(packed->data);
        free(packed);
    }
    free(picture);
}

/* Send as much as the client takes; the last one ends the call. */
static void pump(struct rpc_call *call, void *user)
{
    struct picture *picture = user;

    while (picture->first != NULL && rpc_call_writable(call)) {
        struct packed *packed = picture->first;
        if (rpc_call_send_packed(call, packed->data, packed->bytes) < 0) {
            return; /* on_end is about to be called */
        }
        picture->first = packed->next;
        free(packed->data);
        free(packed);
    }
    if (picture->first == NULL) {
        free_picture(picture);
        rpc_call_finish(call, WIRE_OK, NULL);
    }
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    free_picture(user);
}

GORD_METHOD(gord_runtime_goroutines)
{
    struct picture *picture = calloc(1, sizeof(*picture));

    (void)message;
    (void)user;
    if (picture == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gor_each(visit, picture);
    flush_items(picture);
    if (picture->error != 0) {
        gord_fail(call, wire_status_from_errno(picture->error), "cannot take the picture: %s",
                  strerror(-picture->error));
        free_picture(picture);
        return;
    }
    rpc_call_on(call, pump, on_end, picture);
    pump(call, picture);
}
