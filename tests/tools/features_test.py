# SPDX-License-Identifier: MIT
"""docs/features.md: every test that it names is there."""

import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def named():
    """(room, test) of every test in the tables; a bare name is in the room of the one before it."""
    with open(os.path.join(ROOT, "docs", "features.md"), encoding="utf-8") as file:
        rows = [line for line in file if line.startswith("| ")]
    for row in rows:
        room = None
        for word in re.findall(r"`([a-z0-9_/*]+_test)`", row.rsplit("|", 2)[1]):
            folder, _, name = word.rpartition("/")
            room = folder or room
            yield room, name


def tests_of(room):
    return {os.path.splitext(name)[0] for name in os.listdir(os.path.join(ROOT, "tests", room))}


class Features(unittest.TestCase):
    def test_named_tests_are_there(self):
        found = list(named())
        self.assertGreater(len(found), 60)
        for room, name in found:
            with self.subTest(room=room, name=name):
                pattern = re.compile(name.replace("*", ".*") + "$")
                self.assertTrue(any(pattern.match(test) for test in tests_of(room)))


if __name__ == "__main__":
    unittest.main()
