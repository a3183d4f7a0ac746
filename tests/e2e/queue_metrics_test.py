# SPDX-License-Identifier: MIT
"""Metrics of each queue: how many jobs, how many slots, how long they wait and run."""

import time

import gor_e2e as e2e
import prometheus

SHOWN = 100


class QueueMetrics(e2e.GordTest):
    options = ("--metrics-listen", "127.0.0.1:0")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = prometheus.port_of(cls.gord)

    def queue(self, name, slots=0):
        self.client.call("Queues", "SetQueue", name=name, slots=slots)
        self.addCleanup(self.remove, name)

    def remove(self, name):
        if name in prometheus.scrape(self.port).values_of("queue", "gord_queue_jobs"):
            self.client.call("Queues", "RemoveQueue", name=name)

    def until(self, holds):
        return prometheus.scrape_until(self.port, holds)

    def test_jobs_slots_and_latencies(self):
        self.queue("one", 1)
        began = time.time()
        first = self.client.native("builtin.sleep", "1h", queue="one")
        self.client.wait_state(first, e2e.RUNNING, e2e.WAITING)
        second = self.client.native("builtin.echo", queue="one")
        metrics = self.until(lambda m: m.get("gord_queue_jobs", queue="one", state="queued") == 1)
        prometheus.check_form(self, metrics)
        self.assertEqual(metrics("gord_queue_jobs", queue="one", state="running"), 1)
        self.assertEqual(metrics("gord_queue_jobs", queue="default", state="queued"), 0)
        self.assertEqual(metrics("gord_queue_slots", queue="one"), 1)
        self.assertIsNone(metrics.get("gord_queue_slots", queue="default"))
        self.assertEqual(metrics("gord_queue_wait_seconds_count", queue="one"), 1)
        self.assertEqual(metrics("gord_queue_run_seconds_count", queue="one"), 0)
        since = metrics("gord_queue_wait_seconds_created", queue="one")
        self.assertTrue(began - 1 < since < time.time() + 1, since)

        self.client.jobs("Cancel", ids=[first])
        jobs = self.client.wait(first, second)
        metrics = self.until(lambda m: m("gord_queue_run_seconds_count", queue="one") == 2)
        prometheus.check_form(self, metrics)
        self.assertEqual(metrics("gord_queue_jobs", queue="one", state="running"), 0)
        ran = sum(job.finished_ns - job.started_ns for job in jobs) / e2e.SECOND
        self.assertAlmostEqual(metrics("gord_queue_run_seconds_sum", queue="one"), ran, places=6)
        waited = 0
        for job_id in (first, second):
            kinds = {event.kind: event.at_ns for event in reversed(self.client.events(job_id))}
            waited += kinds[3] - kinds[2]  # from queued to started
        self.assertAlmostEqual(metrics("gord_queue_wait_seconds_sum", queue="one"),
                               waited / e2e.SECOND, places=6)
        self.assertEqual(metrics("gord_queue_wait_seconds_bucket", queue="one", le="86400"), 2)

    def test_series_go_with_the_queue(self):
        self.queue("brief", 2)
        self.client.wait(self.client.native("builtin.echo", queue="brief"))
        self.until(lambda m: m.get("gord_queue_run_seconds_count", queue="brief") == 1)
        self.client.call("Queues", "RemoveQueue", name="brief")
        metrics = self.until(
            lambda m: "brief" not in m.values_of("queue", "gord_queue_jobs"))
        self.assertNotIn('"brief"', metrics.text)
        prometheus.check_form(self, metrics)

    def test_only_so_many_are_shown(self):
        for i in range(SHOWN + 1):
            self.queue(f"many{i}", 3)
        self.client.wait(*(self.client.native("builtin.echo", queue=f"many{i}")
                           for i in (0, SHOWN - 1, SHOWN)))
        metrics = self.until(
            lambda m: m.get("gord_queue_run_seconds_count", queue="_other") == 2)
        prometheus.check_form(self, metrics)
        names = metrics.values_of("queue", "gord_queue_jobs")
        self.assertEqual(len(names), SHOWN + 1)
        self.assertIn("default", names)
        self.assertEqual(metrics("gord_queue_slots", queue="_other"), 6)
        self.assertEqual(metrics("gord_queue_run_seconds_count", queue="many0"), 1)

        self.client.call("Queues", "RemoveQueue", name="many0")
        metrics = self.until(lambda m: m("gord_queue_slots", queue="_other") == 3)
        self.assertEqual(len(metrics.values_of("queue", "gord_queue_jobs")), SHOWN + 1)
        self.assertEqual(metrics("gord_queue_run_seconds_count", queue="_other"), 2)


if __name__ == "__main__":
    prometheus.skip_without()
    e2e.main()
