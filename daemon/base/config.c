/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. First the command line is collected, since it names the file; then every
 * option gets its default, what the file says, and what the command line says, in this order.
 */
#include "daemon/base/config.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/conffile.h"
#include "runtime/gor.h"

enum { KEY_OF_FIRST = 0x100, KEY_HELP = KEY_OF_FIRST + GORD_OPTION_COUNT, KEY_USAGE, KEY_VERSION };

enum { OWN_OPTIONS = 3 }; /* help, usage and version */

/* ------------------------------------------------------------------ the command line */

struct command {
    struct gord_config *config;
    struct gord_faults *faults;
    bool answered; /* --help or --version has been printed */
    int error;
};

static void answer(struct argp_state *state, int key)
{
    if (key == KEY_VERSION) {
        fprintf(state->out_stream, "gord %s\n", GOR_VERSION);
    } else {
        argp_help(state->root_argp, state->out_stream,
                  key == KEY_HELP ? ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK : ARGP_HELP_USAGE,
                  state->name);
    }
    ((struct command *)state->input)->answered = true;
    state->next = state->argc; /* whatever else there is does not matter any more */
}

static int add_given(struct gord_config *config, enum gord_option_id id, const char *text)
{
    struct gord_given *more =
        realloc(config->given, (config->given_count + 1) * sizeof(*config->given));

    if (more == NULL) {
        return -ENOMEM;
    }
    config->given = more;
    char *copy = strdup(text != NULL ? text : "yes");
    if (copy == NULL) {
        return -ENOMEM;
    }
    config->given[config->given_count++] = (struct gord_given){id, copy};
    return 0;
}

static error_t take_word(int key, char *arg, struct argp_state *state)
{
    struct command *command = state->input;

    switch (key) {
    case KEY_HELP:
    case KEY_USAGE:
    case KEY_VERSION:
        answer(state, key);
        return 0;
    case ARGP_KEY_ARG:
        gord_fault(command->faults, "'%s' is no option, and gord takes nothing else", arg);
        return 0;
    default:
        if (key < KEY_OF_FIRST || key >= KEY_HELP) {
            return ARGP_ERR_UNKNOWN;
        }
        if (add_given(command->config, (enum gord_option_id)(key - KEY_OF_FIRST), arg) != 0) {
            command->error = -ENOMEM;
            return ENOMEM;
        }
        return 0;
    }
}

/* The table as argp wants it. */
static void fill_options(struct argp_option out[GORD_OPTION_COUNT + OWN_OPTIONS + 1])
{
    unsigned id;

    for (id = 0; id < GORD_OPTION_COUNT; id++) {
        const struct gord_option *option = gord_option_row((enum gord_option_id)id);
        bool alone = (option->flags & GORD_OPTION_ALONE) != 0;
        out[id] = (struct argp_option){.name = option->name,
                                       .key = KEY_OF_FIRST + (int)id,
                                       .arg = option->arg,
                                       .flags = alone ? OPTION_ARG_OPTIONAL : 0,
                                       .doc = option->doc,
                                       .group = gord_option_group((enum gord_option_id)id)};
    }
    out[id++] = (struct argp_option){"help", KEY_HELP, NULL, 0, "Show this and exit", -1};
    out[id++] = (struct argp_option){"usage", KEY_USAGE, NULL, OPTION_HIDDEN, NULL, -1};
    out[id++] =
        (struct argp_option){"version", KEY_VERSION, NULL, 0, "Show the version and exit", -1};
    out[id] = (struct argp_option){0};
}

/* 0; 1: answered; -EINVAL; -ENOMEM. */
static int collect(int argc, char **argv, struct gord_faults *faults, struct gord_config *config)
{
    struct argp_option options[GORD_OPTION_COUNT + OWN_OPTIONS + 1];
    const struct argp argp = {
        .options = options,
        .parser = take_word,
        .doc = "gord takes jobs over gRPC, runs each as a goroutine and keeps their history. "
               "Options may "
               "stand in a configuration file, too, as lines of the form key = value.\v"
               "Exit codes: 0 stopped as asked, 1 internal error, 2 wrong usage or configuration, "
               "3 the "
               "store cannot be read, 4 another gord has the state directory, 5 cannot listen, 6 "
               "--check-store has found something.",
    };
    struct command command = {.config = config, .faults = faults};

    fill_options(options);
    int err = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_HELP, NULL, &command);
    if (command.answered) {
        return 1;
    }
    if (command.error != 0 || err == ENOMEM) {
        return -ENOMEM;
    }
    return err != 0 ? -EINVAL : 0; /* argp has said why */
}

