/* SPDX-License-Identifier: MIT */
/* trace_story.c - see trace_story.h. */
#include "runtime/debug/trace_story.h"

#include <stdio.h>
#include <string.h>

#include "runtime/debug/symbol.h"
#include "runtime/sched/machine.h"

enum {
    MEET_MAX = 100000, /* goroutines that are told of before they do anything */
    ARGS_MAX = 5,
};

void gor__story_open(struct gor__story *story, struct gor__perfetto *to)
{
    memset(story, 0, sizeof *story);
    gor__stage_open(&story->stage, to);
    gor__symbol_refresh();
}

void gor__story_close(struct gor__story *story)
{
    gor__stage_close(&story->stage);
    gor__cast_fini(&story->cast);
}

/* ---- who is who */

static int meet_one(void *arg, const struct gor_info *info)
{
    struct gor__story *story = arg;
    struct gor__actor *actor = gor__cast_get(&story->cast, info->id);
    if (actor == NULL) {
        return 1;
    }
    actor->created_at = (uint64_t)(uintptr_t)info->created_at;
    actor->parent = info->parent;
    memcpy(actor->name, info->name, sizeof actor->name);
    gor__actor_learn(actor, (uint64_t)(uintptr_t)info->fn);
    return story->cast.count >= MEET_MAX;
}

void gor__story_meet(struct gor__story *story)
{
    (void)gor_each(meet_one, story);
}

/* ---- telling */

static uint64_t track_of(struct gor__story *story, const struct gor__feed_item *item)
{
    return item->source == GOR__FEED_COMMON ? gor__stage_track(&story->stage, GOR__TRACK_ELSEWHERE)
                                            : gor__stage_proc(&story->stage, item->source);
}

static void tell(struct gor__story *story, struct gor__perfetto_event *event,
                 const struct gor__perfetto_arg *args, size_t arg_count)
{
    event->args = args;
    event->arg_count = arg_count;
    gor__stage_event(&story->stage, event);
}

/* What needs no goroutine to tell. */
static void tell_moment(struct gor__story *story, const struct gor__feed_item *item, int64_t ns,
                        const char *name, const struct gor__perfetto_arg *args, size_t arg_count)
{
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .track = track_of(story, item),
                                        .category = "scheduler",
                                        .name = name};
    tell(story, &event, args, arg_count);
}

/* An arrow from here to where `actor` runs next, if there is none yet. */
static uint64_t begin_flow(struct gor__story *story, struct gor__actor *actor)
{
    if (actor->flow != 0 || actor->running || story->stage.silent) {
        return 0;
    }
    actor->flow = ++story->flows;
    return actor->flow;
}

static void tell_created(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    char text[128];
    char place[256];
    char function[64];
    if (actor == NULL) {
        return;
    }
    gor__actor_learn(actor, item->b);
    actor->created_at = item->a;
    actor->parent = item->source != GOR__FEED_COMMON ? story->running[item->source] : 0;
    actor->ready = true;
    actor->since_ns = ns;
    (void)snprintf(text, sizeof text, "makes %s", gor__actor_label(actor));
    gor__name_function(actor->fn, function, sizeof function);
    gor__name_place(actor->created_at, place, sizeof place);
    const struct gor__perfetto_arg args[] = {{"goroutine", NULL, actor->id},
                                             {"parent", NULL, actor->parent},
                                             {"function", function, 0},
                                             {"made at", place, 0}};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .track = track_of(story, item),
                                        .category = "goroutine",
                                        .name = text,
                                        .flow_from = begin_flow(story, actor)};
    tell(story, &event, args, 4);
}

static void tell_named(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    (void)ns;
    if (actor != NULL) {
        (void)snprintf(actor->name, sizeof actor->name, "%.*s", GOR_NAME_BYTES - 1, item->text);
        actor->label[0] = '\0';
    }
}

static void tell_ready(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    static const char *const wakers[] = {
        [GOR__TRACE_BY_GOROUTINE] = "goroutine",
        [GOR__TRACE_BY_TIMER] = "timer",
        [GOR__TRACE_BY_NETWORK] = "network",
        [GOR__TRACE_BY_STRANGER] = "thread of the host's",
    };
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    char text[128];
    if (actor == NULL) {
        return;
    }
    actor->ready = !actor->running;
    actor->since_ns = ns;
    (void)snprintf(text, sizeof text, "wakes %s", gor__actor_label(actor));
    const char *waker = item->a <= GOR__TRACE_BY_STRANGER ? wakers[item->a] : "?";
    const struct gor__perfetto_arg args[] = {{"goroutine", NULL, actor->id},
                                             {"woken by", waker, 0}};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_INSTANT,
                                        .ns = ns,
                                        .track = track_of(story, item),
                                        .category = "goroutine",
                                        .name = text,
                                        .flow_from = begin_flow(story, actor)};
    tell(story, &event, args, 2);
}

