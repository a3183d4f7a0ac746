/* SPDX-License-Identifier: MIT */
/* maker.h - pthread_create in place of the C library's, for the runtime too: the test that includes this is
 * asked before its maker gets a thread. */
#ifndef GOR_TESTS_RUNTIME_MAKER_H
#define GOR_TESTS_RUNTIME_MAKER_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/* The test's: whether the maker, on whose thread that is called, gets none. It may wait. */
bool maker_is_refused(void);

int pthread_create(pthread_t *restrict out_thread, const pthread_attr_t *restrict attr,
                   void *(*body)(void *), void *restrict arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    char name[16] = "";
    if (pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
        strcmp(name, "gor-maker") == 0 && maker_is_refused()) {
        return EAGAIN;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(out_thread, attr, body, arg);
}

#endif
