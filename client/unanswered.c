/* SPDX-License-Identifier: MIT */
/* unanswered.c - see unanswered.h. */
#include "client/unanswered.h"

#include <stdlib.h>

#include "client/alloc.h"

static void drop(struct gorctl_unanswered_one *one)
{
    gor__v1__import_request__free_unpacked(one->message, NULL);
}

void gorctl_unanswered_add(struct gorctl_unanswered *all, Gor__V1__ImportRequest *message,
                           uint64_t line)
{
    if (all->count == all->room) {
        all->room = all->room > 0 ? 2 * all->room : 256;
        all->ones = gorctl_grow(all->ones, all->room, sizeof(*all->ones));
    }
    all->jobs += message->job != NULL;
    all->ones[all->count++] = (struct gorctl_unanswered_one){
        .message = message, .index = all->next_index++, .line = line, .job = all->jobs};
    all->open++;
}

/* Leave out what nobody needs: what is answered, but for output whose job is not; with `lone` output
 * whose job is answered, whether or not it is itself. */
static void tidy(struct gorctl_unanswered *all, bool lone)
{
    size_t kept = 0;
    uint64_t job = 0; /* the last that is kept */
    for (size_t i = 0; i < all->count; i++) {
        struct gorctl_unanswered_one *one = &all->ones[i];
        bool of_job = one->message->output != NULL && one->job == job;
        bool needed = of_job || !(one->answered || (lone && one->message->output != NULL));
        if (!needed) {
            all->open -= !one->answered;
            drop(one);
            continue;
        }
        job = one->message->job != NULL ? one->job : job;
        all->ones[kept++] = *one;
    }
    all->count = kept;
}

uint64_t gorctl_unanswered_answer(struct gorctl_unanswered *all, uint64_t index)
{
    for (size_t i = 0; i < all->count; i++) {
        struct gorctl_unanswered_one *one = &all->ones[i];
        if (one->index == index && !one->answered) {
            uint64_t line = one->line;
            one->answered = true;
            all->open--;
            tidy(all, false);
            return line;
        }
    }
    return 0;
}

void gorctl_unanswered_again(struct gorctl_unanswered *all, uint64_t first)
{
    tidy(all, true);
    for (size_t i = 0; i < all->count; i++) {
        all->ones[i].index = first + i;
        all->ones[i].answered = false;
    }
    all->next_index = first + all->count;
    all->open = all->count;
}

void gorctl_unanswered_fini(struct gorctl_unanswered *all)
{
    for (size_t i = 0; i < all->count; i++) {
        drop(&all->ones[i]);
    }
    free(all->ones);
    *all = (struct gorctl_unanswered){0};
}