/* ---- what runs on a P */

static void end_run(struct gor__story *story, uint32_t proc, int64_t ns, const char *until)
{
    struct gor__actor *actor = gor__cast_find(&story->cast, story->running[proc]);
    const struct gor__perfetto_arg args[] = {{"until", until, 0}};
    struct gor__perfetto_event event = {
        .kind = GOR__PERFETTO_END, .ns = ns, .track = gor__stage_proc(&story->stage, proc)};
    if (story->running[proc] != 0) {
        tell(story, &event, args, 1);
    }
    if (actor != NULL) {
        actor->running = false;
        actor->since_ns = ns;
    }
    story->running[proc] = 0;
}

/* The arrow to it ends here, with how long it has been able to run. */
static void begin_run(struct gor__story *story, uint32_t proc, int64_t ns, uint64_t id)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, id);
    char function[64];
    struct gor__perfetto_arg args[ARGS_MAX];
    size_t count = 0;
    if (actor == NULL) {
        return;
    }
    gor__name_function(actor->fn, function, sizeof function);
    args[count++] = (struct gor__perfetto_arg){"goroutine", NULL, id};
    args[count++] = (struct gor__perfetto_arg){"function", function, 0};
    if (story->holders[proc] != 0) {
        args[count++] = (struct gor__perfetto_arg){"thread", NULL, story->holders[proc] - 1};
    }
    if (actor->ready && actor->since_ns != 0 && ns >= actor->since_ns) {
        uint64_t delay = (uint64_t)(ns - actor->since_ns);
        args[count++] = (struct gor__perfetto_arg){"runnable for (ns)", NULL, delay};
    }
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_BEGIN,
                                        .ns = ns,
                                        .track = gor__stage_proc(&story->stage, proc),
                                        .category = "goroutine",
                                        .name = gor__actor_label(actor),
                                        .flow_to = actor->flow};
    tell(story, &event, args, count);
    actor->flow = 0;
    actor->ready = false;
    actor->running = true;
    actor->since_ns = ns;
    story->running[proc] = id;
}

static void end_regions(struct gor__story *story, struct gor__actor *actor, int64_t ns)
{
    for (; actor->regions > 0; actor->regions--) {
        struct gor__perfetto_event event = {.kind = GOR__PERFETTO_END,
                                            .ns = ns,
                                            .track = gor__stage_goroutine(&story->stage, actor)};
        tell(story, &event, NULL, 0);
    }
}

/* The one that ran stops; it may be unknown to us who that was. */
static void leave(struct gor__story *story, uint32_t proc, int64_t ns, uint64_t why)
{
    enum gor_state state = (enum gor_state)(why & 0xff);
    enum gor_wait_reason reason = (enum gor_wait_reason)(why >> 8 & 0xff);
    uint64_t id = story->running[proc];
    const char *until = state == GOR_WAITING      ? gor_wait_reason_name(reason)
                        : state == GOR_RUNNABLE   ? "yields"
                        : state == GOR_TERMINATED ? "ends"
                                                  : "the runtime stops";
    end_run(story, proc, ns, until);
    struct gor__actor *actor = gor__cast_find(&story->cast, id);
    if (actor == NULL) {
        return;
    }
    actor->ready = state == GOR_RUNNABLE;
    if (state == GOR_TERMINATED) {
        end_regions(story, actor, ns);
        gor__cast_remove(&story->cast, id);
    }
}

static void tell_switched(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    uint32_t proc = item->source;
    if (proc == GOR__FEED_COMMON) {
        return;
    }
    if (item->a != 0) {
        leave(story, proc, ns, item->a);
    } else {
        end_run(story, proc, ns, "unknown");
    }
    struct gor__actor *actor = item->id != 0 ? gor__cast_get(&story->cast, item->id) : NULL;
    if (actor != NULL) {
        gor__actor_learn(actor, item->b);
        begin_run(story, proc, ns, item->id);
    }
}

/* Woken by the one that was left, since that one ran: it is not known when. */
static void tell_switched_woken(struct gor__story *story, const struct gor__feed_item *item,
                                int64_t ns)
{
    struct gor__feed_item woken = {.source = item->source,
                                   .event = GOR__TRACE_READY,
                                   .id = item->id,
                                   .a = GOR__TRACE_BY_GOROUTINE};
    tell_ready(story, &woken, ns);
    struct gor__actor *actor = gor__cast_find(&story->cast, item->id);
    if (actor != NULL) {
        actor->since_ns = 0;
    }
    tell_switched(story, item, ns);
}

