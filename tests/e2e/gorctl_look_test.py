# SPDX-License-Identifier: MIT
"""gorctl: lists, histories, events, numbers; as text, as JSON, on a terminal."""

import gzip
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

import gor_e2e as e2e
import gorctl_e2e as ctl

sys.path.insert(0, os.path.join(e2e.SOURCE, "tests", "trace"))
import trace_reader  # noqa: E402


def states(events):
    """The states of the events, each once however many events tell of it in a row."""
    return [name for name, _ in itertools.groupby(event["state"] for event in events)]


class Columns(ctl.GorctlTest):
    def test_columns_of_what_jobs_ask_for(self):
        self.ok("queue", "create", "columns", "5")
        parent = self.submit("-q", "columns", "sleep", "1000")
        job = self.submit("-q", "columns", "--priority", "-3", "--slots", "2", "-l", "team=x",
                          "-l", "run=7", "--parent", str(parent), "sh", "-c", "exit 9")
        fact = "kind,queue,priority,slots,labels,parent,exit,pid,retries,losses,deadline"
        self.gorctl("wait", str(job))
        row, = self.ok("ls", "--no-header", "-o", fact, str(job)).text.splitlines()
        cells = row.split()
        self.assertEqual(set(cells.pop(4).split(",")), {"team=x", "run=7"})
        self.assertEqual(cells, ["exec", "columns", "-3", "2", str(parent), "9", "-", "0", "0", "-"])
        self.client.wait_process(parent)
        pid = self.ok("show", "--json", str(parent)).json["job"]["pid"]
        self.assertEqual(self.ok("ls", "--no-header", "-o", "pid,parent,exit,labels",
                                 str(parent)).text, f"{pid}  -  -  -\n")
        self.ok("cancel", str(parent))
        native = self.submit("--native", "builtin.echo")
        self.gorctl("wait", str(native))
        self.assertEqual(self.ok("history", "-o", "kind,queue,exit", str(native)).text,
                         "KIND    QUEUE    EXIT\nnative  default     0\n")
        self.assertEqual(self.ok("ls", "--no-header", "-q", "nosuch").out, b"")


class Formats(ctl.GorctlTest):
    def test_fields_of_jobs(self):
        job = self.submit("--name", "caf\u00e9\ttab", "-l", "team.x=blue", "sh", "-c", "exit 3")
        self.gorctl("wait", str(job))
        shown = self.ok("show", "--json", str(job)).json["job"]
        template = (r"{id}\t{outcome}\t{exit_code}\t{spec.name}\t{spec.labels.team.x}\t"
                    r"{use.user_ns}|{reason}\n")
        line = f"{job}\tFAILED\t3\tcaf\u00e9\\ttab\tblue\t{shown['use']['user_ns']}|\n"
        self.assertEqual(self.ok("history", "--format", template, str(job)).text, line)
        self.assertEqual(self.ok("ls", "-a", f"--format={template}", str(job)).text, line)
        self.assertEqual(self.ok("show", "--format", template, str(job)).text, line)
        self.assertEqual(self.ok("ls", "--format", r"{{{id}}}\\\0", str(job)).out,
                         b"{%d}\\\0" % job)
        argv = self.ok("ls", "--format", r"{spec.exec.argv}\n", str(job)).json
        self.assertEqual(argv, ["sh", "-c", "exit 3"])

    def test_nothing_is_added(self):
        first, second = self.submit("true"), self.submit("true")
        self.gorctl("wait", str(first), str(second))
        self.assertEqual(self.ok("history", "--format", "{id},", str(first), str(second)).text,
                         f"{second},{first},")
        self.assertEqual(self.ok("show", "--format", "{id},", str(first), str(second)).text,
                         f"{first},{second},")
        self.assertEqual(self.ok("ls", "--format", "{id}", "-q", "nosuch").out, b"")
        shown = ctl.run_on_terminal("history", "--format", "{id} {outcome} ", str(first),
                                    host=self.gord.target)
        self.assertEqual(shown.text, f"{first} SUCCEEDED ")

    def test_runs_of_a_job(self):
        job = self.submit("--retries", "1", "--backoff", "fixed:1ms", "sh", "-c", "exit 3")
        self.gorctl("wait", str(job))
        self.assertEqual(self.ok("history", "--attempts", "--format", r"{id} {attempt} {exit_code}\n",
                                 str(job)).text, f"{job} 0 3\n{job} 1 3\n")
        runs = self.ok("history", "--format", r"{attempts}\n", str(job)).json
        self.assertEqual([run["number"] for run in runs], [1, 2])

    def test_what_only_show_has(self):
        job = self.submit("sh", "-c", "printf done >&$GOR_RESULT_FD",
                          env=ctl.environment(self.gord.socket, OF_FORMAT="seen"))
        self.gorctl("wait", str(job))
        self.assertEqual(self.ok("show", "--format", "{result} {spec.exec.env}", str(job)).text,
                         "done []")
        self.assertIn('"OF_FORMAT=seen"',
                      self.ok("show", "--env", "--format", "{spec.exec.env}", str(job)).text)

    def test_events(self):
        job = self.submit("true")
        self.gorctl("wait", str(job))
        told = self.ok("watch", "--from-seq", "1", "--format", r"{job_id} {kind}\n", str(job))
        kinds = told.text.splitlines()
        self.assertEqual((kinds[0], kinds[-1]), (f"{job} SUBMITTED", f"{job} FINISHED"))

    def test_fields_are_listed(self):
        jobs = self.ok("ls", "--format", "help").text.splitlines()
        self.assertEqual(jobs, self.ok("show", "--format", "help").text.splitlines())
        self.assertLess({"  {id}", "  {spec.name}", "  {spec.labels.KEY}"}, set(jobs))
        self.assertIn("  {job_id}", self.ok("watch", "--format", "help").text.splitlines())

    def test_what_is_wrong_is_told_before_a_daemon_is_asked(self):
        for args, text in ((("{id} {name}",), "at character 7: there is no field 'name', but {spec.name}; "
                                              "there are id, spec, state, "),
                           (("{id",), "at character 1: this { is not closed"),
                           (("{id}", "--json"), "--format and --json: give one of them"),
                           (("{id}", "-o", "id"), "leave out -o, --long and --no-header"),
                           (("{id}", "--long"), "leave out -o, --long and --no-header")):
            for command in ("ls", "history"):
                result = ctl.run(command, "--format", *args, host="/nonexistent/gord.sock")
                self.assertEqual((result.code, result.out), (64, b""), result)
                self.assertIn(text, result.err.decode())
        for command in ("show", "watch"):
            for args in (("{nix}",), ("{seq",), (r"\n", "--json")):
                result = ctl.run(command, "1", "--format", *args, host="/nonexistent/gord.sock")
                self.assertEqual((result.code, result.out), (64, b""), result)
                self.assertIn("--format", result.err.decode())


