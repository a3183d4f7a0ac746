# SPDX-License-Identifier: MIT
"""Dependencies: jobs that run after others, and what becomes of them when those end otherwise."""

import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CREATED, DEPENDENCY_FAILED, SUCCEEDED, grpc

OK, ANY, NOTOK, START = range(4)


def after(client, *clauses):
    """Clauses of (condition, id) each: all clauses must hold, of each clause one."""
    return [client.message("AnyOf", of=[client.message("Dependency", condition=c, id=i)
                                        for c, i in clause]) for clause in clauses]


class After(e2e.GordTest):
    def job(self, *clauses, **fields):
        return self.client.exec("true", after=after(self.client, *clauses), **fields)

    def held(self, code=0):
        return self.client.exec("sh", "-c", f"exit {code}", held=True)

    def release(self, *ids):
        self.client.jobs("Release", ids=ids)

    def outcomes(self, *ids):
        return [self.client.wait(i).outcome for i in ids]

    def test_each_condition_with_each_end(self):
        good, bad = self.held(0), self.held(3)
        table = {(good, OK): SUCCEEDED, (bad, OK): DEPENDENCY_FAILED,
                 (good, NOTOK): DEPENDENCY_FAILED, (bad, NOTOK): SUCCEEDED,
                 (good, ANY): SUCCEEDED, (bad, ANY): SUCCEEDED,
                 (good, START): SUCCEEDED, (bad, START): SUCCEEDED}
        early = {self.job([(c, i)]): outcome for (i, c), outcome in table.items()}
        for job in early:
            shown = self.client.get(job)
            self.assertEqual(shown.state, CREATED)
            self.assertIn("waits for job", shown.reason)
        self.release(good, bad)
        self.assertEqual(self.outcomes(*early), list(early.values()))
        # The same of jobs that have ended already, which the store knows.
        self.client.wait(good, bad)
        late = {self.job([(c, i)]): outcome for (i, c), outcome in table.items()}
        self.assertEqual(self.outcomes(*late), list(late.values()))

    def test_never_started_is_no_start(self):
        first = self.held()
        job = self.job([(START, first)])
        self.client.jobs("Cancel", ids=[first])
        ended = self.client.wait(job)
        self.assertEqual(ended.outcome, DEPENDENCY_FAILED)
        self.assertIn(f"it waited for job {first} to start, which was cancelled", ended.detail)

    def test_start_does_not_wait_for_the_end(self):
        long = self.client.native("builtin.sleep", "1000s", held=True)
        job = self.job([(START, long)])
        self.release(long)
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)
        self.client.jobs("Cancel", ids=[long])

    def test_and_or(self):
        a, b, c = self.held(0), self.held(1), self.held(0)
        either = self.job([(OK, a), (OK, b)])
        both = self.job([(OK, a)], [(OK, c)])
        neither = self.job([(NOTOK, a), (OK, b)])
        mixed = self.job([(OK, b), (ANY, b)], [(OK, a)])
        self.release(a)
        self.assertEqual(self.client.wait(either).outcome, SUCCEEDED)
        self.assertEqual(self.client.get(both).state, CREATED)
        self.assertEqual(self.client.get(neither).state, CREATED)
        self.release(b, c)
        self.assertEqual(self.outcomes(both, neither, mixed),
                         [SUCCEEDED, DEPENDENCY_FAILED, SUCCEEDED])

    def test_failure_runs_down_a_chain_and_each_end_is_seen_once(self):
        first = self.held(1)
        chain = [first]
        for _ in range(50):
            chain.append(self.job([(OK, chain[-1])]))
        self.release(first)
        self.client.wait(*chain)
        for job in chain[1:]:
            events = self.client.events(job)
            self.assertEqual([e.outcome for e in events if e.state == e2e.TERMINATED],
                             [DEPENDENCY_FAILED])

    def test_held_and_dependent(self):
        first = self.held()
        job = self.job([(OK, first)], held=True)
        self.release(first)
        self.client.wait(first)
        self.assertEqual(self.client.get(job).state, CREATED)
        self.release(job)
        self.assertEqual(self.client.wait(job).outcome, SUCCEEDED)

    def test_many_wait_for_one_and_one_for_many(self):
        first = self.held()
        many = [self.job([(OK, first)]) for _ in range(300)]
        last = self.job(*[[(OK, i)] for i in many])
        self.release(first)
        self.assertEqual(self.client.wait(last).outcome, SUCCEEDED)

    def test_lines_of_one_request(self):
        line = lambda n: [self.client.message("AnyOf", of=[
            self.client.message("Dependency", line=n)])]
        specs = [self.client.exec_spec("true"), self.client.exec_spec("true", after=line(1)),
                 self.client.exec_spec("true", after=line(2))]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        jobs = self.client.wait(first, first + 1, first + 2)
        self.assertEqual([j.outcome for j in jobs], [SUCCEEDED] * 3)
        self.assertEqual(jobs[2].spec.after[0].of[0].id, first + 1)
        self.assertLessEqual(jobs[1].finished_ns, jobs[2].started_ns)
        for n in (2, 3, 4_000_000_000):
            bad = [self.client.exec_spec("true"), self.client.exec_spec("true", after=line(n))]
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "SubmitMany",
                              specs=bad, text="does not stand before")

    def test_bad_dependencies_are_refused(self):
        bad = grpc.StatusCode.INVALID_ARGUMENT
        newest = self.client.exec("true")
        # The id it is about to get: a job cannot depend on itself.
        self.assertStatus(grpc.StatusCode.NOT_FOUND, self.job, [(OK, newest + 1)],
                          text="there is no job")
        self.assertStatus(bad, self.job, [], text="names no job")
        self.assertStatus(bad, self.job, [(OK, 0)], text="either id or line")
        self.assertStatus(bad, self.job, [(9, newest)], text="condition 9")
        self.assertStatus(bad, self.job, *[[(OK, newest)]] * 1001, text="at most 1000")
        parent = self.held()
        self.assertStatus(bad, self.job, [(OK, parent)], parent_id=parent, text="after its parent")
        self.client.jobs("Cancel", ids=[parent])

    def gorctl(self, *args, **more):
        return ctl.run(*args, host=self.gord.target, **more)

    def test_gorctl_after(self):
        bad = self.held(5)
        self.assertIn(f"job {bad} to fail", self.gorctl(
            "show", self.gorctl("submit", f"--after=notok:{bad}", "true").text.strip()).text)
        waiting = self.gorctl("submit", "--after", f"{bad},any:{bad}?start:{bad}", "true")
        self.assertIn(f"ok:{bad},any:{bad}?start:{bad}",
                      self.gorctl("show", waiting.text.strip()).text)
        self.release(bad)
        self.assertEqual(self.gorctl("wait", waiting.text.strip()).code, 83)
        for text in ("x", "ok:", "7,", "maybe:7", "7??8", "-1", "@1", "", "99999999999999999999"):
            self.assertEqual(self.gorctl("submit", "--after", text, "true").code, ctl.USAGE, text)
        self.assertEqual(self.gorctl("submit", "--after", "99999999", "true").code, ctl.NOT_FOUND)

    def test_gorctl_batch_names_earlier_lines(self):
        lines = (b'{"native": "builtin.echo"}\n\n{"native": "builtin.echo", "after": "@1"}\n'
                 b'{"native": "builtin.fail", "args": ["1"], "after": "any:@1,@2"}\n'
                 b'{"native": "builtin.echo", "after": "@3"}\n')
        ids = [int(i) for i in self.gorctl("submit", "--from", "-", stdin=lines).text.split()]
        self.assertEqual(self.outcomes(*ids),
                         [SUCCEEDED, SUCCEEDED, e2e.FAILED, DEPENDENCY_FAILED])
        for line in (b'{"native": "builtin.echo", "after": "@1"}',
                     b'{"native": "builtin.echo", "after": 7}'):
            self.assertEqual(self.gorctl("submit", "--from", "-", stdin=line).code, ctl.USAGE)