static void tell_taken(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    static const char *const losses[] = {
        [GOR__TRACE_LOST_BLOCKED] = "blocks in foreign code",
        [GOR__TRACE_LOST_HOG] = "preempted",
        [GOR__TRACE_LOST_WORLD] = "the world stops",
        [GOR__TRACE_LOST_RETIRED] = "GOMAXPROCS is less",
    };
    if (item->source != GOR__FEED_COMMON) {
        const char *until = item->a <= GOR__TRACE_LOST_RETIRED ? losses[item->a] : "?";
        end_run(story, item->source, ns, until);
    }
}

static void tell_given(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__actor *actor = gor__cast_get(&story->cast, item->id);
    if (actor == NULL || item->source == GOR__FEED_COMMON) {
        return;
    }
    gor__actor_learn(actor, item->b);
    end_run(story, item->source, ns, "unknown");
    begin_run(story, item->source, ns, item->id);
}

/* ---- threads, the world, marks of the program's own */

static void tell_thread(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__stage_thread now = {.does = GOR__THREAD_NOTHING};
    uint64_t tid =
        item->event == GOR__TRACE_HELD || item->event == GOR__TRACE_THREAD_BEGAN ? item->a : 0;
    if (item->event == GOR__TRACE_HELD) {
        now.does = GOR__THREAD_HOLDS;
        now.proc = item->source;
        story->holders[item->source] = item->id + 1;
    } else if (item->event == GOR__TRACE_THREAD_SLEEPS) {
        now.does = GOR__THREAD_SLEEPS;
    } else if (item->event == GOR__TRACE_THREAD_POLLS) {
        now.does = GOR__THREAD_POLLS;
    } else if (item->event == GOR__TRACE_THREAD_LACKS) {
        static const enum gor__thread_does lacks[] = {
            [GOR__LACK_NOTHING] = GOR__THREAD_NOTHING,
            [GOR__LACK_AWAY] = GOR__THREAD_BLOCKS,
            [GOR__LACK_WAITS] = GOR__THREAD_WAITS,
            [GOR__LACK_HOG] = GOR__THREAD_HOG,
        };
        struct gor__actor *actor = gor__cast_find(&story->cast, item->b);
        now.does = lacks[item->a];
        now.g = item->b;
        if (actor != NULL && now.does != GOR__THREAD_NOTHING && now.does != GOR__THREAD_BLOCKS) {
            actor->ready = true;
            actor->since_ns = ns;
        }
    }
    gor__stage_thread(&story->stage, ns, item->id, tid, &now);
}

/* One slice within the other. */
static void end_world(struct gor__story *story, int64_t ns)
{
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_END,
                                        .ns = ns,
                                        .track = gor__stage_track(&story->stage, GOR__TRACK_WORLD)};
    for (int open = story->world_stands + story->world_stops; open > 0; open--) {
        tell(story, &event, NULL, 0);
    }
    story->world_stands = false;
    story->world_stops = false;
}

static void tell_world(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    struct gor__perfetto_arg arg = {"goroutine", NULL, item->id};
    struct gor__perfetto_event event = {.kind = GOR__PERFETTO_BEGIN,
                                        .ns = ns,
                                        .track = gor__stage_track(&story->stage, GOR__TRACK_WORLD),
                                        .category = "scheduler"};
    if (item->event == GOR__TRACE_WORLD_STOPS && !story->world_stops) {
        event.name = "stop the world";
        story->world_stops = !story->stage.silent;
        tell(story, &event, &arg, item->id != 0);
    } else if (item->event == GOR__TRACE_WORLD_STANDS && story->world_stops) {
        event.name = "the world stands";
        story->world_stands = true;
        tell(story, &event, NULL, 0);
    } else if (item->event == GOR__TRACE_WORLD_GOES_ON) {
        end_world(story, ns);
    }
}

static void tell_log(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
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
    tell(story, &event, NULL, 0);
}

static void tell_region(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
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
        tell(story, &event, NULL, 0);
    } else if (actor->regions > 0) {
        /* Else it began before the trace did. */
        actor->regions--;
        tell(story, &event, NULL, 0);
    }
}

static void tell_counts(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    gor__stage_count(&story->stage, ns, GOR__TRACK_GOROUTINES, item->id);
    gor__stage_count(&story->stage, ns, GOR__TRACK_RUNNABLE, item->a);
    gor__stage_count(&story->stage, ns, GOR__TRACK_TIMERS, item->b);
}

/* Records of this ring are missing: what went on there may have ended long ago. */
static void tell_gap(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"events", NULL, item->a}};
    if (item->source != GOR__FEED_COMMON) {
        end_run(story, item->source, ns, "unknown: events were lost");
    }
    tell_moment(story, item, ns, "events were lost", args, 1);
}

