/* SPDX-License-Identifier: MIT */
/* address.c - see address.h; and the way back, from a socket's address to its text. */
#include "runtime/io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "runtime/gor.h"

int gor__network_parse(const char *text, struct gor__network *out_network)
{
    static const struct {
        const char *name;
        struct gor__network network;
    } known[] = {
        {"tcp", {AF_UNSPEC, SOCK_STREAM}},         {"tcp4", {AF_INET, SOCK_STREAM}},
        {"tcp6", {AF_INET6, SOCK_STREAM}},         {"udp", {AF_UNSPEC, SOCK_DGRAM}},
        {"udp4", {AF_INET, SOCK_DGRAM}},           {"udp6", {AF_INET6, SOCK_DGRAM}},
        {"unix", {AF_UNIX, SOCK_STREAM}},          {"unixgram", {AF_UNIX, SOCK_DGRAM}},
        {"unixpacket", {AF_UNIX, SOCK_SEQPACKET}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(text, known[i].name) == 0) {
            *out_network = known[i].network;
            return 0;
        }
    }
    return -EINVAL;
}

/* ---- from text */

/* Copy text[0..length) with an end; false when there is no room. */
static bool copy_part(char *to, size_t room, const char *text, size_t length)
{
    if (length >= room) {
        return false;
    }
    memcpy(to, text, length);
    to[length] = '\0';
    return true;
}

/* Where the host begins and ends, and the colon behind it; NULL: the text is not of that form. */
static const char *find_colon(const char *address, const char **out_host, size_t *out_length)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        return NULL;
    }
    if (address[0] == '[') {
        const char *end = strchr(address, ']');
        if (end == NULL || end + 1 != colon || strchr(address + 1, '[') != NULL) {
            return NULL;
        }
        *out_host = address + 1;
        *out_length = (size_t)(end - address - 1);
        return colon;
    }
    if (strchr(address, ':') != colon || strpbrk(address, "[]") != NULL) {
        return NULL;
    }
    *out_host = address;
    *out_length = (size_t)(colon - address);
    return colon;
}

int gor__host_port_split(const char *address, struct gor__host_port *out_parts)
{
    struct gor__host_port parts;
    const char *host = NULL;
    size_t length = 0;
    const char *colon = find_colon(address, &host, &length);
    if (colon == NULL || !copy_part(parts.host, sizeof parts.host, host, length)) {
        return -EINVAL;
    }
    const char *port = colon[1] != '\0' ? colon + 1 : "0";
    if (!copy_part(parts.port, sizeof parts.port, port, strlen(port))) {
        return -EINVAL;
    }
    *out_parts = parts;
    return 0;
}

int gor__unix_address(const char *path, struct sockaddr_un *out_addr, socklen_t *out_len)
{
    size_t length = strlen(path);
    if (length == 0) {
        return -EINVAL;
    }
    if (length >= sizeof out_addr->sun_path) {
        return -ENAMETOOLONG;
    }
    *out_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out_addr->sun_path, path, length);
    length += offsetof(struct sockaddr_un, sun_path);
    if (path[0] == '@') {
        /* The name of an abstract socket begins with a zero, and does not end with one. */
        out_addr->sun_path[0] = '\0';
        *out_len = (socklen_t)length;
    } else {
        *out_len = (socklen_t)length + 1;
    }
    return 0;
}

/* ---- to text */

static int print_inet(const struct sockaddr_in *addr, char *text, size_t room)
{
    char host[INET_ADDRSTRLEN];
    (void)inet_ntop(AF_INET, &addr->sin_addr, host, sizeof host);
    return snprintf(text, room, "%s:%u", host, (unsigned)ntohs(addr->sin_port));
}

static int print_inet6(const struct sockaddr_in6 *addr, char *text, size_t room)
{
    char host[INET6_ADDRSTRLEN];
    char zone[IF_NAMESIZE + 1] = "";
    unsigned port = ntohs(addr->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&addr->sin6_addr)) {
        /* A client of the other family at a listener for both. */
        (void)inet_ntop(AF_INET, &addr->sin6_addr.s6_addr[12], host, sizeof host);
        return snprintf(text, room, "%s:%u", host, port);
    }
    (void)inet_ntop(AF_INET6, &addr->sin6_addr, host, sizeof host);
    if (addr->sin6_scope_id != 0) {
        zone[0] = '%';
        if (if_indextoname(addr->sin6_scope_id, zone + 1) == NULL) {
            (void)snprintf(zone, sizeof zone, "%%%u", addr->sin6_scope_id);
        }
    }
    return snprintf(text, room, "[%s%s]:%u", host, zone, port);
}

static int print_unix(const struct sockaddr_un *addr, socklen_t len, char *text, size_t room)
{
    size_t length = len - offsetof(struct sockaddr_un, sun_path);
    if (length == 0) {
        return snprintf(text, room, "%s", "");
    }
    if (addr->sun_path[0] == '\0') {
        return snprintf(text, room, "@%.*s", (int)length - 1, addr->sun_path + 1);
    }
    return snprintf(text, room, "%.*s", (int)length, addr->sun_path);
}

static int print_address(const struct sockaddr *addr, socklen_t len, char *text, size_t room)
{
    if (len < sizeof addr->sa_family) {
        return -EINVAL;
    }
    if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        return print_inet((const struct sockaddr_in *)(const void *)addr, text, room);
    }
    if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
        return print_inet6((const struct sockaddr_in6 *)(const void *)addr, text, room);
    }
    if (addr->sa_family == AF_UNIX) {
        return print_unix((const struct sockaddr_un *)(const void *)addr, len, text, room);
    }
    return -EAFNOSUPPORT;
}

int gor_addr_text(const struct sockaddr *addr, socklen_t addr_len, char *out_text, size_t room)
{
    char text[GOR_ADDR_BYTES];
    int length = print_address(addr, addr_len, text, sizeof text);
    if (length < 0) {
        return length;
    }
    if ((size_t)length >= room) {
        return -ENOSPC;
    }
    memcpy(out_text, text, (size_t)length + 1);
    return length;
}

int gor_local_addr(int fd, char *out_text, size_t room)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        return -errno;
    }
    return gor_addr_text((struct sockaddr *)&addr, len, out_text, room);
}

int gor_peer_addr(int fd, char *out_text, size_t room)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;
    if (getpeername(fd, (struct sockaddr *)&addr, &len) != 0) {
        return -errno;
    }
    return gor_addr_text((struct sockaddr *)&addr, len, out_text, room);
}
