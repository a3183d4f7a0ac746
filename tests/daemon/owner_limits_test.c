/* SPDX-License-Identifier: MIT */
/* The list of owner-limits, good and bad. */
#include <errno.h>
#include <string.h>

#include "daemon/base/owner_limits.h"
#include "tests/test.h"

static int parse(const char *text, struct gord_owner_limits *limits, char why[GORD_OWNER_WHY])
{
    *limits = (struct gord_owner_limits){.queued = 7, .running = 3};
    return gord_owner_limits_parse(text, limits, why);
}

TEST(users_have_what_is_said_and_the_usual)
{
    struct gord_owner_limits limits, copy;
    char why[GORD_OWNER_WHY];
    CHECK_EQ(parse(" root queued=1000  running=4,1001 running=none , 5\tqueued=2", &limits, why),
             0);
    CHECK_EQ(limits.count, 3);
    struct gord_owner_limit root = gord_owner_limits_of(&limits, 0);
    CHECK_STR(root.name, "root");
    CHECK_EQ(root.queued, 1000);
    CHECK_EQ(root.running, 4);
    struct gord_owner_limit other = gord_owner_limits_of(&limits, 1001);
    CHECK_EQ(other.queued, 7);
    CHECK_EQ(other.running, 0);
    CHECK_EQ(gord_owner_limits_of(&limits, 5).running, 3);
    struct gord_owner_limit nobodys = gord_owner_limits_of(&limits, 6);
    CHECK_STR(nobodys.name, "");
    CHECK_EQ(nobodys.queued, 7);
    CHECK_EQ(gord_owner_limits_copy(&limits, &copy), 0);
    gord_owner_limits_fini(&limits);
    CHECK_EQ(gord_owner_limits_of(&copy, 0).queued, 1000);
    gord_owner_limits_fini(&copy);
}

TEST(no_list_leaves_the_usual)
{
    struct gord_owner_limits limits;
    char why[GORD_OWNER_WHY];
    CHECK_EQ(parse(NULL, &limits, why), 0);
    CHECK_EQ(limits.count, 0);
    CHECK_EQ(gord_owner_limits_of(&limits, 0).queued, 7);
    gord_owner_limits_fini(&limits);
}

TEST(rubbish_is_refused_with_what_is_wrong)
{
    static const char *const bad[][2] = {
        {"", "'' is no user"},
        {"root queued=1,", "'' is no user"},
        {"queued=1", "'queued=1' is no user"},
        {"root", "root: neither queued=N nor running=N is said"},
        {"root jobs=1", "root: 'jobs=1' is neither"},
        {"root queued=1 queued=2", "root: queued is there twice"},
        {"root queued=0", "root: 'queued=0': the limit is a number of 1 or more, or none"},
        {"root queued=-1", "root: 'queued=-1'"},
        {"root running=1x", "root: 'running=1x'"},
        {"root running=", "root: 'running='"},
        {"root running=99999999999999999999", "root: 'running=9999"},
        {"root queued=1, 0 queued=2", "user 0 is there twice"},
        {"no-such-user-here queued=1", "no-such-user-here: this machine knows no such user"},
        {"4294967295 queued=1", "4294967295: this machine knows no such user"},
        {"99999999999999999999 queued=1", "this machine knows no such user"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct gord_owner_limits limits;
        char why[GORD_OWNER_WHY];
        CHECK_EQ(parse(bad[i][0], &limits, why), -EINVAL);
        if (strstr(why, bad[i][1]) == NULL) {
            printf("'%s': %s\n", bad[i][0], why);
        }
        CHECK(strstr(why, bad[i][1]) != NULL);
        CHECK(limits.items == NULL);
    }
}

TEST(list_is_bounded)
{
    struct gord_owner_limits limits;
    char why[GORD_OWNER_WHY], text[GORD_OWNERS_MAX * 16 + 64];
    size_t used = 0;
    for (int i = 0; i < GORD_OWNERS_MAX; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d queued=1", i > 0 ? "," : "",
                                 1000 + i);
    }
    CHECK_EQ(parse(text, &limits, why), 0);
    CHECK_EQ(limits.count, GORD_OWNERS_MAX);
    gord_owner_limits_fini(&limits);
    snprintf(text + used, sizeof text - used, ",1 queued=1");
    CHECK_EQ(parse(text, &limits, why), -EINVAL);
    CHECK(strstr(why, "more than 256 users") != NULL);
}
