/* SPDX-License-Identifier: MIT */
/* cmd_tls.c - `gorctl tls`: certificates for a daemon that is reached over the network, and for those
 * who call it. It needs no daemon. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/completion.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/whom.h"
#include "rpc/certificate.h"

enum {
    KEY_HOST = 0x3000,
    KEY_ROLE,
    KEY_USER,
    KEY_DAYS,
    HOSTS_MAX = 32,
    OWN_HOSTS = 4,
    CA_DAYS = 3650,
    DAYS = 825
};

static const struct argp_option options[] = {
    {"name", KEY_HOST, "HOST", 0,
     "init: a name or IP address that clients reach the daemon by, besides this machine's name and "
     "localhost; may be repeated",
     0},
    {"role", KEY_ROLE, "ROLE", 0,
     "client: what it may do: viewer, submitter, operator or admin (default: submitter)", 0},
    {"user", KEY_USER, "USER", 0,
     "client: name or number of the user, where the daemon runs, whose its jobs are; needed to "
     "hand "
     "in jobs",
     0},
    {"days", KEY_DAYS, "N", 0, "Valid for so many days (default: 825; the CA for ten years)", 0},
    {0},
};

static const char doc[] =
    "Make what a daemon and its clients need to speak TLS: `init` a CA, a certificate for the "
    "daemon and one for an administrator, all in DIR; `client` one for NAME, signed by that CA; "
    "`revoke` puts NAME's on the list DIR/ca.crl, by which a daemon refuses it (gord --tls-crl). "
    "No certificate there is written over. Keep ca.key to yourself: whoever has it can be "
    "anybody.\v"
    "Examples:\n"
    "  gorctl tls init --name build1.example.org ~/gor-tls\n"
    "  gorctl tls client --user anna ~/gor-tls anna\n"
    "  gorctl tls client --role viewer ~/gor-tls dashboard\n"
    "  gorctl tls revoke ~/gor-tls anna\n";

struct arguments {
    struct gorctl *ctl;
    const char *what;
    const char *folder;
    const char *name;
    const char *role;
    char user[16]; /* digits; "": none */
    const char *hosts[HOSTS_MAX];
    size_t host_count;
    int days;
};

static void take_word(struct arguments *arguments, char *arg, struct argp_state *state)
{
    const char **places[] = {&arguments->what, &arguments->folder, &arguments->name};
    const char *what = arguments->what != NULL ? arguments->what : arg;
    bool init = strcmp(what, "init") == 0;
    size_t room = init ? 2 : 3;
    if (!init && strcmp(what, "client") != 0 && strcmp(what, "revoke") != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not init, client or revoke", arg);
    }
    if (state->arg_num >= room) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is one word too many", arg);
    }
    *places[state->arg_num] = arg;
}

static void take_role(struct arguments *arguments, const char *arg, struct argp_state *state)
{
    (void)gorctl_option_role(state, arg);
    arguments->role = arg;
}

static void take_user(struct arguments *arguments, const char *arg, struct argp_state *state)
{
    (void)snprintf(arguments->user, sizeof(arguments->user), "%u",
                   gorctl_option_user(state, "--user", arg));
}

