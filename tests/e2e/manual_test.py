# SPDX-License-Identifier: MIT
"""The manual keeps up with the programs: what --help tells has its place in gorctl(1), gord(8) and
gord.conf(5), and each command of gorctl has a page that mandoc does not complain of."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import gor_e2e as e2e

MAKE_MANUAL = os.path.join(e2e.SOURCE, "tools", "make_manual")


def told(program, *words):
    return subprocess.run([program, *words], capture_output=True, text=True, check=True,
                          timeout=e2e.PATIENCE).stdout


def options(text):
    return set(re.findall(r"^ {2,6}(?:-., )?(--[a-z0-9-]+)", text, re.M)) - {"--help", "--usage"}


def page(path):
    """Its text, without what only sets type."""
    with open(path, encoding="utf-8") as file:
        return re.sub(r"\\f[BIRP]|\\&", "", file.read()).replace(r"\-", "-")


def has(text, option):
    return re.search(re.escape(option) + r"(?![a-z0-9-])", text) is not None


def by_hand(name):
    return page(os.path.join(e2e.SOURCE, "docs", "man", name))


def commands():
    """("submit",), ("cron", "add"), ... and what their --help says."""
    first = told(e2e.GORCTL, "help").split("Exit codes:")[0]
    for name in re.findall(r"^  ([a-z]+)  ", first, re.M):
        if name == "help":
            continue
        text = told(e2e.GORCTL, name, "--help")
        yield (name,), text
        if "WORD [ARGUMENT...]" in text:
            for word in re.findall(r"^  ([a-z]+) ", text, re.M):
                yield (name, word), told(e2e.GORCTL, name, word, "--help")


class Manual(unittest.TestCase):
    def test_gorctl_has_every_command_and_option(self):
        text = by_hand("gorctl.1")
        for words, said in commands():
            self.assertTrue(has(text, " ".join(words)), words)
            for option in options(said):
                self.assertTrue(has(text, option), (words, option))

    def test_gord_has_every_option(self):
        text, said = by_hand("gord.8"), options(told(e2e.GORD, "--help"))
        self.assertGreater(len(said), 50)
        for option in said:
            self.assertTrue(has(text, option), option)

    def test_configuration_has_every_key(self):
        text = by_hand("gord.conf.5")
        keys = re.findall(r"^#?\s*([a-z-]+) *= ", told(e2e.GORD, "--print-config=defaults"), re.M)
        self.assertGreater(len(keys), 40)
        for key in keys:
            self.assertRegex(text, rf"(?m)^\.BR {key} ")

    def test_each_command_has_a_page_of_its_own(self):
        with tempfile.TemporaryDirectory(prefix="gor-manual-") as folder:
            subprocess.run([MAKE_MANUAL, e2e.GORCTL, folder], check=True, timeout=e2e.PATIENCE)
            names = set()
            for words, said in commands():
                names.add(f"gorctl-{words[0]}.1")
                text = page(os.path.join(folder, f"gorctl-{words[0]}.1"))
                own = re.sub(r"^ Connection:\n(?: {2,}.*\n)+", "", said, flags=re.M)
                self.assertIn("gorctl " + " ".join(words), text)
                for option in options(own):
                    self.assertTrue(has(text, option), (words, option))
            self.assertEqual(set(os.listdir(folder)), names)
            if shutil.which("mandoc"):
                paths = [os.path.join(folder, name) for name in sorted(names)]
                lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *paths],
                                      capture_output=True, text=True, check=False)
                self.assertEqual(lint.stdout + lint.stderr, "")


if __name__ == "__main__":
    unittest.main()
