/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. */
#include "daemon/event/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/hash.h"
#include "daemon/base/clock.h"
#include "daemon/event/event.h"

int64_t gord_clock_boot(void)
{
    return gord_clock_ns(CLOCK_BOOTTIME);
}

uint64_t gord_clock_boot_id(void)
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0; /* never equal to a stored one: the wall clock is taken then */
    }
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    if (length <= 0) {
        return 0;
    }
    /* The store's integers are signed. */
    return hash_fnv1a64(HASH_FNV1A64_BASIS, text, (size_t)length) >> 1;
}

void gord_clock_delay(struct gord_standing *standing, int64_t delay_ns)
{
    standing->due_ns = gord_event_clock() + delay_ns;
    standing->due_boot = gord_clock_boot() + delay_ns;
    standing->boot = gord_clock_boot_id();
}

int64_t gord_clock_due(const struct gord_standing *standing)
{
    if (standing->boot != 0 && standing->boot == gord_clock_boot_id()) {
        return standing->due_boot;
    }
    return gord_clock_boot() + (standing->due_ns - gord_event_clock());
}
