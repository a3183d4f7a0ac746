/* SPDX-License-Identifier: MIT */
/* allowance.h - how much memory this process may have: of the machine, of its control groups, of its
 * own limits.
 *
 * Threads     any, outside: it reads files.
 */
#ifndef GOR_SCHED_ALLOWANCE_H
#define GOR_SCHED_ALLOWANCE_H

#include <stdint.h>

/* The least of the machine's memory, memory.max and memory.high of the control group and of those above
 * it. Swap does not count. */
uint64_t gor__allowance_bytes(void);

/* Address space this process may reserve: RLIMIT_AS, or RLIMIT_DATA, which counts what is reserved and
 * not used as well. UINT64_MAX: no limit. */
uint64_t gor__allowance_address_bytes(void);

/* Mappings it may have: vm.max_map_count. */
uint64_t gor__allowance_mappings(void);

#endif
