/* SPDX-License-Identifier: MIT */
/* cmd_token.c - `gorctl token`: tokens for callers over TCP, made, listed, shown, revoked. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/table.h"
#include "client/text.h"
#include "client/when.h"
#include "client/whom.h"
#include "gor/v1/tokens.pb-c.h"
#include "proto/decode.h"

enum { KEY_ROLE = 0x3100, KEY_USER, KEY_EXPIRES, KEY_NAME, KEY_QUEUE, KEY_SAVE, QUEUES_MAX = 16 };

enum verb { NONE, CREATE, LIST, SHOW, REVOKE };

struct arguments {
    struct gorctl *ctl;
    enum verb verb;
    const char *which; /* of show and revoke: its id or name */
    const char *save;  /* a file for the token; NULL: standard output */
    Gor__V1__CreateTokenRequest request;
    char *queues[QUEUES_MAX];
    bool described; /* an option of create was given */
};

static const struct argp_option options[] = {
    {"role", KEY_ROLE, "ROLE", 0,
     "create: what it may do: viewer, submitter, operator or admin; must be given", 0},
    {"user", KEY_USER, "USER", 0,
     "create: name or number of the user, where the daemon runs, whose the jobs are that are "
     "handed in with it; must be given for a submitter",
     0},
    {"expires", KEY_EXPIRES, "TIME", 0,
     "create: good for so long, as 30d or 12h, or until a day, as 2027-01-31 (default: until it is "
     "revoked)",
     0},
    {"name", KEY_NAME, "NAME", 0, "create: to call it by, besides its id", 0},
    {"queue", KEY_QUEUE, "QUEUE", 0,
     "create: it hands in and steers jobs of this queue only; may be repeated", 0},
    {"save", KEY_SAVE, "FILE", 0,
     "create: write the token into FILE, which must not be there and nobody else can read, instead "
     "of printing it",
     0},
    {0},
};

static const char doc[] =
    "Tokens let callers in over TCP: `create` makes one and prints it, once; the daemon keeps a "
    "digest only. `ls` lists them, `show` tells all about one, `revoke` takes one back at once, "
    "and "
    "ends what is open with it. For administrators.\v"
    "Examples:\n"
    "  gorctl token create --role submitter --user anna --expires 90d --name anna-ci --save "
    "ci.token\n"
    "  gorctl -H 127.0.0.1:7070 --token-file ci.token submit make\n"
    "  gorctl token create --role viewer --name dashboard\n"
    "  gorctl token revoke anna-ci\n";

/* ------------------------------------------------------------- arguments */

static enum verb verb_of(struct argp_state *state, const char *text)
{
    static const char *const verbs[] = {"create", "ls", "show", "revoke"};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(text, verbs[i]) == 0) {
            return (enum verb)(i + CREATE);
        }
    }
    argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not create, ls, show or revoke", text);
    return NONE;
}

/* A time to come: so long from now, or that moment. */
static int64_t option_expires(struct argp_state *state, const char *text)
{
    int64_t now = gorctl_now();
    int64_t ns = 0;
    if (gorctl_duration_parse(text, &ns) == 0 && ns > 0 && ns < INT64_MAX - now) {
        return now + ns;
    }
    if (gorctl_time_parse(text, now, &ns) != 0 || ns <= now) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "--expires: '%s' is no time to come; write 30d, 12h, 2027-01-31 or "
                     "'2027-01-31 12:30'",
                     text);
    }
    return ns;
}

static void take_queue(struct arguments *arguments, char *arg, struct argp_state *state)
{
    if (arguments->request.n_queues == QUEUES_MAX) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--queue: at most %d", QUEUES_MAX);
    }
    arguments->queues[arguments->request.n_queues++] = arg;
}

static void take_word(struct arguments *arguments, char *arg, struct argp_state *state)
{
    bool wants_one = arguments->verb == SHOW || arguments->verb == REVOKE;
    if (state->arg_num == 0) {
        arguments->verb = verb_of(state, arg);
    } else if (state->arg_num == 1 && wants_one && gorctl_utf8_valid(arg, strlen(arg))) {
        arguments->which = arg;
    } else {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is one word too many%s", arg,
                     arguments->verb == CREATE ? "; a name is given with --name" : "");
    }
}

