# SPDX-License-Identifier: MIT
"""endure_books - what became of every job, kept beside the daemon's own records.

Three sources that know nothing of each other: the ids that gord acknowledged, the events that one
watcher sees from the first on, and a ledger that each program writes a line into when it runs. At
the end they are held against each other and against what gord still has.
"""

import collections
import threading

import gor_e2e as e2e

# Else all channels of a process share one.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
SUBMITTED, STARTED, FINISHED, RETRYING, REQUEUED, REVIVED = 1, 3, 6, 9, 10, 12


class Entry:
    """One job, as its events tell."""

    __slots__ = ("starts", "processes", "outcome", "runs_again")

    def __init__(self):
        self.starts = self.processes = self.outcome = 0
        self.runs_again = False

    def note(self, event):
        if event.kind == STARTED and event.reason.startswith("as process "):
            self.processes += 1
        elif event.kind == STARTED:
            self.starts += 1
        elif event.kind == FINISHED:
            self.outcome = event.outcome
        elif event.kind in (RETRYING, REQUEUED, REVIVED):
            self.runs_again = True
            self.outcome = 0


class Books:
    def __init__(self, gord, ledger):
        self.gord, self.ledger = gord, ledger
        self.lock = threading.Lock()
        self.entries = {}
        self.acknowledged = set()
        self.removed = set()        # by a client's word
        self.with_ledger = set()    # programs that sign in the ledger whenever they run
        self.seq = 0
        self.wrong = []
        self.client = gord.client(options=OWN_CONNECTION)
        self.client.message("JobSpec")  # what is made on first use is made before there are threads
        self.watch = self.client.jobs("Watch", timeout=None)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.caught_up = threading.Condition(self.lock)
        self.thread.start()

    def _follow(self):
        try:
            for event in self.watch:
                with self.lock:
                    self._note(event)
                    self.caught_up.notify_all()
        except e2e.grpc.RpcError as error:
            with self.lock:
                if error.code() != e2e.grpc.StatusCode.CANCELLED:
                    self.wrong.append(f"the watcher of all events was cut off after event "
                                      f"{self.seq}: {error.code()}, {error.details()}")
                self.caught_up.notify_all()

    def _note(self, event):
        if event.seq != self.seq + 1:
            self.wrong.append(f"event {event.seq} came after event {self.seq}")
        self.seq = event.seq
        self.entries.setdefault(event.job_id, Entry()).note(event)

    def acknowledge(self, *ids, ledger=False):
        with self.lock:
            self.acknowledged.update(ids)
            if ledger:
                self.with_ledger.update(ids)

    def remove(self, ids):
        with self.lock:
            self.removed.update(ids)

    def some_id(self, rng):
        """The id of a job that was acknowledged, most likely a young one; 0: there is none yet."""
        with self.lock:
            last = max(self.acknowledged, default=0)
        return max(1, last - int(rng.expovariate(0.02))) if last else 0

    def finish(self, last_seq):
        """Wait until the watcher has seen everything, and let it go."""
        with self.lock:
            seen = self.caught_up.wait_for(lambda: self.seq >= last_seq or self.wrong, e2e.PATIENCE)
            if not seen:
                self.wrong.append(f"the watcher has seen event {self.seq} of {last_seq} only")
        self.watch.cancel()
        self.thread.join(e2e.PATIENCE)
        self.client.close()

    # ------------------------------------------------------------ the reckoning

    def settle(self, stored, keep_jobs):
        """Complaints; `stored` is what gord has, outcomes by id."""
        complaints = list(self.wrong)
        complaints += [f"job {i} was acknowledged and has no event"
                       for i in sorted(self.acknowledged - self.entries.keys())]
        for job, entry in sorted(self.entries.items()):
            if entry.outcome == 0:
                complaints.append(f"job {job} has no end")
            elif stored.get(job, entry.outcome) != entry.outcome:
                complaints.append(f"job {job} ended as {entry.outcome}, is kept as {stored[job]}")
        complaints += [f"job {i} is kept and was never heard of"
                       for i in sorted(stored.keys() - self.entries.keys())]
        complaints += [f"job {i} was removed and is still there"
                       for i in sorted(self.removed & stored.keys())]
        if len(stored) > keep_jobs:
            complaints.append(f"{len(stored)} jobs are kept, {keep_jobs} at most were to be")
        return complaints + self._settle_runs()

    def _settle_runs(self):
        """What was started against what has run."""
        with open(self.ledger, encoding="ascii") as file:
            runs = collections.Counter(int(line) for line in file)
        complaints = [f"job {i} has run and was never heard of"
                      for i in sorted(runs.keys() - self.entries.keys())]
        for job in sorted(self.with_ledger & self.entries.keys()):
            entry = self.entries[job]
            if runs[job] > max(entry.processes, entry.starts):
                complaints.append(f"job {job} was started {entry.starts} times and ran {runs[job]}")
            if not entry.runs_again and runs[job] > 1:
                complaints.append(f"job {job} was to run once and ran {runs[job]} times")
            if entry.outcome == e2e.SUCCEEDED and runs[job] == 0:
                complaints.append(f"job {job} succeeded and has not run")
        return complaints

    def summary(self):
        outcomes = collections.Counter(entry.outcome for entry in self.entries.values())
        names = {e2e.SUCCEEDED: "succeeded", e2e.FAILED: "failed", e2e.SIGNALED: "signaled",
                 e2e.TIMED_OUT: "timed out", e2e.CANCELLED: "cancelled", e2e.PANICKED: "panicked",
                 e2e.DEPENDENCY_FAILED: "dependency failed", e2e.EXPIRED: "expired",
                 e2e.SPAWN_ERROR: "spawn error"}
        told = ", ".join(f"{count} {names.get(outcome, outcome)}"
                         for outcome, count in outcomes.most_common())
        return f"{len(self.entries)} jobs ({len(self.acknowledged)} of clients), " \
            f"{self.seq} events: {told}"
