/* SPDX-License-Identifier: MIT */
#include "daemon/runner/native.h"

#include <stdio.h>
#include <string.h>

const struct gord_native_function *gord_native_find(const char *name)
{
    for (const struct gord_native_function *f = gord_builtin_functions; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

const char *gord_native_list(char *out, size_t out_bytes)
{
    size_t at = 0;

    out[0] = '\0';
    for (const struct gord_native_function *f = gord_builtin_functions; f->name != NULL; f++) {
        int n = snprintf(out + at, out_bytes - at, "%s%s", at > 0 ? ", " : "", f->name);
        if (n < 0 || (size_t)n >= out_bytes - at) {
            break;
        }
        at += (size_t)n;
    }
    return out;
}
