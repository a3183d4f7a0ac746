/* SPDX-License-Identifier: MIT */
/* wrong.h - wrong tokens, counted by where they come from, so that whoever tries them out is told to
 * stop and fills no log.
 *
 * Each address has ten to begin with and gets one more every six seconds. Beyond that it is told so
 * and not logged. A right token is taken from there all the same: guessing 256 bits is hopeless
 * anyway, and others may share the address, as all of one machine share its loopback.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_WRONG_H
#define GORD_SERVICE_WRONG_H

#include <stdbool.h>
#include <stdint.h>

enum { GORD_WRONG_SETS = 64, GORD_WRONG_WAYS = 4 };

/* An address: four bytes of IPv4, eight of IPv6, of which one customer has all that begin with them. */
struct gord_wrong {
    uint8_t from[8];
    int64_t full_ns;  /* when it has all of them again */
    uint64_t unheard; /* those beyond them, since the last that was not */
};

/* Of more addresses those that were heard of longest ago are forgotten. Zeros are an empty one. */
struct gord_wrongs {
    struct gord_wrong slots[GORD_WRONG_SETS][GORD_WRONG_WAYS];
    uint64_t count; /* since the daemon started */
};

/* One more from "192.0.2.1:4711" or "[2001:db8::1]:4711" at `now_ns`, on any clock that does not go
 * back. True: to be logged; *out_unheard is how many from there were not before it. */
bool gord_wrongs_note(struct gord_wrongs *wrongs, const char *address, int64_t now_ns,
                      uint64_t *out_unheard);

#endif
