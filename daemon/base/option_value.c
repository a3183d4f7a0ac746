/* SPDX-License-Identifier: MIT */
/* option_value.c - values of options: from text, to text; see option.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/config.h"
#include "daemon/base/option.h"
#include "daemon/base/url.h"

enum { TIME_BYTES = 64 };

static void *field_of(const struct gord_option *option, struct gord_config *config)
{
    return (char *)config + option->field;
}

static const void *look_at(const struct gord_option *option, const struct gord_config *config)
{
    return (const char *)config + option->field;
}

static bool owns_text(enum gord_option_kind kind)
{
    return kind >= GORD_VALUE_TEXT;
}

/* ------------------------------------------------------------------ what is allowed */

static void join_words(const struct gord_option *option, char *out, size_t room)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; option->words[i] != NULL && used < room; i++) {
        const char *before = i == 0 ? "" : option->words[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(out + used, room - used, "%s%s", before, option->words[i]);
    }
}

const char *gord_option_allowed(const struct gord_option *option, char *out, size_t out_bytes)
{
    char least[TIME_BYTES];

    switch (option->kind) {
    case GORD_VALUE_CHOICE:
    case GORD_VALUE_WORD:
        join_words(option, out, out_bytes);
        break;
    case GORD_VALUE_NUMBER:
        snprintf(out, out_bytes, "a number from %" PRIu64 " to %" PRIu64, option->least,
                 option->most);
        break;
    case GORD_VALUE_TIME:
        snprintf(out, out_bytes, "a time such as %s", option->example);
        break;
    case GORD_VALUE_SIZE:
        snprintf(out, out_bytes, "a size of %s or more, such as %s",
                 gord_format_bytes(option->least, least, sizeof(least)), option->example);
        break;
    case GORD_VALUE_TEXT:
        snprintf(out, out_bytes, "words such as %s", option->example);
        break;
    case GORD_VALUE_PATH:
        snprintf(out, out_bytes, "an absolute path such as %s", option->example);
        break;
    case GORD_VALUE_SERVER:
        snprintf(out, out_bytes, "a URL such as %s, without a user or a query", option->example);
        break;
    case GORD_VALUE_GROUP:
        snprintf(out, out_bytes, "auto, off, or an absolute path such as %s", option->example);
        break;
    case GORD_VALUE_URL:
        snprintf(out, out_bytes, "a URL such as %s", option->example);
        break;
    case GORD_VALUE_ADDRESS:
        snprintf(out, out_bytes, "an IP address and a port, such as %s", option->example);
        break;
    }
    size_t used = strlen(out);
    if (option->unset != NULL && used < out_bytes) {
        snprintf(out + used, out_bytes - used, ", or %s", option->unset);
    }
    return out;
}

/* What is wrong, as the end of a sentence. Answers -EINVAL. */
static int refuse(const struct gord_option *option, const char *text, char why[GORD_OPTION_WHY])
{
    char allowed[GORD_OPTION_WHY / 2];

    gord_option_allowed(option, allowed, sizeof(allowed));
    if (text[0] == '\0') {
        snprintf(why, GORD_OPTION_WHY, "is empty; it must be %s", allowed);
    } else {
        snprintf(why, GORD_OPTION_WHY, "is '%.200s'; it must be %s", text, allowed);
    }
    return -EINVAL;
}

static int refuse_url(const struct gord_option *option, const char *wrong,
                      char why[GORD_OPTION_WHY])
{
    char allowed[GORD_OPTION_WHY / 2];

    gord_option_allowed(option, allowed, sizeof(allowed));
    snprintf(why, GORD_OPTION_WHY, "%s; it must be %s", wrong, allowed);
    return -EINVAL;
}

/* ------------------------------------------------------------------ from text */

/* The place of the word, or -1. */
static int place_of(const char *const *words, const char *text)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

static bool read_number(const struct gord_option *option, const char *text, unsigned *field)
{
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || text[0] < '0' || text[0] > '9' || *end != '\0' || value < option->least ||
        value > option->most) {
        return false;
    }
    *field = (unsigned)value;
    return true;
}