/* ------------------------------------------------------------------ layers */

struct layers {
    struct gord_config *config;
    struct gord_faults *faults;
    const char *file;
    int error; /* -ENOMEM */
};

static const char *name_origin(enum gord_option_id id, struct gord_origin origin, const char *file,
                               char *out, size_t out_bytes)
{
    const char *name = gord_option_row(id)->name;

    if (origin.source == GORD_FROM_FILE) {
        snprintf(out, out_bytes, "%s:%u: %s", file, origin.line, name);
    } else {
        snprintf(out, out_bytes, "--%s", name);
    }
    return out;
}

static void set_option(struct layers *layers, enum gord_option_id id, const char *text,
                       const char *folder, struct gord_origin origin)
{
    char why[GORD_OPTION_WHY], where[PATH_MAX + 64];
    int result = gord_option_set(gord_option_row(id), layers->config, text, folder, why);

    layers->config->origin[id] = origin;
    if (result == -EINVAL) {
        gord_fault(layers->faults, "%s %s",
                   name_origin(id, origin, layers->file, where, sizeof(where)), why);
    } else if (result != 0) {
        layers->error = result;
    }
}

static void set_defaults(struct layers *layers)
{
    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        const struct gord_option *option = gord_option_row((enum gord_option_id)id);
        if (option->initial != NULL) {
            set_option(layers, (enum gord_option_id)id, option->initial, NULL,
                       (struct gord_origin){GORD_FROM_DEFAULT, 0});
        }
    }
}

static void take_key(void *arg, const char *key, const char *value, unsigned line)
{
    struct layers *layers = arg;
    enum gord_option_id id = gord_option_find(key);

    if (id == GORD_OPTION_COUNT) {
        const char *meant = gord_option_resembling(key);
        gord_fault(layers->faults, "%s:%u: '%.100s' is no key%s%s%s", layers->file, line, key,
                   meant != NULL ? "; is " : "; `gord --print-config=defaults` lists all",
                   meant != NULL ? meant : "", meant != NULL ? " meant?" : "");
    } else if ((gord_option_row(id)->flags & GORD_OPTION_COMMAND) != 0) {
        gord_fault(layers->faults, "%s:%u: %s is for the command line only", layers->file, line,
                   key);
    } else if (layers->config->origin[id].source == GORD_FROM_FILE) {
        gord_fault(layers->faults, "%s:%u: %s is given already in line %u; leave out one of them",
                   layers->file, line, key, layers->config->origin[id].line);
    } else {
        set_option(layers, id, value, NULL, (struct gord_origin){GORD_FROM_FILE, line});
    }
}

/* The file that was named, or the one that may be there. */
static void take_file(struct layers *layers)
{
    struct gord_config *config = layers->config;
    bool named = config->file != NULL;
    char *text;
    size_t bytes;

    if (config->no_file) {
        if (named) {
            gord_fault(layers->faults, "--config and --no-config exclude each other");
        }
        return;
    }
    if (!named && (config->file = strdup(GORD_CONFIG_FILE)) == NULL) {
        layers->error = -ENOMEM;
        return;
    }
    layers->file = config->file;
    int result = gord_conffile_read(config->file, layers->faults, &text, &bytes);
    if (result == 0) {
        gord_conffile_parse(text, bytes, config->file, layers->faults, take_key, layers);
        free(text);
    } else if (result == -ENOENT && named) {
        gord_fault(layers->faults, "--config is '%s', and there is no such file", config->file);
    } else if (result == -ENOENT) {
        free(config->file);
        config->file = NULL;
        layers->file = NULL;
    } else if (result == -ENOMEM) {
        layers->error = result;
    }
}

