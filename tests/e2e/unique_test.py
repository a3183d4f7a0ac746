# SPDX-License-Identifier: MIT
"""Unique keys: of live jobs with one key, what becomes of the second (T10)."""

import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, CREATED, LOST, SUCCEEDED, grpc

SKIP, REPLACE, QUEUE, FAIL = range(4)


class Unique(e2e.GordTest):
    def submit(self, key, policy=SKIP, *args, **fields):
        spec = self.client.native_spec("builtin.sleep", *(args or ("1000s",)), unique_key=key,
                                       on_conflict=policy, **fields)
        return self.client.jobs("Submit", spec=spec)

    def cancel(self, *ids):
        self.client.jobs("Cancel", ids=ids)
        self.client.wait(*ids)

    def test_skip_answers_the_one_that_is_there(self):
        first = self.submit("a")
        self.assertFalse(first.existing)
        second = self.submit("a")
        self.assertEqual((second.id, second.existing), (first.id, True))
        self.cancel(first.id)
        self.assertNotEqual(self.submit("a", SKIP, "0s").id, first.id)

    def test_fail_is_already_exists(self):
        first = self.submit("b").id
        self.assertStatus(grpc.StatusCode.ALREADY_EXISTS, self.submit, "b", FAIL,
                          text=f"job {first} has it")
        self.cancel(first)

    def test_queue_runs_one_after_the_other(self):
        first = self.submit("c").id
        rest = [self.submit("c", QUEUE, "1ms").id for _ in range(5)]
        self.assertEqual(self.client.get(rest[0]).state, CREATED)
        self.assertIn(f"job {first} to end", self.client.get(rest[4]).reason)
        self.cancel(first)
        jobs = self.client.wait(*rest)
        self.assertEqual([j.outcome for j in jobs], [SUCCEEDED] * 5)
        for former, later in zip(jobs, jobs[1:]):
            self.assertLessEqual(former.finished_ns, later.started_ns)

    def test_replace_cancels_and_follows(self):
        first = self.submit("d").id
        waiting = self.submit("d", QUEUE).id
        self.client.wait_state(first, e2e.RUNNING)
        last = self.submit("d", REPLACE, "1ms").id
        self.assertEqual(self.client.wait(last).outcome, SUCCEEDED)
        for job in (first, waiting):
            ended = self.client.get(job)
            self.assertEqual(ended.outcome, CANCELLED)
            self.assertIn(f"replaced by job {last}", ended.detail)

    def test_many_and_stream(self):
        specs = [self.client.native_spec("builtin.echo", unique_key="e", on_conflict=QUEUE)
                 for _ in range(3)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        jobs = self.client.wait(first, first + 1, first + 2)
        self.assertEqual([j.outcome for j in jobs], [SUCCEEDED] * 3)
        specs[2].on_conflict = SKIP
        self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "SubmitMany",
                          specs=specs, text="none can be skipped")
        sleep = self.client.native_spec("builtin.sleep", "1000s", unique_key="f")
        fail = self.client.native_spec("builtin.sleep", "1000s", unique_key="f", on_conflict=FAIL)
        results = list(self.client.jobs("SubmitStream", iter(
            self.client.message("SubmitRequest", spec=s) for s in (sleep, sleep, fail))))
        self.assertEqual(results[0].id, results[1].id)
        self.assertEqual(results[2].code, grpc.StatusCode.ALREADY_EXISTS.value[0])
        self.cancel(results[0].id)

    def test_many_follow_each_other_past_the_hook_of_one_replaced(self):
        old = self.client.native("builtin.echo", unique_key="h", held=True, on_finish=[b"true"])
        lines = [self.client.message("AnyOf", of=[
            self.client.message("Dependency", line=2, condition=c)]) for c in (0, 4)]
        array = self.client.message("Array", indices=[
            self.client.message("Array.Range", first=0, last=2)])
        echo = self.client.native_spec
        first = self.client.jobs("SubmitMany", specs=[
            echo("builtin.echo", unique_key="h", on_conflict=REPLACE),
            echo("builtin.echo", array=array),
            echo("builtin.echo", after=lines[:1]),
            echo("builtin.echo", array=array, after=lines[1:])]).first_id
        jobs = self.client.wait(*range(first, first + 4))
        self.assertEqual([j.outcome for j in jobs], [SUCCEEDED] * 4)
        self.assertEqual(jobs[2].spec.after[0].of[0].id, first + 1)
        for group in (first + 1, first + 3):
            tasks = list(self.client.jobs("Tree", id=group).jobs)[1:]
            self.assertEqual([t.spec.task.array_id for t in tasks], [group] * 3)
        hooks = [j for j in self.client.jobs("List").jobs if j.spec.hook_of.job_id == old]
        self.assertEqual([self.client.wait(h.id).outcome for h in hooks], [SUCCEEDED])

    def test_array_replaced_in_its_own_request_goes_with_its_tasks(self):
        array = self.client.message("Array", indices=[
            self.client.message("Array.Range", first=0, last=2)])
        after = [self.client.message("AnyOf", of=[
            self.client.message("Dependency", line=1, condition=4)])]
        echo = self.client.native_spec
        first = self.client.jobs("SubmitMany", specs=[
            echo("builtin.echo", unique_key="i", on_conflict=REPLACE, array=array),
            echo("builtin.echo", unique_key="i", on_conflict=REPLACE),
            echo("builtin.echo", array=array, after=after)]).first_id
        jobs = self.client.wait(*range(first, first + 9))
        self.assertEqual([j.outcome for j in jobs[:3]],
                         [CANCELLED, SUCCEEDED, e2e.DEPENDENCY_FAILED])
        self.assertEqual([j.outcome for j in jobs[3:]],
                         [CANCELLED] * 3 + [e2e.DEPENDENCY_FAILED] * 3)
        self.assertIn(f"replaced by job {first + 1}", jobs[3].detail)

    def test_bad_keys_are_refused(self):
        bad = grpc.StatusCode.INVALID_ARGUMENT
        self.assertStatus(bad, self.submit, "x" * 201, text="spec.unique_key")
        self.assertStatus(bad, self.submit, "x", 4, text="spec.on_conflict")
        self.assertStatus(bad, self.submit, "", FAIL, text="is empty")

    def test_gorctl(self):
        run = lambda *args: ctl.run(*args, host=self.gord.target)
        job = run("submit", "--unique", "g", "--hold", "true").text
        again = run("submit", "--unique", "g", "true")
        self.assertEqual(again.text, job)
        self.assertIn(b"no new one was made", again.err)
        self.assertEqual(run("submit", "--unique", "g", "--on-conflict", "fail", "true").code,
                         ctl.REFUSED)
        self.assertEqual(run("run", "--unique", "g", "--on-conflict", "replace", "true").code, 0)
        for args in (("--unique", ""), ("--on-conflict", "skip"),
                     ("--unique", "g", "--on-conflict", "maybe")):
            self.assertEqual(run("submit", *args, "true").code, ctl.USAGE, args)


class Recovery(unittest.TestCase):
    def test_key_is_free_once_its_job_is_settled(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        running = client.native("builtin.sleep", "1000s", unique_key="k")
        client.wait_state(running, e2e.RUNNING)
        held = client.exec("true", held=True, unique_key="h")
        behind = client.exec("true", unique_key="k", on_conflict=QUEUE)
        gord.kill()
        client.close()
        gord.start()
        client = gord.client()
        fresh = client.exec("true", unique_key="k", on_conflict=QUEUE)
        self.assertEqual([j.outcome for j in client.wait(running, behind, fresh)],
                         [LOST, SUCCEEDED, SUCCEEDED])
        self.assertEqual(client.exec("true", unique_key="h"), held)
        client.close()
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
