# SPDX-License-Identifier: MIT
"""SIGUSR2: gord becomes another binary, and programs that run do not notice."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import gor_e2e as e2e
import gorctl_e2e
from exec_use_test import lives

CRASHING = os.environ.get("GORD_CRASHING", "")
WAIT, REQUEUE = 2, 3


def gorctl(*args, **env):
    return subprocess.run(gorctl_e2e.command(*args), env=gorctl_e2e.environment(**env), text=True,
                          capture_output=True, check=False, stdin=subprocess.DEVNULL)


class UpgradedGord(e2e.Gord):
    """One whose binary is a copy, which can be replaced."""

    def __init__(self, *options):
        super().__init__(*options)
        self.binary = os.path.join(self.folder, "gord")
        shutil.copy(e2e.GORD, self.binary)

    def command(self):
        command = super().command()
        command[command.index(e2e.GORD)] = self.binary
        return command

    def upgrade(self):
        """Ask for it, and wait until it serves again."""
        self.notify.said.clear()
        self.process.send_signal(signal.SIGUSR2)
        if self.notify.wait_for("READY=1", alive=self.alive) is None:
            raise AssertionError("no upgrade:\n" + self.stderr())

    def replace_binary(self, text):
        """By something else under the same name."""
        os.unlink(self.binary)
        with open(self.binary, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.binary, 0o755)


class AcrossDaemons(unittest.TestCase):
    """A gord that becomes another, or starts anew, amid a test."""

    def again(self):
        self.client.close()
        self.client = self.gord.client()
        self.addCleanup(self.client.close)


class WatchedGord(UpgradedGord):
    """One that is to tell again and again that it lives."""

    def environment(self):
        return {**super().environment(), "WATCHDOG_USEC": "300000"}


class Upgrade(unittest.TestCase):
    def setUp(self):
        self.client = None

    def begin(self, *options):
        self.gord, self.client = e2e.begin_gord(self, *options, kind=UpgradedGord)

    def upgrade(self):
        self.client.close()
        pid = self.gord.process.pid
        self.gord.upgrade()
        self.assertIn("took over from gord", self.gord.stderr())
        self.assertEqual(self.gord.process.pid, pid)
        self.client = self.gord.client()

    def tearDown(self):
        if self.client is None:
            return
        self.client.close()
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        text = self.gord.stderr()
        self.assertNotIn("Sanitizer", text)
        self.assertNotIn("runtime error", text)

    def flag(self, name):
        return os.path.join(self.gord.folder, name)

    def program(self, script, **fields):
        job = self.client.exec("sh", "-c", script, **fields)
        self.client.wait_process(job)
        return job

    def test_output_goes_on_without_losing_or_doubling_a_byte(self):
        self.begin()
        stop = self.flag("stop")
        job = self.program(f"i=0; while test ! -e {stop}; do i=$((i+1)); echo $i; "
                           "echo e$i >&2; done")
        for _ in range(3):
            self.upgrade()
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        with open(stop, "w", encoding="ascii"):
            pass
        ended = self.client.wait(job)
        self.assertEqual(ended.outcome, e2e.SUCCEEDED)
        out = self.client.logs(job, stream=1)
        count = len(out.split())
        if ended.stdout_bytes == len(out):  # else the middle is not kept
            self.assertEqual(out, b"".join(b"%d\n" % i for i in range(1, count + 1)))
        notes = [e.reason for e in self.client.events(job) if "replaced" in e.reason]
        self.assertEqual(len(notes), 3)

    def test_the_end_and_what_it_used_are_told(self):
        self.begin()
        go = self.flag("go")
        jobs = [self.program(f"while test ! -e {go}; do sleep 0.01; done; exit {code}")
                for code in (0, 7)]
        killed = self.program("exec sleep 1000")
        self.upgrade()
        with open(go, "w", encoding="ascii"):
            pass
        self.assertEqual([self.client.wait(j).exit_code for j in jobs], [0, 7])
        self.assertGreater(self.client.get(jobs[0]).use.peak_memory_bytes, 0)
        os.kill(self.client.get(killed).pid, signal.SIGTERM)
        ended = self.client.wait(killed)
        self.assertEqual((ended.outcome, ended.signal), (e2e.SIGNALED, signal.SIGTERM))

    def test_those_that_end_meanwhile_are_not_lost(self):
        self.begin()
        jobs = [self.client.exec("sh", "-c", f"sleep 0.{i:02}; echo {i}; exit 3")
                for i in range(0, 60, 3)]
        for job in jobs:
            self.client.wait_process(job)
        self.upgrade()
        for ended in self.client.wait(*jobs):
            self.assertEqual((ended.outcome, ended.exit_code), (e2e.FAILED, 3))
        for i, job in zip(range(0, 60, 3), jobs):
            self.assertEqual(self.client.logs(job, stream=1), b"%d\n" % i)

    def test_input_stays_open_and_children_stay_its_own(self):
        self.begin()
        spec = self.client.exec_spec("sh", "-c", "sleep 1000 & echo $!; exec cat")
        spec.exec.stdin_pipe = True
        job = self.client.submit(spec)
        child = int(next(iter(self.client.jobs("Logs", id=job, follow=True))).data)
        self.client.jobs("Send", id=job, data=b"before\n")
        self.upgrade()
        self.client.jobs("Send", id=job, data=b"after\n")
        self.client.jobs("Send", id=job, data=b"", close=True)
        self.assertEqual(self.client.wait(job).outcome, e2e.SUCCEEDED)
        self.assertEqual(self.client.logs(job, stream=1), b"%d\nbefore\nafter\n" % child)
        self.assertFalse(lives(child))

    def test_progress_result_and_pauses_go_along(self):
        self.begin()
        go = self.flag("go")
        job = self.program("echo '3/10 half way' >&3; printf re >&4; echo ready; "
                           f"while test ! -e {go}; do sleep 0.01; done; printf sult >&4")
        next(iter(self.client.jobs("Logs", id=job, follow=True)))
        self.client.jobs("PauseJobs", ids=[job])
        self.upgrade()
        shown = self.client.get(job)
        self.assertEqual((shown.state, shown.reason[:12]), (e2e.WAITING, "paused since"))
        with open(go, "w", encoding="ascii"):
            pass
        self.client.jobs("ResumeJobs", ids=[job])
        ended = self.client.wait(job)
        self.assertEqual(ended.outcome, e2e.SUCCEEDED)
        shown = self.client.get(job, with_result=True)
        self.assertEqual((shown.result, shown.progress.done), (b"result", 3))

    def test_timeouts_and_ends_under_way_go_on(self):
        self.begin("--grace", "1000s")
        timed = self.client.exec("sleep", "1000", timeout_ns=2 * e2e.SECOND)
        self.client.wait_process(timed)
        spec = self.client.exec_spec("sh", "-c", "trap 'echo got' TERM; echo ready; "
                                     "while :; do sleep 0.01; done")
        spec.exec.stop_signals.add(signal=15, wait_ns=1500 * 1_000_000)
        stubborn = self.client.submit(spec)
        logs = iter(self.client.jobs("Logs", id=stubborn, follow=True))
        next(logs)
        self.client.jobs("Cancel", ids=[stubborn], cause="enough")
        next(logs)  # it has the signal
        self.upgrade()
        ended = self.client.wait(stubborn)
        self.assertEqual((ended.outcome, ended.detail), (e2e.CANCELLED, "enough"))
        self.assertEqual(self.client.logs(stubborn, stream=1), b"ready\ngot\n")
        self.assertEqual(self.client.wait(timed).outcome, e2e.TIMED_OUT)

    def test_jobs_within_gord_follow_their_policy(self):
        self.begin()
        again = self.client.native("builtin.sleep", "1000s", on_stop=REQUEUE)
        ended = self.client.native("builtin.sleep", "1000s")
        for job in (again, ended):
            self.client.wait_state(job, e2e.WAITING)
        queued = self.client.native("builtin.echo", "x", held=True)
        self.upgrade()
        self.assertEqual(self.client.get(ended).outcome, e2e.CANCELLED)
        self.assertIn(self.client.get(again).state, (e2e.RUNNABLE, e2e.RUNNING, e2e.WAITING))
        self.assertEqual(self.client.get(again).losses, 0)
        self.assertEqual(self.client.get(queued).state, e2e.CREATED)
        self.client.jobs("Cancel", ids=[again, queued])

    def test_a_stop_meanwhile_stops_the_new_one(self):
        self.begin()
        job = self.program("exec sleep 1000")
        awaited = self.client.native("builtin.sleep", "1000s", on_stop=WAIT)
        self.client.wait_state(awaited, e2e.WAITING)
        self.client.close()
        self.gord.process.send_signal(signal.SIGUSR2)
        self.gord.notify.wait_for("RELOADING=1", alive=self.gord.alive)
        self.gord.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), 0, self.gord.stderr())
        self.assertIn("took over from gord", self.gord.stderr())
        self.gord.start()
        self.client = self.gord.client()
        for ended in (self.client.get(job), self.client.get(awaited)):
            self.assertEqual(ended.outcome, e2e.CANCELLED)

    def test_no_moment_is_one_to_be_killed_by_a_stop(self):
        self.begin()
        job = self.program("exec sleep 1000")
        self.client.close()
        self.gord.process.send_signal(signal.SIGUSR2)
        self.gord.notify.wait_for("RELOADING=1", alive=self.gord.alive)
        while self.gord.alive() and "took over from gord" not in self.gord.stderr():
            self.gord.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), 0, self.gord.stderr())
        self.gord.start()
        self.client = self.gord.client()
        self.assertEqual(self.client.get(job).outcome, e2e.CANCELLED)

    def test_again_and_again_amid_starts_and_ends(self):
        self.begin()
        jobs = []
        for _ in range(5):
            jobs += [self.client.exec("sh", "-c", "echo out; exit 3") for _ in range(20)]
            self.upgrade()
        for ended in self.client.wait(*jobs):
            self.assertEqual((ended.outcome, ended.exit_code, ended.stdout_bytes),
                             (e2e.FAILED, 3, 4))

    def test_a_socket_with_tls_has_it_afterwards(self):
        pki = tempfile.mkdtemp(prefix="gor")
        self.addCleanup(shutil.rmtree, pki)
        made = gorctl("tls", "init", pki)
        self.assertEqual(made.returncode, 0, made.stderr)
        ca, cert, key = (os.path.join(pki, name) for name in ("ca.crt", "server.crt", "server.key"))
        self.begin("--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-ca", ca)
        port = re.search(r"port (\d+) with TLS", self.gord.stderr())[1]
        env = {"GOR_HOST": f"tls://localhost:{port}", "GOR_TLS_CA": ca,
               "GOR_TLS_CERT": os.path.join(pki, "admin.crt"),
               "GOR_TLS_KEY": os.path.join(pki, "admin.key")}
        for _ in range(2):
            done = gorctl("run", "echo", "over tls", **env)
            self.assertEqual((done.returncode, done.stdout), (0, "over tls\n"), done.stderr)
            plain = gorctl("list", GOR_HOST=f"127.0.0.1:{port}", GOR_TOKEN="0" * 64)
            self.assertNotEqual(plain.returncode, 0)
            self.upgrade()
        self.assertEqual(self.gord.stderr().count("with TLS"), 1)  # never opened again

    def test_faults_of_the_configuration_are_found_before_anything_stops(self):
        folder = tempfile.mkdtemp(prefix="gor")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "gord.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("grace = 1s\n")
        self.begin("--config=" + path)
        job = self.program("exec sleep 1000")
        with open(path, "w", encoding="ascii") as file:
            file.write("grace = soon\n")
        self.refuse(f"it finds faults in the configuration: {path}:1: grace")
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        with open(path, "w", encoding="ascii") as file:
            file.write("grace = 2s\n")
        self.upgrade()
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)

    def test_faults_of_files_that_it_names_are_found_as_well(self):
        folder = tempfile.mkdtemp(prefix="gor")
        self.addCleanup(shutil.rmtree, folder)
        pki, plugins, secret = (os.path.join(folder, name) for name in ("pki", "plugins", "secret"))
        made = gorctl("tls", "init", pki)
        self.assertEqual(made.returncode, 0, made.stderr)
        ca, cert, key = (os.path.join(pki, name) for name in ("ca.crt", "server.crt", "server.key"))
        os.mkdir(plugins, 0o755)
        with open(secret, "w", encoding="ascii") as file:
            file.write("whsec_" + 40 * "A" + "\n")
        os.chmod(secret, 0o600)
        self.begin("--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-ca", ca,
                   "--plugin-dir", plugins, "--webhook-secret-file", secret)
        job = self.program("exec sleep 1000")
        pid = self.client.get(job).pid
        os.chmod(secret, 0o644)
        self.refuse("--webhook-secret-file: the secrets of webhooks in")
        os.chmod(secret, 0o600)
        for path, option in ((secret, "webhook-secret-file"), (key, "tls-key"),
                             (plugins, "plugin-dir")):
            os.rename(path, path + "-away")
            told = gorctl("daemon", "upgrade", GOR_HOST=self.gord.socket)
            self.assertNotEqual(told.returncode, 0, told.stdout)
            for said in (told.stderr, self.gord.stderr()):
                self.assertRegex(said, "it finds faults in the configuration: "
                                       f"--{option}.*'{path}'.*No such file")
            self.assertEqual(self.client.get(job).pid, pid)
            self.assertEqual(self.client.get(job).state, e2e.RUNNING)
            os.rename(path + "-away", path)
        self.upgrade()
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)

    def refuse(self, why):
        """Ask for it, and wait until it is refused for that: by the daemon, after the binary that it asks
        has said why on the same stream."""
        refusal = re.compile("no upgrade: .*" + re.escape(why))
        self.gord.process.send_signal(signal.SIGUSR2)
        said = ""
        with open(self.gord.stderr_path, encoding="utf-8") as file:
            while not refusal.search(said) and self.gord.alive():
                said += file.read()
                time.sleep(0.02)
        self.assertRegex(said, refusal)

    def test_a_binary_that_cannot_take_over_is_refused_and_nothing_stops(self):
        self.begin()
        job = self.program("exec sleep 1000")
        for text, why in (("#!/bin/sh\necho gord 9 takes over by format 9, not 1\n", "format 9"),
                          ("#!/bin/sh\nexit 1\n", "did not answer"), ("nonsense", "cannot be run")):
            self.gord.replace_binary(text)
            self.refuse(why)
            self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)

    def test_a_binary_that_cannot_be_run_in_the_end_gives_way_to_the_former(self):
        self.begin()
        job = self.program("exec sleep 1000")
        self.gord.replace_binary("#!/bin/sh\nrm \"$0\"\necho takes over\n")
        self.client.close()
        self.gord.upgrade()
        self.assertIn("could not be run", self.gord.stderr())
        self.client = self.gord.client()
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        self.client.jobs("Cancel", ids=[job])
        self.assertEqual(self.client.wait(job).outcome, e2e.CANCELLED)

    def test_a_call_upgrades_and_waits_for_the_new_one(self):
        self.begin()
        job = self.program("exec sleep 1000")
        pid = self.gord.process.pid
        done = gorctl("daemon", "upgrade", GOR_HOST=self.gord.socket)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, rf"^gord \S+, process {pid} -> gord \S+, process {pid}\n$")
        self.assertIn("took over from gord", self.gord.stderr())
        done = gorctl("daemon", "upgrade", "--json", GOR_HOST=self.gord.socket)
        told = json.loads(done.stdout)
        self.assertEqual((told["before"]["pid"], told["now"]["pid"]), (pid, pid))
        self.assertLess(told["before"]["started_ns"], told["now"]["started_ns"])
        self.client.close()
        self.client = self.gord.client()
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        self.gord.replace_binary("#!/bin/sh\nexit 1\n")
        done = gorctl("daemon", "upgrade", GOR_HOST=self.gord.socket)
        self.assertEqual((done.returncode, done.stdout), (gorctl_e2e.USAGE, ""), done.stderr)
        self.assertIn("did not answer", done.stderr)
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)
        self.gord.replace_binary("#!/bin/sh\nrm \"$0\"\necho takes over\n")
        done = gorctl("daemon", "upgrade", GOR_HOST=self.gord.socket)
        self.assertEqual((done.returncode, done.stdout), (70, ""), done.stderr)
        self.assertIn("could not be run", done.stderr)
        self.client.close()
        self.client = self.gord.client()
        self.assertEqual(self.client.get(job).state, e2e.RUNNING)

    def hang(self):
        """Put a binary in place that does not answer before it is given a line; the way to give it."""
        fifo = self.flag("answer")
        os.mkfifo(fifo)
        self.gord.replace_binary(f"#!/bin/sh\nread -r line < {fifo}\necho \"$line\"\n")

        def say(line):
            with open(fifo, "w", encoding="ascii") as file:  # when it is there
                print(line, file=file)
        return say

    def ask_by_call(self):
        """Begin to ask for an upgrade; return once the daemon is asking."""
        process = subprocess.Popen(gorctl_e2e.command("daemon", "upgrade"), text=True,
                                   env=gorctl_e2e.environment(self.gord.socket),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        e2e.until(lambda: self.asked())
        return process

    def asked(self):
        """The processes that are asked."""
        try:
            found = subprocess.run(["pgrep", "-f", "-P", str(self.gord.process.pid), "--",
                                    "--take-over="], capture_output=True, check=False).stdout
        except FileNotFoundError:
            self.skipTest("there is no pgrep")
        return [int(pid) for pid in found.split()]

    def test_others_are_served_while_a_new_binary_hangs(self):
        self.gord, self.client = e2e.begin_gord(self, kind=WatchedGord)
        say = self.hang()
        asking = self.ask_by_call()
        self.assertEqual(self.client.wait(self.client.exec("true")).outcome, e2e.SUCCEEDED)
        second = gorctl("daemon", "upgrade", GOR_HOST=self.gord.socket)
        self.assertEqual((second.returncode, second.stdout), (gorctl_e2e.USAGE, ""), second.stderr)
        self.assertIn("is being asked already", second.stderr)
        self.refuse("is being asked already")  # by SIGUSR2 as well
        self.gord.notify.said.clear()
        self.assertIsNotNone(self.gord.notify.wait_for("WATCHDOG=1", alive=self.gord.alive))
        self.assertIsNone(asking.poll())
        say("gord 9 does not like the weather")
        err = asking.communicate(timeout=e2e.PATIENCE)[1]
        self.assertEqual(asking.returncode, gorctl_e2e.USAGE, err)
        self.assertIn("does not like the weather", err)
        shutil.copy(e2e.GORD, self.gord.binary + ".new")
        os.rename(self.gord.binary + ".new", self.gord.binary)
        self.upgrade()  # nothing is left of it

    def test_who_goes_before_the_answer_does_not_get_an_upgrade(self):
        self.begin()
        self.hang()
        asking = self.ask_by_call()
        pids = self.asked()
        asking.terminate()
        e2e.until(lambda: "has gone before the answer" in self.gord.stderr())
        e2e.until(lambda: not any(lives(pid) for pid in pids))

    def test_a_stop_does_not_wait_for_the_answer(self):
        self.begin()
        self.hang()
        asking = self.ask_by_call()
        self.gord.process.send_signal(signal.SIGTERM)
        err = asking.communicate(timeout=e2e.PATIENCE)[1]
        self.assertIn("no upgrade: the daemon is stopping", err)
        self.assertEqual(asking.returncode, gorctl_e2e.USAGE)

    def test_a_call_takes_an_admin(self):
        self.begin("--listen", "127.0.0.1:0")
        port = re.search(r"listening on 127.0.0.1 port (\d+)", self.gord.stderr())[1]
        made = gorctl("token", "create", "--json", "--role", "operator", GOR_HOST=self.gord.socket)
        done = gorctl("daemon", "upgrade", GOR_HOST=f"127.0.0.1:{port}",
                      GOR_TOKEN=json.loads(made.stdout)["secret"])
        self.assertEqual(done.returncode, gorctl_e2e.DENIED, done.stderr)
        self.assertIn("admin", done.stderr)

    def test_killed_later_on_the_next_one_settles_what_was_taken_over(self):
        self.begin()
        job = self.program("exec sleep 1000")
        pid = self.client.get(job).pid
        self.upgrade()
        self.client.close()
        self.gord.kill()
        self.gord.start()
        self.client = self.gord.client()
        self.assertEqual(self.client.get(job).outcome, e2e.LOST)
        e2e.until(lambda: not lives(pid))

    def test_what_was_taken_over_is_not_queued_again_for_what_a_former_gord_said(self):
        """Some that were replaced said so of programs that they left."""
        said = b"the daemon stops; it is queued again"
        self.begin()
        job = self.program("exec sleep 1000")
        self.client.jobs("PauseJobs", ids=[job], cause="?")
        more = len(said) - len(self.client.get(job).reason)
        self.client.jobs("ResumeJobs", ids=[job])
        self.client.jobs("PauseJobs", ids=[job], cause="?" * (1 + more))
        text = self.client.get(job).reason.encode()
        self.assertEqual(len(text), len(said), text)
        self.client.jobs("ResumeJobs", ids=[job])
        self.upgrade()
        self.client.close()
        self.gord.kill()
        with sqlite3.connect(os.path.join(self.gord.state, "gord.db")) as db:
            rows = [row for row in db.execute("SELECT first_seq, events FROM log")
                    if text in row[1]]
            self.assertEqual(len(rows), 1)
            db.execute("UPDATE log SET events = ? WHERE first_seq = ?",
                       (rows[0][1].replace(text, said), rows[0][0]))
        db.close()
        self.gord.start()
        self.client = self.gord.client()
        self.assertIn(said.decode(), [event.reason for event in self.client.events(job)])
        self.assertEqual(self.client.get(job).outcome, e2e.LOST)


class WithoutDisk(UpgradedGord):
    """One whose store fails as long as a file is there."""

    def __init__(self, *options):
        super().__init__(*options)
        self.full = os.path.join(self.folder, "full")
        self.extra_env = {"GORD_FAIL_FLUSH": self.full}
        shutil.copy(CRASHING, self.binary)


@unittest.skipUnless(CRASHING, "GORD_CRASHING does not name a program")
class UpgradeWithoutDisk(AcrossDaemons):
    def test_no_program_goes_on_where_no_other_gord_does(self):
        self.gord, self.client = e2e.begin_gord(self, kind=WithoutDisk)
        job = self.client.exec("sleep", "1000")
        self.client.wait_process(job)
        program = self.client.get(job).pid
        self.gord.orphans.add((program, e2e.made(program)))
        inside = self.client.native("builtin.sleep", "1000s")
        self.client.wait_state(inside, e2e.WAITING)
        with open(self.gord.full, "w", encoding="ascii"):
            pass
        self.gord.process.send_signal(signal.SIGUSR2)
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), 1, self.gord.stderr())
        self.assertIn("the last events could not be stored", self.gord.stderr())
        e2e.until(lambda: not lives(program))


if __name__ == "__main__":
    e2e.main()
