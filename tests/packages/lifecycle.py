# SPDX-License-Identifier: MIT
"""The life of the packages in a root where no systemd runs: installed, at work, upgraded, removed,
purged. What starts gord there is the test, as the unit would: its user, its command line."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import clean_root
import debs

INSTALLED = ("gord", "gorctl", debs.soname_package(), "libgor-dev")
AS_GORD = ("setpriv", "--reuid=gord", "--regid=gor", "--clear-groups")
PLACES = ("/etc", "/usr", "/var", "/run", "/home", "/root", "/opt")


def skip_or_run(reason):
    """The end of a test program: 77 with the reason, or its tests."""
    if reason is not None:
        print(f"skipped: {reason}")
        raise SystemExit(77)
    unittest.main(verbosity=2)


def lay_packages(folder):
    """The packages and their next version into `folder`: two lists of paths in a root's /srv."""
    first, second = [], []
    with tempfile.TemporaryDirectory(prefix="gor-debs-") as scratch:
        for name in INSTALLED:
            shutil.copy(debs.paths()[name], folder)
            first.append("/srv/" + os.path.basename(debs.paths()[name]))
            shutil.copy(debs.with_higher_version(name, scratch), folder)
        second = ["/srv/" + name for name in sorted(os.listdir(folder)) if name.endswith("_test.deb")]
    return first, second


class Lifecycle:
    """What every such test does; a class beside it says of which system, and how to install."""

    base = "/"

    def install(self, packages):
        self.root.output("dpkg", "-i", *packages)

    def setUp(self):
        with tempfile.TemporaryDirectory(prefix="gor-debs-") as folder:
            self.first, self.second = lay_packages(folder)
            self.root = clean_root.Root(self.base, folder)
        self.addCleanup(self.root.stop)
        # An index of all of a system's manual pages for each installation would take most of the time.
        self.root.output("rm", "-f", "/var/lib/man-db/auto-update")

    def files(self):
        """All that could be a trace of ours, but for what dpkg and apt note down for themselves, and
        for what people may be making in their homes meanwhile: no program hides anything there."""
        listed = self.root.output("find", *PLACES, "-xdev", "-regex", r".*/\(lib\)?gor.*")
        return {path for path in listed.splitlines()
                if not re.match(r"/var/(lib/(dpkg|apt)|cache|log)/|/(root|home/[^/]+)/[^.]", path)}

    def gorctl(self, *words):
        """As root, who may; members of the group may where the socket unit made the socket."""
        return self.root.run("gorctl", *words)

    def start_gord(self):
        """As the unit does, whose command line it takes."""
        unit = self.root.output("cat", "/usr/lib/systemd/system/gord.service")
        command = re.search(r"^ExecStart=(.*)$", unit, re.M).group(1).split()
        self.root.output("install", "-d", "-o", "gord", "-g", "gor", "/run/gord")
        self.root.start(*AS_GORD, *command)
        up = self.root.until(lambda: self.gorctl("ls").returncode == 0)
        self.assertTrue(up, self.root.run("cat", "/tmp/said").stdout)

    def gord(self):
        """Process ids of all that runs as the daemon's user."""
        return self.root.output("sh", "-c", "for p in /proc/[0-9]*; do [ \"$(stat -c %U $p 2>&-)\" = "
                                "gord ] && echo ${p#/proc/}; done; true").split()

    def history(self):
        listed = self.gorctl("history", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return json.loads(listed.stdout)["jobs"]

    def check_installed(self):
        self.assertEqual(self.root.output("stat", "-c", "%U %G %a", "/var/lib/gord").split(),
                         ["gord", "gor", "700"])
        user = self.root.output("getent", "passwd", "gord").strip().split(":")
        self.assertEqual(user[5:], ["/var/lib/gord", "/usr/sbin/nologin"])
        self.assertLess(int(user[2]), 1000)
        for link in ("multi-user.target.wants/gord.service", "sockets.target.wants/gord.socket"):
            self.root.output("test", "-L", f"/etc/systemd/system/{link}")
        self.assertEqual(self.gord(), [])

    def check_work(self):
        self.start_gord()
        ran = self.gorctl("run", "--", "id", "-un")
        self.assertEqual((ran.returncode, ran.stdout), (0, "gord\n"), ran.stderr)
        stranger = self.root.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                 "gorctl", "ls")
        self.assertNotEqual(stranger.returncode, 0)

    def check_upgrade(self):
        """Nobody restarts what no systemd started; the new version reads what the old one wrote."""
        before, running = self.history(), self.gord()
        self.install(self.second)
        self.assertEqual(self.gord(), running)
        self.root.output("sh", "-c", "kill " + " ".join(running))
        self.assertTrue(self.root.until(lambda: not self.gord()))
        self.start_gord()
        self.assertEqual(self.history(), before)
        self.assertTrue(self.root.output("dpkg-query", "-W", "-f", "${Version}", "gord")
                        .endswith("+1"))

    def check_remove(self):
        """Ends the daemon and its jobs, and keeps the store, which a later version finds again."""
        self.gorctl("submit", "--", "sleep", "1000")
        self.assertTrue(self.root.until(lambda: len(self.gord()) > 1))
        before = self.history()
        self.root.output("dpkg", "--remove", *INSTALLED)
        self.assertEqual(self.gord(), [])
        self.root.output("test", "-f", "/var/lib/gord/gord.db")
        self.install(self.second)
        self.start_gord()
        self.assertEqual(self.history()[-len(before):], before)

    def check_purge(self, before):
        self.root.output("dpkg", "--purge", *INSTALLED)
        self.assertEqual(self.gord(), [])
        self.assertEqual(self.files() - before, set())
        self.root.output("getent", "passwd", "gord")  # its number is nobody else's
        self.assertEqual(self.root.output("dpkg", "--audit"), "")

    def test_install_work_upgrade_remove_purge(self):
        before = self.files()
        self.install(self.first)
        self.check_installed()
        self.check_work()
        self.check_upgrade()
        self.check_remove()
        self.check_purge(before)
