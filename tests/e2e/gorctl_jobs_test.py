# SPDX-License-Identifier: MIT
"""gorctl: handing jobs in, following them, waiting for them, ending them."""

import json
import os
import signal
import subprocess
import tempfile

import gor_e2e as e2e
import gorctl_e2e as ctl

# Prints its arguments and chosen surroundings as JSON that shows every byte.
SHOW_SELF = ("import sys, os, json; print(json.dumps({"
             "'argv': [os.fsencode(a).hex() for a in sys.argv[1:]],"
             "'env': {k.hex(): v.hex() for k, v in os.environb.items()},"
             "'cwd': os.getcwdb().hex(), 'umask': os.umask(0)}))")
PYTHON = "/usr/bin/python3"


class Submit(ctl.GorctlTest):
    options = ("--grace", "500ms", "--hide-env", "ACME_*")

    @classmethod
    def setUpClass(cls):
        os.environ.update(GOR_E2E_X="1", GOR_E2E_Y="1")  # the daemon's
        try:
            super().setUpClass()
        finally:
            del os.environ["GOR_E2E_X"], os.environ["GOR_E2E_Y"]

    def test_prints_the_id_and_nothing_else(self):
        first = self.ok("submit", "true")
        self.assertRegex(first.text, r"^[0-9]+\n$")
        second = self.ok("submit", "true")
        self.assertGreater(int(second.out), int(first.out))

    def test_json(self):
        reply = self.ok("submit", "--json", "true").json
        self.assertEqual(reply["durability"], "SYNC")
        self.assertGreater(reply["id"], 0)

    def test_argv_is_byte_exact(self):
        words = [b"a b", b"", b"$HOME", b"`id`", b"\\", b"'", b'"', b"*", b"new\nline", b"\t",
                 b"\xff\xfe\x80", "é漢😀".encode(), b"--name", b"--", b"-n", b"%s", b"~", b"x" * 100000]
        result = self.ok("run", "--", PYTHON, "-c", SHOW_SELF, *words)
        self.assertEqual(result.json["argv"], [w.hex() for w in words])

    def test_options_behind_the_program_are_its_own(self):
        result = self.ok("run", PYTHON, "-c", SHOW_SELF, "--name", "x", "--help")
        self.assertEqual(result.json["argv"], [w.encode().hex() for w in ("--name", "x", "--help")])

    def test_environment_directory_and_umask_are_the_caller_s(self):
        folder = tempfile.mkdtemp(prefix="gor é ")
        try:
            env = {b"PATH": b"/usr/bin:/bin", b"GOR_HOST": os.fsencode(self.gord.socket),
                   b"X": b"\xff 1\n", b"EMPTY": b"", b"GOR_TOKEN": b"secret"}
            result = ctl.run("run", PYTHON, "-c", SHOW_SELF, env=env, cwd=folder,
                             preexec_fn=lambda: os.umask(0o027))
            self.assertEqual(result.code, 0, result)
            seen = result.json
            job_env = {bytes.fromhex(k): bytes.fromhex(v) for k, v in seen["env"].items()}
            self.assertEqual(int(job_env.pop(b"GOR_JOB_ID")) > 0, True)
            self.assertEqual((job_env.pop(b"GOR_PROGRESS_FD"), job_env.pop(b"GOR_RESULT_FD")),
                             (b"3", b"4"))
            job_env.pop(b"LC_CTYPE", None)  # Python's own doing
            del env[b"GOR_TOKEN"]
            self.assertEqual(job_env, env)
            self.assertEqual(bytes.fromhex(seen["cwd"]), os.fsencode(folder))
            self.assertEqual(seen["umask"], 0o027)
        finally:
            os.rmdir(folder)

    def test_env_and_cwd_options(self):
        result = self.ok("run", "--clear-env", "-e", "PATH", "-e", "A=1", "-e", "NOT_SET", "-C", "/",
                         "--umask", "0137", PYTHON, "-c", SHOW_SELF)
        seen = result.json
        names = {bytes.fromhex(k) for k in seen["env"]} - {b"LC_CTYPE"}
        self.assertEqual(names, {b"PATH", b"A", b"GOR_JOB_ID", b"GOR_PROGRESS_FD", b"GOR_RESULT_FD"})
        self.assertEqual(bytes.fromhex(seen["cwd"]), b"/")
        self.assertEqual(seen["umask"], 0o137)

    def test_a_line_in_quotes_is_doubted(self):
        for words, doubted in ((("no such program",), True), (("true;false",), True),
                               (("true", "no such word"), False), (("--shell", "true; true"), False),
                               (("nosuchprogram",), False)):
            with self.subTest(words=words):
                result = self.gorctl("submit", *words)
                self.assertEqual(result.code, 0, result.err)
                self.assertEqual(b"is one word, and so the name of a program" in result.err, doubted)
        name = os.path.join(self.gord.folder, "a program")
        os.symlink("/bin/true", name)
        self.assertEqual(self.gorctl("submit", name).err, b"")

    def test_a_directory_that_is_gone_needs_another(self):
        folder = os.path.join(self.gord.folder, "gone")
        os.mkdir(folder)
        submit = lambda *args: subprocess.run(
            ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', folder,
             *ctl.command("submit", *args, "true")], env=ctl.environment(self.gord.target),
            capture_output=True, text=True, check=False)
        done = submit()
        self.assertEqual(done.returncode, ctl.USAGE)
        self.assertIn("cannot be told (No such file or directory); give one with --cwd", done.stderr)
        os.mkdir(folder)
        done = submit("--cwd", "/usr")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.client.get(int(done.stdout)).spec.exec.cwd, b"/usr")

    def test_env_is_the_clients_and_never_the_daemons(self):
        os.environ["GOR_E2E_X"] = "2"
        try:
            shown = self.ok("run", "sh", "-c", 'echo "$GOR_E2E_X|${GOR_E2E_Y-unset}"').text
        finally:
            del os.environ["GOR_E2E_X"]
        self.assertEqual(shown, "2|unset\n")
        seen = self.ok("run", "--env-only", "PATH,HOME", "--env-without", "H*", "-e", "A=1",
                       PYTHON, "-c", SHOW_SELF).json
        names = {bytes.fromhex(k) for k in seen["env"]} - {b"LC_CTYPE"}
        self.assertEqual(names, {b"PATH", b"A", b"GOR_JOB_ID", b"GOR_PROGRESS_FD", b"GOR_RESULT_FD"})

    def test_secrets_run_with_the_job_and_are_not_shown(self):
        job_id = self.submit("-e", "DB_PASSWORD=hush", "-e", "ACME_ID=quiet", "-e", "OPEN=1",
                             "sh", "-c", 'echo "$DB_PASSWORD"')
        self.assertEqual(self.ok("logs", "-f", str(job_id)).text, "hush\n")
        for args in (("show", "--env"), ("show", "--env", "--json")):
            shown = self.ok(*args, str(job_id)).text
            self.assertIn("DB_PASSWORD=(hidden)", shown)
            self.assertIn("ACME_ID=(hidden)", shown)
            self.assertIn("OPEN=1", shown)
            self.assertNotIn("hush", shown)
        listed = [job for job in self.client.jobs("List").jobs if job.id == job_id][0]
        self.assertIn(b"DB_PASSWORD=(hidden)", listed.spec.exec.env)
        self.assertIn("DB_PASSWORD=hush", self.ok("show", "--env", "--reveal", str(job_id)).text)
        self.refused(ctl.USAGE, "needs --env", "show", "--reveal", str(job_id))

    def test_shell_takes_parameters(self):
        self.assertEqual(self.ok("run", "--shell", 'echo "$2|$1|$#"', "a b", "c").out, b"c|a b|2\n")

    def test_name_labels_and_limits_are_kept(self):
        job_id = self.submit("-n", "näme\n", "-l", "k=v=w", "--timeout", "1h30m", "--grace", "2s",
                             "true")
        spec = self.client.get(job_id).spec
        self.assertEqual((spec.name, dict(spec.labels)), ("näme\n", {"k": "v=w"}))
        self.assertEqual((spec.timeout_ns, spec.grace_ns), (5400 * e2e.SECOND, 2 * e2e.SECOND))

    def test_parent_is_kept_and_cancels_the_child(self):
        parent = self.submit("sleep", "600")
        child = self.submit("--parent", str(parent), "sleep", "600")
        self.ok("cancel", str(parent))
        self.assertEqual(self.client.wait(child).outcome, e2e.CANCELLED)

    def test_native(self):
        self.assertEqual(self.ok("run", "--native", "builtin.echo", "a", "b c").out, b"a b c\n")

    def test_unknown_native_function_is_refused_with_the_known_ones(self):
        self.refused(ctl.USAGE, "builtin.echo", "submit", "--native", "builtin.nosuch")

    def test_usage(self):
        for args, text in ((("submit",), "nothing to run"),
                           (("submit", "--shell", "x", "--native", "y"), "one of them"),
                           (("submit", "--timeout", "5", "true"), "not a duration"),
                           (("submit", "--timeout", "junk", "true"), "not a duration"),
                           (("submit", "--label", "x", "true"), "KEY=VALUE"),
                           (("submit", "--parent", "x", "true"), "not a number"),
                           (("submit", "--name", b"\xff", "true"), "UTF-8"),
                           (("submit", "--native", "builtin.echo", b"\xff"), "UTF-8"),
                           (("submit", "--nosuch", "true"), "unrecognized option"),
                           (("submit", "--from", "-", "true"), "leave the command out"),
                           (("submit", ""), "argv"),
                           (("submit", "--name", "x" * 201, "true"), "name")):
            with self.subTest(args=args):
                self.refused(ctl.USAGE, text, *args)

    def test_parent_that_has_ended_is_refused(self):
        ended = str(self.submit("true"))
        self.ok("wait", "--quiet", ended)
        self.refused(ctl.USAGE, f"job {ended} has ended", "submit", "--parent", ended, "true")

    def test_parent_that_is_not_known_is_refused(self):
        result = self.gorctl("submit", "--parent", "999999", "true")
        self.assertIn(result.code, (ctl.USAGE, ctl.NOT_FOUND), result)
        self.assertIn("999999", result.err.decode())


