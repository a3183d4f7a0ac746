/* SPDX-License-Identifier: MIT */
/* input.h - a whole file, or standard input, in memory. */
#ifndef GOR_CLIENT_INPUT_H
#define GOR_CLIENT_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* Read `path` ("-": standard input). 0 with bytes for free(); -EFBIG: it has more than `most`; else an errno. */
int gorctl_input_read(const char *path, size_t most, uint8_t **out_bytes, size_t *out_length);

#endif
