/* SPDX-License-Identifier: MIT */
/* arguments.h - inputs as a command line: a line each word. */
#ifndef GOR_TESTS_FUZZ_ARGUMENTS_H
#define GOR_TESTS_FUZZ_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_ARGUMENTS_MAX = 32 };

struct fuzz_arguments {
    char *
        argv[FUZZ_ARGUMENTS_MAX + 2]; /* after the name of the program, `argc` of them, then NULL */
    int argc;
    char *text; /* owned; what they point into */
};

void fuzz_arguments_init(struct fuzz_arguments *words, const uint8_t *data, size_t size);
void fuzz_arguments_fini(struct fuzz_arguments *words);

/* Let what parsers complain of go nowhere, and back: libFuzzer has its own to say there. */
void fuzz_hush(void);
void fuzz_speak(void);

#endif
