/* SPDX-License-Identifier: MIT */
/* test.h - the harness of every C test: tests are found by the TEST macro, run by cmocka, or without
 * it (GOR_TEST_CMOCKA) one after the other.
 *
 * TEST(name) is an ordinary test; GO_TEST(name) runs its body as the root goroutine of a fresh
 * runtime. The CHECK macros work on any thread and any goroutine: they print both sides and end the
 * process, since cmocka's own assertions longjmp and must not leave a goroutine's stack.
 * A program given a word runs only the tests whose names contain it.
 */
#ifndef GOR_TESTS_TEST_H
#define GOR_TESTS_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*body)(void);
    void (*run)(void (*body)(void)); /* how to run the body; NULL: call it */
    struct test_case *next;          /* list link of all tests of this program */
};

void test_register(struct test_case *test);

/* Print the failure and end the process with code 1. */
void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));

/* Say why this test cannot be done here; the caller returns then. If no other was done either, the
 * program ends with 77, which ctest takes for skipped. */
void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The seed of this run: $GOR_TEST_SEED, else from the clock; printed when a test fails. */
uint64_t test_seed(void);

/* A fresh empty folder, removed when the process ends well. The text stays valid. */
const char *test_tmpdir(void);

#define TEST_DEFINE(test_name, runner)                                               \
    static void test_##test_name(void);                                              \
    __attribute__((constructor)) static void register_##test_name(void)              \
    {                                                                                \
        static struct test_case test = {#test_name, test_##test_name, runner, NULL}; \
        test_register(&test);                                                        \
    }                                                                                \
    static void test_##test_name(void)

#define TEST(test_name) TEST_DEFINE(test_name, NULL)

#define CHECK(condition)                                              \
    do {                                                              \
        if (!(condition)) {                                           \
            test_fail(__FILE__, __LINE__, "%s is false", #condition); \
        }                                                             \
    } while (0)

#define CHECK_INT(actual, op, expected)                                                           \
    do {                                                                                          \
        long long actual_ = (long long)(actual);                                                  \
        long long expected_ = (long long)(expected);                                              \
        if (!(actual_ op expected_)) {                                                            \
            test_fail(__FILE__, __LINE__, "%s %s %s: %lld against %lld", #actual, #op, #expected, \
                      actual_, expected_);                                                        \
        }                                                                                         \
    } while (0)

#define CHECK_EQ(actual, expected) CHECK_INT(actual, ==, expected)

#define CHECK_STR(actual, expected)                                            \
    do {                                                                       \
        const char *actual_ = (actual);                                        \
        const char *expected_ = (expected);                                    \
        if (actual_ == NULL || strcmp(actual_, expected_) != 0) {              \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #actual, \
                      actual_ ? actual_ : "(null)", expected_);                \
        }                                                                      \
    } while (0)

#endif
