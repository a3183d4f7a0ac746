/* SPDX-License-Identifier: MIT */
/* From a page of metrics to a message for collectors, and what comes before and after: targets, answers,
 * when to try again. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/instance.h"
#include "daemon/otlp/arena.h"
#include "daemon/otlp/encode.h"
#include "daemon/otlp/pace.h"
#include "daemon/otlp/target.h"
#include "gor/otlp.pb-c.h"
#include "tests/test.h"

#define SECOND INT64_C(1000000000)

static const struct gord_otlp_source source = {
    .version = "1", .instance = "i", .host = "h", .start_ns = 5, .at_ns = 1700000000 * SECOND};

/* The message of a page, read back; freed by the caller. */
static Gor__Otlp__Export *encode(const char *page)
{
    char *text = strdup(page);
    void *message = NULL;
    size_t bytes = 0;
    CHECK(text != NULL);
    CHECK_EQ(gord_otlp_encode(&source, text, &message, &bytes), 0);
    Gor__Otlp__Export *export = gor__otlp__export__unpack(NULL, bytes, message);
    CHECK(export != NULL);
    free(message);
    free(text);
    return export;
}

static int encode_error(const char *page)
{
    char *text = strdup(page);
    void *message = NULL;
    size_t bytes = 0;
    CHECK(text != NULL);
    int result = gord_otlp_encode(&source, text, &message, &bytes);
    CHECK(message == NULL);
    free(text);
    return result;
}

static const Gor__Otlp__OfScope *scope_of(const Gor__Otlp__Export *export)
{
    CHECK_EQ(export->n_of_resources, 1);
    CHECK_EQ(export->of_resources[0]->n_of_scopes, 1);
    return export->of_resources[0]->of_scopes[0];
}

/* Every byte, as put together by hand from the numbers and types in OpenTelemetry's specification. */
TEST(message_has_the_numbers_and_types_of_the_specification)
{
    static const char want[] =
        "0aa2020a5e0a160a0c736572766963652e6e616d6512060a04676f72640a160a0f736572766963652e766572"
        "73696f6e12030a01310a1a0a13736572766963652e696e7374616e63652e696412030a01690a100a09686f73"
        "742e6e616d6512030a016812bf010a090a04676f726412013112390a07615f746f74616c1201623a2b0a2511"
        "05000000000000001900002a36fe9c97173107000000000000003a080a016312030a01641002180112290a09"
        "675f7365636f6e647312036820691a01732a140a121900002a36fe9c971721000000000000e03f124c0a0178"
        "1201794a440a401105000000000000001900002a36fe9c971721030000000000000029000000000000000032"
        "10010000000000000002000000000000003a0800000000000004401002";
    char page[] =
        "# HELP a_total b\n# TYPE a_total counter\na_total{c=\"d\"} 7\n"
        "# HELP g_seconds h i\n# TYPE g_seconds gauge\ng_seconds 0.5\n"
        "# HELP x y\n# TYPE x histogram\nx_bucket{le=\"2.5\"} 1\nx_bucket{le=\"+Inf\"} 3\n"
        "x_sum 0\nx_count 3\n";
    void *message = NULL;
    size_t bytes = 0;
    CHECK_EQ(gord_otlp_encode(&source, page, &message, &bytes), 0);
    CHECK_EQ(bytes, (sizeof want - 1) / 2);
    for (size_t i = 0; i < bytes; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", ((const uint8_t *)message)[i]);
        if (strncmp(hex, want + 2 * i, 2) != 0) {
            test_fail(__FILE__, __LINE__, "byte %zu is %s", i, hex);
        }
    }
    free(message);
}

TEST(labels_lose_their_escapes_and_numbers_keep_their_types)
{
    Gor__Otlp__Export *export =
        encode("# HELP a b\n# TYPE a gauge\na{x=\"1\\n\\\"2\\\\\",y=\"\"} -3\na 2.5\n"
               "a 99999999999999999999\n# some comment\n\n"
               "# HELP t_bytes c\n# TYPE t_bytes gauge\nt_bytes 4\n"
               "# HELP empty e\n# TYPE empty gauge\n");
    const Gor__Otlp__OfScope *scope = scope_of(export);
    CHECK_EQ(scope->n_metrics, 2); /* one without a sample is none */
    const Gor__Otlp__Gauge *gauge = scope->metrics[0]->gauge;
    CHECK_EQ(gauge->n_points, 3);
    CHECK_EQ(gauge->points[0]->n_attributes, 2);
    CHECK_STR(gauge->points[0]->attributes[0]->value->text, "1\n\"2\\");
    CHECK_STR(gauge->points[0]->attributes[1]->value->text, "");
    CHECK_EQ(gauge->points[0]->as_int, -3);
    CHECK_EQ(gauge->points[0]->start_ns, 0);
    CHECK_EQ(gauge->points[1]->value_case, GOR__OTLP__POINT__VALUE_AS_DOUBLE);
    CHECK(gauge->points[1]->as_double == 2.5);
    CHECK(gauge->points[2]->as_double == 1e20);
    CHECK_STR(scope->metrics[1]->unit, "By");
    gor__otlp__export__free_unpacked(export, NULL);
}

