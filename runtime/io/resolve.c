/* SPDX-License-Identifier: MIT */
/* resolve.c - see resolve.h.
 *
 * The C library's getaddrinfo knows what the system is configured to ask; it blocks for as long as
 * that takes, and cannot be interrupted. So it runs on a thread, and on a copy of what was asked,
 * which may outlive the question. A resolver of our own was rejected: it would answer differently
 * from everything else on the machine.
 */
#include "runtime/io/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/io/blocking.h"
#include "runtime/io/call.h"
#include "runtime/sched/machine.h"

struct lookup {
    char *host; /* owned, as the service; NULL: none */
    char *service;
    struct addrinfo hints;
    struct addrinfo *list; /* owned until somebody takes it */
};

static int error_of(int code, int system_error)
{
    switch (code) {
    case 0:
        return 0;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENOENT;
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_FAMILY:
        return -EAFNOSUPPORT;
    case EAI_SYSTEM:
        return system_error != 0 ? -system_error : -EIO;
    case EAI_FAIL:
        return -EIO;
    default: /* EAI_SERVICE, EAI_SOCKTYPE, EAI_BADFLAGS */
        return -EINVAL;
    }
}

GOR__NEVER_INLINED static int ask(const char *host, const char *service,
                                  const struct addrinfo *hints, struct addrinfo **out_list)
{
    errno = 0;
    int code = getaddrinfo(host, service, hints, out_list);
    return error_of(code, errno);
}

static int look_up_on_thread(void *arg)
{
    struct lookup *lookup = arg;
    return ask(lookup->host, lookup->service, &lookup->hints, &lookup->list);
}

static void free_lookup(void *arg)
{
    struct lookup *lookup = arg;
    if (lookup->list != NULL) {
        freeaddrinfo(lookup->list);
    }
    free(lookup->host);
    free(lookup->service);
    free(lookup);
}

/* False when there is no memory. */
static bool copy_text(const char *text, char **out_copy)
{
    if (text != NULL) {
        *out_copy = strdup(text);
    }
    return text == NULL || *out_copy != NULL;
}

static struct lookup *new_lookup(const char *host, const char *service,
                                 const struct addrinfo *hints)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL) {
        return NULL;
    }
    if (!copy_text(host, &lookup->host) || !copy_text(service, &lookup->service)) {
        free_lookup(lookup);
        return NULL;
    }
    lookup->hints = *hints;
    return lookup;
}

static int look_up(const char *host, const char *service, const struct addrinfo *hints,
                   const struct gor__limit *limit, struct addrinfo **out_list)
{
    struct lookup *lookup = new_lookup(host, service, hints);
    int answer = 0;
    if (lookup == NULL) {
        return -ENOMEM;
    }
    const struct gor__detached what = {look_up_on_thread, lookup, free_lookup, true};
    int result = gor__blocking_within(&what, limit, &answer);
    if (result == -ETIMEDOUT || result == -ECANCELED) {
        return result;
    }
    if (result == 0) {
        result = answer;
    }
    if (result == 0) {
        *out_list = lookup->list;
        lookup->list = NULL;
    }
    free_lookup(lookup);
    return result;
}

static int resolve_within(const char *host, const char *service, const struct addrinfo *hints,
                          const struct gor__limit *limit, struct addrinfo **out_list)
{
    static const struct addrinfo anything = {.ai_family = AF_UNSPEC};
    struct addrinfo numeric = hints != NULL ? *hints : anything;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    if (host == NULL && service == NULL) {
        return -EINVAL;
    }
    /* What is no name needs nobody to ask. */
    int given = numeric.ai_flags;
    numeric.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
    int result = ask(host, service, &numeric, out_list);
    if (result != -ENOENT || numeric.ai_flags == given) {
        return result;
    }
    numeric.ai_flags = given;
    return look_up(host, service, &numeric, limit, out_list);
}

int gor_resolve(const char *host, const char *service, const struct addrinfo *hints,
                int64_t deadline, struct addrinfo **out_list)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return resolve_within(host, service, hints, &limit, out_list);
}

int gor_resolve_ctx(const char *host, const char *service, const struct addrinfo *hints,
                    struct gor_ctx *ctx, struct addrinfo **out_list)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return resolve_within(host, service, hints, &limit, out_list);
}

int gor__resolve(const struct gor__network *network, const char *address, bool passive,
                 const struct gor__limit *limit, struct addrinfo **out_list)
{
    struct gor__host_port parts;
    struct addrinfo hints = {.ai_family = network->family, .ai_socktype = network->type};
    int error = gor__host_port_split(address, &parts);
    if (error < 0) {
        return error;
    }
    if (passive) {
        hints.ai_flags = AI_PASSIVE;
    }
    return resolve_within(parts.host[0] != '\0' ? parts.host : NULL, parts.port, &hints, limit,
                          out_list);
}
