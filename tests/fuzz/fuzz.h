/* SPDX-License-Identifier: MIT */
/* fuzz.h - what a fuzz target is: libFuzzer's one function. */
#ifndef GOR_TESTS_FUZZ_FUZZ_H
#define GOR_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it so. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
