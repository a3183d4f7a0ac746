/* SPDX-License-Identifier: MIT */
/* told.c - see told.h. */
#include "client/told.h"

#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"

struct gorctl_told_one {
    uint64_t job_id;
    uint64_t done, total;
    char *text;  /* owned */
    bool before; /* the stream began again since */
};

static struct gorctl_told_one *find(struct gorctl_told *told, uint64_t job_id)
{
    for (size_t i = 0; i < told->count; i++) {
        if (told->ones[i].job_id == job_id) {
            return &told->ones[i];
        }
    }
    return NULL;
}

static struct gorctl_told_one *add(struct gorctl_told *told, uint64_t job_id)
{
    if (told->count == told->room) {
        told->room = told->room == 0 ? 16 : told->room * 2;
        told->ones = realloc(told->ones, told->room * sizeof(*told->ones));
        if (told->ones == NULL) {
            gorctl_out_of_memory();
        }
    }
    told->ones[told->count] = (struct gorctl_told_one){.job_id = job_id};
    return &told->ones[told->count++];
}

bool gorctl_told_is_new(struct gorctl_told *told, const Gor__V1__Event *event)
{
    const Gor__V1__Progress *now = event->progress;
    struct gorctl_told_one *one = find(told, event->job_id);
    bool same = one != NULL && one->before && one->done == now->done && one->total == now->total &&
                strcmp(one->text, now->text) == 0;
    if (one == NULL) {
        one = add(told, event->job_id);
    }
    free(one->text);
    one->text = gorctl_format("%s", now->text);
    one->done = now->done;
    one->total = now->total;
    one->before = false;
    return !same;
}

void gorctl_told_again(struct gorctl_told *told)
{
    for (size_t i = 0; i < told->count; i++) {
        told->ones[i].before = true;
    }
}

void gorctl_told_forget(struct gorctl_told *told, uint64_t job_id)
{
    struct gorctl_told_one *one = find(told, job_id);
    if (one != NULL) {
        free(one->text);
        *one = told->ones[--told->count];
    }
}

void gorctl_told_fini(struct gorctl_told *told)
{
    for (size_t i = 0; i < told->count; i++) {
        free(told->ones[i].text);
    }
    free(told->ones);
    *told = (struct gorctl_told){0};
}
