/* SPDX-License-Identifier: MIT */
/* status.c - see status.h. */
#include "proto/status.h"

#include <errno.h>

static const char *const names[] = {
#define WIRE_STATUS_NAME(name, number) [number] = #name,
    WIRE_STATUS_LIST(WIRE_STATUS_NAME)
#undef WIRE_STATUS_NAME
};

enum { STATUS_COUNT = sizeof names / sizeof names[0] };

const char *wire_status_name(enum wire_status status)
{
    unsigned number = (unsigned)status;
    return number < STATUS_COUNT ? names[number] : "UNKNOWN";
}

bool wire_status_parse(const char *text, size_t size, enum wire_status *out_status)
{
    if (size == 0 || (size > 1 && text[0] == '0')) {
        return false;
    }
    unsigned number = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        if (number < STATUS_COUNT) {
            number = number * 10 + (unsigned)(text[i] - '0');
        }
    }
    *out_status = number < STATUS_COUNT ? (enum wire_status)number : WIRE_UNKNOWN;
    return true;
}

enum wire_status wire_status_from_errno(int error)
{
    switch (-error) {
    case 0:
        return WIRE_OK;
    case EINVAL:
    case EBADMSG:
    case ENAMETOOLONG:
    case E2BIG:
        return WIRE_INVALID_ARGUMENT;
    case ENOENT:
    case ESRCH:
        return WIRE_NOT_FOUND;
    case EEXIST:
        return WIRE_ALREADY_EXISTS;
    case EACCES:
    case EPERM:
        return WIRE_PERMISSION_DENIED;
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EMSGSIZE:
        return WIRE_RESOURCE_EXHAUSTED;
    case EBUSY:
    case ENOTEMPTY:
        return WIRE_FAILED_PRECONDITION;
    case ERANGE:
        return WIRE_OUT_OF_RANGE;
    case ENOSYS:
    case ENOTSUP:
        return WIRE_UNIMPLEMENTED;
    case EAGAIN:
    case ESHUTDOWN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return WIRE_UNAVAILABLE;
    case ETIMEDOUT:
        return WIRE_DEADLINE_EXCEEDED;
    case ECANCELED:
        return WIRE_CANCELLED;
    default:
        return WIRE_INTERNAL;
    }
}

enum wire_status wire_status_from_http(int http_status)
{
    switch (http_status) {
    case 400:
        return WIRE_INTERNAL;
    case 401:
        return WIRE_UNAUTHENTICATED;
    case 403:
        return WIRE_PERMISSION_DENIED;
    case 404:
        return WIRE_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return WIRE_UNAVAILABLE;
    default:
        return WIRE_UNKNOWN;
    }
}

enum wire_status wire_status_from_reset(uint32_t http2_error)
{
    /* The numbers of RFC 9113, section 7. */
    enum { REFUSED_STREAM = 0x7, CANCEL = 0x8, ENHANCE_YOUR_CALM = 0xb, INADEQUATE_SECURITY = 0xc };
    switch (http2_error) {
    case REFUSED_STREAM:
        return WIRE_UNAVAILABLE;
    case CANCEL:
        return WIRE_CANCELLED;
    case ENHANCE_YOUR_CALM:
        return WIRE_RESOURCE_EXHAUSTED;
    case INADEQUATE_SECURITY:
        return WIRE_PERMISSION_DENIED;
    default:
        return WIRE_INTERNAL;
    }
}
