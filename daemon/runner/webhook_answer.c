/* SPDX-License-Identifier: MIT */
/* webhook_answer.c - what curl says that was answered to a webhook; see webhook.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/runner/webhook.h"
#include "runtime/gor.h"

#define MARK "answer: "

/* More than anybody waits, and few enough to count in nanoseconds. */
enum { SECONDS_MAX = 366 * 86400 };

/* Of those from 400 to 499, the ones that mean "later". */
enum { REQUEST_TIMEOUT = 408, TOO_EARLY = 425, TOO_MANY_REQUESTS = 429 };
enum { UNAVAILABLE = 503 };

/* One line after the other; of a long one the beginning, which has the status, and its end if it has come. */
void gord_webhook_heard(struct gord_webhook_line *line, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (line->length > 0 && line->text[line->length - 1] == '\n') {
            line->length = 0;
        }
        if (bytes[i] == '\n' || line->length < GORD_WEBHOOK_LINE - 1) {
            line->text[line->length++] = bytes[i];
        }
    }
    line->text[line->length] = '\0';
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
        seconds = (int64_t)timegm(&parts) - now_ns / GOR_SECOND;
    }
    seconds = seconds < 0 ? 0 : seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
    return seconds * GOR_SECOND;
}

/* What curl's word on the answer says, without the end of the line, in `out`; "" if it is none. */
static const char *word_on_answer(const struct gord_webhook_line *line,
                                  char out[GORD_WEBHOOK_LINE + 1])
{
    if (line->length == 0 || line->text[line->length - 1] != '\n') {
        return ""; /* it was ended before it could say all of it */
    }
    memcpy(out, line->text, line->length - 1);
    out[line->length - 1] = '\0';
    return strncmp(out, MARK, strlen(MARK)) == 0 ? out + strlen(MARK) : "";
}

void gord_webhook_answer_of(const struct gord_webhook_line *last, int64_t now_ns,
                            struct gord_webhook_answer *out)
{
    char room[GORD_WEBHOOK_LINE + 1];
    const char *word = word_on_answer(last, room);
    int status = 0;

    for (; isdigit((unsigned char)*word) && status < 100; word++) {
        status = status * 10 + (*word - '0');
    }
    *out = (struct gord_webhook_answer){.status = status >= 100 && *word == ' ' ? status : 0};
    if (out->status == TOO_MANY_REQUESTS || out->status == UNAVAILABLE) {
        out->wait_ns = read_wait(word + 1, now_ns);
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
                 (long long)(answer->wait_ns / GOR_SECOND));
    } else if (answer->status >= 400) {
        snprintf(out, out_bytes, "answered %d", answer->status);
    } else if (answer->status >= 300) {
        snprintf(out, out_bytes, "answered %d, and redirections are not followed", answer->status);
    } else {
        out[0] = '\0';
    }
    return out;
}