/* Those that say where the file is, or all others. */
static void take_given(struct layers *layers, bool about_file)
{
    const struct gord_config *config = layers->config;
    char here[PATH_MAX];
    const char *folder = getcwd(here, sizeof(here)); /* NULL: it has no path, so none is made */

    for (size_t i = 0; i < config->given_count; i++) {
        enum gord_option_id id = config->given[i].id;
        if ((id == GORD_OPT_CONFIG || id == GORD_OPT_NO_CONFIG) == about_file) {
            set_option(layers, id, config->given[i].text, folder,
                       (struct gord_origin){GORD_FROM_COMMAND, 0});
        }
    }
}

/* ------------------------------------------------------------------ what depends */

static unsigned default_exec_slots(void)
{
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;

    return 4 * (unsigned)count;
}

/* The value of an environment variable if it is an absolute path, as the XDG rules want it. */
static const char *path_variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] == '/' ? value : NULL;
}

/* "head/tail" in *field, which was NULL. 0 or -ENOMEM. */
static int set_joined(char **field, const char *head, const char *tail)
{
    char *joined;

    if (asprintf(&joined, "%s%s%s", head, tail[0] != '\0' ? "/" : "", tail) < 0) {
        return -ENOMEM;
    }
    *field = joined;
    return 0;
}

static int default_state_dir(char **out, struct gord_faults *faults)
{
    const char *base;

    if (geteuid() == 0) {
        return set_joined(out, "/var/lib/gord", "");
    }
    if ((base = path_variable("XDG_STATE_HOME")) != NULL) {
        return set_joined(out, base, "gord");
    }
    if ((base = path_variable("HOME")) != NULL) {
        return set_joined(out, base, ".local/state/gord");
    }
    gord_fault(faults,
               "neither XDG_STATE_HOME nor HOME says where to keep the state; give --state-dir");
    return 0;
}

static int default_socket(const char *state_dir, char **out)
{
    const char *base;

    if (geteuid() == 0) {
        return set_joined(out, "/run/gord/gord.sock", "");
    }
    base = path_variable("XDG_RUNTIME_DIR");
    return set_joined(out, base != NULL ? base : state_dir, "gord.sock");
}

/* Defaults that depend on who and where we are. 0 or -ENOMEM. */
static int complete(struct gord_config *config, struct gord_faults *faults)
{
    int err = 0;

    if (config->exec_slots == 0) {
        config->exec_slots = default_exec_slots();
    }
    if (config->state_dir == NULL) {
        err = default_state_dir(&config->state_dir, faults);
    }
    if (err == 0 && config->socket == NULL && config->state_dir != NULL) {
        err = default_socket(config->state_dir, &config->socket);
    }
    return err;
}

/* ------------------------------------------------------------------ rules */

const char *gord_config_where(const struct gord_config *config, enum gord_option_id id, char *out,
                              size_t out_bytes)
{
    return name_origin(id, config->origin[id], config->file, out, out_bytes);
}

bool gord_config_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void check_tls(const struct gord_config *config, struct gord_faults *faults)
{
    char where[PATH_MAX + 64];

    if ((config->tls_cert == NULL) != (config->tls_key == NULL)) {
        enum gord_option_id lone = config->tls_cert != NULL ? GORD_OPT_TLS_CERT : GORD_OPT_TLS_KEY;
        gord_fault(faults, "%s is given alone; tls-cert and tls-key go together",
                   gord_config_where(config, lone, where, sizeof(where)));
    }
    if (config->tls_ca != NULL && config->tls_cert == NULL) {
        gord_fault(faults, "%s needs tls-cert and tls-key",
                   gord_config_where(config, GORD_OPT_TLS_CA, where, sizeof(where)));
    }
    if (config->tls_crl != NULL && config->tls_ca == NULL) {
        gord_fault(faults, "%s needs tls-ca, whose list it is",
                   gord_config_where(config, GORD_OPT_TLS_CRL, where, sizeof(where)));
    }
    if (config->listen_host != NULL && config->tls_cert == NULL &&
        !gord_config_is_loopback(config->listen_host)) {
        gord_fault(faults,
                   "%s is %s, which other machines reach: without TLS everybody on the way could "
                   "read and change what is said. Give tls-cert and tls-key (`gorctl tls init DIR` "
                   "makes them), or listen on 127.0.0.1",
                   gord_config_where(config, GORD_OPT_LISTEN, where, sizeof(where)),
                   config->listen_host);
    }
}

