/* SPDX-License-Identifier: MIT */
/* own_code.h - whether an address is in the code of this library, be it shared, or an archive in a program
 * that may be static and stripped.
 *
 * Threads     any, also a signal handler.
 */
#ifndef GOR_CPU_OWN_CODE_H
#define GOR_CPU_OWN_CODE_H

#include <stdbool.h>
#include <stdint.h>

bool gor__is_own_code(uintptr_t address);

#endif
