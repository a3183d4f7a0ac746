/* SPDX-License-Identifier: MIT */
/* assert.c - see assert.h. */
#include "daemon/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void gord_assert_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "gord: fatal: %s:%d: %s does not hold\n", file, line, condition);
    abort();
}
