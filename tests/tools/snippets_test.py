#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The C in the pages for C programmers compiles, as it stands there; whole programs also run.

In Markdown, a block marked `c` is code outside functions, `c body` statements inside one; `go` must
be Go for gofmt, where that is installed. In manual pages, an example that includes <gor.h> is a
program. Programs run where $GOR_LIBRARY names a library to link with, and print what RUNS says.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGES = ("README.md", "docs/go-to-libgor.md", "docs/differences.md", "docs/debugging.md", "docs/plugins.md",
         "docs/man/gor.7")
RUNS = {
    "README.md": ["hello from a goroutine\n"],
    "docs/go-to-libgor.md": ["hello from a goroutine\n"],
    "docs/man/gor.7": ["1\n4\n9\n16\n25\n"],
}
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Wno-unused", "-Werror",
         "-I", os.path.join(ROOT, "runtime"), "-I", os.path.join(ROOT, "plugin")]
# What docs/go-to-libgor.md says that its snippets assume.
PRELUDE = """
#include <errno.h>
#include <fcntl.h>
#include <gor.h>
#include <inttypes.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
void use(int number);
int work(int number);
extern struct gor_chan *c, *d;
extern struct gor_ctx *ctx;
extern struct gor_mutex mu;
extern struct gor_waitgroup wg;
#line {line} "{page}"
"""


def markdown_blocks(text):
    """Yield (info string, number of the first line, code)."""
    for match in re.finditer(r"^```(\S[^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield match[1], text.count("\n", 0, match.start()) + 2, match[2]


def manual_blocks(text):
    for match in re.finditer(r"^\.EX\n(.*?)^\.EE$", text, re.M | re.S):
        code = match[1].replace(r"\en", r"\n").replace(r"\-", "-")
        if "#include <gor.h>" in code:
            yield "c", text.count("\n", 0, match.start()) + 2, code


def is_program(code):
    return "int main(" in code


class Snippets(unittest.TestCase):
    def blocks(self, wanted):
        for page in PAGES:
            with open(os.path.join(ROOT, page), encoding="utf-8") as file:
                text = file.read()
            find = markdown_blocks if page.endswith(".md") else manual_blocks
            for info, line, code in find(text):
                if info in wanted:
                    yield page, line, info, code

    def silent(self, command, code):
        result = subprocess.run(command, input=code, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")

    def test_c(self):
        count = 0
        for page, line, info, code in self.blocks(("c", "c body")):
            if info == "c body":
                code = "int snippet(void)\n{\n#line %d \"%s\"\n%s\nreturn 0;\n}\n" % (line, page, code)
            if not is_program(code):
                code = PRELUDE.replace("{line}", str(line)).replace("{page}", page) + code
            with self.subTest(page=page, line=line):
                self.silent(["gcc", *FLAGS, "-fsyntax-only", "-x", "c", "-"], code)
            count += 1
        self.assertGreater(count, len(PAGES))

    @unittest.skipUnless(shutil.which("gofmt"), "gofmt is not installed")
    def test_go(self):
        for page, line, _, code in self.blocks(("go",)):
            with self.subTest(page=page, line=line):
                result = subprocess.run(["gofmt", "-d"], input=code, capture_output=True, text=True,
                                        check=False)
                self.assertEqual(result.stderr, "")
                self.assertEqual(result.stdout, "")

    @unittest.skipUnless("GOR_LIBRARY" in os.environ, "GOR_LIBRARY names no library to link with")
    def test_programs_run(self):
        said = {}
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            for page, _, _, code in self.blocks(("c",)):
                if is_program(code):
                    self.silent(["gcc", *FLAGS, "-o", program, "-x", "c", "-", "-x", "none",
                                 os.environ["GOR_LIBRARY"], "-pthread"], code)
                    result = subprocess.run([program], capture_output=True, text=True, check=False)
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    said.setdefault(page, []).append(result.stdout)
        self.assertEqual(said, RUNS)


if __name__ == "__main__":
    unittest.main()
