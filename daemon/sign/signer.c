/* SPDX-License-Identifier: MIT */
#include "daemon/sign/signer.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sign/signer_internal.h"

enum { BASE64_BYTES = (SHA256_DIGEST_LENGTH + 2) / 3 * 4 };

static void destroy(struct gord_signer *signer)
{
    OPENSSL_cleanse(signer->secrets, sizeof(signer->secrets));
    free(signer);
}

struct gord_signer *gord_signer_ref(struct gord_signer *signer)
{
    if (signer != NULL) {
        atomic_fetch_add_explicit(&signer->refs, 1, memory_order_relaxed);
    }
    return signer;
}

void gord_signer_unref(struct gord_signer *signer)
{
    /* acq_rel: the last owner wipes it after all others have read it. */
    if (signer != NULL && atomic_fetch_sub_explicit(&signer->refs, 1, memory_order_acq_rel) == 1) {
        destroy(signer);
    }
}

bool gord_signer_equal(const struct gord_signer *one, const struct gord_signer *other)
{
    if (one == NULL || other == NULL) {
        return one == other;
    }
    return one->count == other->count &&
           CRYPTO_memcmp(one->secrets, other->secrets, sizeof(one->secrets)) == 0;
}

/* Made of the document, which is about one end of one job: a try that another daemon makes, and one
 * that `gorctl rerun` makes, have the same. */
static void make_id(const char *body, char out[40])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char *at = stpcpy(out, "msg_");

    (void)SHA256((const uint8_t *)body, strlen(body), digest);
    for (int i = 0; i < 16; i++) {
        at += snprintf(at, 3, "%02x", digest[i]);
    }
}

static char *put_signature(char *out, const struct gord_secret *secret, const char *text)
{
    uint8_t code[SHA256_DIGEST_LENGTH];
    unsigned bytes = sizeof(code);

    if (HMAC(EVP_sha256(), secret->key, (int)secret->bytes, (const uint8_t *)text, strlen(text),
             code, &bytes) == NULL) {
        return NULL; /* it had no memory */
    }
    out = stpcpy(out, "v1,");
    return out + EVP_EncodeBlock((uint8_t *)out, code, sizeof(code));
}

_Static_assert(sizeof(((struct gord_signature *)0)->text) >=
                   GORD_SIGNER_SECRETS * (3 + BASE64_BYTES + 1),
               "as many signatures as there are secrets");

int gord_signer_sign(const struct gord_signer *signer, const char *body, int64_t at,
                     struct gord_signature *out)
{
    struct gord_signature made;
    char *text = NULL;
    char *end = made.text;

    make_id(body, made.id);
    snprintf(made.timestamp, sizeof(made.timestamp), "%" PRId64, at);
    if (asprintf(&text, "%s.%s.%s", made.id, made.timestamp, body) < 0) {
        return -ENOMEM;
    }
    for (size_t i = 0; end != NULL && i < signer->count; i++) {
        if (i > 0) {
            *end++ = ' ';
        }
        end = put_signature(end, &signer->secrets[i], text);
    }
    free(text);
    if (end == NULL) {
        return -ENOMEM;
    }
    *out = made;
    return 0;
}

int gord_signer_new(const char *path, char why[GORD_SIGNER_WHY], struct gord_signer **out_signer)
{
    struct gord_signature first;

    *out_signer = NULL;
    if (path == NULL) {
        return 0;
    }
    struct gord_signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL) {
        snprintf(why, GORD_SIGNER_WHY, "out of memory");
        return -ENOMEM;
    }
    atomic_init(&signer->refs, 1);
    int result = gord_secret_read(path, why, signer);
    /* OpenSSL makes itself ready at its first use, which is to be here, on the stack of a thread, and not
     * on that of a goroutine. */
    if (result == 0 && gord_signer_sign(signer, "", 0, &first) != 0) {
        snprintf(why, GORD_SIGNER_WHY, "OpenSSL cannot make an HMAC-SHA256");
        result = -ENOTSUP;
    }
    if (result != 0) {
        destroy(signer);
        return result;
    }
    *out_signer = signer;
    return 0;
}
