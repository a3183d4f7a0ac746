#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The configuration file of a real gord: checked, printed, in step with what is installed and told in
the manual, and read again while it runs."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import gor_e2e


def gord(*words):
    """Run gord with these words to its end."""
    return subprocess.run(gor_e2e.gord_command(*words), capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=gor_e2e.PATIENCE)


def source(*parts):
    with open(os.path.join(gor_e2e.SOURCE, *parts), encoding="utf-8") as file:
        return file.read()


def keys():
    """Every key, with its default."""
    return re.findall(r"^#([a-z-]+) = (.*)$", gord("--print-config=defaults").stdout, re.M)


class InStep(unittest.TestCase):
    def test_installed_file_is_what_the_table_says(self):
        self.assertEqual(source("systemd", "gord.conf"), gord("--print-config=defaults").stdout,
                         "gord --print-config=defaults >systemd/gord.conf")

    def test_manual_knows_every_key_and_its_default(self):
        page = source("docs", "man", "gord.conf.5").replace("\\-", "-")
        for key, default in keys():
            self.assertRegex(page, rf'(?m)^\.BR {key} " = {re.escape(default)}( |")')
        listed = re.findall(r'(?m)^\.BR ([a-z-]+) " = ', page)
        self.assertEqual(listed, [key for key, _ in keys()])

    def test_manual_knows_what_a_reload_changes(self):
        page = source("docs", "man", "gord.conf.5").replace("\\-", "-")
        text = gord("--print-config=defaults").stdout
        for block in text.split("\n\n"):
            match = re.search(r"^#([a-z-]+) = ", block, re.M)
            if match:
                block = block.replace("\n# ", " ")
                line = re.search(rf'(?m)^\.BR {match[1]} " = .*$', page)[0]
                self.assertEqual("A reload changes it." in block, "(R)" in line, match[1])

    def test_help_has_every_option_where_one_looks_for_it(self):
        """argp breaks lines oddly where a word is long."""
        for line in gord("--help").stdout.splitlines():
            self.assertLess(len(line), 80, line)
            self.assertNotRegex(line, r"^(?! {6}-)(?! {2}-., ) +--", line)

    def test_manual_tells_of_every_option(self):
        page = source("docs", "man", "gord.8").replace("\\-", "-")
        for option in re.findall(r"--[a-z-]+", gord("--usage").stdout):
            if option != "--usage":
                self.assertIn(option, page)


