/* SPDX-License-Identifier: MIT */
/* request.c - see request.h. */
#include "client/request.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/exits.h"
#include "client/gorctl.h"

static int digit(char letter)
{
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

int gorctl_request_parse(const char *text, struct gorctl_request *out_request)
{
    struct gorctl_request request = {.set = true};
    size_t digits = 0;
    for (; *text != '\0'; text++) {
        int value = digit(*text);
        if (*text == '-') {
            continue;
        }
        if (value < 0 || digits == 2 * GORCTL_REQUEST_BYTES) {
            return -EINVAL;
        }
        request.bytes[digits / 2] = (uint8_t)(request.bytes[digits / 2] << 4 | value);
        digits++;
    }
    if (digits != 2 * GORCTL_REQUEST_BYTES) {
        return -EINVAL;
    }
    *out_request = request;
    return 0;
}

void gorctl_request_make(struct gorctl_request *request)
{
    /* So few bytes come whole or, before the kernel has any, not at all: then without an id. */
    if (!request->set) {
        request->set =
            getrandom(request->bytes, sizeof(request->bytes), 0) == (ssize_t)sizeof(request->bytes);
    }
}

void gorctl_request_text(const struct gorctl_request *request, char out[GORCTL_REQUEST_ROOM])
{
    for (size_t i = 0; i < GORCTL_REQUEST_BYTES; i++) {
        snprintf(out + 2 * i, 3, "%02x", request->bytes[i]);
    }
}

void gorctl_request_say(const struct gorctl_request *request)
{
    char text[GORCTL_REQUEST_ROOM];
    gorctl_request_text(request, text);
    fprintf(stderr,
            "  Try again with --request-id=%s: if this\n"
            "  one was taken all the same, that makes no second job of it.\n",
            text);
}