/* Numbers and words: is it one, and in the field now? */
static bool set_plain(const struct gord_option *option, const char *text, void *field)
{
    int place;
    int64_t ns;
    uint64_t bytes;

    switch (option->kind) {
    case GORD_VALUE_CHOICE:
        place = place_of(option->words, text);
        if (place >= 0) {
            *(bool *)field = place != 0;
        }
        return place >= 0;
    case GORD_VALUE_WORD:
        place = place_of(option->words, text);
        if (place >= 0) {
            *(unsigned *)field = (unsigned)option->least + (unsigned)place;
        }
        return place >= 0;
    case GORD_VALUE_NUMBER:
        return read_number(option, text, field);
    case GORD_VALUE_TIME:
        if (gord_parse_duration(text, &ns) != 0 || ns < (int64_t)option->least) {
            return false;
        }
        *(int64_t *)field = ns;
        return true;
    default:
        if (gord_parse_bytes(text, &bytes) != 0 || bytes < option->least) {
            return false;
        }
        *(uint64_t *)field = bytes;
        return true;
    }
}

/* The address of "192.0.2.1:9091" or "[2001:db8::1]:9091" as a new text, and the port, if they are
 * what they seem to be; NULL: not so. */
static char *split_address(const char *text, uint16_t *out_port)
{
    struct in6_addr scratch;
    const char *colon = strrchr(text, ':');

    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9') {
        return NULL;
    }
    char *end;
    errno = 0;
    unsigned long port = strtoul(colon + 1, &end, 10);
    bool six = text[0] == '[' && colon[-1] == ']';
    char *host = strndup(text + six, (size_t)(colon - text) - (six ? 2 : 0));
    if (host != NULL && errno == 0 && *end == '\0' && port <= UINT16_MAX &&
        inet_pton(six ? AF_INET6 : AF_INET, host, &scratch) == 1) {
        *out_port = (uint16_t)port;
        return host;
    }
    free(host);
    return NULL;
}

/* What an option that owns a text is to have: a new text, or NULL with errno; EINVAL: that is none. */
static char *make_text(const struct gord_option *option, const char *text, const char *folder,
                       uint16_t *port)
{
    char *made = NULL;
    char wrong[GORD_URL_WHY];

    errno = 0;
    switch (option->kind) {
    case GORD_VALUE_ADDRESS:
        made = split_address(text, port);
        break;
    case GORD_VALUE_SERVER:
        if (gord_url_check(text, wrong) && gord_url_is_plain(text)) {
            made = strdup(text);
        }
        break;
    case GORD_VALUE_GROUP:
        if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0 || text[0] == '/') {
            made = strdup(text);
        }
        break;
    case GORD_VALUE_PATH:
        if (text[0] == '/') {
            made = strdup(text);
        } else if (folder != NULL && asprintf(&made, "%s/%s", folder, text) < 0) {
            made = NULL;
        }
        break;
    default:
        made = strdup(text);
        break;
    }
    if (made == NULL && errno != ENOMEM) {
        errno = EINVAL;
    }
    return made;
}

static int set_text(const struct gord_option *option, struct gord_config *config, const char *text,
                    const char *folder)
{
    char **field = field_of(option, config);
    uint16_t port = 0;
    char *made = make_text(option, text, folder, &port);

    if (made == NULL) {
        return -errno;
    }
    free(*field);
    *field = made;
    if (option->kind == GORD_VALUE_ADDRESS) {
        *(uint16_t *)((char *)config + option->port) = port;
    }
    return 0;
}

static size_t size_of(enum gord_option_kind kind)
{
    static const size_t sizes[] = {
        [GORD_VALUE_CHOICE] = sizeof(bool),     [GORD_VALUE_WORD] = sizeof(unsigned),
        [GORD_VALUE_NUMBER] = sizeof(unsigned), [GORD_VALUE_TIME] = sizeof(int64_t),
        [GORD_VALUE_SIZE] = sizeof(uint64_t),   [GORD_VALUE_TEXT] = sizeof(char *),
        [GORD_VALUE_PATH] = sizeof(char *),     [GORD_VALUE_GROUP] = sizeof(char *),
        [GORD_VALUE_ADDRESS] = sizeof(char *),  [GORD_VALUE_URL] = sizeof(char *),
        [GORD_VALUE_SERVER] = sizeof(char *)};

    return sizes[kind];
}

/* A character that would make two lines of one, or that nobody sees. */
static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

