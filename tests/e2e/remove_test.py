# SPDX-License-Identifier: MIT
"""gorctl rm: jobs that have ended go with all that is kept of them; others are refused and say why."""

import glob
import os
import sqlite3

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import SUCCEEDED, grpc

DONE, REFUSED, UNKNOWN = 1, 3, 4


class Remove(e2e.GordTest):
    def remove(self, *ids, **fields):
        return {r.id: (r.status, r.message)
                for r in self.client.jobs("Remove", ids=ids, **fields).results}

    def gorctl(self, *args):
        return ctl.run(*args, host=self.gord.target)

    def rows(self, job):
        with sqlite3.connect(os.path.join(self.gord.state, "gord.db")) as db:
            return [table for table in ("jobs", "live", "ended", "labels", "reports", "standing")
                    if db.execute(f"SELECT 1 FROM {table} WHERE id = ?", (job,)).fetchone()]

    def test_nothing_is_left_of_a_job(self):
        job = self.client.exec("sh", "-c", "echo out; echo 'result bytes' >&$GOR_RESULT_FD",
                               labels={"team": "x"})
        self.client.wait(job)
        self.assertIn("labels", self.rows(job))
        self.assertIn("reports", self.rows(job))
        self.assertEqual(self.remove(job), {job: (DONE, "")})
        self.assertEqual(self.rows(job), [])
        self.assertEqual(glob.glob(f"{self.gord.state}/logs/*/{job}.*"), [])
        for method in ("Get", "Logs"):
            self.assertStatus(grpc.StatusCode.NOT_FOUND,
                              lambda m=method: list(self.client.jobs(m, id=job))
                              if m == "Logs" else self.client.jobs(m, id=job))
        self.assertEqual(self.remove(job), {job: (UNKNOWN, "")})

    def test_counters_follow(self):
        before = self.client.jobs("Count").total
        jobs = [self.client.exec("true") for _ in range(3)]
        self.client.wait(*jobs)
        self.assertEqual(self.client.jobs("Count").total, before + 3)
        self.remove(*jobs)
        self.assertEqual(self.client.jobs("Count").total, before)

    def test_live_and_awaited_jobs_are_refused(self):
        lives = self.client.native("builtin.sleep", "1000s")
        first = self.client.exec("true")
        self.client.wait(first)
        clause = self.client.message("AnyOf", of=[self.client.message("Dependency", id=first)])
        behind = self.client.exec("true", held=True, after=[clause])
        became = self.remove(lives, first, behind)
        self.assertEqual(became[lives], (REFUSED, "it has not ended: cancel it first"))
        self.assertEqual(became[first][0], REFUSED)
        self.assertIn(f"job {behind} is to run after it", became[first][1])
        self.assertEqual(became[behind][0], REFUSED)
        self.client.jobs("Cancel", ids=[lives, behind])
        self.client.wait(lives, behind)
        self.assertEqual({s for s, _ in self.remove(lives, first, behind).values()}, {DONE})

    def test_selector_leaves_live_jobs_out(self):
        lives = self.client.native("builtin.sleep", "1000s", labels={"sort": "me"})
        ended = [self.client.exec("true", labels={"sort": "me"}) for _ in range(3)]
        self.client.wait(*ended)
        label = self.client.message("LabelMatch", key="sort", value="me")
        selector = self.client.message("Selector", labels=[label])
        self.assertEqual(self.remove(selector=selector), {job: (DONE, "") for job in ended})
        self.client.jobs("Cancel", ids=[lives])

    def test_many_go_in_portions(self):
        specs = [self.client.native_spec("builtin.echo", name="portion") for _ in range(1700)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        ids = list(range(first, first + 1700))
        self.client.wait(*ids)
        self.assertEqual(self.remove(*ids), {job: (DONE, "") for job in ids})

    def test_a_watch_misses_nothing_of_others(self):
        job, other = self.client.exec("true"), self.client.exec("true")
        self.client.wait(job, other)
        self.remove(job)
        seen = [e.seq for e in self.client.jobs("Watch", ids=[other], until_terminated=True)]
        self.assertEqual(seen, [e.seq for e in self.client.events(other)])

    def test_bad_requests_are_refused(self):
        for fields in ({}, {"all": True}, {"cause": "x" * 5000, "ids": [1]}):
            self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "Remove", **fields)

    def test_gorctl(self):
        job = self.gorctl("submit", "true").text.strip()
        self.gorctl("wait", job)
        done = self.gorctl("rm", job)
        self.assertEqual((done.code, done.text), (0, f"{job}  removed\n"))
        self.assertEqual(self.gorctl("rm", job).code, ctl.NOT_FOUND)
        self.assertEqual(self.gorctl("rm").code, ctl.USAGE)
        self.assertEqual(self.gorctl("rm", "--all").code, ctl.USAGE)
        self.assertEqual(self.gorctl("rm", "-l", "no=such").code, ctl.NOTHING)
        held = self.gorctl("submit", "--hold", "-l", "keep=1", "true").text.strip()
        refused = self.gorctl("rm", held)
        self.assertEqual(refused.code, ctl.USAGE)
        self.assertIn("it has not ended: cancel it first", refused.err.decode())
        self.assertEqual(self.gorctl("rm", "-l", "keep=1").code, ctl.NOTHING)
        self.gorctl("cancel", held)

    def test_gorctl_asks_before_it_removes_many(self):
        specs = [self.client.native_spec("builtin.echo", labels={"many": "1"}) for _ in range(101)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        self.client.wait(*range(first, first + 101))
        refused = self.gorctl("rm", "-l", "many=1")
        self.assertEqual(refused.code, ctl.USAGE)
        self.assertIn("that would remove 101 jobs", refused.err.decode())
        self.assertEqual(self.gorctl("rm", "-l", "many=1", "--yes").code, 0)
        self.assertStatus(grpc.StatusCode.NOT_FOUND, self.client.get, first)


class Restart(e2e.KillTest):
    def test_removed_jobs_stay_removed_and_ids_go_on(self):
        jobs = [self.client.exec("true") for _ in range(5)]
        self.client.wait(*jobs)
        self.client.jobs("Remove", ids=jobs[1:])
        self.restart()
        self.assertEqual(self.client.get(jobs[0]).outcome, SUCCEEDED)
        for job in jobs[1:]:
            with self.assertRaises(grpc.RpcError):
                self.client.get(job)
        self.assertEqual(self.client.exec("true"), jobs[-1] + 1)


if __name__ == "__main__":
    e2e.main()
