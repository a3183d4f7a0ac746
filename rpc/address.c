/* SPDX-License-Identifier: MIT */
/* address.c - see address.h. */
#include "rpc/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static int parse_path(const char *path, struct rpc_address *out_address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0) {
        return -EINVAL;
    }
    if (length >= sizeof un.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(un.sun_path, path, length + 1);
    memset(out_address, 0, sizeof *out_address);
    memcpy(&out_address->storage, &un, sizeof un);
    out_address->size = (socklen_t)sizeof un;
    out_address->local = true;
    return 0;
}

/* Split "host:port" or "[host]:port". False: neither. */
static bool split(const char *text, char *out_host, size_t host_size, const char **out_port)
{
    const char *host = text;
    const char *end = strrchr(text, ':');
    if (end == NULL) {
        return false;
    }
    *out_port = end + 1;
    if (text[0] == '[') {
        if (end - text < 2 || end[-1] != ']') {
            return false;
        }
        host++;
        end--;
    } else if (memchr(text, ':', (size_t)(end - text)) != NULL) {
        return false; /* a bare IPv6 address: which colon begins the port? */
    }
    size_t length = (size_t)(end - host);
    if (length == 0 || length >= host_size) {
        return false;
    }
    memcpy(out_host, host, length);
    out_host[length] = '\0';
    return true;
}

static bool is_port(const char *text)
{
    unsigned long value = 0;
    size_t digits = strspn(text, "0123456789");
    for (size_t i = 0; i < digits && value <= 65535; i++) {
        value = value * 10 + (unsigned long)(text[i] - '0');
    }
    return digits > 0 && text[digits] == '\0' && value <= 65535;
}

static int parse_host(const char *text, struct rpc_address *out_address)
{
    char host[256];
    const char *port;
    if (!split(text, host, sizeof host, &port) || !is_port(port)) {
        return -EINVAL;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        return -EHOSTUNREACH;
    }
    memset(out_address, 0, sizeof *out_address);
    memcpy(&out_address->storage, found->ai_addr, found->ai_addrlen);
    out_address->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

void rpc_address_host(const char *text, char *out_host, size_t size)
{
    const char *port;
    if (!split(text, out_host, size, &port)) {
        out_host[0] = '\0';
    }
}

int rpc_address_parse(const char *text, struct rpc_address *out_address)
{
    if (strncmp(text, "unix:", 5) == 0) {
        const char *path = text + 5;
        return parse_path(strncmp(path, "///", 3) == 0 ? path + 2 : path, out_address);
    }
    if (strchr(text, '/') != NULL) {
        return parse_path(text, out_address);
    }
    return parse_host(text, out_address);
}

void rpc_address_print(const struct rpc_address *address, char *out_text, size_t size)
{
    char host[64];
    char port[8];
    if (address->local) {
        (void)snprintf(out_text, size, "unix");
        return;
    }
    int error = getnameinfo((const struct sockaddr *)&address->storage, address->size, host,
                            sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    bool v6 = address->storage.ss_family == AF_INET6;
    if (error != 0) {
        (void)snprintf(out_text, size, "unknown");
    } else {
        (void)snprintf(out_text, size, v6 ? "[%s]:%s" : "%s:%s", host, port);
    }
}