class Recovery(unittest.TestCase):
    def test_dependencies_outlive_a_kill(self):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        gord.start()
        client = gord.client()
        done, running = client.exec("true"), client.native("builtin.sleep", "1000s")
        held = client.exec("true", held=True)
        client.wait(done)
        client.wait_state(running, e2e.RUNNING)
        spec = lambda *clauses: client.exec("true", after=after(client, *clauses))
        half = spec([(OK, done)], [(OK, held)])
        lost = spec([(OK, running)])
        any_way = spec([(ANY, running)])
        started = spec([(START, held)])
        chain = spec([(OK, half)])
        gord.kill()
        client.close()
        gord.start()
        client = gord.client()
        self.assertEqual(client.wait(lost).outcome, DEPENDENCY_FAILED)
        self.assertIn("was lost", client.get(lost).detail)
        self.assertEqual(client.wait(any_way).outcome, SUCCEEDED)
        self.assertEqual(client.get(half).state, CREATED)
        client.jobs("Release", ids=[held])
        self.assertEqual([client.wait(i).outcome for i in (half, started, chain)], [SUCCEEDED] * 3)
        # T13: what ended never runs again, and those that waited saw it once.
        client.close()
        gord.kill()
        gord.start()
        client = gord.client()
        for job in (done, half, chain, lost, any_way):
            ends = [e for e in client.events(job) if e.state == e2e.TERMINATED]
            self.assertEqual(len(ends), 1)
        client.close()
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
