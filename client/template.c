/* SPDX-License-Identifier: MIT */
/* template.c - see template.h. */
#include "client/template.h"

#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/text.h"

struct piece {
    char *text; /* owned: what is printed, or the steps to the field, a NUL behind each */
    size_t length;
    unsigned steps; /* 0: no field */
};

struct gorctl_template {
    struct piece *pieces; /* owned */
    size_t count;
};

/* --------------------------------------------------------------- fields */

static bool is_one_message(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED;
}

/* True: enough has been seen. */
typedef bool see_path(const char *path, void *user);

/* The contract has no message that is inside itself without a list between. */
static bool each_path(const ProtobufCMessageDescriptor *of, const char *before, see_path *see,
                      void *user)
{
    bool enough = false;
    for (unsigned i = 0; i < of->n_fields && !enough; i++) {
        const ProtobufCFieldDescriptor *field = &of->fields[i];
        char *path = gorctl_format("%s%s", before, field->name);
        enough = see(path, user);
        if (!enough && is_one_message(field)) {
            char *inside = gorctl_format("%s.", path);
            enough = each_path(field->descriptor, inside, see, user);
            free(inside);
        } else if (!enough && field->label == PROTOBUF_C_LABEL_REPEATED &&
                   gorctl_json_is_map(field)) {
            char *inside = gorctl_format("%s.KEY", path);
            enough = see(inside, user);
            free(inside);
        }
        free(path);
    }
    return enough;
}

static bool print_path(const char *path, void *user)
{
    fprintf(user, "  {%s}\n", path);
    return false;
}

void gorctl_template_help(const ProtobufCMessageDescriptor *of, FILE *out)
{
    (void)each_path(of, "", print_path, out);
}

struct sought {
    const char *name;
    char *path; /* owned; NULL: not found */
};

