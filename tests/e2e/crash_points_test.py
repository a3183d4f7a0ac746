# SPDX-License-Identifier: MIT
"""kill -9 at every labelled place: before and after each write, flush, acknowledgement, start, exit.

A gord that was compiled with such places works until it dies at one of them; a plain gord then takes
over. What was acknowledged is there, nothing ran twice, no process is left, and the store agrees with
itself. The figures are printed as a table.
"""

import collections
import os
import re
import signal
import subprocess
import time
import unittest

import gor_e2e as e2e
from gor_e2e import grpc

CRASHING = os.environ.get("GORD_CRASHING", "")
# Which of the times that a place is met it kills: the first, and as far as this through all of them.
SHARES = () if e2e.SANITIZE else (1 / 4, 1 / 2, 3 / 4) if os.environ.get("GOR_LONG") else (1 / 2,)
LIMIT = 25
ENDED = 1  # a condition of dependencies: however it ended
OPTIONS = ("--log-cap", "64K", "--exec-slots", "4", "--grace", "100ms")


def crashpoints():
    out = subprocess.run([CRASHING], env=dict(os.environ, GORD_CRASHPOINT="list"), check=True,
                         capture_output=True).stdout.decode()
    return [line.split("\t")[0] for line in out.splitlines()]


class CrashingGord(e2e.Gord):
    """A gord that dies at a place; afterwards a plain one on the same state."""

    def __init__(self, place):
        self.limited = place.startswith("remove.")
        limits = ("--keep-jobs", str(LIMIT)) if self.limited else ()
        super().__init__(*OPTIONS, *limits, env={"GORD_CRASHPOINT": place})
        self.crashing = True

    def command(self):
        command = super().command()
        if self.crashing:
            command[command.index(e2e.GORD)] = CRASHING
        return command


def wait(client, ids):
    """Until they have ended; some may be gone already, for there may be a limit."""
    for job in ids:
        try:
            client.wait(job)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.NOT_FOUND:
                raise


class Load:
    """Some of everything; remembers what was acknowledged."""

    def __init__(self, gord):
        self.gord = gord
        self.client = gord.client()
        self.ran = os.path.join(gord.folder, "ran")
        self.acknowledged = []
        self.mark = {"PATH": os.environ["PATH"], "CRASH_MARK": gord.folder}

    def program(self, script):
        return self.client.exec_spec("sh", "-c", f"echo $GOR_JOB_ID >>{self.ran}; {script}",
                                     env=self.mark)

    def submit(self, *specs):
        if len(specs) == 1:
            ids = [self.client.submit(specs[0])]
        else:
            reply = self.client.jobs("SubmitMany", specs=specs)
            ids = list(range(reply.first_id, reply.first_id + reply.count))
        self.acknowledged += ids
        return ids

    def gated(self):
        """A job that fails and is run again, one that runs after it, one that waits for a while."""
        retry = self.client.message("RetryPolicy", retries=1, backoff_ns=1_000_000)
        again = self.client.exec_spec("sh", "-c", "head -c 40000 /dev/zero; exit 1", env=self.mark,
                                      retry=retry)
        first, = self.submit(again)
        clause = self.client.message("AnyOf", of=[self.client.message("Dependency", id=first,
                                                                      condition=ENDED)])
        then = self.program("true")
        then.after.append(clause)
        soon = self.program("true")
        soon.delay_ns = 20_000_000
        held = self.program("true")
        held.held = True
        changed, = self.submit(held)
        self.client.jobs("Update", ids=[changed], fields=["after"],
                         spec=self.client.message("JobSpec", after=[clause]))
        return [first] + self.submit(then, soon)

    def fire(self, spec):
        """A job that an entry of the calendar makes."""
        entry = self.client.message("CronSpec", name="load", expr="@yearly", job=spec)
        self.client.call("Crons", "Put", spec=entry, replace=True)
        self.acknowledged.append(self.client.call("Crons", "Run", name="load").id)
        return self.acknowledged[-1]

    def array(self):
        """Four tasks, of which two run at a time, and what waits for them."""
        spec = self.program("test $GOR_ARRAY_INDEX != 2")
        spec.array.at_once = 2
        spec.array.indices.add(first=0, last=3)
        group, = self.submit(spec)
        then = self.program("true")
        then.after.add().of.add(id=group, condition=ENDED)
        return [group] + self.submit(then)

    def array_again(self):
        """An array that has ended lives again with the task that failed."""
        spec = self.client.exec_spec("sh", "-c", "test $GOR_ARRAY_INDEX != 2", env=self.mark)
        spec.array.indices.add(first=0, last=3)
        group, = self.submit(spec)
        self.client.wait(group)
        self.client.jobs("Retry", ids=[group])
        return [group]

    def run(self):
        """To the end, or until the daemon is gone."""
        try:
            echo = self.client.native_spec("builtin.echo", "x")
            for _ in range(2):
                gated = self.gated() + self.array() + self.array_again()
                long, = self.submit(self.program("sleep 1000 & sleep 1000"))
                programs = self.submit(*[self.program("head -c 100000 /dev/zero")
                                         for _ in range(4)])
                many = self.submit(*[echo] * 30)
                single = self.submit(echo) + self.submit(echo) + [self.fire(echo)]
                self.client.wait_process(long)
                self.client.jobs("Cancel", ids=[long])
                wait(self.client, programs + many + single + gated + [long])
            self.submit(self.program("sleep 1000"))
        except (grpc.RpcError, AssertionError):
            pass  # it died
        self.client.close()


