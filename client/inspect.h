/* SPDX-License-Identifier: MIT */
/* inspect.h - fetch what the daemon's runtime tells of itself: text to read, or a file for a tool.
 *
 * A file is complete or not there: it gets its name when the last byte has been written.
 */
#ifndef GOR_CLIENT_INSPECT_H
#define GOR_CLIENT_INSPECT_H

#include <argp.h>
#include <stdint.h>

#include "client/channel.h"
#include "client/gorctl.h"
#include "gor/v1/runtime.pb-c.h"

/* How long to watch when nobody says. */
#define GORCTL_WATCH_NS ((int64_t)10 * 1000000000)

struct gorctl_inspection {
    Gor__V1__InspectRequest request;
    const char *output; /* the file; "-": stdout; NULL: stdout, or a file if that is a terminal */
    const char
        *suffix;      /* of that file's name, ".cpu.pb.gz"; NULL: it is text, fit for a terminal */
    const char *hint; /* how to look at the file: "go tool pprof"; NULL with `suffix` */
};

/* What the parsers of such commands have in common: the connection's options as their one child, -o, and
 * --for, how long to watch. ARGP_ERR_UNKNOWN for everything else. */
error_t gorctl_inspection_parse(int key, char *arg, struct argp_state *state, struct gorctl *ctl,
                                struct gorctl_inspection *inspection);

/* A stream of InspectChunk into a file. */
struct gorctl_fetch {
    struct gorctl_call call;
    const char *output; /* as in gorctl_inspection, as the next two */
    const char *suffix;
    const char *hint;
};

/* Make the call and write what comes. An exit code; what went wrong has been said. */
int gorctl_fetch(struct gorctl *ctl, const struct gorctl_fetch *fetch);
int gorctl_inspect(struct gorctl *ctl, const struct gorctl_inspection *inspection);

#endif
