# SPDX-License-Identifier: MIT
"""A program has ended, and what it left behind holds its output: a daemon that goes does not wait for that."""

import signal

import gor_e2e as e2e
from exec_use_test import lives
from upgrade_test import AcrossDaemons, UpgradedGord


class Lingering(AcrossDaemons):
    def setUp(self):
        self.gord, self.client = e2e.begin_gord(self, "--stop-timeout", "12s", kind=UpgradedGord)
        self.job = self.client.exec("sh", "-c", "sleep 1000 & echo $!", grace_ns=1000 * e2e.SECOND)
        output = self.client.jobs("Logs", id=self.job, follow=True)
        self.left = int(next(output).data)
        output.cancel()
        e2e.until(self.lingers)

    def lingers(self):
        """Is nothing waited for any more but the end of its output?"""
        return any(goroutine.name == f"job {self.job}"
                   and goroutine.wait_reason == "sync.WaitGroup.Wait"
                   for reply in self.client.runtime("Goroutines")
                   for goroutine in reply.goroutines)

    def assertEnded(self):
        """As it had by itself, with all that it left behind."""
        self.again()
        ended = self.client.wait(self.job)
        self.assertEqual(ended.outcome, e2e.SUCCEEDED, ended.detail)
        e2e.until(lambda: not lives(self.left))
        self.assertIn(b"hold its output", self.client.logs(self.job, stream=3))

    def test_one_that_is_asked_to_stop_again(self):
        self.gord.process.send_signal(signal.SIGTERM)
        e2e.until(lambda: "stopping on SIGTERM" in self.gord.stderr())
        self.assertEqual(self.gord.stop(), 0, self.gord.stderr())
        self.gord.start()
        self.assertEnded()

    def test_one_that_becomes_another(self):
        self.gord.upgrade()
        self.assertEnded()


if __name__ == "__main__":
    e2e.main()
