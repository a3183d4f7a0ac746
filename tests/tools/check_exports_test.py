#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_exports: a library that keeps its word, and some that do not."""

import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "check_exports")
HEADER = """
#define GOR_API __attribute__((visibility("default")))
/* Two of them. */
GOR_API int gor_one(void);
GOR_API struct gor_thing *gor_two(struct gor_thing *thing,
                                  int (*fn)(void *arg)) __attribute__((nonnull));
"""


MAP = "GOR_0.1 { global: *; };"


class CheckExports(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def check(self, source, symbols=MAP, soname="libx.so.0"):
        library, header, code, script = (os.path.join(self.folder.name, name)
                                         for name in ("libx.so", "x.h", "x.c", "x.map"))
        for path, text in ((header, HEADER), (code, source), (script, symbols)):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        flags = [f"-Wl,--version-script={script}"] if symbols else []
        flags += [f"-Wl,-soname={soname}"] if soname else []
        subprocess.run(["gcc", "-shared", "-fPIC", *flags, "-o", library, code], check=True)
        return subprocess.run([TOOL, library, header], capture_output=True, text=True, check=False)

    def test_exactly_what_the_header_declares(self):
        result = self.check("int gor_one; int gor_two; static int hidden;")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("2 symbols exported by libx.so.0", result.stdout)

    def test_symbol_of_a_later_version_counts(self):
        result = self.check("int gor_one; int gor_two;",
                            "GOR_0.1 { global: gor_[a-z]*; local: *; };"
                            "GOR_0.2 { global: gor_two; } GOR_0.1;")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_symbol_without_a_version(self):
        result = self.check("int gor_one; int gor_two;", symbols="")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"without a version:\n *gor_one\n *gor_two\n")

    def test_library_without_a_soname(self):
        result = self.check("int gor_one; int gor_two;", soname=None)
        self.assertEqual(result.returncode, 1)
        self.assertIn("calls itself ''", result.stderr)

    def test_stray_symbol(self):
        result = self.check("int gor_one; int gor_two; int helper; int gor__insides;")
        self.assertEqual(result.returncode, 1)
        self.assertIn("helper", result.stderr)
        self.assertIn("gor__insides", result.stderr)

    def test_declared_but_missing(self):
        result = self.check("int gor_one;")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"does not export:\n *gor_two\n")

    def test_exported_but_undeclared(self):
        result = self.check("int gor_one; int gor_two; int gor_three;")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"does not declare:\n *gor_three\n")

    def test_wrong_usage_ends_2(self):
        result = subprocess.run([TOOL], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)


if __name__ == "__main__":
    unittest.main()
