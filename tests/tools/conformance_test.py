#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tests/conformance/README.md names the tests there are: no other, and none is left out."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = (ROOT / "tests/conformance/README.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`((?:model/)?\w+_test)`", TABLE))


def programs(folder):
    return {path.stem for path in (ROOT / "tests" / folder).glob("*_test.c")}


class Conformance(unittest.TestCase):
    def test_every_test_named_exists(self):
        there = programs("runtime") | {f"model/{name}" for name in programs("model")}
        self.assertEqual(sorted(NAMED - there), [])

    def test_every_test_of_the_runtime_is_named(self):
        self.assertEqual(sorted(programs("runtime") - NAMED), [])


if __name__ == "__main__":
    unittest.main()
