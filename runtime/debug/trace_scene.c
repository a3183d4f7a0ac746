/* SPDX-License-Identifier: MIT */
/* trace_scene.c - the rest of a trace's story, around what goroutines do on Ps: threads, stops of the
 * world, counters, and marks of the program's own; see trace_tell.h. */
#include <string.h>

#include "runtime/debug/trace_tell.h"
#include "runtime/sched/machine.h"

uint64_t gor__tell_track(struct gor__story *story, const struct gor__feed_item *item)
{
    return item->source == GOR__FEED_COMMON ? gor__stage_track(&story->stage, GOR__TRACK_ELSEWHERE)
                                            : gor__stage_proc(&story->stage, item->source);
}

void gor__tell(struct gor__story *story, struct gor__perfetto_event *event,
               const struct gor__perfetto_arg *args, size_t arg_count)
{
    event->args = args;
    event->arg_count = arg_count;
    gor__stage_event(&story->stage, event);
}

/* What needs no goroutine to tell. */
void gor__tell_moment(struct gor__story *story, const struct gor__feed_item *item, int64_t ns,
                      const char *name, const struct gor__perfetto_arg *args, size_t arg_count)
{
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .track = gor__tell_track(story, item),
                                        .category = "scheduler",
                                        .name = name};
    gor__tell(story, &event, args, arg_count);
}

/* ---- threads */

/* The thread that holds a P holds it no more; 0: nobody does, as far as is known. */
static void end_hold(struct gor__story *story, uint32_t proc, int64_t ns)
{
    uint64_t holder = story->holders[proc];
    story->holders[proc] = 0;
    if (holder != 0 && gor__stage_holds(&story->stage, holder - 1, proc)) {
        gor__stage_thread(&story->stage, ns, holder - 1,
                          &(struct gor__stage_thread){.does = GOR__THREAD_NOTHING});
    }
}

void gor__tell_held(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    if (item->source == GOR__FEED_COMMON) {
        return;
    }
    end_hold(story, item->source, ns);
    if (item->event == GOR__TRACE_HELD) {
        gor__stage_name_thread(&story->stage, item->id, item->a);
        story->holders[item->source] = item->id + 1;
        gor__stage_thread(
            &story->stage, ns, item->id,
            &(struct gor__stage_thread){.does = GOR__THREAD_HOLDS, .proc = item->source});
    }
}

void gor__tell_hold_lost(struct gor__story *story, uint32_t proc, int64_t ns)
{
    end_hold(story, proc, ns);
}

static enum gor__thread_does does_now(const struct gor__feed_item *item,
                                      enum gor__thread_does former)
{
    static const enum gor__thread_does lacks[] = {
        [GOR__LACK_NOTHING] = GOR__THREAD_NOTHING,
        [GOR__LACK_AWAY] = GOR__THREAD_BLOCKS,
        [GOR__LACK_WAITS] = GOR__THREAD_WAITS,
        [GOR__LACK_HOG] = GOR__THREAD_HOG,
    };
    switch (item->event) {
    case GOR__TRACE_THREAD_SLEEPS:
        return GOR__THREAD_SLEEPS;
    case GOR__TRACE_THREAD_POLLS:
        return GOR__THREAD_POLLS;
    case GOR__TRACE_THREAD_LACKS:
        return item->a <= GOR__LACK_HOG ? lacks[item->a] : GOR__THREAD_NOTHING;
    case GOR__TRACE_THREAD_ENDED:
        return GOR__THREAD_NOTHING;
    default: /* awake: it was given a P before it woke up, or else looks for one */
        return former == GOR__THREAD_SLEEPS || former == GOR__THREAD_POLLS ? GOR__THREAD_NOTHING
                                                                           : former;
    }
}

/* It waits for a P: since now it could run. */
static void note_queued(struct gor__story *story, uint64_t id, int64_t ns)
{
    struct gor__actor *actor = gor__cast_find(&story->cast, id);
    if (actor != NULL && actor->act == GOR__ACT_AWAY) {
        actor->since_ns = ns;
    }
}

/* Without a P. One that is told to hold one has come to it since: the rings are in order each by itself,
 * and threads are not waited for as goroutines are. */