class Batch(ctl.GorctlTest):
    def test_many_from_standard_input(self):
        lines = b"".join(json.dumps({"native": "builtin.echo", "args": [str(i)],
                                     "name": f"n{i}"}).encode() + b"\n" for i in range(50))
        ids = [int(line) for line in self.ok("submit", "--from", "-", stdin=lines).out.split()]
        self.assertEqual(ids, list(range(ids[0], ids[0] + 50)))
        self.client.wait(*ids)
        self.assertEqual(self.client.logs(ids[7]), b"7\n")
        self.assertEqual(self.client.get(ids[49]).spec.name, "n49")

    def test_programs_with_bytes_and_surroundings(self):
        text = json.dumps({"argv": [PYTHON, "-c", SHOW_SELF, "a b", {"base64": "/w=="}],
                           "env": {"X": "1"}, "clear_env": True, "cwd": "/"})
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            file.write(text)
            file.flush()
            job_id = int(self.ok("submit", "--from", file.name).out)
        self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)
        seen = json.loads(self.client.logs(job_id, 1))
        self.assertEqual(seen["argv"], [b"a b".hex(), "ff"])
        self.assertEqual(bytes.fromhex(seen["cwd"]), b"/")
        self.assertIn(b"X".hex(), seen["env"])
        self.assertNotIn(b"HOME".hex(), seen["env"])

    def test_a_bad_line_submits_nothing_and_is_named(self):
        before = self.client.jobs("List").total_live + self.client.jobs("List").total_terminated
        text = b'{"shell": "true"}\n\n{"shell": "true", "nmae": "x"}\n'
        self.refused(ctl.USAGE, "line 3", "submit", "--from", "-", stdin=text)
        after = self.client.jobs("List").total_live + self.client.jobs("List").total_terminated
        self.assertEqual(before, after)

    def test_what_the_daemon_refuses_submits_nothing(self):
        text = b'{"shell": "true"}\n{"native": "builtin.nosuch"}\n'
        before = self.client.jobs("List").total_terminated
        self.refused(ctl.USAGE, "builtin.nosuch", "submit", "--from", "-", stdin=text)
        self.assertEqual(self.client.jobs("List").total_terminated, before)

    def test_a_thousand_programs_with_a_large_environment(self):
        env = ctl.environment(self.gord.socket, LARGE="x" * 8000)
        self.gorctl("pause")
        result = ctl.run("submit", "--from", "-", stdin=b'{"argv": ["true"]}\n' * 1000, env=env)
        self.assertEqual((result.code, len(result.out.split())), (0, 1000), result.err)
        self.gorctl("cancel", "--all")
        self.gorctl("resume")

    def test_too_much_for_one_transaction_says_what_to_do(self):
        env = ctl.environment(self.gord.socket, LARGE="x" * 100000)
        result = ctl.run("submit", "--from", "-", stdin=b'{"argv": ["true"]}\n' * 400, env=env)
        self.assertEqual((result.code, result.out), (ctl.REFUSED, b""), result)
        self.assertRegex(result.err, rb"400 jobs are (3[89]|4[0-9])\.\d MiB")
        self.assertIn(b"clear_env", result.err)

    def stream(self, *args, stdin):
        return self.gorctl("submit", "--from", "-", "--stream", *args, stdin=stdin)

    def test_a_stream_goes_on_behind_what_is_refused(self):
        lines = [b'{"native": "builtin.echo", "args": ["%d"]}' % n for n in range(1000)]
        lines[10] = b"not json"
        lines[20] = b'{"native": "builtin.nosuch"}'
        lines[30] = b""
        result = self.stream(stdin=b"\n".join(lines))
        ids = [int(line) for line in result.out.split()]
        self.assertEqual((result.code, len(ids)), (ctl.USAGE, 997), result.err)
        self.assertEqual(ids, sorted(set(ids)))
        said = result.err.decode().splitlines()
        self.assertEqual(len(said), 2)
        self.assertRegex(said[0], "line 11: not JSON")
        self.assertRegex(said[1], "line 21: .*builtin.nosuch")
        self.client.wait(*ids)
        self.assertEqual(self.client.logs(ids[-1]), b"999\n")

    def test_a_stream_is_taken_as_it_comes(self):
        with self.start("submit", "--from", "-", "--stream", stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE) as process:
            for n in range(3):
                process.stdin.write(b'{"native": "builtin.echo"}\n')
                process.stdin.flush()
                job_id = int(process.stdout.readline())  # while more may follow
                self.assertEqual(self.client.wait(job_id).outcome, e2e.SUCCEEDED)
            process.stdin.close()
            self.assertEqual(process.wait(e2e.PATIENCE), 0)

    def test_a_stream_as_json_and_its_usage(self):
        result = self.stream("--json", stdin=b'{"shell": "true"}\n{"native": "no"}\n')
        self.assertEqual([(line["index"], line["code"]) for line in result.lines], [(0, 0), (1, 3)])
        self.assertEqual(result.lines[0]["durability"], "SYNC")
        self.assertEqual(result.code, ctl.USAGE)
        self.refused(ctl.USAGE, "needs --from", "submit", "--stream", "true")
        self.assertEqual(self.stream(stdin=b"").code, 0)

    def test_no_file_and_no_job(self):
        self.refused(ctl.NOT_FOUND, "/no/such/file", "submit", "--from", "/no/such/file")
        self.refused(ctl.USAGE, "no job", "submit", "--from", "-", stdin=b"\n")

    def test_json(self):
        reply = self.ok("submit", "--json", "--from", "-", stdin=b'{"shell": "true"}\n').json
        self.assertEqual((reply["count"], reply["durability"]), (1, "SYNC"))