class Lists(ctl.GorctlTest):
    options = ("--exec-slots", "1", "--grace", "300ms")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.done = [cls.client.exec("sh", "-c", f"exit {n % 2}", name=f"done {n}")
                    for n in range(4)]
        cls.client.wait(*cls.done)
        cls.running = cls.client.exec("sleep", "600", name="runs")
        cls.client.wait_state(cls.running, e2e.RUNNING)
        cls.queued = cls.client.exec("echo", "a b", name="quëued\x1b[31m")

    def ids(self, *args):
        return [job["id"] for job in self.ok(*args, "--json").json["jobs"]]

    def test_ls_shows_what_lives_and_why_it_waits(self):
        text = self.ok("ls").text
        lines = text.splitlines()
        self.assertRegex(lines[0], r"^ *ID  STATE .*COMMAND .*WHY$")
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[1], rf"^ *{self.queued}  runnable .* echo 'a b' .*slot")
        self.assertRegex(lines[2], rf"^ *{self.running}  running .* runs .* sleep 600( |$)")
        self.assertNotIn("\x1b", text)
        self.assertIn("quëued\\x1b[31m", text)

    def test_ls_all_and_filters(self):
        everything = [self.queued, self.running, *reversed(self.done)]
        self.assertEqual(self.ids("ls"), everything[:2])
        self.assertEqual(self.ids("ls", "-a"), everything)
        self.assertEqual(self.ids("ls", "-a", "-n", "3"), everything[:3])
        self.assertEqual(self.ids("ls", "--state", "running"), [self.running])
        self.assertEqual(self.ids("ls", "--state", "RUNNABLE,terminated"),
                         [self.queued, *reversed(self.done)])
        self.assertEqual(self.ids("ls", "-a", "--name", "done"), everything[2:])
        self.assertEqual(self.ids("ls", "--name", "no such name"), [])
        self.assertEqual(self.ids("ls", "-a", "--since", "1h"), everything)
        self.assertEqual(self.ids("ls", "-a", "--until", "1h"), [])

    def test_history_filters_and_pages(self):
        ended = list(reversed(self.done))
        self.assertEqual(self.ids("history"), ended)
        self.assertEqual(self.ids("history", "--outcome", "failed"), ended[::2])
        self.assertEqual(self.ids("history", "--outcome", "succeeded,timed-out"), ended[1::2])
        first = self.ok("history", "-n", "3", "--json").json
        self.assertEqual([j["id"] for j in first["jobs"]], ended[:3])
        self.assertEqual(self.ids("history", "--before", str(first["next_before_id"])), ended[3:])
        self.assertEqual(first["total_terminated"], 4)
        self.assertEqual(first["total_live"], 2)

    def test_history_as_text(self):
        lines = self.ok("history").text.splitlines()
        self.assertEqual(len(lines), 5)
        self.assertRegex(lines[1], r"failed \(1\) .*done 3 .*sh -c 'exit 1'")
        self.assertRegex(lines[2], r"succeeded .*done 2")

    def test_empty_lists_are_whole(self):
        document = self.ok("ls", "--name", "no such name", "--json").json
        self.assertEqual(document["jobs"], [])
        self.assertEqual(len(self.ok("ls", "--name", "no such name").text.splitlines()), 1)

    def test_usage(self):
        for args, text in ((("ls", "extra"), "names no job"), (("ls", "--state", "x"), "no state"),
                           (("history", "--outcome", "x"), "no outcome"),
                           (("ls", "-n", "x"), "not a number"), (("ls", "-n", "-1"), "not a number"),
                           (("ls", "--since", "x"), "not a time"),
                           (("history", "--before", "x"), "not a number")):
            with self.subTest(args=args):
                self.refused(ctl.USAGE, text, *args)

    def test_show(self):
        text = self.ok("show", str(self.done[1])).text
        for part in (f"Job         {self.done[1]}", "Name        done 1", "sh -c 'exit 1'",
                     "State       failed (1)", "created", "running"):
            self.assertIn(part, text)
        self.assertNotIn("PATH=", text)
        self.assertIn("PATH=", self.ok("show", "--env", str(self.done[1])).text)
        self.assertIn("slot", self.ok("show", str(self.queued)).text)

    def test_show_json(self):
        document = self.ok("show", "--json", str(self.done[1])).json
        job = document["job"]
        self.assertEqual((job["state"], job["outcome"], job["exit_code"]),
                         ("TERMINATED", "FAILED", 1))
        self.assertEqual(job["spec"]["exec"]["argv"], ["sh", "-c", "exit 1"])
        self.assertEqual(job["spec"]["exec"]["env"], [])
        spec = self.ok("show", "--json", "--env", str(self.done[1])).json["job"]["spec"]
        self.assertIn("PATH=" + os.environ["PATH"], spec["exec"]["env"])
        self.assertEqual(states(document["events"]),
                         ["CREATED", "RUNNABLE", "RUNNING", "TERMINATED"])

    def test_show_of_an_unknown_job(self):
        self.refused(ctl.NOT_FOUND, "999999", "show", "999999")
        self.refused(ctl.USAGE, "which job", "show")
        self.refused(ctl.USAGE, "names no job", "show", "x")

    def test_tree(self):
        root = self.client.native("builtin.sleep", "10m", name="root")
        mid = self.client.native("builtin.sleep", "10m", name="mid", parent_id=root)
        leaf = self.client.native("builtin.echo", "hi", name="leaf", parent_id=mid)
        last = self.client.native("builtin.sleep", "10m", name="last", parent_id=root)
        self.client.wait(leaf)
        lines = self.ok("tree", str(mid)).text.splitlines()
        self.assertRegex(lines[0], r"^JOB +STATE +TIME +NAME +COMMAND +WHY$")
        for line, start in zip(lines[1:], (f"{root} ", f"├─ {mid} ", f"│  └─ {leaf} ",
                                           f"└─ {last} "), strict=True):
            self.assertTrue(line.startswith(start), (line, start))
        self.assertRegex(lines[3], "succeeded .* leaf ")
        below = self.ok("tree", "--below", "--json", str(mid)).json
        self.assertEqual([job["id"] for job in below["jobs"]], [mid, leaf])
        self.assertEqual((below["depths"], below["truncated"]), ([0, 1], False))
        self.assertEqual(self.ok("tree", str(self.done[0])).text.count("\n"), 2)
        self.refused(ctl.NOT_FOUND, "no job 999999", "tree", "999999")
        self.refused(ctl.USAGE, "which job", "tree")
        self.ok("cancel", str(root))
        self.client.wait(root, mid, last)

    # ------------------------------------------------------------ on a terminal

    def on_terminal(self, *args, **more):
        return ctl.run_on_terminal(*args, host=self.gord.socket, **more)

    def test_tables_fit_the_terminal_and_have_colours(self):
        for columns in (40, 60, 80, 200):
            result = self.on_terminal("ls", "-a", columns=columns)
            self.assertEqual(result.code, 0, result)
            self.assertIn("\x1b[", result.text)
            plain = re.sub(r"\x1b\[[0-9;]*m", "", result.text)
            if columns >= 60:
                self.assertLessEqual(max(len(line) for line in plain.splitlines()), columns)

    def test_top(self):
        text = self.ok("top").text
        lines = text.splitlines()
        for line, start in zip(lines, ("gord ", "Jobs ", "Goroutines ", "Scheduler ", "Store "),
                               strict=False):
            self.assertTrue(line.startswith(start), line)
        self.assertRegex(lines[5], "^ *ID +STATE +TIME +NAME +COMMAND +WHY$")
        self.assertRegex(lines[6], f"^ *{self.running} +running ")  # those that run come first
        self.assertRegex(lines[7], f"^ *{self.queued} +runnable ")
        self.refused(ctl.USAGE, "less than 100ms", "top", "-d", "10ms")
        self.refused(ctl.USAGE, "not expected", "top", "7")
        self.refused(ctl.NO_DAEMON, "", "-H", "/nowhere.sock", "top", "--once")

    def test_top_on_a_terminal(self):
        screen = ctl.Terminal("top", "-d", "30m", host=self.gord.socket)
        before = screen.wait_for(b"sleep 600")
        self.assertIn(b"\x1b[?1049h", before)
        screen.type(b" ")  # at once, not in half an hour
        screen.wait_for(b"sleep 600")
        screen.resize(24, 60)
        narrow = screen.wait_for(b"\x1b[J")
        narrow = screen.wait_for(b"\x1b[J")
        for line in re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", narrow).split(b"\r\n"):
            self.assertLessEqual(len(line.decode()), 60, line)
        screen.type(b"q")
        screen.wait_for(b"\x1b[?1049l")
        self.assertEqual(screen.close(), (0, True))

    def test_top_puts_the_terminal_back_when_it_is_ended(self):
        screen = ctl.Terminal("top", "-d", "30m", host=self.gord.socket)
        screen.wait_for(b"\x1b[J")
        screen.process.send_signal(signal.SIGTERM)
        screen.wait_for(b"\x1b[?1049l")
        self.assertEqual(screen.close(), (0, True))

    def test_no_colour(self):
        self.assertNotIn("\x1b", self.on_terminal("ls", "-a", NO_COLOR="1").text)
        self.assertIn("\x1b", self.on_terminal("ls", "-a", NO_COLOR="").text)

    def test_more_pages_are_announced(self):
        result = self.on_terminal("ls", "-a", "-n", "2")
        self.assertIn(f"--before {self.running}".encode(), result.err)

    def test_output_is_made_safe_for_a_terminal_unless_raw(self):
        job_id = str(self.client.native("builtin.echo", "\x1b]0;title\x07 é \x1b[31mred\x1b[0m"))
        self.client.wait(int(job_id))
        self.assertEqual(self.on_terminal("logs", job_id).text,
                         "\\x1b]0;title\\x07 é \x1b[31mred\x1b[0m\n")
        self.assertIn("\x1b]0;title\x07", self.on_terminal("logs", "--raw", job_id).text)


