/* SPDX-License-Identifier: MIT */
/* valgrind.h - what we ask of valgrind and tell it; nothing where its header is not installed. */
#ifndef GOR_CPU_VALGRIND_H
#define GOR_CPU_VALGRIND_H

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif

#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, top) 0
#endif

#endif
