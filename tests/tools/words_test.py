#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/debugging.md explains every state and every reason to wait that gor.h has, and no other."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = (ROOT / "runtime/gor.h").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/debugging.md").read_text(encoding="utf-8")
# On the page only: what dumps say of a goroutine that runs.
OF_DUMPS = {"syscall"}


def texts(macro):
    """The texts of an X-macro list, but for empty ones."""
    lines = re.search(rf"#define {macro}\(X\)(.*?[^\\])\n", HEADER, re.S)[1]
    return set(re.findall(r'X\(\w+, "([^"]+)"\)', lines))


def words(head):
    """What stands in the first column of the table with that head."""
    table = re.search(rf"^\| {head} \|.*?\n\n", PAGE + "\n\n", re.M | re.S)[0]
    return {word for row in table.strip().splitlines()[2:]
            for word in re.findall(r"`([^`]+)`", row.split("|")[1])}


class Words(unittest.TestCase):
    def test_states(self):
        self.assertEqual(words("state") - OF_DUMPS, texts("GOR_STATES"))

    def test_reasons(self):
        self.assertEqual(words("words"), texts("GOR_WAIT_REASONS"))


if __name__ == "__main__":
    unittest.main()