class Marks(ctl.GorctlTest):
    def test_marks_are_ascii_on_a_terminal_without_utf8(self):
        parent = self.client.native("builtin.sleep", "100s", name="a name that is long \u540d")
        self.addCleanup(self.client.jobs, "Cancel", ids=[parent])
        spec = self.client.native_spec("builtin.sleep", "100s", parent_id=parent)
        for _ in range(2):
            self.client.submit(spec)
        for names, plain in (({"LC_ALL": "C"}, True), ({"LANG": "de_DE@euro"}, True),
                             ({"LC_ALL": "", "LC_CTYPE": "POSIX", "LANG": "C.UTF-8"}, True),
                             ({"LC_ALL": "de_DE.utf8", "LANG": "C"}, False),
                             ({"LC_ALL": "", "LC_CTYPE": "", "LANG": ""}, False)):
            names = {"LC_ALL": "", "LC_CTYPE": "", **names}
            with self.subTest(names=names):
                tree = ctl.run_on_terminal("tree", str(parent), host=self.gord.target, columns=45,
                                           **names).out.decode()
                self.assertEqual(("\n|- " in tree, "\n`- " in tree, "~" in tree), (plain,) * 3, tree)
                self.assertEqual(("├─ " in tree, "└─ " in tree, "…" in tree), (not plain,) * 3, tree)
        piped = ctl.run("tree", str(parent), env=ctl.environment(self.gord.target, LC_ALL="C"))
        self.assertIn("├─ ", piped.text)
        self.assertIn("\u540d", piped.text)