static bool seek_path(const char *path, void *user)
{
    struct sought *sought = user;
    const char *dot = strrchr(path, '.');
    if (dot != NULL && strcmp(dot + 1, sought->name) == 0) {
        sought->path = gorctl_strdup(path);
    }
    return sought->path != NULL;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *of,
                                                  const char *name, size_t length)
{
    for (unsigned i = 0; i < of->n_fields; i++) {
        if (strlen(of->fields[i].name) == length &&
            strncmp(of->fields[i].name, name, length) == 0) {
            return &of->fields[i];
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- errors */

struct reader {
    const char *text;
    const ProtobufCMessageDescriptor *of;
    struct gorctl_template *template;
};

/* Which character of the text it is, 1 the first. */
static unsigned position(const struct reader *reader, const char *at)
{
    unsigned count = 1;
    for (const char *byte = reader->text; byte < at; byte++) {
        count += ((unsigned char)*byte & 0xc0) != 0x80;
    }
    return count;
}

static char *wrong(const struct reader *reader, const char *at, const char *what)
{
    return gorctl_format("at character %u: %s", position(reader, at), what);
}

/* `step` is what is unknown of the name, and `inside` where it was looked for. */
static char *unknown_field(const struct reader *reader, const char *at, const char *step,
                           size_t length, const ProtobufCMessageDescriptor *inside)
{
    char *text = NULL;
    size_t size = 0;
    char *shown = gorctl_text_escape(step, length);
    struct sought sought = {.name = shown};
    FILE *out = gorctl_memory_stream(&text, &size);
    fprintf(out, "at character %u: there is no field '%s'", position(reader, at), shown);
    if (inside != reader->of) {
        fprintf(out, " in %.*s", (int)(step - at - 1), at);
    } else if (each_path(reader->of, "", seek_path, &sought)) {
        fprintf(out, ", but {%s}", sought.path);
    }
    fputs("; there are ", out);
    for (unsigned i = 0; i < inside->n_fields; i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", inside->fields[i].name);
    }
    fputs("; `--format help` lists those inside of them as well", out);
    fclose(out);
    free(sought.path);
    free(shown);
    return text;
}

static char *nothing_inside(const struct reader *reader, const char *at, size_t length,
                            const ProtobufCFieldDescriptor *field)
{
    return gorctl_format("at character %u: %.*s is %s, with no fields of its own to name",
                         position(reader, at), (int)length, at,
                         field->label == PROTOBUF_C_LABEL_REPEATED ? "a list" : "a value");
}

/* --------------------------------------------------------------- reading */

static struct piece *add_piece(struct gorctl_template *template, const char *text, size_t length)
{
    template->pieces =
        gorctl_grow(template->pieces, template->count + 1, sizeof(*template->pieces));
    struct piece *piece = &template->pieces[template->count++];
    *piece = (struct piece){gorctl_copy(text, length), length, 0};
    return piece;
}

/* Is there such a field? The steps get a NUL behind each in the copy, a map's key with all its dots. */
static char *check_field(const struct reader *reader, const char *name, struct piece *piece)
{
    const ProtobufCMessageDescriptor *inside = reader->of;
    size_t begin = 0;
    for (;;) {
        size_t length = strcspn(piece->text + begin, ".");
        size_t end = begin + length;
        const ProtobufCFieldDescriptor *field = find_field(inside, name + begin, length);
        if (field == NULL) {
            return unknown_field(reader, name, name + begin, length, inside);
        }
        piece->steps++;
        if (end == piece->length) {
            return NULL;
        }
        piece->text[end] = '\0';
        begin = end + 1;
        if (is_one_message(field)) {
            inside = field->descriptor;
        } else if (field->label == PROTOBUF_C_LABEL_REPEATED && gorctl_json_is_map(field)) {
            piece->steps++;
            return begin < piece->length ? NULL
                                         : wrong(reader, name + begin, "a key is missing here");
        } else {
            return nothing_inside(reader, name, end, field);
        }
    }
}

/* *at is behind the brace that opens it, then behind that which closes it. */
static char *read_field(const struct reader *reader, const char **at)
{
    const char *name = *at;
    size_t length = strcspn(name, "{}");
    if (name[length] != '}') {
        return wrong(reader, name - 1, "this { is not closed; {{ is a brace that is printed");
    }
    if (length == 0) {
        return wrong(reader, name - 1, "{} names no field; `--format help` lists them");
    }
    *at = name + length + 1;
    return check_field(reader, name, add_piece(reader->template, name, length));
}

/* *at is behind the backslash, then behind what follows it. */
static char *read_escape(const struct reader *reader, const char **at)
{
    static const char letters[] = "nt0\\";
    static const char meant[] = "\n\t\0\\";
    const char *letter = **at != '\0' ? strchr(letters, **at) : NULL;
    if (letter == NULL) {
        return wrong(reader, *at - 1,
                     "after a backslash comes n, t, 0 or another backslash, for a newline, a tab, "
                     "a NUL or a backslash");
    }
    (void)add_piece(reader->template, &meant[letter - letters], 1);
    *at += 1;
    return NULL;
}

static char *read_piece(const struct reader *reader, const char **at)
{
    const char *begin = *at;
    size_t plain = strcspn(begin, "{}\\");
    if (plain > 0) {
        (void)add_piece(reader->template, begin, plain);
        *at += plain;
        return NULL;
    }
    *at += 1;
    if (*begin == '\\') {
        return read_escape(reader, at);
    }
    if (**at == *begin) {
        (void)add_piece(reader->template, begin, 1);
        *at += 1;
        return NULL;
    }
    return *begin == '{' ? read_field(reader, at)
                         : wrong(reader, begin,
                                 "this } closes nothing; }} is a brace that is "
                                 "printed");
}

char *gorctl_template_parse(const char *text, const ProtobufCMessageDescriptor *of,
                            struct gorctl_template **out_template)
{
    struct reader reader = {text, of, gorctl_alloc(sizeof(struct gorctl_template))};
    char *why =
        *text == '\0' ? gorctl_strdup("it is empty; `--format help` lists the fields") : NULL;
    for (const char *at = text; why == NULL && *at != '\0';) {
        why = read_piece(&reader, &at);
    }
    if (why != NULL) {
        gorctl_template_free(reader.template);
        return why;
    }
    *out_template = reader.template;
    return NULL;
}

void gorctl_template_free(struct gorctl_template *template)
{
    if (template == NULL) {
        return;
    }
    for (size_t i = 0; i < template->count; i++) {
        free(template->pieces[i].text);
    }
    free(template->pieces);
    free(template);
}

/* -------------------------------------------------------------- printing */

bool gorctl_template_has(const struct gorctl_template *template, const char *field)
{
    for (size_t i = 0; i < template->count; i++) {
        if (template->pieces[i].steps > 0 && strcmp(template->pieces[i].text, field) == 0) {
            return true;
        }
    }
    return false;
}

static void print_value(const json_t *value, FILE *out)
{
    char *clean = NULL;
    if (json_is_string(value)) {
        clean = gorctl_text_escape(json_string_value(value), json_string_length(value));
    } else if (value != NULL && !json_is_null(value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text == NULL) {
            gorctl_out_of_memory();
        }
        clean = gorctl_text_escape(text, strlen(text));
        free(text);
    }
    fputs(clean != NULL ? clean : "", out);
    free(clean);
}

void gorctl_template_print(const struct gorctl_template *template, const ProtobufCMessage *message,
                           FILE *out)
{
    json_t *whole = gorctl_json_message(message);
    for (size_t i = 0; i < template->count; i++) {
        const struct piece *piece = &template->pieces[i];
        if (piece->steps == 0) {
            fwrite(piece->text, 1, piece->length, out);
            continue;
        }
        const json_t *value = whole;
        const char *step = piece->text;
        for (unsigned taken = 0; taken < piece->steps; taken++) {
            value = json_object_get(value, step);
            step += strlen(step) + 1;
        }
        print_value(value, out);
    }
    json_decref(whole);
}

/* ---------------------------------------------------------------- option */

enum { KEY_FORMAT = 0x5000 };

static const struct argp_option options[] = {
    {"format", KEY_FORMAT, "TEMPLATE", 0,
     "Print this of each, such as '{id}\\t{state}\\n': fields as --json has them; `--format help` "
     "lists them",
     0},
    {0},
};

static void take_template(struct argp_state *state, struct gorctl_template_option *option,
                          const char *text)
{
    if (strcmp(text, "help") == 0) {
        gorctl_template_help(option->of, stdout);
        exit(GORCTL_EXIT_OK);
    }
    gorctl_template_free(option->chosen);
    option->chosen = NULL;
    char *why = gorctl_template_parse(text, option->of, &option->chosen);
    if (why != NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--format: %s", why);
        free(why);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gorctl_template_option *option = state->input;
    switch (key) {
    case KEY_FORMAT:
        take_template(state, option, arg);
        return 0;
    case ARGP_KEY_END:
        if (option->chosen != NULL && option->ctl->json) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--format and --json: give one of them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_template_argp = {.options = options, .parser = parse};
