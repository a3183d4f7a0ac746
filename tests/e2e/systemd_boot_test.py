#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gord as a systemd service, under a real systemd booted for the purpose: the first call starts it,
jobs run inside its confinement, and watchdog, crash, restart and stop end as they should."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import systemd_machine

BUILD = os.environ["GOR_BUILD"]
NOBODY = 65534
# Short enough to see the watchdog bite; the unit's own value is for real machines.
OVERRIDE = "[Service]\nWatchdogSec=2s\nTimeoutStopSec=20s\n"


class Booted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tree = tempfile.mkdtemp(prefix="gor-tree-")
        cls.addClassCleanup(shutil.rmtree, cls.tree)
        subprocess.run(["cmake", "--install", BUILD], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, DESTDIR=cls.tree))
        drop_in = os.path.join(cls.tree, "etc/systemd/system/gord.service.d")
        os.makedirs(drop_in)
        with open(os.path.join(drop_in, "test.conf"), "w", encoding="utf-8") as file:
            file.write(OVERRIDE)
        cls.machine = systemd_machine.Machine(cls.tree)
        cls.addClassCleanup(cls.machine.stop)

    def run(self, result=None):
        """After a failure, show what the journal has to say."""
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > bad:
            print(self.machine.run("journalctl", "--no-pager", "-n", "40", "-u", "gord").stdout)
        return result

    def setUp(self):
        self.systemctl("start", "gord.socket")

    def tearDown(self):
        self.machine.run("systemctl", "stop", "gord.service", "gord.socket")
        self.machine.run("systemctl", "reset-failed", "gord.service")

    def systemctl(self, *words):
        result = self.machine.run("systemctl", *words)
        self.assertEqual(result.returncode, 0, result.stderr)

    def gorctl(self, *words, user=None):
        return self.machine.run("gorctl", "-H", "/run/gord/gord.sock", *words, user=user)

    def job(self, script):
        """What a shell script says when it runs as a job."""
        result = self.gorctl("run", "--", "sh", "-c", script)
        return result.returncode, result.stdout

    def show(self, key):
        return self.machine.show("gord.service", key)

    def processes(self):
        """The names of all processes of the daemon's user."""
        listed = self.machine.run("sh", "-c", "for p in /proc/[0-9]*; do "
                                  "[ \"$(stat -c %U $p)\" = gord ] && cat $p/comm; done 2>&-")
        return listed.stdout.split()

    def terminated(self):
        listed = self.gorctl("history", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return json.loads(listed.stdout)

    def test_first_call_starts_the_daemon_and_its_job_runs(self):
        self.assertEqual(self.show("ActiveState"), "inactive")
        self.assertEqual(self.job("echo hello"), (0, "hello\n"))
        self.assertEqual(self.show("ActiveState"), "active")
        self.assertNotEqual(self.show("StatusText"), "")

    def test_jobs_run_as_the_daemons_user_without_privilege(self):
        code, said = self.job("id -un; id -gn; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status")
        self.assertEqual(code, 0)
        self.assertEqual(said.split(), ["gord", "gor", "CapEff:", "0000000000000000",
                                        "NoNewPrivs:", "1"])

    def test_jobs_read_the_system_and_write_temporary_files_only(self):
        self.assertEqual(self.job("cat /etc/hostname >/dev/null && d=$(mktemp -d) && "
                                  "echo kept >$d/file && cat $d/file"), (0, "kept\n"))
        code, _ = self.job("echo x >/usr/bin/gor-test-file")
        self.assertNotEqual(code, 0)

    def test_jobs_may_trace_and_renice_their_own_processes(self):
        base = int(self.job("nice")[1])  # whoever runs the test may be nice himself
        self.assertEqual(self.job("nice -n 5 sh -c 'nice'"), (0, f"{base + 5}\n"))

    def test_jobs_with_limits_have_a_control_group_below_the_units(self):
        script = "grep ^0:: /proc/self/cgroup; grep ^0:: /proc/$PPID/cgroup"
        result = self.gorctl("run", "--limit", "pids=100", "--", "sh", "-c", script)
        self.assertEqual(result.returncode, 0, result.stderr)
        job, daemon = result.stdout.split()
        self.assertRegex(job, r"/gord\.service/jobs/\d+$")
        self.assertTrue(daemon.endswith("/gord.service/gord"), daemon)
        # The group ends with its job, and the unit with all its groups.
        left = self.machine.run("sh", "-c", "ls -d /sys/fs/cgroup/system.slice/gord.service/jobs/[0-9]*")
        self.assertNotEqual(left.returncode, 0, left.stdout)
        self.systemctl("stop", "gord.service")
        self.assertEqual(self.show("Result"), "success")

    def test_jobs_do_not_see_the_notify_socket(self):
        self.assertEqual(self.job("echo ${NOTIFY_SOCKET-unset} ${LISTEN_FDS-unset} "
                                  "${WATCHDOG_USEC-unset}"), (0, "unset unset unset\n"))

    def test_strangers_are_refused(self):
        self.job("true")
        self.assertNotEqual(self.gorctl("ls", user=NOBODY).returncode, 0)

    def test_start_is_done_when_the_daemon_answers(self):
        self.systemctl("start", "gord.service")
        self.assertEqual(self.gorctl("ls").returncode, 0)

    def test_killed_daemon_is_restarted_with_its_history(self):
        self.assertEqual(self.job("exit 7")[0], 7)
        before = self.terminated()
        self.systemctl("kill", "--kill-whom=main", "-s", "KILL", "gord.service")
        self.assertTrue(self.machine.until(lambda: self.show("NRestarts") == "1"))
        self.assertEqual(self.terminated(), before)

    def test_frozen_daemon_is_restarted_by_the_watchdog(self):
        self.job("true")
        self.systemctl("kill", "--kill-whom=main", "-s", "STOP", "gord.service")
        self.assertTrue(self.machine.until(lambda: self.show("NRestarts") == "1"))
        self.assertEqual(self.job("echo back"), (0, "back\n"))

    def configure(self, text):
        result = self.machine.run("sh", "-c", "mkdir -p /etc/gord && printf '%s' \"$1\" "
                                  ">/etc/gord/gord.conf", "sh", text)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.addCleanup(self.machine.run, "rm", "-f", "/etc/gord/gord.conf")

    def test_reload_applies_the_file_and_ends_when_it_is_in_force(self):
        self.job("true")
        began = self.show("ExecMainStartTimestampMonotonic")
        self.configure("lua-slots = 3\ngomaxprocs = 2\n")
        self.systemctl("reload", "gord.service")
        self.assertTrue(self.machine.until(
            lambda: self.show("StatusText").startswith("reloaded: 1 values changed, 1 need")
            or "lua-slots: 1000 -> 3" in self.journal("-u", "gord")))
        self.assertIn("lua-slots: 1000 -> 3", self.journal("-u", "gord"))
        self.assertEqual(self.show("ActiveState"), "active")
        self.assertEqual(self.show("ExecMainStartTimestampMonotonic"), began)
        self.configure("lua-slots = few\n")
        self.systemctl("reload", "gord.service")
        self.assertTrue(self.machine.until(
            lambda: "gord.conf:1: lua-slots is 'few'" in self.journal("-u", "gord")))
        self.assertEqual(self.job("echo up"), (0, "up\n"))

    def test_faulty_file_keeps_it_from_starting_and_is_not_tried_again(self):
        self.configure("lua-slots = several\n")
        self.assertNotEqual(self.machine.run("systemctl", "start", "gord.service").returncode, 0)
        self.assertEqual(self.show("ExecMainStatus"), "2")
        self.assertEqual(self.show("NRestarts"), "0")
        said = "gord.conf:1: lua-slots is 'several'"
        self.assertTrue(self.machine.until(
            lambda: said in self.journal("-u", "gord", "-p", "err")))

    def journal(self, *words):
        return self.machine.run("journalctl", "--no-pager", *words).stdout

    def test_journal_finds_what_was_said_about_a_job(self):
        submitted = self.gorctl("submit", "--", "sleep", "1000")
        job = submitted.stdout.strip()
        self.assertTrue(self.machine.until(lambda: "sleep" in self.processes()))
        self.systemctl("kill", "--kill-whom=main", "-s", "KILL", "gord.service")
        self.assertTrue(self.machine.until(lambda: self.show("NRestarts") == "1"))
        self.gorctl("wait", job)
        self.assertTrue(self.machine.until(
            lambda: "when the daemon started" in self.journal(f"GOR_JOB_ID={job}")))
        record = json.loads(self.journal("-o", "json", f"GOR_JOB_ID={job}").splitlines()[0])
        self.assertEqual(record["SYSLOG_IDENTIFIER"], "gord")
        self.assertEqual(record["PRIORITY"], "4")
        self.assertEqual(record["_SYSTEMD_UNIT"], "gord.service")
        self.assertEqual(record["CODE_FILE"], "daemon/runner/sweep.c")
        self.assertEqual(record["GOR_QUEUE"], "default")

    def test_quiet_daemon_is_left_alone_by_the_watchdog(self):
        self.job("true")
        began = self.show("ExecMainStartTimestampMonotonic")
        self.assertEqual(self.job("sleep 5")[0], 0)  # two and a half watchdog periods
        self.assertEqual(self.show("ExecMainStartTimestampMonotonic"), began)

    def test_stop_ends_running_jobs_and_is_a_success(self):
        submitted = self.gorctl("submit", "--", "sleep", "1000")
        self.assertEqual(submitted.returncode, 0, submitted.stderr)
        self.assertTrue(self.machine.until(lambda: "sleep" in self.processes()))
        self.systemctl("stop", "gord.service")
        self.assertEqual(self.show("Result"), "success")
        self.assertEqual(self.show("ExecMainStatus"), "0")
        self.assertEqual(self.processes(), [])
        shown = self.gorctl("show", "--json", submitted.stdout.strip())
        self.assertIn("cancelled", shown.stdout.lower())

    def test_state_lies_where_it_should_and_is_private(self):
        self.job("true")
        listed = self.machine.run("stat", "-c", "%U %a", "/var/lib/gord", "/var/lib/gord/gord.db")
        self.assertEqual(listed.stdout.split("\n")[:2], ["gord 700", "gord 600"])


if __name__ == "__main__":
    reason = systemd_machine.missing()
    if os.environ.get("GOR_SANITIZE"):
        reason = "a sanitizer's build does not fit into the unit's confinement"
    if reason is not None:
        print("skipped: " + reason)
        sys.exit(77)
    unittest.main()
