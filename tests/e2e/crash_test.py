# SPDX-License-Identifier: MIT
"""kill -9 at random moments: every acknowledged job is found again, ids are never given twice."""

import json
import os
import random
import select
import signal
import threading
import time
import unittest

import gor_e2e as e2e
from gor_e2e import grpc

ROUNDS = int(os.environ.get("GOR_CRASH_ROUNDS", "50"))


class Submitter(threading.Thread):
    """Submits without pause until the daemon is gone; remembers what was acknowledged."""

    def __init__(self, client, rng):
        super().__init__()
        self.client = client
        self.rng = rng
        self.acknowledged = {}  # id: name
        self.first = threading.Event()

    def submit_one(self, number):
        kind = self.rng.randrange(4)
        name = f"job-{self.rng.getrandbits(64):x}"
        if kind == 0:
            specs = [self.client.native_spec("builtin.echo", name=f"{name}-{i}")
                     for i in range(self.rng.randrange(1, 200))]
            reply = self.client.jobs("SubmitMany", specs=specs)
            for i, spec in enumerate(specs):
                self.acknowledged[reply.first_id + i] = spec.name
        elif kind == 1:
            self.acknowledged[self.client.exec("true", name=name)] = name
        elif kind == 2:
            self.acknowledged[self.client.native("builtin.sleep", "20ms", name=name)] = name
        else:
            self.acknowledged[self.client.native("builtin.echo", number, name=name)] = name

    def run(self):
        number = 0
        try:
            while True:
                number += 1
                self.submit_one(number)
                self.first.set()
        except grpc.RpcError:
            self.first.set()


class KillNine(unittest.TestCase):
    def test_every_acknowledged_job_is_found(self):
        seed = int(os.environ.get("GOR_TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"seed {seed}, {ROUNDS} rounds", flush=True)
        rng = random.Random(seed)
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        all_jobs, newest = {}, 0
        for round_number in range(ROUNDS):
            gord.start()
            client = gord.client()
            self.check(client, all_jobs, round_number)
            submitter = Submitter(client, rng)
            submitter.start()
            submitter.first.wait(e2e.PATIENCE)
            # The only place where time is let pass: the moment of death is meant to be any.
            time.sleep(rng.random() * 0.06)
            gord.process.send_signal(signal.SIGKILL)
            gord.process.wait()
            submitter.join(e2e.PATIENCE)
            self.assertFalse(submitter.is_alive())
            client.close()
            if submitter.acknowledged:
                self.assertGreater(min(submitter.acknowledged), newest,
                                   f"an id was given twice (seed {seed}, round {round_number})")
                newest = max(submitter.acknowledged)
            all_jobs.update(submitter.acknowledged)
        gord.start()
        client = gord.client()
        self.check(client, all_jobs, ROUNDS)
        ids = sorted(all_jobs)
        for at in range(0, len(ids), 5000):
            jobs = client.jobs("Wait", ids=ids[at:at + 5000]).jobs
            self.assertEqual({j.state for j in jobs}, {e2e.TERMINATED})
            self.assertLessEqual({j.outcome for j in jobs}, {e2e.SUCCEEDED, e2e.LOST})
        self.check_events(client)
        client.close()
        self.assertEqual(gord.stop(), 0)
        print(f"{len(all_jobs)} acknowledged jobs, all found", flush=True)

    def check(self, client, all_jobs, round_number):
        """Every job so far is there under its name; a full look at the end and now and then."""
        ids = sorted(all_jobs)
        if round_number % 10 != 0 and round_number != ROUNDS:
            ids = ids[-300:]
        for at in range(0, len(ids), 1000):
            part = ids[at:at + 1000]
            found, before = {}, part[-1] + 1
            while before > part[0]:
                reply = client.jobs("List", before_id=before, limit=1000, without_env=True)
                found.update((j.id, j.spec.name) for j in reply.jobs)
                if not reply.next_before_id:
                    break
                before = reply.next_before_id
            missing = [i for i in part if found.get(i) != all_jobs[i]]
            self.assertEqual(missing, [], f"round {round_number}: acknowledged jobs are gone")

    def check_events(self, client):
        """The history has no gap and no double, and each job's steps are in order."""
        last = client.runtime("Stats").last_seq
        seq, states = 0, {}
        for event in client.jobs("Watch"):
            seq += 1
            self.assertEqual(event.seq, seq)
            former = states.get(event.job_id, 0)
            self.assertNotEqual(former, e2e.TERMINATED, f"job {event.job_id} ended twice")
            states[event.job_id] = event.state
            if seq == last:
                break
        self.assertEqual(set(states.values()), {e2e.TERMINATED})


class Recovery(unittest.TestCase):
    def test_running_jobs_are_settled_and_their_processes_killed(self):
        gord = e2e.Gord("--exec-slots", "2")
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        running = client.exec("sh", "-c", "echo $$; sleep 1000 & wait")
        chunk = next(client.jobs("Logs", id=running, follow=True))
        native = client.native("builtin.sleep", "1000s")
        other = client.exec("sleep", "1000")
        client.wait_process(other)
        client.wait_state(native, e2e.RUNNING)
        queued = client.exec("echo", "later")
        child = client.exec("true", parent_id=native)
        leader = os.pidfd_open(int(chunk.data))
        gord.kill()
        client.close()
        started = time.monotonic()
        gord.start()
        client = gord.client()
        jobs = client.wait(running, native, other)
        settled = time.monotonic() - started
        self.assertEqual([j.outcome for j in jobs], [e2e.LOST] * 3)
        self.assertIn("3 settled as lost, 0 queued again, 0 cancelled", gord.stderr())
        self.assertIn("processes were killed", jobs[0].detail)
        self.assertTrue(select.select([leader], [], [], e2e.PATIENCE)[0], "it lives on")
        os.close(leader)
        self.assertEqual(client.wait(queued).outcome, e2e.SUCCEEDED)
        self.assertEqual(client.wait(child).outcome, e2e.CANCELLED)
        self.assertEqual(client.logs(running), chunk.data)
        self.assertIn("found running", "".join(e.reason for e in client.events(running)))
        client.close()
        self.assertEqual(gord.stop(), 0)
        print(f"settled {settled:.2f} s after the start of the new daemon")

    def test_log_tells_the_queue_of_a_job_that_was_found(self):
        gord = e2e.Gord("--log-format", "json")
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        client.call("Queues", "SetQueue", name="night", slots=3)
        jobs = {client.exec("sleep", "1000", queue=queue, priority=5): queue or "default"
                for queue in ("night", "")}
        for job in jobs:
            client.wait_process(job)
        gord.kill()
        client.close()
        gord.start()
        found = [json.loads(line) for line in gord.stderr().splitlines() if "when the daemon started" in line]
        self.assertEqual({record["job"]: record["queue"] for record in found}, jobs)
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
