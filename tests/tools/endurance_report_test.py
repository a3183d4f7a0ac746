#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reckoning of tests/long finds what grows, what is amiss in the books, and nothing else."""

import mmap
import os
import pathlib
import random
import sys
import tempfile
import threading
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS / "long"), str(TESTS / "e2e")]

# pylint: disable=wrong-import-position
import endure_books as books
import endure_report as report
import endure_samples as samples
import gor_e2e as e2e

MIB = 1 << 20
ROUND_S = 20


def rows(minutes, per_hour=0.0):
    """Samples of a heap of 4 MiB that heaves by a MiB within each round, with noise."""
    rng = random.Random(1)
    return [{"t": t, "heap": 4 * MIB + (t % ROUND_S) * MIB / ROUND_S + per_hour * t / 3600 +
             rng.gauss(0, 20_000)} for t in range(int(minutes * 60))]


class Fit(unittest.TestCase):
    def verdict(self, *args):
        return report.Row(rows(*args), "heap", ROUND_S).verdict

    def test_what_only_heaves_is_steady(self):
        self.assertEqual(self.verdict(15), "steady")
        self.assertEqual(self.verdict(60, 0.3 * MIB), "steady")

    def test_what_gains_too_much_grows(self):
        self.assertEqual(self.verdict(15, 3 * MIB), "GROWS")
        self.assertEqual(self.verdict(60, 1.2 * MIB), "GROWS")

    def test_a_short_run_tells_nothing(self):
        self.assertEqual(self.verdict(0.5, 100 * MIB), "too short to tell")

    def test_what_is_not_judged_is_told(self):
        row = report.Row([{"t": row["t"], "rss": row["heap"]} for row in rows(15, 30 * MIB)], "rss",
                         ROUND_S)
        self.assertEqual(row.verdict, "")
        self.assertRegex(" | ".join(row.cells()), r"resident memory \| least \| .* \| \+[23].* \|  \| $")

    def test_one_step_is_no_slope(self):
        def of(threads):
            return report.Row([{"t": t, "threads": threads(t)} for t in range(1800)], "threads", ROUND_S)
        step = of(lambda t: 14 + (t > 1300))
        self.assertGreater(step.slope - step.error, report.ALLOWED["threads"][0])
        self.assertEqual(step.verdict, "too short to tell")
        self.assertEqual(of(lambda t: 14 + t // 150).verdict, "GROWS")

    def test_files_that_are_mapped_are_summed_up(self):
        with tempfile.TemporaryFile() as file:
            before = samples.mapped(os.getpid())
            file.truncate(64 * MIB)
            with mmap.mmap(file.fileno(), 64 * MIB), mmap.mmap(-1, 8 * MIB, mmap.MAP_PRIVATE):
                self.assertEqual(samples.mapped(os.getpid()) - before, 64 * MIB)

    def test_slope_and_its_error(self):
        slope, error = report.fit([(0, 1), (1, 3), (2, 5), (3, 7)])
        self.assertAlmostEqual(slope, 2)
        self.assertAlmostEqual(error, 0)


class Reckoning(unittest.TestCase):
    """Books that were not kept by a watcher."""

    def setUp(self):
        self.books = books.Books.__new__(books.Books)
        self.books.lock, self.books.wrong, self.books.seq = threading.Lock(), [], 0
        self.books.entries, self.books.removed = {}, set()
        self.books.acknowledged, self.books.with_ledger = set(), set()
        file = tempfile.NamedTemporaryFile("w", delete=False)
        self.addCleanup(os.unlink, file.name)
        self.books.ledger = file.name
        self.ran = file

    def job(self, job, outcome, runs, starts=1):
        entry = books.Entry()
        entry.starts = entry.processes = starts
        entry.outcome = outcome
        self.books.entries[job] = entry
        self.books.acknowledge(job, ledger=True)
        self.ran.write(f"{job}\n" * runs)

    def complaints(self, stored):
        self.ran.close()
        return self.books.settle(stored, 10)

    def test_all_is_well(self):
        self.job(1, e2e.SUCCEEDED, 1)
        self.job(2, e2e.CANCELLED, 0, starts=0)
        self.assertEqual(self.complaints({1: e2e.SUCCEEDED}), [])

    def test_what_is_amiss_is_told(self):
        self.job(1, e2e.SUCCEEDED, 0)
        self.job(2, e2e.SUCCEEDED, 2)
        self.job(3, 0, 0, starts=0)
        self.books.acknowledge(4)
        self.books.remove([2])
        text = "\n".join(self.complaints({1: e2e.FAILED, 2: e2e.SUCCEEDED, 9: e2e.FAILED}))
        for part in ("job 1 succeeded and has not run", "job 1 ended as 1, is kept as 2",
                     "job 2 was to run once and ran 2 times",
                     "job 2 was removed and is still there",
                     "job 3 has no end", "job 4 was acknowledged and has no event",
                     "job 9 is kept and was never heard of"):
            self.assertIn(part, text)


if __name__ == "__main__":
    unittest.main()