static void check_words(const struct arguments *arguments, struct argp_state *state)
{
    if (arguments->what == NULL || arguments->folder == NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "say `init DIR`, `client DIR NAME` or `revoke DIR NAME`");
    } else if (strcmp(arguments->what, "init") != 0 && arguments->name == NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "whose? say `%s DIR NAME`", arguments->what);
    } else if (arguments->name != NULL && strchr(arguments->name, '/') != NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' names files too: it cannot have a slash",
                     arguments->name);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_completion_offer(arguments->ctl, state);
        return 0;
    case KEY_HOST:
        if (arguments->host_count == HOSTS_MAX - OWN_HOSTS) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--name: at most %d", HOSTS_MAX - OWN_HOSTS);
        }
        arguments->hosts[arguments->host_count++] = arg;
        return 0;
    case KEY_ROLE:
        take_role(arguments, arg, state);
        return 0;
    case KEY_USER:
        take_user(arguments, arg, state);
        return 0;
    case KEY_DAYS: {
        uint64_t days = gorctl_option_number(state, "--days", arg);
        if (days < 1 || days > CA_DAYS) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--days must be 1 to %d", CA_DAYS);
        }
        arguments->days = (int)days;
        return 0;
    }
    case ARGP_KEY_ARG:
        take_word(arguments, arg, state);
        return 0;
    case ARGP_KEY_END:
        check_words(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int exit_of(int error)
{
    return error == -ENOENT   ? GORCTL_EXIT_NOT_FOUND
           : error == -EACCES ? GORCTL_EXIT_DENIED
                              : GORCTL_EXIT_USAGE;
}

/* DIR/NAME.crt and DIR/NAME.key, signed by the CA there, or the CA's own. */
static int make(const char *folder, const char *file, const struct rpc_certificate *what)
{
    char why[RPC_TLS_TEXT];
    bool own = what->kind == RPC_CERTIFICATE_CA;
    char *cert = gorctl_format("%s/%s.crt", folder, file);
    char *key = gorctl_format("%s/%s.key", folder, file);
    char *ca_cert = gorctl_format("%s/ca.crt", folder);
    char *ca_key = gorctl_format("%s/ca.key", folder);
    int error =
        rpc_certificate_make(what, cert, key, own ? NULL : ca_cert, own ? NULL : ca_key, why);
    free(cert);
    free(key);
    free(ca_cert);
    free(ca_key);
    if (error == 0) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("%s", why);
    if (error == -EEXIST) {
        fputs("  It may be in use; choose another folder or name, or remove it.\n", stderr);
    }
    return exit_of(error);
}

static int make_client(const struct arguments *arguments, const char *name, const char *role)
{
    const char *user = arguments->user;
    char *uri = user[0] != '\0' ? gorctl_format("urn:gor:role:%s:uid:%s", role, user)
                                : gorctl_format("urn:gor:role:%s", role);
    struct rpc_certificate what = {
        .kind = RPC_CERTIFICATE_CLIENT, .name = name, .uri = uri, .days = arguments->days};
    int code = make(arguments->folder, name, &what);
    free(uri);
    return code;
}

/* What to type now. */
static void tell_next(const char *at, const char *host)
{
    printf("Made a CA, a certificate for the daemon and one for an administrator in %s.\n"
           "Start the daemon:\n"
           "  gord --listen 0.0.0.0:7070 --tls-cert %s/server.crt --tls-key %s/server.key "
           "--tls-ca %s/ca.crt\n"
           "Where gorctl runs, with copies of ca.crt, admin.crt and admin.key:\n"
           "  export GOR_HOST=tls://%s:7070 GOR_TLS_CA=%s/ca.crt GOR_TLS_CERT=%s/admin.crt "
           "GOR_TLS_KEY=%s/admin.key\n"
           "  gorctl version\n"
           "For somebody else, with a role of their own:\n"
           "  gorctl tls client --user USER %s NAME\n",
           at, at, at, at, host, at, at, at, at);
}

static int init(const struct arguments *arguments)
{
    char machine[256] = "localhost";
    const char *hosts[HOSTS_MAX] = {NULL};
    size_t count = arguments->host_count;
    memcpy(hosts, arguments->hosts, count * sizeof hosts[0]);
    if (gethostname(machine, sizeof machine - 1) == 0 && strcmp(machine, "localhost") != 0) {
        hosts[count++] = machine;
    }
    hosts[count++] = "localhost";
    hosts[count++] = "127.0.0.1";
    hosts[count++] = "::1";
    const char *first = hosts[0];
    struct rpc_certificate ca = {.kind = RPC_CERTIFICATE_CA, .name = "gor CA", .days = CA_DAYS};
    struct rpc_certificate server = {.kind = RPC_CERTIFICATE_SERVER,
                                     .name = "gord",
                                     .hosts = hosts,
                                     .host_count = count,
                                     .days = arguments->days};
    if (mkdir(arguments->folder, 0700) != 0 && errno != EEXIST) {
        gorctl_say("cannot make the folder '%s': %s", arguments->folder, strerror(errno));
        return errno == EACCES ? GORCTL_EXIT_DENIED : GORCTL_EXIT_NOT_FOUND;
    }
    int code = make(arguments->folder, "ca", &ca);
    if (code == GORCTL_EXIT_OK) {
        code = make(arguments->folder, "server", &server);
    }
    if (code == GORCTL_EXIT_OK) {
        code = make_client(arguments, "admin", "admin");
    }
    if (code == GORCTL_EXIT_OK) {
        tell_next(arguments->folder, first);
    }
    return code;
}

static int revoke_one(const struct arguments *arguments)
{
    char why[RPC_TLS_TEXT];
    char *cert = gorctl_format("%s/%s.crt", arguments->folder, arguments->name);
    char *ca_cert = gorctl_format("%s/ca.crt", arguments->folder);
    char *ca_key = gorctl_format("%s/ca.key", arguments->folder);
    char *list = gorctl_format("%s/ca.crl", arguments->folder);
    int error = rpc_certificate_revoke(cert, ca_cert, ca_key, list, why);
    if (error == 0) {
        printf(
            "The certificate of %s is on the list %s now. The daemon refuses it once it has that "
            "list\n(gord --tls-crl) and has been told to read it: systemctl kill -s HUP "
            "--kill-who=main gord\n",
            arguments->name, list);
    } else {
        gorctl_say("%s", why);
    }
    free(cert);
    free(ca_cert);
    free(ca_key);
    free(list);
    return error == 0 ? GORCTL_EXIT_OK : exit_of(error);
}

int gorctl_cmd_tls(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "init DIR\nclient DIR NAME\nrevoke DIR NAME",
                                     .doc = doc};
    struct arguments arguments = {.ctl = ctl, .role = "submitter", .days = DAYS};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (strcmp(arguments.what, "init") == 0) {
        return init(&arguments);
    }
    if (strcmp(arguments.what, "revoke") == 0) {
        return revoke_one(&arguments);
    }
    int code = make_client(&arguments, arguments.name, arguments.role);
    if (code == GORCTL_EXIT_OK) {
        printf("Made %s/%s.crt and %s/%s.key; with ca.crt they are all that %s needs.\n",
               arguments.folder, arguments.name, arguments.folder, arguments.name, arguments.name);
    }
    return code;
}
