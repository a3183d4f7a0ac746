#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""trace_test PROGRAM - traces of real runs of trace_load, read as Perfetto reads them and held to what
they must tell: goroutines that are made, run and end; Ps where one runs at a time; arrows from who
wakes to who runs; the same numbers as the counters.
"""

import collections
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

try:
    import google.protobuf  # noqa: F401
    HAVE_PROTOBUF = shutil.which("protoc") is not None
except ImportError:
    HAVE_PROTOBUF = False

PROGRAM = sys.argv.pop(1)
COMMAND = os.environ.get("GOR_EMULATOR", "").split() + [PROGRAM]
PROCS = (1, 2, 4)


def is_proc(name):
    return name.startswith("P ")


def is_thread(name):
    return name.startswith("gor-m")


class Run:
    """One run of a work: `said` by the program, `trace` as read."""

    def __init__(self, work, procs, **variables):
        import trace_reader
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace")
            done = subprocess.run([*COMMAND, path, work], capture_output=True, text=True, check=False,
                                  env=dict(os.environ, GOMAXPROCS=str(procs), **variables))
            if done.returncode != 0:
                raise AssertionError(f"{work} ended with {done.returncode}: {done.stderr}")
            data = Path(path).read_bytes()
        self.said = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}
        self.bytes = len(data)
        self.trace = trace_reader.Reader(MESSAGES, data)
        self.procs = self.trace.tracks_named(is_proc)
        self.runs = self.trace.slices_on(self.procs)

    def moments(self, name):
        """The instants whose name begins so."""
        return [e for e in self.trace.events if e.name and e.kind == 3 and e.name.startswith(name)]

    def reasons(self):
        return collections.Counter(s.args["until"] for s in self.runs)


class Traces(unittest.TestCase):
    def check_all(self, run):
        """What holds of every trace from start to stop."""
        self.assertEqual(run.said["lost"], 0)
        self.assertEqual(run.said["bytes"], run.bytes)
        self.check_procs(run)
        self.check_threads(run)
        self.check_lives(run)
        self.check_flows(run)
        self.check_counters(run)

    def check_procs(self, run):
        """One goroutine at a time on a P, and a goroutine on one P at a time."""
        self.assertTrue(run.runs)
        for piece in run.runs:
            self.assertEqual(piece.depth, 0, piece)
            self.assertTrue(piece.name.startswith("goroutine "), piece)
            self.assertNotIn("unknown", piece.args["until"])
        last = {}
        for piece in sorted(run.runs, key=lambda s: (s.begin, s.end)):
            self.assertGreaterEqual(piece.begin, last.get(piece.args["goroutine"], 0), piece)
            last[piece.args["goroutine"]] = piece.end

    def check_threads(self, run):
        threads = run.trace.tracks_named(is_thread)
        self.assertTrue(threads)
        for piece in run.trace.slices_on(threads):
            self.assertEqual(piece.depth, 0, piece)

    def check_lives(self, run):
        """Made, run, ended; in that order, and as often as the counters say."""
        made = {e.args["goroutine"]: e for e in run.moments("makes ")}
        self.assertEqual(len(made), len(run.moments("makes ")))
        self.assertEqual(len(made), run.said["created"])
        pieces = collections.defaultdict(list)
        for piece in sorted(run.runs, key=lambda s: (s.begin, s.end)):
            pieces[piece.args["goroutine"]].append(piece)
        for goroutine, event in made.items():
            lives = pieces.pop(goroutine)
            self.assertLessEqual(event.ns, lives[0].begin)
            self.assertEqual(lives[-1].args["until"], "ends")
            self.assertNotIn("ends", [p.args["until"] for p in lives[:-1]])
            self.assertIn("trace_load.c:", event.args["made at"])
        # The one that has begun the trace.
        self.assertEqual(len(pieces), 1)
        self.assertEqual(run.reasons()["ends"], run.said["created"])

    def check_flows(self, run):
        """Each arrow leads from who made or woke a goroutine to where that one runs."""
        self.assertEqual(run.trace.open_flows, {})
        for begin, end in run.trace.flows:
            self.assertEqual(begin.args["goroutine"], end.args["goroutine"])
            self.assertLessEqual(begin.ns, end.ns)
        self.assertEqual(len(run.trace.flows), len(run.moments("makes ")) + sum(
            1 for e in run.moments("wakes ") if e.flows))

    def check_counters(self, run):
        stolen = sum(e.args["count"] for e in run.moments("steals "))
        self.assertEqual(stolen, run.said["steals"])
        self.assertEqual(run.reasons()["blocks in foreign code"], run.said["handoffs"])
        self.assertEqual(run.reasons()["preempted"], run.said["preemptions"])
        self.assertTrue(run.trace.counts("goroutines"))
        self.assertGreaterEqual(max(run.trace.counts("goroutines")), 1)

    def each(self, work):
        """(procs, run) for each number of processors; what it tells is held to the rules above."""
        for procs in PROCS:
            run = Run(work, procs)
            try:
                self.check_all(run)
            except AssertionError as error:
                raise AssertionError(f"{work} on {procs} processors: {error}") from error
            yield procs, run

    def test_play(self):
        for _, run in self.each("play"):
            rounds = run.said["rounds"]
            names = {s.name.split(" ", 2)[2] for s in run.runs}
            self.assertEqual(names, {"main", "returner"})
            self.assertGreaterEqual(run.reasons()["chan receive"] + run.reasons()["chan send"],
                                    rounds)
            self.assertGreaterEqual(len(run.moments("wakes ")), rounds)

    def test_pipeline(self):
        for _, run in self.each("pipeline"):
            for reason in ("chan send", "chan receive", "yields", "sleep"):
                self.assertGreater(run.reasons()[reason], 0)
            self.assertTrue(run.moments("timers fire"))

    def test_hand_off(self):
        for _, run in self.each("hand_off"):
            self.assertGreater(run.said["handoffs"], 0)
            doing = {s.name for s in run.trace.slices_on(run.trace.tracks_named(is_thread))}
            self.assertIn("in foreign code, without a P", doing)

    def test_preempt(self):
        for _, run in self.each("preempt"):
            self.assertGreater(run.said["preemptions"], 0)
            doing = {s.name for s in run.trace.slices_on(run.trace.tracks_named(is_thread))}
            self.assertIn("stopped: its slice is over", doing)

    def test_talk(self):
        for _, run in self.each("talk"):
            self.assertGreater(run.reasons()["IO wait"], 0)
            self.assertTrue([e for e in run.moments("wakes ") if e.args["woken by"] == "network"])

    def test_mark(self):
        for _, run in self.each("mark"):
            track = run.trace.tracks_named(lambda n: n.endswith(" marker"))
            pieces = {s.name: s for s in run.trace.slices_on(track)}
            self.assertEqual(sorted(pieces), ["inner", "never ended", "outer"])
            self.assertEqual(pieces["inner"].depth, 1)
            self.assertLess(pieces["outer"].begin, pieces["inner"].begin)
            self.assertLess(pieces["inner"].end, pieces["outer"].end)
            logs = [e for e in run.trace.events if e.track in track and e.kind == 3]
            self.assertEqual([(e.category, e.name) for e in logs], [
                ("progress",
                 'half way, with "quotes" and some more text than fits one record')])
            self.assertTrue([e for e in run.moments("of no category") if e.category == "log"])
            self.assertTrue([s for s in run.runs if s.name.endswith(" renamed")])

    def test_resize(self):
        for procs, run in self.each("resize"):
            self.assertEqual(set(run.trace.counts("GOMAXPROCS")), {procs, procs + 2, 1})
            world = run.trace.slices_on(run.trace.tracks_named(lambda n: n == "world"))
            inner = [s for s in world if s.name == "the world stands"]
            self.assertEqual(len(inner), len([s for s in world if s.name == "stop the world"]))
            self.assertGreaterEqual(len(inner), 2)


class Environment(unittest.TestCase):
    def test_file_that_cannot_be_written_is_said_and_nothing_else_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace")
            done = subprocess.run([*COMMAND, path, "mark"], capture_output=True, text=True,
                                  env=dict(os.environ, GOR_TRACE="/nowhere/trace"), check=False)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr,
                         "gor: no trace in /nowhere/trace: No such file or directory\n")


if __name__ == "__main__":
    if not HAVE_PROTOBUF:
        print("no python3-protobuf or no protoc here: traces cannot be read")
        sys.exit(77)
    import trace_reader
    MESSAGES = trace_reader.load_messages()
    unittest.main()
