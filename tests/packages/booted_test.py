#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The packages' life under a real systemd, booted over a copy-on-write view of this machine: what the
scripts start, start anew, leave alone, end and take away."""

import json
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["GOR_SOURCE"], "tests/e2e"))

import lifecycle  # pylint: disable=wrong-import-position
import lifecycle_test  # pylint: disable=wrong-import-position
import systemd_machine  # pylint: disable=wrong-import-position

SOCKET = ("-H", "/run/gord/gord.sock")
POLICY = "/usr/sbin/policy-rc.d"


class Booted(unittest.TestCase):
    def setUp(self):
        tree = tempfile.mkdtemp(prefix="gor-tree-")
        self.addCleanup(shutil.rmtree, tree)
        os.mkdir(os.path.join(tree, "srv"))
        self.first, self.second = lifecycle.lay_packages(os.path.join(tree, "srv"))
        self.machine = systemd_machine.Machine(tree)
        self.addCleanup(self.machine.stop)
        self.output("rm", "-rf", "/var/lib/man-db/auto-update",
                    "/etc/gord")  # of a gord that was installed without a package
        self.policy(0)

    def output(self, *command):
        result = self.machine.run(*command)
        self.assertEqual(result.returncode, 0, f"{command}: {result.stdout}{result.stderr}")
        return result.stdout

    def policy(self, code):
        """What an administrator lets packages do to services: 0 anything, 101 nothing."""
        self.output("sh", "-c", f"printf '#!/bin/sh\\nexit {code}\\n' >{POLICY} && chmod 755 {POLICY}")

    def state(self, unit):
        return self.machine.show(unit, "ActiveState")

    def history(self):
        return json.loads(self.output("gorctl", *SOCKET, "history", "--json"))

    def test_installed_service_works_and_survives_its_upgrade(self):
        self.output("dpkg", "-i", *self.first)
        self.assertEqual((self.state("gord.socket"), self.state("gord.service")),
                         ("active", "active"))
        self.assertEqual(self.output("systemctl", "is-enabled", "gord.socket", "gord.service"),
                         "enabled\nenabled\n")
        self.output("setpriv", "--reuid=65534", "--regid=gor", "--clear-groups", "gorctl", *SOCKET,
                    "run", "--", "true")
        before, pid = self.history(), self.machine.show("gord.service", "MainPID")
        self.output("dpkg", "-i", *self.second)
        self.assertEqual(self.state("gord.service"), "active")
        self.assertNotEqual(self.machine.show("gord.service", "MainPID"), pid)
        self.assertEqual(self.history(), before)

    def test_upgrade_leaves_a_stopped_and_disabled_service_so(self):
        self.output("dpkg", "-i", *self.first)
        self.output("systemctl", "disable", "--now", "gord.service", "gord.socket")
        self.output("dpkg", "-i", *self.second)
        self.assertNotEqual(self.state("gord.service"), "active")
        self.assertNotEqual(self.state("gord.socket"), "active")
        enabled = self.machine.run("systemctl", "is-enabled", "gord.service")
        self.assertEqual(enabled.stdout, "disabled\n")

    def test_policy_keeps_it_from_starting(self):
        self.policy(101)
        self.output("dpkg", "-i", *self.first)
        self.assertNotEqual(self.state("gord.service"), "active")
        self.assertNotEqual(self.state("gord.socket"), "active")

    def test_upgrade_without_a_restart_leaves_programs_running(self):
        self.output("dpkg", "-i", *self.first)
        job = self.output("gorctl", *SOCKET, "submit", "-C", "/", "--", "sleep", "1000").strip()
        self.output("gorctl", *SOCKET, "wait", "--for", "running", job)
        pid = self.machine.show("gord.service", "MainPID")
        self.policy(101)
        self.output("dpkg", "-i", *self.second)
        self.output("gorctl", *SOCKET, "daemon", "upgrade")
        self.assertEqual(self.machine.show("gord.service", "MainPID"), pid)
        self.assertIn("RUNNING", self.output("gorctl", *SOCKET, "show", "--json", job))
        self.output("gorctl", *SOCKET, "cancel", job)

    def test_remove_ends_it_and_purge_takes_its_store(self):
        self.output("dpkg", "-i", *self.first)
        self.output("gorctl", *SOCKET, "submit", "--", "sleep", "1000")
        self.output("dpkg", "--remove", *lifecycle.INSTALLED)
        self.assertNotEqual(self.state("gord.service"), "active")
        self.assertNotEqual(self.state("gord.socket"), "active")
        self.assertEqual(self.machine.run("pgrep", "-u", "gord").stdout, "")
        self.output("test", "-f", "/var/lib/gord/gord.db")
        self.output("dpkg", "--purge", *lifecycle.INSTALLED)
        for place in ("/var/lib/gord", "/run/gord", "/etc/systemd/system/sockets.target.wants/gord.socket",
                      "/etc/systemd/system/multi-user.target.wants/gord.service"):
            self.assertNotEqual(self.machine.run("test", "-e", place).returncode, 0, place)
            self.assertNotEqual(self.machine.run("test", "-L", place).returncode, 0, place)


if __name__ == "__main__":
    lifecycle.skip_or_run(lifecycle_test.reason() or systemd_machine.missing())