static void tell_stolen(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"count", NULL, item->a}, {"from P", NULL, item->id}};
    tell_moment(story, item, ns, "steals goroutines", args, 2);
}

static void tell_fired(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"count", NULL, item->id}};
    tell_moment(story, item, ns, "timers fire", args, 1);
}

static void tell_polled(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    const struct gor__perfetto_arg args[] = {{"count", NULL, item->id}};
    tell_moment(story, item, ns, "network wakes goroutines", args, 1);
}

static void tell_procs(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    gor__stage_count(&story->stage, ns, GOR__TRACK_PROCS, item->id);
}

typedef void tell_fn(struct gor__story *story, const struct gor__feed_item *item, int64_t ns);

static tell_fn *const tells[GOR__TRACE_EVENT_COUNT] = {
    [GOR__TRACE_CREATED] = tell_created,
    [GOR__TRACE_NAMED] = tell_named,
    [GOR__TRACE_READY] = tell_ready,
    [GOR__TRACE_SWITCHED] = tell_switched,
    [GOR__TRACE_SWITCHED_WOKEN] = tell_switched_woken,
    [GOR__TRACE_TAKEN] = tell_taken,
    [GOR__TRACE_GIVEN] = tell_given,
    [GOR__TRACE_HELD] = tell_thread,
    [GOR__TRACE_DROPPED] = tell_thread,
    [GOR__TRACE_STOLEN] = tell_stolen,
    [GOR__TRACE_FIRED] = tell_fired,
    [GOR__TRACE_POLLED] = tell_polled,
    [GOR__TRACE_THREAD_BEGAN] = tell_thread,
    [GOR__TRACE_THREAD_ENDED] = tell_thread,
    [GOR__TRACE_THREAD_SLEEPS] = tell_thread,
    [GOR__TRACE_THREAD_POLLS] = tell_thread,
    [GOR__TRACE_THREAD_AWAKE] = tell_thread,
    [GOR__TRACE_THREAD_LACKS] = tell_thread,
    [GOR__TRACE_WORLD_STOPS] = tell_world,
    [GOR__TRACE_WORLD_STANDS] = tell_world,
    [GOR__TRACE_WORLD_GOES_ON] = tell_world,
    [GOR__TRACE_PROCS] = tell_procs,
    [GOR__TRACE_COUNTS] = tell_counts,
    [GOR__TRACE_LOG] = tell_log,
    [GOR__TRACE_REGION_BEGAN] = tell_region,
    [GOR__TRACE_REGION_ENDED] = tell_region,
    [GOR__TRACE_GAP] = tell_gap,
};

void gor__story_tell(struct gor__story *story, const struct gor__feed_item *item, int64_t ns)
{
    tell_fn *known = item->event < GOR__TRACE_EVENT_COUNT ? tells[item->event] : NULL;
    if (known != NULL) {
        known(story, item, ns);
    }
}

/* ---- beginning and end */

void gor__story_hush(struct gor__story *story)
{
    story->stage.silent = true;
}

void gor__story_speak(struct gor__story *story, int64_t ns)
{
    story->stage.silent = false;
    for (uint32_t i = 0; i < GOR__PROCS_MAX; i++) {
        if (story->running[i] != 0) {
            begin_run(story, i, ns, story->running[i]);
        }
    }
    gor__stage_show_threads(&story->stage, ns);
}

struct end {
    struct gor__story *story;
    int64_t ns;
};

static void end_one(void *arg, struct gor__actor *actor)
{
    const struct end *end = arg;
    end_regions(end->story, actor, end->ns);
    if (actor->flow == 0) {
        return;
    }
    struct gor__perfetto_event event = {
        .kind = GOR__PERFETTO_INSTANT,
        .ns = end->ns,
        .track = gor__stage_track(&end->story->stage, GOR__TRACK_ELSEWHERE),
        .category = "goroutine",
        .name = "has not run yet when the trace ends",
        .flow_to = actor->flow};
    const struct gor__perfetto_arg args[] = {{"goroutine", NULL, actor->id}};
    tell(end->story, &event, args, 1);
    actor->flow = 0;
}

void gor__story_end(struct gor__story *story, int64_t ns)
{
    struct end end = {story, ns};
    for (uint32_t i = 0; i < GOR__PROCS_MAX; i++) {
        if (story->running[i] != 0) {
            end_run(story, i, ns, "the trace ends");
        }
    }
    gor__cast_each(&story->cast, end_one, &end);
    end_world(story, ns);
    gor__stage_end_threads(&story->stage, ns);
}