static void check_end(const struct arguments *arguments, struct argp_state *state)
{
    if (arguments->verb == NONE) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "say create, ls, show or revoke");
    } else if ((arguments->verb == SHOW || arguments->verb == REVOKE) && arguments->which == NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "which one? Give its id or name");
    } else if (arguments->verb != CREATE && arguments->described) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--role and the like go with create only");
    } else if (arguments->verb == CREATE && arguments->request.role == GOR__V1__TOKEN__ROLE__NONE) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "what may it do? Give --role viewer, submitter, operator or admin");
    } else if (arguments->request.role == GOR__V1__TOKEN__ROLE__SUBMITTER &&
               !arguments->request.owned) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "whose are its jobs? Give --user USER");
    }
}

static error_t take_option(struct arguments *arguments, int key, char *arg,
                           struct argp_state *state)
{
    switch (key) {
    case KEY_ROLE:
        arguments->request.role = (Gor__V1__Token__Role)gorctl_option_role(state, arg);
        break;
    case KEY_USER:
        arguments->request.uid = gorctl_option_user(state, "--user", arg);
        arguments->request.owned = true;
        break;
    case KEY_EXPIRES:
        arguments->request.expires_ns = option_expires(state, arg);
        break;
    case KEY_NAME:
        if (!gorctl_utf8_valid(arg, strlen(arg))) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--name must be UTF-8 text");
        }
        arguments->request.name = arg;
        break;
    case KEY_QUEUE:
        take_queue(arguments, arg, state);
        break;
    case KEY_SAVE:
        arguments->save = arg;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    arguments->described = true;
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case ARGP_KEY_ARG:
        take_word(arguments, arg, state);
        return 0;
    case ARGP_KEY_END:
        check_end(arguments, state);
        return 0;
    default:
        return take_option(arguments, key, arg, state);
    }
}

/* ------------------------------------------------------------------ show */

static void until_text(const Gor__V1__Token *token, int64_t now, char out[GORCTL_WHEN_ROOM + 16])
{
    char time[GORCTL_WHEN_ROOM];
    gorctl_time_text(token->expires_ns, now, time);
    (void)snprintf(out, GORCTL_WHEN_ROOM + 16, "%s%s",
                   token->revoked   ? "revoked, "
                   : token->expired ? "expired "
                                    : "",
                   token->expires_ns != 0 ? time : "-");
}

static void owner_text(const Gor__V1__Token *token, char *out, size_t size)
{
    if (token->owned) {
        gorctl_user_text(token->uid, out, size);
    } else {
        (void)snprintf(out, size, "-");
    }
}

static void join_queues(const Gor__V1__Token *token, char *out, size_t size)
{
    size_t used = 0;
    (void)snprintf(out, size, "-");
    for (size_t i = 0; i < token->n_queues && used < size; i++) {
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "," : "", token->queues[i]);
    }
}

static void add_row(struct gorctl_table *table, const Gor__V1__Token *token, int64_t now)
{
    char text[2048];
    char until[GORCTL_WHEN_ROOM + 16];
    char used[GORCTL_WHEN_ROOM];
    gorctl_table_cell(table, token->id, NULL);
    gorctl_table_cell(table, token->name[0] != '\0' ? token->name : "-", NULL);
    gorctl_table_cell(table, gorctl_role_name(token->role), NULL);
    owner_text(token, text, sizeof(text));
    gorctl_table_cell(table, text, NULL);
    join_queues(token, text, sizeof(text));
    gorctl_table_cell(table, text, NULL);
    until_text(token, now, until);
    gorctl_table_cell(table, until, NULL);
    gorctl_time_text(token->used_ns, now, used);
    gorctl_table_cell(table, used, NULL);
}

static void list_rows(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ListTokensReply *reply = (const Gor__V1__ListTokensReply *)message;
    (void)arg;
    static const struct gorctl_column columns[] = {{"ID", false, false},    {"NAME", false, true},
                                                   {"ROLE", false, false},  {"USER", false, false},
                                                   {"QUEUES", false, true}, {"UNTIL", false, false},
                                                   {"USED", false, false}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_tokens; i++) {
        add_row(table, reply->tokens[i], gorctl_now());
    }
    gorctl_table_show(table);
}

