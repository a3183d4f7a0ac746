/* SPDX-License-Identifier: MIT */
/* admission.c - see admission.h.
 *
 * Waiting for a place by libgor's own line was rejected: the loop would sleep there, and answer nobody
 * until a job ends; and a job on its goroutine could not be told that it shall not wait any more.
 */
#include "daemon/runner/admission.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 10
#define LINE_ROOM 64

static void on_look_again(uv_timer_t *timer)
{
    struct gord_admission *admission = timer->data;

    admission->look(admission->arg);
}

int gord_admission_open(struct gord_admission *admission, uint64_t most, uv_loop_t *loop,
                        const struct gord_job_counts *counts)
{
    *admission = (struct gord_admission){.counts = counts};
    if (most != 0) {
        admission->quota = gor_quota_new(most);
        if (admission->quota == NULL) {
            return -ENOMEM;
        }
    }
    uv_timer_init(loop, &admission->look_again);
    admission->look_again.data = admission;
    return 0;
}

void gord_admission_on_look(struct gord_admission *admission, void (*look)(void *arg), void *arg)
{
    admission->look = look;
    admission->arg = arg;
}

void gord_admission_close(struct gord_admission *admission)
{
    uv_close((uv_handle_t *)&admission->look_again, NULL);
}

void gord_admission_fini(struct gord_admission *admission)
{
    gor_quota_unref(admission->quota);
    free(admission->line);
}

/* ---- places */

static bool is_counted(enum gord_job_kind kind)
{
    return kind != GORD_EXEC;
}

/* Jobs that count in the quota as soon as they run. */
static uint64_t count_pending(const struct gord_admission *admission)
{
    return admission->counts->taken[GORD_NATIVE] + admission->counts->taken[GORD_LUA] -
           admission->counted_running;
}

uint64_t gord_admission_room(const struct gord_admission *admission, enum gord_job_kind kind)
{
    struct gor_quota_stats stats;

    if (admission->line_count > 0) {
        return 0;
    }
    if (!is_counted(kind) || admission->quota == NULL) {
        return UINT64_MAX;
    }
    gor_quota_stats_get(admission->quota, &stats);
    uint64_t spoken_for = stats.goroutines + count_pending(admission);
    return stats.max_goroutines > spoken_for ? stats.max_goroutines - spoken_for : 0;
}

void gord_admission_why(const struct gord_admission *admission, enum gord_job_kind kind, char *out,
                        size_t out_bytes)
{
    struct gor_quota_stats stats = {0};

    out[0] = '\0';
    if (gord_admission_room(admission, kind) > 0) {
        return;
    }
    if (admission->quota != NULL) {
        gor_quota_stats_get(admission->quota, &stats);
    }
    if (is_counted(kind) && admission->quota != NULL &&
        stats.goroutines + count_pending(admission) >= stats.max_goroutines) {
        snprintf(out, out_bytes,
                 "waits for a place: jobs have %" PRIu64 " of at most %" PRIu64
                 " goroutines (--max-goroutines)",
                 stats.goroutines, stats.max_goroutines);
    } else {
        snprintf(out, out_bytes,
                 "waits for a place: %zu started job%s for a goroutine (--max-goroutines, "
                 "--max-stack-memory)",
                 admission->line_count, admission->line_count == 1 ? " waits" : "s wait");
    }
}

struct gor_quota *gord_admission_quota(const struct gord_admission *admission,
                                       enum gord_job_kind kind)
{
    return is_counted(kind) ? admission->quota : NULL;
}

/* ---- the line */

int gord_admission_line_up(struct gord_admission *admission, uint64_t id)
{
    if (admission->line_count == admission->line_room) {
        size_t room = admission->line_room > 0 ? 2 * admission->line_room : LINE_ROOM;
        uint64_t *line = calloc(room, sizeof(*line));
        if (line == NULL) {
            return -ENOMEM;
        }
        for (size_t i = 0; i < admission->line_count; i++) {
            line[i] = admission->line[(admission->line_first + i) % admission->line_room];
        }
        free(admission->line);
        admission->line = line;
        admission->line_room = room;
        admission->line_first = 0;
    }
    size_t last = (admission->line_first + admission->line_count++) % admission->line_room;
    admission->line[last] = id;
    gord_admission_want(admission);
    return 0;
}

uint64_t gord_admission_first(const struct gord_admission *admission)
{
    return admission->line_count > 0 ? admission->line[admission->line_first] : 0;
}

void gord_admission_drop_first(struct gord_admission *admission)
{
    admission->line_first = (admission->line_first + 1) % admission->line_room;
    admission->line_count--;
}

void gord_admission_want(struct gord_admission *admission)
{
    if (!uv_is_active((const uv_handle_t *)&admission->look_again)) {
        uv_timer_start(&admission->look_again, on_look_again, LOOK_AGAIN_MS, 0);
    }
}