def processes(mark):
    """Those that a job of this gord started, and that live."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                carries = b"CRASH_MARK=" + os.fsencode(mark) + b"\0" in file.read()
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                alive = file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            continue
        if carries and alive:
            found.append(int(pid))
    return found


class CrashPoints(unittest.TestCase):
    def settle(self, gord):
        """After the crash: all that is there, once it has come to an end."""
        client = gord.client()
        listed, before = {}, 0
        while True:
            reply = client.jobs("List", before_id=before, limit=1000, without_env=True)
            listed.update((j.id, j) for j in reply.jobs)
            before = reply.next_before_id
            if not before:
                break
        live = [i for i in listed if listed[i].state != e2e.TERMINATED]
        sleepers = [i for i in live if b"sleep" in b"".join(listed[i].spec.exec.argv)]
        if sleepers:
            client.jobs("Cancel", ids=sleepers)
        client.jobs("Release", all=True)
        wait(client, live)
        return client, listed

    def look(self, client, listed, gord):
        """As they are now, unless they are about to be removed."""
        return listed.values() if gord.limited else [client.get(job) for job in listed]

    def check_arrays(self, client, listed, place):
        """All of their tasks are there, or none, and tell how the whole ended."""
        for group in listed.values():
            if group.spec.WhichOneof("kind") != "group":
                continue
            tasks = [client.get(i) for i in listed if listed[i].spec.parent_id == group.id]
            self.assertEqual(sorted(t.spec.task.index for t in tasks), [0, 1, 2, 3], place)
            self.assertEqual({t.state for t in tasks}, {e2e.TERMINATED}, place)
            bad = sum(t.outcome not in (e2e.SUCCEEDED, e2e.CANCELLED) for t in tasks)
            shown = client.get(group.id)
            self.assertEqual(shown.outcome, e2e.FAILED, place)  # the one of index 2 does
            self.assertIn(f"{bad} of 4 tasks failed", shown.detail, place)

    def check(self, place, gord, load, died):
        gord.crashing = False
        gord.extra_env = {}
        if not died:
            gord.stop()
        gord.start()
        client, listed = self.settle(gord)
        newest = max(load.acknowledged, default=0)
        if gord.limited:  # whichever ended first have gone, as many as are too many
            self.assertGreaterEqual(len(listed), min(LIMIT, len(load.acknowledged)), place)
        else:
            self.assertEqual([i for i in load.acknowledged if i not in listed], [], place)
            self.check_arrays(client, listed, place)
        next_id = client.native("builtin.echo")
        self.assertGreater(next_id, max([newest, *listed]), place)
        outcomes = collections.Counter(j.outcome for j in self.look(client, listed, gord))
        self.assertEqual(outcomes[e2e.DEPENDENCY_FAILED], 0, place)
        runs = collections.Counter()
        if os.path.exists(load.ran):
            with open(load.ran, encoding="ascii") as file:
                runs.update(file.read().split())
        twice = [i for i, n in runs.items() if n > 1]
        self.assertEqual(twice, [], f"{place}: ran twice")
        end = time.monotonic() + e2e.PATIENCE
        while processes(gord.folder) and time.monotonic() < end:
            time.sleep(0.01)  # killed processes go when they are scheduled
        self.assertEqual(processes(gord.folder), [], f"{place}: left alone")
        client.close()
        self.assertEqual(gord.stop(), 0, place)
        done = gord.check_store()
        self.assertEqual(done.returncode, 0, f"{place}: {done.stdout.decode()}")
        return len(listed), outcomes[e2e.LOST]

    def one(self, label, count):
        """A row of the table."""
        place = f"{label}:{count}"
        gord = CrashingGord(place)
        died = False
        try:
            try:
                gord.start()
            except AssertionError:
                died = True  # before it was ready
            load = Load(gord)
            if not died:
                load.run()
                gord.process.send_signal(signal.SIGUSR2 if label.startswith("upgrade.")
                                         else signal.SIGTERM)
                died = gord.process.wait(e2e.PATIENCE) == -9
            kept, lost = self.check(place, gord, load, died)
        finally:
            gord.close()
        return died, len(load.acknowledged), kept, lost

    @unittest.skipUnless(CRASHING, "GORD_CRASHING does not name a program")
    def test_the_documents_have_every_place(self):
        labels = crashpoints()
        with open(os.path.join(e2e.SOURCE, "docs", "storage.md"), encoding="utf-8") as file:
            storage = file.read()
        self.assertEqual(re.findall(r"^\| `([a-z]+\.[a-z]+)`: ", storage, re.M), labels)
        self.assertIn(f"each of the {len(labels)} places", storage)
        with open(os.path.join(e2e.SOURCE, "docs", "figures.md"), encoding="utf-8") as file:
            self.assertIn(f"\n{len(labels)} labelled places", file.read())

    def met(self, label):
        """How often each place is met by a gord that does all that the one for `label` does."""
        gord = CrashingGord(label)
        counts = os.path.join(gord.folder, "counts")
        gord.extra_env = {"GORD_CRASHPOINT": f"count:{counts}"}
        try:
            gord.start()
            load = Load(gord)
            load.run()
            self.assertEqual(gord.stop(), 0)
        finally:
            with open(counts, encoding="ascii") as file:
                found = {name: int(count) for name, count in map(str.split, file)}
            gord.close()
        return found

    @unittest.skipUnless(CRASHING, "GORD_CRASHING does not name a program")
    def test_every_place(self):
        labels = crashpoints()
        met = {**self.met(""), **{label: count for label, count in self.met("remove.").items()
                                  if label.startswith("remove.")}} if SHARES else {}
        print(f"\n{'killed at':<20} {'nth':>5} {'of':>5} {'died':>5} {'acknowledged':>13} "
              f"{'found':>6} {'lost while running':>19}", flush=True)
        for label in labels:
            often = met.get(label, 1)
            for count in sorted({1, *(int(often * share) for share in SHARES)} - {0}):
                died, acknowledged, kept, lost = self.one(label, count)
                print(f"{label:<20} {count:>5} {often:>5} {'yes' if died else 'no':>5} "
                      f"{acknowledged:>13} {kept:>6} {lost:>19}", flush=True)
                self.assertTrue(died or count > 1, f"{label} is never met")


if __name__ == "__main__":
    e2e.main()
