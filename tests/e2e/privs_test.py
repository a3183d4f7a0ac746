# SPDX-License-Identifier: MIT
"""Whether programs may gain rights that they do not have: the job's word, and the daemon's."""

import os
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl

LOOK = ("--", "grep", "NoNewPrivs", "/proc/self/status")
WITH, WITHOUT = "NoNewPrivs:\t0\n", "NoNewPrivs:\t1\n"


def ours():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(line for line in file if line.startswith("NoNewPrivs"))


class Privs(ctl.GorctlTest):
    @classmethod
    def setUpClass(cls):
        """Each test has a daemon of its own."""

    @classmethod
    def tearDownClass(cls):
        pass

    def begin(self, *options, **more):
        self.gord = e2e.Gord(*options, **more)
        self.addCleanup(self.gord.close)
        self.gord.start()
        self.client = self.gord.client()
        self.addCleanup(self.end)

    def end(self):
        self.client.close()
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())

    def look(self, *options):
        return self.ok("run", *options, *LOOK).text

    def test_a_job_may_forbid_it(self):
        if ours() == WITHOUT:
            self.skipTest("these tests may gain no rights themselves")
        self.begin()
        self.assertEqual(self.look(), WITH)
        self.assertEqual(self.look("--new-privs"), WITH)
        self.assertEqual(self.look("--no-new-privs"), WITHOUT)
        job_id = self.submit("--no-new-privs", "true")
        self.assertIn("New rights  forbidden", self.ok("show", str(job_id)).text)
        self.assertEqual(self.ok("show", "--json", str(job_id)).json["job"]["spec"]["exec"]
                         ["new_privs"], "NEW_PRIVS_FORBID")
        again = self.ok("rerun", "--json", str(job_id)).json["results"][0]["new_id"]
        self.assertEqual(self.client.get(again).spec.exec.new_privs, 2)
        line = b'{"argv": ["grep", "NoNewPrivs", "/proc/self/status"], "new_privs": false}\n'
        job_id = int(self.ok("submit", "--from", "-", stdin=line).out)
        self.client.wait(job_id)
        self.assertEqual(self.client.logs(job_id, 1).decode(), WITHOUT)

    def test_the_daemon_may_let_only_those_that_ask(self):
        if ours() == WITHOUT:
            self.skipTest("these tests may gain no rights themselves")
        self.begin("--new-privs", "ask")
        self.assertEqual(self.look(), WITHOUT)
        self.assertEqual(self.look("--new-privs"), WITH)

    def test_the_daemon_may_let_none(self):
        self.begin("--new-privs=no")
        self.assertEqual(self.look(), WITHOUT)
        self.refused(ctl.USAGE, "gord allows that to no job (--new-privs=no)", "submit",
                     "--new-privs", "true")
        spec = self.client.exec_spec("true")
        spec.exec.new_privs = 1
        self.assertStatus(e2e.grpc.StatusCode.FAILED_PRECONDITION, self.client.submit, spec,
                          text="spec.exec.new_privs")
        spec.exec.new_privs = 3
        self.assertStatus(e2e.grpc.StatusCode.INVALID_ARGUMENT, self.client.submit, spec,
                          text="spec.exec.new_privs 3 is not known")

    def test_one_that_was_let_before_is_not_started(self):
        if ours() == WITHOUT:
            self.skipTest("these tests may gain no rights themselves")
        self.begin("--new-privs", "ask")
        job_id = self.submit("--new-privs", "--hold", "true")
        self.client.close()
        self.assertEqual(self.gord.stop(), 0)
        self.gord.options = ("--new-privs", "no")
        self.gord.start()
        self.client = self.gord.client()
        self.ok("release", str(job_id))
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("not started: no new rights can be had", job.detail)

    def test_a_reload_changes_it(self):
        self.begin()
        path = os.path.join(self.gord.folder, "gord.conf")
        self.assertEqual(self.gord.stop(), 0)
        self.client.close()
        self.gord.options = ("--config", path)
        for which in ("yes", "no"):
            with open(path, "w", encoding="ascii") as file:
                file.write(f"new-privs = {which}\n")
            if which == "yes":
                self.gord.start()
                self.client = self.gord.client()
        self.assertIn("new-privs", self.ok("daemon", "reload").text)
        self.assertEqual(self.look(), WITHOUT)

    def test_what_gord_lacks_no_job_has(self):
        self.begin(wrap=("setpriv", "--no-new-privs"))
        self.assertEqual(self.look(), WITHOUT)
        self.refused(ctl.USAGE, "NoNewPrivileges=no", "submit", "--new-privs", "true")


if __name__ == "__main__":
    unittest.main()
