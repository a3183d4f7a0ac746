#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/leaks.md has a verdict for each program of tests/runtime/leak_cases, and no other."""
import glob
import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


class LeaksDoc(unittest.TestCase):
    def test_every_program_has_one_verdict(self):
        programs = {}
        for path in glob.glob(os.path.join(ROOT, "tests", "runtime", "leak_cases", "*.c")):
            for kind, name in re.findall(r"^(LEAK|DEADLOCK)_CASE\((\w+)\)", read(path), re.M):
                programs[name] = kind
        text = read("docs", "leaks.md").split("## Programs and verdicts")[1]
        verdicts = re.findall(r"^\| (\w+) \| (no leak|\d+ leaked|deadlock) \|$", text, re.M)
        self.assertEqual(sorted(programs), sorted(name for name, _ in verdicts))
        for name, verdict in verdicts:
            self.assertEqual(programs[name] == "DEADLOCK", verdict == "deadlock", name)


if __name__ == "__main__":
    sys.exit(unittest.main())