class Words(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gor-conf-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "gord.conf")

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path, 0o644)

    def test_check_says_ok(self):
        self.write("exec-slots = 3\n")
        result = gord("--config", self.path, "--check-config")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "ok\n", ""))

    def test_check_says_every_fault(self):
        self.write("exec-slots = many\nfinish-hook = /nonexistent\ntls-cert = /nonexistent\n")
        result = gord("--config", self.path, "--check-config", "--grace=1")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        faults = [line for line in result.stderr.split("\n") if line]
        self.assertEqual(len(faults), 5, result.stderr)
        for line in (1, 2, 3):
            self.assertTrue(any(fault.startswith(f"gord: {self.path}:{line}: ") for fault in faults))

    def test_check_warns_of_a_stop_that_awaits_nothing(self):
        self.write("stop-timeout = 8s\nstop-policy = wait\n")
        result = gord("--config", self.path, "--check-config")
        self.assertEqual((result.returncode, result.stdout), (0, "ok\n"))
        self.assertEqual(result.stderr, f"gord: warning: {self.path}:1: stop-timeout is 8s, but a "
                         "stop keeps 15s back for its end (10s, and the grace of 5s): no job is "
                         "awaited, though stop-policy says so; give more than 15s\n")
        for words, told in ((("--grace", "80s"), "give more than 1m30s"),
                            (("--stop-timeout", "15s"), "also if its on-stop says so"),
                            (("--stop-timeout", "15100ms"), None),
                            (("--stop-timeout", "16s", "--otlp-endpoint", "http://127.0.0.1:1"),
                             "keeps 17s back for its end (12s,")):
            self.write("")
            result = gord("--config", self.path, "--check-config", *words)
            self.assertEqual((result.returncode, result.stdout), (0, "ok\n"), result.stderr)
            if told is None:
                self.assertEqual(result.stderr, "")
            else:
                self.assertIn(told, result.stderr)

    def test_start_and_reload_warn_of_a_stop_that_awaits_nothing(self):
        self.write("stop-timeout = 8s\n")
        gord, client = gor_e2e.begin_gord(self, f"--config={self.path}")
        text = "no job is awaited"
        self.assertEqual(gord.stderr().count(text), 1)
        self.write("stop-timeout = 9s\n")
        client.runtime("Reload")
        self.assertEqual(gord.stderr().count(text), 2)
        self.write("stop-timeout = 80s\n")
        client.runtime("Reload")
        self.assertEqual(gord.stderr().count(text), 2)

    def test_check_looks_into_certificates(self):
        for name in ("cert", "key"):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write("no certificate\n")
            os.chmod(os.path.join(self.folder, name), 0o600)
        self.write(f"tls-cert = {self.folder}/cert\ntls-key = {self.folder}/key\n")
        result = gord("--config", self.path, "--check-config")
        self.assertEqual(result.returncode, 2)
        self.assertIn("TLS: ", result.stderr)

    def test_print_says_where_each_value_comes_from(self):
        self.write("\nexec-slots = 3\n")
        result = gord("--config", self.path, "--print-config", "--grace=7s")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, rf"exec-slots = 3 +# {re.escape(self.path)}:2\n")
        self.assertRegex(result.stdout, r"grace = 7s +# command line\n")
        self.assertRegex(result.stdout, r"lua-slots = 1000 +# default\n")

    def test_daemon_does_not_start_with_a_faulty_file(self):
        self.write("exec-slots = 3\nno-such-key = 1\n")
        result = gord("--config", self.path, "--state-dir", self.folder)
        self.assertEqual(result.returncode, 2)
        self.assertIn(f"{self.path}:2: 'no-such-key' is no key", result.stderr)


