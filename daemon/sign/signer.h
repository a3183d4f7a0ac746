/* SPDX-License-Identifier: MIT */
/* signer.h - secrets of which a file tells, and what is signed with them, in the form of Standard
 * Webhooks (www.standardwebhooks.com): HMAC-SHA256 over "id.timestamp.body".
 *
 * The file has one secret a line, "whsec_" and base64 of 24 to 64 bytes; with several, each signs, so
 * that receivers can change over one after the other. Whoever has a secret can pass for us, so a file is
 * refused that somebody besides root and our own user and group can read or change.
 * Invariants  no text that is made here has a secret in it.
 * Threads     new: any. A signer is immutable, its references are counted: any.
 * Ownership   new gives a reference; secrets are wiped with the last.
 */
#ifndef GORD_SIGN_SIGNER_H
#define GORD_SIGN_SIGNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GORD_SIGNER_SECRETS = 4, GORD_SIGNER_WHY = 512 };

struct gord_signer;

/* From the file; NULL: no signer, which is no error. 0; else what is wrong, as a sentence in `why`: -EACCES, -EINVAL, -EFBIG, -ENOMEM,
 * -ENOTSUP, or the error of opening or reading it. */
int gord_signer_new(const char *path, char why[GORD_SIGNER_WHY], struct gord_signer **out_signer);

struct gord_signer *gord_signer_ref(struct gord_signer *signer); /* NULL is fine, here and below */
void gord_signer_unref(struct gord_signer *signer);

/* Have both the same secrets? */
bool gord_signer_equal(const struct gord_signer *one, const struct gord_signer *other);

/* The three headers' values. */
struct gord_signature {
    char id[40]; /* of the document: the same each time that it is sent */
    char timestamp[24];
    char text[GORD_SIGNER_SECRETS * 48]; /* "v1,BASE64", with a blank between */
};

/* At that time, in seconds since 1970. 0 or -ENOMEM. */
int gord_signer_sign(const struct gord_signer *signer, const char *body, int64_t at,
                     struct gord_signature *out);

#endif