class Pages(ctl.GorctlTest):
    options = ("--paused",)

    def test_more_jobs_than_a_page_holds(self):
        many = 2345
        specs = [self.client.native_spec("builtin.echo", name=f"n{i}") for i in range(many)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        document = self.ok("ls", "-n", "0", "--json").json
        self.assertEqual([j["id"] for j in document["jobs"]],
                         list(range(first + many - 1, first - 1, -1)))
        self.assertEqual(document["next_before_id"], 0)
        self.assertEqual(document["total_live"], many)
        self.assertEqual(len(self.ok("ls", "-n", "1500", "--json").json["jobs"]), 1500)
        self.assertEqual(len(self.ok("ls", "-n", "0").text.splitlines()), many + 1)


class Events(ctl.GorctlTest):
    options = ("--grace", "300ms")

    def test_watch_of_a_job_ends_with_it(self):
        job_id = self.submit("--name", "w", "--shell", "exit 3")
        result = self.ok("watch", "--from-seq", "1", "--json", str(job_id))
        self.assertEqual(states(result.lines), ["CREATED", "RUNNABLE", "RUNNING", "TERMINATED"])
        self.assertEqual(result.lines[-1]["exit_code"], 3)
        text = self.ok("watch", "--from-seq", "1", str(job_id)).text
        self.assertEqual(len(text.splitlines()), len(result.lines))
        self.assertIn(f"job {job_id} (w)  failed (3)", text)

    def test_watch_of_everything_has_no_gaps(self):
        process = self.start("watch", "--from-seq", "1", "--json", stdout=subprocess.PIPE)
        ids = {self.submit("--native", "builtin.echo", str(i)) for i in range(20)}
        seqs, ended = [], set()
        while not ids <= ended:
            event = json.loads(process.stdout.readline())
            seqs.append(event["seq"])
            if event["state"] == "TERMINATED":
                ended.add(event["job_id"])
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        self.assertEqual(process.wait(e2e.PATIENCE), -signal.SIGINT)
        self.assertEqual(seqs, list(range(1, len(seqs) + 1)))

    def test_watch_from_now_does_not_tell_the_past(self):
        self.ok("run", "true")
        last = self.client.runtime("Stats").last_seq
        process = self.start("watch", "--json", stdout=subprocess.PIPE)
        first = None
        stop = threading.Event()

        def keep_submitting():
            while not stop.is_set():
                self.client.wait(self.client.native("builtin.echo"))

        worker = threading.Thread(target=keep_submitting)
        worker.start()
        try:
            first = json.loads(process.stdout.readline())
        finally:
            stop.set()
            worker.join()
            process.kill()
            process.stdout.close()
            process.wait()
        self.assertGreater(first["seq"], last)

    def test_watch_ends_with_its_reader(self):
        job_id = self.submit("sleep", "600")
        process = self.start("watch", "--from-seq", "1", str(job_id), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        while "running" not in process.stdout.readline().decode():
            pass
        process.stdout.close()  # as grep -q does; nothing more is going to be written
        self.assertEqual(process.wait(e2e.PATIENCE), -signal.SIGPIPE)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.ok("cancel", str(job_id))

    def test_watch_of_an_unknown_job(self):
        self.refused(ctl.NOT_FOUND, "999999", "watch", "999999")
        self.refused(ctl.USAGE, "names no job", "watch", "x")
        self.refused(ctl.USAGE, "not a number", "watch", "--from-seq", "x")

    def test_pause_and_resume(self):
        self.assertIn("paused", self.ok("pause").text)
        job_id = str(self.submit("echo", "hello"))
        self.assertIn("paused", self.ok("ls").text)
        self.assertEqual(self.ok("resume", "--json").json["queued"], 1)
        self.assertEqual(self.ok("logs", "-f", job_id).out, b"hello\n")
        self.assertEqual(self.ok("pause", "--json").json, {"queued": 0})
        self.assertIn("resumed", self.ok("resume").text)
        self.refused(ctl.USAGE, "names no job", "pause", "all")


class Numbers(ctl.GorctlTest):
    def test_drain_and_undrain(self):
        parent = self.client.native("builtin.sleep", "10m")
        self.assertEqual(self.gorctl("drain", "--cause", "new disks").text,
                         "no new jobs are taken; 1 running, 0 queued, 0 held or for later\n")
        self.refused(ctl.REFUSED, "drained by user", "submit", "true")
        self.refused(ctl.REFUSED, "new disks", "submit", "--from", "-", stdin=b'{"shell":"true"}')
        below = self.submit("--parent", str(parent), "true")
        self.client.wait(below)
        self.assertIn("new disks", self.ok("stats").text)
        with self.start("drain", "-w", stdout=subprocess.PIPE) as waiting:
            self.assertIn(b" 1 running,", waiting.stdout.readline())
            self.assertIsNone(waiting.poll())
            self.ok("cancel", str(parent))
            self.assertEqual(waiting.wait(e2e.PATIENCE), 0)
            self.assertIn(b" 0 running, 0 queued,", waiting.stdout.read())
        with self.start("drain", "-w", "--json", stdout=subprocess.PIPE) as waiting:
            self.assertEqual(json.loads(waiting.stdout.readline())["running"], 0)
            self.assertEqual(waiting.wait(e2e.PATIENCE), 0)
        self.assertEqual(self.ok("undrain").text, "new jobs are taken again\n")
        self.assertIn("already", self.ok("undrain").text)
        self.assertNotIn("DRAINED", self.ok("stats").text)
        self.ok("run", "true")
        self.refused(ctl.USAGE, "not expected", "drain", "7")
        self.refused(ctl.USAGE, "cause", "drain", "--cause", "c" * 201)
        self.refused(ctl.USAGE, "UTF-8", "drain", "--cause", b"\xff")

    def test_undrain_tells_those_who_wait(self):
        job_id = self.client.native("builtin.sleep", "10m")
        with self.start("drain", "-w", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
            waiting.stdout.readline()
            self.ok("undrain")
            self.assertEqual(waiting.wait(e2e.PATIENCE), ctl.REFUSED)
            self.assertIn(b"taken again", waiting.stderr.read())
        self.ok("cancel", str(job_id))

    def test_stats(self):
        self.ok("run", "true")
        text = self.ok("stats").text
        for part in ("Goroutines", "GOMAXPROCS", "Store", "durability", "sync", self.gord.state):
            self.assertIn(part, text)
        stats = self.ok("stats", "--json").json
        self.assertEqual(stats["pid"], self.gord.process.pid if not self.gord.wrap else stats["pid"])
        self.assertGreaterEqual(stats["jobs_succeeded"], 1)
        self.assertEqual(stats["durability"], "sync")
        self.assertEqual(stats["store_error"], "")

    def test_gomaxprocs(self):
        before = int(self.ok("gomaxprocs").out)
        result = self.gorctl("gomaxprocs", "3")
        self.assertEqual((result.code, result.out), (0, b"3\n"))
        self.assertIn(f"It was {before}".encode(), result.err)
        self.assertEqual(self.ok("gomaxprocs", "--json").json["value"], 3)
        self.assertEqual(self.ok("gomaxprocs", str(before), "--json").json["former"], 3)
        for bad in ("0", "1025", "x", "-1", "2.5"):
            with self.subTest(bad=bad):
                self.assertEqual(self.gorctl("gomaxprocs", bad).code, ctl.USAGE)
        self.assertEqual(self.gorctl("gomaxprocs", "2", "3").code, ctl.USAGE)

    def test_goroutines(self):
        job_id = self.submit("--native", "builtin.sleep", "600s")
        self.client.wait_state(job_id, e2e.RUNNING, e2e.WAITING)
        found = [g for g in self.ok("goroutines", "--json").lines if g["name"] == f"job {job_id}"]
        self.assertTrue(found)
        self.assertIn(f"job {job_id}", self.ok("goroutines").text)
        self.ok("cancel", str(job_id))

    def setUp(self):
        super().setUp()
        place = tempfile.TemporaryDirectory(prefix="gor-")
        self.addCleanup(place.cleanup)
        self.place = place.name

    def test_dump(self):
        job_id = self.submit("--native", "builtin.sleep", "600s")
        self.client.wait_state(job_id, e2e.WAITING)
        text = self.ok("dump").text
        self.assertRegex(text, r"(?m)^goroutine \d+ \[sleep")
        self.assertIn(f"job {job_id}", text)
        path = os.path.join(self.place, "dump.txt")
        self.assertEqual(self.ok("dump", "--output", path).out, b"")
        with open(path, encoding="utf-8") as file:
            self.assertIn(f"job {job_id}", file.read())
        self.assertEqual(os.stat(path).st_mode & 0o077, 0)
        self.ok("cancel", str(job_id))

    def test_dump_of_some(self):
        sleeps = [self.submit("--native", "builtin.sleep", "600s") for _ in range(3)]
        for job_id in sleeps:
            self.client.wait_state(job_id, e2e.WAITING)
        name = f"job {sleeps[1]}"
        text = self.ok("dump", "--name", name).text
        self.assertEqual(re.findall(r'(?m)^goroutine (\d+) \[sleep, "(.*)"\]:', text)[0][1], name)
        self.assertEqual(text.count("\ngoroutine ") + text.startswith("goroutine "), 1)
        merged = self.ok("dump", "--merge", "--wait", "sleep").text
        self.assertRegex(merged, r"(?m)^3 goroutines \[sleep")
        self.assertEqual(self.ok("dump", "--limit", "2", "--wait", "sleep").text.count("[sleep"), 2)
        self.assertEqual(self.ok("dump", "--min-wait", "1h").text, "")
        self.assertNotIn("[sleep", self.ok("dump", "--state", "running").text)
        for args, text in (
                (("--wait", "godot"), "'godot' is none; there are: "),
                (("--goroutine", "0"), "there is no goroutine 0"),
                (("--state", "asleep"), "'asleep' is none; there are: created, runnable, "),
                (("--name", "n" * 32), "dump.name has 32 bytes; goroutines' names have 31 at most")):
            with self.subTest(args=args):
                self.refused(ctl.USAGE, text, "dump", *args)
        self.ok("cancel", *map(str, sleeps))

    def shows(self, profile, job_id):
        # The string table has them, as labels of the samples.
        return f"job {job_id}".encode() in profile and b"2\x03job" in profile

    def test_profiles(self):
        job_id = self.submit("--native", "builtin.spin", "600s")
        self.client.wait_state(job_id, e2e.RUNNING)
        # It has its label once its goroutine has begun, which the event does not tell.
        e2e.until(lambda: self.shows(gzip.decompress(self.ok("profile", "goroutine").out), job_id))
        # Who gets no CPU has no samples: on a machine that has little left it takes longer.
        for duration in ("300ms", "1s", "3s", "10s"):
            profile = gzip.decompress(self.ok("profile", "cpu", "--for", duration).out)
            if self.shows(profile, job_id):
                break
        self.assertTrue(self.shows(profile, job_id))
        self.ok("cancel", str(job_id))

    def test_profile_of_waits(self):
        job_id = self.submit("--native", "builtin.pingpong", "100000000")
        self.client.wait_state(job_id, e2e.RUNNING, e2e.WAITING)
        profile = gzip.decompress(self.ok("profile", "block", "--for", "300ms").out)
        self.assertIn(b"contentions", profile)
        profile = gzip.decompress(self.ok("profile", "mutex", "--for", "1ms").out)
        self.assertIn(b"contentions", profile)
        self.ok("cancel", str(job_id))

    def test_profile_that_is_wrong(self):
        for args in ((), ("x",), ("cpu", "goroutine"), ("goroutine", "--for", "1s"),
                     ("cpu", "--for", "1"), ("cpu", "--for", "2h")):
            with self.subTest(args=args):
                self.assertEqual(self.gorctl("profile", *args).code, ctl.USAGE)
        path = os.path.join(self.place, "none", "x.pb.gz")
        done = self.gorctl("profile", "goroutine", "-o", path)
        self.assertEqual(done.code, ctl.OUTPUT)
        self.assertIn(path.encode(), done.err)

    def test_only_one_cpu_profile_at_a_time(self):
        def watch():
            return self.start("profile", "cpu", "--for", "600s", stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)

        first = watch()
        try:
            # One of the two is refused: until that is this one, it may be the other.
            done = self.gorctl("profile", "cpu", "--for", "1ms")
            while done.code == 0:
                if first.poll() is not None:
                    first.communicate()
                    first = watch()
                done = self.gorctl("profile", "cpu", "--for", "1ms")
            self.assertIn(b"already", done.err)
        finally:
            first.kill()
            first.communicate()
        # Nobody waits for it any more: the next one may.
        while self.gorctl("profile", "cpu", "--for", "1ms").code != 0:
            pass

    def test_trace(self):
        job_id = self.submit("--native", "builtin.spin", "600s")
        self.client.wait_state(job_id, e2e.RUNNING)
        # On a machine that has little time left the job may not get any meanwhile.
        for duration in ("100ms", "1s", "10s"):
            trace = self.ok("trace", "--for", duration).out
            if f" job {job_id}".encode() in trace:
                break
        reader = trace_reader.Reader(trace_reader.load_messages(), trace)
        runs = [s for s in reader.slices if s.name.endswith(f" job {job_id}")]
        self.assertTrue(runs)
        self.assertTrue({reader.track_name(s.track) for s in runs} <=
                        {f"P {n}" for n in range(1024)})
        self.ok("cancel", str(job_id))

    def test_trace_that_is_wrong(self):
        for args in (("x",), ("--for", "1"), ("--for", "2h")):
            with self.subTest(args=args):
                self.assertEqual(self.gorctl("trace", *args).code, ctl.USAGE)

    def test_trace_that_nobody_waits_for_makes_room_for_the_next(self):
        path = os.path.join(self.place, "first.pftrace")

        def watch():
            return self.start("trace", "--for", "600s", "-o", path, stderr=subprocess.DEVNULL)

        first = watch()
        try:
            # One of the two is refused: until that is this one, it may be the other.
            done = self.gorctl("trace", "--for", "1ms")
            while done.code == 0:
                if first.poll() is not None:
                    first.communicate()
                    first = watch()
                done = self.gorctl("trace", "--for", "1ms")
            self.assertIn(b"somebody is taking a trace already", done.err)
        finally:
            first.kill()
            first.communicate()
        while self.gorctl("trace", "--for", "1ms").code != 0:
            pass
        self.assertFalse(os.path.exists(path))

    def test_version(self):
        self.assertRegex(self.ok("version").text, r"^gorctl [0-9.]+\ngord [0-9.]+ at .*\n$")
        document = self.ok("version", "--json").json
        self.assertEqual(document["client"], document["daemon"]["version"])
        self.assertRegex(self.ok("--version").text, r"^gorctl [0-9.]+\n$")

    def test_help(self):
        text = self.ok("help").text
        self.assertEqual(text, self.ok().text)
        self.assertEqual(text, self.ok("--help").text)
        self.assertEqual(text, self.ok("-h").text)
        commands = re.findall(r"^  ([a-z]+) +\S", text, re.M)
        known = set(commands) - {"gorctl"}
        self.assertGreaterEqual(len(known), 16)
        for name in ("submit", "run", "ls", "show", "logs", "cancel", "wait", "watch", "history",
                     "stats", "gomaxprocs", "goroutines", "dump", "profile", "trace", "pause",
                     "resume", "version"):
            with self.subTest(name=name):
                self.assertIn(name, known)
                own = self.ok(name, "--help").text
                self.assertTrue(own.startswith(f"Usage: gorctl {name}"), own)
                self.assertEqual(own, self.ok("help", name).text)
                self.assertEqual(own, self.ok(name, "-h").text)
        for words in (("cron", "add"), ("daemon", "upgrade")):
            own = self.ok(*words, "--help").text
            self.assertTrue(own.startswith("Usage: gorctl " + " ".join(words)), own)
            self.assertEqual(own, self.ok("help", *words).text)
        self.refused(ctl.USAGE, "there is no `cron nosuch`", "help", "cron", "nosuch")
        self.assertEqual(self.ok("help", "ls", "x").text, self.ok("ls", "--help").text)
        for code in ("124", "128+N", "79", "80", "81", "82", "64", "66", "69", "75", "77"):
            self.assertIn(code, text)

    def test_help_has_options_under_every_heading(self):
        commands = set(re.findall(r"^  ([a-z]+) +\S", self.ok("help").text, re.M))
        for words in [[c] for c in commands - {"gorctl", "help"}] + [["cron", "add"],
                                                                     ["cron", "next"]]:
            text = self.ok(*words, "--help").text
            self.assertEqual(re.findall(r"^ [A-Z].*:\n(?! {2,6}-)", text, re.M), [], words)

    def test_manual_knows_every_command_and_option(self):
        manual = os.path.join(e2e.SOURCE, "docs", "man", "gorctl.1")
        with open(manual, encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        for name in re.findall(r"^  ([a-z]+)  +\S", self.ok("help").text, re.M):
            if name == "gorctl":
                continue
            self.assertRegex(page, rf"(?m)^\.(B|BR|SS|TP).*\b{name}\b")
            if name == "help":
                continue
            for option in re.findall(r"^ +(?:-., )?(--[a-z-]+)", self.ok(name, "--help").text, re.M):
                if option not in ("--help", "--usage"):
                    self.assertIn(option, page, name)


if __name__ == "__main__":
    e2e.main()
