/* SPDX-License-Identifier: MIT */
/* Which URLs are right, and what is shown of them. */
#include <stdlib.h>

#include "daemon/base/url.h"
#include "tests/test.h"

static void check_right(const char *url)
{
    char why[GORD_URL_WHY] = "";
    if (!gord_url_check(url, why)) {
        test_fail(__FILE__, __LINE__, "'%s' is refused: %s", url, why);
    }
}

static void check_wrong(const char *url, const char *want)
{
    char why[GORD_URL_WHY] = "";
    CHECK(!gord_url_check(url, why));
    if (strstr(why, want) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s': '%s' does not say '%s'", url, why, want);
    }
}

TEST(plain_ones_have_neither_user_nor_query)
{
    CHECK(gord_url_is_plain("https://a.b-c_d:1/x/%20y"));
    CHECK(gord_url_is_plain("http://[::1]:4318"));
    CHECK(!gord_url_is_plain("http://u@a"));
    CHECK(!gord_url_is_plain("http://a?b"));
}

TEST(right_urls_are_taken)
{
    static const char *const right[] = {"http://a",
                                        "https://example.net/hooks/T0/B1/xyz?a=b&c=%20d",
                                        "HTTP://Example.NET:65535/",
                                        "http://127.0.0.1:1",
                                        "http://[::1]",
                                        "https://[2001:db8::1]:8443/x",
                                        "https://user:pa%40ss@h.example/",
                                        "https://@h/",
                                        "http://xn--bcher-kva.example?x",
                                        "http://a_b.c-d/~x!$&'()*+,;=:@"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        check_right(right[i]);
    }
}

TEST(wrong_urls_are_told_why)
{
    check_wrong("", "http:// or https://");
    check_wrong("ftp://a", "http:// or https://");
    check_wrong("file:///etc/passwd", "http:// or https://");
    check_wrong("-o/tmp/x", "http:// or https://");
    check_wrong("http:/a", "http:// or https://");
    check_wrong("http://", "no host");
    check_wrong("http:///x", "no host");
    check_wrong("http://user@/x", "no host");
    check_wrong("http://:80/x", "no host");
    check_wrong("http://-x/", "neither a name nor an address");
    check_wrong("http://a:b:c/", "neither a name nor an address");
    check_wrong("http://2001:db8::1/", "brackets");
    check_wrong("http://[::1/", "neither a name");
    check_wrong("http://[::1]x/", "neither a name");
    check_wrong("http://[1.2.3.4]/", "neither a name");
    check_wrong("http://[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/", "neither");
    check_wrong("http://a%20b/", "neither a name");
    check_wrong("http://a:/", "port");
    check_wrong("http://a:0/", "port");
    check_wrong("http://a:65536/", "port");
    check_wrong("http://a:123456/", "port");
    check_wrong("http://a:8x/", "port");
    check_wrong("http://a b/", "the 9th; write it as %20");
    check_wrong("http://a/\n", "%0A");
    check_wrong("http://a/\x7f", "%7F");
    check_wrong("http://a/\xc3\xa4", "%C3");
    check_wrong("http://a/\"", "%22");
    check_wrong("http://a\\b/", "%5C");
    check_wrong("http://a/{1,2}", "%7B");
    check_wrong("http://a/[1-9]", "behind the host");
    check_wrong("http://a/?x=[1]", "behind the host");
    check_wrong("http://u@v@a/", "%40");
    check_wrong("http://[u]@a/", "in user or password");
    check_wrong("http://a/#x", "'#'");
}

TEST(long_urls_are_refused_by_their_length)
{
    char url[GORD_URL_MAX + 2];
    memset(url, 'a', sizeof(url));
    memcpy(url, "http://h/", 9);
    url[GORD_URL_MAX] = '\0';
    check_right(url);
    url[GORD_URL_MAX] = 'a';
    url[GORD_URL_MAX + 1] = '\0';
    check_wrong(url, "has 2001 bytes, at most 2000");
    memset(url, 'a', 300);
    memcpy(url, "http://", 7);
    url[300] = '\0';
    check_wrong(url, "neither a name");
}

static void check_shown(const char *url, const char *want)
{
    char *shown = gord_url_hide(url);
    CHECK_STR(shown, want);
    CHECK_EQ(gord_url_is_hidden(shown), strcmp(url, want) != 0);
    free(shown);
}

TEST(of_a_url_scheme_host_and_port_are_shown)
{
    check_shown("http://a", "http://a");
    check_shown("http://a/", "http://a/");
    check_shown("https://a:8443/hooks/secret", "https://a:8443/(hidden)");
    check_shown("https://a?token=secret", "https://a/(hidden)");
    check_shown("https://me:pw@[::1]:80", "https://(hidden)@[::1]:80");
    check_shown("https://me:p@w@a/x", "https://(hidden)@a/(hidden)");
    check_shown("secret", "(hidden)");
    check_shown("", "(hidden)");
}
