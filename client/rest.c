/* SPDX-License-Identifier: MIT */
/* rest.c - see rest.h. */
#include "client/rest.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/text.h"

void gorctl_rest_print(const char *text)
{
    for (const char *at = strchr(text, '\n'); at != NULL; at = strchr(at, '\n')) {
        at++;
        bool indented = *at == '\t';
        at += indented;
        char *clean = gorctl_text_escape(at, strcspn(at, "\n"));
        printf("%s%s\n", indented ? "    " : "", clean);
        free(clean);
    }
}
