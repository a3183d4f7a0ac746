# SPDX-License-Identifier: MIT
"""The audit trail: who asked for which change, and what came of it."""

import json
import os
import signal
import stat
import subprocess
import unittest

import gorctl_e2e as ctl
import gor_e2e as e2e


class Trail(unittest.TestCase):
    def start(self, *options):
        gord = e2e.Gord(*options)
        self.addCleanup(gord.close)
        gord.start()
        return gord

    def ctl(self, gord, *args, code=0):
        result = ctl.run(*args, env=ctl.environment(gord.socket, ACME_PASSWORD="hunter2"))
        self.assertEqual(result.code, code, result.err)
        return result.out.decode()

    def lines(self, gord, *args):
        return [json.loads(line) for line in self.ctl(gord, "audit", "--json", *args).splitlines()]

    def test_changes_are_told_with_who_what_and_from_where(self):
        gord = self.start()
        job = int(self.ctl(gord, "submit", "-l", "team=x", "--", "sleep", "600"))
        self.ctl(gord, "cancel", "--cause", "too long", str(job))
        self.ctl(gord, "ls")
        self.ctl(gord, "queue", "create", "builds", "2")
        submit, cancel, queue = self.lines(gord)
        self.assertEqual([line["method"] for line in (submit, cancel, queue)],
                         ["Jobs/Submit", "Jobs/Cancel", "Queues/SetQueue"])
        self.assertEqual(submit["reply"]["id"], job)
        self.assertEqual(submit["request"]["spec"]["exec"]["argv"], ["sleep", "600"])
        self.assertEqual(cancel["request"], {"ids": [job], "cause": "too long"})
        for line in (submit, cancel, queue):
            self.assertEqual((line["status"], line["uid"], line["role"], line["from"]),
                             ("OK", os.getuid(), "admin", "unix"))
            self.assertRegex(line["by"], r"^socket, process \d+$")
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")

    def test_secrets_are_not_in_it(self):
        gord = self.start()
        job = ctl.run("submit", "--stdin", "-", "cat", stdin=b"the-password\n",
                      env=ctl.environment(gord.socket, ACME_PASSWORD="hunter2")).text.strip()
        self.ctl(gord, "cancel", job)
        path = os.path.join(gord.state, "audit.log")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("Jobs/Send", text)
        self.assertNotIn("hunter2", text)
        self.assertNotIn("the-password", text)

    def test_lines_are_picked(self):
        gord = self.start()
        jobs = [self.ctl(gord, "submit", "sleep", "600").strip() for _ in range(3)]
        self.ctl(gord, "cancel", jobs[1])
        of_job = self.lines(gord, "--job", jobs[1])
        self.assertEqual([line["method"] for line in of_job], ["Jobs/Submit", "Jobs/Cancel"])
        self.assertEqual(len(self.lines(gord, "--method", "submit")), 3)
        self.assertEqual(len(self.lines(gord, "--method", "submit", "-n", "2")), 2)
        self.assertEqual(self.lines(gord, "--uid", str(os.getuid() + 1)), [])
        self.assertEqual(self.lines(gord, "--since", "2100-01-01"), [])
        self.assertEqual(self.lines(gord, "--until", "2001-01-01"), [])
        self.assertEqual(len(self.lines(gord, "--since", "1h", "-m", "submit")), 3)
        second = self.lines(gord, "-m", "submit")[1]["time"]
        self.assertEqual(len(self.lines(gord, "--since", second, "-m", "submit")), 2)
        self.assertEqual(len(self.lines(gord, "--until", second, "-m", "submit")), 1)
        table = self.ctl(gord, "audit", "-m", "cancel")
        self.assertIn("METHOD", table)
        self.assertIn("Jobs/Cancel", table)
        self.ctl(gord, "cancel", *jobs)

    def test_refused_calls_are_told(self):
        gord = self.start()
        self.ctl(gord, "submit", "--parent", "99", "true", code=ctl.NOT_FOUND)
        line, = self.lines(gord, "--failed")
        self.assertEqual((line["method"], line["status"]), ("Jobs/Submit", "NOT_FOUND"))
        self.assertIn("no job 99", line["detail"])

    def test_streams_are_told_with_their_length(self):
        gord = self.start()
        ctl.run("submit", "--from", "-", "--stream", stdin=b'{"argv": ["true"]}\n' * 7,
                env=ctl.environment(gord.socket))
        line, = self.lines(gord)
        self.assertEqual((line["method"], line["messages"]), ("Jobs/SubmitStream", 7))

    def test_kill_loses_nothing_that_was_answered(self):
        gord = self.start()
        jobs = [self.ctl(gord, "submit", "true").strip() for _ in range(20)]
        gord.process.send_signal(signal.SIGKILL)
        gord.process.wait(e2e.PATIENCE)
        with open(os.path.join(gord.state, "audit.log"), "ab") as file:
            file.write(b'{"time":"cut short')
        gord.start()
        told = [str(line["reply"]["id"]) for line in self.lines(gord, "-m", "submit")]
        self.assertEqual(told, jobs)

    def test_old_files_go(self):
        gord = self.start("--audit-keep", "1M")
        big = "x" * 190
        batch = "".join(json.dumps({"argv": ["true"], "labels": {"text": big}}) + "\n"
                        for _ in range(20)).encode()
        for _ in range(70):
            done = ctl.run("submit", "--from", "-", stdin=batch, env=ctl.environment(gord.socket))
            self.assertEqual(done.code, 0, done.err)
        files = sorted(name for name in os.listdir(gord.state) if name.startswith("audit.log"))
        self.assertGreater(len(files), 3)
        self.assertLessEqual(len(files), 8)
        size = sum(os.stat(os.path.join(gord.state, name)).st_size for name in files)
        self.assertLess(size, 2 << 20)
        times = [line["time"] for line in self.lines(gord)]
        self.assertEqual(times, sorted(times))

    def test_none_is_kept_if_nobody_wants_it(self):
        gord = self.start("--audit-keep", "none")
        self.ctl(gord, "submit", "true")
        self.assertFalse(os.path.exists(os.path.join(gord.state, "audit.log")))
        result = ctl.run("audit", env=ctl.environment(gord.socket))
        self.assertNotEqual(result.code, 0)
        self.assertIn(b"--audit-keep none", result.err)

    def test_bad_options_are_refused(self):
        for option, text in (("17", "1M or more"), ("0", "or none")):
            done = subprocess.run([e2e.GORD, "--audit-keep", option], capture_output=True,
                                  text=True, check=False, timeout=e2e.PATIENCE)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)
        gord = self.start()
        for args in (("-n", "0"), ("-n", "x"), ("--since", "x"), ("--uid", "x"), ("word",)):
            self.ctl(gord, "audit", *args, code=ctl.USAGE)


if __name__ == "__main__":
    e2e.main()