static void tell(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__Token *token = (const Gor__V1__Token *)message;
    (void)arg;
    char text[2048];
    char until[GORCTL_WHEN_ROOM + 16];
    char time[GORCTL_WHEN_ROOM];
    printf("id       %s\n", token->id);
    printf("name     %s\n", token->name[0] != '\0' ? token->name : "-");
    printf("role     %s\n", gorctl_role_name(token->role));
    owner_text(token, text, sizeof(text));
    printf("user     %s\n", text);
    join_queues(token, text, sizeof(text));
    printf("queues   %s\n", token->n_queues > 0 ? text : "all");
    gorctl_time_exact(token->made_ns, time);
    printf("made     %s\n", time);
    until_text(token, 0, until);
    printf("until    %s\n", until);
    gorctl_time_exact(token->used_ns, time);
    printf("used     %s\n", time);
}

/* ------------------------------------------------------------------ calls */

/* Opened before there is a token: one that cannot be kept must not be made. */
static int open_file(const char *path, int *out_fd)
{
    *out_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*out_fd >= 0) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("cannot make the file '%s': %s", path, strerror(errno));
    return errno == EACCES ? GORCTL_EXIT_DENIED : GORCTL_EXIT_USAGE;
}

static int save(const struct arguments *arguments, int fd, const Gor__V1__CreateTokenReply *made)
{
    size_t length = strlen(made->secret);
    if (write(fd, made->secret, length) == (ssize_t)length && write(fd, "\n", 1) == 1 &&
        fsync(fd) == 0) {
        return GORCTL_EXIT_OK;
    }
    gorctl_say("cannot write the token into '%s': %s; it is lost, so revoke it: `gorctl token "
               "revoke %s`",
               arguments->save, strerror(errno), made->token->id);
    return GORCTL_EXIT_OUTPUT;
}

static int tell_made(const struct arguments *arguments, int fd,
                     const Gor__V1__CreateTokenReply *made)
{
    int code = GORCTL_EXIT_OK;
    if (arguments->save != NULL) {
        code = save(arguments, fd, made);
    } else if (arguments->ctl->json) {
        gorctl_json_show(&made->base);
    } else {
        printf("%s\n", made->secret);
    }
    if (code == GORCTL_EXIT_OK && (arguments->save != NULL || isatty(STDOUT_FILENO))) {
        fprintf(stderr, "Made token %s; it %s.\n", made->token->id,
                arguments->save != NULL ? "is in that file and nowhere else"
                                        : "is shown this once and never again");
    }
    return code;
}

static int create(struct arguments *arguments)
{
    ProtobufCMessage *reply;
    int fd = -1;
    int code = arguments->save != NULL ? open_file(arguments->save, &fd) : GORCTL_EXIT_OK;
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    arguments->request.queues = arguments->queues;
    struct gorctl_call call = {.path = "/gor.v1.Tokens/CreateToken",
                               .request = &arguments->request.base,
                               .reply = &gor__v1__create_token_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    code = gorctl_call(arguments->ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        code = tell_made(arguments, fd, (const Gor__V1__CreateTokenReply *)reply);
        wire_decoded_free(reply);
    } else if (fd >= 0) {
        (void)unlink(arguments->save);
    }
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

static int list(struct gorctl *ctl)
{
    Gor__V1__ListTokensRequest request = GOR__V1__LIST_TOKENS_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Tokens/ListTokens",
                               .request = &request.base,
                               .reply = &gor__v1__list_tokens_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, list_rows, NULL);
}

static int show(const struct arguments *arguments)
{
    Gor__V1__ShowTokenRequest request = GOR__V1__SHOW_TOKEN_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Tokens/ShowToken",
                               .request = &request.base,
                               .reply = &gor__v1__token__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    request.token = (char *)(uintptr_t)arguments->which;
    return gorctl_call_show(arguments->ctl, &call, tell, NULL);
}

/* Nothing is printed but with --json: it was done. */
static int revoke_one(const struct arguments *arguments)
{
    Gor__V1__RevokeTokenRequest request = GOR__V1__REVOKE_TOKEN_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Tokens/RevokeToken",
                               .request = &request.base,
                               .reply = &gor__v1__token__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    request.token = (char *)(uintptr_t)arguments->which;
    return gorctl_call_show(arguments->ctl, &call, NULL, NULL);
}

int gorctl_cmd_token(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "create --role ROLE [--user USER]\nls\nshow TOKEN\nrevoke TOKEN",
        .doc = doc,
        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .request = GOR__V1__CREATE_TOKEN_REQUEST__INIT};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    switch (arguments.verb) {
    case CREATE:
        return create(&arguments);
    case LIST:
        return list(ctl);
    case SHOW:
        return show(&arguments);
    default:
        return revoke_one(&arguments);
    }
}
