# SPDX-License-Identifier: MIT
"""Tests of bench/run itself: python3 selftest.py [DIRECTORY OF THE BENCH PROGRAMS]."""

import io
import json
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import cases, measure, report  # noqa: E402

PROGRAMS = Path(sys.argv.pop()) if len(sys.argv) > 1 else None


def samples(*values, unit="ns", **extras):
    made = measure.Samples()
    for value in values:
        made.add({"": (value, unit, extras)})
    return made


class ParseFigures(unittest.TestCase):
    def test_splits_workload_figure_and_extras(self):
        self.assertEqual(measure.parse_figures("W9.bytes 2701.5 B rss=2690 check=7\nW1 3 ns \n"),
                         {"bytes": (2701.5, "B", {"rss": "2690", "check": "7"}),
                          "": (3.0, "ns", {})})

    def test_refuses_what_is_no_figure(self):
        with self.assertRaises(ValueError):
            measure.parse_figures("W1 fast\n")


class Choose(unittest.TestCase):
    def test_without_names_is_everything(self):
        self.assertEqual(cases.choose([]), cases.CASES)

    def test_takes_names_and_groups_in_any_case(self):
        self.assertEqual({c.name for c in cases.choose(["w9"])}, {"W9"})
        self.assertEqual({c.name for c in cases.choose(["service"])}, {f"S{i}" for i in range(1, 10)})

    def test_refuses_an_unknown_name(self):
        with self.assertRaises(KeyError):
            cases.choose(["W1", "W99"])


class SameWork(unittest.TestCase):
    def test_accepts_equal_checks(self):
        measure.same_work(samples(1, check="5"), samples(2, check="5"))

    def test_refuses_different_checks(self):
        with self.assertRaises(measure.RunError):
            measure.same_work(samples(1, check="5"), samples(2, check="6"))


class Rows(unittest.TestCase):
    def row(self, ours, theirs, case=cases.Case("W1", "", goal={"": 4})):
        with tempfile.NamedTemporaryFile("r") as file, redirect_stdout(io.StringIO()) as out:
            made = report.Report(file.name, {"cpu": "x"}, quick=False)
            made.row(case, "", 1, ours, "go1.99", theirs)
            made.close()
            return json.loads(file.read()), out.getvalue()

    def test_less_is_better_for_times(self):
        line, _ = self.row(samples(10, 20, 30), samples(100, 80, 90))
        self.assertEqual((line["gor"], line["peer_value"], line["times_faster"], line["spread"]),
                         (20, 90, 4.5, 1.0))
        self.assertEqual((line["workload"], line["gomaxprocs"], line["unit"], line["peer"]),
                         ("W1", 1, "ns", "go1.99"))

    def test_more_is_better_for_rates(self):
        line, _ = self.row(samples(200, unit="req/s"), samples(100, unit="req/s"))
        self.assertEqual(line["times_faster"], 2)

    def test_marks_a_goal_missed(self):
        self.assertIn("4!", self.row(samples(10), samples(20))[1])
        self.assertNotIn("4!", self.row(samples(10), samples(50))[1])

    def test_says_what_failed_and_goes_on(self):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as err:
            made = report.Report(None, {}, quick=True)
            made.failure(cases.CASES[0], 1, measure.RunError("it broke"))
        self.assertEqual(made.failed, 1)
        self.assertIn("it broke", err.getvalue())


class BadInput(unittest.TestCase):
    def code(self, *command):
        return subprocess.run(command, capture_output=True, check=False).returncode

    def test_run_refuses_it_with_usage(self):
        run = str(Path(__file__).resolve().parents[1] / "run")
        for words in (["W99"], ["--pairs", "0"], ["--gomaxprocs", "two"], ["--gomaxprocs", "0"]):
            self.assertEqual(self.code(sys.executable, run, *words), 2, words)

    @unittest.skipIf(PROGRAMS is None, "no programs given")
    def test_gor_bench_refuses_it_with_usage(self):
        for words in ([], ["W99"], ["-d", "0", "W1"], ["-x"], ["W9", "many"]):
            self.assertEqual(self.code(PROGRAMS / "gor-bench", *words), 2, words)

    @unittest.skipIf(PROGRAMS is None, "no programs given")
    def test_load_refuses_it_with_usage(self):
        for words in ([], ["1", "1", "5000", "1"], ["70000", "1", "64", "1"],
                      ["1", "0", "64", "1"]):
            self.assertEqual(self.code(PROGRAMS / "gor-bench-load", *words), 2, words)


if __name__ == "__main__":
    unittest.main()
