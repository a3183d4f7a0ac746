# SPDX-License-Identifier: MIT
"""terminate and rerun."""

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import CANCELLED, FAILED, grpc

DONE, UNCHANGED, REFUSED, UNKNOWN = 1, 2, 3, 4
STUBBORN = ("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")


class Force(e2e.GordTest):
    def act(self, method, *ids, **fields):
        return self.client.jobs(method, ids=ids, **fields).results

    def stubborn(self, **fields):
        job = self.client.exec(*STUBBORN, grace_ns=1000 * e2e.SECOND, **fields)
        next(self.client.jobs("Logs", id=job, follow=True))
        return job

    def test_process_that_ignores_term_is_killed_at_once(self):
        job = self.stubborn()
        self.assertEqual(self.act("Terminate", job, cause="no patience")[0].status, DONE)
        ended = self.client.wait(job)
        self.assertEqual((ended.outcome, ended.signal), (CANCELLED, 9))
        self.assertIn("no patience", ended.detail)
        self.assertEqual(self.act("Terminate", job)[0].status, REFUSED)

    def test_force_overtakes_a_grace(self):
        job = self.stubborn()
        self.client.jobs("Cancel", ids=[job], cause="please")
        self.assertEqual(self.act("Terminate", job)[0].status, DONE)
        self.assertEqual(self.client.wait(job).outcome, CANCELLED)

    def test_the_tree_below_is_forced_too(self):
        top = self.client.native("builtin.sleep", "1000s")
        self.client.wait_state(top, e2e.RUNNING)
        below = self.stubborn(parent_id=top)
        queued = self.client.exec("true", held=True, parent_id=below)
        self.act("Terminate", top)
        for job in self.client.wait(top, below, queued):
            self.assertEqual(job.outcome, CANCELLED)
        # Its context may end before it is told why.
        self.assertRegex(self.client.get(below).detail,
                         f"its parent job {top} was (cancelled: )?terminated")

    def test_queued_job_never_runs(self):
        job = self.client.exec("true", held=True)
        self.act("Terminate", job)
        self.assertEqual(self.client.wait(job).outcome, CANCELLED)
        self.assertEqual(self.act("Terminate", 10**9)[0].status, UNKNOWN)

    def test_rerun_is_a_new_job_with_the_same_to_do(self):
        first = self.client.exec("sh", "-c", "echo $X; exit 3", env={"X": "hidden", "PATH": "/bin"},
                                 name="again", labels={"a": "b"}, delay_ns=1)
        self.assertEqual(self.client.wait(first).outcome, FAILED)
        result = self.act("Rerun", first)[0]
        self.assertEqual(result.status, DONE)
        self.assertGreater(result.new_id, first)
        ended = self.client.wait(result.new_id)
        self.assertEqual((ended.outcome, ended.exit_code), (FAILED, 3))
        self.assertEqual(ended.spec.name, "again")
        self.assertEqual(dict(ended.spec.labels), {"a": "b"})
        self.assertEqual(ended.spec.rerun_of, first)
        self.assertEqual(self.client.logs(result.new_id), b"hidden\n")
        self.assertEqual(self.act("Rerun", 10**9)[0].status, UNKNOWN)
        self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.exec, "true", rerun_of=1,
                          text="spec.rerun_of")
        self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.jobs, "Rerun", all=True)

    def test_gorctl(self):
        run = lambda *args: ctl.run(*args, host=self.gord.target)
        job = str(self.stubborn())
        self.assertEqual(run("terminate", job).code, 0)
        self.assertEqual(run("wait", job).code, ctl.CANCELLED)
        good = run("submit", "true").text.strip()
        run("wait", good)
        again = run("rerun", good)
        self.assertRegex(again.text, f"^{good}  run again: as job [0-9]+$")
        self.assertIn(f"Rerun of    {good}", run("show", again.text.split()[-1]).text)
        self.assertEqual(run("rerun", "999999999").code, ctl.NOT_FOUND)
        self.assertEqual(run("rerun").code, ctl.USAGE)
        self.assertEqual(run("rerun", "--all").code, ctl.USAGE)


if __name__ == "__main__":
    e2e.main()