void gor__tell_thread(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    enum gor__thread_does former = gor__stage_does(&story->stage, item->id);
    struct gor__stage_thread now = {.does = does_now(item, former)};
    if (item->event == GOR__TRACE_THREAD_BEGAN) {
        gor__stage_name_thread(&story->stage, item->id, item->a);
        return;
    }
    if (item->event == GOR__TRACE_THREAD_LACKS) {
        now.g = item->b;
        if (now.does == GOR__THREAD_WAITS || now.does == GOR__THREAD_HOG) {
            note_queued(story, item->b, ns);
        }
    }
    if (former != GOR__THREAD_HOLDS) {
        gor__stage_thread(&story->stage, ns, item->id, &now);
    }
}

/* ---- the world, and marks of the program's own */

/* One slice within the other. */
void gor__tell_end_world(struct gor__story *story, int64_t ns)
{
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_END,
                                        .ns = ns,
                                        .track = gor__stage_track(&story->stage, GOR__TRACK_WORLD)};
    for (int open = story->world_stands + story->world_stops; open > 0; open--) {
        gor__tell(story, &event, NULL, 0);
    }
    story->world_stands = false;
    story->world_stops = false;
}

void gor__tell_world(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__perfetto_arg arg = {"goroutine", NULL, item->id};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_BEGIN,
                                        .ns = ns,
                                        .track = gor__stage_track(&story->stage, GOR__TRACK_WORLD),
                                        .category = "scheduler"};
    if (item->event == GOR__TRACE_WORLD_STOPS && !story->world_stops) {
        event.name = "stop the world";
        story->world_stops = !story->stage.silent;
        gor__tell(story, &event, &arg, item->id != 0);
    } else if (item->event == GOR__TRACE_WORLD_STANDS && story->world_stops) {
        event.name = "the world stands";
        story->world_stands = true;
        gor__tell(story, &event, NULL, 0);
    } else if (item->event == GOR__TRACE_WORLD_GOES_ON) {
        gor__tell_end_world(story, ns);
    }
}

void gor__tell_log(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = item->id != 0 ? gor__cast_get(&story->cast, item->id) : NULL;
    char category[GOR__TRACE_TEXT_MAX + 1];
    size_t bytes = strnlen(item->text, item->b < GOR__TRACE_TEXT_MAX ? (size_t)item->b : 0);
    memcpy(category, item->text, bytes);
    category[bytes] = '\0';
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .category = bytes > 0 ? category : "log",
                                        .name = item->text + bytes};
    if (actor != NULL) {
        (void)gor__actor_label(actor);
        event.track = gor__stage_goroutine(&story->stage, actor);
    } else {
        event.track = gor__stage_track(&story->stage, GOR__TRACK_ELSEWHERE);
    }
    gor__tell(story, &event, NULL, 0);
}

void gor__tell_region(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    if (actor == NULL || story->stage.silent) {
        return;
    }
    (void)gor__actor_label(actor);
    struct gor__perfetto_event event = {
        .kind = GOR__PERFETTO_END, .ns = ns, .track = gor__stage_goroutine(&story->stage, actor)};
    if (item->event == GOR__TRACE_REGION_BEGAN) {
        event.kind = GOR__PERFETTO_BEGIN;
        event.category = "region";
        event.name = item->text;
        actor->regions++;
        gor__tell(story, &event, NULL, 0);
    } else if (actor->regions > 0) {
        /* Else it began before the trace did. */
        actor->regions--;
        gor__tell(story, &event, NULL, 0);
    }
}

void gor__tell_counts(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    gor__stage_count(&story->stage, ns, GOR__TRACK_GOROUTINES, item->id);
    gor__stage_count(&story->stage, ns, GOR__TRACK_RUNNABLE, item->a);
    gor__stage_count(&story->stage, ns, GOR__TRACK_TIMERS, item->b);
}

void gor__tell_stolen(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"count", NULL, item->a}, {"from P", NULL, item->id}};
    gor__tell_moment(story, item, ns, "steals goroutines", args, 2);
}

void gor__tell_fired(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"count", NULL, item->id}};
    gor__tell_moment(story, item, ns, "timers fire", args, 1);
}

void gor__tell_polled(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"count", NULL, item->id}};
    gor__tell_moment(story, item, ns, "network wakes goroutines", args, 1);
}

void gor__tell_procs(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    gor__stage_count(&story->stage, ns, GOR__TRACK_PROCS, item->id);
}
