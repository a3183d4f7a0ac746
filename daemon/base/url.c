/* SPDX-License-Identifier: MIT */
/* url.c - see url.h. */
#include "daemon/base/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 253, PORT_DIGITS = 5, PORT_MAX = 65535 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* The parts of one that begins as it should; none ends with a NUL. */
struct parts {
    const char *user; /* and password; up to '@' */
    size_t user_bytes;
    bool has_user;
    const char *host; /* and port */
    size_t host_bytes;
    const char *rest; /* from '/', '?' or '#' on */
};

/* Where what is behind "http://" begins; NULL: it does not begin so. */
static const char *behind_scheme(const char *url)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) {
            return url + strlen(schemes[i]);
        }
    }
    return NULL;
}

static void split(const char *authority, struct parts *out)
{
    size_t length = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', length);

    *out = (struct parts){.user = authority, .rest = authority + length};
    out->has_user = at != NULL;
    out->user_bytes = at != NULL ? (size_t)(at - authority) : 0;
    out->host = at != NULL ? at + 1 : authority;
    out->host_bytes = (size_t)(out->rest - out->host);
}

static bool is_port(const char *text, size_t length)
{
    unsigned long port = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || i >= PORT_DIGITS) {
            return false;
        }
        port = port * 10 + (unsigned long)(text[i] - '0');
    }
    return port >= 1 && port <= PORT_MAX;
}

/* "[2001:db8::1]", of which `length` bytes are within the brackets. */
static bool is_address(const char *text, size_t length)
{
    struct in6_addr scratch;
    char address[INET6_ADDRSTRLEN];

    if (length >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &scratch) == 1;
}

static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(letters, text[i]) == NULL && strchr("-._~", text[i]) == NULL) {
            return false;
        }
    }
    return length > 0 && length <= HOST_MAX && text[0] != '-' && text[0] != '.';
}

/* What is wrong with host and port; NULL: nothing. */
static const char *look_at_host(const char *host, size_t length)
{
    const char *bracket = host[0] == '[' ? memchr(host, ']', length) : NULL;
    const char *colon = memrchr(host, ':', length);

    if (length == 0 || host[0] == ':') {
        return "has no host";
    }
    if (bracket != NULL) {
        colon = bracket[1] == ':' && bracket + 1 < host + length ? bracket + 1 : NULL;
    }
    size_t name = colon != NULL ? (size_t)(colon - host) : length;
    bool right = bracket != NULL ? (size_t)(bracket + 1 - host) == name &&
                                       is_address(host + 1, (size_t)(bracket - host) - 1)
                                 : is_name(host, name);
    if (!right) {
        return "has a host that is neither a name nor an address; one of IPv6 stands in brackets";
    }
    if (colon != NULL && !is_port(colon + 1, length - name - 1)) {
        return "has a port that is no number from 1 to 65535";
    }
    return NULL;
}

/* The first character that cannot stand in a URL; NULL: all can. Brackets are for hosts. */
static const char *find_stranger(const char *url)
{
    static const char others[] = "-._~!$&'()*+,;=:@/?#[]%";

    while (*url != '\0' && (strchr(letters, *url) != NULL || strchr(others, *url) != NULL)) {
        url++;
    }
    return *url != '\0' ? url : NULL;
}

static const char *look_at_parts(const struct parts *parts)
{
    if (parts->has_user && memchr(parts->user, '@', parts->user_bytes) != NULL) {
        return "has an '@' in user or password; write it as %40";
    }
    if (parts->user_bytes > 0 && strcspn(parts->user, "[]") < parts->user_bytes) {
        return "has a bracket in user or password; write it as %5B or %5D";
    }
    const char *why = look_at_host(parts->host, parts->host_bytes);
    if (why != NULL) {
        return why;
    }
    if (strpbrk(parts->rest, "[]") != NULL) {
        return "has a bracket behind the host; write it as %5B or %5D";
    }
    return strchr(parts->rest, '#') != NULL ? "has a '#', and nothing behind it would be sent"
                                            : NULL;
}

bool gord_url_check(const char *url, char why[GORD_URL_WHY])
{
    const char *stranger = find_stranger(url);
    const char *authority = behind_scheme(url);
    struct parts parts;

    if (strlen(url) > GORD_URL_MAX) {
        snprintf(why, GORD_URL_WHY, "has %zu bytes, at most %d are taken", strlen(url),
                 GORD_URL_MAX);
        return false;
    }
    if (authority == NULL) {
        snprintf(why, GORD_URL_WHY, "does not begin with http:// or https://");
        return false;
    }
    if (stranger != NULL) {
        unsigned char c = (unsigned char)*stranger;
        snprintf(why, GORD_URL_WHY,
                 "has a byte that cannot stand in a URL, the %zuth; write it as %%%02X",
                 (size_t)(stranger - url) + 1, c);
        return false;
    }
    split(authority, &parts);
    const char *wrong = look_at_parts(&parts);
    if (wrong != NULL) {
        snprintf(why, GORD_URL_WHY, "%s", wrong);
    }
    return wrong == NULL;
}

bool gord_url_is_plain(const char *url)
{
    return strpbrk(url, "@?") == NULL;
}

char *gord_url_hide(const char *url)
{
    const char *authority = behind_scheme(url);
    struct parts parts;
    char *shown = NULL;

    if (authority == NULL) {
        return strdup(GORD_URL_HIDDEN); /* it was never right */
    }
    split(authority, &parts);
    bool has_rest = parts.rest[0] != '\0' && strcmp(parts.rest, "/") != 0;
    if (asprintf(&shown, "%.*s%s%.*s%s", (int)(authority - url), url,
                 parts.has_user ? GORD_URL_HIDDEN "@" : "", (int)parts.host_bytes, parts.host,
                 has_rest ? "/" GORD_URL_HIDDEN : parts.rest) < 0) {
        return NULL;
    }
    return shown;
}

bool gord_url_is_hidden(const char *url)
{
    return strstr(url, GORD_URL_HIDDEN) != NULL;
}