TEST(series_begin_when_their_created_gauge_says)
{
    Gor__Otlp__Export *export = encode(
        "# HELP q_seconds w\n# TYPE q_seconds histogram\n"
        "q_seconds_bucket{queue=\"a\",le=\"1\"} 1\nq_seconds_bucket{queue=\"a\",le=\"+Inf\"} 1\n"
        "q_seconds_sum{queue=\"a\"} 0.25\nq_seconds_count{queue=\"a\"} 1\n"
        "q_seconds_bucket{queue=\"b\",le=\"1\"} 0\nq_seconds_bucket{queue=\"b\",le=\"+Inf\"} 2\n"
        "q_seconds_sum{queue=\"b\"} 9\nq_seconds_count{queue=\"b\"} 2\n"
        "q_seconds_bucket{queue=\"c\",le=\"+Inf\"} 0\nq_seconds_sum{queue=\"c\"} 0\n"
        "q_seconds_count{queue=\"c\"} 0\n"
        "# HELP q_seconds_created x\n# TYPE q_seconds_created gauge\n"
        "q_seconds_created{queue=\"b\"} 12.000000034\n"
        "q_seconds_created{queue=\"c\"} 1800000000\n"
        "# HELP lone_created x\n# TYPE lone_created gauge\nlone_created 1\n");
    const Gor__Otlp__OfScope *scope = scope_of(export);
    CHECK_EQ(scope->n_metrics, 2);
    CHECK_STR(scope->metrics[0]->name, "q_seconds");
    CHECK_STR(scope->metrics[1]->name, "lone_created"); /* of nothing, so by itself */
    const Gor__Otlp__Histogram *histogram = scope->metrics[0]->histogram;
    CHECK_EQ(histogram->n_points, 3);
    CHECK_EQ(histogram->points[0]->start_ns, 5);
    CHECK_EQ(histogram->points[0]->counts[0], 1);
    CHECK_EQ(histogram->points[0]->counts[1], 0);
    CHECK(histogram->points[0]->sum == 0.25);
    CHECK_EQ(histogram->points[0]->n_attributes, 1);
    CHECK_EQ(histogram->points[1]->start_ns, 12000000034);
    CHECK_EQ(histogram->points[1]->counts[1], 2);
    CHECK_EQ(histogram->points[2]->start_ns, source.at_ns); /* the clock was set back */
    CHECK_EQ(histogram->points[2]->n_bounds, 0);
    gor__otlp__export__free_unpacked(export, NULL);
}

TEST(a_page_that_is_none_is_refused)
{
    static const char *const bad[] = {
        "a 1\n",                        /* no family */
        "# TYPE a gauge\n",             /* no help */
        "# HELP a b\n# TYPE c gauge\n", /* of another one */
        "# HELP a b\n# TYPE a summary\na 1\n",
        "# HELP a b\n# TYPE a gauge\na 1", /* cut off */
        "# HELP a b\n# TYPE a gauge\na{b=\"c\n",
        "# HELP a b\n# TYPE a gauge\na{b} 1\n",
        "# HELP a b\n# TYPE a gauge\na{b=\"c\"\n",
        "# HELP a b\n# TYPE a gauge\na\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 1\n",
        "# HELP a b\n# TYPE a histogram\na_bucket 1\na_sum 1\na_count 1\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\n"
        "a_count 1\n",
        "# HELP a b\n# TYPE a histogram\na_bucket{le=\"+Inf\"} 2\na_sum 1\na_count 1\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (encode_error(bad[i]) != -EBADMSG) {
            test_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
        }
    }
}

TEST(replies_are_read_whoever_sends_them)
{
    uint64_t rejected = 77;
    char text[8] = "x";
    CHECK_EQ(gord_otlp_read_reply("", 0, &rejected, text, sizeof text), 0);
    CHECK_EQ(rejected, 0);
    CHECK_STR(text, "");
    CHECK_EQ(
        gord_otlp_read_reply("\x0a\x0c\x08\x03\x12\x08too much", 14, &rejected, text, sizeof text),
        0);
    CHECK_EQ(rejected, 3);
    CHECK_STR(text, "too muc");
    CHECK_EQ(gord_otlp_read_reply("\x0a\x03\x08", 3, &rejected, text, sizeof text), -EBADMSG);
    CHECK_EQ(gord_otlp_read_reply("<html>", 6, &rejected, text, sizeof text), -EBADMSG);
    CHECK_EQ(gord_otlp_read_reply("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13,
                                  &rejected, text, sizeof text),
             0);
    CHECK_EQ(rejected, 0); /* -1 of them */
}

