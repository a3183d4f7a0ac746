/* SPDX-License-Identifier: MIT */
/* webhook_answer.c - what curl says that was answered to a webhook; see webhook.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/runner/webhook.h"

#define SECOND_NS 1000000000LL
#define MARK "answer: "

/* More than anybody waits, and few enough to count in nanoseconds. */
enum { SECONDS_MAX = 366 * 86400 };

/* Of those from 400 to 499, the ones that mean "later". */
enum { REQUEST_TIMEOUT = 408, TOO_EARLY = 425, TOO_MANY_REQUESTS = 429 };
enum { UNAVAILABLE = 503 };

void gord_webhook_heard(struct gord_webhook_tail *tail, const char *bytes, size_t count)
{
    if (count >= GORD_WEBHOOK_TAIL) {
        bytes += count - GORD_WEBHOOK_TAIL;
        count = GORD_WEBHOOK_TAIL;
        tail->length = 0;
    }
    size_t keep = GORD_WEBHOOK_TAIL - count;
    if (tail->length > keep) {
        memmove(tail->text, tail->text + tail->length - keep, keep);
        tail->length = keep;
    }
    memcpy(tail->text + tail->length, bytes, count);
    tail->length += count;
    tail->text[tail->length] = '\0';
}

/* A number of seconds, or a time as HTTP writes it ("Sun, 06 Nov 1994 08:49:37 GMT"); 0: neither, or
 * a time that has passed. */
static int64_t read_wait(const char *text, int64_t now_ns)
{
    int64_t seconds = 0;
    struct tm parts = {0};

    if (isdigit((unsigned char)text[0])) {
        size_t digits = strspn(text, "0123456789");
        for (size_t i = 0; i < digits && seconds < SECONDS_MAX; i++) {
            seconds = seconds * 10 + (text[i] - '0');
        }
        seconds = text[digits + strspn(text + digits, " \t\r")] == '\0' ? seconds : 0;
    } else if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts) != NULL) {
        /* A part of a second counts as one: rather late than early. */
        seconds = (int64_t)timegm(&parts) - now_ns / SECOND_NS;
    }
    seconds = seconds < 0 ? 0 : seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
    return seconds * SECOND_NS;
}

/* The last line, without its end, in `out`; "" if that is not curl's word on the answer. */
static const char *last_line(const struct gord_webhook_tail *tail, char out[GORD_WEBHOOK_TAIL + 1])
{
    size_t length = tail->length;

    if (length == 0 || tail->text[length - 1] != '\n') {
        return ""; /* it was ended before it could say all of it */
    }
    memcpy(out, tail->text, --length);
    out[length] = '\0';
    char *line = memrchr(out, '\n', length);
    line = line != NULL ? line + 1 : out;
    return strncmp(line, MARK, strlen(MARK)) == 0 ? line + strlen(MARK) : "";
}

void gord_webhook_answer_of(const struct gord_webhook_tail *tail, int64_t now_ns,
                            struct gord_webhook_answer *out)
{
    char room[GORD_WEBHOOK_TAIL + 1];
    const char *line = last_line(tail, room);
    int status = 0;

    for (; isdigit((unsigned char)*line) && status < 100; line++) {
        status = status * 10 + (*line - '0');
    }
    *out = (struct gord_webhook_answer){.status = status >= 100 && *line == ' ' ? status : 0};
    if (out->status == TOO_MANY_REQUESTS || out->status == UNAVAILABLE) {
        out->wait_ns = read_wait(line + 1, now_ns);
    }
}

bool gord_webhook_is_refused(const struct gord_webhook_answer *answer)
{
    return answer->status >= 400 && answer->status < 500 && answer->status != REQUEST_TIMEOUT &&
           answer->status != TOO_EARLY && answer->status != TOO_MANY_REQUESTS;
}

const char *gord_webhook_answer_text(const struct gord_webhook_answer *answer, char *out,
                                     size_t out_bytes)
{
    if (gord_webhook_is_refused(answer)) {
        snprintf(out, out_bytes, "answered %d, which another try would not change", answer->status);
    } else if (answer->wait_ns > 0) {
        snprintf(out, out_bytes, "answered %d, Retry-After: %lld s", answer->status,
                 (long long)(answer->wait_ns / SECOND_NS));
    } else if (answer->status >= 400) {
        snprintf(out, out_bytes, "answered %d", answer->status);
    } else {
        out[0] = '\0';
    }
    return out;
}
