/* SPDX-License-Identifier: MIT */
/* hibernate.h - who hibernates, and when: goroutines that may, by their own option or the program's, once
 * they have waited for as long as gor_opts.hibernate_after_ns. Who is woken sooner is left alone.
 *
 * One that is wanted back soon after (cold.h) waits twice as long from then on, and half of it again after a
 * long sleep. Whoever looks at idle stacks (idle_stacks.h) asks here, and has them frozen (freeze.h).
 *
 * $GOR_HIBERNATE overrides: off; on: every goroutine; a number: the same, after so many milliseconds, 0 being
 * off; "always", for tests: every goroutine, each time it parks and somebody looks up. In each case but those
 * that said no.
 *
 * Threads     init and fini while nothing runs; the others as each says.
 */
#ifndef GOR_SCHED_HIBERNATE_H
#define GOR_SCHED_HIBERNATE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/assert.h"

struct gor__claim;
struct gor__g;
struct gor__m;
struct gor_opts;

void gor__hibernate_init(const struct gor_opts *opts);
void gor__hibernate_fini(void);

/* Whether anybody hibernates; found out the first time. By one at a time, and not under a lock of the
 * scheduler's. */
bool gor__hibernate_works(void);

/* Whether that was tried, and why it does not work: a negative errno; else 0. Any thread. */
int gor__hibernate_error(void);

/* How long one waits before it does; GOR_NEVER: nobody may. Any thread. */
int64_t gor__hibernate_after(void);

/* Whether what is noted may be frozen, if it still waits. Any thread. */
bool gor__hibernate_may(const struct gor__claim *claim);

/* Whether it has waited for long enough; GOR_NEVER: long enough in any case. */
bool gor__hibernate_is_due(const struct gor__claim *claim, int64_t waited_ns);

/* `g`, which is the caller or has not run yet, chooses for itself. */
void gor__hibernate_choose(struct gor__g *g, bool may);

/* ---- at each park, if that is forced */

extern bool gor__hibernate_always __attribute__((visibility("hidden")));

/* On the scheduler's stack, about to look for what is next: freeze the one that has just parked. Whoever
 * finds something to run has his P call for attention, so that it comes here too. */
void gor__hibernate_parked(struct gor__m *m);

#endif
