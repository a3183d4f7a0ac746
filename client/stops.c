/* SPDX-License-Identifier: MIT */
/* stops.c - see stops.h. */
#include "client/stops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/signals.h"
#include "client/when.h"

/* "INT@10s" or "INT", which is changed. */
static int parse_step(char *word, Gor__V1__StopSignal *step, char why[GORCTL_STOPS_WHY])
{
    char *wait = strchr(word, '@');
    if (wait != NULL) {
        *wait++ = '\0';
    }
    step->signal = gorctl_signal_parse(word);
    if (step->signal < 0) {
        snprintf(why, GORCTL_STOPS_WHY, "'%.40s' is no signal; write it as in INT@10s,TERM@5s",
                 word);
        return -EINVAL;
    }
    if (wait != NULL && (gorctl_duration_parse(wait, &step->wait_ns) != 0 || step->wait_ns <= 0)) {
        snprintf(why, GORCTL_STOPS_WHY, "'%.40s' is no time to wait; write it as in INT@10s", wait);
        return -EINVAL;
    }
    return 0;
}

int gorctl_stops_add(Gor__V1__ExecSpec *exec, const char *text, char why[GORCTL_STOPS_WHY])
{
    char *copy = gorctl_strdup(text);
    char *rest = copy;
    char *word;
    int rc = 0;
    while (rc == 0 && (word = strsep(&rest, ",")) != NULL) {
        Gor__V1__StopSignal *step = gorctl_alloc(sizeof(*step));
        gor__v1__stop_signal__init(step);
        exec->stop_signals =
            gorctl_grow(exec->stop_signals, exec->n_stop_signals + 1, sizeof(*exec->stop_signals));
        exec->stop_signals[exec->n_stop_signals++] = step;
        rc = parse_step(word, step, why);
    }
    free(copy);
    return rc;
}

char *gorctl_stops_text(const Gor__V1__ExecSpec *exec)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = gorctl_memory_stream(&text, &size);
    for (size_t i = 0; i < exec->n_stop_signals; i++) {
        const Gor__V1__StopSignal *step = exec->stop_signals[i];
        const char *name = sigabbrev_np(step->signal);
        fputs(i > 0 ? "," : "", out);
        if (name != NULL) {
            fputs(name, out);
        } else {
            fprintf(out, "%d", (int)step->signal);
        }
        if (step->wait_ns > 0) {
            fprintf(out, "@%.9gs", (double)step->wait_ns / 1e9);
        }
    }
    fclose(out);
    return text;
}
