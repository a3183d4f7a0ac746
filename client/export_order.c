/* SPDX-License-Identifier: MIT */
/* export_order.c - see export_order.h. */
#include "client/export_order.h"

#include <stdlib.h>

#include "client/alloc.h"

struct gorctl_put_off {
    uint64_t id;
    uint64_t until; /* that one was exported */
};

static int falling(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? 1 : x == y ? 0 : -1;
}

/* Those that wait for each other, as a job and one below it may, come as they are. */
static void let_go_the_rest(struct gorctl_export_order *order)
{
    order->ready = gorctl_grow(order->ready, order->put_off_count, sizeof(*order->ready));
    for (size_t i = 0; i < order->put_off_count; i++) {
        order->ready[order->ready_count++] = order->put_off[i].id;
    }
    order->put_off_count = 0;
    order->let_go = true;
    qsort(order->ready, order->ready_count, sizeof(*order->ready), falling);
}

uint64_t gorctl_export_next(struct gorctl_export_order *order)
{
    if (order->ready_count == 0 && order->count == 0 && order->put_off_count > 0) {
        let_go_the_rest(order);
    }
    if (order->ready_count > 0) {
        return order->ready[--order->ready_count];
    }
    return order->count > 0 ? order->ids[--order->count] : 0;
}

static bool is_to_come(const struct gorctl_export_order *order, uint64_t id)
{
    if (order->count > 0 &&
        bsearch(&id, order->ids, order->count, sizeof(*order->ids), falling) != NULL) {
        return true;
    }
    for (size_t i = 0; i < order->put_off_count; i++) {
        if (order->put_off[i].id == id) {
            return true;
        }
    }
    for (size_t i = 0; i < order->ready_count; i++) {
        if (order->ready[i] == id) {
            return true;
        }
    }
    return false;
}

/* Of a clause, the first that is to come; 0: none. */
static uint64_t next_of_clause(const struct gorctl_export_order *order,
                               const Gor__V1__AnyOf *clause)
{
    for (size_t i = 0; i < clause->n_of; i++) {
        if (is_to_come(order, clause->of[i]->id)) {
            return clause->of[i]->id;
        }
    }
    return 0;
}

/* The job that is to come before this one; 0: none. */
static uint64_t what_comes_before(const struct gorctl_export_order *order, const Gor__V1__Job *job)
{
    const Gor__V1__JobSpec *spec = job->spec;
    uint64_t named[] = {spec->parent_id, spec->rerun_of,
                        spec->task != NULL ? spec->task->array_id : 0,
                        spec->hook_of != NULL ? spec->hook_of->job_id : 0};
    uint64_t until = 0;
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (named[i] != 0 && is_to_come(order, named[i])) {
            return named[i];
        }
    }
    for (size_t i = 0;
         job->state != GOR__V1__JOB_STATE__TERMINATED && i < spec->n_after && until == 0; i++) {
        until = next_of_clause(order, spec->after[i]);
    }
    return until;
}

bool gorctl_export_is_due(struct gorctl_export_order *order, const Gor__V1__Job *job)
{
    uint64_t until = job->spec != NULL && !order->let_go ? what_comes_before(order, job) : 0;
    if (until == 0) {
        return true;
    }
    order->put_off = gorctl_grow(order->put_off, order->put_off_count + 1, sizeof(*order->put_off));
    order->put_off[order->put_off_count++] = (struct gorctl_put_off){job->id, until};
    return false;
}

void gorctl_export_done(struct gorctl_export_order *order, uint64_t id)
{
    size_t left = 0, ready = order->ready_count;
    for (size_t i = 0; i < order->put_off_count; i++) {
        if (order->put_off[i].until == id) {
            order->ready = gorctl_grow(order->ready, order->ready_count + 1, sizeof(*order->ready));
            order->ready[order->ready_count++] = order->put_off[i].id;
        } else {
            order->put_off[left++] = order->put_off[i];
        }
    }
    order->put_off_count = left;
    if (order->ready_count > ready) {
        qsort(order->ready + ready, order->ready_count - ready, sizeof(*order->ready), falling);
    }
}

void gorctl_export_order_fini(struct gorctl_export_order *order)
{
    free(order->put_off);
    free(order->ready);
}