int gord_option_set(const struct gord_option *option, struct gord_config *config, const char *text,
                    const char *folder, char why[GORD_OPTION_WHY])
{
    char wrong[GORD_URL_WHY];

    if (has_control(text)) {
        snprintf(why, GORD_OPTION_WHY, "has a control character in it, which no value can have");
        return -EINVAL;
    }
    if (option->unset != NULL && strcmp(text, option->unset) == 0) {
        gord_option_clear(option, config);
        return 0;
    }
    if (text[0] == '\0') {
        return refuse(option, text, why);
    }
    if (option->kind == GORD_VALUE_URL && !gord_url_check(text, wrong)) {
        return refuse_url(option, wrong, why); /* without the text, which may be a secret */
    }
    if (!owns_text(option->kind)) {
        return set_plain(option, text, field_of(option, config)) ? 0 : refuse(option, text, why);
    }
    int result = set_text(option, config, text, folder);
    return result == -EINVAL ? refuse(option, text, why) : result;
}

/* ------------------------------------------------------------------ to text */

static void show_text(const struct gord_option *option, const struct gord_config *config,
                      const char *text, char out[GORD_OPTION_TEXT])
{
    if (option->kind == GORD_VALUE_ADDRESS) {
        unsigned port = *(const uint16_t *)((const char *)config + option->port);
        bool six = strchr(text, ':') != NULL;
        snprintf(out, GORD_OPTION_TEXT, "%s%s%s:%u", six ? "[" : "", text, six ? "]" : "", port);
    } else {
        snprintf(out, GORD_OPTION_TEXT, "%s", text);
    }
}

const char *gord_option_show(const struct gord_option *option, const struct gord_config *config,
                             char out[GORD_OPTION_TEXT])
{
    static const char zeros[sizeof(uint64_t)];
    const void *field = look_at(option, config);

    if (option->unset != NULL && memcmp(field, zeros, size_of(option->kind)) == 0) {
        snprintf(out, GORD_OPTION_TEXT, "%s", option->unset);
        return out;
    }
    switch (option->kind) {
    case GORD_VALUE_CHOICE:
        snprintf(out, GORD_OPTION_TEXT, "%s", option->words[*(const bool *)field ? 1 : 0]);
        break;
    case GORD_VALUE_WORD:
        snprintf(out, GORD_OPTION_TEXT, "%s",
                 option->words[*(const unsigned *)field - option->least]);
        break;
    case GORD_VALUE_NUMBER:
        snprintf(out, GORD_OPTION_TEXT, "%u", *(const unsigned *)field);
        break;
    case GORD_VALUE_TIME:
        gord_format_duration(*(const int64_t *)field, out, GORD_OPTION_TEXT);
        break;
    case GORD_VALUE_SIZE:
        gord_format_bytes(*(const uint64_t *)field, out, GORD_OPTION_TEXT);
        break;
    default:
        show_text(option, config, *(char *const *)field, out);
        break;
    }
    return out;
}

const char *gord_option_tell(const struct gord_option *option, const struct gord_config *config,
                             char out[GORD_OPTION_TEXT])
{
    const char *url =
        option->kind == GORD_VALUE_URL ? *(char *const *)look_at(option, config) : NULL;

    if (url == NULL) {
        return gord_option_show(option, config, out);
    }
    char *shown = gord_url_hide(url);
    snprintf(out, GORD_OPTION_TEXT, "%s", shown != NULL ? shown : GORD_URL_HIDDEN);
    free(shown);
    return out;
}

/* ------------------------------------------------------------------ fields */

static void swap_bytes(void *one, void *other, size_t count)
{
    char spare[sizeof(uint64_t)];

    memcpy(spare, one, count);
    memcpy(one, other, count);
    memcpy(other, spare, count);
}

void gord_option_swap(const struct gord_option *option, struct gord_config *one,
                      struct gord_config *other)
{
    swap_bytes(field_of(option, one), field_of(option, other), size_of(option->kind));
    if (option->kind == GORD_VALUE_ADDRESS) {
        swap_bytes((char *)one + option->port, (char *)other + option->port, sizeof(uint16_t));
    }
}

void gord_option_clear(const struct gord_option *option, struct gord_config *config)
{
    void *field = field_of(option, config);

    if (owns_text(option->kind)) {
        free(*(char **)field);
    }
    memset(field, 0, size_of(option->kind));
}
