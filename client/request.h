/* SPDX-License-Identifier: MIT */
/* request.h - the id of one submission, by which the daemon knows a repetition. */
#ifndef GOR_CLIENT_REQUEST_H
#define GOR_CLIENT_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

enum { GORCTL_REQUEST_BYTES = 16, GORCTL_REQUEST_ROOM = 33 };

struct gorctl_request {
    uint8_t bytes[GORCTL_REQUEST_BYTES];
    bool set;
};

/* "0123456789abcdef0123456789abcdef", with or without the dashes of a UUID. -EINVAL. */
int gorctl_request_parse(const char *text, struct gorctl_request *out_request);

/* A new one, unless it is set. */
void gorctl_request_make(struct gorctl_request *request);

void gorctl_request_text(const struct gorctl_request *request, char out[GORCTL_REQUEST_ROOM]);

/* The daemon's answer did not come: say how to ask again without a second job. */
void gorctl_request_say(const struct gorctl_request *request);

#endif
