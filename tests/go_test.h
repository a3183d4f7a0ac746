/* SPDX-License-Identifier: MIT */
/* go_test.h - GO_TEST(name): a test whose body is the root goroutine of a fresh runtime. */
#ifndef GOR_TESTS_GO_TEST_H
#define GOR_TESTS_GO_TEST_H

#include "runtime/gor.h"
#include "tests/test.h"

/* What a goroutine that never runs again holds would be called a leak. The library has some of its own
 * about to end, such as those that end contexts; a test that leaves others behind knows why. */
static void test_settle(void)
{
#if defined(__SANITIZE_ADDRESS__)
    for (int i = 0; i < 20 && gor_num_goroutine() > 1; i++) {
        (void)gor_sleep(GOR_MILLISECOND);
    }
#endif
}

static int test_call_body(void *arg)
{
    void (*body)(void) = *(void (**)(void))arg;
    body();
    test_settle();
    return 0;
}

__attribute__((unused)) static void test_run_goroutine(void (*body)(void))
{
    CHECK_EQ(gor_run(NULL, test_call_body, &body), 0);
}

#define GO_TEST(test_name) TEST_DEFINE(test_name, test_run_goroutine)

#endif
