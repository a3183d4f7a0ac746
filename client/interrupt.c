/* SPDX-License-Identifier: MIT */
/* interrupt.c - see interrupt.h. */
#include "client/interrupt.h"

#include <signal.h>
#include <stdlib.h>

#include <uv.h>

#include "client/alloc.h"
#include "client/channel.h"

enum { SIGNALS_MOST = 4 };

struct gorctl_interrupt {
    gorctl_on_signal *on_signal;
    void *user;
    uv_signal_t handles[SIGNALS_MOST];
    unsigned count; /* of them in use */
    unsigned open;
};

static void hear(uv_signal_t *handle, int number)
{
    struct gorctl_interrupt *interrupt = handle->data;
    interrupt->on_signal(number, interrupt->user);
}

static bool is_ignored(int number)
{
    struct sigaction old;
    return sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

/* Where it cannot be had it does what it usually does. */
static void add(struct gorctl_interrupt *interrupt, uv_loop_t *loop, int number)
{
    uv_signal_t *handle = &interrupt->handles[interrupt->count];
    if (interrupt->count < SIGNALS_MOST && !is_ignored(number) &&
        uv_signal_init(loop, handle) == 0) {
        handle->data = interrupt;
        interrupt->count++;
        (void)uv_signal_start(handle, hear, number);
    }
}

struct gorctl_interrupt *gorctl_interrupt_start(struct gorctl *ctl, const int *signals,
                                                gorctl_on_signal *on_signal, void *user)
{
    struct gorctl_interrupt *interrupt = gorctl_alloc(sizeof(*interrupt));
    interrupt->on_signal = on_signal;
    interrupt->user = user;
    for (; *signals != 0; signals++) {
        add(interrupt, gorctl_loop(ctl), *signals);
    }
    interrupt->open = interrupt->count;
    return interrupt;
}

static void handle_closed(uv_handle_t *handle)
{
    struct gorctl_interrupt *interrupt = handle->data;
    if (--interrupt->open == 0) {
        free(interrupt);
    }
}

void gorctl_interrupt_stop(struct gorctl_interrupt *interrupt)
{
    if (interrupt == NULL) {
        return;
    }
    if (interrupt->count == 0) {
        free(interrupt);
        return;
    }
    for (unsigned i = 0; i < interrupt->count; i++) {
        uv_close((uv_handle_t *)&interrupt->handles[i], handle_closed);
    }
}
