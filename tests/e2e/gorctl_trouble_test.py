# SPDX-License-Identifier: MIT
"""gorctl: no daemon, wrong words, closed descriptors, full disks, strangers."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl


class NoDaemon(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gor-", dir="/tmp")

    def tearDown(self):
        shutil.rmtree(self.folder)

    def check(self, code, *texts, host=None, env=None, args=("ls",)):
        result = ctl.run(*args, host=host, env=env)
        self.assertEqual((result.code, result.out), (code, b""), result)
        for text in texts:
            self.assertIn(text, result.err.decode())
        return result

    def test_no_socket(self):
        path = self.folder + "/none"
        self.check(ctl.NO_DAEMON, path, "No such file", "systemctl start gord", "GOR_HOST", host=path)
        self.check(ctl.NO_DAEMON, path, host="unix:" + path)
        self.check(ctl.NO_DAEMON, path, args=("-H", path, "ls"))
        self.check(ctl.NO_DAEMON, path, args=("ls", "--host", path))
        self.check(ctl.NO_DAEMON, path, args=("run", "-H", path, "true"))

    def test_option_before_environment(self):
        path = self.folder + "/mine"
        self.check(ctl.NO_DAEMON, path, host=self.folder + "/other", args=("-H", path, "stats"))

    def test_socket_without_a_daemon(self):
        path = self.folder + "/dead"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        self.check(ctl.NO_DAEMON, path, "Connection refused", "has ended", host=path)

    def test_no_socket_at_all(self):
        self.check(ctl.NO_DAEMON, self.folder, "That is no socket", host=self.folder)

    def test_nobody_on_the_port(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{sock.getsockname()[1]}"
            self.check(ctl.NO_DAEMON, host, "refused", host=host)

    def test_the_usual_places_are_named(self):
        env = ctl.environment(XDG_RUNTIME_DIR=self.folder, XDG_STATE_HOME=self.folder)
        if os.path.exists("/run/gord/gord.sock"):
            self.skipTest("the machine's daemon runs")
        self.check(ctl.NO_DAEMON, "Looked for a socket at", "/run/gord/gord.sock", env=env)

    def test_something_else_answers(self):
        path = self.folder + "/other"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
            process = subprocess.Popen(ctl.command("ls"), env=ctl.environment(path),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            other, _ = sock.accept()
            other.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            other.close()
            out, err = process.communicate(timeout=e2e.PATIENCE)
        self.assertEqual((process.returncode, out), (ctl.NO_DAEMON, b""), err)
        self.assertIn(path.encode(), err)

    def test_addresses_that_are_none(self):
        for host in ("nonsense", ":", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:99999"):
            with self.subTest(host=host):
                self.check(ctl.USAGE, host, host=host)
        self.check(ctl.USAGE, "name too long", host="/" + "x" * 200)

    def test_wrong_usage_needs_no_daemon(self):
        for args, text in ((("lss",), "did you mean 'ls'"), (("histroy",), "did you mean 'history'"),
                           (("hist",), "did you mean 'history'"), (("rer",), "did you mean 'rerun'"),
                           (("re",), "no command 're'"), (("blah",), "gorctl help"), (("\x1b[31m",), "\\x1b[31m"),
                           (("--nosuch",), "unrecognized"), (("help", "nosuch"), "no command"),
                           (("help", "submti"), "did you mean 'submit'"),
                           (("submit",), "nothing to run"), (("wait",), "which jobs"),
                           (("ls", "--token-file"), "requires an argument")):
            with self.subTest(args=args):
                self.check(ctl.USAGE, text, args=args, host=self.folder + "/none")

    def test_version_of_the_client_needs_no_daemon(self):
        for args in (("version", "--client"), ("--version",), ("-V",)):
            result = ctl.run(*args, host=self.folder + "/none")
            self.assertEqual((result.code, result.err), (0, b""))
            self.assertRegex(result.text, r"^gorctl [0-9.]+\n$")
        result = ctl.run("version", "--json", host=self.folder + "/none")
        self.assertEqual(result.code, ctl.NO_DAEMON)
        self.assertIsNone(result.json["daemon"])

    @unittest.skipUnless(e2e.is_root(), "only root can become somebody else")
    def test_a_stranger_is_refused(self):
        with_daemon = e2e.Gord().start()
        try:
            os.chmod(with_daemon.folder, 0o755)
            # gorctl itself must be reachable for the stranger.
            shutil.copy(e2e.GORCTL, with_daemon.folder + "/gorctl")
            done = subprocess.run(
                [*ctl.command()[:-1], "setpriv", "--reuid", "65534", "--regid", "65534",
                 "--clear-groups", with_daemon.folder + "/gorctl", "-H", with_daemon.socket, "ls"],
                capture_output=True, check=False, timeout=e2e.PATIENCE,
                env=ctl.environment(ASAN_OPTIONS="detect_leaks=0"))
            self.assertEqual((done.returncode, done.stdout), (ctl.DENIED, b""), done)
            self.assertIn(with_daemon.socket.encode(), done.stderr)
        finally:
            with_daemon.stop()
            with_daemon.close()


class Descriptors(ctl.GorctlTest):
    def run_shell(self, line):
        """Run a shell line in which $CTL is gorctl."""
        quoted = " ".join(ctl.command())
        return subprocess.run(["/bin/bash", "-c", line], capture_output=True, check=False,
                              timeout=e2e.PATIENCE,
                              env=ctl.environment(self.gord.socket, CTL=quoted))

    # Each with what it needs: {0} has ended, {1} and those after it run, {4} is held. Of the words
    # of a command, such as `queue`, those that differ.
    JSON_CALLS = ("ls", "ls -a", "history", "history --attempts", "show {0}", "why {1}", "tree {0}",
                  "count", "queues", "quota", "stats", "gomaxprocs", "version", "plugins",
                  "doctor", "submit --json true", "submit --json --dry-run true", "lua --json /dev/null", "wait {0}",
                  "wait --any {0} {1}", "cancel --cause c {1}", "terminate {2}", "signal CONT {3}",
                  "pause {3}", "resume {3}", "pause", "resume", "pause -q json", "resume -q json",
                  "hold {4}", "update --priority 1 {4}", "release {4}", "rerun {0}", "retry {0}",
                  "rm {5}", "queue ls", "queue set json 2", "pool create few 2", "pool ls",
                  "rate create calm 5/s", "rate ls", "drain", "undrain",
                  "token create --role viewer", "token ls", "daemon reload",
                  "cron add --json json @yearly true", "cron ls", "cron show json", "cron next json",
                  "cron pause json", "cron resume json", "cron run json", "cron rm json",
                  "context ls", "context show")
    JSON_LINES = ("goroutines", "audit", "export", "watch --from-seq 1 {0}", "logs {0}",
                  "logs -f {0}", "import --json <($CTL export)")
    # What ends the daemon or changes the caller's own files, and where that is looked at.
    JSON_ELSEWHERE = {"daemon upgrade": "upgrade_test",
                      **{f"context {word}": "context_test"
                         for word in ("add", "use", "rename", "rm")}}

    def takes_json(self):
        """Every command, and word of one, that has --json in its help."""
        found = set()
        for name in re.findall(r"^  ([a-z]+) +\S", self.ok("help").text, re.M):
            text = self.gorctl(name, "--help").text
            words = re.findall(r"^  ([a-z]+) +\S", text, re.M) if "WORD" in text else []
            for words in [[name, word] for word in words] or [[name]]:
                if "--json" in self.gorctl(*words, "--help").text:
                    found.add(" ".join(words))
        return found

    def test_json_parses_with_stderr_closed(self):
        self.ok("queue", "create", "json", "1")
        jobs = [self.submit("--shell", "echo a; echo b >&2")]
        jobs += [self.submit("sleep", "1000") for _ in range(3)]
        jobs += [self.submit("--hold", "true"), self.submit("true")]
        self.ok("wait", "--quiet", str(jobs[0]), str(jobs[5]))
        called = set(self.JSON_ELSEWHERE)
        for call in self.JSON_CALLS + self.JSON_LINES:
            with self.subTest(call=call):
                called |= {" ".join(call.split()[:n]) for n in (1, 2)}
                has = "" if "--json" in call or call == "export" else " --json"
                done = self.run_shell(f"$CTL {call.format(*jobs)}{has} 2>&-")
                self.assertEqual(done.returncode, 0, done)
                lines = done.stdout.splitlines() if call in self.JSON_LINES else [done.stdout]
                self.assertTrue([json.loads(line) for line in lines], done)
        self.assertEqual(self.takes_json() - called, set(), "commands with --json not looked at")
        self.ok("cancel", "--all")

    def test_streams_parse_with_stderr_closed(self):
        job_id = self.submit("--shell", "echo a; echo b >&2")
        self.gorctl("wait", str(job_id))
        for args in (f"logs {job_id}", f"logs -f {job_id}", f"watch --from-seq 1 {job_id}"):
            done = self.run_shell(f"$CTL {args} --json 2>&-")
            self.assertEqual(done.returncode, 0, done)
            self.assertTrue([json.loads(line) for line in done.stdout.splitlines()])

    def test_trouble_is_not_written_into_the_connection(self):
        done = self.run_shell("$CTL show 999999 2>&- ; echo $?")
        self.assertEqual(done.stdout, b"66\n")
        done = self.run_shell("$CTL run sh -c 'echo err >&2; echo out' 2>&-")
        self.assertEqual((done.returncode, done.stdout), (0, b"out\n"), done)

    def test_stdin_closed(self):
        done = self.run_shell("$CTL run echo hello <&-")
        self.assertEqual((done.returncode, done.stdout), (0, b"hello\n"), done)
        done = self.run_shell("$CTL submit --from - <&-")
        self.assertEqual(done.returncode, ctl.NOT_FOUND, done)

    def test_stdout_closed(self):
        for args in ("ls", "stats", "run echo hello"):
            with self.subTest(args=args):
                done = self.run_shell(f"$CTL {args} >&-")
                self.assertEqual(done.returncode, ctl.OUTPUT, done)
                self.assertIn(b"cannot write", done.stderr)

    def test_stdout_full(self):
        for args in ("ls", "history --json", "run echo hello", "watch --from-seq 1 1"):
            with self.subTest(args=args):
                self.ok("run", "true")
                done = self.run_shell(f"$CTL {args} >/dev/full")
                self.assertEqual(done.returncode, ctl.OUTPUT, done)
                self.assertIn(b"No space left", done.stderr)

    def test_broken_pipe_is_quiet(self):
        specs = [self.client.native_spec("builtin.echo") for _ in range(2000)]
        self.client.jobs("SubmitMany", specs=specs)
        done = self.run_shell("$CTL ls -a -n 0 | head -n 1; echo ${PIPESTATUS[0]}")
        self.assertEqual(done.stderr, b"")
        self.assertEqual(done.stdout.splitlines()[1], b"141", done)
        done = self.run_shell("$CTL run yes | head -n 1; echo ${PIPESTATUS[0]}")
        self.assertEqual((done.stdout, done.stderr), (b"y\n141\n", b""), done)
        self.ok("cancel", "--all")


class Daemons(unittest.TestCase):
    """Daemons that are remote, stop, or die under a call."""

    def setUp(self):
        self.gord = e2e.Gord("--grace", "300ms")

    def tearDown(self):
        self.gord.close()

    def start_run(self, *args):
        """Run a job that prints "ready" and stays; its start is on disk when this returns."""
        process = subprocess.Popen(ctl.command("run", *args), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE,
                                   env=ctl.environment(self.gord.socket, GOR_PATIENCE="100ms"))
        self.assertEqual(process.stdout.readline(), b"ready\n")
        client = self.gord.client()
        client.wait_state(1, e2e.RUNNING)
        client.close()
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=e2e.PATIENCE)
        return process.returncode, err.decode()

    def test_daemon_killed_under_run(self):
        self.gord.start()
        process = self.start_run("--shell", "echo ready; exec sleep 600")
        self.gord.kill()
        code, err = self.finish(process)
        self.assertEqual(code, ctl.NO_DAEMON, err)
        self.assertIn("gorctl wait 1", err)
        self.gord.start()
        result = ctl.run("wait", "1", host=self.gord.socket)
        self.assertEqual(result.code, ctl.LOST, result)

    def test_daemon_stopped_under_run(self):
        self.gord.start()
        process = self.start_run("--shell", "echo ready; exec sleep 600")
        self.assertEqual(self.gord.stop(), 0)
        code, err = self.finish(process)
        self.assertIn(code, (ctl.NO_DAEMON, ctl.REFUSED, ctl.CANCELLED), err)
        self.assertTrue(err)

    def test_tcp_and_its_token(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{sock.getsockname()[1]}"
        self.gord.options = ("--listen", host)
        self.gord.start()
        path = os.path.join(self.gord.state, "token")
        with open(path, encoding="ascii") as file:
            token = file.read().strip()
        result = ctl.run("-H", host, "--token-file", path, "run", "echo", "hello")
        self.assertEqual((result.code, result.out), (0, b"hello\n"), result)
        result = ctl.run("run", "sh", "-c", "echo ${GOR_TOKEN-unset}",
                         env=ctl.environment(host, GOR_TOKEN=token))
        self.assertEqual((result.code, result.out), (0, b"unset\n"), result)
        result = ctl.run("ls", host=host)
        self.assertEqual(result.code, ctl.DENIED, result)
        self.assertIn("--token-file", result.err.decode())
        result = ctl.run("ls", env=ctl.environment(host, GOR_TOKEN="wrong"))
        self.assertEqual(result.code, ctl.DENIED, result)
        self.assertNotIn("wrong", result.err.decode())
        self.assertEqual(self.gord.stop(), 0)

    def test_token_files_that_are_none(self):
        with tempfile.NamedTemporaryFile() as empty:
            result = ctl.run("-H", "127.0.0.1:1", "--token-file", empty.name, "ls")
            self.assertEqual(result.code, ctl.USAGE, result)
        result = ctl.run("-H", "127.0.0.1:1", "--token-file", "/no/such/file", "ls")
        self.assertEqual(result.code, ctl.NOT_FOUND, result)
        result = ctl.run("ls", env=ctl.environment("127.0.0.1:1", GOR_TOKEN="a b"))
        self.assertEqual(result.code, ctl.USAGE, result)

    def test_second_start_keeps_the_history(self):
        self.gord.start()
        self.assertEqual(ctl.run("run", "false", host=self.gord.socket).code, 1)
        self.assertEqual(self.gord.stop(), 0)
        self.gord.start()
        jobs = ctl.run("history", "--json", host=self.gord.socket).json["jobs"]
        self.assertEqual([(j["id"], j["outcome"]) for j in jobs], [(1, "FAILED")])
        self.assertEqual(self.gord.stop(signal.SIGINT), 0)


if __name__ == "__main__":
    e2e.main()