class Run(ctl.GorctlTest):
    options = ("--grace", "300ms")

    def test_output_comes_out_where_it_went_in(self):
        result = self.gorctl("run", "--shell", "echo out; echo err >&2; printf '\\377\\000\\033[31m'")
        self.assertEqual((result.code, result.out, result.err),
                         (0, b"out\n\xff\x00\x1b[31m", b"err\n"))

    def test_ends_as_the_job_ends(self):
        for code, args in ((0, ("true",)), (1, ("false",)), (3, ("--shell", "exit 3")),
                           (255, ("--shell", "exit 255")),
                           (137, ("--shell", "kill -KILL $$")), (138, ("--shell", "kill -USR1 $$")),
                           (ctl.TIMED_OUT, ("--timeout", "100ms", "sleep", "600")),
                           (ctl.SPAWN, ("no-such-program-here",)),
                           (ctl.PANICKED, ("--native", "builtin.panic"))):
            with self.subTest(args=args):
                self.assertEqual(self.gorctl("run", *args).code, code)

    def test_says_what_the_exit_code_does_not(self):
        for args, text in ((("no-such-program-here",), "not started"),
                           (("--timeout", "100ms", "sleep", "600"), "timed out"),
                           (("--shell", "kill -KILL $$"), "signal 9 (KILL)")):
            with self.subTest(args=args):
                self.assertIn(text, self.gorctl("run", *args).err.decode())

    def test_says_where_a_native_job_panicked(self):
        err = self.gorctl("run", "--native", "builtin.panic").err.decode()
        self.assertRegex(err, r"(?m)^gord: run_panic\+0x.*\n(gord:     \S+:[0-9]+\n)?gord: ")
        self.assertNotIn("\\t", err)

    def test_large_output_is_whole(self):
        result = self.ok("run", "--shell", "seq 200000")
        self.assertEqual(result.out, b"".join(b"%d\n" % i for i in range(1, 200001)))

    def test_output_without_newline_and_of_long_lines(self):
        result = self.ok("run", PYTHON, "-c", "import sys; sys.stdout.write('x' * 3000000)")
        self.assertEqual(len(result.out), 3000000)

    def test_a_slow_reader_loses_nothing(self):
        process = self.start("run", "--shell", "seq 300000", stdout=subprocess.PIPE)
        read = process.stdout.read(10)
        # Nobody reads while the job ends; gorctl keeps its place.
        job = max(j.id for j in self.client.jobs("List").jobs)
        self.client.wait(job)
        read += process.stdout.read()
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), 0)
        self.assertEqual(read, b"".join(b"%d\n" % i for i in range(1, 300001)))

    def test_a_reader_that_goes_ends_it_quietly(self):
        process = self.start("run", "--shell", "echo one; exec sleep 600",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"one\n")
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), -signal.SIGPIPE)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.ok("cancel", "--all")

    # ------------------------------------------------------------ ctrl-C

    def interrupted(self):
        process = self.start("run", "--shell", "echo ready; exec sleep 600",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.send_signal(signal.SIGINT)
        first = process.stderr.readline()
        self.assertIn(b"runs on", first)
        job_id = int(first.split(b"job ")[1].split()[0])
        self.assertIn(b"gorctl logs -f %d" % job_id, process.stderr.readline())
        return process, job_id

    def finish(self, process):
        err = process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        return process.wait(e2e.PATIENCE), err

    def test_ctrl_c_once_leaves_the_job_running(self):
        process, job_id = self.interrupted()
        code, _ = self.finish(process)
        self.assertEqual(code, ctl.DETACHED)
        self.assertEqual(self.client.get(job_id).state, e2e.RUNNING)
        self.ok("cancel", str(job_id))

    def test_ctrl_c_twice_cancels_and_waits_for_the_end(self):
        process, job_id = self.interrupted()
        process.send_signal(signal.SIGINT)
        code, err = self.finish(process)
        self.assertEqual(code, ctl.CANCELLED)
        self.assertIn(b"cancelling", err)
        job = self.client.get(job_id)
        self.assertEqual((job.state, job.outcome), (e2e.TERMINATED, e2e.CANCELLED))
        self.assertIn("ctrl-C", job.detail)

    def test_ctrl_c_works_while_nobody_reads(self):
        process = self.start("run", "yes", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(process.stdout.read(2), b"y\n")
        process.send_signal(signal.SIGINT)
        self.assertIn(b"runs on", process.stderr.readline())
        process.send_signal(signal.SIGINT)
        process.stderr.readline()
        self.assertIn(b"cancelling", process.stderr.readline())
        process.stdout.read()
        code, _ = self.finish(process)
        self.assertEqual(code, ctl.CANCELLED)


class LogsAndWait(ctl.GorctlTest):
    options = ("--grace", "300ms")

    def test_logs_of_each_stream(self):
        job_id = str(self.submit("--shell", "echo out; echo err >&2; exit 5"))
        self.gorctl("wait", job_id)
        both = self.gorctl("logs", job_id)
        self.assertEqual((both.code, both.out, both.err), (0, b"out\n", b"err\n"))
        self.assertEqual(self.ok("logs", "--stdout", job_id).out, b"out\n")
        self.assertEqual(self.ok("logs", "--stderr", job_id).out, b"err\n")
        self.assertEqual(self.gorctl("logs", "--stdout", "--stderr", job_id).err, b"err\n")

    def test_of_several_the_newest_is_named(self):
        ids = [str(self.submit("true")) for _ in range(3)]
        for args in (ids, ids[::-1], [f"{ids[0]}-{ids[2]}"]):
            done = self.gorctl("logs", *args)
            self.assertEqual(done.code, ctl.USAGE)
            self.assertIn(f"that selects 3, the newest is {ids[2]}\n", done.err.decode())

    def test_logs_follow_ends_with_the_job_s_code(self):
        job_id = str(self.submit("--shell", "for i in 1 2 3; do echo $i; sleep 0.1; done; exit 7"))
        result = self.gorctl("logs", "-f", job_id)
        self.assertEqual((result.code, result.out), (7, b"1\n2\n3\n"))

    def test_logs_json_is_lossless_and_can_be_resumed(self):
        job_id = str(self.submit("--shell", "printf 'a\\377'; echo err >&2"))
        self.gorctl("wait", job_id)
        chunks = self.ok("logs", "--json", job_id).lines
        out = [c for c in chunks if c["stream"] == "STDOUT"]
        self.assertEqual(out[0]["data"], {"base64": "Yf8="})
        self.assertEqual([c["data"] for c in chunks if c["stream"] == "STDERR"], ["err\n"])
        rest = self.ok("logs", "--json", "--offset", str(chunks[0]["next_offset"]), job_id).lines
        self.assertEqual(rest, chunks[1:])

    def test_logs_of_a_silent_job_are_empty(self):
        job_id = str(self.submit("true"))
        self.gorctl("wait", job_id)
        self.assertEqual(self.ok("logs", job_id).out, b"")
        self.assertEqual(self.ok("logs", "-f", job_id).out, b"")

    def test_logs_of_an_unknown_job(self):
        self.refused(ctl.NOT_FOUND, "999999", "logs", "999999")
        self.refused(ctl.NOT_FOUND, "999999", "logs", "-f", "999999")
        self.refused(ctl.USAGE, "names no job", "logs", "x")
        self.refused(ctl.USAGE, "whose output", "logs")
        self.refused(ctl.USAGE, "one job", "logs", "1", "2")

    def test_wait_for_one(self):
        result = self.gorctl("wait", str(self.submit("--shell", "exit 3")))
        self.assertEqual(result.code, 3)
        self.assertIn("failed (3)", result.text)

    def test_wait_for_all_answers_with_the_first_failure_in_our_order(self):
        ids = [str(self.submit("--shell", f"exit {code}")) for code in (0, 4, 5)]
        self.assertEqual(self.gorctl("wait", *ids).code, 4)
        self.assertEqual(self.gorctl("wait", *reversed(ids)).code, 5)
        self.assertEqual(self.gorctl("wait", f"{ids[0]}-{ids[2]}").code, 4)
        self.assertEqual(self.gorctl("wait", ",".join((ids[0], ids[0]))).code, 0)

    def test_wait_for_any(self):
        slow = str(self.submit("sleep", "600"))
        fast = str(self.submit("--shell", "exit 6"))
        result = self.gorctl("wait", "--any", slow, fast)
        self.assertEqual(result.code, 6)
        self.assertTrue(result.text.startswith(fast + " "), result)
        self.ok("cancel", slow)

    def test_wait_gives_up(self):
        job_id = str(self.submit("sleep", "600"))
        result = self.gorctl("wait", "--timeout", "50ms", job_id)
        self.assertEqual((result.code, result.out), (ctl.TIMED_OUT, b""))
        self.assertIn(b"time is up", result.err)
        self.assertEqual(self.gorctl("wait", "--timeout", "0", job_id).code, ctl.TIMED_OUT)
        self.ok("cancel", job_id)
        self.assertEqual(self.gorctl("wait", "--timeout", "1m", job_id).code, ctl.CANCELLED)

    def test_wait_quietly_and_as_json(self):
        job_id = str(self.submit("--shell", "exit 3"))
        result = self.gorctl("wait", "--quiet", job_id)
        self.assertEqual((result.code, result.out, result.err), (3, b"", b""))
        result = self.gorctl("wait", "--json", job_id)
        self.assertEqual(result.code, 3)
        self.assertEqual(result.json["jobs"][0]["outcome"], "FAILED")

    def test_wait_for_an_unknown_job(self):
        self.refused(ctl.NOT_FOUND, "999999", "wait", "999999")
        self.refused(ctl.USAGE, "names no job", "wait", "0")
        self.refused(ctl.USAGE, "which jobs", "wait")

    def test_cancel(self):
        job_id = str(self.submit("sleep", "600"))
        result = self.ok("cancel", "--cause", "no longer needed", job_id)
        self.assertEqual(result.text, f"{job_id}  asked to end\n")
        self.assertEqual(self.gorctl("wait", job_id).code, ctl.CANCELLED)
        self.assertEqual(self.client.get(int(job_id)).detail, "no longer needed")
        self.assertIn("ended already", self.ok("cancel", job_id).text)

    def test_cancel_of_known_and_unknown(self):
        job_id = str(self.submit("sleep", "600"))
        result = self.gorctl("cancel", "999999", job_id)
        self.assertEqual(result.code, ctl.NOT_FOUND)
        self.assertIn("999999", result.err.decode())
        self.assertIn("asked", result.text)
        self.assertEqual(self.gorctl("wait", job_id).code, ctl.CANCELLED)
        result = self.gorctl("cancel", "--json", "999999")
        self.assertEqual((result.code, result.json["results"][0]["status"]),
                         (ctl.NOT_FOUND, "UNKNOWN"))

    def test_cancel_all(self):
        ids = [self.submit("sleep", "600") for _ in range(3)]
        result = self.gorctl("cancel", "--all", "--json")
        self.assertEqual({r["id"] for r in result.json["results"]} >= set(ids), True)
        for job in self.client.wait(*ids):
            self.assertEqual(job.outcome, e2e.CANCELLED)
        result = self.gorctl("cancel", "--all")
        self.assertEqual((result.code, result.out), (0, b""))
        self.refused(ctl.USAGE, "not both", "cancel", "--all", "1")
        self.refused(ctl.USAGE, "which jobs", "cancel")


if __name__ == "__main__":
    e2e.main()