TEST(arena_gives_zeroed_memory_of_any_size)
{
    struct gord_arena arena;
    gord_arena_init(&arena);
    for (size_t bytes = 1; bytes < 300000; bytes = bytes * 3 + 1) {
        char *memory = gord_arena_take(&arena, 1, bytes);
        CHECK(memory != NULL);
        CHECK_EQ((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < bytes; i++) {
            CHECK(memory[i] == 0);
        }
        memset(memory, 1, bytes);
    }
    CHECK(!arena.failed);
    CHECK(gord_arena_take(&arena, SIZE_MAX / 2, 3) == NULL);
    CHECK(arena.failed);
    gord_arena_fini(&arena);
}

TEST(answers_are_judged_by_the_specification)
{
    static const long again[] = {0, 429, 502, 503, 504};
    for (long status = 0; status < 600; status++) {
        enum gord_otlp_verdict want =
            status >= 200 && status < 300 ? GORD_OTLP_TAKEN : GORD_OTLP_GIVEN_UP;
        for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
            want = status == again[i] ? GORD_OTLP_TRY_AGAIN : want;
        }
        CHECK_EQ(gord_otlp_judge(status), want);
    }
}

TEST(waits_double_to_half_a_minute_and_are_drawn_by_lot)
{
    static const int64_t want[] = {1, 2, 4, 8, 16, 30, 30};
    struct gord_otlp_pace least = {0}, most = {0};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        gord_otlp_pace_failed(&least, 1000, 0, 0);
        gord_otlp_pace_failed(&most, 1000, 0, UINT32_MAX);
        CHECK_EQ(least.not_before_ns, 1000 + want[i] * SECOND / 2);
        CHECK_EQ(most.not_before_ns, 1000 + want[i] * SECOND);
        CHECK(!most.told);
    }
    gord_otlp_pace_failed(&most, 1000, 7 * SECOND, UINT32_MAX);
    CHECK_EQ(most.not_before_ns, 1000 + 7 * SECOND);
    CHECK(most.told);
    gord_otlp_pace_failed(&most, 1000, 100000 * SECOND, UINT32_MAX);
    CHECK_EQ(most.not_before_ns, 1000 + 3600 * SECOND);
}

static struct gord_otlp_target *target_of(const char *endpoint, const char *headers)
{
    struct gord_otlp_target *target = NULL;
    char why[GORD_OTLP_WHY];
    CHECK_EQ(gord_otlp_target_new(endpoint, headers, NULL, why, &target), 0);
    return target;
}

TEST(targets_add_the_path_once)
{
    static const char *const endpoints[] = {"http://a", "http://a/", "http://a//",
                                            "http://a/v1/metrics", "http://a/v1/metrics/"};
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        struct gord_otlp_target *target = target_of(endpoints[i], NULL);
        CHECK_STR(target->url, "http://a/v1/metrics");
        gord_otlp_target_free(target);
    }
    struct gord_otlp_target *deep = target_of("http://a/b/c", NULL);
    CHECK_STR(deep->url, "http://a/b/c/v1/metrics");
    CHECK(!gord_otlp_target_equal(deep, NULL));
    CHECK(gord_otlp_target_equal(NULL, NULL));
    gord_otlp_target_free(deep);
}

TEST(targets_differ_by_their_headers)
{
    char path[] = "/tmp/gor-otlp-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, "A: 1\n#x\nB:2", 11), 11);
    struct gord_otlp_target *one = target_of("http://a", path);
    struct gord_otlp_target *two = target_of("http://a", path);
    CHECK_EQ(one->header_count, 2);
    CHECK_STR(one->headers[1], "B:2");
    CHECK(gord_otlp_target_equal(one, two));
    gord_otlp_target_free(two);
    CHECK_EQ(write(fd, "3", 1), 1);
    two = target_of("http://a", path);
    CHECK(!gord_otlp_target_equal(one, two));
    gord_otlp_target_free(two);
    gord_otlp_target_free(one);
    CHECK_EQ(write(fd, "\0C: 1", 5), 5);
    char why[GORD_OTLP_WHY];
    CHECK_EQ(gord_otlp_target_new("http://a", path, NULL, why, &two), -EINVAL);
    CHECK(strstr(why, "it is no text") != NULL);
    CHECK_EQ(ftruncate(fd, 4), 0);
    CHECK_EQ(fchmod(fd, 0640), 0); /* as of a file of root's, for the daemon's group */
    gord_otlp_target_free(target_of("http://a", path));
    CHECK_EQ(fchmod(fd, 0604), 0);
    CHECK_EQ(gord_otlp_target_new("http://a", path, NULL, why, &two), -EACCES);
    CHECK(strstr(why, "everybody can read") != NULL);
    close(fd);
    unlink(path);
}

TEST(instances_are_told_apart_by_their_state)
{
    char one[GORD_INSTANCE_BYTES], two[GORD_INSTANCE_BYTES];
    gord_instance_id("/var/lib/gord", one);
    CHECK_EQ(strlen(one), GORD_INSTANCE_BYTES - 1);
    gord_instance_id("/var/lib/gord2", two);
    CHECK(strcmp(one, two) != 0);
    if (access("/etc/machine-id", R_OK) == 0) {
        gord_instance_id("/var/lib/gord", two);
        CHECK_STR(one, two);
    }
}
