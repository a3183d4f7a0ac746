/* SPDX-License-Identifier: MIT */
/* Secrets of webhooks, and what is signed with them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sign/signer.h"
#include "tests/test.h"

/* The bytes 0 to 31; what is wanted of them below is what Python's hmac makes of them. */
#define SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static char path[64];

/* A signer of a file with that text. 0, or the error with what it says. */
static int read_mode(const char *text, mode_t mode, char why[GORD_SIGNER_WHY],
                     struct gord_signer **out_signer)
{
    snprintf(path, sizeof(path), "/tmp/gor-signer-%d", (int)getpid());
    FILE *out = fopen(path, "w");
    CHECK(out != NULL && fputs(text, out) >= 0 && fclose(out) == 0);
    CHECK_EQ(chmod(path, mode), 0);
    int result = gord_signer_new(path, why, out_signer);
    unlink(path);
    return result;
}

static struct gord_signer *signer_of(const char *text)
{
    struct gord_signer *signer = NULL;
    char why[GORD_SIGNER_WHY] = "";
    int result = read_mode(text, 0600, why, &signer);
    if (result != 0) {
        test_fail(__FILE__, __LINE__, "%s", why);
    }
    return signer;
}

static void check_refused(const char *text, int want, const char *part)
{
    struct gord_signer *signer = NULL;
    char why[GORD_SIGNER_WHY] = "";
    CHECK_EQ(read_mode(text, 0600, why, &signer), want);
    CHECK(signer == NULL);
    if (strstr(why, part) == NULL || strstr(why, path) == NULL || strstr(why, "AAEC") != NULL) {
        test_fail(__FILE__, __LINE__, "%s: it lacks '%s'", why, part);
    }
}

TEST(signature_is_that_of_standard_webhooks)
{
    struct gord_signer *signer = signer_of(SECRET "\n");
    struct gord_signature made, again;
    CHECK_EQ(gord_signer_sign(signer, "{\"job\":12}", 1795911345, &made), 0);
    CHECK_STR(made.id, "msg_ec854769ad79cd1592cc8bb5f266a9e6");
    CHECK_STR(made.timestamp, "1795911345");
    CHECK_STR(made.text, "v1,p1TIXQvvh3oFSsO3O8uHBZiGYY3ISopOHONWTvHpkrg=");
    CHECK_EQ(gord_signer_sign(signer, "{\"job\":12}", 1795911346, &again), 0);
    CHECK_STR(again.id, made.id);
    CHECK(strcmp(again.text, made.text) != 0);
    CHECK_EQ(gord_signer_sign(signer, "{\"job\":13}", 1795911345, &again), 0);
    CHECK(strcmp(again.id, made.id) != 0);
    gord_signer_unref(signer);
}

TEST(each_secret_signs)
{
    struct gord_signer *both = signer_of("# the new one\n\n  " SECRET "\t\r\n" OTHER);
    struct gord_signer *first = signer_of(SECRET);
    struct gord_signer *second = signer_of(OTHER "\n");
    struct gord_signature all, one, two;
    char want[sizeof(all.text)];
    CHECK_EQ(gord_signer_sign(both, "x", 1, &all), 0);
    CHECK_EQ(gord_signer_sign(first, "x", 1, &one), 0);
    CHECK_EQ(gord_signer_sign(second, "x", 1, &two), 0);
    snprintf(want, sizeof(want), "%.60s %.60s", one.text, two.text);
    CHECK_STR(all.text, want);
    CHECK(gord_signer_equal(NULL, NULL) && gord_signer_equal(both, both));
    CHECK(!gord_signer_equal(first, NULL) && !gord_signer_equal(NULL, first));
    CHECK(!gord_signer_equal(first, second) && !gord_signer_equal(first, both));
    struct gord_signer *same = signer_of("\n" SECRET);
    CHECK(gord_signer_equal(first, same));
    gord_signer_unref(gord_signer_ref(same));
    CHECK(gord_signer_equal(first, same));
    CHECK(gord_signer_ref(NULL) == NULL);
    gord_signer_unref(NULL);
    gord_signer_unref(same);
    gord_signer_unref(both);
    gord_signer_unref(first);
    gord_signer_unref(second);
}

