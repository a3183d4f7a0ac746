#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_sources: each habit it holds, broken once."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "check_sources")
TAG = "/* SPDX-License-Identifier: MIT */\n"
GUARDED = TAG + "#ifndef GOR_A_H\n#define GOR_A_H\n#endif\n"


class CheckSources(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.addCleanup(self.tree.cleanup)

    def check(self, name, content):
        if isinstance(content, str):
            content = content.encode()
        path = os.path.join(self.tree.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return subprocess.run([sys.executable, TOOL, "--root", self.tree.name],
                              capture_output=True, text=True, check=False)

    def assert_refused(self, name, content, place, word):
        result = self.check(name, content)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stdout, rf"(?m)^{place}: .*{word}")

    def test_clean_files_pass(self):
        self.check("a.c", TAG + "int x;\n")
        self.check("notes.md", "A table\tmay have tabs.\n")
        result = self.check("a.h", GUARDED)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_missing_tag(self):
        self.assert_refused("a.c", "int x;\n", "a.c:1", "SPDX")

    def test_script_needs_a_tag_whatever_its_name(self):
        self.assert_refused("run", "#!/bin/sh\n", "run:1", "SPDX")

    def test_no_newline_at_the_end(self):
        self.assert_refused("a.c", TAG + "int x;", "a.c:2", "newline")

    def test_blanks_at_the_end_of_a_line(self):
        self.assert_refused("a.c", TAG + "int x; \n", "a.c:2", "blanks")

    def test_tab_in_c(self):
        self.assert_refused("a.c", TAG + "\tint x;\n", "a.c:2", "tab")

    def test_unfinished_work(self):
        self.assert_refused("a.c", TAG + "// TO" "DO: more\n", "a.c:2", "unfinished")

    def test_too_long(self):
        self.assert_refused("a.c", TAG + "int x;\n" * 800, "a.c:801", "longer than 800")

    def test_public_header_may_be_long(self):
        result = self.check("runtime/gor.h", GUARDED + "int x;\n" * 800)
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_header_without_guard(self):
        self.assert_refused("a.h", TAG + "int x;\n", "a.h:1", "guard")

    def test_binary_file(self):
        self.assert_refused("blob", b"\x7fELF\0\0", "blob:1", "binary")


if __name__ == "__main__":
    unittest.main()
