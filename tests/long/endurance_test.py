#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An hour, or as long as one likes, of mixed load on a real gord, whose clients come, go and die:
nothing grows, every job is accounted for, and afterwards all is as it was before.

    tests/long/endurance_test.py [--minutes N] [--seed N] [--rate N] [--out DIR]

In ./check it is half a minute in which everything happens at least once; with $GOR_LONG an hour,
five minutes where everything is slower. What it needs from the environment is in
tests/e2e/gor_e2e.py. It leaves samples.csv, endurance.svg and report.md in DIR, else in endurance/
of the build folder.
"""

import argparse
import collections
import faulthandler
import os
import random
import signal
import subprocess
import sys
import time

sys.path[1:1] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e")]

# pylint: disable=wrong-import-position
import gor_e2e as e2e
from endure_books import Books
from endure_clients import Clients
from endure_load import Load
from endure_report import MEMORY, draw, judge, table
from endure_samples import TRAIL, Sampler, descriptors, sample
from endure_submit import QUEUES, Submits

KEEP_JOBS, KEEP_S, KEEP_FAILED_S = 600, 100, 140
AUDIT_KEEP = 1 << 20  # the least there may be: it is reached within minutes
OPTIONS = ("--keep-jobs", str(KEEP_JOBS), "--keep-age", f"{KEEP_S}s",
           "--keep-failed", f"{KEEP_FAILED_S}s", "--keep-size", "24M", "--log-cap", "256K",
           "--audit-keep", str(AUDIT_KEEP), "--grace", "300ms", "--exec-slots", "6",
           "--gomaxprocs", "2")
ROUND_S = 20
CRONS = (("steady", "every 3s"), ("even", "*/2 * * * * *"), ("odd", "1-59/7 * * * * *"))
# What there may be more of at the end than before the load: threads, of which those that are not
# needed end after a minute; and descriptors that are opened at first use and kept.
# SQLite closes none of a database in which it has locks but uses it for the next reader: as many as
# there were readers at a time, which are backups and the one that is always there.
BASE = {"threads": 16, "goroutines": 0, "children": 0, "connections": 0}
KEPT = {"gord.db": 4, "userfaultfd": 1}


def options():
    minutes = 0.4 if not os.environ.get("GOR_LONG") else 5 if e2e.SANITIZE else 60
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=minutes, help="of load (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("GOR_TEST_SEED") or
                                                        random.randrange(1 << 32)),
                        help="of the schedule ($GOR_TEST_SEED, else drawn)")
    parser.add_argument("--rate", type=float, default=5 if e2e.SANITIZE else 8,
                        help="actions begun in a second, but in quiet moments (%(default)s)")
    parser.add_argument("--out", default=os.path.join(e2e.BUILD or ".", "endurance"),
                        help="the folder for what is found (%(default)s)")
    return parser.parse_args()


def sockets(path):
    """The connections to a socket, and whose they are, as far as ss can tell."""
    try:
        told = subprocess.run(["ss", "-xpH"], capture_output=True, check=False, text=True).stdout
    except FileNotFoundError:
        return "(there is no ss)"
    ours = [line.split() for line in told.splitlines() if path in line]
    peers = {line[-2] if line[-1].startswith("users:") else line[-1] for line in ours}
    return "\n".join(line for line in told.splitlines()
                     if path in line or peers & set(line.split()))


class Run:
    def __init__(self, given):
        self.given = given
        self.complaints = []
        # However we end, it does not stay behind.
        self.gord = e2e.Gord(*OPTIONS, wrap=("setpriv", "--pdeathsig", "KILL"))
        self.ledger = os.path.join(self.gord.folder, "ledger")

    def begin(self):
        open(self.ledger, "w", encoding="ascii").close()
        self.gord.start()
        self.client = self.gord.client()
        self.client.message("JobSpec")
        self.books = Books(self.gord, self.ledger)
        self.submits = Submits(self.client, self.books, self.gord.folder)
        self.prepare()
        # With the connections of the client, of the books and of the sampler.
        self.sampler = Sampler(self.gord, os.path.join(self.given.out, "samples.csv"))
        self.base = self.settled_sample(lambda row: row["connections"] == 3 and row["live"] == 0)
        self.descriptors = descriptors(self.gord.process.pid)

    def expect(self, holds, complaint):
        if not holds:
            self.complaints.append(complaint)

    def prepare(self):
        """What stays for the whole run, and each kind of job once, so that the base has what is
        made on first use."""
        for name in QUEUES[1:]:
            self.client.call("Queues", "SetQueue", name=name, slots=2)
        self.client.call("Queues", "SetPool", name="two", tokens=2)
        rng = random.Random(0)
        for action in (self.submits.do_exec, self.submits.do_native, self.submits.do_lua):
            action(rng)
        self.client.wait(*sorted(self.books.acknowledged))

    def add_crons(self):
        for name, expr in CRONS:
            job = self.submits.spec(random.Random(name), queue="default", name=name)
            spec = self.client.message("CronSpec", name=name, expr=expr, job=job)
            self.client.call("Crons", "Put", spec=spec)

    def settled_sample(self, is_settled, seconds=e2e.PATIENCE):
        """A sample as soon as one is as it should be; after so long as it is."""
        end = time.monotonic() + seconds
        while True:
            row = sample(self.gord, self.client)
            if is_settled(row) or time.monotonic() > end:
                return row
            time.sleep(0.2)

    # ------------------------------------------------------------ the phases

    def load(self):
        self.add_crons()
        actors = (self.submits, Clients(self.gord, self.submits))
        load = Load(actors, self.given.seed, self.given.rate, ROUND_S)
        rounds = max(1, round(self.given.minutes * 60 / ROUND_S))
        self.load_began = time.monotonic() - self.sampler.began
        load.run(rounds)
        self.load_ended = self.load_began + rounds * ROUND_S
        self.complaints += load.faults
        self.expect(not set(load.actions) - set(load.done),
                    f"never done: {set(load.actions) - set(load.done)}")
        return load

    def end_of_load(self):
        """Nobody asks any more and what still lives is ended: all is back where it began."""
        for name, _ in CRONS:
            self.client.call("Crons", "Delete", name=name)
        for name in QUEUES[1:]:
            self.client.call("Queues", "ResumeQueue", name=name)
        self.client.call("Jobs", "Resume")

        def is_back(row):
            if row["live"]:  # hooks and jobs that were released come after what was cancelled
                self.client.jobs("Cancel", all=True, cause="the load ends")
            return not row["live"] and not self.left_open() and all(
                row[c] <= self.base[c] + more for c, more in BASE.items())
        row = self.settled_sample(is_back)
        self.expect(row["live"] == 0, f"{row['live']} jobs do not end")
        self.expect(not self.left_open(), f"descriptors left open: {dict(self.left_open())}")
        if row["connections"] > self.base["connections"]:
            self.complaints.append("who has connections still:\n" + sockets(self.gord.socket))
        for column, more in BASE.items():
            self.expect(row[column] <= self.base[column] + more,
                        f"{row[column]} {column} after the load, {self.base[column]} before it")
        return row

    def left_open(self):
        """Descriptors beyond those before the load and those that may be kept, by kind."""
        return descriptors(self.gord.process.pid) - self.descriptors - collections.Counter(KEPT)

    def stored(self):
        """Outcome and end of all jobs there are, by id."""
        found, before = {}, 0
        while True:
            page = self.client.jobs("List", limit=1000, before_id=before, without_env=True)
            found.update((job.id, (job.outcome, job.finished_ns)) for job in page.jobs)
            before = page.next_before_id
            if not before:
                return found

    def look_at_files(self, stored):
        """Output belongs to a job that is kept, and nothing else lies about."""
        for folder, _, names in os.walk(os.path.join(self.gord.state, "logs")):
            for name in names:
                job = name.split(".")[0]
                self.expect(job.isdigit() and int(job) in stored,
                            f"{os.path.join(folder, name)} belongs to no job")
        others = {name for name in os.listdir(self.gord.state) if not TRAIL.fullmatch(name)} - {
            "gord.db", "gord.db-wal", "gord.db-shm", "lock", "logs", "token", "gord.sock"}
        self.expect(not others, f"left in the state directory: {sorted(others)}")

    def settle(self):
        """Books against records. Retention works on for a moment, and jobs grow old: what is there
        is looked at until it is the same before and after."""
        stats = self.client.runtime("Stats")
        self.books.finish(stats.last_seq)
        for _ in range(100):
            stored, before = self.stored(), len(self.complaints)
            self.look_at_files(stored)
            if self.stored() == stored:
                break
            del self.complaints[before:]
        outcomes = {job: outcome for job, (outcome, _) in stored.items()}
        self.complaints += self.books.settle(outcomes, KEEP_JOBS)
        return stored

    def restart(self, stored):
        """It ends, the store is sound, and a new one has the same."""
        self.client.close()
        self.sampler.stop()
        self.expect(self.gord.stop() == 0, "gord did not end with 0 on SIGTERM")
        check = subprocess.run(e2e.gord_command("--state-dir", self.gord.state, "--check-store"),
                               capture_output=True, check=False, timeout=e2e.PATIENCE)
        self.expect(check.returncode == 0, f"--check-store: {check.stdout + check.stderr!r}")
        self.gord.options = ("--paused",)  # without retention: nothing goes while we look
        self.gord.start()
        self.client = self.gord.client()
        # The first may have removed some after we looked, but only those that had grown too old.
        ended_ns, has = time.time_ns(), self.stored()
        for job, (outcome, finished_ns) in stored.items():
            keep_s = KEEP_S if outcome == e2e.SUCCEEDED else KEEP_FAILED_S
            self.expect(job in has or finished_ns + keep_s * e2e.SECOND < ended_ns,
                        f"job {job} was kept, and is gone after a restart")
        self.expect(has.items() <= stored.items(), "there are other jobs after a restart")
        self.client.close()
        self.expect(self.gord.stop(signal.SIGTERM) == 0, "the second gord did not end with 0")
        said = self.gord.stderr()
        self.expect("Sanitizer" not in said and "runtime error" not in said, said[-20000:])

    # ------------------------------------------------------------ what was found

    def report(self, load, after):
        rows = self.sampler.rows
        under_load = [dict(row, t=row["t"] - self.load_began) for row in rows
                      if self.load_began <= row["t"] < self.load_ended]
        verdicts = judge(under_load, ROUND_S, MEMORY if e2e.SANITIZE else ())
        for verdict in verdicts:
            self.expect(verdict.verdict != "GROWS", f"{verdict.name} grows: {verdict.cells()[3]}")
        # A file is turned when it has its share, with the lines that were written at once.
        self.expect(after["trail"] <= AUDIT_KEEP + AUDIT_KEEP // 8,
                    f"{after['trail']} bytes of the audit trail, of which {AUDIT_KEEP} are kept")
        minutes = len(under_load) / 60
        kind = {"": "release", "address": "ASan", "thread": "TSan"}[e2e.SANITIZE]
        title = f"gord, {kind} build, {minutes:.1f} minutes, seed {self.given.seed}"
        cpu = (under_load[-1]["cpu"] - under_load[0]["cpu"]) / under_load[-1]["t"]
        slowest, name = load.slowest
        lines = [
            title, "",
            f"{sum(load.done.values())} actions, {sum(load.refused.values())} of them refused as "
            f"they may be, {load.late} left out since all clients were busy; the slowest took "
            f"{slowest:.1f} s ({name}).", "",
            self.books.summary() + ".", "", f"gord used {cpu:.2f} of a processor.", "",
            table(verdicts),
            "| | before the load | after it |", "|---|---|---|",
            *(f"| {c} | {self.base[c]:,} | {after[c]:,} |"
              for c in ("fds", *BASE, "rss", "anon", "heap"))]
        text = "\n".join(lines) + "\n"
        with open(os.path.join(self.given.out, "report.md"), "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(self.given.out, "endurance.svg"), "w", encoding="utf-8") as file:
            file.write(draw(rows, title))
        print(text)


def main():
    given = options()
    if not os.access(e2e.GORD, os.X_OK) or e2e.grpc is None:
        print("SKIP: GORD does not name a program, or python3-grpcio is not installed")
        return e2e.SKIPPED
    print(f"seed {given.seed}; {given.minutes} minutes; {given.out}", flush=True)
    # What hangs tells where, and ends.
    faulthandler.dump_traceback_later(given.minutes * 60 + 4 * e2e.PATIENCE, exit=True)
    os.makedirs(given.out, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run = Run(given)
    try:
        run.begin()
        load = run.load()
        after = run.end_of_load()
        stored = run.settle()
        run.restart(stored)
        if run.sampler.fault:
            run.complaints.append(run.sampler.fault)
        run.report(load, after)
    finally:
        run.gord.close()
    for complaint in run.complaints[:50]:
        print("WRONG:", complaint)
    print(f"{len(run.complaints)} complaints" if run.complaints else "All is well.")
    return 1 if run.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
