/* SPDX-License-Identifier: MIT */
/* The contexts above all jobs. */
#include <semaphore.h>

#include "daemon/runner/run.h"

struct make_contexts {
    struct gord_run_env *env;
    int result;
    sem_t made;
};

/* Contexts can be made by goroutines only. */
static void make_contexts(void *arg)
{
    struct make_contexts *make = arg;

    make->result = gor_ctx_with_cancel(gor_ctx_background(), &make->env->root);
    if (make->result == 0) {
        make->result = gor_ctx_with_cancel(gor_ctx_background(), &make->env->hurry);
    }
    if (make->result == 0) {
        make->result = gor_ctx_with_cancel(gor_ctx_background(), &make->env->leave);
    }
    sem_post(&make->made);
}

int gord_run_env_open(struct gord_run_env *env)
{
    struct make_contexts make = {.env = env};

    sem_init(&make.made, 0, 0);
    int result = gor_go(make_contexts, &make);
    if (result == 0) {
        while (sem_wait(&make.made) != 0) {
        }
        result = make.result;
    }
    sem_destroy(&make.made);
    return result;
}

void gord_run_env_close(struct gord_run_env *env)
{
    gor_ctx_unref(env->root);
    gor_ctx_unref(env->hurry);
    gor_ctx_unref(env->leave);
}
