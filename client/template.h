/* SPDX-License-Identifier: MIT */
/* template.h - `--format TEMPLATE`: what is printed of each message, as whoever asks wants it.
 *
 * "{spec.name}" is the field of that name and path in the JSON of --json; "{{" and "}}" are braces; "\n", "\t",
 * "\0" and "\\" a newline, a tab, a NUL and a backslash; all else is itself, and nothing is added. A name is
 * looked up in the contract when the template is read, so a wrong one never gets as far as a daemon.
 * Ownership   a template is the caller's, to be given to gorctl_template_free().
 */
#ifndef GOR_CLIENT_TEMPLATE_H
#define GOR_CLIENT_TEMPLATE_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

#include <protobuf-c/protobuf-c.h>

#include "client/gorctl.h"

struct gorctl_template;

/* NULL, and the template for messages of type `of`; or what is wrong with the text and where, to be freed. */
char *gorctl_template_parse(const char *text, const ProtobufCMessageDescriptor *of,
                            struct gorctl_template **out_template);

void gorctl_template_free(struct gorctl_template *template);

/* Has it this field of the message, or one inside of it? */
bool gorctl_template_has(const struct gorctl_template *template, const char *field);

/* Text as it is but for control characters, which are escaped (text.h); nothing for null and what is not
 * there; JSON for everything else. */
void gorctl_template_print(const struct gorctl_template *template, const ProtobufCMessage *message,
                           FILE *out);

/* Every field there is, a line each. */
void gorctl_template_help(const ProtobufCMessageDescriptor *of, FILE *out);

struct gorctl_template_option {
    const struct gorctl *ctl;
    const ProtobufCMessageDescriptor *of;
    struct gorctl_template *chosen; /* owned; NULL: none */
};

/* --format; the input is a struct gorctl_template_option with its first two set. */
extern const struct argp gorctl_template_argp;

#endif
