/* SPDX-License-Identifier: MIT */
/* webhook.c - the program that sends a webhook; see webhook.h.
 *
 * Not a client of our own: TLS, proxies, certificates and name lookup are what curl is good at, and the
 * daemon, often root, talks to nobody. */
#include "daemon/runner/webhook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/gor.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PROGRAM "curl"

/* The whole command line: no file of the user's changes what it does, all the rest comes by its
 * standard input. */
static const char *const words[] = {PROGRAM, "--disable", "--config", "-"};
enum { WORDS = sizeof(words) / sizeof(words[0]) };
_Static_assert((int)WORDS == (int)GORD_WEBHOOK_WORDS, "the header says how many there are");

/* Read by gord_webhook_answer_of. A curl before 7.84 knows nothing of headers, and writes other things
 * there. */
#define ANSWER "%{stderr}answer: %{http_code} %header{retry-after}\\n"

/* No letter of a URL means more than itself. An answer of 400 or more is a failure, its text in the
 * output all the same, and so is a redirection: a POST that goes elsewhere is not what was asked for. */
static const char options[] = "silent\n"
                              "show-error\n"
                              "fail-with-body\n"
                              "globoff\n"
                              "proto = \"=http,https\"\n"
                              "location\n"
                              "max-redirs = 0\n"
                              "max-time = 30\n"
                              "write-out = \"" ANSWER "\"\n"
                              "header = \"Content-Type: application/json\"\n"
                              "user-agent = \"gord/" GOR_VERSION "\"\n";

/* What it may need to get out of the house, and to know whom it talks to. */
static const char *const variables[] = {
    "http_proxy", "https_proxy", "HTTPS_PROXY",   "all_proxy",    "ALL_PROXY",
    "no_proxy",   "NO_PROXY",    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"};
enum { VARIABLES = sizeof(variables) / sizeof(variables[0]) };
_Static_assert((int)VARIABLES + 1 <= (int)GORD_WEBHOOK_VARIABLES, "PATH goes with them");

static ProtobufCBinaryData borrow(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

bool gord_webhook_is(const Gor__V1__JobSpec *spec)
{
    return spec->hook_of != NULL && spec->hook_of->url[0] != '\0';
}

size_t gord_webhook_argv(ProtobufCBinaryData out[GORD_WEBHOOK_WORDS])
{
    for (size_t i = 0; i < WORDS; i++) {
        out[i] = borrow(words[i]);
    }
    return WORDS;
}

static bool is_wanted(const char *variable, size_t length)
{
    for (size_t i = 0; i < VARIABLES; i++) {
        size_t name = strlen(variables[i]);
        if (length > name && variable[name] == '=' && memcmp(variable, variables[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const char *own_path(void)
{
    const char *path = getenv("PATH"); /* nobody here sets variables */

    return path != NULL && path[0] != '\0' ? path : DEFAULT_PATH;
}

int gord_webhook_env(const Gor__V1__ExecSpec *like, char **path,
                     ProtobufCBinaryData out[GORD_WEBHOOK_VARIABLES])
{
    int count = 1;

    if (asprintf(path, "PATH=%s", own_path()) < 0) {
        return -ENOMEM;
    }
    out[0] = borrow(*path);
    for (size_t i = 0; like != NULL && i < like->n_env && count < GORD_WEBHOOK_VARIABLES; i++) {
        if (is_wanted((const char *)like->env[i].data, like->env[i].len)) {
            out[count++] = like->env[i];
        }
    }
    for (char **own = environ; like == NULL && *own != NULL && count < GORD_WEBHOOK_VARIABLES;
         own++) {
        if (is_wanted(*own, strlen(*own))) {
            out[count++] = borrow(*own);
        }
    }
    return count;
}

/* As a value in curl's file of options: between quotes, where only these have a meaning of their own.
 * Other control characters are in neither text. */
static char *put_quoted(char *out, const char *name, const char *text)
{
    out = stpcpy(out, name);
    out = stpcpy(out, " = \"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            *out++ = '\\';
        }
        if ((unsigned char)*text >= ' ') {
            *out++ = *text;
        }
    }
    return stpcpy(out, "\"\n");
}

/* As curl takes a header. */
static char *put_header(char *out, const char *name, const char *value)
{
    out = stpcpy(stpcpy(out, "header = \""), name);
    return stpcpy(stpcpy(stpcpy(out, ": "), value), "\"\n");
}

char *gord_webhook_input(const Gor__V1__HookOf *of, const struct gord_signature *signature)
{
    enum { AROUND = 64, HEADERS = sizeof(struct gord_signature) + 128 };
    char *text =
        malloc(sizeof(options) + 2 * (strlen(of->url) + strlen(of->document)) + AROUND + HEADERS);

    if (text != NULL) {
        char *out = stpcpy(text, options);
        if (signature != NULL) {
            out = put_header(out, "webhook-id", signature->id);
            out = put_header(out, "webhook-timestamp", signature->timestamp);
            out = put_header(out, "webhook-signature", signature->text);
        }
        /* "-raw": a document that begins with '@' would name a file. */
        out = put_quoted(out, "url", of->url);
        put_quoted(out, "data-raw", of->document);
    }
    return text;
}

const char *gord_webhook_problem(void)
{
    static const char problem[] =
        "there is no curl in gord's PATH; Debian's package is called curl";
    const char *path = own_path();
    char file[4096];

    while (*path != '\0') {
        size_t length = strcspn(path, ":");
        int bytes = snprintf(file, sizeof(file), "%.*s/" PROGRAM, (int)length, path);
        if (length > 0 && bytes < (int)sizeof(file) && access(file, X_OK) == 0) {
            return NULL;
        }
        path += length + (path[length] == ':');
    }
    return problem;
}
