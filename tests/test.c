/* SPDX-License-Identifier: MIT */
/* test.c - see test.h. */
#include "tests/test.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifdef GOR_TEST_CMOCKA
#include <cmocka.h>
#endif

enum { MAX_TESTS = 512, ALL_SKIPPED = 77 };

static struct test_case *all_tests;
static char tmpdir[64];
static bool skipped;         /* by the test that runs, or just has */
static size_t skipped_count; /* tests */

void test_register(struct test_case *test)
{
    /* Constructors of one file run in order; append to keep it. */
    struct test_case **link = &all_tests;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = test;
}

uint64_t test_seed(void)
{
    static uint64_t seed;
    if (seed == 0) {
        const char *given = getenv("GOR_TEST_SEED");
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = given != NULL ? strtoull(given, NULL, 0)
                             : (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
        if (seed == 0) {
            seed = 1;
        }
    }
    return seed;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fprintf(stderr, " (GOR_TEST_SEED=%" PRIu64 ")\n", test_seed());
    va_end(args);
    fflush(NULL);
    _exit(1);
}

void test_skip(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("skipped: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    skipped = true;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_tmpdir(void)
{
    (void)nftw(tmpdir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_tmpdir(void)
{
    if (tmpdir[0] == '\0') {
        strcpy(tmpdir, "/tmp/gor-test-XXXXXX");
        if (mkdtemp(tmpdir) == NULL) {
            test_fail(__FILE__, __LINE__, "mkdtemp: %s", strerror(errno));
        }
        atexit(remove_tmpdir);
    }
    return tmpdir;
}

/* False: it was skipped. */
static bool run_case(const struct test_case *test)
{
    skipped = false;
    if (test->run != NULL) {
        test->run(test->body);
    } else {
        test->body();
    }
    skipped_count += skipped;
    return !skipped;
}

#ifdef GOR_TEST_CMOCKA

/* cmocka catches these and jumps out of the handler, which would leave a goroutine's stack; a crash
 * shall end the process, with the report of a sanitizer if there is one. */
static const int crashes[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
enum { CRASHES = sizeof crashes / sizeof crashes[0] };

static struct sigaction crash_actions[CRASHES]; /* as they were before cmocka */

static void run_state(void **state)
{
    for (int i = 0; i < CRASHES; i++) {
        (void)sigaction(crashes[i], &crash_actions[i], NULL);
    }
    if (!run_case(*state)) {
        skip();
    }
}

static int run_all(const char *program, struct test_case *const *cases, size_t count)
{
    static struct CMUnitTest tests[MAX_TESTS];
    for (int i = 0; i < CRASHES; i++) {
        (void)sigaction(crashes[i], NULL, &crash_actions[i]);
    }
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){cases[i]->name, run_state, NULL, NULL, cases[i]};
    }
    return _cmocka_run_group_tests(program, tests, count, NULL, NULL);
}

#else

/* Without cmocka, which cross builds do not have: a failed check ends the process anyway, so all that
 * is left to do is to say what runs. */
static int run_all(const char *program, struct test_case *const *cases, size_t count)
{
    printf("%s: running %zu test(s)\n", program, count);
    for (size_t i = 0; i < count; i++) {
        printf("[ RUN      ] %s\n", cases[i]->name);
        /* A crash shall not take it along, nor a child print it once more. */
        (void)fflush(stdout);
        bool done = run_case(cases[i]);
        printf("[ %s ] %s\n", done ? "      OK" : " SKIPPED", cases[i]->name);
    }
    return 0;
}

#endif

int main(int argc, char **argv)
{
    static struct test_case *cases[MAX_TESTS];
    size_t count = 0;
    for (struct test_case *test = all_tests; test != NULL; test = test->next) {
        if (argc > 1 && strstr(test->name, argv[1]) == NULL) {
            continue;
        }
        if (count == MAX_TESTS) {
            fprintf(stderr, "more than %d tests in one file\n", MAX_TESTS);
            return 1;
        }
        cases[count++] = test;
    }
    int result = run_all(argv[0], cases, count);
    return result == 0 && count > 0 && skipped_count == count ? ALL_SKIPPED : result;
}
