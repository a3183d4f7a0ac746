#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What gord says to systemd from its start to its end, on a socket that stands in for systemd's; and the
watchdog, whose sign of life means that work goes on."""

import signal
import time
import unittest

import gor_e2e


class Life(unittest.TestCase):
    def setUp(self):
        self.gord = gor_e2e.Gord("--paused", env={"WATCHDOG_USEC": "600000"})
        self.addCleanup(self.gord.close)

    def started(self):
        self.gord.start()
        client = self.gord.client()
        self.addCleanup(client.close)
        return client

    def wait_for(self, prefix):
        line = self.gord.notify.wait_for(prefix, alive=self.gord.alive)
        self.assertIsNotNone(line, prefix)
        return line

    def before_ready(self):
        said = self.gord.notify.said
        return said[:said.index("READY=1")]

    def test_start_asks_for_time_and_says_how_far_it_is(self):
        client = self.started()
        self.assertIn("STATUS=starting: opening the store", self.before_ready())
        specs = [client.native_spec("builtin.echo", "x") for _ in range(3000)]
        client.jobs("SubmitMany", specs=specs)
        self.assertEqual(self.gord.stop(), 0)
        self.gord.start()
        said = self.before_ready()
        counts = [line for line in said if line.endswith(" records read back")]
        self.assertTrue(counts, said)
        extends = [line for line in said if line.startswith("EXTEND_TIMEOUT_USEC=")]
        self.assertGreaterEqual(len(extends), 3, said)
        for line in extends:
            self.assertGreaterEqual(int(line.split("=")[1]), 30_000_000)
        self.assertEqual(self.gord.stop(), 0)

    def test_status_counts_jobs(self):
        client = self.started()
        client.jobs("SubmitMany", specs=[client.native_spec("builtin.echo", "x")] * 12)
        self.wait_for("STATUS=0 running, 12 queued")
        self.assertEqual(self.gord.stop(), 0)

    def test_signs_of_life_come_while_nothing_happens(self):
        self.started()
        for _ in range(3):
            self.gord.notify.said.clear()
            self.wait_for("WATCHDOG=1")
        self.assertEqual(self.gord.stop(), 0)

    def test_no_sign_of_life_without_the_loop(self):
        self.started()
        self.wait_for("WATCHDOG=1")
        self.gord.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.gord.process.send_signal, signal.SIGCONT)
        self.gord.notify.said.clear()
        while self.gord.notify.wait_for("WATCHDOG=1", seconds=1) is not None:
            self.gord.notify.said.clear()  # what was under way
        self.gord.process.send_signal(signal.SIGCONT)
        self.wait_for("WATCHDOG=1")
        self.assertEqual(self.gord.stop(), 0)

    def test_stop_is_told_with_the_time_it_may_take(self):
        client = self.started()
        client.jobs("Resume")
        client.deaf(grace_ns=3 * gor_e2e.SECOND)
        began = time.monotonic()
        self.gord.process.send_signal(signal.SIGTERM)
        self.wait_for("STOPPING=1")
        self.assertGreaterEqual(int(self.wait_for("EXTEND_TIMEOUT_USEC=2").split("=")[1]), 20_000_000)
        self.wait_for("STATUS=stopping: 1 running, 0 queued")
        self.assertLess(time.monotonic() - began, gor_e2e.PATIENCE)
        self.assertEqual(self.gord.stop(signal.SIGTERM), 0)


if __name__ == "__main__":
    gor_e2e.main()
