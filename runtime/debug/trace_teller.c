/* SPDX-License-Identifier: MIT */
/* trace_teller.c - see trace_teller.h. */
#include "runtime/debug/trace_teller.h"

#include <errno.h>

void gor__teller_open(struct gor__teller *t, gor_trace_write *write, void *arg)
{
    gor__perfetto_init(&t->perfetto, write, arg);
    gor__story_open(&t->story, &t->perfetto);
}

void gor__teller_tell(struct gor__teller *t, uint64_t before, int64_t speak_ns)
{
    struct gor__feed_item item;
    while (gor__feed_next(&t->feed, before, gor__story_due, &t->story, &item)) {
        int64_t ns = gor__trace_clock_ns(&t->clock, item.ticks);
        if (t->story.stage.silent && ns >= speak_ns) {
            gor__story_speak(&t->story, speak_ns);
        }
        gor__story_tell(&t->story, &item, ns);
    }
}

void gor__teller_fill(struct gor__teller *t)
{
    (void)gor__feed_fill(&t->feed);
    (void)gor__feed_fill(&t->feed);
}

int gor__teller_close(struct gor__teller *t, struct gor_trace_summary *out_summary)
{
    gor__story_end(&t->story, gor__trace_clock_ns(&t->clock, gor__cpu_ticks()));
    int result = gor__perfetto_flush(&t->perfetto);
    if (result == 0 && (t->feed.failed || t->story.cast.failed || t->story.stage.failed)) {
        result = -ENOMEM;
    }
    if (out_summary != NULL) {
        out_summary->events = t->feed.events;
        out_summary->lost = t->feed.lost;
        out_summary->bytes = t->perfetto.bytes;
    }
    gor__story_close(&t->story);
    gor__perfetto_fini(&t->perfetto);
    gor__feed_close(&t->feed);
    return result;
}
