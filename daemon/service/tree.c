/* SPDX-License-Identifier: MIT */
/* Jobs.Tree: whose children are whose. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/state.h"
#include "daemon/service/view.h"

#define JOBS_MAX 1000
#define REPLY_BYTES_MAX ((size_t)3 * 1024 * 1024) /* clients take 4 MiB by default */

struct tree {
    struct gord_service *service;
    struct gord_views views;
    uint32_t depths[JOBS_MAX];
};

enum { REPLY_FULL = 1 };

static int add_row(void *arg, struct gord_row *row, unsigned depth)
{
    struct tree *tree = arg;
    struct gord_view view;

    if (tree->views.bytes > REPLY_BYTES_MAX / 2) {
        return REPLY_FULL;
    }
    tree->depths[tree->views.count] = depth;
    int result = gord_view_from_row(tree->service, row, false, &view);
    if (result == 0) {
        result = gord_views_add(&tree->views, &view);
        if (result != 0) {
            gord_view_fini(&view);
        }
    }
    return result;
}

static void answer(struct tree *tree, struct rpc_call *call, bool truncated)
{
    Gor__V1__TreeReply reply = GOR__V1__TREE_REPLY__INIT;

    reply.n_jobs = tree->views.count;
    reply.jobs = tree->views.jobs;
    reply.n_depths = tree->views.count;
    reply.depths = tree->depths;
    reply.truncated = truncated;
    rpc_call_reply(call, &reply.base);
}

GORD_METHOD(gord_jobs_tree)
{
    struct gord_service *service = user;
    const Gor__V1__TreeRequest *request = (const Gor__V1__TreeRequest *)message;
    struct gord_reader *reader = gord_bus_reader(service->bus);
    bool more = false;

    if (request->limit > JOBS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "limit is %u; it is at most %d", request->limit,
                  JOBS_MAX);
        return;
    }
    struct tree *tree = calloc(1, sizeof(*tree));
    if (tree == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    tree->service = service;
    const struct gord_branch branch = {.id = request->id,
                                       .from_top = request->from_top,
                                       .limit = request->limit > 0 ? request->limit : JOBS_MAX};
    int result = gord_reader_tree(reader, &branch, add_row, tree, &more);
    if (result == 0 || result == REPLY_FULL) {
        answer(tree, call, more || result == REPLY_FULL);
    } else if (result == -ENOENT) {
        gord_fail(call, WIRE_NOT_FOUND, "there is no job %" PRIu64, request->id);
    } else {
        gord_fail(call, wire_status_from_errno(result),
                  "cannot read the tree of job %" PRIu64 ": %s", request->id, strerror(-result));
    }
    gord_views_fini(&tree->views);
    free(tree);
}