class Reload(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gor-conf-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "gord.conf")
        self.write("exec-slots = 1\nlog-level = info\n")
        self.gord = gor_e2e.Gord(f"--config={self.path}", "--lua-slots=7")
        self.addCleanup(self.gord.close)
        self.gord.start()
        self.client = self.gord.client()
        self.addCleanup(self.client.close)

    def tearDown(self):
        self.assertEqual(self.gord.stop(), 0)
        self.assertNotIn("Sanitizer", self.gord.stderr())

    write = Words.write

    def reload(self, text):
        """Give it that configuration, and await its end of reading it; what it said to systemd."""
        self.write(text)
        self.gord.notify.said.clear()
        self.gord.process.send_signal(signal.SIGHUP)
        self.assertIsNotNone(self.gord.notify.wait_for("READY=1", alive=self.gord.alive))
        self.assertIsNotNone(self.gord.notify.wait_for("STATUS=", alive=self.gord.alive))
        return self.gord.notify.said

    def test_systemd_is_told_of_begin_and_end(self):
        said = self.reload("exec-slots = 1\nlog-level = info\n")
        self.assertEqual(said[0], "RELOADING=1")
        self.assertRegex(said[1], r"^MONOTONIC_USEC=[1-9]\d+$")
        self.assertIn("STATUS=reloaded: 0 values changed, 0 need a restart", said)

    def test_slots_are_had_at_once(self):
        first = self.client.exec("sleep", "1000")
        second = self.client.exec("sleep", "1000")
        self.client.wait_process(first)
        self.assertEqual(self.client.get(second).state, gor_e2e.RUNNABLE)
        self.reload("exec-slots = 2\n")
        self.client.wait_process(second)
        self.assertIn("reload: exec-slots: 1 -> 2", self.gord.stderr())
        self.assertIn("reload: log-level: info -> notice", self.gord.stderr())
        self.reload("exec-slots = 1\n")
        third = self.client.exec("sleep", "1000")
        self.assertEqual(self.client.runtime("Stats").exec_slots, 1)
        self.client.jobs("Cancel", ids=[first])
        self.client.wait(first)
        self.assertEqual(self.client.get(third).state, gor_e2e.RUNNABLE)

    def test_faults_change_nothing(self):
        said = self.reload("exec-slots = 5\ngrace = soon\nno-key = 1\n")
        self.assertTrue(any("the reload changed nothing" in line for line in said), said)
        text = self.gord.stderr()
        self.assertIn(f"{self.path}:2: grace is 'soon'", text)
        self.assertIn(f"{self.path}:3: 'no-key' is no key", text)
        self.assertEqual(self.client.runtime("Stats").exec_slots, 1)
        os.unlink(self.path)
        self.gord.notify.said.clear()
        self.gord.process.send_signal(signal.SIGHUP)
        self.assertIsNotNone(self.gord.notify.wait_for("READY=1", alive=self.gord.alive))
        self.assertIn("there is no such file", self.gord.stderr())

    def test_what_needs_a_restart_is_named_and_stays(self):
        said = self.reload("exec-slots = 1\nlog-level = info\ngomaxprocs = 3\n"
                           "metrics-listen = 127.0.0.1:0\nlua-slots = 9\ngrace = 1s\n")
        self.assertIn("STATUS=reloaded: 1 values changed, 2 need a restart", said)
        text = self.gord.stderr()
        self.assertIn("reload: gomaxprocs: auto -> 3 needs a restart", text)
        self.assertIn("reload: metrics-listen: none -> 127.0.0.1:0 needs a restart", text)
        self.assertIn("reload: grace: 5s -> 1s", text)
        self.assertEqual(self.client.runtime("Stats").lua_slots, 7)  # the command line's

    def test_history_is_kept_as_the_file_says_now(self):
        jobs = [self.client.native("builtin.echo", "x") for _ in range(20)]
        self.client.wait(*jobs)
        self.reload("keep-jobs = 5\nlog-level = info\n")
        end = time.monotonic() + gor_e2e.PATIENCE
        while self.client.jobs("List", limit=1).total_terminated != 5:
            self.assertLess(time.monotonic(), end)  # removing makes no event to wait for
            time.sleep(0.01)
        self.reload("keep-jobs = all\nkeep-size = 1G\nlog-level = info\n")
        more = [self.client.native("builtin.echo", "x") for _ in range(20)]
        self.client.wait(*more)
        self.assertEqual(self.client.jobs("List", limit=1).total_terminated, 25)

    def test_hook_output_and_environment_follow(self):
        hook = os.path.join(self.folder, "hook")
        with open(hook, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho hooked $GOR_HOOK_JOB\n")
        os.chmod(hook, 0o755)
        self.reload(f"finish-hook = {hook}\nlog-cap = 64K\nhide-env = ACME_*\nexec-slots = 4\n")
        env = {"PATH": "/usr/bin:/bin", "ACME_PIN": "1234"}
        job = self.client.submit(self.client.exec_spec("head", "-c", "1000000", "/dev/zero", env=env))
        self.client.wait(job)
        self.assertLess(len(self.client.logs(job)), 200000)
        shown = self.client.get(job)
        self.assertNotIn(b"1234", shown.SerializeToString())
        after = self.client.wait(job + 1)
        self.assertEqual(after.outcome, gor_e2e.SUCCEEDED)
        self.assertIn(b"hooked %d" % job, self.client.logs(job + 1))

    def test_reloads_beside_running_jobs(self):
        """Values change under the hands of goroutines that read them."""
        jobs = [self.client.exec("sleep", "1000") for _ in range(30)]
        for i in range(20):
            self.reload(f"exec-slots = {i % 5 + 1}\ngrace = {i + 1}ms\nlog-level = debug\n"
                        f"log-cap = {64 + i}K\nkeep-jobs = {i + 1000}\n")
            self.client.jobs("Cancel", ids=[jobs[i]])
        self.client.jobs("Cancel", ids=jobs)
        self.client.wait(*jobs)

    def test_stop_after_a_reload_knows_the_new_grace(self):
        self.reload("exec-slots = 2\ngrace = 10ms\n")
        self.client.deaf()


if __name__ == "__main__":
    gor_e2e.main()
