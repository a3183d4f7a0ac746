/* SPDX-License-Identifier: MIT */
/* clock.c - see clock.h. */
#include "daemon/event/clock.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "daemon/event/event.h"

int64_t gord_clock_boot(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

uint64_t gord_clock_boot_id(void)
{
    char text[64];
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a */
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0; /* never equal to a stored one: the wall clock is taken then */
    }
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3U;
    }
    return length > 0 ? hash >> 1 : 0; /* the store's integers are signed */
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
