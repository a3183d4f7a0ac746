#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The systemd units as they are installed: systemd accepts every line of them, the daemon is as
confined as we say, and the user and group they name get made."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["GOR_BUILD"]
# systemd's own measure of exposure, times ten. The unit tells why it is not lower: jobs inherit
# whatever is taken from gord.
MAX_EXPOSURE = 23


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, **options)


def systemd_version():
    return int(re.match(r"systemd (\d+)", run("systemd-analyze", "--version").stdout)[1])


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="gor-units-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        subprocess.run(["cmake", "--install", BUILD], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DESTDIR=cls.root))
        cls.service = cls.find("gord.service")
        units = os.path.join(cls.root, "usr/lib/systemd/system")
        os.makedirs(units, exist_ok=True)
        for name in os.listdir("/usr/lib/systemd/system"):
            if name.endswith(".target"):  # what the units order themselves by
                shutil.copy(os.path.join("/usr/lib/systemd/system", name), units,
                            follow_symlinks=True)

        os.makedirs(os.path.join(cls.root, "bin"))
        shutil.copy("/bin/kill", os.path.join(cls.root, "bin"))  # what ExecReload names

    @classmethod
    def find(cls, name):
        for folder, _, files in os.walk(cls.root):
            if name in files:
                return os.path.join(folder, name)
        raise FileNotFoundError(name)

    def verify(self):
        return run("systemd-analyze", "verify", "--man=no", f"--root={self.root}", "gord.service",
                   "gord.socket")

    def test_systemd_accepts_both_units(self):
        # Unknown keys are only grumbled about, with exit code 0; so a word on stderr is a failure.
        result = self.verify()
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_wrong_key_would_have_been_noticed(self):
        with open(self.service, encoding="utf-8") as file:
            text = file.read()
        self.addCleanup(self.write_service, text)
        self.write_service(text.replace("ProtectClock=", "ProtectClok="))
        self.assertIn("ProtectClok", self.verify().stderr)

    def write_service(self, text):
        with open(self.service, "w", encoding="utf-8") as file:
            file.write(text)

    def test_exposure_stays_below_what_we_say(self):
        result = run("systemd-analyze", "security", "--offline=true",
                     f"--threshold={MAX_EXPOSURE}", self.service)
        self.assertEqual(result.returncode, 0, result.stdout[-300:])

    def test_what_is_left_open_has_its_reason(self):
        with open(os.path.join(os.environ["GOR_SOURCE"], "docs", "security.md"),
                  encoding="utf-8") as file:
            text = file.read()
        told = {name.replace("\\|", "|"): counts for name, counts, _ in
                re.findall(r"^\| `([^`]+)` \| ([0-9.]+) \| (\S.*) \|$", text, re.M)}
        result = run("systemd-analyze", "security", "--offline=true", "--json=short", self.service)
        left = {one["name"]: one["exposure"] for one in json.loads(result.stdout)
                if one["set"] is False and one["exposure"]}
        self.assertEqual(set(left) - set(told), set(), "open without a reason")
        if systemd_version() == 252:  # others weigh and count in another way
            self.assertEqual(told, left)
            self.assertIn(f"rates its exposure {MAX_EXPOSURE / 10} ", text)

    def test_units_name_the_installed_program(self):
        with open(self.service, encoding="utf-8") as file:
            start = [line for line in file if line.startswith("ExecStart=")]
        program = start[0].removeprefix("ExecStart=").split()[0]
        self.assertTrue(os.access(self.root + program, os.X_OK), program)

    def test_user_and_group_get_made(self):
        result = run("systemd-sysusers", f"--root={self.root}", "--dry-run",
                     self.find("gor.conf"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Creating group 'gor'", result.stderr)
        self.assertIn("Creating user 'gord'", result.stderr)


if __name__ == "__main__":
    for tool in ("systemd-analyze", "systemd-sysusers"):
        if shutil.which(tool) is None:
            print(f"skipped: there is no {tool} here")
            sys.exit(77)
    unittest.main()
