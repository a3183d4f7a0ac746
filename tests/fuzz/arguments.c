/* SPDX-License-Identifier: MIT */
/* arguments.c - see arguments.h. */
#include "tests/fuzz/arguments.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char name[] = "fuzz";

void fuzz_arguments_init(struct fuzz_arguments *words, const uint8_t *data, size_t size)
{
    words->text = malloc(size + 1);
    assert(words->text != NULL);
    if (size > 0) {
        memcpy(words->text, data, size);
    }
    words->text[size] = '\0';
    words->argv[0] = name;
    words->argc = 1;
    char *rest = words->text;
    while (words->argc <= FUZZ_ARGUMENTS_MAX && *rest != '\0') {
        words->argv[words->argc++] = strsep(&rest, "\n");
        if (rest == NULL) {
            break;
        }
    }
    words->argv[words->argc] = NULL;
}

void fuzz_arguments_fini(struct fuzz_arguments *words)
{
    free(words->text);
}

static FILE *nowhere, *out, *err;

void fuzz_hush(void)
{
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "we");
        assert(nowhere != NULL);
    }
    out = stdout;
    err = stderr;
    stdout = nowhere;
    stderr = nowhere;
}

void fuzz_speak(void)
{
    stdout = out;
    stderr = err;
}
