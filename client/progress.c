/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "client/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/text.h"

enum { BAR_LEAST = 10, BAR_MOST = 40 };

/* 0 to 1. */
static double fraction(const Gor__V1__Progress *progress)
{
    double share = (double)progress->done / (double)progress->total;
    return share < 1 ? share : 1;
}

void gorctl_progress_share(const Gor__V1__Progress *progress, char out[GORCTL_SHARE_ROOM])
{
    out[0] = '\0';
    if (progress->total != 0) {
        /* Down: it is not done before it is done. */
        snprintf(out, GORCTL_SHARE_ROOM, "%u%%", (unsigned)(fraction(progress) * 100));
    } else if (progress->done != 0) {
        snprintf(out, GORCTL_SHARE_ROOM, "%" PRIu64, progress->done);
    }
}

char *gorctl_progress_text(const Gor__V1__Progress *progress)
{
    char share[GORCTL_SHARE_ROOM];
    gorctl_progress_share(progress, share);
    char *clean = gorctl_text_escape(progress->text, strlen(progress->text));
    char *text =
        gorctl_format("%s%s%s", share, share[0] != '\0' && clean[0] != '\0' ? " " : "", clean);
    free(clean);
    return text;
}

char *gorctl_progress_bar(const Gor__V1__Progress *progress, unsigned width)
{
    char bar[BAR_MOST + 4] = "";
    unsigned size = width / 3;
    size = size > BAR_MOST ? BAR_MOST : size;
    if (progress->total != 0 && size >= BAR_LEAST) {
        unsigned full = (unsigned)(fraction(progress) * size);
        bar[0] = '[';
        memset(bar + 1, '#', full);
        memset(bar + 1 + full, '-', size - full);
        memcpy(bar + 1 + size, "] ", 3);
    }
    char *text = gorctl_progress_text(progress);
    char *whole = gorctl_format("%s%s", bar, text);
    char *fit = gorctl_text_fit(whole, width);
    free(whole);
    free(text);
    return fit;
}
