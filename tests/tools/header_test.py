#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gor.h and gor_job.h in every C and C++ that may include it: silent under each compiler's strictest eyes."""

import os
import shutil
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wundef", "-Werror"]
# Not in C++: there -Wshadow minds a function with the name of a struct (gor_defer), as stat has.
STRICT_C = ["-Wshadow", "-Wstrict-prototypes", "-Wc++-compat"]
STRICT_CPP = ["-Wold-style-cast", "-Wzero-as-null-pointer-constant", "-Wextra-semi"]
# Uses the macros, which are judged only where they are expanded.
PROGRAM = """
#include <gor.h>
#include <gor_job.h>
#include <gor.h>
#include <gor_job.h>
int64_t times[] = {GOR_MICROSECOND, 2 * GOR_MILLISECOND, GOR_SECOND, GOR_NEVER};
const char *version = GOR_VERSION;
int last_ones = static_cast_to_int(GOR_STATE_COUNT) + static_cast_to_int(GOR_WAIT_COUNT);
struct gor_mutex lock;
struct gor_case one;
struct gor_opts options;
static int run(struct gor_job *job) { return gor_job_arg_count(job) > 0 ? 1 : 0; }
static const struct gor_job_function functions[] = {
    {"a", "b", "c", NULL_POINTER, run}, {NULL_POINTER, NULL_POINTER, NULL_POINTER, NULL_POINTER, NULL_POINTER}};
const struct gor_job_module gor_job_module = {
    GOR_JOB_ABI, GOR_JOB_RESIDENT, "m", "1", functions, NULL_POINTER, NULL_POINTER};
"""


class Header(unittest.TestCase):
    def compile_all(self, compilers, language, standards, more):
        cast = "static_cast<int>" if language == "c++" else "(int)"
        program = PROGRAM.replace("static_cast_to_int", cast)
        program = program.replace("NULL_POINTER", "nullptr" if language == "c++" else "NULL")
        tried = 0
        for compiler in filter(shutil.which, compilers):
            for standard in standards:
                with self.subTest(compiler=compiler, standard=standard):
                    result = subprocess.run(
                        [compiler, f"-std={standard}", *STRICT, *more, "-I",
                         os.path.join(ROOT, "runtime"), "-I", os.path.join(ROOT, "plugin"),
                         "-fsyntax-only", "-x", language, "-"],
                        input=program, capture_output=True, text=True, check=False)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertEqual(result.stderr, "")
                tried += 1
        self.assertGreaterEqual(tried, len(standards), f"none of {compilers} is installed")

    def test_c99_to_c17(self):
        self.compile_all(["gcc", "clang"], "c", ["c99", "c11", "c17", "gnu17"], STRICT_C)

    def test_cpp11_to_cpp20(self):
        self.compile_all(["g++", "clang++"], "c++", ["c++11", "c++14", "c++17", "c++20", "gnu++20"],
                         STRICT_CPP)


if __name__ == "__main__":
    unittest.main()
