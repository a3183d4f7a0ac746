# SPDX-License-Identifier: MIT
"""Whether the kernel has made a core file of a job: told by its end, and kept with it."""

import os
import resource
import tempfile
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from import_e2e import ImportTest


def dumps():
    """Whether the kernel makes core files here at all."""
    with tempfile.TemporaryDirectory(prefix="gor-e2e-") as folder:
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(folder)
                most = resource.getrlimit(resource.RLIMIT_CORE)[1]
                resource.setrlimit(resource.RLIMIT_CORE, (most, most))
                os.abort()
            finally:
                os._exit(1)
        return os.WCOREDUMP(os.waitpid(pid, 0)[1])


class Core(ImportTest):
    @classmethod
    def setUpClass(cls):
        if not dumps():
            raise unittest.SkipTest("the kernel makes no core files here")
        super().setUpClass()

    def crash(self, *options, script="kill -SEGV $$"):
        return self.submit("-C", self.gord.folder, "--limit", "core=unlimited", *options, "--",
                           "sh", "-c", script)

    def test_its_end_tells_it(self):
        job_id = self.crash()
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal), (e2e.SIGNALED, 11))
        self.assertTrue(job.core_dumped)
        self.assertTrue(self.client.events(job_id)[-1].core_dumped)
        shown = self.ok("show", str(job_id)).text
        self.assertIn("signal 11 (SEGV), core dumped", shown)
        self.assertIn("signal 11 (SEGV), core dumped", self.ok("history").text)
        told = self.ok("show", "--json", str(job_id)).json
        self.assertIs(told["job"]["core_dumped"], True)
        self.assertIs(told["events"][-1]["core_dumped"], True)

    def test_without_one_it_says_so(self):
        job_id = self.submit("--limit", "core=0", "--", "sh", "-c", "kill -SEGV $$")
        job = self.client.wait(job_id)
        self.assertEqual((job.signal, job.core_dumped), (11, False))
        self.assertNotIn("core dumped", self.ok("show", str(job_id)).text)

    def test_whatever_else_there_is_to_say(self):
        job_id = self.crash("--timeout", "200ms", "--signal", "QUIT@60s", script="exec sleep 1000")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.signal, job.core_dumped), (e2e.TIMED_OUT, 3, True))
        self.assertIn("timed out, core dumped", self.ok("show", str(job_id)).text)

    def test_each_attempt_has_its_own(self):
        job_id = self.crash("--retries", "1", "--backoff", "1ms", script="test -e ran && exit 3; "
                            ">ran; kill -ABRT $$")
        job = self.client.wait(job_id)
        self.assertEqual((job.exit_code, job.core_dumped), (3, False))
        first, second = self.client.get(job_id, with_attempts=True).attempts
        self.assertTrue(first.core_dumped)
        self.assertFalse(second.core_dumped)
        self.assertIn("signal 6, core dumped; retry 1 of 1",
                      " ".join(e.reason for e in self.client.events(job_id)))
        rows = self.ok("history", "--attempts", str(job_id)).text
        self.assertEqual(rows.count("(ABRT), core dumped"), 1, rows)

    def test_it_is_kept_and_goes_along(self):
        job_id = self.crash()
        self.client.wait(job_id)
        cls = type(self)
        self.client.close()
        self.assertEqual(self.gord.stop(), 0)
        self.gord.start()
        cls.client = self.gord.client()
        job = self.client.get(job_id)
        self.assertEqual((job.signal, job.core_dumped), (11, True))
        self.assertTrue(self.client.events(job_id)[-1].core_dumped)
        lines = [line for line in self.ok("export").lines
                 if line.get("job", {}).get("id") in (None, job_id)]
        gord, client = self.other()
        self.into(gord, self.file(lines))
        got = client.get(job_id)
        self.assertEqual((got.signal, got.core_dumped), (11, True))
        self.assertTrue(client.events(job_id)[-1].core_dumped)


if __name__ == "__main__":
    unittest.main()
