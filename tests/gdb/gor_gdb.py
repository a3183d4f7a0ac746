# SPDX-License-Identifier: MIT
"""What the tests of gdb's commands for goroutines (runtime/gdb) share: a gdb that is told one command
after the other, and the zoo that it looks at (zoo.c).

$GOR_ZOO and $GOR_ZOO_SHARED are the program, linked to the static library and to the shared one.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "runtime", "gdb", "gor-gdb.py")
ZOO = os.environ["GOR_ZOO"]
ZOO_SHARED = os.environ["GOR_ZOO_SHARED"]
SANITIZE = os.environ.get("GOR_SANITIZE", "")
END = "@end of what it said@"
PATIENCE = 240  # seconds that a gdb may take for all it is told

# Name, what it waits for, its function, and something it has on its stack.
ANIMALS = (
    ("receiver", "chan receive", "receive_for_ever", "secret = 4711"),
    ("sender", "chan send", "send_for_ever", "answer = 42"),
    ("chooser", "select", "choose_for_ever", "op = GOR_RECV"),
    ("sleeper", "sleep", "sleep_for_long", None),
    ("locker", "sync.Mutex.Lock", "want_lock", None),
    ("reader", "sync.RWMutex.RLock", "want_to_read", None),
    ("waiter", "sync.WaitGroup.Wait", "want_all_done", None),
    ("listener", "sync.Cond.Wait", "want_news", None),
    ("buyer", "semacquire", "want_tickets", None),
    ("", "IO wait", "read_parked", "letter = "),
    ("bound", "chan receive, locked", "keep_thread", None),
)
ON_THREADS = (
    ("spinner", "spin", "laps = 7"),
    ("foreigner", "block_outside", "letter = 63 '?'"),
)


def why_not():
    """Why gdb cannot be tried here; None: it can."""
    if shutil.which("gdb") is None:
        return "gdb is not installed (tools/install-packages test)"
    said = subprocess.run(["gdb", "-nx", "-batch", "-ex", "run", "--args", "true"],
                          capture_output=True, text=True, check=False)
    if "exited normally" not in said.stdout:
        return "gdb cannot run programs here: " + (said.stderr.strip() or said.stdout.strip())
    return None


class Session:
    """A gdb that is told one command after the other."""

    def __init__(self, *arguments, **environment):
        options = [word for setting in ("debuginfod enabled off", "confirm off", "pagination off",
                                        "width 0", "style enabled off", "prompt", "print entry-values no")
                   for word in ("-iex", f"set {setting}")]
        variables = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", **environment)
        for name in ("GOMAXPROCS", "GOR_SEED", "DEBUGINFOD_URLS"):
            variables.pop(name, None)
        self._gdb = subprocess.Popen(  # pylint: disable=consider-using-with
            ["setpriv", "--pdeathsig", "KILL", "gdb", "-q", "-nx", *options, "-ex", f"source {SCRIPT}",
             *arguments], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace")
        self._watchdog = threading.Timer(PATIENCE, self._gdb.kill)
        self._watchdog.start()

    def do(self, command):
        """What it says to that."""
        self._gdb.stdin.write(f"{command}\necho {END}\\n\n")
        self._gdb.stdin.flush()
        said = []
        for line in self._gdb.stdout:
            before, end, _ = line.partition(END)
            said.append(before)
            if end:
                return "".join(said)
        raise AssertionError(f"gdb ended, or took {PATIENCE} s, at `{command}': {''.join(said)}")

    def close(self):
        """End it, and what it debugs."""
        with contextlib.suppress(BrokenPipeError):
            self._gdb.stdin.write("kill\nquit\n")
            self._gdb.stdin.close()
        self._gdb.stdout.read()
        self._gdb.stdout.close()
        self._gdb.wait()
        self._watchdog.cancel()

    def halt_in_zoo(self, arguments="", place="all_there"):
        """Run the zoo up to there."""
        self.do("handle SIGSEGV nostop noprint pass")  # brings stacks back that hibernate
        self.do(f"break {place}")
        said = self.do(f"run {arguments}")
        if f"{place} ()" not in said:
            raise AssertionError(f"did not come to {place}: {said}")
        return said

    def ids(self):
        """Numbers of the goroutines, by function."""
        rows = self.do("info goroutines -all").splitlines()
        found = {}
        for row in rows:
            match = re.match(r"\*? *(\d+) ", row)
            if match:
                for word in row.split():
                    found.setdefault(word, int(match[1]))
        return found


class Case(unittest.TestCase):
    """One with a gdb."""
    maxDiff = None

    def session(self, *arguments, **environment):
        """A gdb that ends with the test."""
        gdb = Session(*arguments, **environment)
        self.addCleanup(gdb.close)
        return gdb

    def folder(self):
        """One for core files."""
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        return folder.name

    def assert_whole(self, backtrace, function):
        """A backtrace through that function that ends where goroutines begin."""
        self.assertRegex(backtrace, rf"(?m)^#\d+ .*\b{function} \(")
        self.assertRegex(backtrace.rstrip().splitlines()[-1], r"^#\d+ .*\bgor__entry \(\)")
        for complaint in ("corrupt", "Backtrace stopped", "Python Exception", "Traceback"):
            self.assertNotIn(complaint, backtrace)

    def check_animals(self, gdb):
        """All that wait are listed and can be looked at."""
        listed = gdb.do("info goroutines")
        ids = gdb.ids()
        for name, state, function, local in ANIMALS:
            with self.subTest(function):
                self.assertRegex(listed, rf"(?m)^  {ids[function]} +{re.escape(state)} +\d\S+ +{name} *"
                                 rf"\b{function} +{function} zoo\.c:\d+ +start zoo\.c:\d+$")
                backtrace = gdb.do(f"goroutine {ids[function]} bt")
                self.assertTrue(backtrace.startswith("#1 "), backtrace)
                self.assert_whole(backtrace, function)
                if local is not None and not SANITIZE:  # which says where variables were, not are
                    self.assertIn(local, gdb.do(f"goroutine {ids[function]} info locals"))

    def check_on_threads(self, gdb):
        """So are those that run, on their threads."""
        listed = gdb.do("info goroutines running")
        ids = gdb.ids()
        for name, function, local in ON_THREADS:
            with self.subTest(function):
                self.assertRegex(listed, rf"(?m)^  {ids[function]} +running \(thread \d+\) +{name} +"
                                 rf"{function} +\S.*start zoo\.c:\d+$")
                self.assert_whole(gdb.do(f"goroutine {ids[function]} bt"), function)
                if not SANITIZE:  # has functions of its own between those
                    self.assertIn(local, gdb.do(f"goroutine {ids[function]} info locals"))


def main(reason=None):
    """Run the tests, where there is a gdb for them, and no other reason not to."""
    reason = reason or why_not()
    if reason is not None:
        print("skipped:", reason)
        sys.exit(77)
    unittest.main()