/* Who is named must be known. 0 or -ENOMEM. */
static int understand_owners(struct gord_config *config, struct gord_faults *faults)
{
    char why[GORD_OWNER_WHY], where[PATH_MAX + 64];
    int err = gord_owner_limits_parse(config->owner_limits, &config->owners, why);

    if (err == -EINVAL) {
        gord_fault(faults, "%s: %s; it is a list such as %s",
                   gord_config_where(config, GORD_OPT_OWNER_LIMITS, where, sizeof(where)), why,
                   gord_option_row(GORD_OPT_OWNER_LIMITS)->example);
    }
    return err == -EINVAL ? 0 : err;
}

/* What single options cannot know. */
static void check_together(const struct gord_config *config, struct gord_faults *faults)
{
    const size_t most = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    char where[PATH_MAX + 64];

    if (config->repair && !config->check_store) {
        gord_fault(faults, "--repair goes with --check-store only");
    }
    check_tls(config, faults);
    if (config->socket != NULL && strlen(config->socket) > most) {
        gord_fault(
            faults,
            "%s: the path '%s' is longer than the %zu bytes the kernel allows a socket; give a "
            "shorter one",
            gord_config_where(config, GORD_OPT_SOCKET, where, sizeof(where)), config->socket, most);
    }
}

/* ------------------------------------------------------------------ the whole */

/* From what the command line has given to the whole. 0, -EINVAL or -ENOMEM. */
static int build(struct gord_config *config, struct gord_faults *faults)
{
    struct layers layers = {.config = config, .faults = faults};
    size_t before = faults->count;

    set_defaults(&layers);
    take_given(&layers, true);
    take_file(&layers);
    take_given(&layers, false);
    int result = layers.error != 0 ? layers.error : complete(config, faults);
    if (result != 0) {
        return result;
    }
    check_together(config, faults);
    result = understand_owners(config, faults);
    if (result != 0) {
        return result;
    }
    if (config->check_config && faults->count != before) {
        gord_config_check_files(config,
                                faults); /* all there is, though the rest is not to be had */
    }
    return faults->count != before ? -EINVAL : 0;
}

int gord_config_parse(int argc, char **argv, struct gord_faults *faults, struct gord_config *out)
{
    struct gord_config config = {0};
    size_t before = faults->count;
    int result = collect(argc, argv, faults, &config);

    if (result == 0) {
        result = build(&config, faults);
        result = result == 0 && faults->count != before ? -EINVAL : result;
    }
    if (result != 0) {
        gord_config_fini(&config);
        return result;
    }
    if (config.print_config == GORD_PRINT_DEFAULTS) {
        gord_config_print_defaults(stdout);
        gord_config_fini(&config);
        return 1;
    }
    *out = config;
    return 0;
}

int gord_config_read_again(const struct gord_config *current, struct gord_faults *faults,
                           struct gord_config *out)
{
    struct gord_config config = {0};
    int result = 0;

    for (size_t i = 0; i < current->given_count && result == 0; i++) {
        result = add_given(&config, current->given[i].id, current->given[i].text);
    }
    result = result == 0 ? build(&config, faults) : result;
    if (result != 0) {
        gord_config_fini(&config);
        return result;
    }
    *out = config;
    return 0;
}

void gord_config_fini(struct gord_config *config)
{
    for (unsigned id = 0; id < GORD_OPTION_COUNT; id++) {
        gord_option_clear(gord_option_row((enum gord_option_id)id), config);
    }
    for (size_t i = 0; i < config->given_count; i++) {
        free(config->given[i].text);
    }
    gord_owner_limits_fini(&config->owners);
    free(config->given);
    config->given = NULL;
    config->given_count = 0;
}
