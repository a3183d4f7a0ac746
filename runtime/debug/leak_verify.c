/* SPDX-License-Identifier: MIT */
/* leak_verify.c - the finder held to its word, for the library's own tests ($GOR_LEAKS=verify): whoever
 * was said to have leaked must be found in the very same wait ever after. */
#include <stdlib.h>

#include "runtime/base/assert.h"
#include "runtime/debug/leak.h"
#include "runtime/debug/leak_scan.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/sched.h"

/* Of the time a tenth at most. */
#define PAUSE_NS (20 * GOR_MILLISECOND)
enum { PAUSES = 10 };

/* The maker's. */
static struct {
    struct gor__leak_scan said; /* leaked ones only */
    int64_t due;
} verify;

void gor__leak_verify_init(void)
{
    gor__leak_scan_close(&verify.said);
    verify.due = 0;
}

/* Written by its owner while it may go on; see look.c. */
__attribute__((noinline, no_sanitize_thread)) static bool
has_moved(const struct gor__leak_finding *said)
{
    const volatile struct gor__g *g = said->g;
    return g->id != said->id || g->wake != said->wake || g->switches != said->switches;
}

static void hold_to_it(void)
{
    for (size_t i = 0; i < verify.said.count; i++) {
        const struct gor__leak_finding *said = &verify.said.list[i];
        if (said->leaked && has_moved(said)) {
            gor__die("goroutine %lu was said to have leaked, but has run again",
                     (unsigned long)said->id);
        }
    }
}

int64_t gor__leak_verify(void)
{
    int64_t begun = gor__monotonic();
    if (begun < verify.due) {
        return verify.due;
    }
    hold_to_it();
    struct gor__leak_scan scan;
    if (gor__leak_scan(&scan, GOR__LEAK_STACK()) == 0) {
        gor__leak_scan_close(&verify.said);
        verify.said = scan;
    }
    int64_t now = gor__monotonic();
    verify.due = now + PAUSE_NS + PAUSES * (now - begun);
    return verify.due;
}