TEST(four_secrets_have_room)
{
    struct gord_signer *signer = signer_of(SECRET "\n" OTHER "\n" SECRET "\n" OTHER "\n");
    struct gord_signature made;
    CHECK_EQ(gord_signer_sign(signer, "", 0, &made), 0);
    CHECK_EQ(strlen(made.text), 4 * 47 + 3);
    gord_signer_unref(signer);
    check_refused(SECRET "\n" OTHER "\n" SECRET "\n" OTHER "\n" SECRET, -EINVAL,
                  ":5: the line is one");
}

TEST(what_is_no_secret_is_refused_and_not_shown)
{
    check_refused("", -EINVAL, "there is no secret");
    check_refused("# whsec_\n\n", -EINVAL, "there is no secret");
    check_refused("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", -EINVAL,
                  ":1: the line is no secret");
    check_refused("\nwhsec_\n", -EINVAL, ":2: the line is no secret");
    check_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", -EINVAL, "not base64");
    check_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx==Hh8=", -EINVAL, "not base64");
    check_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH===", -EINVAL, "not base64");
    check_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka-_wdHh8=", -EINVAL, "not base64");
    check_refused("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", -EINVAL, "24 to 64 bytes"); /* 23 */
    check_refused(SECRET " " OTHER, -EINVAL, ":1: the line has more behind its secret");
    check_refused(OTHER "\n" SECRET "\t# the old one\n", -EINVAL, ":2: the line has more behind");
    check_refused("whsec_ " SECRET, -EINVAL, ":1: the line is no secret");
    char much[200] = "whsec_";
    memset(much + 6, 'A', 88); /* 66 */
    check_refused(much, -EINVAL, "24 to 64 bytes");
    char big[5000];
    memset(big, '\n', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    check_refused(big, -EFBIG, "more than 4 KiB");
}

TEST(secret_may_have_24_to_64_bytes)
{
    char most[200] = "whsec_";
    memset(most + 6, 'A', 86);
    strcpy(most + 92, "==");
    gord_signer_unref(signer_of(most));
    gord_signer_unref(signer_of(OTHER));
}

TEST(file_for_others_is_refused)
{
    static const mode_t wrong[] = {0604, 0602, 0601, 0644, 0666, 0620};
    static const mode_t right[] = {0600, 0400, 0640, 0440}; /* the group is ours */
    struct gord_signer *signer = NULL;
    char why[GORD_SIGNER_WHY];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK_EQ(read_mode(SECRET, wrong[i], why, &signer), -EACCES);
        CHECK(signer == NULL && strstr(why, "make the file private") != NULL);
    }
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        CHECK_EQ(read_mode(SECRET, right[i], why, &signer), 0);
        gord_signer_unref(signer);
    }
}

TEST(file_of_somebody_else_or_his_group_is_refused)
{
    struct gord_signer *signer = NULL;
    char why[GORD_SIGNER_WHY], file[] = "/tmp/gor-signer-XXXXXX";
    int fd = mkstemp(file);
    CHECK(fd >= 0 && write(fd, SECRET, strlen(SECRET)) > 0 && fchmod(fd, 0640) == 0);
    if (geteuid() == 0) { /* others cannot give files away */
        CHECK_EQ(fchown(fd, 0, 12345), 0);
        CHECK_EQ(gord_signer_new(file, why, &signer), -EACCES);
        CHECK(strstr(why, "neither root's nor gord's") != NULL);
        CHECK_EQ(fchown(fd, 12345, 0), 0);
        CHECK_EQ(gord_signer_new(file, why, &signer), -EACCES);
        CHECK(strstr(why, "belongs to somebody else") != NULL);
    }
    close(fd);
    unlink(file);
    CHECK_EQ(gord_signer_new(file, why, &signer), -ENOENT);
    CHECK(strstr(why, "cannot read the secrets of webhooks in '/tmp/gor-signer-") != NULL);
    CHECK_EQ(gord_signer_new("/tmp", why, &signer), -EINVAL);
    CHECK(strstr(why, "no regular file") != NULL);
    CHECK(signer == NULL);
}
